//! Events for the outside: each as a CloudEvent, delivered at least once and in the feed's order.
//!
//! **What is told**: the public part of the audit record, which is ids, times, kinds, states and the decision. The personal
//! part (addresses, e-mail addresses, names, user agents, an operator's words) stays inside: it can be erased there, and what was
//! written to a file or sent away cannot. Its digest, which is salted, goes with the rest and tells nothing of it.

use crate::platform::Platform;
use keyward_model::{EventId, Principal};
use keyward_policy::{Action, Denied, Resource, decide};
use keyward_store::{Error, FeedLag, PublicRecord, SystemTx};
use serde_json::{Value, json};
use std::fmt::Display;

/// The reader of the feed that appends to the file of the setting `events.file`; [`feed_lag`] says how far behind it is.
pub const EVENTS_FILE: &str = "events_file";

/// How many events are read at once.
const BATCH: i64 = 200;
/// How often a reader that has nothing to read says that it lives.
const CONFIRMED_EACH_SECONDS: u64 = 3_600;

/// Why no events were delivered; they will be, another time.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// Whatever they were to be delivered to refused them.
    #[error("they could not be delivered: {0}")]
    Refused(String),
    /// Another node delivers in the same name, and was faster.
    #[error("another node delivers for the same reader")]
    Overtaken,
    /// A stored record is no JSON.
    #[error("the record of event {0} cannot be read")]
    Unreadable(EventId),
    /// Not allowed.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Hands what `reader` has not had yet to `deliver`, one CloudEvents 1.0 JSON object a line, and moves the cursor once that
/// has come back with success: then it must be durable there. Gives how many there were; with none there is nothing
/// more for now.
///
/// # Errors
/// [`DeliveryError`]; the same events come again next time.
pub async fn deliver_events<F, E>(
    platform: &Platform,
    reader: &str,
    deliver: F,
) -> Result<usize, DeliveryError>
where
    F: AsyncFnOnce(Vec<String>) -> Result<(), E>,
    E: Display,
{
    let instance = Resource {
        tenant_id: None,
        owner: None,
        token: None,
    };
    let _permit = decide(&Principal::System, Action::DeliverEvents, instance)?;
    let (store, now) = (platform.store(), platform.now());
    let batch = store.read_feed(reader, BATCH).await?;
    let Some(last) = batch.entries.last().map(|entry| entry.cursor) else {
        let stale = batch
            .confirmed_at
            .is_none_or(|at| now.since(at).as_secs() >= CONFIRMED_EACH_SECONDS);
        if stale {
            store
                .advance_feed(reader, (batch.from, batch.from), now)
                .await?;
        }
        return Ok(0);
    };
    let count = batch.entries.len();
    let records = store.read_public_records(batch.entries).await?;
    let lines: Vec<String> = records.iter().map(envelope).collect::<Result<_, _>>()?;
    deliver(lines)
        .await
        .map_err(|error| DeliveryError::Refused(error.to_string()))?;
    match store.advance_feed(reader, (batch.from, last), now).await? {
        true => Ok(count),
        false => Err(DeliveryError::Overtaken),
    }
}

/// How far behind a reader is, for metrics.
///
/// # Errors
/// The store's.
pub async fn feed_lag(platform: &Platform, reader: &str) -> Result<FeedLag, Error> {
    let reader = reader.to_owned();
    let measure = async move |tx: &mut SystemTx<'_>| tx.measure_feed_lag(&reader).await;
    platform.store().system_read(measure).await
}

/// An event as CloudEvents 1.0 in structured JSON. `sequence` sorts as the feed does (the Sequence extension); `tenantid` is
/// an extension of our own.
fn envelope(record: &PublicRecord) -> Result<String, DeliveryError> {
    let unreadable = |_| DeliveryError::Unreadable(record.entry.event_id);
    let public: Value = serde_json::from_str(&record.public).map_err(unreadable)?;
    let target = &public["target"];
    let subject = match (&target["type"], &target["id"]) {
        (Value::String(kind), Value::String(id)) => Some(format!("{kind}/{id}")),
        (Value::String(kind), _) => Some(kind.clone()),
        _ => None,
    };
    Ok(json!({
        "specversion": "1.0",
        "id": record.entry.event_id,
        "source": record.tenant.issuer.to_string(),
        "type": format!("keyward.{}.v1", record.entry.kind),
        "time": public["occurred_at"],
        "subject": subject,
        "tenantid": record.tenant.id,
        "sequence": record.entry.cursor.to_string(),
        "datacontenttype": "application/json",
        "data": public,
    })
    .to_string())
}
