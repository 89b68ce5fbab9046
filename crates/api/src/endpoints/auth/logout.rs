//! `POST /v1/auth/logout`

use crate::endpoint::Endpoint;
use crate::extract::Caller;
use crate::problem::Problem;
use axum::http::StatusCode;
use keyward_policy::Action;
use keyward_service::sessions::sign_out;

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::post("/v1/auth/logout", Action::SignOut)
        .summary("Ends the session of this request. Its tokens are dead when the answer comes.")
        .gives_no_json(StatusCode::NO_CONTENT)
        .handled_by(logout)
}

async fn logout(Caller(cx): Caller) -> Result<StatusCode, Problem> {
    sign_out(&cx).await?;
    Ok(StatusCode::NO_CONTENT)
}
