//! Every method of the transactions does what its documentation says, on both engines.

mod administration;
mod attempts;
mod events;
mod feed;
mod idempotency;
mod invitations;
mod jobs;
mod keys;
mod known_devices;
mod oauth_clients;
mod publishable_keys;
mod revocations;
mod schedules;
mod sessions;
mod system;
mod tenants;
mod token_families;
mod tokens;
mod users;

use crate::sources::{public_methods, rust_files};
use keyward_testkit::{TestDatabase, postgres_store, scratch_postgres_store_with, sqlite_store};
use std::path::Path;

/// Makes the scenarios of a file tests on both engines, and `all`, which runs them one after the other.
macro_rules! scenarios {
    ($($name:ident),+ $(,)?) => {
        keyward_testkit::on_both_engines!($($name),+);

        pub(super) async fn all(open: impl AsyncFn() -> keyward_testkit::TestDatabase) {
            $($name(open().await).await;)+
        }
    };
}
use scenarios;

/// The same for scenarios that need a database to themselves.
macro_rules! scenarios_alone {
    ($($name:ident),+ $(,)?) => {
        keyward_testkit::alone_on_both_engines!($($name),+);

        pub(super) async fn all(open: impl AsyncFn() -> keyward_testkit::TestDatabase) {
            $($name(open().await).await;)+
        }
    };
}
use scenarios_alone;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_was_executed_on_sqlite() {
    run_all(async || sqlite_store(), async || sqlite_store()).await;
    expect_coverage(&sqlite_store());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_statement_was_executed_on_postgres() {
    let Some(database) = postgres_store().await else {
        return;
    };
    let there = "it was there a moment ago";
    let shared = async || postgres_store().await.expect(there);
    let alone = async || scratch_postgres_store_with(|_| {}).await.expect(there);
    run_all(shared, alone).await;
    expect_coverage(&database);
}

/// Tests of one process run at once, so that the coverage is looked at where all scenarios are known to have ended.
async fn run_all(open: impl AsyncFn() -> TestDatabase, open_alone: impl AsyncFn() -> TestDatabase) {
    tenants::all(&open).await;
    users::all(&open).await;
    administration::all(&open).await;
    attempts::all(&open).await;
    known_devices::all(&open).await;
    idempotency::all(&open).await;
    invitations::all(&open).await;
    sessions::all(&open).await;
    token_families::all(&open).await;
    keys::all(&open).await;
    oauth_clients::all(&open).await;
    publishable_keys::all(&open).await;
    tokens::all(&open).await;
    events::all(&open).await;
    revocations::all(&open).await;
    system::all(&open).await;
    jobs::all(&open_alone).await;
    schedules::all(&open_alone).await;
    feed::all(&open_alone).await;
}

fn expect_coverage(database: &TestDatabase) {
    let (count, missed) = database.store.statement_coverage();
    assert!(count > 30, "{count} statements are too few to be all");
    assert!(missed.is_empty(), "never executed: {missed:?}");
    println!("{count} statements were executed");
}

/// What another suite happens to execute counts as executed: this looks that the scenarios call each method themselves.
#[test]
fn every_method_has_a_scenario() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/conformance");
    let scenarios = rust_files(Path::new(folder)).concat();
    let methods = public_methods("TenantTx<'_>")
        .into_iter()
        .chain(public_methods("SystemTx<'_>"));
    let missing: Vec<String> = methods
        .filter(|method| !scenarios.contains(&format!("tx.{method}(")))
        .collect();
    assert!(missing.is_empty(), "no scenario calls {missing:?}");
}
