//! PostgreSQL ends a connection in the middle of a transaction: one request fails, nothing is half there.

use super::{Registration, counts};
use keyward_store::{Error, TenantScope};
use keyward_testkit::{TestDatabase, new_tenant, scratch_postgres_store_with};
use tokio::sync::oneshot;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_killed_between_statements_is_unavailable() {
    let Some(database) = scratch_postgres_store_with(|_| {}).await else {
        return;
    };
    let (scope, _) = new_tenant(&database, "tenant").await;
    let outcome = kill_in_the_middle(&database, &scope, When::BeforeAStatement).await;
    assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
    assert_eq!(counts(&database, &scope).await, (0, 0));
    expect_service(&database, &scope).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_killed_before_the_commit_is_unavailable_or_its_outcome_unknown() {
    let Some(database) = scratch_postgres_store_with(|_| {}).await else {
        return;
    };
    let (scope, _) = new_tenant(&database, "tenant").await;
    let outcome = kill_in_the_middle(&database, &scope, When::BeforeTheCommit).await;
    assert!(
        matches!(
            outcome,
            Err(Error::Unavailable(_) | Error::OutcomeUnknown(_))
        ),
        "{outcome:?}"
    );
    assert_eq!(counts(&database, &scope).await, (0, 0));
    expect_service(&database, &scope).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backend_killed_while_it_waited_in_the_pool_costs_one_request_at_most() {
    let Some(database) = scratch_postgres_store_with(|options| options.connections_max = 1).await
    else {
        return;
    };
    let (scope, _) = new_tenant(&database, "tenant").await;
    for round in 1..=3 {
        let first = Registration::new(&database, &scope);
        // The pool may learn of the loss only by using the connection.
        if let Err(error) = first.commit(&database.store, &scope).await {
            assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
        }
        expect_service(&database, &scope).await;
        let (users, events) = counts(&database, &scope).await;
        assert_eq!(users, events);
        assert!(users >= round);
        assert_eq!(kill(&database, "idle").await, 1);
    }
}

#[derive(Clone, Copy, PartialEq)]
enum When {
    BeforeAStatement,
    BeforeTheCommit,
}

async fn kill_in_the_middle(
    database: &TestDatabase,
    scope: &TenantScope,
    when: When,
) -> Result<(), Error> {
    let registration = Registration::new(database, scope);
    let (inside, is_inside) = oneshot::channel();
    let (go_on, wait) = oneshot::channel::<()>();
    let (store, scope) = (database.store.clone(), *scope);
    let task = tokio::spawn(async move {
        store
            .write(&scope, async move |tx| {
                registration.run(tx).await?;
                inside.send(()).unwrap();
                wait.await.unwrap();
                if when == When::BeforeAStatement {
                    tx.find_tenant().await?;
                }
                Ok(())
            })
            .await
    });
    is_inside.await.unwrap();
    assert_eq!(kill(database, "idle in transaction").await, 1);
    go_on.send(()).unwrap();
    task.await.unwrap()
}

/// Ends the app role's backends that are in this state, and says how many those were.
async fn kill(database: &TestDatabase, state: &str) -> usize {
    let role = keyward_store::role_of(&database.postgres_urls().app).unwrap();
    let kill = format!(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
         WHERE usename = '{role}' AND state = '{state}'"
    );
    let rows = database.admin_rows(&kill).await;
    let killed = rows.iter().filter(|row| row[0].as_deref() == Some("t"));
    killed.count()
}

async fn expect_service(database: &TestDatabase, scope: &TenantScope) {
    let next = Registration::new(database, scope);
    next.commit(&database.store, scope).await.unwrap();
}
