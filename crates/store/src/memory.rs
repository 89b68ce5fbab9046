//! What a node keeps in memory of sessions, so that a warm request needs no SQL.
//!
//! The rules (docs/architecture.md, "What memory may say"):
//! - it only says yes: what is not here, or looks over, is asked of the store;
//! - only a read fills it, and only if nothing near it was removed since that read began ([`Ticket`]);
//! - events remove, never insert; they do so after their commit and before its answer;
//! - it is bounded: what does not fit pushes something else out, which is only slower then.

use crate::scope::TenantScope;
use keyward_model::{
    Digest, HostName, Id, Removal, Session, SessionId, Tenant, Timestamp, User, UserId, UserStatus,
};
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How much is kept where one node serves: about seventy thousand sessions.
pub(crate) const MEMORY_BYTES_MAX: usize = 64 * 1_024 * 1_024;
/// Enough that threads seldom meet on one lock.
const STRIPES: usize = 64;
/// What a session costs beside its texts: the structs, its places in three maps.
const SESSION_BYTES: usize = 900;
/// What a token costs: digest, ids, its place in a map.
const TOKEN_BYTES: usize = 150;

/// A tenant, with the names that a request may call it by.
#[derive(Debug, PartialEq)]
pub struct KnownTenant {
    /// As the store had it.
    pub tenant: Tenant,
    /// Its own hosts.
    pub hosts: Vec<HostName>,
}

/// A session with everything that an answer about it says.
#[derive(Debug)]
pub struct KnownSession {
    /// As the store had it.
    pub session: Session,
    /// As the store had it.
    pub user: User,
    /// As the store had it.
    pub tenant: KnownTenant,
    /// When it was last seen, in microseconds: what was read, or a touch that was committed since.
    last_active_at: AtomicI64,
}

/// An access token whose signature and claims were verified, as far as memory looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedToken {
    /// Of the whole token.
    pub digest: Digest,
    /// The session that it points to.
    pub session_id: SessionId,
    /// Whose it says that is.
    pub user_id: UserId,
    /// From when it is good.
    pub good_from: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What is kept of a token: the scope that it was verified in, which is the scope that it gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KnownToken {
    pub(crate) scope: TenantScope,
    pub(crate) token: VerifiedToken,
}

/// Taken before a read that is to fill memory; worth nothing once anything near it was removed.
#[derive(Debug, Clone, Copy)]
#[must_use]
pub(crate) struct Ticket {
    session_id: SessionId,
    user_id: UserId,
    session_removals: u64,
    user_removals: u64,
    tenant_removals: u64,
}

/// The memory of one node.
#[derive(Debug)]
pub struct Memory {
    tokens: Vec<Mutex<HashMap<[u8; 32], KnownToken>>>,
    sessions: Vec<Mutex<Stripe<Arc<KnownSession>>>>,
    users: Vec<Mutex<Stripe<Vec<SessionId>>>>,
    /// How often a whole tenant was removed, whichever: that is rare.
    tenant_removals: AtomicU64,
    bytes_max: usize,
}

/// A part of a map, with the count of what was removed near it.
#[derive(Debug)]
struct Stripe<V> {
    removals: u64,
    bytes: usize,
    entries: HashMap<uuid::Uuid, V>,
}

impl KnownTenant {
    /// What one read of the store gave.
    pub(crate) fn new(tenant: Tenant, hosts: Vec<HostName>) -> Self {
        Self { tenant, hosts }
    }
}

impl KnownSession {
    /// What one read of the store gave.
    pub(crate) fn new(session: Session, user: User, tenant: KnownTenant) -> Self {
        let last_active_at = AtomicI64::new(session.last_active_at.micros());
        Self {
            session,
            user,
            tenant,
            last_active_at,
        }
    }

    /// Whether it admits its user at `now`.
    pub fn admits(&self, now: Timestamp) -> bool {
        let idles_out_at = self
            .last_active_at()
            .plus_seconds(self.session.idle_seconds);
        self.session.ended.is_none()
            && now < self.session.expires_at
            && now < idles_out_at
            && self.user.status == UserStatus::Active
            && self.tenant.tenant.status.serves_users()
    }

    /// When it was last seen.
    pub fn last_active_at(&self) -> Timestamp {
        Timestamp::from_micros(self.last_active_at.load(Ordering::Relaxed))
    }

    /// Notes a touch that the store has committed.
    pub fn note_touched(&self, now: Timestamp) {
        self.last_active_at
            .fetch_max(now.micros(), Ordering::Relaxed);
    }

    fn bytes(&self) -> usize {
        let texts = [
            self.session.address.as_ref().map_or(0, String::len),
            self.session.user_agent.as_ref().map_or(0, String::len),
            self.session.device.name.as_ref().map_or(0, String::len),
            self.session
                .device
                .fingerprint
                .as_ref()
                .map_or(0, String::len),
            2 * self.user.email.as_given().len(),
        ];
        SESSION_BYTES + texts.iter().sum::<usize>()
    }
}

impl Memory {
    /// A memory of about `bytes_max` bytes, four fifths of it for sessions; of none, it keeps nothing.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            tokens: (0..STRIPES).map(|_| Mutex::new(HashMap::new())).collect(),
            sessions: (0..STRIPES).map(|_| Mutex::new(Stripe::new())).collect(),
            users: (0..STRIPES).map(|_| Mutex::new(Stripe::new())).collect(),
            tenant_removals: AtomicU64::new(0),
            bytes_max,
        }
    }

    /// The token with this digest, if its signature was verified here before and it has not ended.
    pub(crate) fn find_token(&self, digest: &Digest, now: Timestamp) -> Option<KnownToken> {
        let token = lock(self.tokens_of(digest)).get(&digest.0).copied()?;
        (token.token.good_from <= now && now < token.token.expires_at).then_some(token)
    }

    /// Keeps a verified token. It says nothing of its session, so it needs no ticket.
    pub(crate) fn keep_token(&self, known: KnownToken, now: Timestamp) {
        let length_max = self.bytes_max / 5 / STRIPES / TOKEN_BYTES;
        if length_max == 0 {
            return;
        }
        let mut tokens = lock(self.tokens_of(&known.token.digest));
        if tokens.len() >= length_max {
            tokens.retain(|_, known| now < known.token.expires_at);
            make_room(&mut tokens, length_max);
        }
        tokens.insert(known.token.digest.0, known);
    }

    /// The session, as the store had it; whether it is live is for the caller to look at.
    pub(crate) fn find_session(&self, id: SessionId) -> Option<Arc<KnownSession>> {
        lock(part(&self.sessions, id))
            .entries
            .get(&id.uuid())
            .cloned()
    }

    /// Begins a read that is to fill memory.
    pub(crate) fn ticket(&self, session_id: SessionId, user_id: UserId) -> Ticket {
        let tenant_removals = self.tenant_removals.load(Ordering::SeqCst);
        let user_removals = lock(part(&self.users, user_id)).removals;
        let session_removals = lock(part(&self.sessions, session_id)).removals;
        Ticket {
            session_id,
            user_id,
            session_removals,
            user_removals,
            tenant_removals,
        }
    }

    /// Keeps what was read, unless something near it was removed since the ticket was taken.
    pub(crate) fn keep_session(&self, ticket: Ticket, known: Arc<KnownSession>) {
        let mut users = lock(part(&self.users, ticket.user_id));
        let mut sessions = lock(part(&self.sessions, ticket.session_id));
        // Looked at under the lock of the stripe, which the removal of a tenant takes after it has counted.
        let fresh = users.removals == ticket.user_removals
            && sessions.removals == ticket.session_removals
            && self.tenant_removals.load(Ordering::SeqCst) == ticket.tenant_removals;
        let itself = known.session.id == ticket.session_id && known.user.id == ticket.user_id;
        let bytes_max = self.bytes_max / 5 * 4 / STRIPES;
        if !fresh || !itself || known.bytes() > bytes_max {
            return;
        }
        let pushed_out = sessions.make_room(known.bytes(), bytes_max);
        sessions.put(known);
        let of_user = users.entries.entry(ticket.user_id.uuid()).or_default();
        if !of_user.contains(&ticket.session_id) {
            of_user.push(ticket.session_id);
        }
        drop((sessions, users));
        pushed_out.iter().for_each(|other| self.forget_owner(other));
    }

    /// Forgets everything: a test that changed rows behind the store's back has no event to tell of it.
    #[cfg(feature = "testing")]
    pub fn forget_all(&self) {
        for tokens in &self.tokens {
            lock(tokens).clear();
        }
        for sessions in &self.sessions {
            *lock(sessions) = Stripe::new();
        }
        for users in &self.users {
            *lock(users) = Stripe::new();
        }
    }

    /// Forgets what committed events say is over.
    pub(crate) fn remove_all(&self, removals: Vec<Removal>) {
        removals
            .into_iter()
            .for_each(|removal| self.remove(removal));
    }

    /// Forgets what a committed event says is over.
    fn remove(&self, removal: Removal) {
        match removal {
            Removal::Session(id) => self.remove_session(id),
            Removal::User(id) => {
                let mut users = lock(part(&self.users, id));
                users.removals += 1;
                let sessions = users.entries.remove(&id.uuid()).unwrap_or_default();
                drop(users);
                sessions.into_iter().for_each(|id| self.remove_session(id));
            }
            Removal::Tenant(id) => {
                self.tenant_removals.fetch_add(1, Ordering::SeqCst);
                for sessions in &self.sessions {
                    let of_tenant: Vec<SessionId> = lock(sessions)
                        .entries
                        .values()
                        .filter(|known| known.tenant.tenant.id == id)
                        .map(|known| known.session.id)
                        .collect();
                    of_tenant.into_iter().for_each(|id| self.remove_session(id));
                }
            }
        }
    }

    fn remove_session(&self, id: SessionId) {
        let mut sessions = lock(part(&self.sessions, id));
        sessions.removals += 1;
        let removed = sessions.take(id.uuid());
        drop(sessions);
        if let Some(known) = removed {
            self.forget_owner(&known);
        }
    }

    /// Takes a session that is no longer here off its user's list, unless it came back meanwhile.
    fn forget_owner(&self, known: &KnownSession) {
        let mut users = lock(part(&self.users, known.user.id));
        if lock(part(&self.sessions, known.session.id))
            .entries
            .contains_key(&known.session.id.uuid())
        {
            return;
        }
        if let Some(of_user) = users.entries.get_mut(&known.user.id.uuid()) {
            of_user.retain(|other| *other != known.session.id);
            if of_user.is_empty() {
                users.entries.remove(&known.user.id.uuid());
            }
        }
    }

    fn tokens_of(&self, digest: &Digest) -> &Mutex<HashMap<[u8; 32], KnownToken>> {
        &self.tokens[usize::from(digest.0[0]) % STRIPES]
    }
}

impl<V> Stripe<V> {
    fn new() -> Self {
        Self {
            removals: 0,
            bytes: 0,
            entries: HashMap::new(),
        }
    }
}

impl Stripe<Arc<KnownSession>> {
    fn put(&mut self, known: Arc<KnownSession>) {
        self.bytes += known.bytes();
        if let Some(before) = self.entries.insert(known.session.id.uuid(), known) {
            self.bytes -= before.bytes();
        }
    }

    fn take(&mut self, id: uuid::Uuid) -> Option<Arc<KnownSession>> {
        let known = self.entries.remove(&id)?;
        self.bytes -= known.bytes();
        Some(known)
    }

    /// Pushes others out until `bytes` more fit. Which ones is chance, as the order of a map is.
    fn make_room(&mut self, bytes: usize, bytes_max: usize) -> Vec<Arc<KnownSession>> {
        let mut pushed_out = Vec::new();
        while self.bytes + bytes > bytes_max {
            let Some(other) = self.entries.keys().next().copied() else {
                break;
            };
            pushed_out.extend(self.take(other));
        }
        pushed_out
    }
}

/// The stripe of an id, by its random tail.
fn part<K, V>(stripes: &[Mutex<V>], id: Id<K>) -> &Mutex<V> {
    &stripes[usize::from(id.uuid().as_bytes()[15]) % STRIPES]
}

fn make_room(tokens: &mut HashMap<[u8; 32], KnownToken>, length_max: usize) {
    while tokens.len() >= length_max {
        let Some(other) = tokens.keys().next().copied() else {
            return;
        };
        tokens.remove(&other);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::{KnownSession, KnownTenant, KnownToken, Memory, STRIPES, VerifiedToken};
    use crate::scope::TenantScope;
    use keyward_model::{
        Device, Digest, Id, Removal, Role, Session, Tenant, TenantSettings, TenantStatus,
        Timestamp, User, UserStatus,
    };
    use std::sync::Arc;
    use uuid::Uuid;

    const START: Timestamp = Timestamp::from_micros(0);

    fn known(session: u128, user: u128) -> Arc<KnownSession> {
        let session = Session {
            id: Id::from_uuid(Uuid::from_u128(session)),
            user_id: Id::from_uuid(Uuid::from_u128(user)),
            created_at: START,
            last_active_at: START,
            expires_at: START.plus_seconds(60),
            idle_seconds: 60,
            address: None,
            user_agent: None,
            device: Device::default(),
            ended: None,
            version: 1,
        };
        let user = User {
            id: session.user_id,
            email: "ada@example.org".parse().unwrap(),
            name: None,
            role: Role::Member,
            status: UserStatus::Active,
            created_at: START,
            last_sign_in_at: None,
            last_sign_in_address: None,
            deletes_at: None,
            version: 1,
        };
        let tenant = Tenant {
            id: Id::from_uuid(Uuid::from_u128(7)),
            slug: "demo".parse().unwrap(),
            issuer: "https://demo.example".parse().unwrap(),
            status: TenantStatus::Active,
            settings: TenantSettings::default(),
            created_at: START,
            version: 1,
        };
        Arc::new(KnownSession::new(
            session,
            user,
            KnownTenant::new(tenant, vec![]),
        ))
    }

    fn keep(memory: &Memory, known: &Arc<KnownSession>) {
        memory.keep_session(
            memory.ticket(known.session.id, known.user.id),
            known.clone(),
        );
    }

    #[test]
    fn what_a_read_found_is_kept_until_its_removal() {
        let memory = Memory::new(1 << 20);
        let (one, other) = (known(1, 10), known(2, 10));
        keep(&memory, &one);
        keep(&memory, &other);
        memory.remove(Removal::Session(one.session.id));
        assert!(memory.find_session(one.session.id).is_none());
        assert!(memory.find_session(other.session.id).is_some());
    }

    #[test]
    fn the_removal_of_a_user_takes_all_of_their_sessions_and_nobody_elses() {
        let memory = Memory::new(1 << 20);
        let sessions: Vec<_> = (1..=100).map(|number| known(number, number % 2)).collect();
        sessions.iter().for_each(|known| keep(&memory, known));
        memory.remove(Removal::User(sessions[0].user.id));
        for known in &sessions {
            let gone = known.user.id == sessions[0].user.id;
            assert_eq!(memory.find_session(known.session.id).is_none(), gone);
        }
    }

    #[test]
    fn the_removal_of_a_tenant_takes_all_of_its_sessions() {
        let memory = Memory::new(1 << 20);
        let sessions: Vec<_> = (1..=100).map(|number| known(number, number)).collect();
        sessions.iter().for_each(|known| keep(&memory, known));
        memory.remove(Removal::Tenant(Id::from_uuid(Uuid::from_u128(8))));
        assert!(
            memory.find_session(sessions[0].session.id).is_some(),
            "another tenant's"
        );
        memory.remove(Removal::Tenant(sessions[0].tenant.tenant.id));
        for known in &sessions {
            assert!(memory.find_session(known.session.id).is_none());
        }
    }

    #[test]
    fn asvs_v7_4_1_a_read_that_a_removal_overtook_fills_nothing() {
        for removal in [
            Removal::Session(known(1, 10).session.id),
            Removal::User(known(1, 10).user.id),
            Removal::Tenant(known(1, 10).tenant.tenant.id),
        ] {
            let memory = Memory::new(1 << 20);
            let known = known(1, 10);
            // Nothing is kept yet that the removal could take away: the ticket alone tells.
            let ticket = memory.ticket(known.session.id, known.user.id);
            memory.remove(removal);
            memory.keep_session(ticket, known.clone());
            assert!(
                memory.find_session(known.session.id).is_none(),
                "{removal:?}"
            );
            keep(&memory, &known);
            assert!(
                memory.find_session(known.session.id).is_some(),
                "a later read is good"
            );
        }
    }

    #[test]
    fn memory_is_bounded_and_forgets_owners_with_their_sessions() {
        let memory = Memory::new(STRIPES * 10_000);
        (0..10_000).for_each(|number| keep(&memory, &known(number, number)));
        let kept = |number: &u128| memory.find_session(known(*number, 0).session.id).is_some();
        let count = (0..10_000).filter(kept).count();
        assert!((STRIPES..=STRIPES * 8).contains(&count), "{count}");
        let owners: usize = memory
            .users
            .iter()
            .map(|users| super::lock(users).entries.len())
            .sum();
        assert_eq!(owners, count);
    }

    #[test]
    fn without_room_nothing_is_kept() {
        let memory = Memory::new(0);
        keep(&memory, &known(1, 10));
        assert!(memory.find_session(known(1, 10).session.id).is_none());
    }

    #[test]
    fn a_token_ends_with_its_time_and_tokens_are_bounded() {
        let memory = Memory::new(STRIPES * 10_000);
        let token = |digest: [u8; 32]| KnownToken {
            scope: TenantScope::resolved(Id::from_uuid(Uuid::from_u128(7))),
            token: VerifiedToken {
                digest: Digest(digest),
                session_id: Id::from_uuid(Uuid::from_u128(1)),
                user_id: Id::from_uuid(Uuid::from_u128(2)),
                good_from: START,
                expires_at: START.plus_seconds(300),
            },
        };
        memory.keep_token(token([1; 32]), START);
        assert_eq!(
            memory.find_token(&Digest([1; 32]), START.plus_seconds(299)),
            Some(token([1; 32]))
        );
        assert_eq!(
            memory.find_token(&Digest([1; 32]), START.plus_seconds(300)),
            None
        );
        for number in 0..10_000_u32 {
            let mut digest = [0; 32];
            digest[..4].copy_from_slice(&number.to_be_bytes());
            memory.keep_token(token(digest), START);
        }
        let count: usize = memory
            .tokens
            .iter()
            .map(|tokens| super::lock(tokens).len())
            .sum();
        assert!(count <= STRIPES * 14, "{count}");
    }
}
