//! For how long this node may answer from memory: what every other node waits for at most.

use keyward_model::{Counter, Histogram};
use rustix::time::{ClockId, clock_gettime};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long a lease lasts, from the moment *before* the feed was read.
pub(crate) const LEASE: Duration = Duration::from_secs(2);
/// How long to wait for a node that does not move: its lease has run out by then, also on a clock that is five percent slow.
pub(crate) const OUTWAIT: Duration = Duration::from_millis(2_200);

/// A moment on the clock that goes on while the machine sleeps (`CLOCK_BOOTTIME`), in nanoseconds.
///
/// A process that was stopped, or a machine that was suspended, wakes with a lease that has run out. The wall clock would
/// not do: somebody may set it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

/// The lease, looked at in each request that memory answers, and what is counted of it.
#[derive(Debug)]
pub(crate) struct NodeLease {
    good_until: AtomicU64,
    /// How often this node joined the others: once at its start, and after each loss.
    pub(crate) joins: Counter,
    /// How long a turn took: from before the feed was read until the others could see it.
    pub(crate) turns: Histogram,
    /// How many rows of the feed were applied.
    pub(crate) applied: Counter,
    #[cfg(feature = "testing")]
    pub(crate) hindrance: Hindrance,
}

/// What a test does to the thread that keeps the lease.
#[cfg(feature = "testing")]
#[derive(Debug, Default)]
pub(crate) struct Hindrance {
    /// How long it is to stand still before its next turn, in milliseconds.
    pub(crate) stall: AtomicU64,
    /// The same between its reading of the feed and its row.
    pub(crate) stall_within: AtomicU64,
    /// Whether it hears no notifications.
    pub(crate) is_deaf: std::sync::atomic::AtomicBool,
}

impl Moment {
    #[expect(
        clippy::cast_sign_loss,
        reason = "the time since the machine started is never negative"
    )]
    pub(crate) fn now() -> Self {
        let since = clock_gettime(ClockId::Boottime);
        Self(since.tv_sec as u64 * 1_000_000_000 + since.tv_nsec as u64)
    }

    /// So long after the clock began.
    #[cfg(test)]
    pub(crate) fn of(since: Duration) -> Self {
        Self(since.as_nanos() as u64)
    }

    /// How long ago it was.
    pub(crate) fn elapsed(self) -> Duration {
        Self::now().since(self)
    }

    /// How long it is after an earlier one.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// As a number that only this machine's later moments exceed.
    pub(crate) fn number(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }
}

impl NodeLease {
    /// One that has not begun.
    pub(crate) fn new() -> Self {
        Self {
            good_until: AtomicU64::new(0),
            joins: Counter::new(),
            turns: Histogram::of_durations(),
            applied: Counter::new(),
            #[cfg(feature = "testing")]
            hindrance: Hindrance::default(),
        }
    }

    /// Begins it, or extends it: the feed was read after `noted`, and all that it says is forgotten.
    pub(crate) fn extend(&self, noted: Moment) {
        let until = noted.0 + LEASE.as_nanos() as u64;
        self.good_until.store(until, Ordering::SeqCst);
    }

    /// Ends it at once.
    pub(crate) fn end(&self) {
        self.good_until.store(0, Ordering::SeqCst);
    }

    /// Whether memory may answer at this moment.
    pub(crate) fn holds(&self) -> bool {
        self.holds_at(Moment::now())
    }

    /// How much longer it lasts.
    pub(crate) fn rest(&self) -> Duration {
        Moment(self.good_until.load(Ordering::SeqCst)).since(Moment::now())
    }

    fn holds_at(&self, now: Moment) -> bool {
        now.0 < self.good_until.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::{LEASE, Moment, NodeLease, OUTWAIT};

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_lease_counts_from_before_the_feed_was_read_and_not_a_moment_longer() {
        let lease = NodeLease::new();
        assert!(!lease.holds_at(Moment(0)));
        lease.extend(Moment(10 * SECOND));
        assert!(lease.holds_at(Moment(12 * SECOND - 1)));
        assert!(!lease.holds_at(Moment(12 * SECOND)));
        lease.extend(Moment(11 * SECOND));
        assert!(lease.holds_at(Moment(12 * SECOND)));
        lease.end();
        assert!(!lease.holds_at(Moment(11 * SECOND)));
    }

    #[test]
    fn whoever_waits_waits_for_longer_than_a_lease_lasts_on_a_slow_clock() {
        assert!(OUTWAIT > LEASE + LEASE / 20);
    }
}
