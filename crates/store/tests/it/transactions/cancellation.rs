//! A caller that goes away leaves all of its change behind, or nothing of it.

use super::{HeldWriter, Registration, counts};
use keyward_store::{Error, Store, TenantScope};
use keyward_testkit::{
    TestDatabase, new_tenant, on_both_engines, scratch_postgres_store_with, sqlite_store,
};
use std::pin::pin;
use std::time::Duration;
use tokio::sync::oneshot;

on_both_engines!(a_caller_that_leaves_at_any_moment_leaves_all_or_nothing);

async fn a_caller_that_leaves_at_any_moment_leaves_all_or_nothing(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let store = &database.store;
    let mut answered = 0;
    for polls in 0..60 {
        let registration = Registration::new(&database, &scope);
        answered += i64::from(leave_after(polls, registration, store, &scope).await);
    }
    for micros in (0..8_000).step_by(100) {
        let registration = Registration::new(&database, &scope);
        let patience = Duration::from_micros(micros);
        let commit = registration.commit(store, &scope);
        if let Ok(outcome) = tokio::time::timeout(patience, commit).await {
            outcome.unwrap();
            answered += 1;
        }
    }
    // A request after all of them: on SQLite it comes behind whatever they queued.
    let last = Registration::new(&database, &scope);
    last.commit(store, &scope).await.unwrap();
    let (users, events) = counts(&database, &scope).await;
    assert_eq!(
        users, events,
        "a change without its record, or the other way round"
    );
    assert!(
        users > answered,
        "{users} stand, {answered} and one more were answered"
    );
    println!("{answered} of 140 callers waited for their answer, {users} changes stand");
}

/// Polls a commit so many times and drops it; whether it was answered before.
async fn leave_after(
    polls: usize,
    registration: Registration,
    store: &Store,
    scope: &TenantScope,
) -> bool {
    let mut commit = pin!(registration.commit(store, scope));
    let mut left = polls;
    std::future::poll_fn(|context| {
        if left == 0 {
            return std::task::Poll::Ready(false);
        }
        left -= 1;
        commit.as_mut().poll(context).map(|outcome| {
            outcome.unwrap();
            true
        })
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_what_was_queued_is_done_whole() {
    let database = sqlite_store();
    let (scope, _) = new_tenant(&database, "tenant").await;
    let held = HeldWriter::hold(&database.store).await;
    {
        let registration = Registration::new(&database, &scope);
        let mut commit = pin!(registration.commit(&database.store, &scope));
        assert!(futures_util::poll!(&mut commit).is_pending());
    }
    {
        // Never polled: it was never asked for.
        let registration = Registration::new(&database, &scope);
        let _commit = pin!(registration.commit(&database.store, &scope));
    }
    held.let_go().await.unwrap();
    let last = Registration::new(&database, &scope);
    last.commit(&database.store, &scope).await.unwrap();
    assert_eq!(
        counts(&database, &scope).await,
        (2, 2),
        "the queued one and the last"
    );
}

/// On a pool of one connection: a successor that got it back half-way would find the row of the one who left.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres_a_transaction_left_in_its_middle_is_rolled_back_and_its_connection_closed() {
    let database = scratch_postgres_store_with(|options| options.connections_max = 1);
    let Some(database) = database.await else {
        return;
    };
    let (scope, _) = new_tenant(&database, "tenant").await;
    let mut backends = vec![backend(&database).await];
    for _ in 0..3 {
        let registration = Registration::new(&database, &scope);
        let user = registration.user.id;
        let (inside, is_inside) = oneshot::channel();
        let store = database.store.clone();
        let task = tokio::spawn(async move {
            store
                .write(&scope, async move |tx| {
                    registration.run(tx).await?;
                    inside.send(()).unwrap();
                    std::future::pending::<Result<(), Error>>().await
                })
                .await
        });
        is_inside.await.unwrap();
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
        let found = database
            .store
            .read(&scope, async move |tx| tx.find_user(user).await);
        assert_eq!(found.await.unwrap(), None);
        backends.push(backend(&database).await);
    }
    let count = backends.len();
    backends.sort();
    backends.dedup();
    assert_eq!(
        backends.len(),
        count,
        "a connection was used again: {backends:?}"
    );
    assert_eq!(counts(&database, &scope).await, (0, 0));
}

/// The process id of the one backend of the app role.
async fn backend(database: &TestDatabase) -> String {
    let role = keyward_store::role_of(&database.postgres_urls().app).unwrap();
    let query = format!("SELECT pid FROM pg_stat_activity WHERE usename = '{role}'");
    for _ in 0..500 {
        // One that was closed by its client takes a moment to end.
        let rows = database.admin_rows(&query).await;
        if let [row] = rows.as_slice() {
            return row[0].clone().unwrap();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("there is not one connection of the app role");
}
