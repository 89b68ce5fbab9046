//! A clock that goes only when a test says so.

use keyward_model::{Clock, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// 2026-01-01T00:00:00Z, where every clock begins.
const START: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

/// A clock that tests move by hand. Clones are the same clock.
#[derive(Debug, Clone)]
pub struct MockClock {
    micros: Arc<AtomicI64>,
}

impl MockClock {
    /// A clock at 2026-01-01T00:00:00Z.
    pub fn new() -> Self {
        Self {
            micros: Arc::new(AtomicI64::new(START.micros())),
        }
    }

    /// Sets it, forwards or backwards.
    pub fn set(&self, now: Timestamp) {
        self.micros.store(now.micros(), Ordering::SeqCst);
    }

    /// Moves it forwards, and gives the new time.
    pub fn advance(&self, by: Duration) -> Timestamp {
        let by = i64::try_from(by.as_micros()).expect("a duration of less than 292,000 years");
        Timestamp::from_micros(self.micros.fetch_add(by, Ordering::SeqCst) + by)
    }
}

impl Default for MockClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for MockClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.micros.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        self.now().since(START)
    }
}

#[cfg(test)]
mod tests {
    use super::MockClock;
    use keyward_model::Clock;
    use std::time::Duration;

    #[test]
    fn it_stands_still_until_it_is_moved() {
        let clock = MockClock::new();
        let clone = clock.clone();
        assert_eq!(clock.now().to_string(), "2026-01-01T00:00:00.000000Z");
        clock.advance(Duration::from_secs(90));
        assert_eq!(clone.now().to_string(), "2026-01-01T00:01:30.000000Z");
        clone.set("2027-05-01T00:00:00Z".parse().unwrap());
        assert_eq!(clock.now(), clone.now());
    }
}
