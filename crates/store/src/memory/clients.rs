//! OAuth clients that proved themselves lately, by the rules of everything here: a read fills, events remove, and what is not
//! here is asked of the store.

use super::known::KnownTenant;
use keyward_model::{ClientId, OAuthClient};
use std::collections::HashMap;
use std::sync::PoisonError;
use std::sync::{Arc, RwLock};

/// How many are kept: a kilobyte or two each, with their keys.
const LENGTH_MAX: usize = 4_096;

/// A client with its tenant.
#[derive(Debug)]
pub struct KnownClient {
    /// As the store had it: active.
    pub client: OAuthClient,
    /// In which tenant.
    pub tenant: Arc<KnownTenant>,
    pub(super) stamp: ClientStamp,
}

/// The epochs that the read of a client began in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClientStamp {
    pub(super) everything: u32,
    pub(super) tenant: u32,
    pub(super) client: u32,
}

/// A bounded map. What does not fit pushes another out, whichever.
#[derive(Debug, Default)]
pub(super) struct Clients {
    kept: RwLock<HashMap<ClientId, Arc<KnownClient>>>,
}

impl Clients {
    pub(super) fn find(&self, id: ClientId) -> Option<Arc<KnownClient>> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        kept.get(&id).cloned()
    }

    pub(super) fn keep(&self, known: Arc<KnownClient>) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        let id = known.client.id;
        if kept.len() >= LENGTH_MAX
            && !kept.contains_key(&id)
            && let Some(other) = kept.keys().next().copied()
        {
            kept.remove(&other);
        }
        kept.insert(id, known);
    }

    pub(super) fn remove(&self, id: ClientId) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.remove(&id);
    }

    pub(super) fn forget_all(&self) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.clear();
    }
}
