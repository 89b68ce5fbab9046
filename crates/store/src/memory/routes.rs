//! Where names lead: slugs, hosts, keys to the tenants that they are of, and hosts that are nobody's, such as the one that all
//! tenants of an instance share.

use crate::scope::TenantScope;
use keyward_model::{HostName, Route};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock};

/// An instance is reached under a few names that are no tenant's; beyond so many somebody makes them up.
const SHARED_HOSTS_MAX: usize = 64;
/// How many names that lead somewhere are kept, of a hundred bytes each. Nobody can make one up.
const LEADING_MAX: usize = 4_096;

/// What is remembered of names. A change of any tenant forgets all of it, since one of them may have been its.
#[derive(Debug, Default)]
pub(super) struct Routes {
    epoch: AtomicU32,
    shared_hosts: RwLock<Vec<(HostName, u32)>>,
    leading: RwLock<Leading>,
}

/// Names that lead to a tenant, all of them read in one epoch.
#[derive(Debug, Default)]
struct Leading {
    read_in: u32,
    scopes: HashMap<Route, TenantScope>,
}

impl Routes {
    pub(super) fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::SeqCst)
    }

    pub(super) fn forget_all(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether the host was looked up in this epoch and led nowhere.
    pub(super) fn is_shared(&self, host: &HostName) -> bool {
        let hosts = self.shared_hosts.read();
        let hosts = hosts.unwrap_or_else(PoisonError::into_inner);
        let epoch = self.epoch();
        hosts
            .iter()
            .any(|(known, read_in)| *read_in == epoch && known == host)
    }

    pub(super) fn keep_shared(&self, read_in: u32, host: &HostName) {
        let hosts = self.shared_hosts.write();
        let mut hosts = hosts.unwrap_or_else(PoisonError::into_inner);
        hosts.retain(|(known, _)| known != host);
        if hosts.len() >= SHARED_HOSTS_MAX {
            hosts.remove(0);
        }
        hosts.push((host.clone(), read_in));
    }

    /// Where each of these names leads, if all of them were looked up in this epoch.
    pub(super) fn find_all(&self, routes: &[Route]) -> Option<Vec<Option<TenantScope>>> {
        let leading = self.leading.read().unwrap_or_else(PoisonError::into_inner);
        let is_current = leading.read_in == self.epoch();
        let find = |route: &Route| match (leading.scopes.get(route), route) {
            (Some(scope), _) if is_current => Some(Some(*scope)),
            (_, Route::Host(host)) if self.is_shared(host) => Some(None),
            _ => None,
        };
        routes.iter().map(find).collect()
    }

    /// Remembers that a name leads to a tenant whose users are served. A client's id is left to what is kept of clients:
    /// what ends one is no change of its tenant.
    pub(super) fn keep(&self, read_in: u32, route: Route, scope: TenantScope) {
        if matches!(route, Route::OAuthClient(_)) || !scope.status().serves_users() {
            return;
        }
        let mut leading = self.leading.write().unwrap_or_else(PoisonError::into_inner);
        if read_in != self.epoch() {
            return;
        }
        if leading.read_in != read_in || leading.scopes.len() >= LEADING_MAX {
            leading.scopes.clear();
            leading.read_in = read_in;
        }
        leading.scopes.insert(route, scope);
    }
}
