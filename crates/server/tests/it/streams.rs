//! The stream of revocations of real servers: a service on another node hears of them, and an open stream keeps no server from
//! its end.

use crate::http::request;
use crate::instance::{ADMIN, ADMIN_PASSWORD, Instance, PASSWORD};
use crate::process::{Server, Stopwatch};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keyward_model::{Clock, Revoked, Timestamp};
use keyward_testkit::{Rejected, Verifier, VerifierSettings};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, UNIX_EPOCH};
use tokio::runtime::Runtime;

/// A client that may follow revocations: its id and its secret.
fn client_of(server: &Server) -> (String, String) {
    let body = json!({ "email": ADMIN, "password": ADMIN_PASSWORD });
    let administrator = server.post("/v1/auth/login", &body);
    assert_eq!(administrator.status, 200, "{administrator:?}");
    let body = json!({ "name": "A service", "rights": ["follow_revocations"] });
    let token = administrator.text_at("/access_token");
    let made = server.send("POST", "/v1/admin/clients", Some(&token), Some(&body));
    assert_eq!(made.status, 201, "{made:?}");
    (made.text_at("/client/id"), made.text_at("/client_secret"))
}

/// The machine's clock, by which the servers issue their tokens.
struct MachineClock;

impl Clock for MachineClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "these tests watch real processes"
    )]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(UNIX_EPOCH);
        Timestamp::from_micros(i64::try_from(since.unwrap().as_micros()).unwrap())
    }

    fn monotonic(&self) -> Duration {
        self.now().since(Timestamp::from_micros(0))
    }
}

fn open_stream(server: &Server, (id, secret): &(String, String)) -> TcpStream {
    let credentials = STANDARD.encode(format!("{id}:{secret}"));
    let text = request("GET", "/v1/revocations", None, None);
    let head = text.strip_suffix("\r\n").unwrap();
    let mut stream = TcpStream::connect(server.address).unwrap();
    let authorization = format!("{head}authorization: Basic {credentials}\r\n\r\n");
    stream.write_all(authorization.as_bytes()).unwrap();
    stream
}

fn read_until(stream: &mut TcpStream, word: &str) -> String {
    let (mut text, mut buffer) = (String::new(), [0; 4096]);
    while !text.contains(word) {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "it ended: {text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
    text
}

#[test]
fn an_open_stream_keeps_no_server_from_its_end() {
    let instance = Instance::on_sqlite();
    let server = instance.serve();
    let client = client_of(&server);
    let mut stream = open_stream(&server, &client);
    let head = read_until(&mut stream, "event: heartbeat");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let stopwatch = Stopwatch::start();
    let finished = server.terminate();
    println!("an open stream: ended after {:?}", stopwatch.elapsed());
    assert_eq!(finished.code, Some(0));
    let late = finished.stderr.contains("not finished in time");
    assert!(!late, "{}", finished.stderr);
    // It was ended in order: the last chunk is there.
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).unwrap();
    assert!(
        rest.ends_with(b"0\r\n\r\n"),
        "{}",
        String::from_utf8_lossy(&rest)
    );
}

#[test]
fn asvs_v7_4_1_a_verifier_on_one_node_hears_what_another_revokes() {
    let Some(mut instance) = Instance::on_postgres() else {
        return;
    };
    instance.set("KEYWARD_RATE_LIMIT_NETWORK_REQUESTS_PER_MINUTE", "0");
    instance.set("KEYWARD_RATE_LIMIT_SESSION_REQUESTS_PER_MINUTE", "0");
    instance.set("KEYWARD_PUBLIC_URL", "http://keyward.test");
    let here = instance.serve();
    let machine = instance.on_another_machine();
    let there = machine.serve();
    let client = client_of(&here);
    let email = "ada@example.com";
    let body = json!({ "email": email, "password": PASSWORD });
    assert_eq!(here.post("/v1/auth/register", &body).status, 201);
    let runtime = Runtime::new().unwrap();
    let verifier = runtime.block_on(async {
        let verifier = Verifier::start(VerifierSettings {
            base: format!("http://{}", there.address),
            issuer: "http://keyward.test/t/demo".to_owned(),
            client,
            clock: Arc::new(MachineClock),
            staleness_seconds: 8,
        });
        verifier.is_fresh().await;
        verifier
    });
    let mut times = Vec::new();
    for round in 0..25 {
        let who = here.post("/v1/auth/login", &body);
        assert_eq!(who.status, 200, "{who:?}");
        let token = who.text_at("/access_token");
        let verified = runtime.block_on(verifier.verify(&token));
        assert!(verified.is_ok(), "round {round}: {verified:?}");
        let session = who.text_at("/session/id");
        let path = format!("/v1/sessions/{session}");
        let answer = here.send("DELETE", &path, Some(&token), None);
        assert_eq!(answer.status, 204, "{answer:?}");
        let stopwatch = Stopwatch::start();
        let id = session.parse().unwrap();
        runtime.block_on(verifier.heard_of(Revoked::Session(id)));
        times.push(stopwatch.elapsed());
        let verified = runtime.block_on(verifier.verify(&token));
        assert_eq!(verified, Err(Rejected::Revoked));
    }
    times.sort_unstable();
    println!(
        "from the answer of DELETE on one node to a verifier on the other (n = {}, debug build): {:?} (median), {:?} (most)",
        times.len(),
        times[times.len() / 2],
        times[times.len() - 1],
    );
    // The node that it follows is gone: it hears nothing more, and soon lets nobody in.
    let who = here.post("/v1/auth/login", &body);
    let token = who.text_at("/access_token");
    there.terminate().expect_success();
    let stopwatch = Stopwatch::start();
    while runtime.block_on(verifier.verify(&token)) != Err(Rejected::Stale) {
        assert!(
            stopwatch.elapsed() < Duration::from_secs(20),
            "it lets people in"
        );
        sleep(Duration::from_millis(50));
    }
}
