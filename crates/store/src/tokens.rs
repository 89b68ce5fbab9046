//! Tokens that are over before their time, and how often what happened to tokens.

use crate::error::Error;
use crate::row::Row;
use crate::statement::statements;
use crate::transaction::TenantTx;
use crate::value::Value;
use keyward_model::{
    ClientId, Digest, Id, SessionId, Timestamp, TokenId, TokenKind, TokenUsage, UsageDay,
};
use uuid::Uuid;

/// How many rows of usage one question gives at most: a month of a hundred clients, several times over.
const USAGE_ROWS_MAX: i64 = 20_000;
/// For how many days usage is kept.
const USAGE_KEPT_DAYS: i64 = 400;

statements! {
    DENY_ACCESS_TOKEN = "INSERT INTO token_denylist (tenant_id, kind, digest, expires_at)
        VALUES ($1, 'access_token', $2, $3) ON CONFLICT (tenant_id, kind, digest) DO NOTHING RETURNING kind";
    REDEEM_CLIENT_ASSERTION = "INSERT INTO token_denylist (tenant_id, kind, digest, expires_at)
        VALUES ($1, 'client_assertion', $2, $3) ON CONFLICT (tenant_id, kind, digest) DO NOTHING RETURNING kind";
    ADMITS_TOKEN = "SELECT s.id FROM sessions s JOIN tenants t ON t.tenant_id = s.tenant_id AND t.session_epoch = s.epoch
        WHERE s.tenant_id = $1 AND s.id = $2 AND NOT EXISTS (SELECT 1 FROM token_denylist d
            WHERE d.tenant_id = s.tenant_id AND d.kind = 'access_token' AND d.digest = $3)";
    PRUNE_DENYLIST = "DELETE FROM token_denylist WHERE tenant_id = $1 AND expires_at <= $2
        AND (kind, digest) IN (SELECT kind, digest FROM token_denylist WHERE tenant_id = $1 AND expires_at <= $2
            ORDER BY expires_at LIMIT $3)";
    ADD_TOKEN_USAGE = "INSERT INTO token_usage (tenant_id, day, kind, client_id, issued, refreshed, revoked, introspected)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (tenant_id, day, kind, client_id) DO UPDATE SET issued = token_usage.issued + excluded.issued,
            refreshed = token_usage.refreshed + excluded.refreshed, revoked = token_usage.revoked + excluded.revoked,
            introspected = token_usage.introspected + excluded.introspected";
    PRUNE_TOKEN_USAGE = "DELETE FROM token_usage WHERE tenant_id = $1 AND day < $2";
    LIST_TOKEN_USAGE = "SELECT day, kind, client_id, issued, refreshed, revoked, introspected FROM token_usage
        WHERE tenant_id = $1 AND day >= $2 AND day <= $3 ORDER BY day, kind, client_id LIMIT $4";
    END_ALL_SESSIONS = "UPDATE tenants SET session_epoch = session_epoch + 1, sessions_ended_at = $2
        WHERE tenant_id = $1 RETURNING session_epoch";
}

impl TenantTx<'_> {
    /// Puts an access token on the denylist until it would be over by itself; false when it is there already.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn deny_access_token(
        &mut self,
        id: TokenId,
        expires_at: Timestamp,
    ) -> Result<bool, Error> {
        let values = vec![bytes_of(id), Value::from(expires_at)];
        Ok(!self.run(&DENY_ACCESS_TOKEN, values).await?.rows.is_empty())
    }

    /// Remembers that an assertion was used, by the digest of its client and name, for as long as it could be used again;
    /// false when it was used before. Of two at once the second waits for the first. It is no change that anybody is told
    /// of, and asks for no event.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn redeem_client_assertion(
        &mut self,
        digest: Digest,
        expires_at: Timestamp,
    ) -> Result<bool, Error> {
        let values = vec![Value::from(digest.0.as_slice()), Value::from(expires_at)];
        let redeemed = self.run(&REDEEM_CLIENT_ASSERTION, values).await?;
        self.ledger().forget_changed(redeemed.changed);
        Ok(!redeemed.rows.is_empty())
    }

    /// Whether a session admits a token of this name: it does not once the token stands on the denylist, or the tenant ended
    /// all of its sessions since this one was opened. Whether the session lives otherwise is another question.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn admits_token(
        &mut self,
        session_id: SessionId,
        id: TokenId,
    ) -> Result<bool, Error> {
        let values = vec![Value::from(session_id), bytes_of(id)];
        Ok(!self.run(&ADMITS_TOKEN, values).await?.rows.is_empty())
    }

    /// Deletes what the denylist holds of tokens that are over by themselves at `now`, at most `limit`; how many. They were
    /// refused before and are after, so that it asks for no event.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn prune_denylist(&mut self, now: Timestamp, limit: i64) -> Result<u64, Error> {
        let values = vec![Value::from(now), Value::from(limit)];
        let pruned = self.run(&PRUNE_DENYLIST, values).await?.changed;
        self.ledger().forget_changed(pruned);
        Ok(pruned)
    }

    /// Ends every session of the tenant by counting its epoch on; gives the new one. None while the tenant is being made.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn end_all_sessions(&mut self, at: Timestamp) -> Result<Option<i64>, Error> {
        self.find(&END_ALL_SESSIONS, vec![Value::from(at)], |row| row.get(0))
            .await
    }

    /// Adds to what was counted, and lets go of what is older than 400 days.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn add_token_usage(&mut self, usage: &TokenUsage) -> Result<(), Error> {
        let client = usage.client.map_or(Uuid::nil(), ClientId::uuid);
        let values = vec![
            Value::from(usage.day.0),
            Value::from(usage.kind.name()),
            Value::from(client),
            Value::from(usage.issued),
            Value::from(usage.refreshed),
            Value::from(usage.revoked),
            Value::from(usage.introspected),
        ];
        self.defer(&ADD_TOKEN_USAGE, values).await?;
        let oldest = Value::from(usage.day.0 - USAGE_KEPT_DAYS);
        self.defer(&PRUNE_TOKEN_USAGE, vec![oldest]).await
    }

    /// What was counted on the days from the first to the last, each included, in their order.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn list_token_usage(
        &mut self,
        (first, last): (UsageDay, UsageDay),
    ) -> Result<Vec<TokenUsage>, Error> {
        let values = vec![
            Value::from(first.0),
            Value::from(last.0),
            Value::from(USAGE_ROWS_MAX),
        ];
        self.list(&LIST_TOKEN_USAGE, values, read_usage).await
    }
}

fn bytes_of(id: TokenId) -> Value {
    Value::from(id.uuid().as_bytes().as_slice())
}

fn read_usage(row: &mut Row) -> Result<TokenUsage, Error> {
    let client: Uuid = row.get(2)?;
    Ok(TokenUsage {
        day: UsageDay(row.get(0)?),
        kind: row.named::<TokenKind>(1)?,
        client: (!client.is_nil()).then(|| Id::from_uuid(client)),
        issued: row.get(3)?,
        refreshed: row.get(4)?,
        revoked: row.get(5)?,
        introspected: row.get(6)?,
    })
}
