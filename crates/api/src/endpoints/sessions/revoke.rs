//! `DELETE /v1/sessions/{id}`, `DELETE /v1/sessions/others`, `DELETE /v1/sessions/all`

use crate::endpoint::Endpoint;
use crate::extract::{Caller, PathId};
use crate::problem::{Code, Problem};
use axum::Json;
use axum::http::StatusCode;
use keyward_model::Session;
use keyward_policy::Action;
use keyward_service::sessions::{Which, revoke_session, revoke_sessions};
use serde::Serialize;
use utoipa::ToSchema;

/// How many sessions were ended.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RevokedAnswer {
    /// The number.
    pub(in crate::endpoints) revoked: usize,
}

pub(crate) fn one() -> Endpoint {
    Endpoint::delete("/v1/sessions/{id}", Action::RevokeSession)
        .summary("Ends one of one's own sessions. Its tokens are dead when the answer comes.")
        .gives_no_json(StatusCode::NO_CONTENT)
        .fails_with(&[Code::NotFound])
        .handled_by(revoke_one)
}

pub(crate) fn others() -> Endpoint {
    Endpoint::delete("/v1/sessions/others", Action::RevokeSession)
        .summary("Ends all of one's own sessions but this one.")
        .gives::<RevokedAnswer>(StatusCode::OK)
        .handled_by(revoke_others)
}

pub(crate) fn all() -> Endpoint {
    Endpoint::delete("/v1/sessions/all", Action::RevokeSession)
        .summary("Ends all of one's own sessions, this one too.")
        .gives::<RevokedAnswer>(StatusCode::OK)
        .handled_by(revoke_all)
}

async fn revoke_one(
    Caller(cx): Caller,
    PathId(id): PathId<Session>,
) -> Result<StatusCode, Problem> {
    revoke_session(&cx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn revoke_others(Caller(cx): Caller) -> Result<Json<RevokedAnswer>, Problem> {
    let revoked = revoke_sessions(&cx, Which::Others).await?;
    Ok(Json(RevokedAnswer { revoked }))
}

async fn revoke_all(Caller(cx): Caller) -> Result<Json<RevokedAnswer>, Problem> {
    let revoked = revoke_sessions(&cx, Which::All).await?;
    Ok(Json(RevokedAnswer { revoked }))
}
