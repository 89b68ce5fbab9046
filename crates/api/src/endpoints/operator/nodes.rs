//! `GET /operator/v1/nodes`

use crate::bodies::PageBody;
use crate::endpoint::Endpoint;
use crate::extract::OfInstance;
use crate::problem::Problem;
use crate::state::Api;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use keyward_model::{Node, Page, Timestamp};
use keyward_policy::Action;
use keyward_service::instance_events::list_nodes;
use serde::Serialize;
use utoipa::ToSchema;

/// A process that serves the instance. What it counts only the node that is asked says, of itself.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NodeBody {
    /// UUIDv7; another one each time it starts.
    id: String,
    /// What its operator calls it.
    name: String,
    /// Of Keyward.
    version: String,
    /// `SQLite` or `PostgreSQL`.
    engine: &'static str,
    /// RFC 3339, UTC.
    #[schema(format = "date-time")]
    started_at: String,
    /// How long ago that was.
    uptime_seconds: u64,
    /// When it last said that it lives, by its own clock: RFC 3339, UTC. One that is silent for more than two seconds is about
    /// to be taken out.
    #[schema(format = "date-time")]
    seen_at: String,
    /// How long ago that was by the clock of the node that is asked.
    seen_milliseconds_ago: u64,
    /// What else is known of the node that is asked; null for others.
    details: Option<NodeDetailsBody>,
}

/// What a node counts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NodeDetailsBody {
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
        .summary("Lists the nodes that serve the instance, the oldest first.")
        .gives::<PageBody<NodeBody>>(StatusCode::OK)
        .handled_by(list)
}

async fn list(
    State(api): State<Api>,
    OfInstance(cx): OfInstance,
) -> Result<Json<PageBody<NodeBody>>, Problem> {
    let mut nodes = list_nodes(&cx).await?;
    let now = cx.now();
    let has_row = nodes.iter().any(|node| node.id == api.node_id);
    // One that serves alone has no row; one that has just lost its own is there all the same. A command is no node.
    if !has_row && (nodes.is_empty() || api.platform.node_id().is_some()) {
        nodes.push(own(&api, now));
    }
    let items = nodes
        .into_iter()
        .map(|node| body(&api, node, now))
        .collect();
    let page = Page { items, next: None };
    Ok(Json(page.into()))
}

fn own(api: &Api, now: Timestamp) -> Node {
    Node {
        id: api.node_id,
        name: api.platform.settings().node_name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: api.started_at,
        seen_at: now,
    }
}

fn body(api: &Api, node: Node, now: Timestamp) -> NodeBody {
    let silence = now.since(node.seen_at).as_millis();
    NodeBody {
        details: (node.id == api.node_id).then(|| details(api)),
        id: node.id.to_string(),
        name: node.name,
        version: node.version,
        engine: api.platform.engine(),
        started_at: node.started_at.to_string(),
        uptime_seconds: now.since(node.started_at).as_secs(),
        seen_at: node.seen_at.to_string(),
        seen_milliseconds_ago: u64::try_from(silence).unwrap_or(u64::MAX),
    }
}

fn details(api: &Api) -> NodeDetailsBody {
    let (memory, hashing) = (
        api.platform.store_reading().memory,
        api.platform.reading().hashing,
    );
    NodeDetailsBody {
        requests_in_flight: api.reading().in_flight,
        sessions_in_memory: memory.sessions,
        memory_bytes: memory.session_bytes,
        memory_bytes_max: memory.bytes_max,
        hashes_waiting: hashing.waiting,
        hashes_refused: hashing.refused,
    }
}
