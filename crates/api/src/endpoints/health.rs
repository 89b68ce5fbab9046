//! `GET /healthz`, `GET /readyz`

use crate::endpoint::Endpoint;
use crate::problem::{Code, Problem};
use crate::state::Api;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use keyward_policy::Action;
use keyward_service::instance::require_ready;
use serde::Serialize;
use utoipa::ToSchema;

/// The state of the server.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HealthAnswer {
    /// `ok`.
    status: &'static str,
}

pub(crate) fn alive() -> Endpoint {
    Endpoint::get("/healthz", Action::ReadHealth)
        .of_instance()
        .summary("Says that the process is alive; asks nothing else.")
        .gives::<HealthAnswer>(StatusCode::OK)
        .handled_by(async || Json(HealthAnswer { status: "ok" }))
}

pub(crate) fn ready() -> Endpoint {
    Endpoint::get("/readyz", Action::ReadHealth)
        .of_instance()
        .summary("Says whether requests can be served: asks the database, and whether this server may change it.")
        .gives::<HealthAnswer>(StatusCode::OK)
        .fails_with(&[Code::Unavailable])
        .handled_by(ask)
}

async fn ask(State(api): State<Api>) -> Result<Json<HealthAnswer>, Problem> {
    require_ready(&api.platform).await?;
    Ok(Json(HealthAnswer { status: "ok" }))
}
