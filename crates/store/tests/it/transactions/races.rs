//! Callers at once: compare-and-set has one winner, and who loses can tell.

use super::counts;
use crate::support::{read, some_event};
use keyward_model::{EndReason, Ended, Role};
use keyward_store::Error;
use keyward_testkit::{
    TestDatabase, new_session, new_tenant, new_user, on_both_engines, postgres_store, unsaved_user,
};
use std::time::Duration;
use tokio::sync::oneshot;

on_both_engines!(
    of_fifty_changes_at_one_version_one_wins,
    of_twenty_accounts_with_one_address_one_is_made,
);

async fn of_fifty_changes_at_one_version_one_wins(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await;
    let tasks: Vec<_> = (0..50)
        .map(|number| {
            let (store, event) = (database.store.clone(), some_event(&database, &scope));
            let name = format!("Name {number}").parse().unwrap();
            tokio::spawn(async move {
                let changing = store.write(&scope, async move |tx| {
                    let changed = tx.change_profile(user.id, 1, Some(&name)).await?;
                    if changed.is_some() {
                        tx.record(&event).await?;
                    }
                    Ok::<_, Error>(changed)
                });
                changing.await.unwrap()
            })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        winners.extend(task.await.unwrap());
    }
    assert_eq!(winners.len(), 1);
    let kept = read(&database, &scope, async move |tx| {
        tx.find_user(user.id).await
    })
    .await;
    assert_eq!(kept, winners.pop());
    assert_eq!(counts(&database, &scope).await, (1, 1));
}

async fn of_twenty_accounts_with_one_address_one_is_made(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let email = unsaved_user(&database).email;
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let (store, event) = (database.store.clone(), some_event(&database, &scope));
            let mut user = unsaved_user(&database);
            user.email = email.clone();
            tokio::spawn(async move {
                let making = store.write(&scope, async move |tx| {
                    let made = tx.insert_user(&user, Some(&crate::support::hash())).await?;
                    if made.is_some() {
                        tx.record(&event).await?;
                    }
                    Ok::<_, Error>(made)
                });
                making.await.unwrap()
            })
        })
        .collect();
    let mut made = 0;
    for task in tasks {
        made += usize::from(task.await.unwrap().is_some());
    }
    assert_eq!(made, 1);
    assert_eq!(counts(&database, &scope).await, (1, 1));
}

/// Two transactions that each wait for the other: PostgreSQL ends one, which is told that it may try again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_on_postgres_is_a_retry_for_one_and_none_for_the_other() {
    let Some(database) = postgres_store().await else {
        return;
    };
    let (scope, _) = new_tenant(&database, "tenant").await;
    let first = new_user(&database, &scope).await.id;
    let second = new_user(&database, &scope).await.id;
    let (one_has, first_is_held) = oneshot::channel();
    let (other_has, second_is_held) = oneshot::channel();
    let crossed = |mine, theirs, has: oneshot::Sender<()>, is_held: oneshot::Receiver<()>| {
        let (store, event) = (database.store.clone(), some_event(&database, &scope));
        tokio::spawn(async move {
            store
                .write(&scope, async move |tx| {
                    tx.change_profile(mine, 1, None).await?;
                    has.send(()).unwrap();
                    is_held.await.unwrap();
                    tx.change_profile(theirs, 1, None).await?;
                    tx.record(&event).await
                })
                .await
        })
    };
    let one = crossed(first, second, one_has, second_is_held);
    let other = crossed(second, first, other_has, first_is_held);
    let outcomes = [one.await.unwrap(), other.await.unwrap()];
    let lost = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, Err(Error::Retry(_))));
    assert_eq!(lost.count(), 1, "{outcomes:?}");
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    assert_eq!(counts(&database, &scope).await, (2, 1));
}

/// Whatever changes something in a user's name waits for whatever ends their sessions, and then sees it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_holds_a_session_second_sees_what_the_first_did_on_postgres() {
    let Some(database) = postgres_store().await else {
        return;
    };
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await.id;
    let session = new_session(&database, &scope, user).await.id;
    let now = database.now();
    let (store, event) = (database.store.clone(), some_event(&database, &scope));
    let (inside, is_inside) = oneshot::channel();
    let (go_on, wait) = oneshot::channel::<()>();
    let first = tokio::spawn(async move {
        let ending = store.write(&scope, async move |tx| {
            assert_eq!(
                tx.hold_session(user, session, now).await?,
                Some(Role::Member)
            );
            inside.send(()).unwrap();
            wait.await.unwrap();
            let reason = EndReason::SignedOut;
            tx.end_session(session, Ended { at: now, reason }).await?;
            tx.record(&event).await
        });
        ending.await
    });
    is_inside.await.unwrap();
    let store = database.store.clone();
    let mut second = tokio::spawn(async move {
        let holding = store.write(&scope, async move |tx| {
            tx.hold_session(user, session, now).await
        });
        holding.await
    });
    let early = tokio::time::timeout(Duration::from_millis(200), &mut second).await;
    assert!(early.is_err(), "it did not wait: {early:?}");
    go_on.send(()).unwrap();
    first.await.unwrap().unwrap();
    let seen = second.await.unwrap().unwrap();
    assert_eq!(seen, None, "it saw a session that had ended");
}
