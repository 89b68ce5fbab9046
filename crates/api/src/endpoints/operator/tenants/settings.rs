//! `PATCH /operator/v1/tenants/{slug}/settings`

use crate::endpoint::Endpoint;
use crate::endpoints::admin::settings::{SettingsAnswer, SettingsRequest, change_own};
use crate::problem::Code;
use axum::http::StatusCode;
use keyward_policy::Action;

pub(in crate::endpoints) fn endpoint() -> Endpoint {
    Endpoint::patch(
        "/operator/v1/tenants/{slug}/settings",
        Action::ChangeSettings,
    )
    .of_operators()
    .summary("Changes the tenant's settings.")
    .takes::<SettingsRequest>()
    .conditional()
    .gives::<SettingsAnswer>(StatusCode::OK)
    .fails_with(&[Code::ChangedMeanwhile])
    .handled_by(change_own)
}
