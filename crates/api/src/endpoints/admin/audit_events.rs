//! `GET /v1/admin/audit/events`

use crate::bodies::PageBody;
use crate::endpoint::Endpoint;
use crate::extract::{Caller, PageParameters, Parameters, query_value};
use crate::problem::Problem;
use axum::Json;
use axum::http::StatusCode;
use keyward_model::{AuditEvent, AuditFilter};
use keyward_policy::Action;
use keyward_service::audit::list_audit_events;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::str::FromStr;
use utoipa::ToSchema;
use uuid::Uuid;

/// Which events.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditParameters {
    /// Of this type, for instance `session.revoked`.
    r#type: Option<String>,
    /// `success`, `failure` or `denied`.
    outcome: Option<String>,
    /// By this user.
    #[schema(format = "uuid")]
    actor_id: Option<String>,
    /// Done to this.
    #[schema(format = "uuid")]
    target_id: Option<String>,
    /// Not before; RFC 3339.
    #[schema(format = "date-time")]
    from: Option<String>,
    /// Before; RFC 3339.
    #[schema(format = "date-time")]
    until: Option<String>,
    /// How many, 1 to 200; 50 unless given.
    #[schema(value_type = Option<u16>, minimum = 1, maximum = 200)]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// An event of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditEventBody {
    /// UUIDv7; sorts by time.
    id: String,
    /// What stays for ever: type, time, actor, target, outcome, permit, request, state before and after. It is RFC 8785
    /// JSON in the store, and carries the digest of the personal part.
    #[schema(value_type = Object)]
    public: Map<String, Value>,
    /// What names a person: address, agent, and the personal fields before and after. Empty once erased.
    #[schema(value_type = Object)]
    personal: Map<String, Value>,
}

pub(crate) fn endpoint() -> Endpoint {
    Endpoint::get("/v1/admin/audit/events", Action::ReadAuditEvents)
        .summary("Lists what happened in the tenant, newest first.")
        .query::<AuditParameters>()
        .gives::<PageBody<AuditEventBody>>(StatusCode::OK)
        .handled_by(list)
}

pub(in crate::endpoints) async fn list(
    Caller(cx): Caller,
    Parameters(parameters): Parameters<AuditParameters>,
) -> Result<Json<PageBody<AuditEventBody>>, Problem> {
    let page = PageParameters {
        limit: parameters.limit.clone(),
        cursor: parameters.cursor.clone(),
    }
    .into_request()?;
    let events = list_audit_events(&cx, parameters.into_filter()?, page).await?;
    Ok(Json(events.map(AuditEventBody::from).into()))
}

/// The form of an event's type.
struct EventKind(String);

impl FromStr for EventKind {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let known = |byte: u8| byte.is_ascii_lowercase() || byte == b'_' || byte == b'.';
        match (1..=64).contains(&text.len()) && text.bytes().all(known) {
            true => Ok(Self(text.to_owned())),
            false => Err(()),
        }
    }
}

/// An id that names something; the nil one names nothing, and to the store it would mean «any».
struct NamedId(Uuid);

impl FromStr for NamedId {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Uuid::try_parse(text)
            .ok()
            .filter(|id| !id.is_nil())
            .map(Self)
            .ok_or(())
    }
}

impl AuditParameters {
    fn into_filter(self) -> Result<AuditFilter, Problem> {
        Ok(AuditFilter {
            kind: query_value::<EventKind>("type", self.r#type)?.map(|kind| kind.0),
            outcome: query_value("outcome", self.outcome)?,
            actor_id: query_value::<NamedId>("actor_id", self.actor_id)?.map(|id| id.0),
            target_id: query_value::<NamedId>("target_id", self.target_id)?.map(|id| id.0),
            from: query_value("from", self.from)?,
            until: query_value("until", self.until)?,
        })
    }
}

impl From<AuditEvent> for AuditEventBody {
    fn from(event: AuditEvent) -> Self {
        Self {
            id: event.id.to_string(),
            public: event.public,
            personal: event.personal,
        }
    }
}
