//! A closure that panics takes nobody with it.

use super::{HeldWriter, Registration, counts};
use keyward_store::{Error, SqliteOptions, Store, TenantScope};
use keyward_testkit::{
    TestDatabase, new_tenant, on_both_engines, scratch_postgres_store_with, sqlite_store,
};
use std::sync::mpsc;
use std::time::Duration;

on_both_engines!(
    a_panic_rolls_back_its_own_work_and_surfaces_in_its_caller,
    a_panic_in_a_read_surfaces_in_its_caller,
);

async fn panicking(store: Store, scope: TenantScope, registration: Registration) {
    let outcome: Result<(), Error> = store
        .write(&scope, async move |tx| {
            registration.run(tx).await?;
            panic!("this panic is part of a test");
        })
        .await;
    panic!("the panic was lost: {outcome:?}");
}

async fn a_panic_rolls_back_its_own_work_and_surfaces_in_its_caller(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let mut tasks = Vec::new();
    for number in 0..12 {
        let registration = Registration::new(&database, &scope);
        let store = database.store.clone();
        tasks.push(match number % 3 {
            1 => tokio::spawn(panicking(store, scope, registration)),
            _ => tokio::spawn(async move { registration.commit(&store, &scope).await.unwrap() }),
        });
    }
    for (number, task) in tasks.into_iter().enumerate() {
        let panic = task.await.err().map(|error| error.into_panic());
        let words = panic.map(|panic| *panic.downcast::<&str>().unwrap());
        let expected = (number % 3 == 1).then_some("this panic is part of a test");
        assert_eq!(words, expected);
    }
    assert_eq!(counts(&database, &scope).await, (8, 8));
}

async fn a_panic_in_a_read_surfaces_in_its_caller(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    // More often than there are readers or connections: each goes on serving.
    for _ in 0..6 {
        let store = database.store.clone();
        let task = tokio::spawn(async move {
            let outcome: Result<(), Error> = store
                .read(&scope, async |tx| {
                    tx.find_tenant().await?;
                    panic!("this panic is part of a test");
                })
                .await;
            outcome
        });
        assert!(task.await.unwrap_err().is_panic());
    }
    let found = database
        .store
        .read(&scope, async |tx| tx.find_tenant().await);
    assert!(found.await.unwrap().is_some());
}

/// Exactly in one batch: the panic is between two neighbours that share its commit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite_the_neighbours_in_the_batch_commit() {
    let database = sqlite_store();
    let (scope, _) = new_tenant(&database, "tenant").await;
    let held = HeldWriter::hold(&database.store).await;
    let before = Registration::new(&database, &scope).commit(&database.store, &scope);
    let panic = panicking(
        database.store.clone(),
        scope,
        Registration::new(&database, &scope),
    );
    let after = Registration::new(&database, &scope).commit(&database.store, &scope);
    let mut before = std::pin::pin!(before);
    let mut after = std::pin::pin!(after);
    assert!(futures_util::poll!(&mut before).is_pending());
    let panic = tokio::spawn(panic);
    // Its task runs on another thread: it has to be in the queue before the second neighbour.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(futures_util::poll!(&mut after).is_pending());
    held.let_go().await.unwrap();
    before.await.unwrap();
    after.await.unwrap();
    assert!(panic.await.unwrap_err().is_panic());
    assert_eq!(counts(&database, &scope).await, (2, 2));
}

/// The connection of a panicking closure is closed: its successor on a pool of one does not find its transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres_the_connection_of_a_panic_is_not_used_again() {
    let database = scratch_postgres_store_with(|options| options.connections_max = 1);
    let Some(database) = database.await else {
        return;
    };
    let (scope, _) = new_tenant(&database, "tenant").await;
    for _ in 0..3 {
        let registration = Registration::new(&database, &scope);
        let store = database.store.clone();
        let task = tokio::spawn(panicking(store, scope, registration));
        assert!(task.await.unwrap_err().is_panic());
        let registration = Registration::new(&database, &scope);
        registration.commit(&database.store, &scope).await.unwrap();
    }
    assert_eq!(counts(&database, &scope).await, (3, 3));
}

/// A closure may hold the last clone of its store, when its caller gave up meanwhile: its thread must not wait for
/// itself, and the work is done.
#[test]
fn the_last_clone_of_a_store_may_go_on_its_own_thread() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = sqlite_store();
    let (scope, _) = runtime.block_on(new_tenant(&database, "tenant"));
    let options = SqliteOptions::at(database.sqlite_path());
    let store = Store::open_sqlite(&options).unwrap();
    let registration = Registration::new(&database, &scope);
    let (entered, is_inside) = mpsc::channel::<()>();
    let (let_go, wait) = mpsc::channel::<()>();
    let (dropped, is_dropped) = mpsc::channel::<()>();
    let caller = store.clone();
    let task = runtime.spawn(async move {
        let kept = (caller.clone(), dropped);
        let outcome: Result<(), Error> = caller
            .write(&scope, async move |tx| {
                let _kept = kept;
                entered.send(()).unwrap();
                wait.recv().unwrap();
                registration.run(tx).await
            })
            .await;
        outcome
    });
    is_inside.recv().unwrap();
    task.abort();
    assert!(runtime.block_on(task).unwrap_err().is_cancelled());
    drop(store);
    let_go.send(()).unwrap();
    assert!(
        is_dropped.recv().is_err(),
        "the closure and its clone are gone"
    );
    let counted = || runtime.block_on(counts(&database, &scope));
    for _ in 0..500 {
        if counted() == (1, 1) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("the work was lost: {:?}", counted());
}
