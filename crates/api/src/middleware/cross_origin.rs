//! Requests that a page of another origin makes (CORS, Fetch standard §3.2).
//!
//! A browser may show an answer to a page whose origin the tenant allows: one of its active publishable keys names it.
//! Everybody else gets the same answer without these headers, and credentials are never allowed: a token is in a
//! header that the page sets itself.
//!
//! - A request that was let in is asked of its own tenant.
//! - A preflight shows no credential, nor does what was refused before its tenant was known: the names in it decide
//!   (prefix, host, key), and on a shared host without any, whether some tenant allows the origin.

use crate::state::Api;
use axum::http::header::{self, HOST, ORIGIN};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use keyward_model::{HostName, Origin, Route};
use keyward_service::StoreError;
use keyward_service::authentication::Sender;
use keyward_service::origins::{names_allow_origin, tenant_allows_origin};

use super::asked::Asked;
use super::tenant_prefix::PrefixedSlug;

/// The header in which an application names its tenant.
pub(crate) const PUBLISHABLE_KEY: HeaderName = HeaderName::from_static("x-publishable-key");

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
const REQUEST_HEADERS: &str =
    "authorization, content-type, idempotency-key, if-match, if-none-match, x-publishable-key";
const ANSWER_HEADERS: &str = "etag, idempotency-replayed, location, ratelimit, ratelimit-policy, retry-after, www-authenticate, x-request-id";
/// How long a browser keeps the answer to a preflight, in seconds.
const PREFLIGHT_SECONDS: &str = "600";
const PREFLIGHT_VARY: &str =
    "origin, access-control-request-method, access-control-request-headers";

/// A request that a page of another origin makes, and whether it may see the answer.
#[derive(Debug)]
pub(crate) struct CrossOrigin {
    origin: Origin,
    names: Vec<Route>,
    is_preflight: bool,
    verdict: Option<bool>,
}

/// The page whose browser may show it the answer.
#[derive(Debug, Clone)]
pub(crate) struct AllowedOrigin {
    origin: HeaderValue,
    is_preflight: bool,
}

/// Whether a browser asks in advance what a page may do.
pub(crate) fn is_preflight(head: &Parts) -> bool {
    let headers = &head.headers;
    head.method == Method::OPTIONS
        && headers.contains_key(ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to a preflight; what it allows is written on it later.
pub(crate) fn preflight_answer() -> Response {
    let vary = [(header::VARY, HeaderValue::from_static(PREFLIGHT_VARY))];
    (StatusCode::NO_CONTENT, vary).into_response()
}

impl CrossOrigin {
    /// None when there is no `Origin`, or none that a key could allow: `null`, several, or what is no origin.
    pub(crate) fn of(asked: &Asked) -> Option<Self> {
        let mut values = asked.head.headers.get_all(ORIGIN).iter();
        let (value, None) = (values.next()?, values.next()) else {
            return None;
        };
        let origin: Origin = value.to_str().ok()?.parse().ok()?;
        // What is echoed is what was sent, so that must be its one spelling.
        (origin.as_str().as_bytes() == value.as_bytes()).then(|| Self {
            origin,
            names: names_of(asked),
            is_preflight: is_preflight(&asked.head),
            verdict: None,
        })
    }

    /// Asks the tenant of a request that was let in.
    pub(crate) async fn ask_tenant(&mut self, api: &Api, sender: &Sender) {
        let allowed = tenant_allows_origin(&api.platform, sender, &self.origin).await;
        self.verdict = Some(verdict_of(allowed));
    }

    /// Asks those whom the request names, unless its tenant was asked already. `costs_nothing`: only what
    /// was answered a moment ago counts, since the request was refused for being one too many.
    async fn ask_names(&mut self, api: &Api, costs_nothing: bool) {
        if self.verdict.is_some() {
            return;
        }
        let now = api.platform.now();
        let known = api.recent_origins.contains(&self.origin, &self.names, now);
        if known || costs_nothing {
            self.verdict = Some(known);
            return;
        }
        let names = self.names.clone();
        let allowed = names_allow_origin(&api.platform, names, &self.origin).await;
        let allowed = verdict_of(allowed);
        if allowed {
            api.recent_origins.insert(&self.origin, &self.names, now);
        }
        self.verdict = Some(allowed);
    }

    /// The page, if it may see the answer.
    pub(crate) async fn find_allowed(
        mut self,
        api: &Api,
        costs_nothing: bool,
    ) -> Option<AllowedOrigin> {
        self.ask_names(api, costs_nothing).await;
        let origin = HeaderValue::from_str(self.origin.as_str()).ok()?;
        (self.verdict == Some(true)).then_some(AllowedOrigin {
            origin,
            is_preflight: self.is_preflight,
        })
    }
}

impl AllowedOrigin {
    /// Writes it into the headers of the finished answer.
    pub(crate) fn add_to(self, headers: &mut HeaderMap) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, self.origin);
        let fixed: &[(HeaderName, &'static str)] = match self.is_preflight {
            true => &[
                (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
                (header::ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
                (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_SECONDS),
            ],
            false => &[(header::ACCESS_CONTROL_EXPOSE_HEADERS, ANSWER_HEADERS)],
        };
        for (name, value) in fixed {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}

/// A store that cannot be asked allows nothing; the answer itself says what is wrong.
fn verdict_of(allowed: Result<bool, StoreError>) -> bool {
    allowed.unwrap_or_else(|error| {
        tracing::warn!(%error, "it could not be asked whether an origin is allowed");
        false
    })
}

/// What a request calls its tenant, as far as it can be read: what cannot leads to a refusal of its own.
fn names_of(asked: &Asked) -> Vec<Route> {
    let slug = asked.slug.as_ref();
    let slug = slug.and_then(|PrefixedSlug(slug)| slug.parse().ok());
    let text = |name: &HeaderName| asked.head.headers.get(name)?.to_str().ok();
    let key = text(&PUBLISHABLE_KEY).and_then(|key| key.parse().ok());
    let authority = asked.head.uri.authority();
    let authority = authority.map(|authority| authority.as_str());
    let host = authority.or_else(|| text(&HOST));
    let host = host.and_then(|host| HostName::from_authority(host).ok().flatten());
    let names = [
        slug.map(Route::Slug),
        key.map(Route::PublishableKey),
        host.map(Route::Host),
    ];
    names.into_iter().flatten().collect()
}
