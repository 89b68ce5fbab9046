//! Wall time. The rule against it keeps ambient time out of the product; what is timed here is a promise in seconds.

use std::time::{Duration, Instant};

pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "see the module")]
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
