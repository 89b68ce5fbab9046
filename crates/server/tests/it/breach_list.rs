//! `keyward breach-list build`, and what the list is for.

use crate::instance::{ADMIN_PASSWORD, Instance};
use serde_json::json;

#[test]
fn asvs_v6_2_12_a_password_that_leaked_is_refused_with_the_reason() {
    let mut instance = Instance::on_sqlite();
    let (from, list) = (
        instance.beside("leaked.txt"),
        instance.beside("leaked.list"),
    );
    std::fs::write(&from, "four words that leaked\nanother of these phrases\n").unwrap();
    let (from, to) = (from.to_str().unwrap(), list.to_str().unwrap());
    let build = ["breach-list", "build", "--from", from, "--to", to];
    let built = instance.run(&[&build[..], &["--plain", "--json"]].concat());
    assert_eq!(built.expect_json()["passwords"], 2);
    let wrong = instance.run(&build);
    wrong.expect_failure(1, &["leaked.txt", "line 1", "SHA-1"]);
    instance.set("KEYWARD_PASSWORDS_BREACH_LIST_FILE", to);
    let server = instance.serve();
    let register = |password: &str| {
        let body = json!({ "email": "ada@example.org", "password": password });
        server.post("/v1/auth/register", &body)
    };
    for (password, code, word) in [
        ("four words that leaked", "breached", "leaked"),
        ("123456789987654321", "common", "common"),
        ("aaaaaaaaaaaaaaaaaaaa", "guessable", "guessed"),
        ("ada@example.org", "guessable", "guessed"),
    ] {
        let answer = register(password);
        assert_eq!(answer.status, 422, "{answer:?}");
        assert_eq!(answer.text_at("/errors/0/pointer"), "/password");
        assert_eq!(answer.text_at("/errors/0/code"), code);
        assert!(
            answer.text_at("/errors/0/detail").contains(word),
            "{answer:?}"
        );
    }
    assert_eq!(register("four words that stayed").status, 201);
    server.terminate().expect_success();
}

#[test]
fn a_list_that_is_none_is_named_at_the_start() {
    let mut instance = Instance::on_sqlite();
    let list = instance.beside("some.list");
    std::fs::write(&list, ADMIN_PASSWORD).unwrap();
    instance.set("KEYWARD_PASSWORDS_BREACH_LIST_FILE", &list);
    let refused = instance.fail_to_serve();
    refused.expect_failure(2, &["passwords.breach_list_file", "breach-list build"]);
}
