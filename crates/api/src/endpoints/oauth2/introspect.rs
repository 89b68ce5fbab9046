//! `POST /oauth2/introspect` (RFC 7662)
//!
//! Services ask this once for each request of theirs, so its answer is written straight from what memory knows.

use crate::endpoint::Endpoint;
use crate::extract::{Caller, FormBody};
use crate::json_text::JsonText;
use crate::problem::Problem;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use keyward_model::{ClientId, ExchangeSubject, FIRST_PARTY_CLIENT_ID, Tenant};
use keyward_policy::Action;
use keyward_service::KnownSession;
use keyward_service::introspection::{Introspection, introspect};
use serde::Deserialize;
use utoipa::ToSchema;

/// Room for nearly every answer, so that it is written in one piece.
const BODY_BYTES: usize = 640;

/// What is asked (§2.1), as a form. The client proves who it is in `Authorization: Basic` or here.
#[derive(Debug, Deserialize, ToSchema)]
#[expect(dead_code, reason = "the shape of a form, which is read by name")]
#[serde(deny_unknown_fields)]
pub(crate) struct IntrospectionRequest {
    /// The token.
    #[schema(format = "password")]
    token: String,
    /// Not looked at: what kind a token is of shows in itself.
    token_type_hint: Option<String>,
    /// The client, unless it stands in the header or in the assertion.
    #[schema(format = "uuid")]
    client_id: Option<String>,
    /// Of a client of `client_secret_post`.
    #[schema(format = "password")]
    client_secret: Option<String>,
    /// Of a client of `private_key_jwt`: `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`.
    client_assertion_type: Option<String>,
    /// The assertion (RFC 7523), good for once.
    client_assertion: Option<String>,
}

/// What is said of a token (§2.2). Of one that does not count, `active` alone.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "the shape that is promised; it is written piece by piece"
)]
pub(crate) struct IntrospectionAnswer {
    /// Whether it counts, here and now.
    active: bool,
    /// To whom it was issued: a client's id, or `first-party`.
    client_id: Option<String>,
    /// The user's e-mail address.
    username: Option<String>,
    /// `Bearer`, of an access token. A refresh token has none: it opens nothing.
    token_type: Option<String>,
    /// `access_token` or `refresh_token`.
    token_use: Option<String>,
    /// When it ends, in seconds since 1970.
    exp: Option<i64>,
    /// When it was issued.
    iat: Option<i64>,
    /// The user's id.
    #[schema(format = "uuid")]
    sub: Option<String>,
    /// For whom it is meant.
    aud: Option<String>,
    /// Who issued it.
    iss: Option<String>,
    /// Names the token.
    #[schema(format = "uuid")]
    jti: Option<String>,
    /// Names its session.
    #[schema(format = "uuid")]
    sid: Option<String>,
}

pub(in crate::endpoints) fn endpoint() -> Endpoint {
    Endpoint::post("/oauth2/introspect", Action::IntrospectToken)
        .by_clients()
        .only_reads()
        .summary("Says whether a token is good, and whose it is (RFC 7662).")
        .takes_form::<IntrospectionRequest>()
        .gives::<IntrospectionAnswer>(StatusCode::OK)
        .handled_by(answer)
}

async fn answer(Caller(cx): Caller, FormBody(form): FormBody) -> Result<Response, Problem> {
    let body = match introspect(&cx, form.require("token")?).await? {
        Introspection::Inactive => br#"{"active":false}"#.to_vec(),
        Introspection::Access(known) => of_access_token(&known),
        Introspection::Refresh(subject, tenant) => of_refresh_token(&subject, &tenant),
    };
    let mut response = Response::new(Body::from(body));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}

fn of_access_token(known: &KnownSession) -> Vec<u8> {
    let (token, issuer) = (known.token(), known.tenant.tenant.issuer.as_str());
    let mut json = JsonText::with_capacity(BODY_BYTES);
    json.raw(r#"{"active":true,"token_type":"Bearer","token_use":"access_token","client_id":"#);
    write_client(&mut json, token.client);
    json.raw(r#","username":"#).string(known.email());
    json.raw(r#","sub":"#).id(known.user_id);
    json.raw(r#","sid":"#).id(known.session_id);
    json.raw(r#","jti":"#).id(token.id);
    json.raw(r#","iss":"#).string(issuer);
    json.raw(r#","aud":"#).string(issuer);
    json.raw(r#","iat":"#).number(token.good_from.seconds());
    json.raw(r#","exp":"#).number(token.expires_at.seconds());
    json.raw("}");
    json.into_bytes()
}

fn of_refresh_token(subject: &ExchangeSubject, tenant: &Tenant) -> Vec<u8> {
    let ExchangeSubject {
        family,
        session,
        user,
        ..
    } = subject;
    let issuer = tenant.issuer.as_str();
    let issued_at = family.rotated_at.unwrap_or(family.issued_at);
    let mut json = JsonText::with_capacity(BODY_BYTES);
    json.raw(r#"{"active":true,"token_use":"refresh_token","client_id":"#)
        .string(&family.client_id);
    json.raw(r#","username":"#).string(user.email.as_given());
    json.raw(r#","sub":"#).id(session.user_id);
    json.raw(r#","sid":"#).id(session.id);
    json.raw(r#","iss":"#).string(issuer);
    // For whoever issued it, and nobody else.
    json.raw(r#","aud":"#).string(issuer);
    json.raw(r#","iat":"#).number(issued_at.seconds());
    json.raw(r#","exp":"#).number(family.expires_at.seconds());
    json.raw("}");
    json.into_bytes()
}

fn write_client(json: &mut JsonText, client: Option<ClientId>) {
    match client {
        Some(id) => json.id(id),
        None => json.string(FIRST_PARTY_CLIENT_ID),
    };
}
