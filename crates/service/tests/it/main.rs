//! Use cases that no endpoint shows, on real databases with a clock that stands still.
#![expect(clippy::unwrap_used, reason = "what fails here is a test")]

mod denials;
mod erasure;
mod feed;
mod jobs;
mod purge;
mod restore;
mod signing_keys;
