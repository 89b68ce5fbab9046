//! What the events of publishable keys say of themselves.

use super::description::{Description, Removal, Target};
use crate::{PublishableKey, TenantId};
use serde_json::json;

pub(super) fn created(key: &PublishableKey) -> Description {
    describe_added("publishable_key.created", key)
}

pub(super) fn enabled(key: &PublishableKey) -> Description {
    describe_added("publishable_key.enabled", key)
}

pub(super) fn disabled(tenant_id: TenantId, key: &PublishableKey) -> Description {
    describe_withdrawn("publishable_key.disabled", tenant_id, key)
}

pub(super) fn deleted(tenant_id: TenantId, key: &PublishableKey) -> Description {
    describe_withdrawn("publishable_key.deleted", tenant_id, key)
}

/// The key exists, or leads somewhere again. Nobody relied on that it did not.
fn describe_added(kind: &'static str, key: &PublishableKey) -> Description {
    about(kind, key).after(json!({
        "key": key.key,
        "name": key.name,
        "status": key.status,
        "allowed_origins": key.allowed_origins,
    }))
}

/// The key leads nowhere any more.
fn describe_withdrawn(
    kind: &'static str,
    tenant_id: TenantId,
    key: &PublishableKey,
) -> Description {
    let mut description = about(kind, key).detail("key", json!(key.key));
    // What is kept of a tenant's sessions knows by which names it is called.
    description.removal = Some(Removal::Tenant(tenant_id));
    description
}

fn about(kind: &'static str, key: &PublishableKey) -> Description {
    let target = Target {
        kind: "publishable_key",
        id: Some(key.id.uuid()),
    };
    Description::success(kind, target).version(key.version)
}
