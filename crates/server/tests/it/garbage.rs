//! What is no HTTP. The server answers or hangs up, and serves the next.

use crate::instance::Instance;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

fn samples() -> Vec<(&'static str, Vec<u8>)> {
    let get =
        |headers: &str| format!("GET /healthz HTTP/1.1\r\nhost: a\r\n{headers}\r\n").into_bytes();
    let post = |rest: &str| {
        let head =
            "POST /v1/auth/register HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n";
        format!("{head}{rest}").into_bytes()
    };
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
fn asvs_v4_2_1_what_is_no_http_does_not_stop_the_server() {
    let instance = Instance::on_sqlite();
    let server = instance.serve();
    for (name, bytes) in samples() {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        // It may hang up before it has read everything.
        let _ = stream
            .write_all(&bytes)
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
