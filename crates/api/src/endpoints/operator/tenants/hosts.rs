//! `PUT /operator/v1/tenants/{slug}/hosts/{host}`, `DELETE` of the same

use super::GovernedTenantAnswer;
use crate::endpoint::Endpoint;
use crate::extract::{Caller, Named};
use crate::problem::{Code, Problem};
use axum::Json;
use axum::http::StatusCode;
use keyward_model::HostName;
use keyward_policy::Action;
use keyward_service::tenants::{add_tenant_host, remove_tenant_host};

const PATH: &str = "/operator/v1/tenants/{slug}/hosts/{host}";

type Answer = Result<Json<GovernedTenantAnswer>, Problem>;

pub(in crate::endpoints) fn add() -> Endpoint {
    Endpoint::put(PATH, Action::AddTenantHost)
        .of_operators()
        .summary("Makes a host name lead to the tenant. Twice is as once; its issuer stays.")
        .gives::<GovernedTenantAnswer>(StatusCode::OK)
        .fails_with(&[Code::HostTaken])
        .handled_by(add_one)
}

pub(in crate::endpoints) fn remove() -> Endpoint {
    Endpoint::delete(PATH, Action::RemoveTenantHost)
        .of_operators()
        .summary("Makes a host name lead to the tenant no longer.")
        .gives::<GovernedTenantAnswer>(StatusCode::OK)
        .handled_by(remove_one)
}

async fn add_one(Caller(cx): Caller, Named(host): Named<String>) -> Answer {
    Ok(Json(add_tenant_host(&cx, parse(&host)?).await?.into()))
}

async fn remove_one(Caller(cx): Caller, Named(host): Named<String>) -> Answer {
    Ok(Json(remove_tenant_host(&cx, parse(&host)?).await?.into()))
}

/// What is no host name is none that leads anywhere.
fn parse(host: &str) -> Result<HostName, Problem> {
    host.parse().map_err(|error: keyward_model::InvalidName| {
        Problem::new(Code::NotFound).with_detail(error.to_string())
    })
}
