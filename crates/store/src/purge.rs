//! The end of a tenant: every row of it, table by table, from those that nothing refers to.
//!
//! It is no change of a tenant's that an event could tell of, since its own log goes too: what stays is an event in the log
//! of the instance, written with the deletion of the tenant itself.

use crate::error::Error;
use crate::statement::{Statement, statements};
use crate::transaction::{SystemTx, TenantTx};
use crate::value::Value;
use keyward_model::{InstanceEvent, JobId, TenantId};

statements! {
    PURGE_AUDIT_EVENTS = "DELETE FROM audit_events WHERE tenant_id = $1
        AND id IN (SELECT id FROM audit_events WHERE tenant_id = $1 ORDER BY id LIMIT $2)";
    PURGE_FEED = "DELETE FROM feed WHERE tenant_id = $1
        AND event_id IN (SELECT event_id FROM feed WHERE tenant_id = $1 ORDER BY event_id LIMIT $2)";
    PURGE_TOKEN_FAMILIES = "DELETE FROM token_families WHERE tenant_id = $1
        AND id IN (SELECT id FROM token_families WHERE tenant_id = $1 ORDER BY id LIMIT $2)";
    PURGE_SESSIONS = "DELETE FROM sessions WHERE tenant_id = $1
        AND id IN (SELECT id FROM sessions WHERE tenant_id = $1 ORDER BY id LIMIT $2)";
    PURGE_OAUTH_CLIENTS = "DELETE FROM oauth_clients WHERE tenant_id = $1";
    PURGE_DENYLIST = "DELETE FROM token_denylist WHERE tenant_id = $1
        AND digest IN (SELECT digest FROM token_denylist WHERE tenant_id = $1 ORDER BY digest LIMIT $2)";
    PURGE_TOKEN_USAGE = "DELETE FROM token_usage WHERE tenant_id = $1";
    PURGE_INVITATIONS = "DELETE FROM invitations WHERE tenant_id = $1";
    PURGE_IDEMPOTENCY_KEYS = "DELETE FROM idempotency_keys WHERE tenant_id = $1";
    PURGE_ATTEMPTS = "DELETE FROM attempt_counts WHERE tenant_id = $1
        AND digest IN (SELECT digest FROM attempt_counts WHERE tenant_id = $1 ORDER BY digest LIMIT $2)";
    PURGE_KNOWN_DEVICES = "DELETE FROM known_devices WHERE tenant_id = $1
        AND id IN (SELECT id FROM known_devices WHERE tenant_id = $1 ORDER BY id LIMIT $2)";
    PURGE_USERS = "DELETE FROM users WHERE tenant_id = $1
        AND id IN (SELECT id FROM users WHERE tenant_id = $1 ORDER BY id LIMIT $2)";
    PURGE_ALLOWED_ORIGINS = "DELETE FROM allowed_origins WHERE tenant_id = $1";
    PURGE_PUBLISHABLE_KEYS = "DELETE FROM publishable_keys WHERE tenant_id = $1";
    PURGE_JOBS = "DELETE FROM jobs WHERE tenant_id = $1
        AND id IN (SELECT id FROM jobs WHERE tenant_id = $1 AND id <> $3 ORDER BY id LIMIT $2)";
    PURGE_SIGNING_KEYS = "DELETE FROM signing_keys WHERE tenant_id = $1";
    PURGE_TENANT_KEYS = "DELETE FROM tenant_keys WHERE tenant_id = $1";
    PURGE_LAST_JOBS = "DELETE FROM jobs WHERE tenant_id = $1";
    PURGE_ROUTES = "DELETE FROM tenant_routes WHERE tenant_id = $1";
    PURGE_TENANT = "DELETE FROM tenants WHERE tenant_id = $1 AND status = 'purging'";
    INSERT_LAST_EVENT = "INSERT INTO instance_events
            (subject_tenant_id, id, occurred_at, kind, actor, reason, details)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
}

/// A step of a tenant's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purge {
    /// What continues its users' sessions.
    RefreshTokens,
    /// Which tokens are over before their time.
    Denylist,
    /// Its OAuth clients, and how often what happened to tokens.
    Clients,
    /// Its users' sessions.
    Sessions,
    /// What invited users would be let in by.
    Invitations,
    /// What answers to its callers were kept.
    IdempotencyKeys,
    /// How often credentials were tried in it.
    Attempts,
    /// The devices that its users are known on.
    KnownDevices,
    /// Its users.
    Users,
    /// Its other jobs.
    Jobs,
    /// Its keys: from here on nothing of it that lies in a backup can be opened with what is here.
    Keys,
    /// What readers of the feed have not read by now they will not.
    Feed,
    /// Its own log, last.
    AuditEvents,
}

impl Purge {
    /// All of them, in the order that foreign keys allow.
    pub const ALL: [Self; 13] = [
        Self::RefreshTokens,
        Self::Denylist,
        Self::Clients,
        Self::Sessions,
        Self::Invitations,
        Self::IdempotencyKeys,
        Self::Attempts,
        Self::KnownDevices,
        Self::Users,
        Self::Jobs,
        Self::Keys,
        Self::Feed,
        Self::AuditEvents,
    ];

    /// Whether it deletes from a log, where the request role may delete nothing: then it is [`SystemTx::purge_log`]'s.
    pub fn is_of_the_logs(self) -> bool {
        match self {
            Self::Feed | Self::AuditEvents => true,
            Self::RefreshTokens | Self::Denylist | Self::Clients => false,
            Self::Sessions | Self::Invitations => false,
            Self::IdempotencyKeys | Self::Users | Self::Jobs | Self::Keys => false,
            Self::Attempts | Self::KnownDevices => false,
        }
    }
}

impl TenantTx<'_> {
    /// Deletes at most `limit` rows of a step that is not of the logs, but not the job that does it; how many.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn purge(&mut self, step: Purge, by: JobId, limit: i64) -> Result<i64, Error> {
        let statements: &[&'static Statement] = match step {
            Purge::RefreshTokens => &[&PURGE_TOKEN_FAMILIES],
            Purge::Denylist => &[&PURGE_DENYLIST],
            Purge::Clients => &[&PURGE_OAUTH_CLIENTS, &PURGE_TOKEN_USAGE],
            Purge::Sessions => &[&PURGE_SESSIONS],
            Purge::Invitations => &[&PURGE_INVITATIONS],
            Purge::IdempotencyKeys => &[&PURGE_IDEMPOTENCY_KEYS],
            Purge::Attempts => &[&PURGE_ATTEMPTS],
            Purge::KnownDevices => &[&PURGE_KNOWN_DEVICES],
            Purge::Users => &[&PURGE_USERS],
            Purge::Jobs => &[&PURGE_JOBS],
            Purge::Keys => &[
                &PURGE_ALLOWED_ORIGINS,
                &PURGE_PUBLISHABLE_KEYS,
                &PURGE_SIGNING_KEYS,
                &PURGE_TENANT_KEYS,
            ],
            Purge::Feed | Purge::AuditEvents => &[],
        };
        let mut deleted = 0;
        for statement in statements {
            let values = match step {
                Purge::Keys | Purge::Clients | Purge::Invitations | Purge::IdempotencyKeys => {
                    vec![]
                }
                Purge::Jobs => vec![Value::from(limit), Value::from(by)],
                _ => vec![Value::from(limit)],
            };
            deleted += self.purge_by(statement, values).await?;
        }
        Ok(i64::try_from(deleted).unwrap_or(i64::MAX))
    }

    /// Deletes what is left of a tenant that is being purged, itself last, and says in the log of the instance that it is
    /// gone.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it has rows still.
    pub async fn delete_purged_tenant(&mut self, event: &InstanceEvent) -> Result<(), Error> {
        for statement in [&PURGE_LAST_JOBS, &PURGE_ROUTES, &PURGE_TENANT] {
            self.purge_by(statement, vec![]).await?;
        }
        let details = serde_json::to_string(&event.details).map_err(Error::unfit)?;
        let values = vec![
            Value::from(event.id),
            Value::from(event.occurred_at),
            Value::from(event.kind.as_str()),
            Value::from(event.actor.as_str()),
            Value::from(event.reason.as_str()),
            Value::from(details),
        ];
        self.purge_by(&INSERT_LAST_EVENT, values).await.map(drop)
    }

    async fn purge_by(
        &mut self,
        statement: &'static Statement,
        values: Vec<Value>,
    ) -> Result<u64, Error> {
        let purged = self.run(statement, values).await?;
        self.ledger().forget_changed(purged.changed);
        Ok(purged.changed)
    }
}

impl SystemTx<'_> {
    /// Deletes at most `limit` rows of a log of a tenant that is being purged; how many. On PostgreSQL a policy lets no row
    /// of any other tenant go.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn purge_log(
        &mut self,
        tenant_id: TenantId,
        step: Purge,
        limit: i64,
    ) -> Result<i64, Error> {
        let statement = match step {
            Purge::Feed => &PURGE_FEED,
            Purge::AuditEvents => &PURGE_AUDIT_EVENTS,
            _ => return Ok(0),
        };
        let values = vec![Value::from(tenant_id), Value::from(limit)];
        let purged = self.run(statement, values).await?;
        Ok(i64::try_from(purged.changed).unwrap_or(i64::MAX))
    }
}
