//! The horizon of the feed on PostgreSQL: what commits late is not skipped, because its elders are waited for.

use crate::support::some_event;
use keyward_model::Revoked;
use keyward_store::{Error, FeedMark, RevocationFilter, TenantScope};
use keyward_testkit::{new_tenant, scratch_postgres_store_with};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

/// The first transaction takes its number, the second takes the next and commits: a reader that took what it sees would
/// pass the first for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_commits_late_is_not_skipped() {
    let Some(database) = scratch_postgres_store_with(|_| {}).await else {
        return;
    };
    let (a, _) = new_tenant(&database, "tenant-a").await;
    let (b, _) = new_tenant(&database, "tenant-b").await;
    let start = settle(&database.store, 2).await;
    let [late, early] = [some_event(&database, &a), some_event(&database, &b)];
    let (late_id, early_id) = (late.id, early.id);
    let ((recorded, is_recorded), (release, released)) = (oneshot::channel(), oneshot::channel());
    let store = database.store.clone();
    let held = tokio::spawn(async move {
        store
            .write::<_, Error, _>(&a, async move |tx| {
                tx.record(&late).await?;
                // What is recorded travels with the next statement that is waited for.
                tx.find_tenant().await?;
                recorded.send(()).unwrap();
                released.await.map_err(|_| Error::SessionOver)
            })
            .await
    });
    is_recorded.await.unwrap();
    let write = database
        .store
        .write::<_, Error, _>(&b, async move |tx| tx.record(&early).await);
    write.await.unwrap();
    let visible = "SELECT COUNT(*) FROM feed";
    assert_eq!(
        database.admin_count(visible).await,
        3,
        "the second is there"
    );
    for _ in 0..20 {
        let seen = database.store.read_feed("one", 100).await.unwrap();
        assert!(seen.entries.is_empty(), "it stops below the one that runs");
        sleep(Duration::from_millis(10)).await;
    }
    release.send(()).unwrap();
    held.await.unwrap().unwrap();
    let seen = settle(&database.store, 2).await;
    assert!(start[1].cursor < seen[0].cursor && seen[0].cursor < seen[1].cursor);
    let ids = [seen[0].event_id, seen[1].event_id];
    assert_eq!(ids, [late_id, early_id], "in the order of the transactions");
}

/// Waits for so many entries, and moves the cursor behind them.
async fn settle(store: &keyward_store::Store, count: usize) -> Vec<keyward_store::FeedEntry> {
    let settled = async {
        loop {
            let batch = store.read_feed("one", 100).await.unwrap();
            if let Some(last) = batch
                .entries
                .last()
                .filter(|_| batch.entries.len() == count)
            {
                let now = keyward_model::Timestamp::from_micros(0);
                let to = (batch.from, last.cursor);
                assert!(store.advance_feed("one", to, now).await.unwrap());
                return batch.entries;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), settled).await.unwrap()
}

/// The same of revocations: what others have committed is read at once, what commits late is read then, and neither twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_that_commits_late_is_read_then_and_waited_for_by_none() {
    let Some(database) = scratch_postgres_store_with(|_| {}).await else {
        return;
    };
    let (scope, _) = new_tenant(&database, "tenant").await;
    let [late, early] = [1, 2].map(|_| keyward_model::EventRecord {
        revoked: Some(Revoked::Session(database.mint())),
        ..some_event(&database, &scope)
    });
    let (of_late, of_early) = (late.revoked.unwrap(), early.revoked.unwrap());
    let ((recorded, is_recorded), (release, released)) = (oneshot::channel(), oneshot::channel());
    let store = database.store.clone();
    let held = tokio::spawn(async move {
        store
            .write::<_, Error, _>(&scope, async move |tx| {
                tx.record(&late).await?;
                tx.find_tenant().await?;
                recorded.send(()).unwrap();
                released.await.map_err(|_| Error::SessionOver)
            })
            .await
    });
    is_recorded.await.unwrap();
    let write = database
        .store
        .write::<_, Error, _>(&scope, async move |tx| tx.record(&early).await);
    write.await.unwrap();
    let (mark, found) = revoked_beyond(&database.store, &scope, database.store.feed_mark(0)).await;
    assert_eq!(found, [of_early], "nobody waits for the one that runs");
    let (_, again) = revoked_beyond(&database.store, &scope, mark.clone()).await;
    assert!(again.is_empty());
    release.send(()).unwrap();
    held.await.unwrap().unwrap();
    let (_, then) = revoked_beyond(&database.store, &scope, mark.clone()).await;
    assert_eq!(then, [of_late], "and it is not skipped");
    // Whoever only kept the number reads the other once more.
    let resumed = database.store.feed_mark(mark.number());
    let (_, resumed) = revoked_beyond(&database.store, &scope, resumed).await;
    assert_eq!(resumed, [of_late, of_early]);
}

async fn revoked_beyond(
    store: &keyward_store::Store,
    scope: &TenantScope,
    beyond: FeedMark,
) -> (FeedMark, Vec<Revoked>) {
    let ever = keyward_model::Timestamp::from_micros(0);
    let filter = RevocationFilter {
        beyond,
        since: ever,
        keys_since: ever,
    };
    let read = store.read::<_, Error, _>(scope, async move |tx| {
        let mark = tx.find_feed_mark().await?;
        Ok((mark, tx.list_revocations(&filter, 100).await?))
    });
    let (mark, page) = read.await.unwrap();
    let revoked = page.revocations.iter().map(|found| found.revoked);
    (mark.unwrap().1, revoked.collect())
}
