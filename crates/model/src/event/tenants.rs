//! What is said of tenants.

use super::description::object;
use super::{Description, Removal, Restored, Target};
use crate::{HostName, Tenant, TenantId};
use serde_json::{Value, json};

pub(super) fn created(tenant: &Tenant) -> Description {
    let target = Target::one("tenant", tenant.id);
    let mut description = Description::success("tenant.created", target)
        .version(tenant.version)
        .after(json!({
            "slug": tenant.slug,
            "issuer": tenant.issuer,
            "status": tenant.status,
            "settings": tenant.settings,
        }));
    // Its slug may have been that of one which is purged.
    description.removal = Some(Removal::Tenant(tenant.id));
    description
}

pub(super) fn suspended(before: &Tenant, after: &Tenant) -> Description {
    changed("tenant.suspended", before, after)
}

pub(super) fn resumed(before: &Tenant, after: &Tenant) -> Description {
    changed("tenant.resumed", before, after)
}

pub(super) fn deletion_scheduled(before: &Tenant, after: &Tenant) -> Description {
    changed("tenant.deletion_scheduled", before, after)
}

pub(super) fn postponed(before: &Tenant, after: &Tenant) -> Description {
    changed("tenant.deletion_postponed", before, after)
}

pub(super) fn deletion_cancelled(before: &Tenant, after: &Tenant) -> Description {
    changed("tenant.deletion_cancelled", before, after)
}

/// Whatever changes of a tenant, no node may go by what it knew of it.
fn changed(kind: &'static str, before: &Tenant, after: &Tenant) -> Description {
    let mut description = Description::success(kind, Target::one("tenant", after.id))
        .version(after.version)
        .after(state(after));
    description.public.before = object(state(before));
    description.removal = Some(Removal::Tenant(after.id));
    description
}

fn state(tenant: &Tenant) -> Value {
    json!({
        "status": tenant.status,
        "delete_after": tenant.delete_after,
    })
}

pub(super) fn purge_begun(tenant: &Tenant) -> Description {
    let target = Target::one("tenant", tenant.id);
    let mut description = Description::success("tenant.purge_begun", target)
        .version(tenant.version)
        .after(json!({ "status": tenant.status }));
    description.removal = Some(Removal::Tenant(tenant.id));
    description
}

pub(super) fn host_added(tenant_id: TenantId, host: &HostName) -> Description {
    host_changed("tenant.host_added", tenant_id, host)
}

pub(super) fn host_removed(tenant_id: TenantId, host: &HostName) -> Description {
    host_changed("tenant.host_removed", tenant_id, host)
}

fn host_changed(kind: &'static str, tenant_id: TenantId, host: &HostName) -> Description {
    let mut description =
        Description::success(kind, Target::one("tenant", tenant_id)).detail("host", json!(host));
    description.removal = Some(Removal::Tenant(tenant_id));
    description
}

pub(super) fn settings_changed(before: &Tenant, after: &Tenant) -> Description {
    let mut description =
        Description::success("tenant.settings_changed", Target::one("tenant", after.id))
            .version(after.version)
            .after(json!(after.settings));
    description.public.before = object(json!(before.settings));
    description.removal = Some(Removal::Tenant(after.id));
    description
}

pub(super) fn restored(tenant_id: TenantId, restored: Restored) -> Description {
    let mut description = Description::success("tenant.restored", Target::one("tenant", tenant_id))
        .detail("backup_created_at", json!(restored.backup_created_at))
        .detail("sessions_ended", json!(restored.sessions_ended))
        .detail("invitations_ended", json!(restored.invitations_ended))
        .detail("sessions_kept", json!(restored.sessions_ended.is_none()));
    description.removal = Some(Removal::Tenant(tenant_id));
    description
}
