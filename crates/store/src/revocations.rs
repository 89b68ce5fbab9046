//! The revocations of a tenant, read from the feed in the order of their transactions.
//!
//! Rows become visible in another order than that of their transactions' numbers. So a reader keeps what it saw as the snapshot
//! that it read in ([`FeedMark`]), and reads what is not visible there: each row once, also those of transactions that end out
//! of order. Outside of this process a mark is one number, the horizon below which every transaction had ended: from there some
//! rows are read once more, and none is left out. On SQLite one writer makes the order of positions that of commits.

use crate::error::Error;
use crate::row::Row;
use crate::statement::statements_by_engine;
use crate::store::Store;
use crate::transaction::TenantTx;
use crate::value::Value;
use keyward_model::{Revocation, Revoked, TenantStatus, Timestamp};
use uuid::Uuid;

statements_by_engine! {
    FIND_FEED_MARK {
        sqlite: "SELECT t.status, 0, COALESCE((SELECT MAX(f.position) FROM feed f
                WHERE f.tenant_id = $1 AND f.revoked_kind IS NOT NULL AND f.transaction_id = 0), 0), ''
            FROM tenants t WHERE t.tenant_id = $1",
        postgres: "SELECT t.status, pg_snapshot_xmin(pg_current_snapshot())::text::bigint, 0::bigint, pg_current_snapshot()::text
            FROM tenants t WHERE t.tenant_id = $1",
    }
    LIST_REVOCATIONS {
        sqlite: "SELECT revoked_kind, revoked_id, revoked_at, transaction_id, position FROM feed
            WHERE tenant_id = $1 AND revoked_kind IS NOT NULL AND transaction_id = $2 AND position > $3 AND $4 = ''
                AND (revoked_at >= $5 OR revoked_kind = 'signing_key' AND revoked_at >= $6)
            ORDER BY transaction_id, position LIMIT $7",
        postgres: "SELECT revoked_kind, revoked_id, revoked_at, transaction_id, position FROM feed
            WHERE tenant_id = $1 AND revoked_kind IS NOT NULL AND (transaction_id, position) > ($2, $3)
                AND NOT pg_visible_in_snapshot(transaction_id::text::xid8, $4::text::pg_snapshot)
                AND (revoked_at >= $5 OR revoked_kind = 'signing_key' AND revoked_at >= $6)
            ORDER BY transaction_id, position LIMIT $7",
    }
}

/// How far a reader has come: all that was visible then it has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedMark {
    transaction_id: i64,
    position: i64,
    snapshot: String,
}

/// Which revocations are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationFilter {
    /// Those that were not visible then.
    pub beyond: FeedMark,
    /// Not revoked before.
    pub since: Timestamp,
    /// Of signing keys: not revoked before.
    pub keys_since: Timestamp,
}

/// Some of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationPage {
    /// In the order of their transactions.
    pub revocations: Vec<Revocation>,
    /// Where the next page begins; none, if this is the last.
    pub next: Option<FeedMark>,
}

impl FeedMark {
    /// The mark as one number, from which [`Store::feed_mark`] makes one that is never further than this.
    pub fn number(&self) -> i64 {
        self.transaction_id.max(self.position)
    }
}

impl TenantTx<'_> {
    /// How far the feed has come, and whether the tenant is served; none of a tenant that is gone.
    ///
    /// What is read after this in the same transaction is at least what is visible here.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn find_feed_mark(&mut self) -> Result<Option<(TenantStatus, FeedMark)>, Error> {
        self.find(&FIND_FEED_MARK, vec![], |row| {
            let mark = FeedMark {
                transaction_id: row.get(1)?,
                position: row.get(2)?,
                snapshot: row.get(3)?,
            };
            Ok((row.named(0)?, mark))
        })
        .await
    }

    /// At most `limit` of the revocations that are asked for. What a newer version revokes in a way that this one does not
    /// know is left out.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn list_revocations(
        &mut self,
        filter: &RevocationFilter,
        limit: i64,
    ) -> Result<RevocationPage, Error> {
        let RevocationFilter {
            beyond,
            since,
            keys_since,
        } = filter;
        let values = vec![
            Value::from(beyond.transaction_id),
            Value::from(beyond.position),
            Value::from(beyond.snapshot.as_str()),
            Value::from(*since),
            Value::from(*keys_since),
            Value::from(limit),
        ];
        let rows = self
            .list(&LIST_REVOCATIONS, values, read_revocation)
            .await?;
        let is_full = i64::try_from(rows.len()).is_ok_and(|length| length >= limit);
        let next = rows.last().filter(|_| is_full).map(|(_, place)| FeedMark {
            transaction_id: place.0,
            position: place.1,
            snapshot: beyond.snapshot.clone(),
        });
        let revocations = rows.into_iter().filter_map(|(found, _)| found).collect();
        Ok(RevocationPage { revocations, next })
    }
}

impl Store {
    /// The mark of a number that [`FeedMark::number`] gave; of 0, where the feed begins.
    pub fn feed_mark(&self, number: i64) -> FeedMark {
        match self.sqlite() {
            Some(_) => FeedMark {
                transaction_id: 0,
                position: number,
                snapshot: String::new(),
            },
            // No transaction has a number below 3.
            None => FeedMark {
                transaction_id: number.max(1),
                position: 0,
                snapshot: format!("{0}:{0}:", number.max(1)),
            },
        }
    }
}

fn read_revocation(row: &mut Row) -> Result<(Option<Revocation>, (i64, i64)), Error> {
    let (kind, id): (String, Uuid) = (row.get(0)?, row.get(1)?);
    let at = row.get(2)?;
    let revocation = Revoked::from_columns(&kind, id).map(|revoked| Revocation { revoked, at });
    Ok((revocation, (row.get(3)?, row.get(4)?)))
}
