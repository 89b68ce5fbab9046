//! `GET /v1/session`

use crate::bodies::{SessionBody, TenantBody, UserBody};
use crate::endpoint::Endpoint;
use crate::extract::Caller;
use crate::problem::Problem;
use axum::Json;
use axum::http::StatusCode;
use keyward_policy::Action;
use keyward_service::sessions::read_current_session;
use serde::Serialize;
use utoipa::ToSchema;

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
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

async fn read(Caller(cx): Caller) -> Result<Json<SessionAnswer>, Problem> {
    let known = read_current_session(&cx)?;
    let session = SessionBody::new(known.session.clone(), Some(known.session.id));
    Ok(Json(SessionAnswer {
        session: session.seen_at(known.last_active_at(), known.session.idle_seconds),
        user: known.user.clone().into(),
        tenant: known.tenant.tenant.clone().into(),
    }))
}
