//! `sessions.country_file`: from which country a session was opened.

use crate::http;
use crate::instance::{ADMIN, ADMIN_PASSWORD, Instance};
use crate::process::Server;
use keyward_testkit::country_file;
use serde_json::{Value, json};
use std::net::Ipv4Addr;

fn file() -> Vec<u8> {
    let network = |text: &str| text.parse::<Ipv4Addr>().unwrap();
    country_file(&[
        (network("127.0.0.0"), 8, "DE"),
        (network("192.0.2.0"), 24, "FR"),
        (network("198.51.100.0"), 25, "not a country"),
    ])
}

fn instance_with(file: &[u8]) -> Instance {
    let mut instance = Instance::on_sqlite();
    let path = instance.beside("countries.mmdb");
    std::fs::write(&path, file).unwrap();
    instance.set("KEYWARD_SESSIONS_COUNTRY_FILE", &path);
    instance.set("KEYWARD_TRUSTED_PROXIES", "127.0.0.1");
    instance
}

/// Signs in through a proxy that says from where; the country as the answer tells it, and as it is read afterwards.
fn countries(server: &Server, address: &str) -> [Value; 2] {
    let body = json!({ "email": ADMIN, "password": ADMIN_PASSWORD });
    let request = http::request("POST", "/v1/auth/login", None, Some(&body));
    let forwarded = format!("\r\nX-Forwarded-For: {address}\r\n");
    let request = request.replacen("\r\n", &forwarded, 1);
    let answer = server.exchange(request.as_bytes()).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let read = server.get_as(&answer.text_at("/access_token"), "/v1/session");
    [answer, read].map(|answer| answer.json()["session"]["country"].clone())
}

#[test]
fn a_session_says_from_which_country_it_was_opened() {
    let instance = instance_with(&file());
    let server = instance.serve();
    for (address, country) in [
        ("127.0.0.9", json!("DE")),
        ("192.0.2.255", json!("FR")),
        ("::ffff:192.0.2.1", json!("FR")),
        ("192.0.3.0", Value::Null),
        ("198.51.100.7", Value::Null),
        ("2001:db8::1", Value::Null),
    ] {
        assert_eq!(
            countries(&server, address),
            [country.clone(), country],
            "{address}"
        );
    }
    let looked = instance.run(&["doctor"]).expect_success();
    assert!(looked.contains("Test-Country of 2026-01-01"), "{looked}");
    server.terminate().expect_success();
}

#[test]
fn without_a_file_there_are_none() {
    let mut instance = Instance::on_sqlite();
    instance.set("KEYWARD_TRUSTED_PROXIES", "127.0.0.1");
    let server = instance.serve();
    assert_eq!(countries(&server, "192.0.2.1"), [Value::Null, Value::Null]);
}

#[test]
fn a_file_that_is_no_such_database_is_named_at_the_start() {
    let whole = file();
    for broken in [&b"not a database"[..], &whole[..whole.len() / 2], &[]] {
        let refused = instance_with(broken).fail_to_serve();
        refused.expect_failure(2, &["sessions.country_file", "countries.mmdb"]);
    }
}
