//! For how long this server is known to hold its database alone: memory answers, and changes begin, only then.

use crate::error::Error;
use rustix::time::{ClockId, clock_gettime};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

/// How long a proof of the lock counts, from the moment *before* it was asked for.
pub(crate) const TENURE: Duration = Duration::from_secs(3);
/// How long a new holder waits if the one before it did not sign off: its last proof has run out by then, also on a clock
/// that is five percent slow.
pub(crate) const TAKE_OVER_WAIT: Duration = Duration::from_millis(3_200);

/// A moment on the clock that goes on while the machine sleeps (`CLOCK_BOOTTIME`), in nanoseconds.
///
/// A process that was stopped, or a machine that was suspended, wakes with proofs that have run out. The wall clock would
/// not do: somebody may set it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Beat(u64);

/// What is known of the lock; looked at in each request.
#[derive(Debug)]
pub(crate) struct Tenure {
    good_until: AtomicU64,
    standing: AtomicU8,
    /// How long a test wants the thread that keeps the lock to stand still, in milliseconds.
    #[cfg(feature = "testing")]
    pub(crate) stall: AtomicU64,
}

/// Who may serve the database, as far as this server knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Standing {
    /// This server held the lock when it last asked.
    Holder,
    /// Its connection is gone; it tries to take the lock again.
    Lost,
    /// Another server has taken the lock.
    Replaced,
    /// It has given the lock back.
    Ended,
}

impl Beat {
    #[expect(
        clippy::cast_sign_loss,
        reason = "the time since the machine started is never negative"
    )]
    pub(crate) fn now() -> Self {
        let since = clock_gettime(ClockId::Boottime);
        Self(since.tv_sec as u64 * 1_000_000_000 + since.tv_nsec as u64)
    }
}

impl Tenure {
    /// One that has not begun.
    pub(crate) fn new() -> Self {
        Self {
            good_until: AtomicU64::new(0),
            standing: AtomicU8::new(Standing::Lost as u8),
            #[cfg(feature = "testing")]
            stall: AtomicU64::new(0),
        }
    }

    /// Counts a proof of the lock that was asked for at `asked_at`.
    pub(crate) fn extend(&self, asked_at: Beat) {
        self.standing
            .store(Standing::Holder as u8, Ordering::SeqCst);
        let until = asked_at.0 + TENURE.as_nanos() as u64;
        self.good_until.store(until, Ordering::SeqCst);
    }

    /// Ends it at once.
    pub(crate) fn end(&self, standing: Standing) {
        self.good_until.store(0, Ordering::SeqCst);
        self.standing.store(standing as u8, Ordering::SeqCst);
    }

    /// Whether the lock is held at this moment for certain: nobody else can serve the database yet.
    pub(crate) fn holds(&self) -> bool {
        self.holds_at(Beat::now())
    }

    /// Refuses what only the holder of the lock may do.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub(crate) fn require(&self) -> Result<(), Error> {
        if self.holds() {
            return Ok(());
        }
        let is_replaced = self.standing.load(Ordering::SeqCst) == Standing::Replaced as u8;
        Err(Error::unavailable(match is_replaced {
            true => "another Keyward server has taken this database over",
            false => "the lock that lets one server alone change the database is not held just now",
        }))
    }

    fn holds_at(&self, now: Beat) -> bool {
        now.0 < self.good_until.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::{Beat, Standing, TAKE_OVER_WAIT, TENURE, Tenure};

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_proof_counts_from_before_it_was_asked_for_and_not_a_moment_longer() {
        let tenure = Tenure::new();
        assert!(!tenure.holds_at(Beat(0)));
        tenure.extend(Beat(10 * SECOND));
        assert!(tenure.holds_at(Beat(13 * SECOND - 1)));
        assert!(!tenure.holds_at(Beat(13 * SECOND)));
        tenure.extend(Beat(11 * SECOND));
        assert!(tenure.holds_at(Beat(13 * SECOND)));
        tenure.end(Standing::Lost);
        assert!(!tenure.holds_at(Beat(11 * SECOND)));
    }

    #[test]
    fn whoever_takes_over_waits_for_longer_than_a_proof_counts() {
        assert!(TAKE_OVER_WAIT > TENURE + TENURE / 20);
    }

    #[test]
    fn who_was_replaced_says_so() {
        let tenure = Tenure::new();
        tenure.end(Standing::Replaced);
        let refused = tenure.require().unwrap_err().to_string();
        assert!(refused.contains("another Keyward server"), "{refused}");
        tenure.extend(Beat::now());
        tenure.require().unwrap();
    }
}
