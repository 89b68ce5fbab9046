//! What is no HTTP. The server answers or hangs up, and serves the next.

use crate::instance::Instance;
use crate::process::Server;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread::sleep;
use std::time::Duration;

/// Enough for an answer to what is whole, before the client says that no more comes.
const ANSWER_TIME: Duration = Duration::from_millis(50);

/// Broken or odd beginnings.
fn request_lines() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("nothing", vec![]),
        ("a line break", b"\r\n\r\n".to_vec()),
        ("no version", b"GET\r\n\r\n".to_vec()),
        ("another version", b"GET / HTTP/9.9\r\n\r\n".to_vec()),
        (
            "a TLS hello",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        ),
        (
            "random bytes",
            (0..4096_u32).map(|n| ((n * 7919) >> 3) as u8).collect(),
        ),
        (
            "a path with a zero byte",
            b"GET /\0 HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
        ),
        (
            "a path that is no UTF-8",
            b"GET /t/%ff%fe/v1/session HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
        ),
        (
            "a path upwards",
            b"GET /t/../../etc/passwd HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
        ),
        (
            "a long path",
            format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "a".repeat(100_000)).into_bytes(),
        ),
        ("no host", b"GET /v1/session HTTP/1.1\r\n\r\n".to_vec()),
        (
            "a host that is none",
            b"GET /v1/session HTTP/1.1\r\nhost: \xff\xfe\r\n\r\n".to_vec(),
        ),
    ]
}

/// Broken or odd headers and bodies.
fn messages() -> Vec<(&'static str, Vec<u8>)> {
    let get =
        |headers: &str| format!("GET /healthz HTTP/1.1\r\nhost: a\r\n{headers}\r\n").into_bytes();
    let post = |rest: &str| {
        let head =
            "POST /v1/auth/register HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";
        format!("{head}{rest}").into_bytes()
    };
    vec![
        ("a header without a colon", get("nonsense\r\n")),
        (
            "a huge header",
            get(&format!("x: {}\r\n", "a".repeat(1 << 20))),
        ),
        ("many headers", get(&"x: y\r\n".repeat(10_000))),
        ("a folded header", get("x: a\r\n b\r\n")),
        (
            "two lengths",
            post("content-length: 2\r\ncontent-length: 3\r\n\r\n{}x"),
        ),
        (
            "a length and chunks",
            post("content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        ),
        ("a negative length", post("content-length: -1\r\n\r\n{}")),
        (
            "a length beyond all",
            post("content-length: 99999999999999999999999\r\n\r\n{}"),
        ),
        (
            "a body that ends early",
            post("content-length: 2000\r\n\r\n{}"),
        ),
        (
            "a chunk that is none",
            post("transfer-encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n"),
        ),
        (
            "a chunk beyond all",
            post("transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}"),
        ),
        (
            "half a request",
            b"POST /v1/auth/register HTTP/1.1\r\nhost".to_vec(),
        ),
        (
            "HTTP/2 and then none",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\ngarbage and more of it".to_vec(),
        ),
        (
            "a tunnel",
            b"CONNECT example.org:443 HTTP/1.1\r\nhost: example.org:443\r\n\r\n".to_vec(),
        ),
        (
            "a method of its own",
            b"BREW /healthz HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
        ),
        (
            "any path",
            b"OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
        ),
        (
            "a whole URL",
            b"GET http://user@demo.localhost/healthz HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
        ),
    ]
}

#[test]
fn what_is_no_http_does_not_stop_the_server() {
    let instance = Instance::on_sqlite();
    let server = instance.serve();
    for (name, bytes) in request_lines().into_iter().chain(messages()) {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        // It may hang up before it has read everything.
        let _ = stream
            .write_all(&bytes)
            .map(|()| sleep(ANSWER_TIME))
            .and_then(|()| stream.shutdown(Shutdown::Write));
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let status = answer
            .get(9..12)
            .and_then(|code| std::str::from_utf8(code).ok());
        println!(
            "{name}: {:?} {:?}",
            status,
            read.map_err(|error| error.kind())
        );
        assert!(!status.unwrap_or_default().starts_with('5'), "{name}");
        assert_eq!(server.get("/healthz").status, 200, "{name}");
    }
    let stopped = server.terminate();
    assert_eq!(stopped.code, Some(0));
    assert!(!stopped.stderr.contains("panicked"), "{}", stopped.stderr);
    assert_eq!(instance.numbers("SELECT count(*) FROM users"), [1]);
}

/// How many answers come to bytes that are one request, with another in what might be taken for its body.
fn answers_to(server: &Server, head: &str, body: &str) -> Vec<String> {
    let mut stream = TcpStream::connect(server.address).unwrap();
    let text = format!(
        "POST /v1/auth/register HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n{head}\r\n{body}\
         GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n"
    );
    let _ = stream.write_all(text.as_bytes());
    stream
        .set_read_timeout(Some(Duration::from_secs(1)))
        .unwrap();
    let mut answer = Vec::new();
    // An end, or silence on a connection that is kept.
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    // A body has no line break at its end: the next answer begins in the middle of a line.
    let answers = answer.split("HTTP/1.1 ").skip(1);
    answers.map(|rest| rest[..3].to_owned()).collect()
}

#[test]
fn asvs_v4_2_1_a_request_that_could_end_in_two_places_is_the_last_of_its_connection() {
    let instance = Instance::on_sqlite();
    let server = instance.serve();
    for (head, body) in [
        (
            "content-length: 5\r\ntransfer-encoding: chunked\r\n",
            "0\r\n\r\n",
        ),
        (
            "transfer-encoding: chunked\r\ncontent-length: 3\r\n",
            "0\r\n\r\n",
        ),
        ("content-length: 0\r\ncontent-length: 5\r\n", "0\r\n\r\n"),
        ("content-length: +0\r\n", ""),
        ("content-length: 0, 0\r\n", ""),
        ("content-length : 0\r\n", ""),
        ("transfer-encoding: xchunked\r\n", "0\r\n\r\n"),
        ("transfer-encoding: chunked, identity\r\n", "0\r\n\r\n"),
        ("transfer-encoding: identity\r\ncontent-length: 0\r\n", ""),
        (
            "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
            "0\r\n\r\n",
        ),
        ("transfer-encoding:\u{b}chunked\r\n", "0\r\n\r\n"),
        ("x: y\r\n transfer-encoding: chunked\r\n", "0\r\n\r\n"),
    ] {
        let answers = answers_to(&server, head, body);
        println!("{head:?}: {answers:?}");
        assert!(answers.len() <= 1, "{head:?}: {answers:?}");
    }
    let plain = answers_to(&server, "content-length: 2\r\n", "{}");
    assert_eq!(plain, ["422", "200"], "two requests are two");
}
