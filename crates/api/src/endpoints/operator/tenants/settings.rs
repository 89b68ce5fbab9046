//! `PATCH /operator/v1/tenants/{slug}/settings`

use super::ChangedTenantAnswer;
use crate::endpoint::Endpoint;
use crate::extract::{Body, Caller};
use crate::problem::{Code, Problem};
use axum::Json;
use axum::http::StatusCode;
use keyward_policy::Action;
use keyward_service::tenants::{ChangeTenantSettings, change_tenant_settings};
use serde::Deserialize;
use utoipa::ToSchema;

/// What is to be another; what is absent stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TenantSettingsRequest {
    /// How long an access token is valid.
    #[schema(minimum = 60, maximum = 3600)]
    access_token_ttl_seconds: Option<i64>,
    /// How long a session lives whatever happens. Sessions that are open keep theirs.
    #[schema(minimum = 300, maximum = 2592000)]
    session_ttl_seconds: Option<i64>,
    /// How long a session lives without a request, at most as long as at all. Sessions that are open keep theirs.
    #[schema(minimum = 60, maximum = 2592000)]
    session_idle_seconds: Option<i64>,
    /// How many days a user who was deleted can be restored.
    #[schema(minimum = 0, maximum = 365)]
    user_deletion_grace_days: Option<i64>,
}

pub(in crate::endpoints) fn endpoint() -> Endpoint {
    Endpoint::patch(
        "/operator/v1/tenants/{slug}/settings",
        Action::ChangeTenantSettings,
    )
    .of_operators()
    .summary("Changes the tenant's settings.")
    .takes::<TenantSettingsRequest>()
    .gives::<ChangedTenantAnswer>(StatusCode::OK)
    .fails_with(&[Code::ChangedMeanwhile])
    .handled_by(change)
}

async fn change(
    Caller(cx): Caller,
    Body(request): Body<TenantSettingsRequest>,
) -> Result<Json<ChangedTenantAnswer>, Problem> {
    let change = ChangeTenantSettings {
        access_token_ttl_seconds: request.access_token_ttl_seconds,
        session_ttl_seconds: request.session_ttl_seconds,
        session_idle_seconds: request.session_idle_seconds,
        user_deletion_grace_days: request.user_deletion_grace_days,
    };
    let tenant = change_tenant_settings(&cx, change).await?.into();
    Ok(Json(ChangedTenantAnswer { tenant }))
}
