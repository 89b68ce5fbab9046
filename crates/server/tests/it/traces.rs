//! Traces: what a collector gets, in whose trace it is, what never is in it, and what a collector that is gone costs.

use crate::http::exchange;
use crate::instance::{ADMIN, ADMIN_PASSWORD, Instance};
use crate::process::{Server, Stopwatch};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::Duration;

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER_SPAN_ID: &str = "00f067aa0ba902b7";
const WAIT: Duration = Duration::from_secs(30);

/// A collector: an HTTP server that reads what OTLP sends and keeps it.
struct Collector {
    address: SocketAddr,
    received: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
}

impl Collector {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, received) = (listener.local_addr().unwrap(), Arc::default());
        let kept: Arc<Mutex<Vec<ExportTraceServiceRequest>>> = received;
        let to_keep = kept.clone();
        spawn(move || {
            for stream in listener.incoming() {
                let to_keep = to_keep.clone();
                spawn(move || serve_exporter(stream.unwrap(), &to_keep));
            }
        });
        Self {
            address,
            received: kept,
        }
    }

    /// The spans of a trace, once `enough` says that all are there.
    fn spans(&self, trace_id: &str, enough: impl Fn(&[Span]) -> bool) -> Vec<Span> {
        let stopwatch = Stopwatch::start();
        loop {
            let spans: Vec<Span> = self
                .all()
                .into_iter()
                .filter(|span| hex(&span.trace_id) == trace_id)
                .collect();
            if enough(&spans) {
                return spans;
            }
            assert!(stopwatch.elapsed() < WAIT, "{spans:#?}");
            sleep(Duration::from_millis(20));
        }
    }

    fn all(&self) -> Vec<Span> {
        let received = self.received.lock().unwrap();
        let resources = received.iter().flat_map(|request| &request.resource_spans);
        let scopes = resources.flat_map(|resource| &resource.scope_spans);
        scopes.flat_map(|scope| scope.spans.clone()).collect()
    }
}

fn serve_exporter(stream: TcpStream, kept: &Mutex<Vec<ExportTraceServiceRequest>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let before = head.len();
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
            let line = head[before..].to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        assert!(head.starts_with("POST /v1/traces HTTP/1.1"), "{head}");
        assert!(head.contains("application/x-protobuf"), "{head}");
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let request = ExportTraceServiceRequest::decode(body.as_slice()).unwrap();
        kept.lock().unwrap().push(request);
        let answer =
            "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        reader.get_mut().write_all(answer.as_bytes()).unwrap();
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text_of(span: &Span, key: &str) -> Option<String> {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    let attribute = span
        .attributes
        .iter()
        .find(|attribute| attribute.key == key)?;
    match attribute.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}

/// Signs in as part of the caller's trace.
fn sign_in(server: &Server, sampled: bool) -> u16 {
    let body = json!({ "email": ADMIN, "password": ADMIN_PASSWORD });
    let flags = if sampled { "01" } else { "00" };
    let header = format!(
        "POST /v1/auth/login?secret=query HTTP/1.1\r\n\
         traceparent: 00-{TRACE_ID}-{CALLER_SPAN_ID}-{flags}\r\ntracestate: vendor=opaque\r\n"
    );
    let request = crate::http::request("POST", "/v1/auth/login", None, Some(&body));
    let rest = request.split_once("\r\n").unwrap().1;
    exchange(server.address, format!("{header}{rest}").as_bytes())
        .unwrap()
        .status
}

fn tracing(mut instance: Instance, address: SocketAddr) -> (Instance, Server) {
    instance.set("KEYWARD_TRACES_OTLP_ENDPOINT", format!("http://{address}"));
    let server = instance.serve();
    (instance, server)
}

/// One sign-in is one tree under the caller's span: request, use cases, the hash, statements.
fn check_tree(spans: &[Span], engine: &str) {
    let named = |name: &str| {
        let found = spans.iter().find(|span| span.name == name);
        found.unwrap_or_else(|| {
            let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
            panic!("no {name} in {names:?}")
        })
    };
    let parent = |span: &Span| {
        spans
            .iter()
            .find(|parent| parent.span_id == span.parent_span_id)
    };
    let request = named("POST /v1/auth/login");
    assert_eq!(hex(&request.parent_span_id), CALLER_SPAN_ID);
    assert_eq!(request.trace_state, "vendor=opaque");
    assert_eq!(request.kind, 2, "a server's");
    let status = text_of(request, "http.response.status_code");
    assert_eq!(status.as_deref(), Some("200"));
    assert_eq!(
        text_of(request, "http.route").as_deref(),
        Some("/v1/auth/login")
    );
    for span in spans.iter().filter(|span| span.span_id != request.span_id) {
        assert!(
            parent(span).is_some(),
            "{} hangs in the air: {spans:#?}",
            span.name
        );
    }
    let statement = named("INSERT_SESSION");
    assert_eq!(
        text_of(statement, "db.system.name").as_deref(),
        Some(engine)
    );
    let use_case = parent(statement).unwrap();
    assert_eq!(use_case.name, "session.open");
    named("hash_password");
    named("FIND_SIGN_IN_SUBJECT");
}

#[test]
fn a_sign_in_is_one_connected_trace_in_its_callers() {
    for (instance, engine) in [
        (Some(Instance::on_sqlite()), "sqlite"),
        (Instance::on_postgres(), "postgresql"),
    ] {
        let Some(instance) = instance else { continue };
        let collector = Collector::start();
        let mut instance = instance;
        instance.set("KEYWARD_LOG_FILTER", "keyward_api=debug,info");
        let (_instance, server) = tracing(instance, collector.address);
        assert_eq!(sign_in(&server, true), 200);
        let log = server.stderr();
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let answered: Vec<Value> = lines
            .filter(|line| line["span"]["trace_id"] == TRACE_ID)
            .collect();
        assert!(!answered.is_empty(), "{log}");
        for line in answered {
            assert!(line["span"]["request_id"].is_string(), "{line}");
        }
        assert_eq!(server.get("/healthz").status, 200);
        // The last spans are sent at the end.
        server.terminate().expect_success();
        let all_there = |spans: &[Span]| spans.iter().any(|span| span.kind == 2);
        let spans = collector.spans(TRACE_ID, all_there);
        check_tree(&spans, engine);
        let sent = format!("{:?}", collector.received.lock().unwrap());
        for secret in [ADMIN, ADMIN_PASSWORD, "secret=query", "ordinary"] {
            assert!(!sent.contains(secret), "{secret}");
        }
        assert!(sent.contains("service.name") && sent.contains("keyward"));
    }
}

#[test]
fn what_its_caller_does_not_sample_is_not_sent_and_neither_is_a_ratio_of_nothing() {
    let collector = Collector::start();
    let mut instance = Instance::on_sqlite();
    instance.set("KEYWARD_TRACES_SAMPLE_RATIO", "0.0");
    let (_instance, server) = tracing(instance, collector.address);
    assert_eq!(sign_in(&server, false), 200);
    assert_eq!(server.get("/healthz").status, 200);
    server.terminate().expect_success();
    assert_eq!(collector.all().len(), 0);
}

#[test]
fn a_collector_that_is_gone_costs_no_request_and_one_line() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = gone.local_addr().unwrap();
    drop(gone);
    // And one that takes connections and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for address in [address, silent.local_addr().unwrap()] {
        let (_instance, server) = tracing(Instance::on_sqlite(), address);
        for _ in 0..2 {
            assert_eq!(sign_in(&server, true), 200);
            // Longer than spans wait for each other.
            sleep(Duration::from_millis(1_300));
        }
        assert_eq!(server.get("/readyz").status, 200);
        let stopwatch = Stopwatch::start();
        let stopped = server.terminate();
        assert!(
            stopwatch.elapsed() < Duration::from_secs(10),
            "the end is bounded"
        );
        assert_eq!(stopped.code, Some(0), "{stopped:?}");
        let complaints = stopped.stderr.matches("spans could not be sent").count();
        let is_gone = address != silent.local_addr().unwrap();
        assert!(complaints <= 1, "{stopped:?}");
        assert!(!is_gone || complaints == 1, "{stopped:?}");
        assert!(!stopped.stderr.contains("panicked"), "{stopped:?}");
    }
}
