//! Wall time, for time-outs and reports.

use std::time::{Duration, Instant};

/// Counts from when it was started.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(
        clippy::disallowed_methods,
        reason = "the rule keeps ambient time out of the product; this program measures real processes"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
