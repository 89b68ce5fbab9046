//! The gate in front of every endpoint: finds the tenant and the caller, asks whether the declared action can be theirs at
//! all, and lets a change run to its end even when its client hangs up.

use super::finish::Route;
use super::tenant_prefix::PrefixedSlug;
use crate::endpoint::{Declaration, Plane};
use crate::problem::{Code, Problem};
use crate::router::Api;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, HOST};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use keyward_model::{AccessTokenSecret, Client, HostName, Principal};
use keyward_policy::may_ever;
use keyward_service::Cx;
use keyward_service::authentication::{Presented, authenticate};
use tracing::Instrument;

pub(crate) async fn pass(
    State((api, declaration)): State<(Api, Declaration)>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>().cloned();
    let mut response = match request.method().is_safe() {
        true => admit(api, declaration, request, next).await,
        false => run_to_completion(api, declaration, request, next).await,
    };
    route.map(|route| response.extensions_mut().insert(Route(route)));
    response
}

async fn run_to_completion(
    api: Api,
    declaration: Declaration,
    request: Request,
    next: Next,
) -> Response {
    let running = api.running.clone();
    let task = running.spawn(admit(api, declaration, request, next).in_current_span());
    match task.await {
        Ok(response) => response,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Problem::new(Code::Unavailable).into_response(),
    }
}

async fn admit(api: Api, declaration: Declaration, mut request: Request, next: Next) -> Response {
    let admitted = match declaration.plane {
        Plane::Instance => admit_anyone(declaration, &request),
        Plane::Tenant => admit_caller(&api, declaration, &mut request).await,
    };
    request.extensions_mut().insert(declaration);
    match admitted {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// An endpoint of the instance is for anyone, and is of no tenant.
fn admit_anyone(declaration: Declaration, request: &Request) -> Result<(), Problem> {
    if request.extensions().get::<PrefixedSlug>().is_some() {
        return Err(Problem::new(Code::NotFound));
    }
    match may_ever(&Principal::Anonymous, declaration.action) {
        true => Ok(()),
        false => Err(Problem::new(Code::Unauthenticated)),
    }
}

async fn admit_caller(
    api: &Api,
    declaration: Declaration,
    request: &mut Request,
) -> Result<(), Problem> {
    let presented = presented_by(request)?;
    let (scope, principal) = authenticate(&api.platform, presented).await?;
    let client = request
        .extensions()
        .get::<Client>()
        .cloned()
        .ok_or_else(|| Problem::new(Code::Internal))?;
    let cx = Cx::begin(&api.platform, scope, principal, client, declaration.action).await?;
    request.extensions_mut().insert(cx);
    Ok(())
}

fn presented_by(request: &Request) -> Result<Presented, Problem> {
    let slug = match request.extensions().get::<PrefixedSlug>() {
        Some(PrefixedSlug(slug)) => Some(slug.parse().map_err(|_| no_such_tenant())?),
        None => None,
    };
    Ok(Presented {
        slug,
        host: host_of(request),
        access_token: bearer_of(request)?,
    })
}

fn no_such_tenant() -> Problem {
    Problem::new(Code::NotFound).with_detail("no such tenant")
}

/// HTTP/2 has it in the URI, HTTP/1.1 in a header. What is no host name (an address) names no tenant.
fn host_of(request: &Request) -> Option<HostName> {
    let header = || {
        request
            .headers()
            .get(HOST)
            .and_then(|value| value.to_str().ok())
    };
    let authority = request
        .uri()
        .authority()
        .map(|authority| authority.as_str())
        .or_else(header)?;
    HostName::from_authority(authority).ok()
}

/// The bearer token (RFC 6750 §2.1). A second one, or another scheme, is refused rather than passed over.
fn bearer_of(request: &Request) -> Result<Option<AccessTokenSecret>, Problem> {
    let mut values = request.headers().get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let token = value.to_str().ok().and_then(|text| text.split_once(' '));
    match (token, values.next()) {
        (Some((scheme, token)), None) if scheme.eq_ignore_ascii_case("bearer") => {
            Ok(Some(AccessTokenSecret::new(token.trim().to_owned())))
        }
        _ => Err(Problem::new(Code::InvalidToken)),
    }
}
