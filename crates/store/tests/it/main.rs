//! The suites of the store: one file a topic, and each on both engines unless its name says why not.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here is a test"
)]

mod conformance;
mod horizon;
mod isolation;
mod locks;
mod migrations;
mod nodes;
mod parity;
mod sources;
mod statements;
mod support;
mod transactions;
