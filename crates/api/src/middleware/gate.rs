//! The gate in front of every endpoint: finds the tenant and the caller, asks whether the declared action can be theirs at
//! all, and lets a change run to its end even when its client hangs up.

use super::cross_origin::PUBLISHABLE_KEY;
use super::finish::{Moment, Route};
use super::operator;
use super::tenant_prefix::PrefixedSlug;
use super::toll::pay_as_network;
use super::visit::Visit;
use crate::declaration::{Declaration, Plane};
use crate::extract::WholeBody;
use crate::meter::RouteMeter;
use crate::problem::{Code, Problem};
use crate::state::Api;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, HOST};
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use keyward_model::{Client, HostName, Principal, PublishableName, Timestamp};
use keyward_policy::{Action, may_ever};
use keyward_service::authentication::{Presented, PresentedToken, authenticate};
use keyward_service::{Cx, Presence};
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument;
use zeroize::Zeroizing;

/// How long a client may take to send its body.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

pub(crate) async fn pass(
    State((api, declaration, meter)): State<(Api, Declaration, Arc<RouteMeter>)>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match request.method().is_safe() {
        true => take(api, declaration, request, next).await,
        false => run_to_completion(api, declaration, request, next).await,
    };
    response.extensions_mut().insert(Route(meter));
    response
}

async fn take(api: Api, declaration: Declaration, request: Request, next: Next) -> Response {
    // Who shows no credential is counted before its body is waited for.
    let mut visit = Visit::begin(&request);
    if is_counted_by_network(declaration, &request)
        && let Err(problem) = pay_as_network(&api, &request, &mut visit.toll)
    {
        return visit.end(&api, problem.into_response()).await;
    }
    // Before anybody is let in: what takes a client long must not stand between the check and the act.
    let response = match read_body(declaration, request).await {
        Ok(request) => admit((&api, declaration), request, next, &mut visit).await,
        Err(problem) => problem.into_response(),
    };
    visit.end(&api, response).await
}

/// A request for a tenant that shows a credential is counted when that was looked at. Probes of the server's health never
/// are: whoever watches it must not be told off. Nor are operators, who have listeners of their own.
fn is_counted_by_network(declaration: Declaration, request: &Request) -> bool {
    match declaration.plane {
        Plane::Instance => declaration.action != Action::ReadHealth,
        Plane::Tenant => !request.headers().contains_key(AUTHORIZATION),
        Plane::Operator => false,
    }
}

async fn read_body(declaration: Declaration, request: Request) -> Result<Request, Problem> {
    let Some(bytes_max) = declaration.body_bytes_max else {
        return Ok(request);
    };
    let (mut parts, body) = request.into_parts();
    let collected =
        tokio::time::timeout(BODY_DEADLINE, Limited::new(body, bytes_max).collect()).await;
    let collected = collected.map_err(|_| Problem::new(Code::RequestTimeout))?;
    let collected = collected.map_err(|error| match is_too_long(error.as_ref()) {
        true => Problem::new(Code::BodyTooLarge).with_detail(format!("at most {bytes_max} bytes")),
        false => Problem::new(Code::InvalidJson).with_detail("the body ended early"),
    })?;
    let bytes = Zeroizing::new(collected.to_bytes().to_vec());
    parts.extensions.insert(WholeBody(Arc::new(bytes)));
    Ok(Request::from_parts(parts, Body::empty()))
}

fn is_too_long(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<LengthLimitError>() || error.source().is_some_and(is_too_long)
}

async fn run_to_completion(
    api: Api,
    declaration: Declaration,
    mut request: Request,
    next: Next,
) -> Response {
    let running = api.running.clone();
    let (_waiting, presence) = Presence::begin();
    request.extensions_mut().insert(presence);
    let task = running.spawn(take(api, declaration, request, next).in_current_span());
    match task.await {
        Ok(response) => response,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Problem::new(Code::Unavailable).into_response(),
    }
}

async fn admit(
    (api, declaration): (&Api, Declaration),
    request: Request,
    next: Next,
    visit: &mut Visit,
) -> Response {
    let admitted = match declaration.plane {
        Plane::Instance => admit_anyone(declaration, request),
        Plane::Tenant => admit_caller(api, declaration, request, visit).await,
        Plane::Operator => operator::admit(api, declaration, request).await,
    };
    match admitted {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// An endpoint of the instance is for anyone, and is of no tenant.
fn admit_anyone(declaration: Declaration, request: Request) -> Result<Request, Problem> {
    if request.extensions().get::<PrefixedSlug>().is_some() {
        return Err(Problem::new(Code::NotFound));
    }
    match may_ever(&Principal::Anonymous, declaration.action) {
        true => Ok(request),
        false => Err(Problem::new(Code::Unauthenticated)),
    }
}

async fn admit_caller(
    api: &Api,
    declaration: Declaration,
    mut request: Request,
    visit: &mut Visit,
) -> Result<Request, Problem> {
    let internal = || Problem::new(Code::Internal);
    let Moment(now) = *request.extensions().get().ok_or_else(internal)?;
    let presence = request.extensions_mut().remove::<Presence>();
    let slug = request.extensions().get::<PrefixedSlug>();
    // The headers alone are borrowed while it waits: a body cannot be.
    let authority = request.uri().authority();
    let mut presented = match presented_by(slug, authority, request.headers(), now) {
        Ok(presented) => presented,
        Err(problem) => {
            if visit.toll.is_unpaid() {
                pay_as_network(api, &request, &mut visit.toll)?;
            }
            return Err(problem);
        }
    };
    presented.presence = presence.unwrap_or_default();
    let client = request.extensions().get::<Client>().ok_or_else(internal)?;
    let may_look_up = || visit.toll.advance(api, client, now);
    let sender = authenticate(&api.platform, presented, may_look_up).await?;
    visit.met(api, &sender).await;
    if let Some(session_id) = sender.session_id() {
        visit.toll.settle(api, client, session_id, now)?;
    }
    let client = request.extensions_mut().remove::<Client>();
    let client = client.ok_or_else(internal)?;
    let cx = Cx::begin(&api.platform, sender, client, declaration.action).await?;
    request.extensions_mut().insert(cx);
    Ok(request)
}

fn presented_by<'a>(
    slug: Option<&PrefixedSlug>,
    authority: Option<&Authority>,
    headers: &'a HeaderMap,
    now: Timestamp,
) -> Result<Presented<'a>, Problem> {
    let slug = match slug {
        Some(PrefixedSlug(slug)) => Some(slug.parse().map_err(|_| no_such_tenant())?),
        None => None,
    };
    Ok(Presented {
        now,
        slug,
        host: host_of(authority, headers)?,
        publishable_key: publishable_key_of(headers)?,
        access_token: bearer_of(headers)?,
        presence: Presence::default(),
    })
}

pub(super) fn no_such_tenant() -> Problem {
    Problem::new(Code::NotFound).with_detail("no such tenant")
}

/// The publishable key of a request. One that is none leads to nobody, as one that was taken away does.
fn publishable_key_of(headers: &HeaderMap) -> Result<Option<PublishableName>, Problem> {
    let mut values = headers.get_all(PUBLISHABLE_KEY).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            let key = value.to_str().ok().and_then(|text| text.parse().ok());
            key.map(Some).ok_or_else(no_such_tenant)
        }
        (Some(_), Some(_)) => Err(no_such_tenant()),
    }
}

/// The host name of a request; none when it is an address, which names no tenant.
///
/// It stands in the URI (HTTP/2, absolute form), in `Host`, or in both. Two that differ are refused: a proxy in front may
/// have looked at the other one (RFC 9112 §3.2, RFC 9113 §8.3.1).
fn host_of(
    authority: Option<&Authority>,
    headers: &HeaderMap,
) -> Result<Option<HostName>, Problem> {
    let invalid = |_| Problem::new(Code::InvalidHost);
    let mut first = authority.map(Authority::as_str);
    for value in headers.get_all(HOST) {
        let other = value
            .to_str()
            .map_err(|_| Problem::new(Code::InvalidHost))?;
        if !first.get_or_insert(other).eq_ignore_ascii_case(other) {
            return Err(Problem::new(Code::InvalidHost));
        }
    }
    match first {
        Some(authority) => HostName::from_authority(authority).map_err(invalid),
        None => Ok(None),
    }
}

/// The bearer token (RFC 6750 §2.1). A second one, or another scheme, is refused rather than passed over.
fn bearer_of(headers: &HeaderMap) -> Result<Option<PresentedToken<'_>>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let token = value.to_str().ok().and_then(|text| text.split_once(' '));
    match (token, values.next()) {
        (Some((scheme, token)), None) if scheme.eq_ignore_ascii_case("bearer") => {
            Ok(Some(PresentedToken(token.trim())))
        }
        _ => Err(Problem::new(Code::InvalidToken)),
    }
}
