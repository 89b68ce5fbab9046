//! Requests that are done once: each key with what was answered, in the transaction of the change.
//!
//! All of it is bookkeeping about a change that has its own event, and asks for none.

use crate::error::Error;
use crate::row::Row;
use crate::statement::statements;
use crate::transaction::TenantTx;
use crate::value::Value;
use keyward_model::{KeptAnswer, KeptContent, OnceRequest, Timestamp};
use uuid::Uuid;

statements! {
    SWEEP_IDEMPOTENCY_KEYS = "DELETE FROM idempotency_keys WHERE tenant_id = $1 AND expires_at <= $2";
    PRUNE_IDEMPOTENCY_KEYS = "DELETE FROM idempotency_keys
        WHERE tenant_id = $1 AND expires_at <= $2 AND (principal, route, name) IN (
            SELECT principal, route, name FROM idempotency_keys WHERE tenant_id = $1 AND expires_at <= $2
            ORDER BY expires_at LIMIT $3)";
    CLAIM_IDEMPOTENCY_KEY = "INSERT INTO idempotency_keys (tenant_id, principal, route, name, digest, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (tenant_id, principal, route, name) DO NOTHING RETURNING name";
    FIND_KEPT_ANSWER = "SELECT digest, body, secret_of FROM idempotency_keys
        WHERE tenant_id = $1 AND principal = $2 AND route = $3 AND name = $4 AND expires_at > $5";
    KEEP_ANSWER = "UPDATE idempotency_keys SET body = $5, secret_of = $6
        WHERE tenant_id = $1 AND principal = $2 AND route = $3 AND name = $4";
    RELEASE_IDEMPOTENCY_KEY = "DELETE FROM idempotency_keys
        WHERE tenant_id = $1 AND principal = $2 AND route = $3 AND name = $4";
}

impl TenantTx<'_> {
    /// Takes a request's key for this transaction; false when another one had it, whose answer then stands. Of two at once
    /// the second waits for the first. The tenant's keys that are older than `now` allows go on the way.
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
        let (body, secret_of) = match content {
            KeptContent::Whole(body) => (Some(body.as_str()), None),
            KeptContent::Secret(id) => (None, Some(*id)),
        };
        let mut values = name_of(request);
        values.extend([Value::from(body), Value::from(secret_of)]);
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
}

fn name_of(request: &OnceRequest) -> Vec<Value> {
    vec![
        Value::from(request.principal.as_str()),
        Value::from(request.route.as_str()),
        Value::from(request.key.as_str()),
    ]
}

fn read_kept(row: &mut Row) -> Result<KeptAnswer, Error> {
    let (body, secret_of): (Option<String>, Option<Uuid>) = (row.get(1)?, row.get(2)?);
    let content = match (body, secret_of) {
        (Some(body), None) => KeptContent::Whole(body),
        (None, Some(id)) => KeptContent::Secret(id),
        _ => return Err(row.corrupt(1)),
    };
    Ok(KeptAnswer {
        digest: row.get(0)?,
        content,
    })
}
