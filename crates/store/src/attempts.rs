//! Counts of attempts at credentials: a row for each window, held while it is counted in.
//!
//! All of it is bookkeeping: a count is no event, and a refused attempt changes no row. Whoever counts takes the rows with
//! [`TenantTx::hold_attempts`], looks whether all of them have room, and keeps what they are then. So of any number of
//! attempts at once, on whichever nodes, the next looks at what the one before has committed.

use crate::error::Error;
use crate::row::Row;
use crate::statement::statements;
use crate::transaction::TenantTx;
use crate::value::Value;
use keyward_model::{AttemptCount, Digest, Timestamp};

statements! {
    FIND_ATTEMPTS = "SELECT digest, moments, failures FROM attempt_counts WHERE tenant_id = $1 AND digest = $2";
    HOLD_ATTEMPTS = "INSERT INTO attempt_counts (tenant_id, digest, moments, failures, expires_at)
        VALUES ($1, $2, $3, 0, $4)
        ON CONFLICT (tenant_id, digest) DO UPDATE SET failures = attempt_counts.failures
        RETURNING digest, moments, failures";
    KEEP_ATTEMPTS = "UPDATE attempt_counts SET moments = $3, failures = $4, expires_at = $5
        WHERE tenant_id = $1 AND digest = $2";
    FORGET_ATTEMPTS = "DELETE FROM attempt_counts WHERE tenant_id = $1 AND digest = $2
        RETURNING digest, moments, failures";
    PRUNE_ATTEMPTS = "DELETE FROM attempt_counts WHERE tenant_id = $1 AND expires_at <= $2 AND digest IN (
            SELECT digest FROM attempt_counts WHERE tenant_id = $1 AND expires_at <= $2
            ORDER BY expires_at LIMIT $3)";
}

impl TenantTx<'_> {
    /// What was counted under each digest so far, in their order. It changes nothing and waits for nobody: what it shows
    /// as full may be refused at once, what has room is to be held.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn find_attempts(&mut self, digests: &[Digest]) -> Result<Vec<AttemptCount>, Error> {
        let wanted = digests
            .iter()
            .map(|digest| (&FIND_ATTEMPTS, vec![value_of(*digest)]));
        let answers = self.run_each(wanted.collect()).await?;
        let counts = answers.into_iter().map(|mut answer| {
            let found = answer.rows.first_mut().map(read_count).transpose()?;
            Ok(found.unwrap_or_default())
        });
        counts.collect()
    }

    /// Takes the rows of these digests until the transaction ends, in their order, and gives what was counted under each.
    /// A row that is not there is made, for as long as the transaction stands; it ends at `expires_at` unless it is kept.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn hold_attempts(
        &mut self,
        digests: &[Digest],
        expires_at: Timestamp,
    ) -> Result<Vec<AttemptCount>, Error> {
        let wanted = digests.iter().map(|digest| {
            let none: &[u8] = &[];
            let values = vec![
                value_of(*digest),
                Value::from(none),
                Value::from(expires_at),
            ];
            (&HOLD_ATTEMPTS, values)
        });
        let answers = self.run_each(wanted.collect()).await?;
        let mut counts = Vec::with_capacity(answers.len());
        for mut answer in answers {
            self.ledger().forget_changed(answer.changed);
            let found = answer.rows.first_mut().map(read_count).transpose()?;
            counts.push(found.unwrap_or_default());
        }
        Ok(counts)
    }

    /// Keeps what is counted under a digest that this transaction holds, until `expires_at`, or for good.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn keep_attempts(
        &mut self,
        digest: Digest,
        count: &AttemptCount,
        expires_at: Option<Timestamp>,
    ) -> Result<(), Error> {
        let values = vec![
            value_of(digest),
            Value::from(count.to_bytes().as_slice()),
            Value::from(count.failures()),
            Value::from(expires_at),
        ];
        self.defer_bookkeeping(&KEEP_ATTEMPTS, values).await
    }

    /// Forgets what was counted under a digest, and gives what that was; none when nothing was.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn forget_attempts(&mut self, digest: Digest) -> Result<Option<AttemptCount>, Error> {
        let mut answer = self.run(&FORGET_ATTEMPTS, vec![value_of(digest)]).await?;
        self.ledger().forget_changed(answer.changed);
        answer.rows.first_mut().map(read_count).transpose()
    }

    /// Deletes counts that hold nobody back any more at `now`, oldest first, at most `limit`; how many.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn prune_attempts(&mut self, now: Timestamp, limit: i64) -> Result<u64, Error> {
        let values = vec![Value::from(now), Value::from(limit)];
        let pruned = self.run(&PRUNE_ATTEMPTS, values).await?.changed;
        self.ledger().forget_changed(pruned);
        Ok(pruned)
    }
}

fn value_of(digest: Digest) -> Value {
    Value::from(digest.0.as_slice())
}

fn read_count(row: &mut Row) -> Result<AttemptCount, Error> {
    let (moments, failures): (Vec<u8>, i64) = (row.get(1)?, row.get(2)?);
    AttemptCount::from_bytes(&moments, failures).ok_or_else(|| row.corrupt(1))
}
