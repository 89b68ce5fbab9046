//! `GET /v1/session`
//!
//! Every request of every service may begin with this one, so its answer is written straight from what memory knows.

use crate::bodies::{SessionBody, TenantBody, UserBody};
use crate::endpoint::Endpoint;
use crate::extract::Caller;
use crate::json_text::JsonText;
use crate::problem::Problem;
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use keyward_model::Tenant;
use keyward_policy::Action;
use keyward_service::KnownSession;
use keyward_service::sessions::read_current_session;
use utoipa::ToSchema;

/// Room for nearly every answer, so that it is written in one piece.
const BODY_BYTES: usize = 1_024;

/// Who asks.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "the shape that is promised; it is written piece by piece"
)]
pub(crate) struct SessionAnswer {
    /// The session of this request.
    session: SessionBody,
    /// Whose it is.
    user: UserBody,
    /// In which tenant.
    tenant: TenantBody,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::get("/v1/session", Action::ReadSession)
        .summary("Validates the access token and says whose it is.")
        .gives::<SessionAnswer>(StatusCode::OK)
        .handled_by(read)
}

async fn read(Caller(cx): Caller) -> Result<Response, Problem> {
    let known = read_current_session(&cx)?;
    let mut response = Response::new(Body::from(written(&known)));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}

/// The [`SessionAnswer`].
fn written(known: &KnownSession) -> Vec<u8> {
    let mut json = JsonText::with_capacity(BODY_BYTES);
    json.raw(r#"{"session":"#);
    write_session(&mut json, known);
    json.raw(r#","user":"#);
    write_user(&mut json, known);
    json.raw(r#","tenant":"#);
    write_tenant(&mut json, &known.tenant.tenant);
    json.raw("}");
    json.into_bytes()
}

fn write_session(json: &mut JsonText, known: &KnownSession) {
    json.raw(r#"{"id":"#).id(known.session_id);
    json.raw(r#","current":true,"created_at":"#)
        .moment(known.created_at);
    json.raw(r#","last_active_at":"#)
        .moment(known.last_active_at());
    json.raw(r#","expires_at":"#).moment(known.expires_at);
    json.raw(r#","idles_out_at":"#).moment(known.idles_out_at());
    json.raw(r#","address":"#).string_or_null(known.address());
    json.raw(r#","country":"#).value(&known.country);
    json.raw(r#","user_agent":"#)
        .string_or_null(known.user_agent());
    json.raw(r#","device":{"name":"#)
        .string_or_null(known.device_name());
    json.raw(r#","fingerprint":"#)
        .string_or_null(known.device_fingerprint());
    json.raw(r#","priority":"#).value(&known.device_priority);
    json.raw(r#"},"authenticated_at":"#)
        .moment(known.authenticated_at);
    json.raw("}");
}

fn write_user(json: &mut JsonText, known: &KnownSession) {
    json.raw(r#"{"id":"#).id(known.user_id);
    json.raw(r#","email":"#).string(known.email());
    json.raw(r#","name":"#).string_or_null(known.user_name());
    json.raw(r#","role":"#).value(&known.role);
    json.raw(r#","status":"#).value(&known.status);
    json.raw(r#","created_at":"#).moment(known.user_created_at);
    json.raw(r#","last_sign_in_at":"#);
    match known.last_sign_in_at {
        Some(moment) => json.moment(moment),
        None => json.raw("null"),
    };
    json.raw(r#","last_sign_in_address":"#)
        .string_or_null(known.last_sign_in_address());
    json.raw("}");
}

fn write_tenant(json: &mut JsonText, tenant: &Tenant) {
    json.raw(r#"{"id":"#).id(tenant.id);
    json.raw(r#","slug":"#).string(tenant.slug.as_str());
    json.raw(r#","issuer":"#).string(tenant.issuer.as_str());
    json.raw("}");
}
