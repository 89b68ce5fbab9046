//! The first command: what it makes, what it says, and what the second start finds.

use crate::instance::{ADMIN, ADMIN_PASSWORD, Instance, PASSWORD};
use crate::process::Server;
use crate::skip::has_programs;
use serde_json::{Deserializer, Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Well under a second is the aim of a release build on an idle machine; this is a debug build beside other tests.
const START_MAX: Duration = Duration::from_secs(5);

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// What `serve` printed as the administrator's password.
fn password_in(greeting: &str) -> Option<String> {
    let (_, rest) = greeting.split_once("\n  password  ")?;
    rest.lines().next().map(str::to_owned)
}

fn sign_in_status(server: &Server, email: &str, password: &str) -> u16 {
    let body = json!({ "email": email, "password": password });
    server.post("/v1/auth/login", &body).status
}

/// What tells the issuer: its name and its keys.
fn issuer_of(server: &Server) -> (String, Value) {
    let metadata = server.get("/t/demo/.well-known/openid-configuration");
    let keys = server.get("/t/demo/.well-known/jwks.json").json();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 1, "{keys}");
    (metadata.text_at("/issuer"), keys)
}

#[test]
fn the_first_start_makes_everything_and_the_second_finds_it() {
    let instance = Instance::bare();
    let first = instance.serve();
    println!("first start: {:?} to the first 200", first.healthy_after);
    assert!(first.healthy_after < START_MAX);
    assert_eq!(mode(&instance.data()), 0o700);
    assert_eq!(mode(&instance.root_key()), 0o600);
    let password = password_in(&first.stdout()).expect("a password");
    assert_eq!(sign_in_status(&first, ADMIN, &password), 200);
    assert_eq!(sign_in_status(&first, ADMIN, PASSWORD), 401);
    let issuer = issuer_of(&first);
    let root_key = std::fs::read(instance.root_key()).unwrap();
    let stopped = first.terminate();
    assert_eq!(stopped.code, Some(0));
    assert_eq!(
        stopped.stdout.matches(&password).count(),
        2,
        "shown and in the curl line"
    );
    assert!(!stopped.stderr.contains(&password));

    let second = instance.serve();
    println!("second start: {:?} to the first 200", second.healthy_after);
    assert!(second.healthy_after < START_MAX);
    assert_eq!(password_in(&second.stdout()), None);
    assert!(!second.stdout().contains("curl"), "{}", second.stdout());
    assert_eq!(issuer_of(&second), issuer);
    assert_eq!(sign_in_status(&second, ADMIN, &password), 200);
    assert_eq!(std::fs::read(instance.root_key()).unwrap(), root_key);
}

#[test]
fn the_printed_lines_work_when_pasted() {
    if !has_programs(&["bash", "curl", "sed"]) {
        return;
    }
    for password in [None, Some(ADMIN_PASSWORD)] {
        let mut instance = Instance::bare();
        if let Some(password) = password {
            instance.set("KEYWARD_DEMO_ADMIN_PASSWORD", password);
        }
        let server = instance.serve();
        let greeting = server.stdout();
        let (_, lines) = greeting.split_once("in another terminal:\n").unwrap();
        let mut bash = Command::new("bash");
        bash.env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap());
        bash.envs(password.map(|password| ("KEYWARD_DEMO_ADMIN_PASSWORD", password)));
        let output = bash.args(["-c", lines]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{lines}");
        let answers: Vec<Value> = Deserializer::from_slice(&output.stdout)
            .into_iter()
            .collect::<Result<_, _>>()
            .unwrap();
        let [session, events, registered] = answers.as_slice() else {
            panic!("{answers:?}");
        };
        assert_eq!(session["user"]["email"], ADMIN);
        assert_eq!(
            events["items"][0]["public"]["type"], "session.opened",
            "{events}"
        );
        assert_eq!(registered["user"]["email"], "ada@example.org");
    }
}

#[test]
fn a_password_that_was_set_is_used_and_not_printed() {
    let instance = Instance::on_sqlite();
    let server = instance.serve();
    assert_eq!(sign_in_status(&server, ADMIN, ADMIN_PASSWORD), 200);
    let stopped = server.terminate();
    assert!(!stopped.stdout.contains(ADMIN_PASSWORD), "{stopped:?}");
    assert!(!stopped.stderr.contains(ADMIN_PASSWORD), "{stopped:?}");
}

#[test]
fn a_demo_password_that_is_too_short_is_refused_by_its_name() {
    let mut instance = Instance::bare();
    instance.set("KEYWARD_DEMO_ADMIN_PASSWORD", "too short");
    let failed = instance.fail_to_serve();
    failed.expect_failure(2, &["demo.admin_password"]);
    assert!(!failed.stderr.contains("too short"), "{failed:?}");
    instance.unset("KEYWARD_DEMO_ADMIN_PASSWORD");
    assert!(password_in(&instance.serve().stdout()).is_some());
}

#[test]
fn without_a_demo_a_bare_request_names_no_tenant() {
    let instance = Instance::bare();
    let server = instance.serve_with(&["--no-demo"]);
    assert!(!server.stdout().contains("password"), "{}", server.stdout());
    for path in ["/.well-known/jwks.json", "/t/demo/.well-known/jwks.json"] {
        assert_eq!(server.get(path).status, 404, "{path}");
    }
    assert_eq!(sign_in_status(&server, ADMIN, PASSWORD), 404);
    server.terminate().expect_success();

    let create = [
        "tenant",
        "create",
        "acme",
        "--admin-email",
        "root@acme.example",
        "--json",
    ];
    let made = instance.run(&create).expect_json();
    let password = made["admin_password"].as_str().unwrap();
    let server = instance.serve_with(&["--no-demo"]);
    let body = json!({ "email": "root@acme.example", "password": password });
    assert_eq!(server.post("/v1/auth/login", &body).status, 404);
    assert_eq!(server.post("/t/demo/v1/auth/login", &body).status, 404);
    let login = server.post("/t/acme/v1/auth/login", &body);
    assert_eq!(login.text_at("/user/role"), "administrator");
    let session = server.get_as(&login.text_at("/access_token"), "/v1/session");
    assert_eq!(session.json()["tenant"]["issuer"], made["issuer"]);
}

#[test]
fn the_demo_is_not_made_later() {
    let instance = Instance::on_sqlite();
    instance
        .serve_with(&["--no-demo"])
        .terminate()
        .expect_success();
    let server = instance.serve();
    assert_eq!(sign_in_status(&server, ADMIN, ADMIN_PASSWORD), 404);
    assert!(!server.stdout().contains("curl"), "{}", server.stdout());
}

#[test]
fn a_first_start_on_a_port_in_use_makes_no_demo_yet() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let instance = Instance::bare();
    let failed = instance.run(&["serve", "--listen", &address]);
    failed.expect_failure(1, &["listen", &address]);
    drop(taken);
    let server = instance.serve();
    let password = password_in(&server.stdout()).expect("shown by the first server that serves");
    assert_eq!(sign_in_status(&server, ADMIN, &password), 200);
}

#[test]
fn a_start_that_was_killed_half_way_does_not_stop_the_next() {
    let instance = Instance::bare();
    for milliseconds in [5, 15, 30, 50, 75] {
        let started = instance.start(&["serve", "--listen", "127.0.0.1:0"]);
        std::thread::sleep(Duration::from_millis(milliseconds));
        drop(started);
    }
    assert_eq!(issuer_of(&instance.serve()).0, "http://127.0.0.1:0/t/demo");
}

#[test]
fn the_folder_of_a_migration_is_served() {
    let instance = Instance::on_sqlite();
    let applied = instance.run(&["migrate", "--json"]).expect_json();
    assert!(!applied["applied"].as_array().unwrap().is_empty());
    assert!(!instance.root_key().exists());
    let server = instance.serve();
    assert_eq!(sign_in_status(&server, ADMIN, ADMIN_PASSWORD), 200);
    server.terminate().expect_success();
    let again = instance.run(&["migrate"]).expect_success();
    assert!(again.contains("up to date"), "{again}");
}
