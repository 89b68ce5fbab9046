//! The logs of a whole story, with everything turned on: whole lines of JSON, and no secret in them.

use crate::http::Answer;
use crate::instance::{ADMIN, ADMIN_PASSWORD, Instance, PASSWORD};
use crate::process::Server;
use serde_json::{Value, json};

const WRONG_PASSWORD: &str = "tr0ub4dor & three, no more";
const UNREADABLE: &str = "a password in a broken body";

/// What a story leaves behind: the secrets that it used, and its requests' ids.
#[derive(Default)]
struct Trace {
    secrets: Vec<String>,
    request_ids: Vec<(String, u16)>,
}

impl Trace {
    fn note(&mut self, answer: Answer, status: u16) -> Answer {
        assert_eq!(answer.status, status, "{answer:?}");
        let id = answer.header("x-request-id").expect("an id").to_owned();
        if status >= 400 {
            assert_eq!(answer.text_at("/request_id"), id);
        }
        self.request_ids.push((id, status));
        answer
    }
}

fn tell(server: &Server) -> Trace {
    let mut trace = Trace::default();
    let post = |path: &str, body: Value| server.post(path, &body);
    let ada = |password: &str| json!({ "email": "ada@example.org", "password": password });
    trace.note(post("/v1/auth/register", ada(PASSWORD)), 201);
    trace.note(post("/v1/auth/register", ada(PASSWORD)), 409);
    trace.note(post("/v1/auth/register", ada("short-secret")), 422);
    trace.note(
        post(
            "/v1/auth/register",
            json!({ "password": UNREADABLE, "pasword": 1 }),
        ),
        422,
    );
    let broken = format!("{{\"password\": \"{UNREADABLE}\", ");
    let head = "POST /v1/auth/login HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json";
    let text = format!("{head}\r\ncontent-length: {}\r\n\r\n{broken}", broken.len());
    trace.note(server.exchange(text.as_bytes()).unwrap(), 400);
    trace.note(post("/v1/auth/login", ada(WRONG_PASSWORD)), 401);
    let admin = json!({ "email": ADMIN, "password": ADMIN_PASSWORD });
    for body in [ada(PASSWORD), admin] {
        let login = trace.note(post("/v1/auth/login", body), 200);
        let token = login.text_at("/access_token");
        trace.note(server.get_as(&token, "/v1/session"), 200);
        trace.note(server.get_as(&token, "/v1/sessions"), 200);
        trace.note(server.get_as("no.such.token", "/v1/session"), 401);
        let cut = &token[..token.len() - 4];
        trace.note(server.get_as(cut, "/v1/session"), 401);
        trace.note(
            server.get(&format!("/v1/session?access_token={token}")),
            401,
        );
        trace.note(
            server.send("POST", "/v1/auth/logout", Some(&token), None),
            204,
        );
        trace.note(server.get_as(&token, "/v1/session"), 401);
        trace.secrets.push(cut.to_owned());
        trace.secrets.push(login.text_at("/refresh_token"));
    }
    trace.note(server.get("/no/such/path"), 404);
    trace
}

/// Each line is an object with its time and level; every request has its line, with its id and status.
fn check_form(log: &str, trace: &Trace) {
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    for line in &lines {
        let has = |name: &str| line[name].as_str().is_some_and(|text| !text.is_empty());
        assert!(has("timestamp") && has("level"), "{line}");
    }
    for (id, status) in &trace.request_ids {
        let answered = lines.iter().filter(|line| {
            line["message"] == "answered" && line["span"]["request_id"] == id.as_str()
        });
        let statuses: Vec<&Value> = answered.map(|line| &line["status"]).collect();
        assert_eq!(statuses, [&json!(status)], "{id}");
    }
}

fn logs_hold_no_secret(mut instance: Instance) {
    instance.set("KEYWARD_LOG_FILTER", "trace");
    let server = instance.serve();
    let mut trace = tell(&server);
    let log = server.terminate().stderr;
    println!(
        "{} lines of log, {} requests",
        log.lines().count(),
        trace.request_ids.len()
    );
    check_form(&log, &trace);
    let root_key = std::fs::read_to_string(instance.root_key()).unwrap();
    trace
        .secrets
        .extend(root_key.trim().split(':').skip(1).map(str::to_owned));
    trace.secrets.extend(
        [
            PASSWORD,
            ADMIN_PASSWORD,
            WRONG_PASSWORD,
            UNREADABLE,
            "short-secret",
            "$argon2id$",
        ]
        .map(str::to_owned),
    );
    if let Some(url) = instance.postgres_urls() {
        trace.secrets.push(url.password().to_owned());
    }
    for secret in &trace.secrets {
        let line = log.lines().find(|line| line.contains(secret.as_str()));
        assert_eq!(line, None, "holds {secret}");
    }
}

#[test]
fn asvs_v16_2_5_logs_hold_no_secret_on_sqlite() {
    logs_hold_no_secret(Instance::on_sqlite());
}

#[test]
fn asvs_v16_2_5_logs_hold_no_secret_on_postgres() {
    if let Some(instance) = Instance::on_postgres() {
        logs_hold_no_secret(instance);
    }
}

#[test]
fn pretty_logs_are_lines_for_people() {
    let mut instance = Instance::on_sqlite();
    instance.set("KEYWARD_LOG_FORMAT", "pretty");
    for (filter, has_line) in [("keyward_api=debug,info", true), ("info", false)] {
        instance.set("KEYWARD_LOG_FILTER", filter);
        let server = instance.serve();
        server.get("/no/such/path");
        let log = server.terminate().stderr;
        assert_eq!(log.contains("status=404"), has_line, "{log}");
        assert!(log.contains("stopped") && !log.contains('\u{1b}'), "{log}");
    }
}
