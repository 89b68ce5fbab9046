//! The log of the instance itself: appended to and read, never changed.

use crate::error::Error;
use crate::row::Row;
use crate::statement::statements;
use crate::transaction::SystemTx;
use crate::value::Value;
use keyward_model::{InstanceEvent, Page, PageRequest};
use uuid::Uuid;

statements! {
    INSERT_INSTANCE_EVENT = "INSERT INTO instance_events (id, occurred_at, kind, actor, reason, subject_tenant_id, details)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    LIST_INSTANCE_EVENTS = "SELECT id, occurred_at, kind, actor, reason, subject_tenant_id, details FROM instance_events
        WHERE id < $1 ORDER BY id DESC LIMIT $2";
}

impl SystemTx<'_> {
    /// Appends to the log of the instance.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn record_instance_event(&mut self, event: &InstanceEvent) -> Result<(), Error> {
        let details = serde_json::to_string(&event.details).map_err(Error::unfit)?;
        let values = vec![
            Value::from(event.id),
            Value::from(event.occurred_at),
            Value::from(event.kind.as_str()),
            Value::from(event.actor.as_str()),
            Value::from(event.reason.as_str()),
            Value::from(event.tenant_id),
            Value::from(details),
        ];
        self.run(&INSERT_INSTANCE_EVENT, values).await.map(drop)
    }

    /// The log of the instance, newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn list_instance_events(
        &mut self,
        page: PageRequest,
    ) -> Result<Page<InstanceEvent>, Error> {
        let before = page.after.map_or(Uuid::max(), |cursor| cursor.uuid());
        let values = vec![Value::from(before), Value::Integer(page.limit() as i64 + 1)];
        let mut answer = self.run(&LIST_INSTANCE_EVENTS, values).await?;
        let rows = answer.rows.iter_mut().map(read_instance_event);
        let rows = rows.collect::<Result<_, _>>()?;
        Ok(Page::from_rows(rows, page, |event| event.id))
    }
}

fn read_instance_event(row: &mut Row) -> Result<InstanceEvent, Error> {
    let details: String = row.get(6)?;
    Ok(InstanceEvent {
        id: row.get(0)?,
        occurred_at: row.get(1)?,
        kind: row.get(2)?,
        actor: row.get(3)?,
        reason: row.get(4)?,
        tenant_id: row.get(5)?,
        details: serde_json::from_str(&details).map_err(|_| row.corrupt(6))?,
    })
}
