//! The end on request: what is under way is answered, and then the process is gone.

use crate::http::{Answer, read_answer, request};
use crate::instance::{ADMIN, ADMIN_PASSWORD, Instance};
use crate::process::{Server, Stopwatch};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

/// Enough for the server to have accepted and read what was sent.
const ARRIVAL: Duration = Duration::from_millis(300);

/// An instance whose sign-ins take about a second each, one after the other.
fn slow_instance() -> Instance {
    let mut instance = Instance::on_sqlite();
    instance.set("KEYWARD_PASSWORDS_MEMORY_KIB", "131072");
    instance.set("KEYWARD_PASSWORDS_ITERATIONS", "4");
    instance.set("KEYWARD_PASSWORDS_THREADS", "1");
    // On a busy machine the last of them waits for long.
    instance.set("KEYWARD_PASSWORDS_QUEUE_SECONDS_MAX", "60");
    instance
}

/// Begins a sign-in; the answer comes later.
fn sign_in(server: &Server) -> JoinHandle<std::io::Result<Answer>> {
    let mut stream = TcpStream::connect(server.address).unwrap();
    let body = json!({ "email": ADMIN, "password": ADMIN_PASSWORD });
    let text = request("POST", "/v1/auth/login", None, Some(&body));
    stream.write_all(text.as_bytes()).unwrap();
    spawn(move || read_answer(&mut stream))
}

fn drains_after(signal: &str) {
    let instance = slow_instance();
    let server = instance.serve();
    let address = server.address;
    let answers: Vec<_> = (0..4).map(|_| sign_in(&server)).collect();
    sleep(ARRIVAL);
    let open = answers
        .iter()
        .filter(|answer| !answer.is_finished())
        .count();
    server.signal(signal);
    let stopwatch = Stopwatch::start();
    let finished = server.finish();
    println!(
        "{signal}: {open} open requests, ended after {:?}",
        stopwatch.elapsed()
    );
    assert!(open >= 2, "the sign-ins were too fast for this test");
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(stopwatch.elapsed() < Duration::from_secs(30));
    for answer in answers {
        let answer = answer.join().unwrap().expect("an answer");
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert!(finished.stderr.contains("stopping") && finished.stderr.contains("stopped"));
    assert!(TcpStream::connect(address).is_err(), "nobody listens");
}

#[test]
fn open_requests_are_answered_after_sigterm() {
    drains_after("TERM");
}

#[test]
fn open_requests_are_answered_after_sigint() {
    drains_after("INT");
}

#[test]
fn a_change_whose_client_hung_up_is_made() {
    let instance = slow_instance();
    let server = instance.serve();
    let before = instance.numbers("SELECT count(*) FROM users");
    let mut stream = TcpStream::connect(server.address).unwrap();
    let body = json!({ "email": "ada@example.org", "password": "correct horse battery" });
    let text = request("POST", "/v1/auth/register", None, Some(&body));
    stream.write_all(text.as_bytes()).unwrap();
    sleep(ARRIVAL);
    drop(stream);
    sleep(ARRIVAL / 10);
    server.terminate().expect_success();
    let after = instance.numbers("SELECT count(*) FROM users");
    assert_eq!(after[0], before[0] + 1);
}

#[test]
fn idle_connections_do_not_hold_the_end_up_and_half_requests_only_until_the_limit() {
    let mut instance = Instance::on_sqlite();
    instance.set("KEYWARD_SHUTDOWN_DRAIN_SECONDS", "2");
    let server = instance.serve();
    let _silent = TcpStream::connect(server.address).unwrap();
    let mut kept = TcpStream::connect(server.address).unwrap();
    kept.write_all(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        .unwrap();
    assert!(kept.read(&mut [0; 4096]).unwrap() > 0);
    sleep(ARRIVAL);
    let stopwatch = Stopwatch::start();
    let finished = server.terminate();
    println!("idle connections: ended after {:?}", stopwatch.elapsed());
    assert_eq!(finished.code, Some(0));
    assert!(
        !finished.stderr.contains("not finished in time"),
        "{}",
        finished.stderr
    );

    let server = instance.serve();
    let mut half = TcpStream::connect(server.address).unwrap();
    half.write_all(b"POST /v1/auth/login HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n{")
        .unwrap();
    sleep(ARRIVAL);
    let stopwatch = Stopwatch::start();
    let finished = server.terminate();
    println!("half a request: ended after {:?}", stopwatch.elapsed());
    assert_eq!(finished.code, Some(0));
    assert!(
        stopwatch.elapsed() > Duration::from_secs(1)
            && stopwatch.elapsed() < Duration::from_secs(20)
    );
}

#[test]
fn a_signal_right_after_the_greeting_is_a_clean_end() {
    let instance = Instance::on_sqlite();
    for _ in 0..5 {
        let process = instance.start(&["serve", "--listen", "127.0.0.1:0"]);
        while !process.stdout().contains("is ready at") {
            sleep(Duration::from_micros(200));
        }
        process.signal("TERM");
        assert_eq!(process.finish().code, Some(0));
    }
}
