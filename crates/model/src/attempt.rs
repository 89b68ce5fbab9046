//! Attempts at credentials: sliding windows of them, and how many failed one after the other.
//!
//! It is arithmetic alone. That a count is committed before the credential is looked at, and that of many at once no more
//! get through than the window has room for, is the store's to keep.

use crate::Timestamp;

/// What is tried. Each is counted by itself: who mistypes a password has not used up any try at a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Factor {
    /// A password at sign-in.
    Password,
    /// The token of an invitation.
    Invitation,
    /// An address at registration, whose answer tells whether it has an account.
    Registration,
}

/// What a window is about. In this order the windows of one attempt are taken, so that two attempts never wait for each
/// other in a circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttemptScope {
    /// A device that its user has signed in on before.
    Device,
    /// A session: who is in it shows the user's password once more.
    Session,
    /// An account, or an address without one, from everywhere.
    Account,
    /// The same from one network.
    AccountAndNetwork,
    /// All accounts, from one network.
    Network,
    /// All accounts of the tenant from everywhere.
    Tenant,
}

/// How many attempts fit into a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptLimit {
    /// How many there may be; at least 1.
    pub attempts_max: u32,
    /// In how many seconds.
    pub window_seconds: i64,
}

/// The attempts that a window holds, and how many failed one after the other. As it is stored, it names nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttemptCount {
    moments: Vec<Moment>,
    failures: i64,
}

/// Attempts that were made at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment {
    at: i64,
    attempts: u32,
}

/// Where a window stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptStanding {
    /// How many more attempts there is room for.
    pub remaining: u32,
    /// After how many microseconds there is room for one; none, when there is now.
    pub retry_after_micros: Option<i64>,
}

/// Windows of more attempts than this are kept in slices of time, so that no row grows with its limit.
const EXACT_MAX: u32 = 1_000;
/// In how many slices.
const SLICES: i64 = 180;
/// How long a moment is in bytes: the time, and how many attempts.
const MOMENT_BYTES: usize = 12;
const SECOND_MICROS: i64 = 1_000_000;

impl Factor {
    /// The name in metrics and digests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Invitation => "invitation",
            Self::Registration => "registration",
        }
    }
}

impl AttemptScope {
    /// The name in answers, metrics and digests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Session => "session",
            Self::Account => "account",
            Self::AccountAndNetwork => "account_network",
            Self::Network => "network",
            Self::Tenant => "tenant",
        }
    }
}

impl AttemptLimit {
    fn window_micros(self) -> i64 {
        self.window_seconds.saturating_mul(SECOND_MICROS)
    }

    /// The moment that an attempt at `now` counts from. Of a large window it is the end of its slice of time, never
    /// earlier: so an attempt may count for a 180th of the window longer than said, and never for less.
    fn moment_of(self, now: Timestamp) -> i64 {
        if self.attempts_max <= EXACT_MAX {
            return now.micros();
        }
        let slice = (self.window_micros() / SLICES).max(1);
        let into = now.micros().rem_euclid(slice);
        match into {
            0 => now.micros(),
            _ => now.micros().saturating_add(slice - into),
        }
    }

    /// Whether an attempt at `at` counts at `now`: from then on until the window has passed. One that lies ahead by more
    /// than a window was noted by a clock that was wrong: to count it would close an account for as long as that was.
    fn holds(self, at: i64, now: Timestamp) -> bool {
        let now = now.micros();
        at.saturating_add(self.window_micros()) > now
            && at <= now.saturating_add(self.window_micros())
    }
}

impl AttemptCount {
    /// From what [`AttemptCount::to_bytes`] made; none of other bytes.
    pub fn from_bytes(bytes: &[u8], failures: i64) -> Option<Self> {
        let pieces = bytes.chunks_exact(MOMENT_BYTES);
        if !pieces.remainder().is_empty() {
            return None;
        }
        let moments = pieces.map(Moment::from_bytes).collect::<Option<_>>()?;
        Some(Self { moments, failures })
    }

    /// The attempts as they are stored: 12 bytes each, or for each slice of a large window.
    pub fn to_bytes(&self) -> Vec<u8> {
        let moments = self.moments.iter();
        moments.flat_map(|moment| moment.to_bytes()).collect()
    }

    /// How many failed, or are being looked at, since one was right.
    pub fn failures(&self) -> i64 {
        self.failures
    }

    /// Where the window stands at `now`.
    pub fn standing(&self, limit: AttemptLimit, now: Timestamp) -> AttemptStanding {
        let counting = || {
            self.moments
                .iter()
                .filter(|moment| limit.holds(moment.at, now))
        };
        let total = counting().fold(0_u32, |total, moment| total.saturating_add(moment.attempts));
        if total < limit.attempts_max {
            return AttemptStanding {
                remaining: limit.attempts_max - total,
                retry_after_micros: None,
            };
        }
        // As many must leave as are too many, and one more.
        let mut to_leave = total - limit.attempts_max + 1;
        let mut leaves_at = now.micros();
        for moment in counting() {
            leaves_at = moment.at.saturating_add(limit.window_micros());
            match to_leave.checked_sub(moment.attempts) {
                None | Some(0) => break,
                Some(rest) => to_leave = rest,
            }
        }
        AttemptStanding {
            remaining: 0,
            retry_after_micros: Some(leaves_at.saturating_sub(now.micros()).max(1)),
        }
    }

    /// Counts an attempt at `now`, as one that has failed until the contrary is shown, and lets go of those that count no
    /// more. Whoever calls this has seen that there is room.
    pub fn count(&mut self, limit: AttemptLimit, now: Timestamp) {
        self.moments.retain(|moment| limit.holds(moment.at, now));
        let at = limit.moment_of(now);
        match self.moments.binary_search_by_key(&at, |moment| moment.at) {
            Ok(index) => {
                self.moments[index].attempts = self.moments[index].attempts.saturating_add(1)
            }
            Err(index) => self.moments.insert(index, Moment { at, attempts: 1 }),
        }
        self.failures = self.failures.saturating_add(1);
    }

    /// Takes an attempt back that was counted at `at`: it was right, or was never looked at. It is not held against
    /// anybody then, and makes room again. Nothing happens when it counts no more.
    pub fn give_back(&mut self, limit: AttemptLimit, at: Timestamp) {
        let at = limit.moment_of(at);
        if let Ok(index) = self.moments.binary_search_by_key(&at, |moment| moment.at) {
            match self.moments[index].attempts {
                0 | 1 => drop(self.moments.remove(index)),
                several => self.moments[index].attempts = several - 1,
            }
        }
        self.failures = (self.failures - 1).max(0);
    }

    /// Forgets how many failed one after the other, since one was right.
    pub fn forget_failures(&mut self) {
        self.failures = 0;
    }
}

impl Moment {
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (at, attempts) = bytes.split_at_checked(size_of::<i64>())?;
        Some(Self {
            at: i64::from_be_bytes(at.try_into().ok()?),
            attempts: u32::from_be_bytes(attempts.try_into().ok()?),
        })
    }

    fn to_bytes(self) -> [u8; MOMENT_BYTES] {
        let mut bytes = [0; MOMENT_BYTES];
        let (at, attempts) = bytes.split_at_mut(size_of::<i64>());
        at.copy_from_slice(&self.at.to_be_bytes());
        attempts.copy_from_slice(&self.attempts.to_be_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests;
