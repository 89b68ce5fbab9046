//! How many streams there may be.

use keyward_model::{ClientId, TenantId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many streams a client may have open on a node: each process of a service has one.
const OF_CLIENT_MAX: usize = 32;
/// How many all clients of a tenant may have.
const OF_TENANT_MAX: usize = 128;

/// The streams that are open, by tenant and client.
#[derive(Debug, Clone, Default)]
pub(super) struct Places(Arc<Mutex<HashMap<TenantId, HashMap<ClientId, usize>>>>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Places,
    tenant_id: TenantId,
    client_id: ClientId,
}

impl Places {
    /// Takes a place, if there is one.
    pub(super) fn take(&self, tenant_id: TenantId, client_id: ClientId) -> Option<Place> {
        let mut tenants = self.lock();
        let of_tenant = tenants.entry(tenant_id).or_default();
        let taken: usize = of_tenant.values().sum();
        let of_client = of_tenant.get(&client_id).copied().unwrap_or_default();
        if taken >= OF_TENANT_MAX || of_client >= OF_CLIENT_MAX {
            return None;
        }
        of_tenant.insert(client_id, of_client + 1);
        Some(Place {
            places: self.clone(),
            tenant_id,
            client_id,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, HashMap<ClientId, usize>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut tenants = self.places.lock();
        let Some(of_tenant) = tenants.get_mut(&self.tenant_id) else {
            return;
        };
        if let Some(of_client) = of_tenant.get_mut(&self.client_id) {
            *of_client -= 1;
        }
        of_tenant.retain(|_, count| *count > 0);
        if of_tenant.is_empty() {
            tenants.remove(&self.tenant_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{OF_CLIENT_MAX, OF_TENANT_MAX, Places};
    use keyward_model::Id;
    use uuid::Uuid;

    #[test]
    fn each_client_and_each_tenant_has_its_own_places() {
        let (places, id) = (Places::default(), |number| Uuid::from_u128(number));
        let take =
            |tenant, client| places.take(Id::from_uuid(id(tenant)), Id::from_uuid(id(client)));
        let mut held: Vec<_> = (0..OF_CLIENT_MAX).map(|_| take(1, 1).unwrap()).collect();
        assert!(take(1, 1).is_none());
        for client in 2..=(OF_TENANT_MAX / OF_CLIENT_MAX) as u128 {
            held.extend((0..OF_CLIENT_MAX).map(|_| take(1, client).unwrap()));
        }
        assert!(take(1, 99).is_none(), "the tenant has no more");
        assert!(take(2, 1).is_some(), "another one has");
        held.truncate(1);
        assert!(take(1, 99).is_some());
        drop(held);
        assert!(places.lock().is_empty());
    }
}
