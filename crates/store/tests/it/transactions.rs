//! What a transaction promises when something goes wrong around it.

mod batches;
mod cancellation;
mod full_disk;
mod lost_commit;
mod lost_connection;
mod panics;
mod races;
mod rules;

use crate::support::insert;
use keyward_model::{EventRecord, User};
use keyward_store::{Error, Store, TenantScope, TenantTx};
use keyward_testkit::{TestDatabase, unsaved_user};
use std::sync::mpsc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// An account and the event that tells of it: the smallest change that the store commits.
#[derive(Clone)]
struct Registration {
    user: User,
    event: EventRecord,
}

impl Registration {
    fn new(database: &TestDatabase, scope: &TenantScope) -> Self {
        Self {
            user: unsaved_user(database),
            event: crate::support::some_event(database, scope),
        }
    }

    async fn run(&self, tx: &mut TenantTx<'_>) -> Result<(), Error> {
        insert(tx, &self.user).await?;
        tx.record(&self.event).await
    }

    /// In a transaction of its own.
    async fn commit(self, store: &Store, scope: &TenantScope) -> Result<(), Error> {
        store.write(scope, async move |tx| self.run(tx).await).await
    }
}

/// How many accounts a tenant has, and how many events were recorded with them: always as many.
async fn counts(database: &TestDatabase, scope: &TenantScope) -> (i64, i64) {
    let tenant = database.id_literal(scope.tenant_id());
    let users = format!("SELECT count(*) FROM users WHERE tenant_id = {tenant}");
    let events = format!(
        "SELECT count(*) FROM audit_events WHERE tenant_id = {tenant} AND kind = 'operator.read'"
    );
    (
        database.admin_count(&users).await,
        database.admin_count(&events).await,
    )
}

/// SQLite's writer, held in the middle of a batch until it is let go: what is queued meanwhile joins that batch.
struct HeldWriter {
    let_go: mpsc::Sender<()>,
    held: JoinHandle<Result<(), Error>>,
}

impl HeldWriter {
    /// Holds the writer; it holds once this returns.
    async fn hold(store: &Store) -> Self {
        Self::hold_and(store, |_| Ok(())).await
    }

    /// The same, and runs SQL on the writer's connection when it is let go.
    async fn hold_and(
        store: &Store,
        act: fn(&rusqlite::Connection) -> rusqlite::Result<()>,
    ) -> Self {
        let (let_go, wait) = mpsc::channel::<()>();
        let (holds, is_held) = oneshot::channel();
        let store = store.clone();
        let held = tokio::spawn(async move {
            let hold = store.on_writer(move |connection| {
                let _ = holds.send(());
                let _ = wait.recv();
                act(connection)
            });
            hold.await
        });
        is_held.await.unwrap();
        Self { let_go, held }
    }

    async fn let_go(self) -> Result<(), Error> {
        self.let_go.send(()).unwrap();
        self.held.await.unwrap()
    }
}
