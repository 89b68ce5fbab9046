//! Host names that lead to no tenant, such as the one that all tenants of an instance share.

use keyward_model::HostName;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{PoisonError, RwLock};

/// An instance is reached under a few names; beyond so many somebody makes them up.
const LENGTH_MAX: usize = 64;

/// What is remembered of hosts. A change of any tenant forgets all of it, since its host may have been one of them.
#[derive(Debug)]
pub(super) struct SharedHosts {
    epoch: AtomicU32,
    names: RwLock<Vec<(HostName, u32)>>,
}

impl SharedHosts {
    pub(super) fn new() -> Self {
        Self {
            epoch: AtomicU32::new(0),
            names: RwLock::new(Vec::new()),
        }
    }

    pub(super) fn epoch(&self) -> u32 {
        self.epoch.load(Ordering::SeqCst)
    }

    pub(super) fn forget_all(&self) {
        self.epoch.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether the host was looked up in this epoch and led nowhere.
    pub(super) fn has(&self, host: &HostName) -> bool {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let epoch = self.epoch();
        names
            .iter()
            .any(|(known, read_in)| *read_in == epoch && known == host)
    }

    pub(super) fn keep(&self, read_in: u32, host: &HostName) {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        names.retain(|(known, _)| known != host);
        if names.len() >= LENGTH_MAX {
            names.remove(0);
        }
        names.push((host.clone(), read_in));
    }
}
