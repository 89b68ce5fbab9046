//! `Idempotency-Key`: a request that is sent again has one effect and one answer.

use crate::support::audit_events;
use keyward_crypto::{RequestDigestKey, Sha256};
use keyward_model::{Digest, RootKeySecret};
use keyward_testkit::{
    Answer, PASSWORD, ROOT_KEY, TestApp, TestDatabase, TestUser, on_both_engines,
};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

on_both_engines!(
    the_same_request_again_gets_the_same_answer_and_has_one_effect,
    asvs_v15_4_2_of_many_at_once_one_has_an_effect_and_all_get_its_answer,
    another_request_under_the_key_is_refused,
    an_answer_that_showed_a_secret_is_not_repeated,
    what_failed_is_tried_again,
    a_key_is_its_senders_own_and_for_a_day,
    what_is_no_key_is_refused,
    asvs_v11_4_2_a_password_cannot_be_tried_against_what_is_kept,
    each_create_of_an_administrator_heeds_a_key,
    a_rotation_heeds_a_key,
    what_heeds_no_key_refuses_one,
);

const PATH: &str = "/v1/admin/users";

fn ada() -> Value {
    json!({ "email": "ada@example.org", "password": PASSWORD })
}

async fn send(user: &TestUser, path: &str, key: &str, body: &Value) -> Answer {
    let request = user.client.request(Method::POST, path);
    let request = request.header("idempotency-key", key).json(body);
    user.client.send(request).await
}

async fn made(chief: &TestUser) -> usize {
    audit_events(chief, "type=user.created").await.len()
}

async fn the_same_request_again_gets_the_same_answer_and_has_one_effect(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let before = made(&chief).await;
    let first = send(&chief, PATH, "k", &ada()).await.expect(201);
    assert_eq!(first.header("idempotency-replayed"), "");
    // What became of the user since is not what was answered.
    let id = first.text_at("/user/id").to_owned();
    chief
        .client
        .delete(&format!("{PATH}/{id}"))
        .await
        .expect(202);
    for _ in 0..2 {
        let again = send(&chief, PATH, "k", &ada()).await.expect(201);
        assert_eq!(again.text, first.text);
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.header("content-type"), first.header("content-type"));
        assert_eq!(again.header("cache-control"), "no-store");
    }
    assert_eq!(made(&chief).await, before + 1);
    // From another session of theirs too: it is about who asks.
    let other = app.administrator(&app.tenant).await;
    let again = send(&other, PATH, "k", &ada()).await.expect(201);
    assert_eq!(again.text, first.text);
    let without = chief.client.post(PATH, ada()).await;
    without.expect_problem(409, "email_taken");
}

async fn asvs_v15_4_2_of_many_at_once_one_has_an_effect_and_all_get_its_answer(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let before = made(&chief).await;
    let attempts: Vec<_> = (0..8)
        .map(|_| {
            let chief = chief.clone();
            tokio::spawn(async move { send(&chief, PATH, "k", &ada()).await })
        })
        .collect();
    let mut texts = Vec::new();
    for attempt in attempts {
        texts.push(attempt.await.unwrap().expect(201).text);
    }
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:#?}");
    assert_eq!(made(&chief).await, before + 1);
}

async fn another_request_under_the_key_is_refused(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    send(&chief, PATH, "k", &ada()).await.expect(201);
    let bob = json!({ "email": "bob@example.org", "password": PASSWORD });
    let answer = send(&chief, PATH, "k", &bob).await;
    answer.expect_problem(422, "idempotency_key_reused");
    let found = chief.client.get(&format!("{PATH}?query=bob@")).await;
    assert!(found.expect(200).list_at("/items").is_empty());
    send(&chief, PATH, "k2", &bob).await.expect(201);
}

async fn an_answer_that_showed_a_secret_is_not_repeated(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let body = json!({ "email": "ada@example.org" });
    let first = send(&chief, PATH, "k", &body).await.expect(201);
    let (id, token) = (
        first.text_at("/user/id"),
        first.text_at("/invitation/token"),
    );
    let again = send(&chief, PATH, "k", &body).await;
    let again = again.expect_problem(409, "answer_not_repeated");
    assert_eq!(again.text_at("/id"), id);
    assert!(!again.text.contains(token));
    let path = format!("{PATH}/{id}/invitation");
    let second = send(&chief, &path, "k", &json!({})).await.expect(201);
    let again = send(&chief, &path, "k", &json!({})).await;
    again.expect_problem(409, "answer_not_repeated");
    // The second answer's link is good still: asking again gave no third.
    let body = json!({ "token": second.text_at("/invitation/token"), "password": PASSWORD });
    let client = app.client(&app.tenant);
    client
        .post("/v1/auth/invitation/accept", body)
        .await
        .expect(200);
    let rows = app.database.rows_of_tenant(app.tenant.id).await;
    assert!(!format!("{rows:?}").contains(token), "nor is it kept");
    // For somebody else it is another request.
    let bob = json!({ "email": "bob@example.org" });
    let bob = send(&chief, PATH, "b", &bob).await.expect(201);
    let path = format!("{PATH}/{}/invitation", bob.text_at("/user/id"));
    let answer = send(&chief, &path, "k", &json!({})).await;
    answer.expect_problem(422, "idempotency_key_reused");
}

async fn what_failed_is_tried_again(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    app.register(&app.tenant, "ada@example.org").await;
    for _ in 0..2 {
        let answer = send(&chief, PATH, "k", &ada()).await;
        answer.expect_problem(409, "email_taken");
    }
    let tenant = app.database.id_literal(app.tenant.id);
    let sql = format!(
        "UPDATE users SET email = 'x@x.org', email_canonical = 'x@x.org'
         WHERE email_canonical = 'ada@example.org' AND tenant_id = {tenant}"
    );
    app.database.admin_sql(&sql).await;
    send(&chief, PATH, "k", &ada()).await.expect(201);
    let bad = json!({ "email": "no" });
    let answer = send(&chief, PATH, "other", &bad).await;
    answer.expect_problem(422, "invalid_body");
}

async fn a_key_is_its_senders_own_and_for_a_day(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let other = app.new_tenant("other").await;
    let (chief, stranger) = (
        app.administrator(&app.tenant).await,
        app.administrator(&other).await,
    );
    let first = send(&chief, PATH, "k", &ada()).await.expect(201);
    let theirs = send(&stranger, PATH, "k", &ada()).await.expect(201);
    assert_ne!(theirs.text_at("/user/id"), first.text_at("/user/id"));
    let member = app.sign_in(&app.tenant, "ada@example.org").await;
    let answer = send(&member, PATH, "k", &ada()).await;
    answer.expect_problem(403, "forbidden");
    app.database.clock.advance(Duration::from_secs(24 * 3_600));
    let chief = app.administrator(&app.tenant).await;
    let answer = send(&chief, PATH, "k", &ada()).await;
    answer.expect_problem(409, "email_taken");
}

async fn what_is_no_key_is_refused(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    for key in ["", &"x".repeat(256), "a\tb"] {
        let answer = send(&chief, PATH, key, &ada()).await;
        answer.expect_problem(400, "invalid_idempotency_key");
    }
    let request = chief.client.request(Method::POST, PATH).json(&ada());
    let request = request.header("idempotency-key", "a");
    let answer = chief
        .client
        .send(request.header("idempotency-key", "b"))
        .await;
    answer.expect_problem(400, "invalid_idempotency_key");
    send(&chief, PATH, &"x".repeat(255), &ada())
        .await
        .expect(201);
}

async fn asvs_v11_4_2_a_password_cannot_be_tried_against_what_is_kept(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    send(&chief, PATH, "k", &ada()).await.expect(201);
    let body = serde_json::to_vec(&ada()).unwrap();
    let parts = [PATH.as_bytes(), body.as_slice()];
    let mut guess = Sha256::new();
    for part in parts {
        guess.update(&(part.len() as u64).to_be_bytes());
        guess.update(part);
    }
    let key = RequestDigestKey::of(&RootKeySecret::new(ROOT_KEY.to_vec()));
    let expected = hex(key.digest(app.tenant.id, &parts));
    let rows = app.database.rows_of_tenant(app.tenant.id).await;
    let rows = format!("{rows:?}").to_lowercase();
    assert!(
        rows.contains(&expected),
        "the digest of whoever has the root key"
    );
    assert!(!rows.contains(&hex(guess.finish())), "nobody else's");
}

async fn each_create_of_an_administrator_heeds_a_key(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let path = "/v1/admin/publishable-keys";
    let body = json!({ "name": "Shop", "allowed_origins": ["https://shop.example"] });
    let first = send(&chief, path, "k", &body).await.expect(201);
    let again = send(&chief, path, "k", &body).await.expect(201);
    assert_eq!(again.text, first.text);
    assert_eq!(again.header("idempotency-replayed"), "true");
    let listed = chief.client.get(path).await.expect(200);
    assert_eq!(listed.list_at("/items").len(), 1);
    let other = json!({ "name": "Other", "allowed_origins": [] });
    let answer = send(&chief, path, "k", &other).await;
    answer.expect_problem(422, "idempotency_key_reused");
}

async fn a_rotation_heeds_a_key(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let keys = format!("/operator/v1/tenants/{}/signing-keys", app.tenant.slug);
    let rotate = async |key: &str| {
        let path = format!("{keys}/rotate");
        app.operator().post_once(&path, key, json!({})).await
    };
    let first = rotate("k").await.expect(201);
    let again = rotate("k").await.expect(201);
    assert_eq!(again.text, first.text);
    assert_eq!(again.header("idempotency-replayed"), "true");
    let other = rotate("other").await;
    other.expect_problem(409, "rotation_under_way");
    let listed = app.operator().get(&keys).await.expect(200);
    assert_eq!(listed.list_at("/items").len(), 2);
}

async fn what_heeds_no_key_refuses_one(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let with_key = async |method: Method, path: &str, body: Value| {
        let request = chief.client.request(method, path).json(&body);
        chief
            .client
            .send(request.header("idempotency-key", "k"))
            .await
    };
    let register = json!({ "email": "bob@example.org", "password": PASSWORD });
    let name = json!({ "name": "Ada" });
    for (method, path, body) in [
        (Method::POST, "/v1/auth/register", register),
        (Method::PATCH, "/v1/profile", name),
        (Method::DELETE, "/v1/sessions/others", json!({})),
    ] {
        let answer = with_key(method, path, body).await;
        answer.expect_problem(400, "idempotency_key_not_heeded");
    }
    let found = chief.client.get(&format!("{PATH}?query=bob@")).await;
    assert!(found.expect(200).list_at("/items").is_empty());
    let read = with_key(Method::GET, "/v1/session", json!({})).await;
    read.expect(200);
}

fn hex(digest: Digest) -> String {
    digest.0.iter().map(|byte| format!("{byte:02x}")).collect()
}
