//! What is said of tenants.

use super::description::object;
use super::{Description, Removal, Restored, Target};
use crate::{Tenant, TenantId};
use serde_json::json;

pub(super) fn created(tenant: &Tenant) -> Description {
    Description::success("tenant.created", Target::one("tenant", tenant.id))
        .version(tenant.version)
        .after(json!({
            "slug": tenant.slug,
            "issuer": tenant.issuer,
            "status": tenant.status,
            "settings": tenant.settings,
        }))
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
        .detail("sessions_kept", json!(restored.sessions_ended.is_none()));
    description.removal = Some(Removal::Tenant(tenant_id));
    description
}
