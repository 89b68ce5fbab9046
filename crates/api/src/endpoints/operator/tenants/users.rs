//! `GET /operator/v1/tenants/{slug}/users`

use crate::bodies::PageBody;
use crate::endpoint::Endpoint;
use crate::endpoints::admin::users::AdminUserBody;
use crate::endpoints::admin::users::list::{UserParameters, list};
use axum::http::StatusCode;
use keyward_policy::Action;

pub(in crate::endpoints) fn endpoint() -> Endpoint {
    Endpoint::get("/operator/v1/tenants/{slug}/users", Action::ListUsers)
        .of_operators()
        .summary("Lists and searches the users of a tenant, oldest first.")
        .query::<UserParameters>()
        .gives::<PageBody<AdminUserBody>>(StatusCode::OK)
        .handled_by(list)
}
