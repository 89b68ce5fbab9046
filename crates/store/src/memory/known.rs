//! What is kept of a session: small enough to keep many, and whole enough to answer from.

use super::epochs::Stamp;
use crate::publishable_keys::TenantNames;
use crate::scope::TenantScope;
use keyward_model::{
    ClientId, CountryCode, Digest, HostName, Origin, PublishableName, Role, Session, SessionId,
    Tenant, Timestamp, TokenId, User, UserId, UserStatus,
};
use std::mem::size_of;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Weak};

/// What an allocation takes beside its bytes, rounded up.
const ALLOCATION_BYTES: usize = 16;
/// A session's slot, its place in the index and its part of what both have in reserve.
const PLACE_BYTES: usize = 32;

/// A tenant, with the names that a request may call it by.
#[derive(Debug)]
pub struct KnownTenant {
    /// As the store had it.
    pub tenant: Tenant,
    /// Its own hosts.
    pub hosts: Vec<HostName>,
    names: Names,
}

/// What a tenant's applications call by. There may be much of it, and its administrators change it as they like.
#[derive(Debug, PartialEq)]
pub(super) struct Callers {
    publishable_keys: Vec<PublishableName>,
    origins: Vec<Origin>,
}

/// Where they are.
#[derive(Debug)]
pub(super) enum Names {
    /// With all sessions of the tenant, for as long as they are as they were.
    Shared(Weak<Callers>),
    /// Here alone.
    Own(Callers),
}

/// A session with everything that an answer about it says.
#[derive(Debug)]
pub struct KnownSession {
    /// Names the session.
    pub session_id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// In which tenant.
    pub tenant: Arc<KnownTenant>,
    /// When the user signed in.
    pub created_at: Timestamp,
    /// When the user last proved in it who they are.
    pub authenticated_at: Timestamp,
    /// When it ends whatever happens.
    pub expires_at: Timestamp,
    /// From which country it was opened.
    pub country: Option<CountryCode>,
    /// How many seconds without a request end it.
    pub idle_seconds: i64,
    /// Which device wins a conflict.
    pub device_priority: i64,
    /// What the user may do.
    pub role: Role,
    /// Whether the user may sign in.
    pub status: UserStatus,
    /// When the account was made.
    pub user_created_at: Timestamp,
    /// When the user last signed in.
    pub last_sign_in_at: Option<Timestamp>,
    was_ended: bool,
    used: AtomicBool,
    /// When it was last seen, in microseconds: what was read, or a touch since, which the store may get a little later.
    last_active_at: AtomicI64,
    user_agent: Option<Arc<str>>,
    texts: Texts<6>,
    token: KnownToken,
    stamp: Stamp,
    bytes: u32,
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
    /// Names it.
    pub id: TokenId,
    /// To whom it was issued; none is Keyward's own sign-in.
    pub client: Option<ClientId>,
}

/// The same without what its session says already: there are many of them.
#[derive(Debug)]
struct KnownToken {
    digest: Digest,
    good_from: Timestamp,
    expires_at: Timestamp,
    id: TokenId,
    client: Option<ClientId>,
}

/// What a session has in common with others.
pub(super) struct Shared {
    pub(super) tenant: Arc<KnownTenant>,
    pub(super) user_agent: Option<Arc<str>>,
    /// What of it is this session's alone after all.
    pub(super) own_bytes: usize,
}

/// Some texts in one allocation.
#[derive(Debug)]
struct Texts<const N: usize> {
    all: Box<str>,
    /// Where each ends; it begins where the one before it ends.
    ends: [u16; N],
    /// Bit by bit, which of them are there.
    present: u8,
}

impl KnownTenant {
    pub(super) fn new(tenant: Tenant, hosts: Vec<HostName>, names: Names) -> Self {
        Self {
            tenant,
            hosts,
            names,
        }
    }

    /// Whether a publishable key is known to be active. It may be without being known.
    pub fn has_publishable_key(&self, key: &PublishableName) -> bool {
        self.ask(|callers| callers.publishable_keys.contains(key))
    }

    /// Whether browsers are known to be allowed to call from an origin. They may be without that being known.
    pub fn allows_origin(&self, origin: &Origin) -> bool {
        self.ask(|callers| callers.origins.contains(origin))
    }

    /// What it takes of memory, but for what its applications call by.
    pub(super) fn bytes(&self) -> usize {
        let (slug, issuer) = (&self.tenant.slug, &self.tenant.issuer);
        let texts = slug.to_string().len() + issuer.to_string().len() + 2 * ALLOCATION_BYTES;
        size_of::<Self>() + texts + bytes_of(self.hosts.iter())
    }

    fn ask(&self, question: impl FnOnce(&Callers) -> bool) -> bool {
        match &self.names {
            Names::Shared(callers) => callers.upgrade().is_some_and(|callers| question(&callers)),
            Names::Own(callers) => question(callers),
        }
    }
}

impl Callers {
    /// What of a tenant's names are those of its applications, after its hosts.
    pub(super) fn of(names: TenantNames) -> (Vec<HostName>, Self) {
        let TenantNames {
            hosts,
            publishable_keys,
            origins,
        } = names;
        let callers = Self {
            publishable_keys,
            origins,
        };
        (hosts, callers)
    }

    /// What they take of memory.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + bytes_of(self.publishable_keys.iter()) + bytes_of(self.origins.iter())
    }
}

/// What texts take, each with its own allocation.
fn bytes_of<T: ToString>(texts: impl Iterator<Item = T>) -> usize {
    let each = size_of::<String>() + ALLOCATION_BYTES;
    texts.map(|text| text.to_string().len() + each).sum()
}

impl KnownSession {
    pub(super) fn new(
        stamp: Stamp,
        token: VerifiedToken,
        (session, user): (Session, User),
        shared: Shared,
    ) -> Self {
        let texts = Texts::pack([
            Some(user.email.as_given()),
            user.name.as_ref().map(|name| name.as_str()),
            user.last_sign_in_address.as_deref(),
            session.address.as_deref(),
            session.device.name.as_deref(),
            session.device.fingerprint.as_deref(),
        ]);
        let of_arc = size_of::<Self>() + 2 * size_of::<usize>();
        let bytes =
            of_arc + texts.all.len() + 2 * ALLOCATION_BYTES + PLACE_BYTES + shared.own_bytes;
        Self {
            session_id: session.id,
            user_id: user.id,
            tenant: shared.tenant,
            created_at: session.created_at,
            authenticated_at: session.authenticated_at,
            expires_at: session.expires_at,
            country: session.country,
            idle_seconds: session.idle_seconds,
            device_priority: session.device.priority,
            role: user.role,
            status: user.status,
            user_created_at: user.created_at,
            last_sign_in_at: user.last_sign_in_at,
            was_ended: session.ended.is_some(),
            used: AtomicBool::new(false),
            last_active_at: AtomicI64::new(session.last_active_at.micros()),
            user_agent: shared.user_agent,
            texts,
            token: KnownToken {
                digest: token.digest,
                good_from: token.good_from,
                expires_at: token.expires_at,
                id: token.id,
                client: token.client,
            },
            stamp,
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
        }
    }

    /// Whether it admits its user at `now`.
    pub fn admits(&self, now: Timestamp) -> bool {
        !self.was_ended
            && now < self.expires_at
            && now < self.idles_out_at()
            && self.status == UserStatus::Active
            && self.tenant.tenant.status.serves_users()
    }

    /// When it was last seen.
    pub fn last_active_at(&self) -> Timestamp {
        Timestamp::from_micros(self.last_active_at.load(Ordering::Relaxed))
    }

    /// When it ends if no request comes.
    pub fn idles_out_at(&self) -> Timestamp {
        self.last_active_at().plus_seconds(self.idle_seconds)
    }

    /// Notes a touch. Whoever does so sees to it that the store gets it, too.
    pub fn note_touched(&self, now: Timestamp) {
        self.last_active_at
            .fetch_max(now.micros(), Ordering::Relaxed);
    }

    /// The user's e-mail address, as they gave it.
    pub fn email(&self) -> &str {
        self.texts.get(0).unwrap_or_default()
    }

    /// How the user wants to be called.
    pub fn user_name(&self) -> Option<&str> {
        self.texts.get(1)
    }

    /// From where the user last signed in.
    pub fn last_sign_in_address(&self) -> Option<&str> {
        self.texts.get(2)
    }

    /// From where the session was opened.
    pub fn address(&self) -> Option<&str> {
        self.texts.get(3)
    }

    /// With which agent the session was opened.
    pub fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    /// A name that the user knows the device by.
    pub fn device_name(&self) -> Option<&str> {
        self.texts.get(4)
    }

    /// By which the client recognizes the device.
    pub fn device_fingerprint(&self) -> Option<&str> {
        self.texts.get(5)
    }

    /// The token by which it was found.
    pub fn token(&self) -> VerifiedToken {
        VerifiedToken {
            digest: self.token.digest,
            session_id: self.session_id,
            user_id: self.user_id,
            good_from: self.token.good_from,
            expires_at: self.token.expires_at,
            id: self.token.id,
            client: self.token.client,
        }
    }

    /// The scope that its token was verified in.
    pub(crate) fn scope(&self) -> TenantScope {
        TenantScope::resolved(self.tenant.tenant.id)
    }

    pub(super) fn token_is_good(&self, now: Timestamp) -> bool {
        self.token.good_from <= now && now < self.token.expires_at
    }

    pub(super) fn digest(&self) -> &Digest {
        &self.token.digest
    }

    pub(super) fn stamp(&self) -> Stamp {
        self.stamp
    }

    /// What it takes of memory, with its token and its place.
    pub(super) fn bytes(&self) -> usize {
        self.bytes as usize
    }

    pub(super) fn note_used(&self) {
        // Looked at first: writing each time would take the line from the other cores.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn take_used(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
    }
}

impl<const N: usize> Texts<N> {
    /// All of them together are of less than 64 KiB: each is bounded where it comes in. What is not is left out.
    fn pack(texts: [Option<&str>; N]) -> Self {
        let mut all = String::with_capacity(texts.iter().flatten().map(|text| text.len()).sum());
        let (mut ends, mut present) = ([0; N], 0);
        for (index, text) in texts.into_iter().enumerate() {
            let text = text.filter(|text| all.len() + text.len() <= usize::from(u16::MAX));
            if let Some(text) = text {
                all.push_str(text);
                present |= 1 << index;
            }
            ends[index] = all.len() as u16;
        }
        Self {
            all: all.into_boxed_str(),
            ends,
            present,
        }
    }

    fn get(&self, index: usize) -> Option<&str> {
        let end = usize::from(*self.ends.get(index)?);
        let begin = match index.checked_sub(1) {
            Some(before) => usize::from(*self.ends.get(before)?),
            None => 0,
        };
        let is_there = self.present & (1 << index) != 0;
        is_there.then(|| self.all.get(begin..end)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::Texts;

    #[test]
    fn packed_texts_come_back_and_what_is_absent_is_not_empty() {
        let texts = [Some("ada@example.org"), None, Some(""), Some("Gerät")];
        let packed = Texts::pack(texts);
        for (index, text) in texts.into_iter().enumerate() {
            assert_eq!(packed.get(index), text);
        }
        assert_eq!(packed.get(4), None);
        let long = "x".repeat(40_000);
        let packed = Texts::pack([Some(long.as_str()), Some(long.as_str()), Some("y")]);
        assert_eq!(packed.get(1), None);
        assert_eq!(packed.get(2), Some("y"));
    }
}
