//! `/operator/v1/tenants/…`: the tenants, and what is in them.

pub(in crate::endpoints) mod audit_events;
pub(in crate::endpoints) mod create;
pub(in crate::endpoints) mod hosts;
pub(in crate::endpoints) mod lifecycle;
pub(in crate::endpoints) mod list;
pub(in crate::endpoints) mod one;
pub(in crate::endpoints) mod users;

use keyward_model::{HostName, Tenant, TenantSettings, TenantStatus};
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
    /// `active`, `suspended`, `deleting` or `purging`.
    #[schema(value_type = String)]
    status: TenantStatus,
    /// RFC 3339, UTC.
    #[schema(format = "date-time")]
    created_at: String,
    /// From when on it is deleted, if it is to be.
    #[schema(format = "date-time")]
    delete_after: Option<String>,
    /// What it may set for itself.
    settings: TenantSettingsBody,
    /// Counts its changes.
    version: i64,
}

/// What a tenant may set for itself.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TenantSettingsBody {
    /// How long an access token is valid.
    access_token_ttl_seconds: i64,
    /// How long a session lives whatever happens.
    session_ttl_seconds: i64,
    /// How long a session lives without a request.
    session_idle_seconds: i64,
    /// How many days a user who was deleted can be restored.
    user_deletion_grace_days: i64,
    /// What the next signing key signs with: `EdDSA` or `ES256`.
    signing_algorithm: &'static str,
    /// After how many days a signing key is followed by another; never, if 0.
    signing_key_rotation_days: i64,
    /// How long a new signing key is published before it signs.
    signing_key_propagation_seconds: i64,
    /// How long verifiers may keep the key set.
    key_set_max_age_seconds: i64,
}

/// A tenant with the host names that are its own.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GovernedTenantAnswer {
    /// As it is now.
    tenant: GovernedTenantBody,
    /// The host names that lead to it.
    hosts: Vec<String>,
}

/// A tenant after it was changed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangedTenantAnswer {
    /// As it is now.
    tenant: GovernedTenantBody,
}

impl From<Tenant> for GovernedTenantBody {
    fn from(tenant: Tenant) -> Self {
        Self {
            id: tenant.id.to_string(),
            slug: tenant.slug.to_string(),
            issuer: tenant.issuer.to_string(),
            status: tenant.status,
            created_at: tenant.created_at.to_string(),
            delete_after: tenant.delete_after.map(|moment| moment.to_string()),
            settings: tenant.settings.into(),
            version: tenant.version,
        }
    }
}

impl From<TenantSettings> for TenantSettingsBody {
    fn from(settings: TenantSettings) -> Self {
        let TenantSettings {
            access_token_ttl_seconds,
            session_ttl_seconds,
            session_idle_seconds,
            user_deletion_grace_days,
            signing_algorithm,
            signing_key_rotation_days,
            signing_key_propagation_seconds,
            key_set_max_age_seconds,
        } = settings;
        Self {
            access_token_ttl_seconds,
            session_ttl_seconds,
            session_idle_seconds,
            user_deletion_grace_days,
            signing_algorithm: signing_algorithm.name(),
            signing_key_rotation_days,
            signing_key_propagation_seconds,
            key_set_max_age_seconds,
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
