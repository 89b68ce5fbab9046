//! What happened: each event becomes an audit record and a row of the feed, in the transaction of its change.

use crate::error::Error;
use crate::row::Row;
use crate::statement::statements;
use crate::transaction::TenantTx;
use crate::value::Value;
use keyward_model::{AuditEvent, AuditFilter, EventRecord, Outcome, Page, PageRequest, Removal};
use serde_json::Map;
use uuid::Uuid;

statements! {
    INSERT_AUDIT_EVENT = "INSERT INTO audit_events (tenant_id, id, occurred_at, kind, outcome, actor_kind, actor_id,
            target_kind, target_id, public_part, personal_part)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    INSERT_FEED_ROW = "INSERT INTO feed (tenant_id, event_id, kind, target_id, entity_version, removal_kind, removal_id,
            revoked_kind, revoked_id, revoked_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    LIST_AUDIT_EVENTS = "SELECT id, public_part, personal_part FROM audit_events
        WHERE tenant_id = $1 AND id < $2
            AND (kind = $3 OR $3 = '') AND (outcome = $4 OR $4 = '')
            AND (actor_id = $5 OR $5 = $7) AND (target_id = $6 OR $6 = $7)
            AND occurred_at >= $8 AND occurred_at < $9
        ORDER BY id DESC LIMIT $10";
}

impl TenantTx<'_> {
    /// Records an event, for the auditors and for whoever follows the feed. On PostgreSQL its rows travel with what follows:
    /// it is the commit that fails if they cannot be kept.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn record(&mut self, event: &EventRecord) -> Result<(), Error> {
        let removal = self.note_told(event);
        self.defer(&INSERT_AUDIT_EVENT, audit_values(event)).await?;
        self.defer(&INSERT_FEED_ROW, feed_values(event, removal))
            .await?;
        self.ledger().note_recorded();
        Ok(())
    }

    /// The recorded events, newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn list_audit_events(
        &mut self,
        filter: &AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditEvent>, Error> {
        let before = page.after.map_or(Uuid::max(), |cursor| cursor.uuid());
        let values = vec![
            Value::from(before),
            Value::from(filter.kind.clone().unwrap_or_default()),
            Value::from(filter.outcome.map_or("", Outcome::name)),
            Value::from(filter.actor_id.unwrap_or(Uuid::nil())),
            Value::from(filter.target_id.unwrap_or(Uuid::nil())),
            Value::from(Uuid::nil()),
            Value::Integer(filter.from.map_or(i64::MIN, |moment| moment.micros())),
            Value::Integer(filter.until.map_or(i64::MAX, |moment| moment.micros())),
            Value::Integer(page.limit() as i64 + 1),
        ];
        let rows = self
            .list(&LIST_AUDIT_EVENTS, values, read_audit_event)
            .await?;
        Ok(Page::from_rows(rows, page, |event| event.id))
    }
}

fn audit_values(event: &EventRecord) -> Vec<Value> {
    vec![
        Value::from(event.id),
        Value::from(event.occurred_at),
        Value::from(event.kind),
        Value::from(event.outcome.name()),
        Value::from(event.actor.kind()),
        Value::from(event.actor.user_id()),
        Value::from(event.target.kind),
        Value::from(event.target.id),
        Value::from(event.public.as_str()),
        Value::from(event.personal.as_str()),
    ]
}

fn feed_values(event: &EventRecord, removal: Option<Removal>) -> Vec<Value> {
    let (removal_kind, removal_id) = removal.map(|removal| removal.columns()).unzip();
    let (revoked_kind, revoked_id) = event.revoked.map(|revoked| revoked.columns()).unzip();
    vec![
        Value::from(event.id),
        Value::from(event.kind),
        Value::from(event.target.id),
        Value::from(event.entity_version),
        Value::from(removal_kind),
        Value::from(removal_id),
        Value::from(revoked_kind),
        Value::from(revoked_id),
        Value::from(event.revoked.map(|_| event.occurred_at)),
    ]
}

fn read_audit_event(row: &mut Row) -> Result<AuditEvent, Error> {
    let id = row.get(0)?;
    let public: String = row.get(1)?;
    let personal: Option<String> = row.get(2)?;
    let personal = match personal {
        Some(text) => serde_json::from_str(&text).map_err(|_| row.corrupt(2))?,
        None => Map::new(),
    };
    Ok(AuditEvent {
        id,
        public: serde_json::from_str(&public).map_err(|_| row.corrupt(1))?,
        personal,
    })
}
