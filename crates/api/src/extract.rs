//! What a handler is given: the caller, a strict body, a strict query, an id from the path.

use crate::admitted::{Admitted, Context};
use crate::form::Form;
use crate::problem::{Code, FieldError, Problem};
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use keyward_model::{Change, Id, PageRequest};
use keyward_service::{Cx, InstanceCx};
use serde::de::value::{Error as ValueError, MapAccessDeserializer, StringDeserializer};
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::error::Error;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::Arc;
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// The request's context, which the endpoint's gate made.
pub(crate) struct Caller(pub(crate) Cx);

/// The context of an operator's act on the instance, which the endpoint's gate made.
pub(crate) struct OfInstance(pub(crate) InstanceCx);

/// A JSON body without unknown fields, within the endpoint's limit.
pub(crate) struct Body<T>(pub(crate) T);

/// The form that a client sent.
pub(crate) struct FormBody(pub(crate) Arc<Form>);

/// A query without unknown parameters.
pub(crate) struct Parameters<T>(pub(crate) T);

/// What the path names last, in its type's own words. What is not of its form names nothing, so it is not found.
pub(crate) struct Named<T>(pub(crate) T);

/// The id that the path names last.
pub(crate) struct PathId<K>(pub(crate) Id<K>);

impl FromRequestParts<Admitted> for Caller {
    type Rejection = Problem;
    async fn from_request_parts(_: &mut Parts, admitted: &Admitted) -> Result<Self, Problem> {
        match &admitted.context {
            Context::Tenant(cx) => Ok(Self(cx.clone())),
            // An endpoint of the instance asks for a caller: a fault that its first test finds.
            Context::Anyone | Context::Instance(_) => Err(Problem::new(Code::Internal)),
        }
    }
}

impl FromRequestParts<Admitted> for OfInstance {
    type Rejection = Problem;
    async fn from_request_parts(_: &mut Parts, admitted: &Admitted) -> Result<Self, Problem> {
        match &admitted.context {
            Context::Instance(cx) => Ok(Self(cx.clone())),
            // An endpoint of another plane asks for it: a fault that its first test finds.
            Context::Anyone | Context::Tenant(_) => Err(Problem::new(Code::Internal)),
        }
    }
}

impl<T: DeserializeOwned> FromRequestParts<Admitted> for Body<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, admitted: &Admitted) -> Result<Self, Problem> {
        if !is_json(parts) {
            return Err(Problem::new(Code::UnsupportedMediaType));
        }
        // Absent only when an endpoint takes a body that it did not declare: a fault that its first test finds.
        let body = admitted.body.as_ref();
        parse(&body.ok_or_else(|| Problem::new(Code::Internal))?.0).map(Self)
    }
}

impl FromRequestParts<Admitted> for FormBody {
    type Rejection = Problem;
    async fn from_request_parts(_: &mut Parts, admitted: &Admitted) -> Result<Self, Problem> {
        // Absent only when an endpoint is not declared as one for clients: a fault that its first test finds.
        let form = admitted.form.clone();
        form.map(Self).ok_or_else(|| Problem::new(Code::Internal))
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(parameters)| Self(parameters))
            .map_err(|rejection| unreadable_query(&rejection))
    }
}

impl<T: FromStr> FromRequestParts<Admitted> for Named<T> {
    type Rejection = Problem;
    async fn from_request_parts(_: &mut Parts, admitted: &Admitted) -> Result<Self, Problem> {
        let named = admitted
            .parameters
            .last()
            .and_then(|text| text.parse().ok());
        named.map(Self).ok_or_else(|| Problem::new(Code::NotFound))
    }
}

impl<K: Send> FromRequestParts<Admitted> for PathId<K> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, admitted: &Admitted) -> Result<Self, Problem> {
        let Named(id) = Named::from_request_parts(parts, admitted).await?;
        Ok(Self(id))
    }
}

/// A field of a change: absent it stays, null takes the value away.
#[derive(Debug, Default)]
pub(crate) enum Field<T> {
    #[default]
    Absent,
    Null,
    Given(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Option::deserialize(deserializer)?;
        Ok(value.map_or(Self::Null, Self::Given))
    }
}

impl Field<String> {
    /// The change of something that there may be none of.
    pub(crate) fn into_optional<T: FromStr>(self) -> Result<Change<Option<T>>, T::Err> {
        Ok(match self {
            Self::Absent => Change::Keep,
            Self::Null => Change::Set(None),
            Self::Given(text) => Change::Set(Some(text.parse()?)),
        })
    }
}

/// A secret in a body: wiped when dropped, never shown.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub(crate) struct SecretText(Zeroizing<String>);

impl SecretText {
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

/// A JSON object. Serde alone would take a list of a struct's values in their order as well.
#[derive(Debug)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// Collects what is wrong with the fields of a body, so that a client hears of all at once.
#[derive(Debug, Default)]
pub(crate) struct FieldErrors(Vec<FieldError>);

impl FieldErrors {
    /// The value, or a note of what is wrong with the field at `pointer`.
    pub(crate) fn check<T, E: fmt::Display>(
        &mut self,
        pointer: &str,
        code: impl FnOnce(&E) -> &'static str,
        value: Result<T, E>,
    ) -> Option<T> {
        let noted = |error: &E| FieldError {
            pointer: pointer.to_owned(),
            code: code(error),
            detail: error.to_string(),
        };
        value.map_err(|error| self.0.push(noted(&error))).ok()
    }

    /// Whether nothing is wrong.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problem that says all of it.
    pub(crate) fn into_problem(self) -> Problem {
        Problem::new(Code::InvalidBody).with_fields(self.0)
    }
}

fn is_json(parts: &Parts) -> bool {
    let media_type = parts
        .headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let Object(parsed) = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let pointer = pointer_to(error.path());
        let error = error.into_inner();
        match error.is_data() {
            true => Problem::new(Code::InvalidBody).with_fields(vec![field_error(pointer, &error)]),
            false => Problem::new(Code::InvalidJson).with_detail(without_position(&error)),
        }
    })?;
    match deserializer.end() {
        Ok(()) => Ok(parsed),
        Err(_) => {
            Err(Problem::new(Code::InvalidJson).with_detail("something follows the JSON value"))
        }
    }
}

fn field_error(mut pointer: String, error: &serde_json::Error) -> FieldError {
    let detail = without_position(error);
    let word = detail.split_once(' ').map_or("", |(word, _)| word);
    let code = match word {
        "unknown" => "unknown_field",
        "missing" => "missing",
        _ => "invalid",
    };
    // The path ends at the object: which field is not there, or there twice, stands in words alone.
    if ["missing", "duplicate"].contains(&word) {
        pointer.push_str(&format!("/{}", escape(quoted_in(&detail))));
    }
    // The detail of a wrong type repeats the value, which may be a secret.
    let detail = match detail.split_once(", expected ") {
        Some((_, expected)) if code == "invalid" => format!("expected {expected}"),
        _ => detail,
    };
    FieldError {
        pointer,
        code,
        detail,
    }
}

fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ")
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// RFC 6901, with `~` and `/` escaped.
fn pointer_to(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", escape(key)),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => String::new(),
        })
        .collect()
}

/// A name as it stands in an RFC 6901 pointer.
fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The field that serde's words quote first.
fn quoted_in(words: &str) -> &str {
    words.split('`').nth(1).unwrap_or_default()
}

/// Which page of a list.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageParameters {
    /// How many items, 1 to 200; 50 unless given.
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 200)]
    pub(crate) limit: Option<String>,
    /// The `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
}

impl PageParameters {
    pub(crate) fn into_request(self) -> Result<PageRequest, Problem> {
        let limit = query_value::<PageLimit>("limit", self.limit)?.map(|limit| limit.0);
        Ok(PageRequest::new(limit, query_value("cursor", self.cursor)?))
    }
}

/// How many items a page has: 1 to 200.
struct PageLimit(u16);

impl FromStr for PageLimit {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let number = text
            .parse()
            .ok()
            .filter(|number| (1..=200).contains(number));
        number.map(Self).ok_or(())
    }
}

/// Every parameter is read as text first, so that what can be wrong with the query as a whole is a name.
fn unreadable_query(rejection: &QueryRejection) -> Problem {
    let words = rejection
        .source()
        .map(ToString::to_string)
        .unwrap_or_default();
    let name = quoted_in(&words);
    let (code, detail) = match words.contains("duplicate field") {
        true => ("invalid", "given more than once"),
        false => ("unknown_field", "no such parameter"),
    };
    invalid_parameter(name, code, detail)
}

fn invalid_parameter(name: &str, code: &'static str, detail: &str) -> Problem {
    let error = FieldError {
        pointer: format!("/query/{}", escape(name)),
        code,
        detail: detail.to_owned(),
    };
    Problem::new(Code::InvalidQuery).with_fields(vec![error])
}

/// The value of a query parameter that names a variant.
pub(crate) fn query_name<T: DeserializeOwned>(
    name: &str,
    text: Option<String>,
) -> Result<Option<T>, Problem> {
    let named = text.map(|text| T::deserialize(StringDeserializer::<ValueError>::new(text)));
    named
        .transpose()
        .map_err(|_| invalid_parameter(name, "invalid", "no such name"))
}

/// The value of a query parameter, read by its type's own rule.
pub(crate) fn query_value<T: FromStr>(
    name: &str,
    text: Option<String>,
) -> Result<Option<T>, Problem> {
    text.map(|text| {
        text.parse()
            .map_err(|_| invalid_parameter(name, "invalid", "not of its form"))
    })
    .transpose()
}
