//! The operator plane of a process: its socket, its token, and the one way of commands over both and without either.

use crate::http::{self, Answer, read_answer};
use crate::instance::{ADMIN, ADMIN_PASSWORD, Instance};
use crate::process::{Server, Stopwatch};
use serde_json::{Value, json};
use std::fs::Permissions;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

const TOKEN: &str = "0123456789abcdef0123456789abcdef-token";

fn socket_of(instance: &Instance) -> PathBuf {
    instance.data().join("operator.sock")
}

/// Sends a request to the operators' socket, with more lines of headers.
fn over_socket(instance: &Instance, method: &str, path: &str, headers: &str) -> Answer {
    let text = http::request(method, path, None, None);
    let text = text.replacen("\r\n", &format!("\r\n{headers}"), 1);
    let mut stream = UnixStream::connect(socket_of(instance)).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    read_answer(&mut stream).unwrap()
}

#[test]
fn asvs_v13_2_2_the_socket_is_for_the_owner_of_the_folder_and_goes_with_the_server() {
    let instance = Instance::on_sqlite();
    let server = instance.serve();
    let socket = std::fs::metadata(socket_of(&instance)).unwrap();
    assert!(socket.file_type().is_socket());
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
    let tenants = over_socket(&instance, "GET", "/operator/v1/tenants", "");
    assert_eq!(tenants.status, 200);
    assert_eq!(tenants.text_at("/items/0/slug"), "demo");
    let events = over_socket(&instance, "GET", "/operator/v1/events", "");
    assert!(events.text_at("/items/0/actor").starts_with("uid "));
    assert_eq!(events.text_at("/items/0/reason"), "tenant.list");
    server.terminate().expect_success();
    assert!(!socket_of(&instance).exists());
}

#[test]
fn a_socket_that_a_killed_server_left_is_replaced() {
    let instance = Instance::on_sqlite();
    instance.serve().kill9();
    assert!(socket_of(&instance).exists());
    // Nobody takes connections there: the command works without.
    instance.run(&["tenant", "create", "acme"]).expect_success();
    let _server = instance.serve();
    let tenants = over_socket(&instance, "GET", "/operator/v1/tenants", "");
    assert_eq!(tenants.text_at("/items/1/slug"), "acme");
}

#[test]
fn neither_plane_is_served_on_the_listener_of_the_other() {
    let instance = Instance::on_sqlite();
    let server = instance.serve();
    for path in ["/operator/v1/tenants", "/operator/v1/openapi.json"] {
        assert_eq!(server.get(path).status, 404, "{path}");
        assert_eq!(over_socket(&instance, "GET", path, "").status, 200);
    }
    for path in ["/healthz", "/v1/session", "/t/demo/.well-known/jwks.json"] {
        assert_eq!(
            over_socket(&instance, "GET", path, "").status,
            404,
            "{path}"
        );
    }
}

/// An instance whose operator plane is served on a free port too, and the address of that.
pub(crate) fn with_token(instance: &mut Instance) -> (Server, SocketAddr, PathBuf) {
    let file = instance.beside("token");
    std::fs::write(&file, TOKEN).unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    instance.set("KEYWARD_OPERATOR_LISTEN", "127.0.0.1:0");
    instance.set("KEYWARD_OPERATOR_TOKEN_FILE", &file);
    instance.set("KEYWARD_OPERATOR_NAME", "the pipeline");
    let server = instance.serve();
    let stopwatch = Stopwatch::start();
    // It is logged a moment after the greeting.
    let line = loop {
        let log = server.stderr();
        let mut lines = log.lines();
        match lines.find(|line| line.contains("operators are served with the token")) {
            Some(line) => break line.to_owned(),
            None => assert!(stopwatch.elapsed() < Duration::from_secs(30), "{log}"),
        }
        sleep(Duration::from_millis(5));
    };
    let (_, rest) = line.split_once(r#""address":""#).unwrap();
    let address = rest.split('"').next().unwrap().parse().unwrap();
    (server, address, file)
}

#[test]
fn asvs_v13_2_1_on_a_network_only_the_token_opens_the_operator_plane() {
    let mut instance = Instance::on_sqlite();
    let (_server, address, _) = with_token(&mut instance);
    let ask = |token: Option<&str>| {
        let text = http::request("GET", "/operator/v1/tenants", token, None);
        http::exchange(address, text.as_bytes()).unwrap()
    };
    assert_eq!(ask(Some(TOKEN)).status, 200);
    for wrong in [None, Some(""), Some("x"), Some(&TOKEN[1..])] {
        let refused = ask(wrong);
        assert_eq!(refused.status, 401, "{wrong:?}");
        assert!(refused.header("www-authenticate").is_some());
    }
    let text = http::request("GET", "/operator/v1/events", Some(TOKEN), None);
    let events = http::exchange(address, text.as_bytes()).unwrap();
    assert_eq!(events.text_at("/items/0/actor"), "the pipeline");
    // Guessing ends, also with the right one; the socket is not concerned.
    let guesses = (0..20).map(|_| ask(Some("x")));
    let refused = guesses.into_iter().find(|guess| guess.status == 429);
    assert!(refused.unwrap().header("retry-after").is_some());
    assert_eq!(ask(Some(TOKEN)).status, 429);
    let tenants = over_socket(&instance, "GET", "/operator/v1/tenants", "");
    assert_eq!(tenants.status, 200);
}

#[test]
fn a_token_that_others_may_read_or_guess_is_refused() {
    let mut instance = Instance::on_sqlite();
    let (server, ..) = with_token(&mut instance);
    server.terminate().expect_success();
    let file = instance.beside("token");
    std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    let refused = instance.fail_to_serve();
    refused.expect_failure(2, &["operator.token_file", "chmod 600"]);
    std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&file, "short").unwrap();
    let refused = instance.fail_to_serve();
    refused.expect_failure(2, &["operator.token_file", "at least 32"]);
    instance.unset("KEYWARD_OPERATOR_TOKEN_FILE");
    let refused = instance.fail_to_serve();
    refused.expect_failure(2, &["operator.token_file is needed"]);
}

/// What a command prints is the same whichever way it goes.
#[test]
fn commands_say_the_same_over_the_socket_over_the_network_and_in_process() {
    let mut instance = Instance::on_sqlite();
    let (server, address, file) = with_token(&mut instance);
    let url = format!("http://{address}");
    let file = file.display().to_string();
    let remote = ["--operator-url", &url, "--operator-token-file", &file];
    let slugs = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["slug"].to_string()).collect()
    };
    let create = ["tenant", "create", "acme", "--host", "acme.example"];
    let made = instance.run(&[&create[..], &remote, &["--json"]].concat());
    let made = made.expect_json();
    assert_eq!(made["slug"], "acme");
    let again = instance.run(&[&create[..], &remote].concat());
    again.expect_failure(1, &["exists already"]);
    instance.run(&create).expect_failure(1, &["exists already"]);
    let issuer = "https://other.example";
    let taken = [
        "tenant",
        "create",
        "other",
        "--host",
        "acme.example",
        "--issuer",
        issuer,
    ];
    instance
        .run(&taken)
        .expect_failure(1, &["acme.example", "another tenant"]);
    let mut pages = Vec::new();
    let list = ["tenant", "list", "--json"];
    pages.push(instance.run(&[&list[..], &remote].concat()).expect_json());
    pages.push(instance.run(&list).expect_json());
    let shown = instance.run(&["tenant", "show", "acme"]).expect_success();
    assert!(shown.contains("acme.example"), "{shown}");
    server.terminate().expect_success();
    pages.push(instance.run(&list).expect_json());
    assert_eq!(
        instance.run(&["tenant", "show", "acme"]).expect_success(),
        shown
    );
    for page in &pages {
        assert_eq!(slugs(page), [r#""demo""#, r#""acme""#]);
        assert_eq!(page["next_cursor"], Value::Null);
    }
    instance
        .run(&[&list[..], &remote].concat())
        .expect_failure(1, &["cannot reach", &url]);
    instance
        .run(&["tenant", "show", "nobody"])
        .expect_failure(1, &["nobody", "keyward tenant list"]);
}

#[test]
fn a_wrong_way_to_a_remote_plane_is_named() {
    let mut instance = Instance::on_sqlite();
    let (_server, address, file) = with_token(&mut instance);
    let file = file.display().to_string();
    let wrong = instance.beside("wrong");
    std::fs::write(&wrong, TOKEN.replace("0123", "3210")).unwrap();
    std::fs::set_permissions(&wrong, Permissions::from_mode(0o600)).unwrap();
    let wrong = wrong.display().to_string();
    let url = format!("http://{address}");
    for (url, file, code, words) in [
        (url.as_str(), wrong.as_str(), 1, "operator token"),
        ("https://127.0.0.1:1", &file, 2, "http://HOST:PORT"),
        ("http://127.0.0.1:1/path", &file, 2, "http://HOST:PORT"),
        ("nonsense", &file, 2, "http://HOST:PORT"),
        (&url, "/nowhere", 2, "--operator-token-file"),
    ] {
        let remote = ["--operator-url", url, "--operator-token-file", file];
        let failed = instance.run(&[&["tenant", "list"][..], &remote].concat());
        failed.expect_failure(code, &[words]);
    }
    let alone = instance.run(&["tenant", "list", "--operator-url", &url]);
    alone.expect_failure(2, &["--operator-token-file"]);
    let remote = ["--operator-url", &url, "--operator-token-file", &file];
    let elsewhere = instance.run(&[&["migrate"][..], &remote].concat());
    elsewhere.expect_failure(2, &["what operators do"]);
}

#[test]
fn a_reason_is_needed_for_a_change_and_recorded_with_it() {
    let instance = Instance::on_sqlite();
    let _server = instance.serve();
    let body = json!({ "slug": "acme" }).to_string();
    let post = |headers: &str| {
        let head = format!(
            "POST /operator/v1/tenants HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = UnixStream::connect(socket_of(&instance)).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        read_answer(&mut stream).unwrap()
    };
    let refused = post("");
    assert_eq!(
        (refused.status, refused.text_at("/code")),
        (400, "operator_reason_missing".into())
    );
    assert_eq!(
        post("operator-reason: ticket 4711, für Ada\r\n").status,
        201
    );
    let events = instance
        .run(&["audit", "list", "--tenant", "acme", "--json"])
        .expect_json();
    let made = events["items"].as_array().unwrap().iter();
    let made = made.filter(|event| event["public"]["type"] == "tenant.created");
    let reasons: Vec<_> = made
        .map(|event| event["personal"]["operator"]["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons, ["ticket 4711, für Ada"]);
}

#[test]
fn a_data_folder_may_stand_deeper_than_a_sockets_path_reaches() {
    let mut instance = Instance::on_sqlite();
    instance.move_data(&format!("{}/data", "deep".repeat(40)));
    let server = instance.serve();
    instance.run(&["tenant", "create", "acme"]).expect_success();
    assert_eq!(server.get("/t/acme/.well-known/jwks.json").status, 200);
    server.terminate().expect_success();
    assert!(!socket_of(&instance).exists());
}

/// A tenant's way by commands, with a token that was good before: first over the socket, then without a server.
#[test]
fn a_tenant_is_suspended_resumed_deleted_and_restored_by_commands() {
    let instance = Instance::on_sqlite();
    let server = instance.serve();
    let body = json!({ "email": ADMIN, "password": ADMIN_PASSWORD });
    let signed_in = server.post("/v1/auth/login", &body);
    let token = signed_in.text_at("/access_token");
    assert_eq!(server.get_as(&token, "/v1/session").status, 200);
    let told = instance.run(&["tenant", "suspend", "demo", "--reason", "unpaid"]);
    assert_eq!(
        told.expect_success().trim(),
        "The tenant demo is suspended."
    );
    let refused = server.get_as(&token, "/v1/session");
    assert_eq!(
        (refused.status, refused.text_at("/code")),
        (403, "tenant_suspended".into())
    );
    let again = instance.run(&["tenant", "suspend", "demo"]);
    again.expect_failure(1, &["the tenant is suspended"]);
    instance.run(&["tenant", "resume", "demo"]).expect_success();
    assert_eq!(server.get_as(&token, "/v1/session").status, 200);
    let told = instance.run(&["tenant", "delete", "demo", "--grace-days", "3"]);
    assert!(
        told.expect_success()
            .contains("keyward tenant restore demo")
    );
    assert_eq!(server.get_as(&token, "/v1/session").status, 403);
    let jobs = instance
        .run(&["job", "list", "--state", "waiting", "--json"])
        .expect_json();
    assert_eq!(jobs["items"][0]["kind"], "purge_tenant");
    let nodes = instance.run(&["node", "list", "--json"]).expect_json();
    assert_eq!(nodes["items"][0]["engine"], "SQLite");
    server.terminate().expect_success();
    instance
        .run(&["tenant", "restore", "demo"])
        .expect_success();
    let shown = instance.run(&[
        "tenant",
        "settings",
        "demo",
        "--set",
        "session_ttl_seconds=600",
        "--set",
        "session_idle_seconds=300",
    ]);
    assert!(shown.expect_success().contains("600"));
    instance
        .run(&[
            "tenant",
            "settings",
            "demo",
            "--set",
            "session_ttl_seconds=1",
        ])
        .expect_failure(2, &["/session_ttl_seconds"]);
    instance
        .run(&["tenant", "settings", "demo", "--set", "session_ttl=600"])
        .expect_failure(2, &["/session_ttl"]);
    let preset = instance.run(&["tenant", "settings", "demo", "--set", "session_preset=aal2"]);
    assert!(preset.expect_success().contains("86400"));
    instance
        .run(&["tenant", "settings", "demo"])
        .expect_failure(2, &[]);
    let server = instance.serve();
    assert_eq!(server.get_as(&token, "/v1/session").status, 200);
}

#[test]
fn a_user_is_invited_by_a_command_and_once_more() {
    for instance in [Some(Instance::on_sqlite()), Instance::on_postgres()]
        .into_iter()
        .flatten()
    {
        let server = instance.serve();
        let invite = |arguments: &[&str]| {
            let command = ["user", "invite", "--tenant", "demo"];
            instance.run(&[&command, arguments].concat())
        };
        let ada = ["ada@example.org", "--administrator", "--name", "Ada"];
        let said = invite(&ada).expect_success();
        assert!(!said.contains("http"), "no page is served: {said}");
        let first = said.lines().last().unwrap();
        let accept = |token: &str| {
            let body = json!({ "token": token.trim(), "password": "a password of my own choice" });
            server.post("/v1/auth/invitation/accept", &body)
        };
        let grace = invite(&["grace@example.org", "--json"]).expect_json();
        let id = grace["user"]["id"].as_str().unwrap();
        let again = invite(&["--again", id, "--json", "--reason", "a lost mail"]).expect_json();
        let token = |answer: &Value| answer["invitation"]["token"].as_str().unwrap().to_owned();
        assert_eq!(accept(&token(&grace)).status, 400, "its place was taken");
        assert_eq!(accept(&token(&again)).status, 200);
        let accepted = accept(first);
        assert_eq!(accepted.text_at("/user/role"), "administrator");
        assert_eq!(accepted.text_at("/user/name"), "Ada");
        invite(&ada).expect_failure(1, &["address"]);
        invite(&["--again", id]).expect_failure(1, &["status"]);
        let nobody = "01890a5d-ac96-774b-bcce-b302099a8056";
        invite(&["--again", nobody]).expect_failure(1, &["no such user"]);
        let log = instance.run(&["audit", "list", "--tenant", "demo", "--json"]);
        let log = log.expect_json();
        let items = log["items"].as_array().unwrap().iter();
        let reasons: Vec<_> = items
            .filter(|item| item["public"]["type"] == "user.invited")
            .map(|item| item["personal"]["operator"]["reason"].clone())
            .collect();
        let expected = ["a lost mail", "keyward user invite", "keyward user invite"];
        assert_eq!(reasons, expected);
        assert!(!log.to_string().contains(first));
        server.terminate().expect_success();
    }
}
