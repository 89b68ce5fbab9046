//! What a node keeps in memory of sessions, clients and names, so that a warm request needs no SQL.
//!
//! The rules (docs/architecture.md, "What memory may say"):
//! - it only says yes: what is not here, or looks over, is asked of the store;
//! - only a read fills it, and what it filled counts for as long as nothing near it was removed since that read *began*
//!   ([`Ticket`]);
//! - events remove, never insert; they do so after their commit and before its answer, by counting one epoch on, which is
//!   the same small work for a session, a user with a thousand of them, and a tenant with a million;
//! - it is bounded in bytes: what does not fit pushes something else out, which is only slower then.

mod clients;
mod epochs;
mod known;
mod pool;
mod routes;
mod stripe;
mod tenants;

pub use clients::KnownClient;
pub use known::{KnownSession, KnownTenant, VerifiedToken};

use crate::meter::MemoryReading;
use crate::publishable_keys::TenantNames;
use crate::scope::TenantScope;
use clients::{ClientStamp, Clients};
use epochs::{Epochs, Stamp};
use keyward_model::{
    ClientId, Digest, HostName, OAuthClient, Removal, Route, Session, Tenant, TenantId, Timestamp,
    User,
};
use pool::Pool;
use routes::Routes;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use stripe::Stripe;
use tenants::Tenants;

/// How much is kept unless the settings say otherwise: about seven hundred thousand sessions.
pub(crate) const MEMORY_BYTES_MAX: usize = 256 * 1_024 * 1_024;
/// Enough that threads seldom meet on one lock.
const STRIPES: usize = 64;
/// How many different user agents are kept once for all. Most sessions share a few hundred.
const USER_AGENTS_MAX: usize = 4_096;
/// How many tenants are kept once for all their sessions.
const TENANTS_MAX: usize = 8_192;
/// Which part of the memory's size what their applications call by may take beside it.
const TENANTS_PART: usize = 8;

/// Taken before a token's key is read: worth nothing once a whole tenant was removed, as it is when a key is revoked.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct Mark {
    everything: u32,
    tenant: u32,
}

/// Taken before a read that is to fill memory; worth nothing once anything near it was removed.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub(crate) struct Ticket(Stamp);

/// Taken before a client is read that is to be remembered; worth nothing once it or its tenant was removed.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub(crate) struct ClientTicket(ClientStamp);

/// Taken before names are looked up of which is to be remembered where they lead.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct RouteTicket(u32);

/// What one read of the store gave of a token's session.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) session: Session,
    pub(crate) user: User,
    pub(crate) tenant: Tenant,
    pub(crate) names: TenantNames,
}

/// The memory of one node.
#[derive(Debug)]
pub struct Memory {
    stripes: Vec<Mutex<Stripe>>,
    epochs: Epochs,
    /// Counted on when everything is forgotten.
    everything: AtomicU32,
    /// How many removals there were, for the meter.
    removals: AtomicU64,
    user_agents: Mutex<Pool<Arc<str>, str>>,
    tenants: Mutex<Tenants>,
    routes: Routes,
    clients: Clients,
    stripe_bytes_max: usize,
    follower: OnceLock<Follower>,
}

/// What forgets with memory; `None` is everything.
pub(crate) type Follow = Box<dyn Fn(Option<Removal>) + Send + Sync>;

struct Follower(Follow);

impl std::fmt::Debug for Follower {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Follower")
    }
}

impl Memory {
    /// A memory of `bytes_max` bytes; of none, it keeps nothing.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            stripes: (0..STRIPES).map(|_| Mutex::new(Stripe::new())).collect(),
            epochs: Epochs::for_memory_of(bytes_max),
            everything: AtomicU32::new(0),
            removals: AtomicU64::new(0),
            user_agents: Mutex::new(Pool::of_length(USER_AGENTS_MAX)),
            tenants: Mutex::new(Tenants::of(TENANTS_MAX, bytes_max / TENANTS_PART)),
            routes: Routes::default(),
            clients: Clients::default(),
            stripe_bytes_max: bytes_max / STRIPES,
            follower: OnceLock::new(),
        }
    }

    /// Takes in who forgets with it; a second one is refused.
    pub(crate) fn follow(&self, follow: Follow) {
        let _ = self.follower.set(Follower(follow));
    }

    /// The session of the token with this digest, if the token was verified here before and has not ended; whether the
    /// session is live is for the caller to look at.
    pub(crate) fn recall(&self, digest: &Digest, now: Timestamp) -> Option<Arc<KnownSession>> {
        let known = lock(self.stripe_of(digest)).find(digest)?;
        (known.token_is_good(now) && self.is_current(&known)).then_some(known)
    }

    /// Begins the verification of a token.
    pub(crate) fn mark(&self, scope: &TenantScope) -> Mark {
        Mark {
            everything: self.everything.load(Ordering::SeqCst),
            tenant: self.epochs.of(scope.tenant_id().uuid()),
        }
    }

    /// Begins a read that is to fill memory, of the session of a token whose verification began with the mark.
    pub(crate) fn ticket(&self, scope: &TenantScope, token: &VerifiedToken, mark: Mark) -> Ticket {
        let Mark { everything, tenant } = mark;
        Ticket(Stamp {
            everything,
            tenant,
            ..self.stamp(scope.tenant_id(), token)
        })
    }

    /// Makes what was read into what is known, and keeps it. If something near it was removed since the ticket was taken,
    /// it counts for this one request, whose read that was, and for no other.
    pub(crate) fn keep(
        &self,
        ticket: Ticket,
        token: VerifiedToken,
        found: Found,
        now: Timestamp,
    ) -> Arc<KnownSession> {
        let (user_agent, agent_bytes) = match &found.session.user_agent {
            Some(text) => {
                let text: Arc<str> = Arc::from(text.as_str());
                let (shared, is_shared) = lock(&self.user_agents).share(text.clone(), text);
                let own_bytes = if is_shared { 0 } else { shared.len() };
                (Some(shared), own_bytes)
            }
            None => (None, 0),
        };
        let (tenant, tenant_bytes) = self.share_tenant(ticket, &token, (found.tenant, found.names));
        let shared = known::Shared {
            tenant,
            user_agent,
            own_bytes: agent_bytes + tenant_bytes,
        };
        let known = Arc::new(KnownSession::new(
            ticket.0,
            token,
            (found.session, found.user),
            shared,
        ));
        let is_over = |other: &KnownSession| !self.is_current(other) || !other.token_is_good(now);
        if self.stripe_bytes_max >= known.bytes() && self.is_current(&known) {
            lock(self.stripe_of(&token.digest)).keep(known.clone(), self.stripe_bytes_max, is_over);
        }
        known
    }

    /// What a read that a removal overtook found takes no place from what was found since.
    fn share_tenant(
        &self,
        ticket: Ticket,
        token: &VerifiedToken,
        (tenant, names): (Tenant, TenantNames),
    ) -> (Arc<KnownTenant>, usize) {
        let mut tenants = lock(&self.tenants);
        match ticket.0 == self.stamp(tenant.id, token) {
            true => tenants.share(tenant, names),
            false => Tenants::alone(tenant, names),
        }
    }

    /// Forgets everything, also what reads that are under way are about to fill in.
    pub fn forget_all(&self) {
        self.everything.fetch_add(1, Ordering::SeqCst);
        self.routes.forget_all();
        self.clients.forget_all();
        for stripe in &self.stripes {
            *lock(stripe) = Stripe::new();
        }
        self.tell(None);
    }

    /// What it holds. The rest of the reading is counted by whoever asks.
    pub(crate) fn reading(&self) -> MemoryReading {
        let (sessions, session_bytes) = self.size();
        MemoryReading {
            sessions,
            session_bytes,
            bytes_max: self.stripe_bytes_max * STRIPES,
            removals: self.removals.load(Ordering::Relaxed),
            ..MemoryReading::default()
        }
    }

    /// Forgets what committed events say is over.
    pub(crate) fn remove_all(&self, removals: Vec<Removal>) {
        removals
            .into_iter()
            .for_each(|removal| self.remove(removal));
    }

    /// Forgets what a committed event says is over. The room is used again when a later session needs it.
    fn remove(&self, removal: Removal) {
        self.removals.fetch_add(1, Ordering::Relaxed);
        match removal {
            Removal::Session(id) => self.epochs.count_on(id.uuid()),
            Removal::Token(id) => self.epochs.count_on(id.uuid()),
            Removal::Client(id) => {
                self.epochs.count_on(id.uuid());
                self.clients.remove(id);
            }
            Removal::User(id) => self.epochs.count_on(id.uuid()),
            Removal::Tenant(id) => {
                self.epochs.count_on(id.uuid());
                // A name may have become this tenant's, or lead to another status.
                self.routes.forget_all();
            }
        }
        self.tell(Some(removal));
    }

    fn tell(&self, removal: Option<Removal>) {
        if let Some(Follower(follow)) = self.follower.get() {
            follow(removal);
        }
    }

    /// Begins a look-up of names that is to be remembered.
    pub(crate) fn route_ticket(&self) -> RouteTicket {
        RouteTicket(self.routes.epoch())
    }

    /// Where all of these names lead, if that is known of each.
    pub(crate) fn recall_routes(&self, routes: &[Route]) -> Option<Vec<Option<TenantScope>>> {
        self.routes.find_all(routes)
    }

    /// Remembers where a name leads, unless some tenant was changed since the ticket was taken.
    pub(crate) fn keep_route(&self, ticket: RouteTicket, route: Route, scope: TenantScope) {
        if self.stripe_bytes_max > 0 {
            self.routes.keep(ticket.0, route, scope);
        }
    }

    /// Remembers that a host leads to no tenant, unless some tenant was changed since the ticket was taken.
    pub(crate) fn keep_shared_host(&self, ticket: RouteTicket, host: &HostName) {
        if self.stripe_bytes_max > 0 {
            self.routes.keep_shared(ticket.0, host);
        }
    }

    /// Whether a host is known to lead to no tenant, so that it names nobody.
    pub(crate) fn is_shared_host(&self, host: &HostName) -> bool {
        self.routes.is_shared(host)
    }

    /// How many sessions are kept, and in how many bytes. Some of them may be over already.
    pub fn size(&self) -> (usize, usize) {
        self.stripes.iter().fold((0, 0), |(length, bytes), stripe| {
            let stripe = lock(stripe);
            (length + stripe.length(), bytes + stripe.bytes())
        })
    }

    /// The client with this id, if it was read here before.
    pub(crate) fn recall_client(&self, id: ClientId) -> Option<Arc<KnownClient>> {
        let known = self.clients.find(id)?;
        let tenant_id = known.tenant.tenant.id;
        (known.stamp == self.client_stamp(tenant_id, id)).then_some(known)
    }

    /// Begins a read of a client that is to be remembered.
    pub(crate) fn client_ticket(&self, scope: &TenantScope, id: ClientId) -> ClientTicket {
        ClientTicket(self.client_stamp(scope.tenant_id(), id))
    }

    /// Makes what was read of a client into what is known, and keeps it unless it was removed since the ticket was taken.
    pub(crate) fn keep_client(
        &self,
        ticket: ClientTicket,
        client: OAuthClient,
        (tenant, names): (Tenant, TenantNames),
    ) -> Arc<KnownClient> {
        let (id, tenant_id) = (client.id, tenant.id);
        let is_current = || ticket.0 == self.client_stamp(tenant_id, id);
        let (tenant, _) = {
            let mut tenants = lock(&self.tenants);
            match is_current() {
                true => tenants.share(tenant, names),
                false => Tenants::alone(tenant, names),
            }
        };
        let known = Arc::new(KnownClient {
            client,
            tenant,
            stamp: ticket.0,
        });
        if self.stripe_bytes_max > 0 && is_current() {
            self.clients.keep(known.clone());
        }
        known
    }

    fn client_stamp(&self, tenant_id: TenantId, id: ClientId) -> ClientStamp {
        ClientStamp {
            everything: self.everything.load(Ordering::SeqCst),
            tenant: self.epochs.of(tenant_id.uuid()),
            client: self.epochs.of(id.uuid()),
        }
    }

    fn stamp(&self, tenant_id: TenantId, token: &VerifiedToken) -> Stamp {
        Stamp {
            everything: self.everything.load(Ordering::SeqCst),
            tenant: self.epochs.of(tenant_id.uuid()),
            user: self.epochs.of(token.user_id.uuid()),
            session: self.epochs.of(token.session_id.uuid()),
            token: self.epochs.of(token.id.uuid()),
        }
    }

    fn is_current(&self, known: &KnownSession) -> bool {
        let tenant_id = known.tenant.tenant.id;
        known.stamp() == self.stamp(tenant_id, &known.token())
    }

    fn stripe_of(&self, digest: &Digest) -> &Mutex<Stripe> {
        &self.stripes[usize::from(digest.0[0]) % STRIPES]
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
