//! The outermost layer: gives the request its id, finishes whatever comes back, and writes a line about it where somebody wants one.

use super::asked::Asked;
use super::cross_origin::{is_preflight, preflight_answer};
use super::visit::{Answered, Told, Visit};
use super::{gate, headers, tenant_prefix};
use crate::path_parameters::PathParameters;
use crate::problem::{Code, Problem};
use crate::routes::{Found, Routes};
use crate::state::Api;
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::header::{ALLOW, CONTENT_LENGTH, USER_AGENT};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use keyward_model::{Client, Gauge, RequestId, Stopwatch, Timestamp};
use keyward_service::Presence;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;
use tracing::{Level, Span};

/// How much of a `User-Agent` is kept.
const USER_AGENT_BYTES_MAX: usize = 512;

/// Shared, since every request gets a clone of the service.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) api: Api,
    pub(crate) routes: Routes,
    /// Whether this is the public's plane: a request may name its tenant in front of its path, and pages of other
    /// origins may ask.
    pub(crate) is_public: bool,
}

/// The route that a request matched: its pattern, never the path with its ids. It is noted on the answers of those who
/// gave a [`TraceId`].
#[derive(Debug, Clone, Copy)]
struct Route(&'static str);

/// The trace that a request belongs to, for its log lines. Whoever serves the API puts it into the request's extensions.
#[derive(Debug, Clone)]
pub struct TraceId(pub String);

/// The route that an answer came from, as it was declared; `none` where there is none.
pub fn route_of(response: &Response) -> &'static str {
    let route = response.extensions().get::<Route>();
    route.map_or("none", |route| route.0)
}

/// A request that is being answered; counted as such until it is dropped, also half-way.
struct InFlight<'a>(&'a Gauge);

impl<'a> InFlight<'a> {
    fn begin(gauge: &'a Gauge) -> Self {
        gauge.add(1);
        Self(gauge)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.add(-1);
    }
}

/// Answers a request that came over a connection from `peer`.
///
/// All that is known before anything is waited for is put into one box here: what is asked goes from hand to hand, and
/// the future is copied whole into its own box.
pub(crate) fn answer(
    parts: Arc<Parts>,
    peer: Option<IpAddr>,
    request: Request,
) -> impl Future<Output = Result<Response, Infallible>> + Send {
    let api = &parts.api;
    let begun = Stopwatch::start();
    let now = api.platform.now();
    let (mut head, body) = request.into_parts();
    let client = client_of(api, peer, &head.headers, now);
    let trace_id = head.extensions.remove::<TraceId>();
    let slug = match parts.is_public {
        // The prefix is taken off before a route is looked for.
        true => tenant_prefix::take_off(&mut head.uri),
        false => None,
    };
    let asked = Box::new(Asked {
        head,
        now,
        client,
        slug,
        parameters: PathParameters::default(),
        presence: Presence::default(),
        body: None,
        form: None,
    });
    answer_asked(parts, asked, body, (trace_id, begun))
}

async fn answer_asked(
    parts: Arc<Parts>,
    asked: Box<Asked>,
    body: Body,
    (trace_id, begun): (Option<TraceId>, Stopwatch),
) -> Result<Response, Infallible> {
    let Parts { api, routes, .. } = &*parts;
    let _in_flight = InFlight::begin(&api.meter.in_flight);
    let (method, request_id) = (asked.head.method.clone(), asked.client.request_id);
    let found = routes.find(&method, asked.head.uri.path());
    let (meter, only_reads) = match &found {
        Found::Endpoint(served, _) => (served.meter.clone(), served.declaration.only_reads),
        Found::OtherMethods(_) | Found::Nothing => (api.meter.unmatched.clone(), true),
    };
    let make_span = || match &trace_id {
        Some(TraceId(trace_id)) => tracing::info_span!("request", %request_id, %trace_id),
        None => tracing::info_span!("request", %request_id),
    };
    // What spawns a task gives it the span that it is in; and who wants to hear of everything wants to know of which request.
    let at_once = !only_reads || tracing::enabled!(Level::DEBUG);
    let span = at_once.then(make_span);
    let answering = AssertUnwindSafe(serve(&parts, found, asked, body)).catch_unwind();
    let answered = in_late_span(pin!(answering), span, make_span).await;
    let answered = answered.unwrap_or_else(|_| {
        // The panic hook has printed where.
        Problem::new(Code::Internal).into_response().into()
    });
    let mut response = finished(answered, request_id);
    if method == Method::HEAD {
        response = without_body(response);
    }
    if trace_id.is_some() {
        response.extensions_mut().insert(Route(meter.pattern()));
    }
    let (status, took) = (response.status(), begun.elapsed());
    meter.note(status.as_u16(), took);
    if status.is_server_error() || tracing::enabled!(Level::DEBUG) {
        make_span().in_scope(|| write_line(&method, meter.pattern(), status, took));
    }
    Ok(response)
}

/// The endpoint's answer, or what is said of a path or a method that none serves.
async fn serve(parts: &Parts, found: Found<'_>, mut asked: Box<Asked>, body: Body) -> Answered {
    match found {
        Found::Endpoint(served, parameters) => {
            asked.parameters = parameters;
            gate::pass(&parts.api, served, asked, body).await
        }
        Found::OtherMethods(allow) => {
            let mut problem = Problem::new(Code::MethodNotAllowed).into_response();
            if let Ok(allow) = HeaderValue::from_str(&allow) {
                problem.headers_mut().insert(ALLOW, allow);
            }
            Box::pin(unserved(parts, asked, problem)).await
        }
        Found::Nothing => {
            let problem = Problem::new(Code::NotFound).into_response();
            Box::pin(unserved(parts, asked, problem)).await
        }
    }
}

/// What no endpoint serves, and the question of a browser what one would. Nobody looks at a credential here, so that all
/// of it is counted by network.
async fn unserved(parts: &Parts, asked: Box<Asked>, problem: Response) -> Answered {
    if !parts.is_public {
        return problem.into();
    }
    let mut visit = Visit::begin(&asked);
    let response = match visit.toll.pay_as_network(&parts.api, &asked) {
        Err(one_too_many) => one_too_many.into_response(),
        Ok(()) if is_preflight(&asked.head) => preflight_answer(),
        Ok(()) => problem,
    };
    let told = visit.end(&parts.api).await;
    Answered { response, told }
}

/// Runs `future` in a span that is made when it first has to wait. An answer from memory never waits, and says nothing
/// that would need the span.
fn in_late_span<F: Future>(
    mut future: Pin<&mut F>,
    mut span: Option<Span>,
    make_span: impl Fn() -> Span,
) -> impl Future<Output = F::Output> {
    poll_fn(move |context| {
        let polled = match &span {
            Some(span) => span.in_scope(|| future.as_mut().poll(context)),
            None => future.as_mut().poll(context),
        };
        if polled.is_pending() {
            span.get_or_insert_with(&make_span);
        }
        polled
    })
}

/// The answer, or what a problem is written as, with the headers of every answer.
fn finished(answered: Answered, request_id: RequestId) -> Response {
    let Answered {
        mut response,
        told: Told { standing, page },
    } = answered;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let allow = response.headers_mut().remove(ALLOW);
        response = problem.into_answer(request_id);
        allow.map(|methods| response.headers_mut().insert(ALLOW, methods));
    }
    let to = response.headers_mut();
    *to = headers::with_defaults(std::mem::take(to));
    if let Some(standing) = standing {
        standing.add_to(to);
    }
    if let Some(page) = page {
        page.add_to(to);
    }
    add_request_id(to, request_id);
    response
}

/// The answer to HEAD: as to GET, with the length of what is left out (RFC 9110 §9.3.2).
fn without_body(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact() {
        head.headers.insert(CONTENT_LENGTH, length.into());
    }
    Response::from_parts(head, Body::empty())
}

fn add_request_id(headers: &mut HeaderMap, request_id: RequestId) {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let text = request_id.uuid().hyphenated().encode_lower(&mut text);
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(HeaderName::from_static("x-request-id"), value);
    }
}

/// One line for each request: of a fault at `warn`, of others only when somebody asked for `debug`.
fn write_line(method: &Method, route: &str, status: StatusCode, took: Duration) {
    let (is_fault, status, micros) = (
        status.is_server_error(),
        status.as_u16(),
        took.as_micros() as u64,
    );
    match is_fault {
        true => tracing::warn!(%method, route, status, micros, "answered"),
        false => tracing::debug!(%method, route, status, micros, "answered"),
    }
}

fn client_of(api: &Api, peer: Option<IpAddr>, headers: &HeaderMap, now: Timestamp) -> Client {
    Client {
        address: peer.map(|peer| api.trusted_proxies.client_of(peer, headers)),
        user_agent: user_agent(headers),
        request_id: api.platform.mint(now),
    }
}

fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = String::from_utf8_lossy(headers.get(USER_AGENT)?.as_bytes());
    let end = (0..=USER_AGENT_BYTES_MAX.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end))?;
    text.get(..end).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::answer_asked;

    fn size_of_future<A, B, C, D, F: Future>(_: impl FnOnce(A, B, C, D) -> F) -> usize {
        size_of::<F>()
    }

    /// Every request copies and allocates the whole of it: what only some of them wait for is to be boxed where it is called.
    #[test]
    fn the_future_of_a_request_is_small() {
        let size = size_of_future(answer_asked);
        assert!(size <= 1_792, "{size}");
    }
}
