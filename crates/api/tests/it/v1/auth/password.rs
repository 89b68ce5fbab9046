//! `POST /v1/auth/password/change`

use crate::support::{
    accepts_password, assert_token_refused, audit_events, only_event, sign_in_again, try_password,
};
use keyward_testkit::{Answer, PASSWORD, TestApp, TestClient, TestDatabase, on_both_engines};
use serde_json::json;
use std::time::Duration;

on_both_engines!(
    asvs_v7_4_3_asvs_v7_2_4_another_password_ends_every_session_and_gives_a_new_one,
    asvs_v6_2_3_the_current_password_is_asked_for,
    asvs_v6_3_1_in_a_session_five_passwords_are_tried_and_no_more,
    asvs_v6_2_4_a_weak_password_is_refused_by_its_field,
    of_two_changes_at_once_one_stands,
    devices_that_were_known_by_the_old_password_are_not_by_the_new_one,
    what_strangers_try_keeps_nobody_from_another_password,
    a_sign_in_that_was_verified_before_does_not_outlive_the_change,
);

const PATH: &str = "/v1/auth/password/change";
const NEW: &str = "a new and rather long passphrase";
const WRONG: &str = "a wrong battery staple";

async fn change(client: &TestClient, current: &str, new: &str) -> Answer {
    let body = json!({ "current_password": current, "new_password": new });
    client.post(PATH, body).await
}

async fn asvs_v7_4_3_asvs_v7_2_4_another_password_ends_every_session_and_gives_a_new_one(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let elsewhere = sign_in_again(&app, &app.tenant, &ada).await;
    let eve = app.member(&app.tenant, "eve@example.org").await;
    for user in [&ada, &elsewhere] {
        user.client.get("/v1/session").await.expect(200);
    }
    let answer = change(&ada.client, PASSWORD, NEW).await.expect(200);
    assert_eq!(answer.text_at("/status"), "complete");
    let id = answer.text_at("/session/id");
    assert_ne!(id, ada.session_id.to_string());
    assert_ne!(id, elsewhere.session_id.to_string());
    for user in [&ada, &elsewhere] {
        assert_token_refused(user.client.get("/v1/session").await);
        let token = json!({ "refresh_token": user.answer.text_at("/refresh_token") });
        let client = app.client(&app.tenant);
        let refreshed = client.post("/v1/auth/refresh", token).await;
        refreshed.expect_problem(401, "invalid_refresh_token");
    }
    eve.client.get("/v1/session").await.expect(200);
    let new = app
        .client(&app.tenant)
        .with_token(answer.text_at("/access_token"));
    assert_eq!(new.get("/v1/session").await.text_at("/session/id"), id);
    let token = json!({ "refresh_token": answer.text_at("/refresh_token") });
    new.post("/v1/auth/refresh", token).await.expect(200);
    let client = app.client(&app.tenant);
    assert!(!accepts_password(&client, "ada@example.org", PASSWORD).await);
    assert!(accepts_password(&client, "ada@example.org", NEW).await);
    let event = only_event(&chief, "user.password_changed").await;
    assert_eq!(event["public"]["target"]["id"], ada.id.to_string());
    for event in audit_events(&chief, "type=session.revoked").await {
        assert_eq!(event["public"]["details"]["reason"], "password_changed");
    }
}

async fn asvs_v6_2_3_the_current_password_is_asked_for(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let answer = change(&ada.client, WRONG, NEW).await;
    let answer = answer.expect_problem(422, "invalid_body");
    assert_eq!(answer.text_at("/errors/0/pointer"), "/current_password");
    assert_eq!(answer.text_at("/errors/0/code"), "wrong");
    ada.client.get("/v1/session").await.expect(200);
    let event = only_event(&chief, "user.password_refused").await;
    let session_id = ada.session_id.to_string();
    assert_eq!(event["public"]["details"]["session_id"], session_id);
    let nobody = app.client(&app.tenant);
    let answer = change(&nobody, PASSWORD, NEW).await;
    answer.expect_problem(401, "unauthenticated");
    assert!(accepts_password(&nobody, "ada@example.org", PASSWORD).await);
}

async fn asvs_v6_3_1_in_a_session_five_passwords_are_tried_and_no_more(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..20 {
        let client = ada.client.clone();
        tasks.spawn(async move {
            match number % 2 {
                0 => change(&client, WRONG, NEW).await,
                _ => {
                    let body = json!({ "password": WRONG });
                    client.post("/v1/auth/reauthenticate", body).await
                }
            }
        });
    }
    let answers = tasks.join_all().await;
    let looked_at = answers.iter().filter(|answer| answer.status == 422).count();
    assert_eq!(looked_at, 5, "both ways are counted together");
    for answer in answers {
        if answer.status != 422 {
            let answer = answer.expect_problem(429, "too_many_attempts");
            assert!(!answer.header("retry-after").is_empty());
        }
    }
    let right = change(&ada.client, PASSWORD, NEW).await;
    right.expect_problem(429, "too_many_attempts");
    // Signing in is another matter.
    let again = sign_in_again(&app, &app.tenant, &ada).await;
    change(&again.client, PASSWORD, NEW).await.expect(200);
}

async fn asvs_v6_2_4_a_weak_password_is_refused_by_its_field(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    for (new, code) in [
        ("too short", "too_short"),
        ("passwordpassword", "guessable"),
        ("ada@example.org", "guessable"),
    ] {
        // More often than attempts may be wrong: the current one is right.
        for _ in 0..3 {
            let answer = change(&ada.client, PASSWORD, new).await;
            let answer = answer.expect_problem(422, "invalid_body");
            assert_eq!(answer.text_at("/errors/0/pointer"), "/new_password");
            let told = answer.text_at("/errors/0/code");
            assert!(told == code || told == "common", "{new}: {told}");
        }
    }
    change(&ada.client, PASSWORD, NEW).await.expect(200);
}

async fn of_two_changes_at_once_one_stands(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let elsewhere = sign_in_again(&app, &app.tenant, &ada).await;
    let (one, other) = tokio::join!(
        change(&ada.client, PASSWORD, NEW),
        change(
            &elsewhere.client,
            PASSWORD,
            "another new and long passphrase"
        ),
    );
    let stood: Vec<_> = [(one, NEW), (other, "another new and long passphrase")]
        .into_iter()
        .filter(|(answer, _)| answer.status == 200)
        .collect();
    assert_eq!(stood.len(), 1);
    let (answer, password) = &stood[0];
    let client = app.client(&app.tenant);
    assert!(accepts_password(&client, "ada@example.org", password).await);
    let new = client.with_token(answer.text_at("/access_token"));
    new.get("/v1/session").await.expect(200);
}

async fn devices_that_were_known_by_the_old_password_are_not_by_the_new_one(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let answer = change(&ada.client, PASSWORD, NEW).await.expect(200);
    let (old, new) = (
        ada.answer.text_at("/device_token").to_owned(),
        answer.text_at("/device_token").to_owned(),
    );
    assert_ne!(old, new);
    let client = app.client(&app.tenant);
    for _ in 0..5 {
        try_password(&client, "ada@example.org", WRONG).await;
    }
    let on = async |token: &str| {
        let device = json!({ "name": "x", "token": token });
        let body = json!({ "email": "ada@example.org", "password": NEW, "device": device });
        client.post("/v1/auth/login", body).await
    };
    on(&old).await.expect_problem(429, "too_many_attempts");
    on(&new).await.expect(200);
}

async fn what_strangers_try_keeps_nobody_from_another_password(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    for _ in 0..6 {
        try_password(&client, "ada@example.org", WRONG).await;
    }
    let refused = try_password(&client, "ada@example.org", PASSWORD).await;
    refused.expect_problem(429, "too_many_attempts");
    change(&ada.client, PASSWORD, NEW).await.expect(200);
}

async fn a_sign_in_that_was_verified_before_does_not_outlive_the_change(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    // Whichever comes first: no session that the old password opened is left.
    let (changed, opened) = tokio::join!(
        change(&ada.client, PASSWORD, NEW),
        try_password(&client, "ada@example.org", PASSWORD),
    );
    changed.expect(200);
    if opened.status == 200 {
        let opened = client.with_token(opened.text_at("/access_token"));
        assert_token_refused(opened.get("/v1/session").await);
    }
    app.database.clock.advance(Duration::from_secs(1));
    assert!(!accepts_password(&client, "ada@example.org", PASSWORD).await);
}
