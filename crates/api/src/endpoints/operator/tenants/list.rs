//! `GET /operator/v1/tenants`

use super::GovernedTenantBody;
use crate::bodies::PageBody;
use crate::endpoint::Endpoint;
use crate::extract::{OfInstance, PageParameters, Parameters};
use crate::problem::Problem;
use axum::Json;
use axum::http::StatusCode;
use keyward_policy::Action;
use keyward_service::tenants::list_tenants;

pub(in crate::endpoints) fn endpoint() -> Endpoint {
    Endpoint::get("/operator/v1/tenants", Action::ListTenants)
        .of_operators()
        .summary("Lists the tenants of the instance, oldest first.")
        .query::<PageParameters>()
        .gives::<PageBody<GovernedTenantBody>>(StatusCode::OK)
        .handled_by(list)
}

async fn list(
    OfInstance(cx): OfInstance,
    Parameters(parameters): Parameters<PageParameters>,
) -> Result<Json<PageBody<GovernedTenantBody>>, Problem> {
    let tenants = list_tenants(&cx, parameters.into_request()?).await?;
    Ok(Json(tenants.map(GovernedTenantBody::from).into()))
}
