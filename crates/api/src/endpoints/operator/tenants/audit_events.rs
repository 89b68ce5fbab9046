//! `GET /operator/v1/tenants/{slug}/audit/events`

use crate::bodies::PageBody;
use crate::endpoint::Endpoint;
use crate::endpoints::admin::audit_events::{AuditEventBody, AuditParameters, list};
use axum::http::StatusCode;
use keyward_policy::Action;

pub(in crate::endpoints) fn endpoint() -> Endpoint {
    Endpoint::get(
        "/operator/v1/tenants/{slug}/audit/events",
        Action::ReadAuditEvents,
    )
    .of_operators()
    .summary("Lists what happened in a tenant, newest first.")
    .query::<AuditParameters>()
    .gives::<PageBody<AuditEventBody>>(StatusCode::OK)
    .handled_by(list)
}
