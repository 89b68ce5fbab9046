//! Traces over OTLP, where they are asked for: a span for each request, use case and statement, in the trace that the
//! caller's `traceparent` names (W3C Trace Context).
//!
//! Nothing waits for an exporter: spans go into a bounded queue and are sent by a thread of its own; what does not fit, or
//! cannot be sent, is lost. No span has a value of a statement, a path, a query or an id of a user. Switched off, no layer
//! looks at requests and no span is made.

use crate::config::{ConfigError, Traces as Settings};
use axum::extract::Request;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use keyward_api::{ApiService, TraceId, route_of};
use keyward_model::{SPANS, Stopwatch};
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry::trace::{TraceContextExt, TracerProvider};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider, SpanData,
    SpanExporter as ExportsSpans,
};
use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tower::Service;
use tracing::field::Empty;
use tracing::{Instrument, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// How many spans may wait to be sent; more are lost.
const WAITING_MAX: usize = 4_096;
/// How long spans wait for others to be sent with.
const DELAY: Duration = Duration::from_secs(1);
/// How long a collector may take for a batch.
const EXPORT_DEADLINE: Duration = Duration::from_secs(5);
/// How long the last spans may take at the end.
const FLUSH_DEADLINE: Duration = Duration::from_secs(3);
/// How often it is said that a collector does not answer.
const COMPLAINT_PAUSE: Duration = Duration::from_secs(60);

/// Traces that are being made.
#[derive(Debug, Clone)]
pub(crate) struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Begins, if the settings name a collector. Whether it answers is not asked: the server starts without it.
    pub(crate) fn start(settings: &Settings) -> Result<Option<Self>, ConfigError> {
        let Some(endpoint) = settings.endpoint()? else {
            return Ok(None);
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(format!("{endpoint}/v1/traces"))
            .with_timeout(EXPORT_DEADLINE)
            .build()
            .map_err(|error| ConfigError(format!("traces.otlp_endpoint: {error}")))?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(WAITING_MAX)
            .with_scheduled_delay(DELAY)
            .build();
        let processor = BatchSpanProcessor::builder(Complaining::new(exporter))
            .with_batch_config(batches)
            .build();
        let resource = Resource::builder()
            .with_service_name(settings.service_name.clone())
            .with_attribute(opentelemetry::KeyValue::new(
                "service.version",
                env!("CARGO_PKG_VERSION"),
            ))
            .build();
        let ratio = Sampler::TraceIdRatioBased(settings.sample_ratio()?);
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor)
            .with_sampler(Sampler::ParentBased(Box::new(ratio)))
            .with_resource(resource)
            .build();
        Ok(Some(Self { provider }))
    }

    /// Where spans go to.
    pub(crate) fn tracer(&self) -> SdkTracer {
        self.provider.tracer("keyward")
    }

    /// Sends what waits, for so long as it may take.
    pub(crate) async fn finish(self) {
        let flushed = tokio::task::spawn_blocking(move || {
            let flushed = self.provider.shutdown_with_timeout(FLUSH_DEADLINE);
            drop(self);
            flushed
        });
        let flushed = tokio::time::timeout(FLUSH_DEADLINE + Duration::from_secs(1), flushed).await;
        if !matches!(flushed, Ok(Ok(Ok(())))) {
            tracing::warn!("the last spans were not sent");
        }
    }
}

/// The headers of a request, for the propagator.
struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(|name| name.as_str()).collect()
    }
}

/// The API, with every request in a span if traces are asked for.
#[derive(Debug, Clone)]
pub(crate) struct Traced {
    service: ApiService,
    propagator: Option<Arc<TraceContextPropagator>>,
}

impl Traced {
    pub(crate) fn new(service: ApiService, traces: Option<&Traces>) -> Self {
        let propagator = traces.map(|_| Arc::new(TraceContextPropagator::new()));
        Self {
            service,
            propagator,
        }
    }

    /// The same for the requests of one peer.
    pub(crate) fn for_peer(mut self, peer: IpAddr) -> Self {
        self.service = self.service.for_peer(peer);
        self
    }
}

impl Service<Request> for Traced {
    type Response = Response;
    type Error = Infallible;
    type Future = <ApiService as Service<Request>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.service.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match &self.propagator {
            None => self.service.call(request),
            Some(propagator) => Box::pin(follow(propagator.clone(), self.service.clone(), request)),
        }
    }
}

async fn follow(
    propagator: Arc<TraceContextPropagator>,
    mut service: ApiService,
    mut request: Request,
) -> Result<Response, Infallible> {
    let method = known(request.method());
    let span = tracing::trace_span!(
        target: SPANS,
        "http",
        otel.kind = "server",
        http.request.method = method,
        http.route = Empty,
        http.response.status_code = Empty,
        otel.status_code = Empty,
    );
    // It fails for a span that nobody made, and then there is nothing to connect.
    let _ = span.set_parent(propagator.extract(&Headers(request.headers())));
    let trace_id = span.context().span().span_context().trace_id();
    request
        .extensions_mut()
        .insert(TraceId(trace_id.to_string()));
    let response = service.call(request).instrument(span.clone()).await?;
    note(&span, method, &response);
    Ok(response)
}

fn note(span: &Span, method: &'static str, response: &Response) {
    let (route, status) = (route_of(response), response.status());
    span.record("http.route", route);
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
    let context = span.context();
    context.span().update_name(format!("{method} {route}"));
}

/// The method, or what the semantic conventions call one that nobody knows.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "_OTHER",
    }
}

/// An exporter that says at most once a minute that it cannot reach its collector.
struct Complaining {
    inner: SpanExporter,
    last: Mutex<Option<Stopwatch>>,
}

impl Complaining {
    fn new(inner: SpanExporter) -> Self {
        Self {
            inner,
            last: Mutex::new(None),
        }
    }

    fn complain(&self, error: &dyn fmt::Display, spans: usize) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| last.elapsed() >= COMPLAINT_PAUSE) {
            tracing::warn!(%error, spans, "spans could not be sent and are lost (traces.otlp_endpoint)");
            *last = Some(Stopwatch::start());
        }
    }
}

impl fmt::Debug for Complaining {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Complaining")
    }
}

impl ExportsSpans for Complaining {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let sent = self.inner.export(batch).await;
        sent.inspect_err(|error| self.complain(error, spans))
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
