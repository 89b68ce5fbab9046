//! The outermost layer: gives the request its id, finishes whatever comes back, and writes a line about it where somebody wants one.

use super::cross_origin::AllowedOrigin;
use super::headers;
use crate::meter::RouteMeter;
use crate::problem::{Code, Problem};
use crate::rate_limit::Standing;
use crate::state::Api;
use axum::extract::{ConnectInfo, Request};
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use keyward_model::{Client, Gauge, RequestId, Stopwatch, Timestamp};
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tracing::{Level, Span};

/// How much of a `User-Agent` is kept.
const USER_AGENT_BYTES_MAX: usize = 512;

/// The route that a request matched: its meter, which knows the pattern, never the path with its ids.
#[derive(Debug, Clone)]
pub(crate) struct Route(pub(crate) Arc<RouteMeter>);

/// The trace that a request belongs to, for its log lines. Whoever serves the API puts it into the request's extensions.
#[derive(Debug, Clone)]
pub struct TraceId(pub String);

/// The route that an answer came from, as it was declared; `none` where there is none.
pub fn route_of(response: &Response) -> &'static str {
    let route = response.extensions().get::<Route>();
    route.map_or("none", |route| route.0.pattern())
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

/// The moment of a request: its clock is read once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment(pub(crate) Timestamp);

/// Answers a request by `act`, and finishes the answer.
pub(crate) async fn wrap<F>(
    api: &Api,
    mut request: Request,
    act: impl FnOnce(Request) -> F,
) -> Response
where
    F: Future<Output = Result<Response, Infallible>>,
{
    let now = api.platform.now();
    let begun = Stopwatch::start();
    let _in_flight = InFlight::begin(&api.meter.in_flight);
    let client = client_of(api, &request, now);
    let request_id = client.request_id;
    let method = request.method().clone();
    let trace_id = request
        .extensions_mut()
        .remove::<TraceId>()
        .map(|TraceId(id)| id);
    request.extensions_mut().insert(client);
    request.extensions_mut().insert(Moment(now));
    let make_span = || match &trace_id {
        Some(trace_id) => tracing::info_span!("request", %request_id, %trace_id),
        None => tracing::info_span!("request", %request_id),
    };
    // What spawns a task gives it the span that it is in; and who wants to hear of everything wants to know of which request.
    let at_once = !method.is_safe() || tracing::enabled!(Level::DEBUG);
    let span = at_once.then(make_span);
    let answering = in_late_span(act(request), span, make_span);
    let answered = AssertUnwindSafe(answering).catch_unwind().await;
    let response = answered.unwrap_or_else(|_| {
        // The panic hook has printed where.
        Ok(Problem::new(Code::Internal).into_response())
    });
    let Ok(response) = response;
    let mut response = finished(response, request_id);
    headers::add_to(response.headers_mut());
    add_request_id(&mut response, request_id);
    let route = response.extensions().get::<Route>();
    let meter = route.map_or(&api.meter.unmatched, |route| &route.0);
    let (status, took) = (response.status(), begun.elapsed());
    meter.note(status.as_u16(), took);
    if status.is_server_error() || tracing::enabled!(Level::DEBUG) {
        make_span().in_scope(|| write_line(&method, meter.pattern(), status, took));
    }
    response
}

/// Runs `future` in a span that is made when it first has to wait. An answer from memory never waits, and says nothing
/// that would need the span; making one costs it a tenth of its time.
async fn in_late_span<F: Future>(
    future: F,
    mut span: Option<Span>,
    make_span: impl Fn() -> Span,
) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        let polled = match &span {
            Some(span) => span.in_scope(|| future.as_mut().poll(context)),
            None => future.as_mut().poll(context),
        };
        if polled.is_pending() {
            span.get_or_insert_with(&make_span);
        }
        polled
    })
    .await
}

/// The answer, or what a problem is written as.
fn finished(mut response: Response, request_id: RequestId) -> Response {
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let allow = response.headers_mut().remove(axum::http::header::ALLOW);
        let route = response.extensions_mut().remove::<Route>();
        let standing = response.extensions_mut().remove::<Standing>();
        let page = response.extensions_mut().remove::<AllowedOrigin>();
        response = problem.into_answer(request_id);
        allow.map(|methods| {
            response
                .headers_mut()
                .insert(axum::http::header::ALLOW, methods)
        });
        route.map(|route| response.extensions_mut().insert(route));
        standing.map(|standing| response.extensions_mut().insert(standing));
        page.map(|page| response.extensions_mut().insert(page));
    }
    if let Some(standing) = response.extensions_mut().remove::<Standing>() {
        standing.add_to(response.headers_mut());
    }
    if let Some(page) = response.extensions_mut().remove::<AllowedOrigin>() {
        page.add_to(response.headers_mut());
    }
    response
}

fn add_request_id(response: &mut Response, request_id: RequestId) {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let text = request_id.uuid().hyphenated().encode_lower(&mut text);
    if let Ok(value) = HeaderValue::from_str(text) {
        response
            .headers_mut()
            .insert(HeaderName::from_static("x-request-id"), value);
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

fn client_of(api: &Api, request: &Request, now: Timestamp) -> Client {
    Client {
        address: request
            .extensions()
            .get::<ConnectInfo<SocketAddr>>()
            .map(|peer| {
                api.trusted_proxies
                    .client_of(peer.0.ip(), request.headers())
            }),
        user_agent: user_agent(request.headers()),
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
