//! The feed: in its order, nothing skipped, and each reader where it was.

use super::scenarios_alone;
use crate::support::{read, some_event};
use keyward_model::EventId;
use keyward_store::{Error, FeedBatch, FeedCursor, TenantScope};
use keyward_testkit::{TestDatabase, new_tenant};
use std::time::Duration;

scenarios_alone!(
    a_reader_gets_everything_in_order_and_goes_on_where_it_was,
    a_cursor_moves_only_from_where_it_is,
    records_come_from_their_own_tenants,
    the_lag_counts_what_was_not_delivered,
    rows_are_deleted_when_old_and_had_by_every_reader,
);

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Records an event, and gives its id.
pub(super) async fn record(database: &TestDatabase, scope: &TenantScope) -> EventId {
    let event = some_event(database, scope);
    let id = event.id;
    let written = database
        .store
        .write::<_, Error, _>(scope, async move |tx| tx.record(&event).await);
    written.await.unwrap();
    id
}

async fn next(database: &TestDatabase, reader: &str, limit: i64) -> FeedBatch {
    database.store.read_feed(reader, limit).await.unwrap()
}

/// What a reader gets once it has got so many: on PostgreSQL other tests' transactions hold the horizon back for a moment.
async fn await_entries(database: &TestDatabase, reader: &str, count: usize) -> FeedBatch {
    for _ in 0..2_000 {
        let batch = next(database, reader, 1_000).await;
        if batch.entries.len() >= count {
            return batch;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{count} entries never came");
}

fn ids(batch: &FeedBatch) -> Vec<EventId> {
    batch.entries.iter().map(|entry| entry.event_id).collect()
}

async fn advance(database: &TestDatabase, reader: &str, batch: &FeedBatch) -> bool {
    let to = batch.entries.last().map_or(batch.from, |last| last.cursor);
    let moved = database
        .store
        .advance_feed(reader, (batch.from, to), database.now());
    moved.await.unwrap()
}

async fn a_reader_gets_everything_in_order_and_goes_on_where_it_was(database: TestDatabase) {
    let (a, _) = new_tenant(&database, "tenant-a").await;
    let (b, _) = new_tenant(&database, "tenant-b").await;
    let before = await_entries(&database, "one", 2).await;
    assert_eq!(
        (before.from, before.confirmed_at),
        (FeedCursor::default(), None)
    );
    let mut expected = ids(&before);
    for scope in [&a, &b, &a, &a, &b] {
        expected.push(record(&database, scope).await);
    }
    let all = await_entries(&database, "one", expected.len()).await;
    assert_eq!(ids(&all), expected);
    assert!(
        all.entries
            .is_sorted_by_key(|entry| entry.cursor.to_string())
    );
    assert!(all.entries.iter().all(|entry| !entry.kind.is_empty()));
    let mut delivered = Vec::new();
    loop {
        let batch = next(&database, "one", 3).await;
        assert!(batch.entries.len() <= 3);
        assert_eq!(next(&database, "one", 3).await, batch, "at least once");
        if batch.entries.is_empty() {
            break;
        }
        delivered.extend(ids(&batch));
        assert!(advance(&database, "one", &batch).await);
    }
    assert_eq!(delivered, expected, "each once, when nothing fails");
    let other = next(&database, "other", 1_000).await;
    assert_eq!(ids(&other), expected, "each reader has its own cursor");
    let last = record(&database, &b).await;
    assert_eq!(ids(&await_entries(&database, "one", 1).await), [last]);
}

async fn a_cursor_moves_only_from_where_it_is(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    for _ in 0..3 {
        record(&database, &scope).await;
    }
    await_entries(&database, "one", 4).await;
    let first = next(&database, "one", 2).await;
    assert!(advance(&database, "one", &first).await);
    assert!(!advance(&database, "one", &first).await, "it has moved");
    let second = next(&database, "one", 2).await;
    assert_eq!(second.confirmed_at, Some(database.now()));
    let nothing = FeedBatch {
        entries: Vec::new(),
        ..second.clone()
    };
    database.clock.advance(Duration::from_secs(5));
    assert!(advance(&database, "one", &nothing).await, "confirmed");
    let again = next(&database, "one", 2).await;
    assert_eq!((again.from, &again.entries), (second.from, &second.entries));
    assert_eq!(again.confirmed_at, Some(database.now()));
    // Two nodes deliver the same: one of them moves the cursor.
    let at_once = [0, 1].map(|_| {
        let (store, batch, now) = (database.store.clone(), again.clone(), database.now());
        tokio::spawn(async move {
            let to = batch.entries.last().unwrap().cursor;
            store.advance_feed("one", (batch.from, to), now).await
        })
    });
    let mut moved = 0;
    for one in at_once {
        moved += usize::from(one.await.unwrap().unwrap());
    }
    assert_eq!(moved, 1);
}

async fn records_come_from_their_own_tenants(database: TestDatabase) {
    let (a, tenant_a) = new_tenant(&database, "tenant-a").await;
    let (b, tenant_b) = new_tenant(&database, "tenant-b").await;
    let (of_a, of_b) = (record(&database, &a).await, record(&database, &b).await);
    let batch = await_entries(&database, "one", 4).await;
    let records = database.store.read_public_records(batch.entries.clone());
    let records = records.await.unwrap();
    let found: Vec<_> = records
        .iter()
        .map(|record| (record.entry.event_id, record.tenant.id))
        .collect();
    assert_eq!(found[2..], [(of_a, tenant_a.id), (of_b, tenant_b.id)]);
    for record in &records {
        let tenant = format!("\"tenant_id\":\"{}\"", record.tenant.id);
        assert!(record.public.contains(&tenant), "{}", record.public);
        assert!(!record.public.contains("192.0.2.1"), "{}", record.public);
    }
    let (mine, others) = read(&database, &a, async move |tx| {
        Ok((
            tx.find_public_record(of_a).await?,
            tx.find_public_record(of_b).await?,
        ))
    })
    .await;
    assert!(mine.is_some() && others.is_none());
}

async fn the_lag_counts_what_was_not_delivered(database: TestDatabase) {
    let lag = async || {
        let measure = database
            .store
            .system_read::<_, Error, _>(async |tx| tx.measure_feed_lag("one").await);
        measure.await.unwrap()
    };
    assert_eq!((lag().await.events, lag().await.oldest), (0, None));
    let (scope, _) = new_tenant(&database, "tenant").await;
    record(&database, &scope).await;
    let batch = await_entries(&database, "one", 2).await;
    let behind = lag().await;
    assert_eq!((behind.events, behind.oldest), (2, Some(ids(&batch)[0])));
    assert!(advance(&database, "one", &batch).await);
    assert_eq!((lag().await.events, lag().await.oldest), (0, None));
}

async fn rows_are_deleted_when_old_and_had_by_every_reader(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    record(&database, &scope).await;
    await_entries(&database, "fast", 2).await;
    let first = next(&database, "fast", 1).await;
    assert!(advance(&database, "fast", &first).await);
    let second = next(&database, "fast", 1).await;
    assert!(advance(&database, "slow", &first).await);
    assert!(advance(&database, "fast", &second).await);
    let delete = async |happened_before, limit| {
        let now = database.now();
        let delete = database.store.system_write::<_, Error, _>(async move |tx| {
            tx.delete_feed_rows(happened_before, now, limit).await
        });
        delete.await.unwrap()
    };
    let young = database.now().plus_seconds(-3_600);
    assert_eq!(delete(young, 10).await, 0, "nothing is old");
    let old = database.now().plus_seconds(1);
    assert_eq!(delete(old, 10).await, 1, "the slow one has had the first");
    assert_eq!(delete(old, 10).await, 0);
    database.clock.advance(31 * DAY);
    assert_eq!(delete(database.now(), 0).await, 0, "none of none");
    assert_eq!(delete(database.now(), 10).await, 1, "readers that are gone");
    let left = next(&database, "new", 10).await;
    assert!(left.entries.is_empty());
}
