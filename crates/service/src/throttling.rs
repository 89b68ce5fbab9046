//! Attempts at credentials: counted, and the count committed, before the credential is looked at (ASVS V6.3.1).
//!
//! Each attempt is counted in several windows at once, in one transaction: it goes on if all of them have room, and is in
//! none of them otherwise. What is right is given back in the transaction that acts on it. An attempt whose outcome never
//! came to be, since the process was killed, stays counted.

use crate::cx::Cx;
use crate::outcome::Recorded;
use keyward_model::{
    AttemptCount, AttemptLimit, AttemptScope, Client, Digest, EmailAddress, Event, Factor,
    KnownDeviceId, TenantSettings, Timestamp, UserId,
};
use keyward_policy::{Action, Denied};
use keyward_store::{Error, TenantTx};
use std::net::IpAddr;
use std::time::Duration;

/// What the operator set: how much of an instance strangers may use up. What an account bears is its tenant's to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThrottlingSettings {
    /// How long an attempt counts.
    pub window_seconds: i64,
    /// How many attempts of a kind come from one network, at whatever accounts.
    pub network_attempts_max: u32,
    /// How many passwords are tried in one tenant on devices that are not known.
    pub tenant_attempts_max: u32,
}

/// An attempt was one too many. It is the same for an account and for an address without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many attempts ({})", scope.name())]
pub struct TooManyAttempts {
    /// At what.
    pub factor: Factor,
    /// Which window is full; of several the one that stays so for the longest.
    pub scope: AttemptScope,
    /// What fits into it.
    pub limit: AttemptLimit,
    /// When there is room again. Of an account that is closed it only says when to look again.
    pub retry_after: Duration,
}

/// When to look again whether an administrator has opened an account.
const CLOSED_RETRY: Duration = Duration::from_secs(24 * 3_600);
/// A count of failures is kept for a day each: whoever waits for it to be forgotten tries one password a day.
const KEPT_SECONDS_PER_FAILURE: i64 = 24 * 3_600;

/// What an attempt at a password is counted by, before it is known which limits hold.
#[derive(Debug)]
pub(crate) struct PasswordDigests {
    token: Digest,
    digests: [Digest; 5],
}

/// What was found of them.
#[derive(Debug)]
pub(crate) struct PasswordCounts {
    /// The device, if it is one of the account.
    pub(crate) device: Option<KnownDeviceId>,
    digests: [Digest; 5],
    counts: Vec<AttemptCount>,
}

/// The windows of one attempt, in the order in which they are held.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    factor: Factor,
    windows: Vec<Window>,
    device: Option<KnownDeviceId>,
    about: Option<About>,
}

/// Whose credential is tried, for the record.
#[derive(Debug, Clone)]
pub(crate) struct About {
    pub(crate) user_id: Option<UserId>,
    pub(crate) email: EmailAddress,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    scope: AttemptScope,
    digest: Digest,
    limit: AttemptLimit,
    /// After how many failures in a row it is closed, where it ever is.
    failures_max: Option<i64>,
}

/// An attempt that was counted, and may now be looked at.
#[derive(Debug, Clone)]
#[must_use = "what is right is given back"]
pub(crate) struct Counted {
    guard: Guard,
    at: Timestamp,
}

impl ThrottlingSettings {
    fn limit(&self, attempts_max: u32) -> AttemptLimit {
        AttemptLimit {
            attempts_max,
            window_seconds: self.window_seconds,
        }
    }
}

impl Default for ThrottlingSettings {
    /// What `default.toml` says.
    fn default() -> Self {
        Self {
            window_seconds: 900,
            network_attempts_max: 100,
            tenant_attempts_max: 10_000,
        }
    }
}

impl PasswordDigests {
    /// Of an address and of the digest of whatever was sent as a device's token. Every attempt has all of them, so that all
    /// take the same time.
    pub(crate) fn of(cx: &Cx, email: &EmailAddress, token: Digest) -> Self {
        let (address, network) = (email.canonical().as_bytes(), network_of(cx.client()));
        let digest =
            |scope: AttemptScope, parts: &[&[u8]]| digest_of(cx, Factor::Password, scope, parts);
        let digests = [
            digest(AttemptScope::Device, &[&token.0]),
            digest(AttemptScope::Account, &[address]),
            digest(AttemptScope::AccountAndNetwork, &[address, &network]),
            digest(AttemptScope::Network, &[&network]),
            digest(AttemptScope::Tenant, &[]),
        ];
        Self { token, digests }
    }

    /// Reads what was counted, and whether the device is known.
    pub(crate) async fn find(
        self,
        tx: &mut TenantTx<'_>,
        email: &EmailAddress,
        now: Timestamp,
    ) -> Result<PasswordCounts, Error> {
        Ok(PasswordCounts {
            device: tx.find_known_device(self.token, email, now).await?,
            counts: tx.find_attempts(&self.digests).await?,
            digests: self.digests,
        })
    }
}

impl PasswordCounts {
    /// The windows that this attempt is counted in: on a device that is known its own alone, so that what strangers do to
    /// the account, from the same network or to the tenant does not keep its user out.
    fn guard(self, cx: &Cx, settings: &TenantSettings, about: About) -> (Guard, Vec<AttemptCount>) {
        let throttling = &cx.platform().settings().throttling;
        let of_tenant = |max: i64| throttling.limit(u32::try_from(max).unwrap_or(u32::MAX));
        let failures_max = Some(settings.account_failures_max);
        let known = self.device.filter(|_| settings.known_device_days > 0);
        let windows = [
            (
                AttemptScope::Device,
                of_tenant(settings.account_attempts_max),
                failures_max,
            ),
            (
                AttemptScope::Account,
                of_tenant(settings.account_attempts_max),
                failures_max,
            ),
            (
                AttemptScope::AccountAndNetwork,
                of_tenant(settings.account_network_attempts_max),
                None,
            ),
            (
                AttemptScope::Network,
                throttling.limit(throttling.network_attempts_max),
                None,
            ),
            (
                AttemptScope::Tenant,
                throttling.limit(throttling.tenant_attempts_max),
                None,
            ),
        ];
        // Of one network there are never more than from everywhere: where the limits are alike, the account's says it all.
        let by_network = settings.account_network_attempts_max < settings.account_attempts_max;
        let counts_in = |scope: AttemptScope| match scope {
            AttemptScope::Device => known.is_some(),
            AttemptScope::AccountAndNetwork => known.is_none() && by_network,
            _ => known.is_none(),
        };
        let all = self.digests.into_iter().zip(windows).zip(self.counts);
        let (windows, counts) = all
            .filter(|((_, (scope, ..)), _)| counts_in(*scope))
            .map(|((digest, (scope, limit, failures_max)), count)| {
                let window = Window {
                    scope,
                    digest,
                    limit,
                    failures_max,
                };
                (window, count)
            })
            .unzip();
        let guard = Guard {
            factor: Factor::Password,
            windows,
            device: known,
            about: Some(about),
        };
        (guard, counts)
    }

    /// Counts an attempt at a password.
    pub(crate) async fn count<E>(
        self,
        cx: &Cx,
        settings: &TenantSettings,
        about: About,
    ) -> Result<Counted, E>
    where
        E: From<Error> + From<Denied> + From<TooManyAttempts> + Send + 'static,
    {
        let (guard, counts) = self.guard(cx, settings, about);
        guard.count(cx, Action::SignIn, &counts).await
    }
}

/// Counts an attempt at something of which the network alone is counted: what is long and random needs no more, and what
/// strangers may do to an address must not be held against it.
pub(crate) async fn count_by_network<E>(
    cx: &Cx,
    action: Action,
    factor: Factor,
) -> Result<Counted, E>
where
    E: From<Error> + From<Denied> + From<TooManyAttempts> + Send + 'static,
{
    let throttling = &cx.platform().settings().throttling;
    let scope = AttemptScope::Network;
    let window = Window {
        scope,
        digest: digest_of(cx, factor, scope, &[&network_of(cx.client())]),
        limit: throttling.limit(throttling.network_attempts_max),
        failures_max: None,
    };
    let guard = Guard {
        factor,
        windows: vec![window],
        device: None,
        about: None,
    };
    let digest = window.digest;
    let counts = cx.prepare(async move |tx| tx.find_attempts(&[digest]).await);
    guard.count(cx, action, &counts.await?).await
}

/// Counts an attempt at the caller's own password in the session that they act in, which a failure too many leaves nothing
/// but to be signed in anew.
pub(crate) async fn count_in_session<E>(
    cx: &Cx,
    action: Action,
    settings: &TenantSettings,
) -> Result<Counted, E>
where
    E: From<Error> + From<Denied> + From<TooManyAttempts> + Send + 'static,
{
    let (factor, scope) = (Factor::Password, AttemptScope::Session);
    let session_id = cx.principal().session_id().ok_or(Denied { action })?;
    let attempts_max = u32::try_from(settings.account_attempts_max).unwrap_or(u32::MAX);
    let window = Window {
        scope,
        digest: digest_of(cx, factor, scope, &[session_id.uuid().as_bytes()]),
        limit: cx.platform().settings().throttling.limit(attempts_max),
        failures_max: Some(settings.account_failures_max),
    };
    let guard = Guard {
        factor,
        windows: vec![window],
        device: None,
        about: None,
    };
    let digest = window.digest;
    let counts = cx.prepare(async move |tx| tx.find_attempts(&[digest]).await);
    guard.count(cx, action, &counts.await?).await
}

/// Forgets what was counted of an address on unknown devices: the window, and how many failed in a row.
pub(crate) async fn forget_account(
    cx: &Cx,
    tx: &mut TenantTx<'_>,
    email: &EmailAddress,
) -> Result<Option<AttemptCount>, Error> {
    let address = email.canonical().as_bytes();
    let digest = digest_of(cx, Factor::Password, AttemptScope::Account, &[address]);
    tx.forget_attempts(digest).await
}

impl Guard {
    /// Refuses what was full already when it was read, at no cost but that of the read; then counts.
    async fn count<E>(self, cx: &Cx, action: Action, seen: &[AttemptCount]) -> Result<Counted, E>
    where
        E: From<Error> + From<Denied> + From<TooManyAttempts> + Send + 'static,
    {
        let refused = |refused: TooManyAttempts| {
            cx.platform()
                .meter()
                .note_throttled(refused.factor, refused.scope);
            refused
        };
        self.admit(seen, cx.now()).map_err(refused)?;
        let written = cx.write(async move |cx, tx| {
            let permit = cx
                .permit(action, cx.principal())
                .map_err(Uncounted::Denied)?;
            let mut held = self.hold(tx, cx.now()).await?;
            self.admit(&held, cx.now()).map_err(Uncounted::TooMany)?;
            let events = self.note(tx, &mut held, cx.now()).await?;
            let at = cx.now();
            Ok(Recorded::all(permit, Counted { guard: self, at }, events))
        });
        written.await.map_err(|error| match error {
            Uncounted::TooMany(too_many) => refused(too_many).into(),
            Uncounted::Denied(denied) => denied.into(),
            Uncounted::Store(error) => error.into(),
        })
    }

    async fn hold(
        &self,
        tx: &mut TenantTx<'_>,
        now: Timestamp,
    ) -> Result<Vec<AttemptCount>, Error> {
        let digests: Vec<Digest> = self.windows.iter().map(|window| window.digest).collect();
        let longest = self
            .windows
            .iter()
            .map(|window| window.limit.window_seconds)
            .max();
        let expires_at = now.plus_seconds(longest.unwrap_or_default());
        tx.hold_attempts(&digests, expires_at).await
    }

    /// Whether all windows have room.
    fn admit(&self, counts: &[AttemptCount], now: Timestamp) -> Result<(), TooManyAttempts> {
        let waits = self
            .windows
            .iter()
            .zip(counts)
            .filter_map(|(window, count)| {
                let retry_after = window.wait(count, now)?;
                Some(TooManyAttempts {
                    factor: self.factor,
                    scope: window.scope,
                    limit: window.limit,
                    retry_after,
                })
            });
        // Of those that stay full for equally long the first says it best.
        let longest = waits.reduce(|one, other| match other.retry_after > one.retry_after {
            true => other,
            false => one,
        });
        longest.map_or(Ok(()), Err)
    }

    /// Counts in all of them, and says what that closes.
    async fn note(
        &self,
        tx: &mut TenantTx<'_>,
        counts: &mut [AttemptCount],
        now: Timestamp,
    ) -> Result<Vec<Event>, Error> {
        let mut events = Vec::new();
        for (window, count) in self.windows.iter().zip(counts) {
            count.count(window.limit, now);
            window.keep(tx, count, now).await?;
            if window.is_closed(count) {
                events.extend(self.close(tx, window.scope, count.failures()).await?);
            }
        }
        Ok(events)
    }

    async fn close(
        &self,
        tx: &mut TenantTx<'_>,
        scope: AttemptScope,
        failures: i64,
    ) -> Result<Option<Event>, Error> {
        match (scope, self.device, &self.about) {
            (AttemptScope::Device, Some(device_id), _) => {
                let user_id = tx.forget_known_device(device_id).await?;
                Ok(user_id.map(|user_id| Event::KnownDeviceForgotten {
                    user_id,
                    device_id,
                    failures,
                }))
            }
            (_, _, Some(About { user_id, email })) => Ok(Some(Event::UserLocked {
                user_id: *user_id,
                email: email.clone(),
                failures,
            })),
            _ => Ok(None),
        }
    }
}

impl Counted {
    /// Gives the attempt back in the transaction that acts on it: it was right, so that failures are not in a row any more.
    pub(crate) async fn succeed(
        &self,
        tx: &mut TenantTx<'_>,
        now: Timestamp,
    ) -> Result<Vec<Event>, Error> {
        self.give_back(tx, now, AttemptCount::forget_failures).await
    }

    /// Gives an attempt back that was never looked at. If that fails it stays counted.
    pub(crate) async fn take_back(&self, cx: &Cx, action: Action) {
        let own = self.clone();
        let written = cx.write::<_, Uncounted, _>(async move |cx, tx| {
            let permit = cx
                .permit(action, cx.principal())
                .map_err(Uncounted::Denied)?;
            let events = own.give_back(tx, cx.now(), |_| ()).await?;
            Ok(Recorded::all(permit, (), events))
        });
        if let Err(error) = written.await {
            tracing::warn!(%error, "an attempt that was not looked at stays counted");
        }
    }

    async fn give_back(
        &self,
        tx: &mut TenantTx<'_>,
        now: Timestamp,
        then: impl Fn(&mut AttemptCount),
    ) -> Result<Vec<Event>, Error> {
        let mut counts = self.guard.hold(tx, now).await?;
        let mut events = Vec::new();
        for (window, count) in self.guard.windows.iter().zip(&mut counts) {
            let (was_closed, failures) = (window.is_closed(count), count.failures());
            count.give_back(window.limit, self.at);
            then(count);
            window.keep(tx, count, now).await?;
            let user_id = self.guard.about.as_ref().and_then(|about| about.user_id);
            if let (true, false, AttemptScope::Account, Some(user_id)) =
                (was_closed, window.is_closed(count), window.scope, user_id)
            {
                events.push(Event::UserUnlocked { user_id, failures });
            }
        }
        Ok(events)
    }
}

impl Window {
    /// How long until there is room; none, when there is now.
    fn wait(&self, count: &AttemptCount, now: Timestamp) -> Option<Duration> {
        if self.is_closed(count) {
            return Some(CLOSED_RETRY);
        }
        let micros = count.standing(self.limit, now).retry_after_micros?;
        Some(Duration::from_micros(micros.unsigned_abs()))
    }

    fn is_closed(&self, count: &AttemptCount) -> bool {
        self.failures_max.is_some_and(|max| count.failures() >= max)
    }

    async fn keep(
        &self,
        tx: &mut TenantTx<'_>,
        count: &mut AttemptCount,
        now: Timestamp,
    ) -> Result<(), Error> {
        if self.failures_max.is_none() {
            count.forget_failures();
        }
        tx.keep_attempts(self.digest, count, self.expires_at(count, now))
            .await
    }

    /// Until when a count says something. That of a closed account does until somebody opens it, whether it exists or not:
    /// else one that is open again after a time would be known to be none.
    fn expires_at(&self, count: &AttemptCount, now: Timestamp) -> Option<Timestamp> {
        if self.is_closed(count) && self.scope == AttemptScope::Account {
            return None;
        }
        // An attempt of a large window counts for a little longer than the window.
        let of_window = self.limit.window_seconds.saturating_mul(2);
        let of_failures = count.failures().saturating_mul(KEPT_SECONDS_PER_FAILURE);
        Some(now.plus_seconds(of_window.max(of_failures)))
    }
}

/// Why nothing was counted.
#[derive(Debug, thiserror::Error)]
enum Uncounted {
    #[error(transparent)]
    TooMany(TooManyAttempts),
    #[error(transparent)]
    Denied(Denied),
    #[error(transparent)]
    Store(#[from] Error),
}

fn digest_of(cx: &Cx, factor: Factor, scope: AttemptScope, parts: &[&[u8]]) -> Digest {
    let names = [factor.name().as_bytes(), scope.name().as_bytes()];
    let parts = [&names, parts].concat();
    cx.platform()
        .root_key()
        .attempt_digest(cx.tenant_id(), &parts)
}

/// Who somebody is as a network: an IPv4 address, or the /64 that an IPv6 subscriber has. All that come without an address
/// are one.
fn network_of(client: &Client) -> Vec<u8> {
    match client.address.map(|address| address.to_canonical()) {
        Some(IpAddr::V4(address)) => address.octets().to_vec(),
        Some(IpAddr::V6(address)) => address.octets()[..8].to_vec(),
        None => Vec::new(),
    }
}
