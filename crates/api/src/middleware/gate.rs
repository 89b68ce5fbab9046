//! The gate in front of every endpoint: finds the tenant and the caller, asks whether the declared action can be theirs at
//! all, and lets a change run to its end even when its client hangs up.

use super::asked::Asked;
use super::presented::{bearer_of, presented_by};
use super::visit::{Answered, Visit};
use super::{client, once, operator};
use crate::admitted::Context;
use crate::declaration::{Declaration, Plane};
use crate::problem::{Code, Problem};
use crate::served::Served;
use crate::state::Api;
use crate::whole_body::WholeBody;
use axum::body::{Body, HttpBody};
use axum::http::header::AUTHORIZATION;
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use keyward_model::Principal;
use keyward_policy::{Action, may_ever};
use keyward_service::authentication::{Purpose, authenticate};
use keyward_service::{Cx, Presence};
use std::sync::Arc;
use std::time::Duration;
use tracing::Instrument;
use zeroize::Zeroizing;

/// How long a client may take to send its body.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// Futures that only some requests need are boxed here: those that memory answers are not to carry them.
pub(crate) async fn pass(
    api: &Api,
    served: &Arc<Served>,
    asked: Box<Asked>,
    body: Body,
) -> Answered {
    let declaration = &served.declaration;
    let mut answered = match declaration.only_reads {
        true => take(api, served, asked, body).await,
        false => Box::pin(run_to_completion(api, served, asked, body)).await,
    };
    if declaration.by_clients
        && let Some(problem) = answered.response.extensions_mut().get_mut::<Problem>()
    {
        problem.speak_oauth();
    }
    answered
}

async fn take(api: &Api, served: &Served, asked: Box<Asked>, body: Body) -> Answered {
    let mut visit = Visit::begin(&asked);
    let handled = enter(api, served, asked, (body, &mut visit)).await;
    let told = visit.end(api).await;
    let response = handled.unwrap_or_else(IntoResponse::into_response);
    Answered { response, told }
}

async fn enter(
    api: &Api,
    served: &Served,
    mut asked: Box<Asked>,
    (body, visit): (Body, &mut Visit),
) -> Result<Response, Problem> {
    // Who shows no credential is counted before its body is waited for.
    if is_counted_by_network(&served.declaration, &asked) {
        // A client may show its credential in the body: then it gets that back.
        let may_go_on = match served.declaration.by_clients {
            true => visit.toll.advance(api, &asked),
            false => visit.toll.pay_as_network(api, &asked).is_ok(),
        };
        if !may_go_on {
            return Err(Problem::new(Code::RateLimited));
        }
    }
    // Before anybody is let in: what takes a client long must not stand between the check and the act.
    let mut ignored = false;
    match served.declaration.body_bytes_max {
        Some(bytes_max) => asked.body = Some(Box::pin(read(body, bytes_max)).await?),
        None if asked.head.method.is_safe() || body.is_end_stream() => {}
        None => ignored = Box::pin(says_something(body)).await,
    }
    let context = admit(api, &served.declaration, &mut asked, visit).await?;
    match ignored {
        true => Err(nobody_reads_it()),
        false => Ok(once::run(api, served, asked, context).await),
    }
}

/// A request for a tenant that shows a credential is counted when that was looked at. Probes of the server's health never
/// are: whoever watches it must not be told off. Nor are operators, who have listeners of their own.
fn is_counted_by_network(declaration: &Declaration, asked: &Asked) -> bool {
    match declaration.plane {
        Plane::Instance => declaration.action != Action::ReadHealth,
        Plane::Tenant => !asked.head.headers.contains_key(AUTHORIZATION),
        Plane::Operator => false,
    }
}

/// Whether there is something in a body that the endpoint would not look at. An empty object says nothing.
async fn says_something(body: Body) -> bool {
    const NOTHING: &[u8] = b"{}";
    if body.size_hint().lower() > NOTHING.len() as u64 {
        return true;
    }
    let read = read(body, NOTHING.len()).await;
    !read.is_ok_and(|WholeBody(bytes)| bytes.is_empty() || bytes.as_slice() == NOTHING)
}

/// Whoever sends a body believes that it counts.
fn nobody_reads_it() -> Problem {
    Problem::new(Code::InvalidBody).with_detail("the endpoint takes no body")
}

async fn read(body: Body, bytes_max: usize) -> Result<WholeBody, Problem> {
    let collecting = Limited::new(body, bytes_max).collect();
    let collected = tokio::time::timeout(BODY_DEADLINE, collecting).await;
    let collected = collected.map_err(|_| Problem::new(Code::RequestTimeout))?;
    let collected = collected.map_err(|error| match is_too_long(error.as_ref()) {
        true => Problem::new(Code::BodyTooLarge).with_detail(format!("at most {bytes_max} bytes")),
        false => Problem::new(Code::InvalidJson).with_detail("the body ended early"),
    })?;
    let bytes = Zeroizing::new(collected.to_bytes().to_vec());
    Ok(WholeBody(Arc::new(bytes)))
}

fn is_too_long(error: &(dyn std::error::Error + 'static)) -> bool {
    error.is::<LengthLimitError>() || error.source().is_some_and(is_too_long)
}

async fn run_to_completion(
    api: &Api,
    served: &Arc<Served>,
    mut asked: Box<Asked>,
    body: Body,
) -> Answered {
    let (_waiting, presence) = Presence::begin();
    asked.presence = presence;
    let (own, served) = (api.clone(), served.clone());
    // Boxed before it goes from hand to hand.
    let taking = Box::pin(async move { take(&own, &served, asked, body).await });
    let task = api.running.spawn(taking.in_current_span());
    match task.await {
        Ok(answered) => answered,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => Problem::new(Code::Unavailable).into_response().into(),
    }
}

async fn admit(
    api: &Api,
    declaration: &Declaration,
    asked: &mut Asked,
    visit: &mut Visit,
) -> Result<Context, Problem> {
    match declaration.plane {
        Plane::Tenant if declaration.by_clients => {
            client::admit(api, declaration, asked, visit).await
        }
        Plane::Instance => admit_anyone(declaration, asked),
        Plane::Tenant => admit_caller(api, declaration, asked, visit).await,
        Plane::Operator => Box::pin(operator::admit(api, declaration, asked)).await,
    }
}

/// An endpoint of the instance is for anyone, and is of no tenant.
fn admit_anyone(declaration: &Declaration, asked: &Asked) -> Result<Context, Problem> {
    if asked.slug.is_some() {
        return Err(Problem::new(Code::NotFound));
    }
    match may_ever(&Principal::Anonymous, declaration.action) {
        true => Ok(Context::Anyone),
        false => Err(Problem::new(Code::Unauthenticated)),
    }
}

async fn admit_caller(
    api: &Api,
    declaration: &Declaration,
    asked: &Asked,
    visit: &mut Visit,
) -> Result<Context, Problem> {
    let presented = bearer_of(&asked.head.headers).and_then(|token| presented_by(asked, token));
    let mut presented = match presented {
        Ok(presented) => presented,
        Err(problem) => {
            if visit.toll.is_unpaid() {
                visit.toll.pay_as_network(api, asked)?;
            }
            return Err(problem);
        }
    };
    if declaration.action == Action::ReadIssuerMetadata {
        presented.purpose = Purpose::Metadata;
    }
    let may_look_up = || visit.toll.advance(api, asked);
    let sender = authenticate(&api.platform, presented, may_look_up).await?;
    visit.met(api, &sender).await;
    if let Some(session_id) = sender.session_id() {
        visit.toll.settle(api, asked, session_id)?;
    }
    let client = asked.client.clone();
    let cx = Cx::begin(&api.platform, sender, client, declaration.action).await?;
    Ok(Context::Tenant(cx))
}
