//! From an event to its record: who, from where, by which permit, in canonical form.

use crate::cx::Cx;
use keyward_crypto::sha256;
use keyward_model::{Event, EventContext, EventRecord, Principal, personal_part, public_part};
use keyward_store::Error;

/// Who did what, by which permit.
#[derive(Clone, Copy)]
pub(crate) struct Act<'a> {
    pub(crate) event: &'a Event,
    pub(crate) actor: &'a Principal,
    pub(crate) permit: Option<&'a str>,
}

/// Makes the record of the `position`-th event of a transaction. Its id carries the position, so that events of one
/// transaction sort in their order.
pub(crate) fn record_of(cx: &Cx, act: Act<'_>, position: i64) -> Result<EventRecord, Error> {
    let occurred_at = cx.now();
    let description = act.event.describe();
    let context = EventContext {
        tenant_id: cx.tenant_id(),
        id: cx.platform().mint(occurred_at.plus_micros(position)),
        occurred_at,
        actor: act.actor,
        client: cx.client(),
        permit: act.permit,
    };
    let mut salt = [0_u8; 16];
    cx.platform().random().fill(&mut salt);
    let unwritable = |error| Error::Unfit(format!("an event cannot be written as JSON: {error}"));
    let personal = personal_part(&context, &description.personal, salt).map_err(unwritable)?;
    let public =
        public_part(&context, &description, sha256(personal.as_bytes())).map_err(unwritable)?;
    Ok(EventRecord {
        id: context.id,
        occurred_at,
        kind: description.kind,
        outcome: description.outcome,
        actor: act.actor.clone(),
        target: description.target,
        entity_version: description.entity_version,
        removal: description.removal,
        is_awaited: act.event.is_awaited(),
        revoked: act.event.revokes(),
        public,
        personal,
    })
}
