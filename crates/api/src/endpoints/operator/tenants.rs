//! `/operator/v1/tenants/…`: the tenants, and what is in them.

pub(in crate::endpoints) mod audit_events;
pub(in crate::endpoints) mod create;
pub(in crate::endpoints) mod list;
pub(in crate::endpoints) mod one;
pub(in crate::endpoints) mod users;

use crate::endpoints::admin::settings::SettingsBody;
use keyward_model::{HostName, Tenant, TenantStatus};
use serde::Serialize;
use utoipa::ToSchema;

/// A tenant, as operators see it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GovernedTenantBody {
    /// UUIDv7.
    id: String,
    /// Its short name.
    slug: String,
    /// The `iss` of its tokens.
    issuer: String,
    /// `active`.
    #[schema(value_type = String)]
    status: TenantStatus,
    /// RFC 3339, UTC.
    #[schema(format = "date-time")]
    created_at: String,
    /// What it may set for itself.
    settings: SettingsBody,
    /// Counts its changes.
    version: i64,
}

/// A tenant with the host names that are its own.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GovernedTenantAnswer {
    /// As it is now.
    tenant: GovernedTenantBody,
    /// The host names that lead to it.
    hosts: Vec<String>,
}

impl From<Tenant> for GovernedTenantBody {
    fn from(tenant: Tenant) -> Self {
        Self {
            id: tenant.id.to_string(),
            slug: tenant.slug.to_string(),
            issuer: tenant.issuer.to_string(),
            status: tenant.status,
            created_at: tenant.created_at.to_string(),
            settings: tenant.settings.into(),
            version: tenant.version,
        }
    }
}

impl From<(Tenant, Vec<HostName>)> for GovernedTenantAnswer {
    fn from((tenant, hosts): (Tenant, Vec<HostName>)) -> Self {
        Self {
            tenant: tenant.into(),
            hosts: hosts.iter().map(ToString::to_string).collect(),
        }
    }
}
