//! `GET /v1/sessions`

use crate::bodies::{PageBody, SessionBody};
use crate::endpoint::Endpoint;
use crate::extract::{Caller, PageParameters, Parameters};
use crate::problem::Problem;
use axum::Json;
use axum::http::StatusCode;
use keyward_policy::Action;
use keyward_service::sessions::list_own_sessions;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::get("/v1/sessions", Action::ListSessions)
        .summary("Lists one's own live sessions, oldest first.")
        .query::<PageParameters>()
        .gives::<PageBody<SessionBody>>(StatusCode::OK)
        .handled_by(list)
}

async fn list(
    Caller(cx): Caller,
    Parameters(page): Parameters<PageParameters>,
) -> Result<Json<PageBody<SessionBody>>, Problem> {
    let current = cx.principal().session_id();
    let sessions = list_own_sessions(&cx, page.into_request()?).await?;
    Ok(Json(
        sessions
            .map(|session| SessionBody::new(session, current))
            .into(),
    ))
}
