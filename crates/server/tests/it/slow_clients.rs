//! Clients that take their time: hundreds of them at once, and everybody else is served.

use crate::http::request;
use crate::instance::{ADMIN, ADMIN_PASSWORD, Instance, PASSWORD};
use crate::metrics::free_address;
use crate::operator::with_token;
use crate::process::Server;
use serde_json::json;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{sleep, spawn};
use std::time::Duration;

/// How many there are of each kind.
const OF_EACH: usize = 125;

/// A client that sends a byte at a time, and never reads.
struct Slow {
    stream: TcpStream,
    bytes: Vec<u8>,
    sent: usize,
}

impl Slow {
    fn connect(server: &Server, bytes: Vec<u8>) -> Self {
        let stream = TcpStream::connect(server.address).unwrap();
        stream.set_nonblocking(true).unwrap();
        Self {
            stream,
            bytes,
            sent: 0,
        }
    }

    fn drip(&mut self) {
        if let Some(byte) = self.bytes.get(self.sent) {
            // The server may have given it up, which is its right.
            let written = self.stream.write(&[*byte]);
            self.sent += written.unwrap_or(0);
        }
    }
}

/// Asks for what it never reads, until the server can write no more.
fn ask_and_never_read(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_nonblocking(true).unwrap();
    let ask = "GET /openapi.json HTTP/1.1\r\nhost: a\r\n\r\n".repeat(50);
    match stream.write_all(ask.as_bytes()) {
        Ok(()) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
    }
    stream
}

/// Is served once, and stays.
fn stay_idle(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    stream
}

fn serve_ordinary_clients(server: &Server) {
    let admin = json!({ "email": ADMIN, "password": ADMIN_PASSWORD });
    for number in 0..20 {
        let account =
            json!({ "email": format!("user-{number}@example.org"), "password": PASSWORD });
        assert_eq!(server.post("/v1/auth/register", &account).status, 201);
        let login = server.post("/v1/auth/login", &admin);
        let token = login.text_at("/access_token");
        assert_eq!(server.get_as(&token, "/v1/session").status, 200);
        assert_eq!(server.get("/readyz").status, 200);
    }
}

#[test]
fn five_hundred_slow_clients_keep_nobody_from_being_served() {
    let mut instance = Instance::on_sqlite();
    // Here they all come from one address, and are to be slow rather than many.
    instance.set("KEYWARD_RATE_LIMIT_NETWORK_REQUESTS_PER_MINUTE", "0");
    let server = instance.serve();
    let head = request("GET", "/v1/session", None, None).into_bytes();
    let body = json!({ "email": "slow@example.org", "password": "p".repeat(1_000) });
    let post = request("POST", "/v1/auth/register", None, Some(&body)).into_bytes();
    let mut slow: Vec<Slow> = (0..OF_EACH)
        .map(|_| Slow::connect(&server, head.clone()))
        .collect();
    for _ in 0..OF_EACH {
        let mut client = Slow::connect(&server, post.clone());
        // The head at once, so that its body is waited for.
        client.sent = post.len() - body.to_string().len();
        client.stream.write_all(&post[..client.sent]).unwrap();
        slow.push(client);
    }
    let greedy: Vec<_> = (0..OF_EACH).map(|_| ask_and_never_read(&server)).collect();
    let idle: Vec<_> = (0..OF_EACH).map(|_| stay_idle(&server)).collect();
    let over = Arc::new(AtomicBool::new(false));
    let watched = over.clone();
    let dripping = spawn(move || {
        while !watched.load(Ordering::Relaxed) {
            slow.iter_mut().for_each(Slow::drip);
            sleep(Duration::from_millis(100));
        }
        slow.iter().filter(|client| client.sent > 0).count()
    });
    serve_ordinary_clients(&server);
    over.store(true, Ordering::Relaxed);
    assert_eq!(dripping.join().unwrap(), 2 * OF_EACH);
    drop((greedy, idle));
    serve_once_more(&server);
    let log = server.terminate();
    assert!(!log.stderr.contains("panicked"), "{}", log.stderr);
}

fn serve_once_more(server: &Server) {
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn one_network_does_not_take_all_connections() {
    let mut instance = Instance::on_sqlite();
    instance.set("KEYWARD_CONNECTIONS_PER_NETWORK_MAX", "20");
    let server = instance.serve();
    let first: Vec<_> = (0..20).map(|_| stay_idle(&server)).collect();
    for _ in 0..10 {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        let mut rest = Vec::new();
        // It ends, with or without a reset, and says nothing.
        let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n");
        let ended = stream.read_to_end(&mut rest);
        let waited = |error: &std::io::Error| error.kind() == ErrorKind::WouldBlock;
        assert!(!ended.is_err_and(|error| waited(&error)), "it hangs");
        assert!(rest.is_empty());
    }
    drop(first);
    // Whoever left has made room, as soon as the server has seen it.
    for _ in 0..200 {
        if let Ok(answer) = server.exchange(request("GET", "/healthz", None, None).as_bytes()) {
            assert_eq!(answer.status, 200);
            return;
        }
        sleep(Duration::from_millis(50));
    }
    panic!("nobody is let in again");
}

/// What somebody may send who never gets as far as a request.
const OPENINGS: [&[u8]; 4] = [b"", b"G", b"P", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r"];

#[test]
fn connections_that_never_begin_are_given_up_on_every_listener() {
    let mut instance = Instance::on_sqlite();
    let metrics = free_address();
    instance.set("KEYWARD_METRICS_LISTEN", metrics.to_string());
    let (server, operators, _) = with_token(&mut instance);
    let listeners = [server.address, operators, metrics];
    let open = |address: &SocketAddr, bytes: &[u8]| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(bytes).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        stream
    };
    // Fewer than one network may have.
    let mut silent: Vec<_> = listeners
        .iter()
        .flat_map(|address| OPENINGS.map(|bytes| open(address, bytes)))
        .collect();
    for stream in &mut silent {
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest);
        let waited = |error: &std::io::Error| error.kind() == ErrorKind::WouldBlock;
        assert!(!ended.is_err_and(|error| waited(&error)), "it is kept");
        assert!(rest.is_empty());
    }
    serve_once_more(&server);
}

#[test]
fn one_network_does_not_take_all_places_of_operators_or_of_metrics() {
    let mut instance = Instance::on_sqlite();
    let metrics = free_address();
    instance.set("KEYWARD_METRICS_LISTEN", metrics.to_string());
    let (_server, operators, _) = with_token(&mut instance);
    for (address, places) in [(operators, 16), (metrics, 8)] {
        let open: Vec<_> = (0..places)
            .map(|_| TcpStream::connect(address).unwrap())
            .collect();
        let mut stream = TcpStream::connect(address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        // It is hung up on, long before it would have been given up as silent.
        let ended = stream.read(&mut [0; 1]);
        assert!(matches!(ended, Ok(0)), "{address}: {ended:?}");
        drop(open);
    }
}

#[test]
fn more_headers_than_are_read_are_refused() {
    let instance = Instance::on_sqlite();
    let server = instance.serve();
    let with = |headers: String| {
        let text =
            format!("GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}\r\n");
        server
            .exchange(text.as_bytes())
            .map(|answer| answer.status)
            .ok()
    };
    assert_eq!(with("x: y\r\n".repeat(50)), Some(200));
    assert_eq!(with("x: y\r\n".repeat(70)), Some(431));
    assert_eq!(with(format!("x: {}\r\n", "y".repeat(20_000))), Some(200));
    // It may hang up while the client still writes.
    assert!([Some(431), None].contains(&with(format!("x: {}\r\n", "y".repeat(60_000)))));
    serve_once_more(&server);
}
