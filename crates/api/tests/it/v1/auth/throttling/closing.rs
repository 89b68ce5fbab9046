//! Too many failures in a row: what is closed, to whom, and how it is opened again (NIST SP 800-63B-4 §3.2.2).

use super::{WINDOW, WRONG, expect_throttled, fail_from, start, try_from, try_on};
use crate::support::{audit_events, only_event};
use keyward_testkit::{Answer, PASSWORD, TestApp, TestClient, TestDatabase, on_both_engines};
use serde_json::json;
use std::time::Duration;

on_both_engines!(
    asvs_v6_3_8_an_account_and_an_address_without_one_are_closed_alike,
    an_administrator_opens_it_and_both_are_on_record_once,
    operators_open_it_too,
    strangers_open_nothing,
    a_success_ends_the_row_of_failures,
);

pub(super) const ADA: &str = "ada@example.org";

/// Lets ten failures in a row close an account, and gives a client.
pub(super) async fn start_strict(database: TestDatabase) -> (TestApp, TestClient) {
    let app = start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let change = json!({ "account_failures_max": 10 });
    chief
        .client
        .patch("/v1/admin/settings", change)
        .await
        .expect(200);
    app.register(&app.tenant, ADA).await;
    let client = app.client(&app.tenant);
    (app, client)
}

/// Fails in a row until the account is closed, or would be if there were one.
pub(super) async fn close(app: &TestApp, client: &TestClient, email: &str) {
    for _ in 0..2 {
        fail_from(client, "192.0.2.1", email, 5).await;
        app.database.clock.advance(WINDOW);
    }
}

fn told(answer: &Answer) -> [String; 3] {
    ["retry-after", "ratelimit", "ratelimit-policy"].map(|name| answer.header(name).to_owned())
}

async fn asvs_v6_3_8_an_account_and_an_address_without_one_are_closed_alike(
    database: TestDatabase,
) {
    let (app, client) = start_strict(database).await;
    for email in [ADA, "nobody@example.org"] {
        close(&app, &client, email).await;
    }
    let mut answers = Vec::new();
    for (email, password) in [(ADA, PASSWORD), (ADA, WRONG), ("nobody@example.org", WRONG)] {
        let refused = try_from(&client, "198.51.100.1", email, password).await;
        answers.push(told(&expect_throttled(refused, "account")));
    }
    let expected = [
        "86400",
        r#""account_attempts";r=0;t=86400"#,
        r#""account_attempts";q=5;w=900"#,
    ];
    assert!(
        answers.iter().all(|answer| *answer == expected),
        "{answers:?}"
    );
    let chief = app.administrator(&app.tenant).await;
    let locked = audit_events(&chief, "type=user.locked").await;
    let targets: Vec<_> = locked
        .iter()
        .map(|event| &event["public"]["target"]["id"])
        .collect();
    assert!(
        targets[0].is_null() && targets[1].is_string(),
        "{targets:?}"
    );
}

async fn an_administrator_opens_it_and_both_are_on_record_once(database: TestDatabase) {
    let (app, client) = start_strict(database).await;
    close(&app, &client, ADA).await;
    for _ in 0..9 {
        expect_throttled(
            try_from(&client, "192.0.2.1", ADA, PASSWORD).await,
            "account",
        );
    }
    let chief = app.administrator(&app.tenant).await;
    let locked = only_event(&chief, "user.locked").await;
    assert_eq!(locked["public"]["details"]["failures"], 10);
    assert_eq!(locked["personal"]["details"]["email"], ADA);
    let id = locked["public"]["target"]["id"].as_str().unwrap();
    let path = format!("/v1/admin/users/{id}/unlock");
    let answer = chief.client.post(&path, json!({})).await.expect(200);
    assert_eq!(answer.text_at("/user/email"), ADA);
    try_from(&client, "192.0.2.1", ADA, PASSWORD)
        .await
        .expect(200);
    let unlocked = only_event(&chief, "user.unlocked").await;
    assert_eq!(unlocked["public"]["target"]["id"], id);
    assert_eq!(unlocked["public"]["actor"]["id"], chief.id.to_string());
    assert_eq!(unlocked["public"]["details"]["failures"], 10);
    // Whoever has just used up the window may try at once too, from the same place.
    fail_from(&client, "192.0.2.1", ADA, 5).await;
    expect_throttled(
        try_from(&client, "192.0.2.1", ADA, PASSWORD).await,
        "account",
    );
    chief.client.post(&path, json!({})).await.expect(200);
    try_from(&client, "192.0.2.1", ADA, PASSWORD)
        .await
        .expect(200);
    // It can be closed again, which is said again.
    close(&app, &client, ADA).await;
    let chief = app.administrator(&app.tenant).await;
    assert_eq!(audit_events(&chief, "type=user.locked").await.len(), 2);
}

async fn operators_open_it_too(database: TestDatabase) {
    let (app, client) = start_strict(database).await;
    close(&app, &client, ADA).await;
    let chief = app.administrator(&app.tenant).await;
    let locked = only_event(&chief, "user.locked").await;
    let id = locked["public"]["target"]["id"].as_str().unwrap();
    let path = format!("/operator/v1/tenants/{}/users/{id}/unlock", app.tenant.slug);
    let operator = app.operator();
    operator
        .without_reason()
        .post(&path, json!({}))
        .await
        .expect(400);
    operator.post(&path, json!({})).await.expect(200);
    let unlocked = only_event(&chief, "user.unlocked").await;
    assert_eq!(unlocked["personal"]["operator"]["reason"], "a test");
    try_from(&client, "192.0.2.1", ADA, PASSWORD)
        .await
        .expect(200);
    let nobody = path.replace(id, &app.tenant.id.to_string());
    operator.post(&nobody, json!({})).await.expect(404);
}

async fn strangers_open_nothing(database: TestDatabase) {
    let (app, client) = start_strict(database).await;
    app.register(&app.tenant, "bob@example.org").await;
    let ada = app.sign_in(&app.tenant, ADA).await;
    close(&app, &client, ADA).await;
    let path = format!("/v1/admin/users/{}/unlock", ada.id);
    let own = try_on(&client, ada.answer.text_at("/device_token"), ADA, PASSWORD).await;
    let own = client.with_token(own.expect(200).text_at("/access_token"));
    let bob = app.sign_in(&app.tenant, "bob@example.org").await;
    for member in [own, bob.client] {
        let refused = member.post(&path, json!({})).await;
        refused.expect_problem(403, "forbidden");
    }
    client.post(&path, json!({})).await.expect(401);
    let other = app.new_tenant("other").await;
    let other = app.administrator(&other).await;
    other.client.post(&path, json!({})).await.expect(404);
    expect_throttled(
        try_from(&client, "192.0.2.1", ADA, PASSWORD).await,
        "account",
    );
}

async fn a_success_ends_the_row_of_failures(database: TestDatabase) {
    let (app, client) = start_strict(database).await;
    for _ in 0..4 {
        fail_from(&client, "192.0.2.1", ADA, 4).await;
        try_from(&client, "192.0.2.1", ADA, PASSWORD)
            .await
            .expect(200);
        app.database.clock.advance(WINDOW);
    }
    // The tenth in a row is right: it closed the account for as long as it was looked at.
    for (times, pause) in [(5, WINDOW), (4, Duration::ZERO)] {
        fail_from(&client, "192.0.2.1", ADA, times).await;
        app.database.clock.advance(pause);
    }
    try_from(&client, "192.0.2.1", ADA, PASSWORD)
        .await
        .expect(200);
    app.database.clock.advance(WINDOW);
    try_from(&client, "192.0.2.1", ADA, PASSWORD)
        .await
        .expect(200);
    let chief = app.administrator(&app.tenant).await;
    only_event(&chief, "user.locked").await;
    only_event(&chief, "user.unlocked").await;
}
