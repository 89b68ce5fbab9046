//! `POST /v1/auth/register`

use crate::support::{accepts_password, audit_events, count, names, only_event, registration};
use keyward_testkit::{PASSWORD, TestApp, TestDatabase, on_both_engines};
use serde_json::json;

on_both_engines!(
    asvs_v15_3_1_the_answer_shows_the_account_and_nothing_else,
    an_address_is_taken_whatever_its_case_and_the_attempt_is_recorded,
    asvs_v6_2_1_asvs_v6_2_9_a_password_has_15_characters_to_1024_bytes,
    asvs_v6_2_5_no_kind_of_character_is_asked_for,
    asvs_v6_2_8_a_password_is_verified_as_given_but_for_nfc,
    everything_that_is_wrong_is_told_at_once,
    names_are_bounded_and_optional,
    asvs_v1_1_1_text_is_decoded_once_and_kept_as_it_is,
    asvs_v15_4_2_of_eight_at_once_for_one_address_exactly_one_gets_it,
    an_address_is_free_in_another_tenant,
);

async fn asvs_v15_3_1_the_answer_shows_the_account_and_nothing_else(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let client = app.client(&app.tenant);
    let body =
        json!({ "email": " Ada@Example.org ", "password": PASSWORD, "name": "Ada Lovelace" });
    let answer = client.post("/v1/auth/register", body).await.expect(201);
    assert_eq!(names(&answer.json), ["user"]);
    let user = &answer.json["user"];
    let expected = json!({
        "id": user["id"],
        "email": "Ada@Example.org",
        "name": "Ada Lovelace",
        "role": "member",
        "status": "active",
        "created_at": "2026-01-01T00:00:00.001000Z",
        "last_sign_in_at": null,
        "last_sign_in_address": null,
    });
    assert_eq!(*user, expected);
    let id: uuid::Uuid = answer.text_at("/user/id").parse().unwrap();
    assert_eq!(id.get_version_num(), 7);
    assert!(accepts_password(&client, "ADA@example.ORG", PASSWORD).await);
}

async fn an_address_is_taken_whatever_its_case_and_the_attempt_is_recorded(database: TestDatabase) {
    let app = TestApp::start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    let body = registration("ADA@Example.ORG");
    let client = app.client(&app.tenant);
    let answer = client.post("/v1/auth/register", body).await;
    let answer = answer.expect_problem(409, "email_taken");
    let administrator = app.administrator(&app.tenant).await;
    let event = only_event(&administrator, "user.registration_refused").await;
    assert_eq!(event["public"]["outcome"], "failure");
    assert_eq!(event["public"]["actor"], json!({ "type": "anonymous" }));
    assert_eq!(event["public"]["request_id"], answer.header("x-request-id"));
    assert_eq!(event["personal"]["details"]["email"], "ADA@Example.ORG");
    only_event(&administrator, "user.registered").await;
}

async fn asvs_v6_2_1_asvs_v6_2_9_a_password_has_15_characters_to_1024_bytes(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let client = app.client(&app.tenant);
    for (length, verdict) in [
        (0, Err("too_short")),
        (14, Err("too_short")),
        (15, Ok(())),
        (64, Ok(())),
        (1_024, Ok(())),
        (1_025, Err("too_long")),
    ] {
        let email = format!("length-{length}@example.org");
        // Text that says something else all the time: what repeats itself is refused for that.
        let text =
            (0_u64..).flat_map(|number| format!("{:x} ", number * number * 7_919).into_bytes());
        let password = String::from_utf8(text.skip(9).take(length).collect()).unwrap();
        let body = json!({ "email": email, "password": password });
        let answer = client.post("/v1/auth/register", body).await;
        match verdict {
            Ok(()) => {
                answer.expect(201);
                assert!(accepts_password(&client, &email, &password).await);
            }
            Err(code) => {
                let answer = answer.expect_problem(422, "invalid_body");
                assert_eq!(answer.text_at("/errors/0/pointer"), "/password");
                assert_eq!(answer.text_at("/errors/0/code"), code, "{length} bytes");
            }
        }
    }
}

async fn asvs_v6_2_5_no_kind_of_character_is_asked_for(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let client = app.client(&app.tenant);
    let passwords = [
        "only small letters here",
        "7281936501827364",
        "ONLYCAPITALSHERE",
        "пароль из трёх слов",
        "\u{1f511}\u{1f40e}\u{1f50b}\u{1f4ce}\u{1f30a}\u{1f525}\u{1f344}\u{1f9ca}\u{1f680}\u{1f3bb}\u{1f9f2}\u{1fab5}\u{1f41d}\u{1f9f5}\u{1f9ed}",
        "nul\u{0} and tab\t inside",
    ];
    for (number, password) in passwords.iter().enumerate() {
        let email = format!("kind-{number}@example.org");
        let body = json!({ "email": email, "password": password });
        client.post("/v1/auth/register", body).await.expect(201);
        assert!(accepts_password(&client, &email, password).await);
    }
}

async fn asvs_v6_2_8_a_password_is_verified_as_given_but_for_nfc(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let client = app.client(&app.tenant);
    let email = "ada@example.org";
    let decomposed = " Gru\u{308}ne A\u{308}pfel am Baum ";
    let body = json!({ "email": email, "password": decomposed });
    client.post("/v1/auth/register", body).await.expect(201);
    assert!(accepts_password(&client, email, " Gr\u{fc}ne \u{c4}pfel am Baum ").await);
    for other in [
        "Gr\u{fc}ne \u{c4}pfel am Baum",
        " gr\u{fc}ne \u{e4}pfel am baum ",
        " Gr\u{fc}ne \u{c4}pfel am Baum  ",
        " Gr\u{fc}ne \u{c4}pfel am Baum",
        " Grune Apfel am Baum ",
    ] {
        assert!(!accepts_password(&client, email, other).await, "{other:?}");
    }
}

async fn everything_that_is_wrong_is_told_at_once(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let body = json!({ "email": "no address", "password": "short", "name": "" });
    let client = app.client(&app.tenant);
    let answer = client.post("/v1/auth/register", body).await;
    let answer = answer.expect_problem(422, "invalid_body");
    let errors = answer.list_at("/errors").iter();
    let told: Vec<_> = errors
        .map(|error| {
            (
                error["pointer"].as_str().unwrap(),
                error["code"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("/email", "invalid"),
        ("/password", "too_short"),
        ("/name", "invalid"),
    ];
    assert_eq!(told, expected);
}

async fn names_are_bounded_and_optional(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let client = app.client(&app.tenant);
    let too_long = "x".repeat(201);
    for name in ["", "   ", "a\u{7}bell", "two\nlines", &too_long] {
        let body = json!({ "email": "a@example.org", "password": PASSWORD, "name": name });
        let answer = client.post("/v1/auth/register", body).await;
        let answer = answer.expect_problem(422, "invalid_body");
        assert_eq!(answer.text_at("/errors/0/pointer"), "/name", "{name:?}");
    }
    let longest = "\u{e9}".repeat(200);
    for (number, name) in [json!(longest), json!(null)].into_iter().enumerate() {
        let email = format!("named-{number}@example.org");
        let body = json!({ "email": email, "password": PASSWORD, "name": name });
        let answer = client.post("/v1/auth/register", body).await.expect(201);
        assert_eq!(answer.json["user"]["name"], name);
    }
}

async fn asvs_v1_1_1_text_is_decoded_once_and_kept_as_it_is(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let client = app.client(&app.tenant);
    let names = [
        "<script>alert(1)</script>",
        "Robert'); DROP TABLE users;--",
        "%252e%00 &lt; \\u0041",
        "{{7*7}} ${x} =1+1",
    ];
    for (number, name) in names.iter().enumerate() {
        let email = format!("raw-{number}@example.org");
        let body = json!({ "email": email, "password": PASSWORD, "name": name });
        client.post("/v1/auth/register", body).await.expect(201);
        let user = app.sign_in(&app.tenant, &email).await;
        let profile = user.client.get("/v1/profile").await.expect(200);
        assert_eq!(profile.text_at("/user/name"), *name);
        let condition = format!("name = '{}'", name.replace('\'', "''"));
        let stored = count(&app, "users", &condition).await;
        assert_eq!(stored, 1, "{name}");
    }
}

async fn asvs_v15_4_2_of_eight_at_once_for_one_address_exactly_one_gets_it(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let client = app.client(&app.tenant);
    let attempts: Vec<_> = (0..8)
        .map(|number| {
            let client = client.clone();
            let email = if number % 2 == 0 {
                "ada@example.org"
            } else {
                "ADA@example.org"
            };
            tokio::spawn(async move { client.post("/v1/auth/register", registration(email)).await })
        })
        .collect();
    let mut statuses = Vec::new();
    for attempt in attempts {
        statuses.push(attempt.await.unwrap().status);
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
    let administrator = app.administrator(&app.tenant).await;
    only_event(&administrator, "user.registered").await;
    let refused = audit_events(&administrator, "type=user.registration_refused").await;
    assert_eq!(refused.len(), 7);
}

async fn an_address_is_free_in_another_tenant(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let other = app.new_tenant("other").await;
    let here = app.register(&app.tenant, "ada@example.org").await;
    let there = app.register(&other, "ada@example.org").await;
    assert_ne!(here.text_at("/user/id"), there.text_at("/user/id"));
}
