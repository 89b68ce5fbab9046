//! `/metrics` for Prometheus, on a listener of its own: what is counted here and below, with its names.
//!
//! Nothing is kept for it: each request reads the meters, and the database for what is left to do. Names follow Prometheus' conventions; labels come from closed lists.

mod backlog;
mod store;

use crate::exposition::{Exposition, MEDIA_TYPE};
use crate::listener::ListenerMeter;
use crate::process;
use axum::Router;
use axum::extract::State;
use axum::http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use backlog::Backlog;
use keyward_api::{Api, HttpReading};
use keyward_crypto::sha256;
use keyward_model::Digest;
use keyward_service::{Platform, ServiceReading};
use std::sync::Arc;

/// What is shown, and to whom.
#[derive(Clone)]
pub(crate) struct Metrics {
    pub(crate) platform: Platform,
    pub(crate) api: Api,
    pub(crate) listener: Arc<ListenerMeter>,
    /// Of the token that must be shown; none, where anyone who reaches the listener may look.
    pub(crate) token: Option<Digest>,
    /// Those who read the feed of events here.
    pub(crate) feed_readers: Vec<&'static str>,
}

/// The service of the metrics listener.
pub(crate) fn service(metrics: Metrics) -> Router {
    Router::new().fallback(answer).with_state(metrics)
}

async fn answer(
    State(metrics): State<Metrics>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if uri.path() != "/metrics" {
        return StatusCode::NOT_FOUND.into_response();
    }
    if method != Method::GET {
        return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET")]).into_response();
    }
    if !admits(metrics.token, &headers) {
        return (StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Bearer")]).into_response();
    }
    ([(CONTENT_TYPE, MEDIA_TYPE)], metrics.render().await).into_response()
}

/// Digests are compared, so that the time this takes tells nothing of the token.
fn admits(token: Option<Digest>, headers: &HeaderMap) -> bool {
    let Some(expected) = token else {
        return true;
    };
    let value = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let shown = value.and_then(|value| value.split_once(' '));
    shown.is_some_and(|(scheme, token)| {
        scheme.eq_ignore_ascii_case("bearer") && sha256(token.trim().as_bytes()) == expected
    })
}

impl Metrics {
    async fn render(&self) -> String {
        let backlog = Backlog::read(&self.platform, &self.feed_readers).await;
        let mut exposition = Exposition::default();
        let engine = self.platform.engine().to_lowercase();
        exposition
            .gauge("keyward_build_info", "The version that runs; always 1.")
            .sample(
                &[("version", env!("CARGO_PKG_VERSION")), ("engine", &engine)],
                1,
            );
        show_http(&mut exposition, &self.api.reading());
        show_listener(&mut exposition, &self.listener);
        show_service(&mut exposition, &self.platform.reading());
        store::show(&mut exposition, &self.platform.store_reading());
        backlog.show(&mut exposition);
        show_process(&mut exposition);
        exposition.into_text()
    }
}

fn show_http(exposition: &mut Exposition, reading: &HttpReading) {
    let mut requests = exposition.counter(
        "keyward_http_requests_total",
        "Answers by method, route as declared, and status.",
    );
    for route in &reading.routes {
        for (status, count) in &route.statuses {
            let status = match status {
                0 => "other".to_owned(),
                status => status.to_string(),
            };
            let labels = [
                ("method", route.method),
                ("route", route.pattern),
                ("status", &status),
            ];
            requests.sample(&labels, count);
        }
    }
    let mut seconds = exposition.histogram(
        "keyward_http_request_duration_seconds",
        "From the head of a request to the head of its answer.",
    );
    // A route that nobody asked for has no line yet.
    for route in reading
        .routes
        .iter()
        .filter(|route| route.seconds.count() > 0)
    {
        seconds.distribution(
            &[("method", route.method), ("route", route.pattern)],
            &route.seconds,
        );
    }
    exposition
        .gauge(
            "keyward_http_requests_in_flight",
            "Requests that are being answered.",
        )
        .sample(&[], reading.in_flight);
}

fn show_listener(exposition: &mut Exposition, listener: &ListenerMeter) {
    exposition
        .counter("keyward_connections_total", "Connections that were taken.")
        .sample(&[], listener.taken.value());
    exposition
        .gauge("keyward_connections_open", "Connections that are open.")
        .sample(&[], listener.open.value());
    exposition
        .gauge(
            "keyward_connections_max",
            "How many connections may be open; more wait.",
        )
        .sample(&[], listener.open_max);
}

fn show_service(exposition: &mut Exposition, reading: &ServiceReading) {
    let mut events = exposition.counter(
        "keyward_events_total",
        "Committed events by type and outcome, of all tenants.",
    );
    for (kind, outcome, count) in &reading.events {
        events.sample(&[("type", kind), ("outcome", outcome)], count);
    }
    let mut attempts = exposition.counter(
        "keyward_job_attempts_total",
        "Attempts at jobs by kind and how they ended.",
    );
    for (kind, outcome, count) in &reading.job_attempts {
        attempts.sample(&[("kind", kind), ("outcome", outcome)], count);
    }
    let mut sign_ins = exposition.counter("keyward_sign_ins_total", "Sign-ins by how they ended.");
    for (outcome, count) in &reading.sign_ins {
        sign_ins.sample(&[("outcome", outcome)], count);
    }
    let mut throttled = exposition.counter(
        "keyward_attempts_refused_total",
        "Attempts at credentials that were one too many, by factor and by which window was full.",
    );
    for (factor, window, count) in &reading.throttled {
        throttled.sample(&[("factor", factor), ("window", window)], count);
    }
    exposition
        .gauge(
            "keyward_password_hash_waiting",
            "Passwords that wait to be hashed.",
        )
        .sample(&[], reading.hashing.waiting);
    exposition
        .histogram(
            "keyward_password_hash_wait_seconds",
            "How long passwords waited to be hashed.",
        )
        .distribution(&[], &reading.hashing.wait_seconds);
    exposition
        .histogram(
            "keyward_password_hash_duration_seconds",
            "How long password hashes took.",
        )
        .distribution(&[], &reading.hashing.work_seconds);
    exposition
        .counter(
            "keyward_password_hash_refused_total",
            "Passwords that were not hashed because too many waited.",
        )
        .sample(&[], reading.hashing.refused);
}

fn show_process(exposition: &mut Exposition) {
    let reading = process::read();
    let mut gauge = |name, help, value: Option<f64>| {
        if let Some(value) = value {
            exposition.gauge(name, help).sample(&[], value);
        }
    };
    let of = |value: Option<u64>| value.map(|value| value as f64);
    gauge(
        "process_resident_memory_bytes",
        "Memory of the process that is in RAM.",
        of(reading.resident_bytes),
    );
    gauge(
        "process_virtual_memory_bytes",
        "Memory of the process.",
        of(reading.virtual_bytes),
    );
    gauge(
        "process_threads",
        "Threads of the process.",
        of(reading.threads),
    );
    gauge(
        "process_open_fds",
        "Open file descriptors.",
        reading.descriptors.map(|count| count as f64),
    );
    gauge(
        "process_max_fds",
        "How many file descriptors may be open.",
        of(reading.descriptors_max),
    );
    gauge(
        "process_start_time_seconds",
        "When the process began, since 1970.",
        reading.started_at_seconds,
    );
    if let Some(seconds) = reading.cpu_seconds {
        exposition
            .counter(
                "process_cpu_seconds_total",
                "Processor time of the process.",
            )
            .sample(&[], seconds);
    }
}
