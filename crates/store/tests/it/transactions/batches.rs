//! SQLite's group commit: many use cases share one commit, and none is answered before it.

use super::{HeldWriter, Registration, counts};
use futures_util::future::join_all;
use keyward_model::UserId;
use keyward_store::{Error, TenantScope};
use keyward_testkit::{TestDatabase, new_tenant, new_user, sqlite_store, sqlite_store_with};
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

const CALLERS: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_waiting_writers_share_one_commit() {
    let commits = commits_of_waiting_writers(&sqlite_store()).await;
    assert_eq!(commits, 1);
    let alone = sqlite_store_with(|options| options.batch_length_max = 1);
    let commits = commits_of_waiting_writers(&alone).await;
    assert_eq!(commits, CALLERS, "the baseline: one each");
    let small = sqlite_store_with(|options| options.batch_length_max = 16);
    let commits = commits_of_waiting_writers(&small).await;
    assert_eq!(
        commits,
        CALLERS / 16 + 1,
        "15 beside the one that holds the first batch, then 16 each"
    );
}

async fn commits_of_waiting_writers(database: &TestDatabase) -> usize {
    let (scope, _) = new_tenant(database, "tenant").await;
    let before = commits_in_wal(database.sqlite_path());
    let held = HeldWriter::hold(&database.store).await;
    let writes = (0..CALLERS).map(|_| {
        let registration = Registration::new(database, &scope);
        registration.commit(&database.store, &scope)
    });
    let mut writes = pin!(join_all(writes));
    // Polled once, each has queued its work.
    assert!(futures_util::poll!(&mut writes).is_pending());
    held.let_go().await.unwrap();
    for outcome in writes.await {
        outcome.unwrap();
    }
    let callers = CALLERS as i64;
    assert_eq!(counts(database, &scope).await, (callers, callers));
    commits_in_wal(database.sqlite_path()) - before
}

/// The commits in a write-ahead log: the last frame of each carries the size of the database
/// (<https://www.sqlite.org/fileformat2.html#walformat>).
fn commits_in_wal(database: &Path) -> usize {
    let log = std::fs::read(database.with_extension("db-wal")).unwrap();
    let word = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
    let page_size = word(8) as usize;
    let salts = &log[16..24];
    let frames = (32..log.len()).step_by(24 + page_size);
    frames
        .filter(|&frame| log[frame + 8..frame + 16] == *salts && word(frame + 4) != 0)
        .count()
}

/// An error may rest on a neighbour's row: `taken` is true only once that row is durable.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_is_answered_only_after_the_commit_of_its_batch() {
    let database = sqlite_store();
    let (scope, _) = new_tenant(&database, "tenant").await;
    let first = HeldWriter::hold(&database.store).await;
    let registration = Registration::new(&database, &scope);
    let user = registration.user.id;
    let mut written = pin!(registration.commit(&database.store, &scope));
    let mut refused = pin!(refuse_if_there(&database, &scope, user));
    assert!(futures_util::poll!(&mut written).is_pending());
    assert!(futures_util::poll!(&mut refused).is_pending());
    // A third use case behind them keeps their batch open.
    let (inside, is_inside) = tokio::sync::oneshot::channel();
    let (let_go, wait) = std::sync::mpsc::channel::<()>();
    let mut last = pin!(database.store.on_writer(move |_| {
        let _ = inside.send(());
        let _ = wait.recv();
        Ok(())
    }));
    assert!(futures_util::poll!(&mut last).is_pending());
    first.let_go.send(()).unwrap();
    is_inside.await.unwrap();
    // Both have run by now, and neither is answered, however long one waits.
    let early = tokio::time::timeout(Duration::from_millis(200), &mut refused).await;
    assert!(early.is_err(), "answered before the commit: {early:?}");
    assert!(futures_util::poll!(&mut written).is_pending());
    assert_eq!(
        counts(&database, &scope).await,
        (0, 0),
        "nothing is committed"
    );
    let_go.send(()).unwrap();
    assert!(matches!(refused.await, Err(Refusal::Taken)));
    assert_eq!(
        counts(&database, &scope).await,
        (1, 1),
        "durable when the error is told"
    );
    written.await.unwrap();
    last.await.unwrap();
    first.held.await.unwrap().unwrap();
}

/// The outer transaction ends under a batch, as SQLite itself ends it when the disk is full.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_broke_fails_as_a_whole_errors_included() {
    let database = sqlite_store();
    let (scope, _) = new_tenant(&database, "tenant").await;
    let held = HeldWriter::hold(&database.store).await;
    let registration = Registration::new(&database, &scope);
    let user = registration.user.id;
    let mut written = pin!(registration.commit(&database.store, &scope));
    let mut refused = pin!(refuse_if_there(&database, &scope, user));
    assert!(futures_util::poll!(&mut written).is_pending());
    assert!(futures_util::poll!(&mut refused).is_pending());
    let breaking = database
        .store
        .on_writer(|connection| connection.execute_batch("ROLLBACK"));
    let mut breaking = pin!(breaking);
    assert!(futures_util::poll!(&mut breaking).is_pending());
    let later = Registration::new(&database, &scope).commit(&database.store, &scope);
    let mut later = pin!(later);
    assert!(futures_util::poll!(&mut later).is_pending());
    held.let_go.send(()).unwrap();
    assert!(matches!(breaking.await, Err(Error::Unavailable(_))));
    assert!(matches!(written.await, Err(Error::Unavailable(_))));
    // Its own error would say that the address is taken, by a row that is gone.
    let refused = refused.await;
    assert!(
        matches!(refused, Err(Refusal::Store(Error::Unavailable(_)))),
        "{refused:?}"
    );
    let first = held.held.await.unwrap();
    assert!(
        matches!(first, Err(Error::Unavailable(_))),
        "it began that batch"
    );
    later.await.unwrap();
    assert_eq!(
        counts(&database, &scope).await,
        (1, 1),
        "the next batch stands"
    );
}

#[derive(Debug)]
enum Refusal {
    Store(Error),
    Taken,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

async fn refuse_if_there(
    database: &TestDatabase,
    scope: &TenantScope,
    user: UserId,
) -> Result<(), Refusal> {
    let refusing = database
        .store
        .write(scope, async move |tx| match tx.find_user(user).await? {
            Some(_) => Err(Refusal::Taken),
            None => Ok(()),
        });
    refusing.await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_refuses_at_once_and_loses_nothing() {
    let database = sqlite_store_with(|options| options.queue_length_max = 1);
    let (scope, _) = new_tenant(&database, "tenant").await;
    let known = new_user(&database, &scope).await;
    let held = HeldWriter::hold(&database.store).await;
    let queued = Registration::new(&database, &scope).commit(&database.store, &scope);
    let mut queued = pin!(queued);
    assert!(futures_util::poll!(&mut queued).is_pending());
    for _ in 0..3 {
        let refused = Registration::new(&database, &scope).commit(&database.store, &scope);
        match refused.await {
            Err(Error::Unavailable(reason)) => assert!(reason.contains("too many"), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
    let found = crate::support::exists(&database, &scope, &known);
    assert!(found.await, "readers have a queue of their own");
    held.let_go().await.unwrap();
    queued.await.unwrap();
    assert_eq!(counts(&database, &scope).await, (2, 1), "known and queued");
    let again = Registration::new(&database, &scope).commit(&database.store, &scope);
    again.await.unwrap();
    assert_eq!(counts(&database, &scope).await, (3, 2));
}
