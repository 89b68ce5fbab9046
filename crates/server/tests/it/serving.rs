//! One server at a time on PostgreSQL, as its operator meets it.

use crate::http::{read_answer, request};
use crate::instance::{ADMIN, ADMIN_PASSWORD, Instance};
use crate::process::{Server, Stopwatch};
use serde_json::json;
use std::io::Write;
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(60);

fn sign_in(server: &Server) -> String {
    let body = json!({ "email": ADMIN, "password": ADMIN_PASSWORD });
    let answer = server.post("/v1/auth/login", &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.text_at("/access_token")
}

fn status(server: &Server, token: &str) -> u16 {
    server.get_as(token, "/v1/session").status
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let stopwatch = Stopwatch::start();
    while !holds() {
        assert!(stopwatch.elapsed() < WAIT, "it never came to this: {what}");
        sleep(Duration::from_millis(20));
    }
}

/// Ends the connection that has the lock, as a database does that was restarted.
fn cut(instance: &Instance) {
    let rows = instance.sql(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' AND granted
         AND classid = 1262836055 AND objid = 1
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    );
    assert_eq!(rows, [[Some("t".to_owned())]]);
}

#[test]
fn a_second_server_and_a_changing_command_are_refused_on_postgres() {
    let Some(instance) = Instance::on_postgres() else {
        return;
    };
    let server = instance.serve();
    let elsewhere = instance.on_another_machine();
    let words = ["another Keyward server", "process", "stop it first"];
    for machine in [&instance, &elsewhere] {
        machine.fail_to_serve().expect_failure(1, &words);
    }
    let create = ["tenant", "create", "acme"];
    elsewhere.run(&create).expect_failure(1, &words);
    // Looking, and migrating, go on beside it.
    elsewhere.run(&["tenant", "list"]).expect_success();
    elsewhere.run(&["migrate"]).expect_success();
    server.terminate().expect_success();
    elsewhere.run(&create).expect_success();
    instance.serve().terminate().expect_success();
}

#[test]
fn asvs_v7_4_1_a_stopped_server_wakes_without_its_memory() {
    let Some(instance) = Instance::on_postgres() else {
        return;
    };
    let first = instance.serve();
    let token = sign_in(&first);
    let kept = sign_in(&first);
    assert_eq!((status(&first, &token), status(&first, &kept)), (200, 200));
    // Behind its back, so that only memory can answer: it does.
    let sid = "(SELECT max(id::text)::uuid FROM sessions)";
    instance.sql(&format!(
        "UPDATE sessions SET ended_at = 1, end_reason = 'signed_out' WHERE id = {sid}"
    ));
    assert_eq!(status(&first, &kept), 200, "memory was at work");
    instance.sql(&format!(
        "UPDATE sessions SET ended_at = NULL, end_reason = NULL WHERE id = {sid}"
    ));

    // These are written while it is stopped, and so are the first that it reads.
    let mut waiting: Vec<_> = (0..8)
        .map(|_| TcpStream::connect(first.address).unwrap())
        .collect();
    first.signal("STOP");
    cut(&instance);
    let elsewhere = instance.on_another_machine();
    let second = elsewhere.serve();
    assert_eq!(status(&second, &token), 200);
    assert_eq!(
        second
            .send("POST", "/v1/auth/logout", Some(&token), None)
            .status,
        204
    );
    let text = request("GET", "/v1/session", Some(&token), None);
    for stream in &mut waiting {
        stream.write_all(text.as_bytes()).unwrap();
    }
    first.signal("CONT");
    for stream in &mut waiting {
        let answer = read_answer(stream).unwrap();
        assert_eq!(answer.status, 401, "its first answers");
    }
    assert_eq!(status(&first, &kept), 200, "from the database");
    until("it knows that it was replaced", || {
        first
            .stderr()
            .contains("another Keyward server has taken this database over")
    });
    assert_eq!(first.get("/readyz").status, 503);
    assert_eq!(first.get("/healthz").status, 200);
    let body = json!({ "email": ADMIN, "password": ADMIN_PASSWORD });
    assert_eq!(first.post("/v1/auth/login", &body).status, 503);
    assert_eq!(second.get("/readyz").status, 200);

    // The second dies without a word: the first has the database again once nothing of the other can be left.
    second.kill9();
    until("it serves again", || first.get("/readyz").status == 200);
    assert_eq!(status(&first, &token), 401);
    let fresh = sign_in(&first);
    assert_eq!(status(&first, &fresh), 200);
    first.terminate().expect_success();
}
