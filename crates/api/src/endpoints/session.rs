//! `GET /v1/session`
//!
//! Every request of every service may begin with this one, so its answer is written straight from what memory knows.

use crate::bodies::{SessionBody, TenantBody, UserBody};
use crate::endpoint::Endpoint;
use crate::extract::Caller;
use crate::problem::{Code, Problem};
use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use keyward_model::{Issuer, Role, SessionId, Slug, TenantId, Timestamp, UserId, UserStatus};
use keyward_policy::Action;
use keyward_service::KnownSession;
use keyward_service::sessions::read_current_session;
use serde::Serialize;
use utoipa::ToSchema;

/// Room for nearly every answer, so that it is written in one piece.
const BODY_BYTES: usize = 1_024;

/// Who asks.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "the shape that is promised; `Answer` is the same without copies"
)]
pub(crate) struct SessionAnswer {
    /// The session of this request.
    session: SessionBody,
    /// Whose it is.
    user: UserBody,
    /// In which tenant.
    tenant: TenantBody,
}

/// [`SessionAnswer`], borrowed.
#[derive(Serialize)]
struct Answer<'a> {
    session: SessionPart<'a>,
    user: UserPart<'a>,
    tenant: TenantPart<'a>,
}

#[derive(Serialize)]
struct SessionPart<'a> {
    id: SessionId,
    current: bool,
    created_at: Timestamp,
    last_active_at: Timestamp,
    expires_at: Timestamp,
    idles_out_at: Timestamp,
    address: Option<&'a str>,
    user_agent: Option<&'a str>,
    device: DevicePart<'a>,
}

#[derive(Serialize)]
struct DevicePart<'a> {
    name: Option<&'a str>,
    fingerprint: Option<&'a str>,
    priority: i64,
}

#[derive(Serialize)]
struct UserPart<'a> {
    id: UserId,
    email: &'a str,
    name: Option<&'a str>,
    role: Role,
    status: UserStatus,
    created_at: Timestamp,
    last_sign_in_at: Option<Timestamp>,
    last_sign_in_address: Option<&'a str>,
}

#[derive(Serialize)]
struct TenantPart<'a> {
    id: TenantId,
    slug: &'a Slug,
    issuer: &'a Issuer,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::get("/v1/session", Action::ReadSession)
        .summary("Validates the access token and says whose it is.")
        .gives::<SessionAnswer>(StatusCode::OK)
        .handled_by(read)
}

async fn read(Caller(cx): Caller) -> Result<Response, Problem> {
    let known = read_current_session(&cx)?;
    let mut body = Vec::with_capacity(BODY_BYTES);
    serde_json::to_writer(&mut body, &Answer::from(known.as_ref()))
        .map_err(|_| Problem::new(Code::Internal))?;
    let mut response = Response::new(Body::from(body));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    Ok(response)
}

impl<'a> From<&'a KnownSession> for Answer<'a> {
    fn from(known: &'a KnownSession) -> Self {
        let tenant = &known.tenant.tenant;
        Self {
            session: known.into(),
            user: known.into(),
            tenant: TenantPart {
                id: tenant.id,
                slug: &tenant.slug,
                issuer: &tenant.issuer,
            },
        }
    }
}

impl<'a> From<&'a KnownSession> for SessionPart<'a> {
    fn from(known: &'a KnownSession) -> Self {
        Self {
            id: known.session_id,
            current: true,
            created_at: known.created_at,
            last_active_at: known.last_active_at(),
            expires_at: known.expires_at,
            idles_out_at: known.idles_out_at(),
            address: known.address(),
            user_agent: known.user_agent(),
            device: DevicePart {
                name: known.device_name(),
                fingerprint: known.device_fingerprint(),
                priority: known.device_priority,
            },
        }
    }
}

impl<'a> From<&'a KnownSession> for UserPart<'a> {
    fn from(known: &'a KnownSession) -> Self {
        Self {
            id: known.user_id,
            email: known.email(),
            name: known.user_name(),
            role: known.role,
            status: known.status,
            created_at: known.user_created_at,
            last_sign_in_at: known.last_sign_in_at,
            last_sign_in_address: known.last_sign_in_address(),
        }
    }
}
