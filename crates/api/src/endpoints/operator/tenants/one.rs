//! `GET /operator/v1/tenants/{slug}`

use super::GovernedTenantAnswer;
use crate::endpoint::Endpoint;
use crate::extract::Caller;
use crate::problem::Problem;
use axum::Json;
use axum::http::StatusCode;
use keyward_policy::Action;
use keyward_service::tenants::read_tenant;

pub(in crate::endpoints) fn read() -> Endpoint {
    Endpoint::get("/operator/v1/tenants/{slug}", Action::ReadTenant)
        .of_operators()
        .summary("Reads a tenant, with its settings and the host names that are its own.")
        .gives::<GovernedTenantAnswer>(StatusCode::OK)
        .handled_by(show)
}

async fn show(Caller(cx): Caller) -> Result<Json<GovernedTenantAnswer>, Problem> {
    Ok(Json(read_tenant(&cx).await?.into()))
}
