//! `GET /operator/v1/events`

use crate::bodies::PageBody;
use crate::endpoint::Endpoint;
use crate::extract::{OfInstance, PageParameters, Parameters};
use crate::problem::Problem;
use axum::Json;
use axum::http::StatusCode;
use keyward_model::InstanceEvent;
use keyward_policy::Action;
use keyward_service::instance_events::list_instance_events;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// An event of the instance's own log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InstanceEventBody {
    /// UUIDv7; sorts by time.
    id: String,
    /// RFC 3339, UTC.
    #[schema(format = "date-time")]
    occurred_at: String,
    /// For instance `operator.read`.
    r#type: String,
    /// An operator by name, or `system`.
    actor: String,
    /// Why, in the operator's words or by the action's name.
    reason: String,
    /// The tenant that it was about, if it was about one. It may be gone.
    #[schema(format = "uuid")]
    tenant_id: Option<String>,
    /// What else there is to say.
    #[schema(value_type = Object)]
    details: Map<String, Value>,
}

pub(in crate::endpoints) fn endpoint() -> Endpoint {
    Endpoint::get("/operator/v1/events", Action::ListInstanceEvents)
        .of_operators()
        .summary("Lists what operators did to the instance as a whole, newest first. What they do in a tenant stands in its audit log.")
        .query::<PageParameters>()
        .gives::<PageBody<InstanceEventBody>>(StatusCode::OK)
        .handled_by(list)
}

async fn list(
    OfInstance(cx): OfInstance,
    Parameters(parameters): Parameters<PageParameters>,
) -> Result<Json<PageBody<InstanceEventBody>>, Problem> {
    let events = list_instance_events(&cx, parameters.into_request()?).await?;
    Ok(Json(events.map(InstanceEventBody::from).into()))
}

impl From<InstanceEvent> for InstanceEventBody {
    fn from(event: InstanceEvent) -> Self {
        Self {
            id: event.id.to_string(),
            occurred_at: event.occurred_at.to_string(),
            r#type: event.kind,
            actor: event.actor,
            reason: event.reason,
            tenant_id: event.tenant_id.map(|id| id.to_string()),
            details: event.details,
        }
    }
}
