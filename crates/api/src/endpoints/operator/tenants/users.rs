//! `GET /operator/v1/tenants/{slug}/users`

use crate::bodies::{PageBody, UserBody};
use crate::endpoint::Endpoint;
use crate::extract::{Caller, PageParameters, Parameters};
use crate::problem::Problem;
use axum::Json;
use axum::http::StatusCode;
use keyward_policy::Action;
use keyward_service::users::list_users;

pub(in crate::endpoints) fn endpoint() -> Endpoint {
    Endpoint::get("/operator/v1/tenants/{slug}/users", Action::ListUsers)
        .of_operators()
        .summary("Lists the users of a tenant, oldest first.")
        .query::<PageParameters>()
        .gives::<PageBody<UserBody>>(StatusCode::OK)
        .handled_by(list)
}

async fn list(
    Caller(cx): Caller,
    Parameters(parameters): Parameters<PageParameters>,
) -> Result<Json<PageBody<UserBody>>, Problem> {
    let users = list_users(&cx, parameters.into_request()?).await?;
    Ok(Json(users.map(UserBody::from).into()))
}
