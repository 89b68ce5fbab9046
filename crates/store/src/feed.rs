//! The feed of events, read in its order by readers that each keep a cursor.
//!
//! On PostgreSQL rows become visible in another order than that of their transactions' numbers. A durable reader stops at the
//! horizon below which every transaction has ended, so that nothing appears behind its cursor any more. It therefore
//! waits for the oldest transaction that runs, whatever that does. On SQLite one writer makes the order of positions that of
//! commits.

use crate::error::Error;
use crate::row::Row;
use crate::scope::TenantScope;
use crate::statement::{statements, statements_by_engine};
use crate::store::Store;
use crate::transaction::{SystemTx, TenantTx};
use crate::value::Value;
use keyward_model::{EventId, Tenant, Timestamp, least_id};
use std::fmt;

/// How far back rows are counted for the lag; beyond it is "at least so many".
pub const FEED_LAG_COUNTED_MAX: i64 = 10_000;
/// How long a cursor that nobody moves or confirms holds back the deletion of what it has not read.
const ABANDONED_AFTER_SECONDS: i64 = 30 * 24 * 3_600;

statements! {
    FIND_FEED_CURSOR = "SELECT transaction_id, position, updated_at FROM feed_cursors WHERE reader = $1";
    BEGIN_FEED_CURSOR = "INSERT INTO feed_cursors (reader, transaction_id, position, updated_at) VALUES ($1, 0, 0, $2)
        ON CONFLICT (reader) DO NOTHING";
    MOVE_FEED_CURSOR = "UPDATE feed_cursors SET transaction_id = $4, position = $5, updated_at = $6
        WHERE reader = $1 AND transaction_id = $2 AND position = $3 RETURNING reader";
    COUNT_FEED_ROWS = "SELECT COUNT(position) FROM (
            SELECT position FROM feed WHERE (transaction_id, position) > ($1, $2)
            ORDER BY transaction_id, position LIMIT $3) behind";
    FIND_NEXT_FEED_ROW = "SELECT event_id FROM feed WHERE (transaction_id, position) > ($1, $2)
        ORDER BY transaction_id, position LIMIT 1";
    DELETE_FEED_ROWS = "DELETE FROM feed WHERE position IN (
            SELECT position FROM (SELECT transaction_id, position, event_id FROM feed
                ORDER BY transaction_id, position LIMIT $3) oldest
            WHERE event_id < $1 AND NOT EXISTS (SELECT 1 FROM feed_cursors c WHERE c.updated_at >= $2
                AND (c.transaction_id, c.position) < (oldest.transaction_id, oldest.position)))";
    FIND_PUBLIC_RECORD = "SELECT id, public_part FROM audit_events WHERE tenant_id = $1 AND id = $2";
}

statements_by_engine! {
    READ_FEED {
        sqlite: "SELECT event_id, tenant_id, transaction_id, position, kind FROM feed
            WHERE (transaction_id, position) > ($1, $2)
            ORDER BY transaction_id, position LIMIT $3",
        postgres: "SELECT event_id, tenant_id, transaction_id, position, kind FROM feed
            WHERE (transaction_id, position) > ($1, $2)
                AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
            ORDER BY transaction_id, position LIMIT $3",
    }
}

/// A place in the feed; its text sorts as the places do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeedCursor {
    transaction_id: i64,
    position: i64,
}

/// A row of the feed, with the way into its tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEntry {
    scope: TenantScope,
    /// Names the event.
    pub event_id: EventId,
    /// Where it stands.
    pub cursor: FeedCursor,
    /// The type, for instance `session.revoked`.
    pub kind: String,
}

/// What a reader has before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedBatch {
    /// Where the reader is.
    pub from: FeedCursor,
    /// When it was there last; none, when it never read.
    pub confirmed_at: Option<Timestamp>,
    /// What comes next, in the feed's order.
    pub entries: Vec<FeedEntry>,
}

/// How far behind a reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedLag {
    /// How many events it has not delivered; counted up to [`FEED_LAG_COUNTED_MAX`].
    pub events: i64,
    /// The oldest of them; its id carries its time.
    pub oldest: Option<EventId>,
}

/// The public record of an event, and the tenant that it happened in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicRecord {
    /// Where it stands in the feed.
    pub entry: FeedEntry,
    /// The tenant, as it is now.
    pub tenant: Tenant,
    /// The public part of the audit record: RFC 8785 JSON.
    pub public: String,
}

impl fmt::Display for FeedCursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{:019}-{:019}",
            self.transaction_id, self.position
        )
    }
}

impl SystemTx<'_> {
    async fn read_feed(&mut self, reader: &str, limit: i64) -> Result<FeedBatch, Error> {
        let (from, confirmed_at) = self.find_cursor(reader).await?;
        let values = vec![
            Value::from(from.transaction_id),
            Value::from(from.position),
            Value::from(limit),
        ];
        let mut answer = self.run(&READ_FEED, values).await?;
        let entries = answer.rows.iter_mut().map(read_entry);
        Ok(FeedBatch {
            from,
            confirmed_at,
            entries: entries.collect::<Result<_, _>>()?,
        })
    }

    async fn advance_feed(
        &mut self,
        reader: &str,
        (from, to): (FeedCursor, FeedCursor),
        now: Timestamp,
    ) -> Result<bool, Error> {
        if from == FeedCursor::default() {
            let values = vec![Value::from(reader), Value::from(now)];
            self.run(&BEGIN_FEED_CURSOR, values).await?;
        }
        let values = vec![
            Value::from(reader),
            Value::from(from.transaction_id),
            Value::from(from.position),
            Value::from(to.transaction_id),
            Value::from(to.position),
            Value::from(now),
        ];
        Ok(!self.run(&MOVE_FEED_CURSOR, values).await?.rows.is_empty())
    }

    /// How far behind a reader is.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn measure_feed_lag(&mut self, reader: &str) -> Result<FeedLag, Error> {
        let (from, _) = self.find_cursor(reader).await?;
        let mut values = vec![Value::from(from.transaction_id), Value::from(from.position)];
        let mut next = self.run(&FIND_NEXT_FEED_ROW, values.clone()).await?;
        values.push(Value::from(FEED_LAG_COUNTED_MAX));
        let mut count = self.run(&COUNT_FEED_ROWS, values).await?;
        let row = next.rows.first_mut();
        Ok(FeedLag {
            events: count.rows.first_mut().map_or(Ok(0), |row| row.get(0))?,
            oldest: row.map(|row| row.get(0)).transpose()?,
        })
    }

    /// Of the oldest `limit` rows, deletes those that happened before a moment and that every reader has had; how many. A
    /// reader that was not heard of for 30 days does not count.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_feed_rows(
        &mut self,
        happened_before: Timestamp,
        now: Timestamp,
        limit: i64,
    ) -> Result<u64, Error> {
        let values = vec![
            Value::from(least_id::<keyward_model::Event>(happened_before)),
            Value::from(now.plus_seconds(-ABANDONED_AFTER_SECONDS)),
            Value::from(limit),
        ];
        Ok(self.run(&DELETE_FEED_ROWS, values).await?.changed)
    }

    async fn find_cursor(
        &mut self,
        reader: &str,
    ) -> Result<(FeedCursor, Option<Timestamp>), Error> {
        let mut answer = self
            .run(&FIND_FEED_CURSOR, vec![Value::from(reader)])
            .await?;
        let Some(row) = answer.rows.first_mut() else {
            return Ok((FeedCursor::default(), None));
        };
        let cursor = FeedCursor {
            transaction_id: row.get(0)?,
            position: row.get(1)?,
        };
        Ok((cursor, Some(row.get(2)?)))
    }
}

impl TenantTx<'_> {
    /// The public part of an event's record, as text. Of what it says of persons nothing is read.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_public_record(&mut self, id: EventId) -> Result<Option<String>, Error> {
        self.find(&FIND_PUBLIC_RECORD, vec![Value::from(id)], |row| row.get(1))
            .await
    }
}

impl Store {
    /// What comes after a reader's cursor, at most `limit`. A reader that never read begins with the oldest that is kept.
    ///
    /// # Errors
    /// As [`Store::system_read`].
    pub async fn read_feed(&self, reader: &str, limit: i64) -> Result<FeedBatch, Error> {
        let reader = reader.to_owned();
        self.system_read(async move |tx: &mut SystemTx<'_>| tx.read_feed(&reader, limit).await)
            .await
    }

    /// Moves a reader's cursor from where it read to where it has delivered; to the same place, it confirms that the reader
    /// lives. False when the cursor is elsewhere: another node reads in the same name.
    ///
    /// # Errors
    /// As [`Store::system_write`].
    pub async fn advance_feed(
        &self,
        reader: &str,
        (from, to): (FeedCursor, FeedCursor),
        now: Timestamp,
    ) -> Result<bool, Error> {
        let reader = reader.to_owned();
        self.system_write(async move |tx: &mut SystemTx<'_>| {
            tx.advance_feed(&reader, (from, to), now).await
        })
        .await
    }

    /// The public records of feed rows, in their order: each read in its own tenant, whose rows alone that transaction sees.
    /// What went with its tenant meanwhile is left out.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn read_public_records(
        &self,
        entries: Vec<FeedEntry>,
    ) -> Result<Vec<PublicRecord>, Error> {
        let mut records = Vec::with_capacity(entries.len());
        let mut rest = entries.as_slice();
        while let Some(first) = rest.first() {
            let of_tenant = |entry: &&FeedEntry| entry.scope == first.scope;
            let length = rest.iter().take_while(of_tenant).count();
            let (run, after) = rest.split_at(length);
            records.extend(
                self.records_of_one_tenant(first.scope, run.to_vec())
                    .await?,
            );
            rest = after;
        }
        Ok(records)
    }

    async fn records_of_one_tenant(
        &self,
        scope: TenantScope,
        entries: Vec<FeedEntry>,
    ) -> Result<Vec<PublicRecord>, Error> {
        self.read(&scope, async move |tx: &mut TenantTx<'_>| {
            let Some(tenant) = tx.find_tenant().await? else {
                return Ok(Vec::new());
            };
            let mut records = Vec::with_capacity(entries.len());
            for entry in entries {
                let Some(public) = tx.find_public_record(entry.event_id).await? else {
                    continue;
                };
                let tenant = tenant.clone();
                records.push(PublicRecord {
                    entry,
                    tenant,
                    public,
                });
            }
            Ok(records)
        })
        .await
    }
}

fn read_entry(row: &mut Row) -> Result<FeedEntry, Error> {
    Ok(FeedEntry {
        event_id: row.get(0)?,
        scope: TenantScope::resolved(row.get(1)?),
        cursor: FeedCursor {
            transaction_id: row.get(2)?,
            position: row.get(3)?,
        },
        kind: row.get(4)?,
    })
}
