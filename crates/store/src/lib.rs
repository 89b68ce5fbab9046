//! All SQL of Keyward, and the transactions it runs in, on SQLite and on PostgreSQL.
//!
//! A use case hands a closure to [`Store::write`] or [`Store::read`]; the same closure runs on both engines. No begin,
//! commit or rollback is visible outside this crate, and no query takes a tenant: [`TenantTx`] binds the one of its
//! [`TenantScope`].
//!
//! What it is not: it decides nothing, draws no randomness, hashes nothing, and reads no clock but a stopwatch for meters and
//! the one that says for how long this node may answer from memory (`node_lease.rs`).
//!
//! Invariants:
//! - what was answered is durable, and what was not answered may or may not stand;
//! - changed rows are committed with an event or not at all;
//! - on SQLite a closure is polled once: it awaits SQL and nothing else;
//! - after a statement failed, nothing of its transaction is committed;
//! - on PostgreSQL the request role cannot see rows of another tenant, whatever a statement says.

mod attempts;
mod backup;
mod columns;
mod error;
mod events;
mod feed;
mod holding;
mod idempotency;
mod instance_events;
mod invitations;
mod jobs;
mod keys;
mod known_devices;
mod link;
mod locks;
mod memory;
mod meter;
mod migrations;
mod node_lease;
mod nodes;
mod oauth_clients;
mod postgres;
mod publishable_keys;
mod purge;
mod revocations;
mod roles;
mod routing;
mod row;
mod scope;
mod sessions;
mod sqlite;
mod statement;
mod store;
mod tenants;
#[cfg(feature = "testing")]
pub mod testing;
mod token_families;
mod tokens;
mod transaction;
mod users;
mod value;

pub use backup::{CopyFacts, copy_sqlite, examine_sqlite};
pub use error::{Error, Misuse};
pub use feed::{FEED_LAG_COUNTED_MAX, FeedBatch, FeedCursor, FeedEntry, FeedLag, PublicRecord};
pub use jobs::{
    ClaimedJob, ClaimedSchedule, Held, JOBS_COUNTED_MAX, JobCounts, ReturnedJob, ScanStep, Schedule,
};
pub use locks::{Lock, LockState};
pub use memory::{
    KnownClient, KnownSession, KnownTenant, Mark, Memory, RouteTicket, VerifiedToken,
};
pub use meter::{
    MemoryReading, NodeReading, PoolReading, SqliteReading, StoreReading, TransactionKind,
    TransactionReading,
};
pub use migrations::{PostgresMigrator, migrate_postgres, migrate_sqlite};
pub use postgres::{NodeIdentity, PostgresOptions};
pub use publishable_keys::TenantNames;
pub use purge::Purge;
pub use revocations::{FeedMark, RevocationFilter, RevocationPage};
pub use roles::{RoleUrls, create_roles, role_of};
pub use scope::TenantScope;
pub use sqlite::SqliteOptions;
pub use store::{Housekeeping, Store};
pub use transaction::{SystemTx, TenantTx};
