//! Use cases that no endpoint shows, on real databases with a clock that stands still.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that fails, fails by panicking"
)]

mod jobs;
