//! What the tests of Keyward share: a clock that stands still, randomness that repeats, databases, first
//! rows, and a running server with a client.
//!
//! What it is not: nothing here is ever shipped. It fails by panicking, since the only reader of its failures is a test.
//!
//! Invariants:
//! - a test has a SQLite file of its own; on PostgreSQL the tests of one process share a database and are kept apart by
//!   their tenants;
//! - what cannot run here is written to the log of skipped tests, never silently passed.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test's set-up that fails is a failed test"
)]

mod app;
mod client;
mod clock;
mod country_file;
mod databases;
mod engines;
mod event_stream;
mod fixtures;
mod key_set;
mod operator;
mod random;
mod verifier;

pub use app::{PASSWORD, ROOT_KEY, TestApp, TestAppOptions, TestTenant, TestUser};
pub use client::{Answer, TestClient};
pub use clock::MockClock;
pub use country_file::country_file;
pub use databases::{
    Engine, PostgresUrls, Rows, TestDatabase, postgres_store, postgres_store_with, query_postgres,
    scratch_postgres, scratch_postgres_store_with, sqlite_store, sqlite_store_with,
};
pub use event_stream::{EventStream, ServerEvent};
pub use fixtures::{
    event_record, new_session, new_tenant, new_user, unsaved_job, unsaved_oauth_client,
    unsaved_publishable_key, unsaved_session, unsaved_signing_key, unsaved_tenant,
    unsaved_tenant_key, unsaved_token_family, unsaved_user,
};
pub use key_set::{KeySetFollower, Refused};
pub use operator::TestOperator;
pub use random::SeededRandom;
pub use verifier::{Rejected, Verifier, VerifierSettings};
