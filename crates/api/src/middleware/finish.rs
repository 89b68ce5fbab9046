//! The outermost layer: gives the request its id, finishes whatever comes back, and writes one line about it.

use super::cross_origin::AllowedOrigin;
use super::headers;
use crate::meter::RouteMeter;
use crate::problem::{Code, Problem};
use crate::rate_limit::Standing;
use crate::state::Api;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use keyward_model::{Client, Gauge, Stopwatch};
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use tracing::Instrument;

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

pub(crate) async fn wrap(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let begun = Stopwatch::start();
    let _in_flight = InFlight::begin(&api.meter.in_flight);
    let client = client_of(&api, &request);
    let request_id = client.request_id;
    let method = request.method().clone();
    let span = tracing::info_span!("request", %request_id, trace_id = tracing::field::Empty);
    if let Some(TraceId(trace_id)) = request.extensions().get() {
        span.record("trace_id", trace_id.as_str());
    }
    request.extensions_mut().insert(client);
    let answered = AssertUnwindSafe(next.run(request))
        .catch_unwind()
        .instrument(span.clone())
        .await;
    let mut response = answered.unwrap_or_else(|_| {
        // The panic hook has printed where.
        Problem::new(Code::Internal).into_response()
    });
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
    headers::add_to(response.headers_mut());
    if let Ok(value) = HeaderValue::try_from(request_id.to_string()) {
        response
            .headers_mut()
            .insert(HeaderName::from_static("x-request-id"), value);
    }
    let route = response.extensions().get::<Route>();
    let meter = route.map_or(&api.meter.unmatched, |route| &route.0);
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    meter.note(status, took);
    let (route, micros) = (meter.pattern(), took.as_micros() as u64);
    span.in_scope(|| tracing::info!(%method, route, status, micros, "answered"));
    response
}

fn client_of(api: &Api, request: &Request) -> Client {
    Client {
        address: request
            .extensions()
            .get::<ConnectInfo<SocketAddr>>()
            .map(|peer| {
                api.trusted_proxies
                    .client_of(peer.0.ip(), request.headers())
            }),
        user_agent: user_agent(request.headers()),
        request_id: api.platform.mint(api.platform.now()),
    }
}

fn user_agent(headers: &HeaderMap) -> Option<String> {
    let text = String::from_utf8_lossy(headers.get(USER_AGENT)?.as_bytes()).into_owned();
    let end = (0..=USER_AGENT_BYTES_MAX.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end))?;
    text.get(..end).map(str::to_owned)
}
