//! `GET /operator/v1/nodes`

use crate::bodies::PageBody;
use crate::endpoint::Endpoint;
use crate::extract::OfInstance;
use crate::problem::Problem;
use crate::state::Api;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use keyward_model::Page;
use keyward_policy::Action;
use keyward_service::instance_events::look_at_nodes;
use serde::Serialize;
use utoipa::ToSchema;

/// A process that serves the instance.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NodeBody {
    /// UUIDv7; another one each time it starts.
    id: String,
    /// Of Keyward.
    version: &'static str,
    /// `SQLite` or `PostgreSQL`.
    engine: &'static str,
    /// RFC 3339, UTC.
    #[schema(format = "date-time")]
    started_at: String,
    /// How long ago that was.
    uptime_seconds: u64,
    /// How many requests are being answered, this one included.
    requests_in_flight: i64,
    /// How many sessions are kept in memory.
    sessions_in_memory: usize,
    /// About how many bytes they take.
    memory_bytes: usize,
    /// How many bytes they may take.
    memory_bytes_max: usize,
    /// How many passwords wait to be hashed.
    hashes_waiting: usize,
    /// How many were refused because too many waited.
    hashes_refused: u64,
}

pub(in crate::endpoints) fn endpoint() -> Endpoint {
    Endpoint::get("/operator/v1/nodes", Action::ListNodes)
        .of_operators()
        .summary("Lists the nodes that serve the instance: the one that is asked, until there are several.")
        .gives::<PageBody<NodeBody>>(StatusCode::OK)
        .handled_by(list)
}

async fn list(
    State(api): State<Api>,
    OfInstance(cx): OfInstance,
) -> Result<Json<PageBody<NodeBody>>, Problem> {
    look_at_nodes(&cx).await?;
    let (memory, hashing) = (
        api.platform.store_reading().memory,
        api.platform.reading().hashing,
    );
    let node = NodeBody {
        id: api.node_id.to_string(),
        version: env!("CARGO_PKG_VERSION"),
        engine: api.platform.engine(),
        started_at: api.started_at.to_string(),
        uptime_seconds: cx.now().since(api.started_at).as_secs(),
        requests_in_flight: api.reading().in_flight,
        sessions_in_memory: memory.sessions,
        memory_bytes: memory.session_bytes,
        memory_bytes_max: memory.bytes_max,
        hashes_waiting: hashing.waiting,
        hashes_refused: hashing.refused,
    };
    let page = Page {
        items: vec![node],
        next: None,
    };
    Ok(Json(page.into()))
}
