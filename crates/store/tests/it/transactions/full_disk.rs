//! A disk without room: what was acknowledged stays, nothing is half there, and it works again once there is room.

use super::{Registration, counts};
use crate::support::exists;
use keyward_model::User;
use keyward_store::{Error, TenantScope};
use keyward_testkit::{TestDatabase, new_tenant, sqlite_store, sqlite_store_with};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_loses_nothing_that_was_acknowledged() {
    fill_the_disk(sqlite_store()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_with_a_commit_for_each() {
    fill_the_disk(sqlite_store_with(|options| options.batch_length_max = 1)).await;
}

/// The limit on pages stands for the disk: SQLite answers both with SQLITE_FULL, and ends the transaction by itself when
/// that is what it takes.
async fn fill_the_disk(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    set_room(&database, 20).await;
    let mut acknowledged = Vec::new();
    let mut refused = Vec::new();
    // Twice over: a store that was full once, and was given room, has to stand it again.
    for more_room in [20, 0] {
        let before = refused.len();
        while refused.len() < before + 60 {
            register_many(&database, &scope, &mut acknowledged, &mut refused).await;
        }
        check(&database, &scope, &acknowledged, &refused).await;
        set_room(&database, more_room).await;
    }
    println!(
        "{} were acknowledged, {} refused",
        acknowledged.len(),
        refused.len()
    );
    assert!(acknowledged.len() > 20, "there was some room");
    set_room(&database, 10_000).await;
    let before = refused.len();
    register_many(&database, &scope, &mut acknowledged, &mut refused).await;
    assert_eq!(refused.len(), before, "with room it works again");
    check(&database, &scope, &acknowledged, &refused).await;
}

async fn register_many(
    database: &TestDatabase,
    scope: &TenantScope,
    acknowledged: &mut Vec<User>,
    refused: &mut Vec<User>,
) {
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let registration = Registration::new(database, scope);
            let (store, scope) = (database.store.clone(), *scope);
            tokio::spawn(async move {
                let user = registration.user.clone();
                (user, registration.commit(&store, &scope).await)
            })
        })
        .collect();
    for task in tasks {
        match task.await.unwrap() {
            (user, Ok(())) => acknowledged.push(user),
            (user, Err(Error::Unavailable(_))) => refused.push(user),
            (_, Err(error)) => panic!("not unavailable but {error:?}"),
        }
    }
}

async fn check(
    database: &TestDatabase,
    scope: &TenantScope,
    acknowledged: &[User],
    refused: &[User],
) {
    let expected = acknowledged.len() as i64;
    assert_eq!(counts(database, scope).await, (expected, expected));
    for user in acknowledged {
        assert!(exists(database, scope, user).await, "acknowledged and lost");
    }
    for user in refused {
        assert!(!exists(database, scope, user).await, "refused and there");
    }
    let integrity = database.admin_rows("PRAGMA integrity_check").await;
    assert_eq!(integrity, [[Some("ok".to_owned())]]);
}

/// Gives the database file this many pages more than it has.
async fn set_room(database: &TestDatabase, pages: i64) {
    let set = database.store.on_writer(move |connection| {
        let now: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0))?;
        let most = now + pages;
        connection.query_row(&format!("PRAGMA max_page_count = {most}"), [], |row| {
            row.get::<_, i64>(0)
        })
    });
    assert!(set.await.unwrap() > 0);
}
