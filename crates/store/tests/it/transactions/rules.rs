//! The rules that a closure cannot break, on both engines.

use super::{Registration, counts};
use crate::support::{exists, hash, insert};
use keyward_model::Route;
use keyward_store::{Error, Housekeeping, Misuse};
use keyward_testkit::{
    TestDatabase, new_session, new_tenant, new_user, on_both_engines, sqlite_store,
    unsaved_session, unsaved_user,
};
use std::time::Duration;

on_both_engines!(
    ok_after_a_failed_statement_is_refused_and_nothing_stands,
    an_error_after_a_failed_statement_is_the_closures_own,
    a_closures_error_rolls_back_what_it_did,
    rows_changed_without_an_event_are_rolled_back,
    a_write_that_changes_nothing_needs_no_event,
    a_read_changes_nothing,
    an_operator_leaves_a_trace_or_comes_not_in,
    housekeeping_commits_without_an_event,
    one_event_is_enough_for_several_changes,
);

/// What a use case of a layer above would fail with.
#[derive(Debug)]
enum Refusal {
    Store,
    Own,
}

impl From<Error> for Refusal {
    fn from(_: Error) -> Self {
        Self::Store
    }
}

async fn ok_after_a_failed_statement_is_refused_and_nothing_stands(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let registration = Registration::new(&database, &scope);
    let orphan = unsaved_session(&database, database.mint());
    let (user, id) = (registration.user.clone(), registration.user.id);
    let outcome: Result<(), Error> = database
        .store
        .write(&scope, async move |tx| {
            registration.run(tx).await?;
            assert!(matches!(
                tx.insert_session(&orphan).await,
                Err(Error::Conflict { .. })
            ));
            let later = tx.find_user(id).await;
            assert!(matches!(later, Err(Error::Misuse(Misuse::Poisoned))));
            Ok(())
        })
        .await;
    assert!(
        matches!(outcome, Err(Error::Misuse(Misuse::Poisoned))),
        "{outcome:?}"
    );
    assert!(!exists(&database, &scope, &user).await);
    assert_eq!(counts(&database, &scope).await, (0, 0));
}

async fn an_error_after_a_failed_statement_is_the_closures_own(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let orphan = unsaved_session(&database, database.mint());
    let outcome: Result<(), Refusal> = database
        .store
        .write(&scope, async move |tx| {
            let _ = tx.insert_session(&orphan).await;
            Err(Refusal::Own)
        })
        .await;
    assert!(matches!(outcome, Err(Refusal::Own)), "{outcome:?}");
}

async fn a_closures_error_rolls_back_what_it_did(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let registration = Registration::new(&database, &scope);
    let outcome: Result<(), Refusal> = database
        .store
        .write(&scope, async move |tx| {
            registration.run(tx).await?;
            Err(Refusal::Own)
        })
        .await;
    assert!(matches!(outcome, Err(Refusal::Own)), "{outcome:?}");
    assert_eq!(counts(&database, &scope).await, (0, 0));
}

async fn rows_changed_without_an_event_are_rolled_back(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = unsaved_user(&database);
    let outcome: Result<(), Error> = database
        .store
        .write(&scope, async move |tx| insert(tx, &user).await)
        .await;
    assert!(
        matches!(outcome, Err(Error::Misuse(Misuse::Unrecorded))),
        "{outcome:?}"
    );
    assert_eq!(counts(&database, &scope).await, (0, 0));
}

async fn a_write_that_changes_nothing_needs_no_event(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await;
    let taken = user.clone();
    let outcome: Result<(), Error> = database
        .store
        .write(&scope, async move |tx| {
            assert!(tx.find_user(user.id).await?.is_some());
            assert!(tx.change_profile(user.id, 99, None).await?.is_none());
            assert!(tx.insert_user(&taken, Some(&hash())).await?.is_none());
            Ok(())
        })
        .await;
    outcome.unwrap();
}

async fn a_read_changes_nothing(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = unsaved_user(&database);
    let again = user.clone();
    let outcome: Result<(), Error> = database
        .store
        .read(&scope, async move |tx| insert(tx, &user).await)
        .await;
    assert!(
        matches!(outcome, Err(Error::Misuse(Misuse::WriteInRead))),
        "{outcome:?}"
    );
    let swallowed: Result<(), Error> = database
        .store
        .read(&scope, async move |tx| {
            let _ = insert(tx, &again).await;
            Ok(())
        })
        .await;
    assert!(
        matches!(swallowed, Err(Error::Misuse(Misuse::Poisoned))),
        "{swallowed:?}"
    );
    let in_system = database
        .store
        .system_read(async |tx| tx.claim_instance_setting("name", "value").await);
    assert!(matches!(
        in_system.await,
        Err(Error::Misuse(Misuse::WriteInRead))
    ));
    assert_eq!(counts(&database, &scope).await, (0, 0));
}

async fn an_operator_leaves_a_trace_or_comes_not_in(database: TestDatabase) {
    let (resolved, tenant) = new_tenant(&database, "tenant").await;
    let route = Route::Slug(tenant.slug);
    let scope = database.store.operator_scope(route).await.unwrap().unwrap();
    let unrecorded = |outcome: Result<_, Error>| {
        assert!(
            matches!(outcome, Err(Error::Misuse(Misuse::OperatorUnrecorded))),
            "{outcome:?}"
        );
    };
    unrecorded(
        database
            .store
            .read(&scope, async |tx| tx.find_tenant().await)
            .await,
    );
    unrecorded(
        database
            .store
            .write(&scope, async |tx| tx.find_tenant().await)
            .await,
    );
    let what = Housekeeping::TouchSessions(vec![(database.mint(), database.now())]);
    let touched = database.store.housekeeping(&scope, what).await;
    unrecorded(touched.map(|()| None));
    let registration = Registration::new(&database, &scope);
    registration.commit(&database.store, &scope).await.unwrap();
    assert_eq!(counts(&database, &resolved).await, (1, 1));
}

async fn housekeeping_commits_without_an_event(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await;
    let session = new_session(&database, &scope, user.id).await;
    let seen_at = session.last_active_at.plus_seconds(60);
    let what = Housekeeping::TouchSessions(vec![(session.id, seen_at)]);
    database.store.housekeeping(&scope, what).await.unwrap();
    let micros = seen_at.micros();
    let seen = format!(
        "SELECT count(*) FROM sessions WHERE last_active_at = {micros} AND version = 1 AND tenant_id = "
    );
    let seen = seen + &database.id_literal(scope.tenant_id());
    assert_eq!(database.admin_count(&seen).await, 1);
}

async fn one_event_is_enough_for_several_changes(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let (first, second) = (unsaved_user(&database), unsaved_user(&database));
    let event = crate::support::some_event(&database, &scope);
    let outcome: Result<(), Error> = database
        .store
        .write(&scope, async move |tx| {
            insert(tx, &first).await?;
            tx.record(&event).await?;
            insert(tx, &second).await
        })
        .await;
    outcome.unwrap();
    assert_eq!(counts(&database, &scope).await, (2, 1));
}

/// On PostgreSQL a foreign await only keeps a connection too long; on SQLite it would keep the writer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_await_on_sqlite_is_refused_and_nothing_stands() {
    let database = sqlite_store();
    let (scope, _) = new_tenant(&database, "tenant").await;
    let slips: [fn() -> futures_util::future::BoxFuture<'static, ()>; 4] = [
        || Box::pin(tokio::task::yield_now()),
        || Box::pin(tokio::time::sleep(Duration::from_millis(1))),
        || Box::pin(std::future::pending()),
        || Box::pin(async { tokio::task::spawn_blocking(|| ()).await.unwrap() }),
    ];
    for slip in slips {
        let registration = Registration::new(&database, &scope);
        let outcome: Result<(), Error> = database
            .store
            .write(&scope, async move |tx| {
                registration.run(tx).await?;
                slip().await;
                Ok(())
            })
            .await;
        assert!(
            matches!(outcome, Err(Error::Misuse(Misuse::ForeignAwait))),
            "{outcome:?}"
        );
        assert_eq!(counts(&database, &scope).await, (0, 0));
    }
    let in_read: Result<(), Error> = database
        .store
        .read(&scope, async |_| {
            tokio::task::yield_now().await;
            Ok(())
        })
        .await;
    assert!(matches!(in_read, Err(Error::Misuse(Misuse::ForeignAwait))));
    let registration = Registration::new(&database, &scope);
    registration.commit(&database.store, &scope).await.unwrap();
    assert_eq!(
        counts(&database, &scope).await,
        (1, 1),
        "the writer goes on"
    );
}

/// A transaction within a transaction would wait for itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_inside_a_write_on_sqlite_is_a_foreign_await() {
    let database = sqlite_store();
    let (scope, _) = new_tenant(&database, "tenant").await;
    let store = database.store.clone();
    let outcome: Result<(), Error> = database
        .store
        .write(&scope, async move |_| {
            store
                .write(&scope, async |tx| tx.find_tenant().await)
                .await?;
            Ok(())
        })
        .await;
    assert!(
        matches!(outcome, Err(Error::Misuse(Misuse::ForeignAwait))),
        "{outcome:?}"
    );
}
