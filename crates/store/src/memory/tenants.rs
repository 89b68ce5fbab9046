//! Tenants, each kept once for all its sessions.

use super::known::{Callers, KnownTenant, Names};
use crate::publishable_keys::TenantNames;
use keyward_model::{Tenant, TenantId};
use std::collections::HashMap;
use std::sync::Arc;

/// A bounded pool, in tenants and in bytes of what their applications call by. What does not fit is not shared.
///
/// It alone holds what it shares of these names: when they change, those of before are gone, however many sessions from
/// before the change are still in memory.
#[derive(Debug)]
pub(super) struct Tenants {
    kept: HashMap<TenantId, Kept>,
    bytes: usize,
    length_max: usize,
    bytes_max: usize,
}

#[derive(Debug)]
struct Kept {
    tenant: Arc<KnownTenant>,
    callers: Arc<Callers>,
    bytes: usize,
}

impl Tenants {
    pub(super) fn of(length_max: usize, bytes_max: usize) -> Self {
        Self {
            kept: HashMap::new(),
            bytes: 0,
            length_max,
            bytes_max,
        }
    }

    /// The pool's own copy of a tenant, and how many bytes are its session's alone. Older copies are forgotten.
    pub(super) fn share(
        &mut self,
        tenant: Tenant,
        names: TenantNames,
    ) -> (Arc<KnownTenant>, usize) {
        let (hosts, callers) = Callers::of(names);
        let known = self.kept.get(&tenant.id).filter(|kept| {
            let known = &kept.tenant;
            known.tenant == tenant && known.hosts == hosts && *kept.callers == callers
        });
        if let Some(kept) = known {
            return (kept.tenant.clone(), 0);
        }
        self.forget(tenant.id);
        let bytes = callers.bytes();
        if !self.has_room_for(bytes) {
            self.forget_unused();
        }
        if !self.has_room_for(bytes) {
            let tenant = KnownTenant::new(tenant, hosts, Names::Own(callers));
            return own(tenant, bytes);
        }
        let (id, callers) = (tenant.id, Arc::new(callers));
        let names = Names::Shared(Arc::downgrade(&callers));
        let tenant = Arc::new(KnownTenant::new(tenant, hosts, names));
        // Whoever brings a new copy pays for what of it stays as long as its sessions do.
        let own_bytes = tenant.bytes();
        let kept = Kept {
            tenant: tenant.clone(),
            callers,
            bytes,
        };
        self.bytes += bytes;
        self.kept.insert(id, kept);
        (tenant, own_bytes)
    }

    /// A copy for one session, which what the pool has does not agree with.
    pub(super) fn alone(tenant: Tenant, names: TenantNames) -> (Arc<KnownTenant>, usize) {
        let (hosts, callers) = Callers::of(names);
        let bytes = callers.bytes();
        own(KnownTenant::new(tenant, hosts, Names::Own(callers)), bytes)
    }

    /// How many bytes the shared names take.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    fn has_room_for(&self, bytes: usize) -> bool {
        self.kept.len() < self.length_max && self.bytes + bytes <= self.bytes_max
    }

    fn forget_unused(&mut self) {
        self.kept
            .retain(|_, kept| Arc::strong_count(&kept.tenant) > 1);
        self.bytes = self.kept.values().map(|kept| kept.bytes).sum();
    }

    fn forget(&mut self, id: TenantId) {
        if let Some(kept) = self.kept.remove(&id) {
            self.bytes -= kept.bytes;
        }
    }
}

fn own(tenant: KnownTenant, bytes: usize) -> (Arc<KnownTenant>, usize) {
    let own_bytes = tenant.bytes() + bytes;
    (Arc::new(tenant), own_bytes)
}
