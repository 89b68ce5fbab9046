//! Requests that are done once: each key with what was answered, in the transaction of the change.
//!
//! All of it is bookkeeping about a change that has its own event, and asks for none.

use crate::error::Error;
use crate::row::Row;
use crate::statement::statements;
use crate::transaction::TenantTx;
use crate::value::Value;
use keyward_model::{KeptAnswer, KeptContent, OnceRequest, Timestamp, UserId};

statements! {
    SWEEP_IDEMPOTENCY_KEYS = "DELETE FROM idempotency_keys WHERE tenant_id = $1 AND (expires_at <= $2 OR made IS NULL)";
    PRUNE_IDEMPOTENCY_KEYS = "DELETE FROM idempotency_keys
        WHERE tenant_id = $1 AND expires_at <= $2 AND (principal, route, name) IN (
            SELECT principal, route, name FROM idempotency_keys WHERE tenant_id = $1 AND expires_at <= $2
            ORDER BY expires_at LIMIT $3)";
    CLAIM_IDEMPOTENCY_KEY = "INSERT INTO idempotency_keys (tenant_id, principal, route, name, digest, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (tenant_id, principal, route, name) DO NOTHING RETURNING name";
    FIND_KEPT_ANSWER = "SELECT digest, made, body FROM idempotency_keys
        WHERE tenant_id = $1 AND principal = $2 AND route = $3 AND name = $4 AND expires_at > $5
            AND made IS NOT NULL";
    KEEP_ANSWER = "UPDATE idempotency_keys SET made = $5, body = $6
        WHERE tenant_id = $1 AND principal = $2 AND route = $3 AND name = $4";
    RELEASE_IDEMPOTENCY_KEY = "DELETE FROM idempotency_keys
        WHERE tenant_id = $1 AND principal = $2 AND route = $3 AND name = $4";
    FORGET_ANSWERS = "DELETE FROM idempotency_keys WHERE tenant_id = $1 AND (made = $2 OR principal = $3)";
}

impl TenantTx<'_> {
    /// Takes a request's key for this transaction; false when another one had it, whose answer then stands. Of two at once
    /// the second waits for the first. The tenant's keys that are older than `now` allows go on the way, and so do those
    /// of a server from before `0014`, which say nothing of what was made.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn claim_idempotency_key(
        &mut self,
        request: &OnceRequest,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let swept = self
            .run(&SWEEP_IDEMPOTENCY_KEYS, vec![Value::from(now)])
            .await?;
        self.ledger().forget_changed(swept.changed);
        let mut values = name_of(request);
        values.push(Value::from(request.digest.0.as_slice()));
        values.push(Value::from(request.expires_at));
        let claimed = self.run(&CLAIM_IDEMPOTENCY_KEY, values).await?;
        self.ledger().forget_changed(claimed.changed);
        Ok(!claimed.rows.is_empty())
    }

    /// Deletes keys whose time is over at `now`, oldest first, at most `limit`, with what was kept of their answers; how many.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn prune_idempotency_keys(
        &mut self,
        now: Timestamp,
        limit: i64,
    ) -> Result<u64, Error> {
        let values = vec![Value::from(now), Value::from(limit)];
        let pruned = self.run(&PRUNE_IDEMPOTENCY_KEYS, values).await?.changed;
        self.ledger().forget_changed(pruned);
        Ok(pruned)
    }

    /// What was answered to a request with this key, if that is known at `now`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn find_kept_answer(
        &mut self,
        request: &OnceRequest,
        now: Timestamp,
    ) -> Result<Option<KeptAnswer>, Error> {
        let mut values = name_of(request);
        values.push(Value::from(now));
        self.find(&FIND_KEPT_ANSWER, values, read_kept).await
    }

    /// Keeps the answer to the request whose key this transaction has.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn keep_answer(
        &mut self,
        request: &OnceRequest,
        content: &KeptContent,
    ) -> Result<(), Error> {
        let mut values = name_of(request);
        values.extend([
            Value::from(content.made),
            Value::from(content.body.as_deref()),
        ]);
        let kept = self.run(&KEEP_ANSWER, values).await?;
        self.ledger().forget_changed(kept.changed);
        Ok(())
    }

    /// Gives the key back: what was done with it is nothing that an answer could repeat.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn release_idempotency_key(&mut self, request: &OnceRequest) -> Result<(), Error> {
        let released = self.run(&RELEASE_IDEMPOTENCY_KEY, name_of(request)).await?;
        self.ledger().forget_changed(released.changed);
        Ok(())
    }

    /// Lets go of what was answered about a user, and to them.
    pub(crate) async fn forget_answers_of(&mut self, id: UserId) -> Result<(), Error> {
        let values = vec![Value::from(id), Value::from(format!("user:{id}"))];
        let forgotten = self.run(&FORGET_ANSWERS, values).await?;
        self.ledger().forget_changed(forgotten.changed);
        Ok(())
    }
}

fn name_of(request: &OnceRequest) -> Vec<Value> {
    vec![
        Value::from(request.principal.as_str()),
        Value::from(request.route.as_str()),
        Value::from(request.key.as_str()),
    ]
}

fn read_kept(row: &mut Row) -> Result<KeptAnswer, Error> {
    Ok(KeptAnswer {
        digest: row.get(0)?,
        content: KeptContent {
            made: row.get(1)?,
            body: row.get(2)?,
        },
    })
}
