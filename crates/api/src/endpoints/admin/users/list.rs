//! `GET /v1/admin/users`

use super::AdminUserBody;
use crate::bodies::PageBody;
use crate::endpoint::Endpoint;
use crate::extract::{Caller, PageParameters, Parameters, query_name, query_value};
use crate::problem::Problem;
use axum::Json;
use axum::http::StatusCode;
use keyward_model::UserFilter;
use keyward_policy::Action;
use keyward_service::users::list_users;
use serde::Deserialize;
use utoipa::ToSchema;

/// Which users.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserParameters {
    /// Whose address begins with this or whose name contains it, whatever the case; with an `@`, the address alone.
    #[schema(min_length = 1, max_length = 200)]
    query: Option<String>,
    /// `member` or `administrator`.
    role: Option<String>,
    /// `active`, `disabled`, `invited` or `deleting`.
    status: Option<String>,
    /// How many, 1 to 200; 50 unless given.
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 200)]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

pub(in crate::endpoints) fn endpoint() -> Endpoint {
    Endpoint::get("/v1/admin/users", Action::ListUsers)
        .summary("Lists and searches the tenant's users, oldest first.")
        .query::<UserParameters>()
        .gives::<PageBody<AdminUserBody>>(StatusCode::OK)
        .handled_by(list)
}

pub(in crate::endpoints) async fn list(
    Caller(cx): Caller,
    Parameters(parameters): Parameters<UserParameters>,
) -> Result<Json<PageBody<AdminUserBody>>, Problem> {
    let filter = UserFilter {
        query: query_value("query", parameters.query)?,
        role: query_name("role", parameters.role)?,
        status: query_name("status", parameters.status)?,
    };
    let page = PageParameters {
        limit: parameters.limit,
        cursor: parameters.cursor,
    };
    let users = list_users(&cx, filter, page.into_request()?).await?;
    Ok(Json(users.map(AdminUserBody::from).into()))
}
