//! `POST /operator/v1/tenants/{slug}/suspend`, `…/resume`, `…/restore`, `DELETE /operator/v1/tenants/{slug}`

use super::{ChangedTenantAnswer, GovernedTenantBody};
use crate::endpoint::Endpoint;
use crate::extract::{Caller, Parameters, query_value};
use crate::problem::{Code, Problem};
use axum::Json;
use axum::http::StatusCode;
use keyward_model::Tenant;
use keyward_policy::Action;
use keyward_service::tenants::{
    GRACE_DAYS, cancel_tenant_deletion, delete_tenant, resume_tenant, suspend_tenant,
};
use serde::Deserialize;
use std::str::FromStr;
use utoipa::ToSchema;

/// How a tenant is deleted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeleteTenantParameters {
    /// For how many days that can be taken back, 0 to 365; 30 unless given.
    #[schema(value_type = Option<u16>, minimum = 0, maximum = 365)]
    grace_days: Option<String>,
}

type Answer = Result<Json<ChangedTenantAnswer>, Problem>;

/// What can go wrong with each of them.
const PROBLEMS: [Code; 2] = [Code::WrongTenantStatus, Code::ChangedMeanwhile];

pub(in crate::endpoints) fn suspend() -> Endpoint {
    Endpoint::post(
        "/operator/v1/tenants/{slug}/suspend",
        Action::SuspendTenant,
    )
    .of_operators()
    .summary("Refuses the tenant's users. Their tokens are dead when the answer comes; its metadata and keys stay readable.")
    .gives::<ChangedTenantAnswer>(StatusCode::OK)
    .fails_with(&PROBLEMS)
    .handled_by(async |Caller(cx): Caller| -> Answer { answer(suspend_tenant(&cx).await?) })
}

pub(in crate::endpoints) fn resume() -> Endpoint {
    Endpoint::post("/operator/v1/tenants/{slug}/resume", Action::ResumeTenant)
        .of_operators()
        .summary("Lets a suspended tenant's users in again.")
        .gives::<ChangedTenantAnswer>(StatusCode::OK)
        .fails_with(&PROBLEMS)
        .handled_by(async |Caller(cx): Caller| -> Answer { answer(resume_tenant(&cx).await?) })
}

pub(in crate::endpoints) fn delete() -> Endpoint {
    Endpoint::delete("/operator/v1/tenants/{slug}", Action::DeleteTenant)
        .of_operators()
        .summary("Deletes a tenant after a time of grace, and refuses its users from now on.")
        .query::<DeleteTenantParameters>()
        .gives::<ChangedTenantAnswer>(StatusCode::OK)
        .fails_with(&PROBLEMS)
        .handled_by(delete_one)
}

pub(in crate::endpoints) fn restore() -> Endpoint {
    Endpoint::post(
        "/operator/v1/tenants/{slug}/restore",
        Action::CancelTenantDeletion,
    )
    .of_operators()
    .summary("Takes the deletion of a tenant back while its time of grace lasts: it is what it was before.")
    .gives::<ChangedTenantAnswer>(StatusCode::OK)
    .fails_with(&PROBLEMS)
    .handled_by(async |Caller(cx): Caller| -> Answer { answer(cancel_tenant_deletion(&cx).await?) })
}

async fn delete_one(
    Caller(cx): Caller,
    Parameters(parameters): Parameters<DeleteTenantParameters>,
) -> Answer {
    let days = query_value::<GraceDays>("grace_days", parameters.grace_days)?;
    answer(delete_tenant(&cx, days.map_or(GRACE_DAYS, |days| days.0)).await?)
}

fn answer(tenant: Tenant) -> Answer {
    let tenant = GovernedTenantBody::from(tenant);
    Ok(Json(ChangedTenantAnswer { tenant }))
}

/// 0 to 365 days.
struct GraceDays(u16);

impl FromStr for GraceDays {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let days = text.parse().ok().filter(|days| *days <= 365);
        days.map(Self).ok_or(())
    }
}
