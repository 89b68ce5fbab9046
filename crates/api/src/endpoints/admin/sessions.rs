//! `GET /v1/admin/users/{user_id}/sessions`, `DELETE /v1/admin/users/{user_id}/sessions`, `GET /v1/admin/sessions/active`,
//! `DELETE /v1/admin/sessions/{id}`, `DELETE /v1/admin/sessions/all`

use crate::bodies::{PageBody, SessionBody};
use crate::endpoint::Endpoint;
use crate::endpoints::sessions::revoke::RevokedAnswer;
use crate::extract::{Caller, PageParameters, Parameters, PathId};
use crate::problem::{Code, Problem};
use axum::Json;
use axum::http::StatusCode;
use keyward_model::{Session, User};
use keyward_policy::Action;
use keyward_service::users::{
    list_active_sessions, list_user_sessions, revoke_all_sessions, revoke_any_session,
    revoke_user_sessions,
};
use serde::Serialize;
use utoipa::ToSchema;

/// A session, with whose it is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActiveSessionBody {
    /// Whose it is.
    #[schema(format = "uuid")]
    user_id: String,
    /// The session.
    session: SessionBody,
}

pub(in crate::endpoints) fn list_of_user() -> Endpoint {
    Endpoint::get(
        "/v1/admin/users/{user_id}/sessions",
        Action::ListUserSessions,
    )
    .summary("Lists a user's live sessions, oldest first.")
    .query::<PageParameters>()
    .gives::<PageBody<SessionBody>>(StatusCode::OK)
    .handled_by(list)
}

pub(in crate::endpoints) fn revoke_of_user() -> Endpoint {
    Endpoint::delete(
        "/v1/admin/users/{user_id}/sessions",
        Action::RevokeUserSessions,
    )
    .summary("Ends all sessions of a user. Their tokens are dead when the answer comes.")
    .gives::<RevokedAnswer>(StatusCode::OK)
    .handled_by(revoke_of)
}

pub(in crate::endpoints) fn revoke_any() -> Endpoint {
    Endpoint::delete("/v1/admin/sessions/{id}", Action::RevokeAnySession)
        .summary("Ends a session of any user. Its tokens are dead when the answer comes.")
        .gives_no_json(StatusCode::NO_CONTENT)
        .fails_with(&[Code::NotFound])
        .handled_by(revoke_one)
}

pub(in crate::endpoints) fn list_active() -> Endpoint {
    Endpoint::get("/v1/admin/sessions/active", Action::ListActiveSessions)
        .summary("Lists the live sessions of the tenant, oldest first.")
        .query::<PageParameters>()
        .gives::<PageBody<ActiveSessionBody>>(StatusCode::OK)
        .handled_by(list_all)
}

pub(in crate::endpoints) fn revoke_all() -> Endpoint {
    Endpoint::delete("/v1/admin/sessions/all", Action::RevokeAllSessions)
        .summary("Ends all sessions of the tenant, this one too. Their tokens are dead when the answer comes.")
        .gives_no_json(StatusCode::NO_CONTENT)
        .handled_by(async |Caller(cx): Caller| {
            revoke_all_sessions(&cx).await?;
            Ok::<_, Problem>(StatusCode::NO_CONTENT)
        })
}

async fn list_all(
    Caller(cx): Caller,
    Parameters(page): Parameters<PageParameters>,
) -> Result<Json<PageBody<ActiveSessionBody>>, Problem> {
    let current = cx.principal().session_id();
    let sessions = list_active_sessions(&cx, page.into_request()?).await?;
    let bodies = sessions.map(|session| ActiveSessionBody {
        user_id: session.user_id.to_string(),
        session: SessionBody::new(session, current),
    });
    Ok(Json(bodies.into()))
}

async fn list(
    Caller(cx): Caller,
    PathId(id): PathId<User>,
    Parameters(page): Parameters<PageParameters>,
) -> Result<Json<PageBody<SessionBody>>, Problem> {
    let current = cx.principal().session_id();
    let sessions = list_user_sessions(&cx, id, page.into_request()?).await?;
    let bodies = sessions.map(|session| SessionBody::new(session, current));
    Ok(Json(bodies.into()))
}

async fn revoke_of(
    Caller(cx): Caller,
    PathId(id): PathId<User>,
) -> Result<Json<RevokedAnswer>, Problem> {
    let revoked = revoke_user_sessions(&cx, id).await?;
    Ok(Json(RevokedAnswer { revoked }))
}

async fn revoke_one(
    Caller(cx): Caller,
    PathId(id): PathId<Session>,
) -> Result<StatusCode, Problem> {
    revoke_any_session(&cx, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
