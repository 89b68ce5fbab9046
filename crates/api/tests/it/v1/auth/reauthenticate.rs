//! `POST /v1/auth/reauthenticate`, and what a tenant asks it for.

use crate::support::{assert_token_refused, change_settings, moment, only_event};
use keyward_model::Clock;
use keyward_testkit::{PASSWORD, TestApp, TestDatabase, on_both_engines};
use serde_json::json;
use std::time::Duration;

on_both_engines!(
    asvs_v7_2_4_a_proof_gives_a_new_session_and_ends_the_old_one,
    asvs_v7_5_3_a_sensitive_change_asks_for_a_proof_that_is_young_enough,
    a_wrong_password_proves_nothing_and_ends_nothing,
    a_refresh_is_no_proof,
);

const PATH: &str = "/v1/auth/reauthenticate";

async fn asvs_v7_2_4_a_proof_gives_a_new_session_and_ends_the_old_one(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let long = json!({ "access_token_ttl_seconds": 3_600 });
    change_settings(&app, &app.tenant, &long).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    app.database.clock.advance(Duration::from_secs(600));
    let answer = ada.client.post(PATH, json!({ "password": PASSWORD })).await;
    let answer = answer.expect(200);
    assert_ne!(answer.text_at("/session/id"), ada.session_id.to_string());
    let at = moment(&answer.json["session"]["authenticated_at"]);
    assert_eq!(at, app.database.clock.now());
    assert_token_refused(ada.client.get("/v1/session").await);
    let event = only_event(&chief, "session.revoked").await;
    assert_eq!(event["public"]["details"]["reason"], "reauthenticated");
    let client = app.client(&app.tenant);
    let token = json!({ "refresh_token": ada.answer.text_at("/refresh_token") });
    let refreshed = client.post("/v1/auth/refresh", token).await;
    refreshed.expect_problem(401, "invalid_refresh_token");
    let client = client.with_token(answer.text_at("/access_token"));
    let read = client.get("/v1/session").await.expect(200);
    assert_eq!(read.text_at("/session/id"), answer.text_at("/session/id"));
    let told = moment(&read.json["session"]["authenticated_at"]);
    assert_eq!(told, at, "memory says the same");
}

async fn asvs_v7_5_3_a_sensitive_change_asks_for_a_proof_that_is_young_enough(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let long = json!({ "access_token_ttl_seconds": 3_600 });
    change_settings(&app, &app.tenant, &long).await;
    let chief = app.administrator(&app.tenant).await;
    let rename = json!({ "user_deletion_grace_days": 7 });
    app.database.clock.advance(Duration::from_secs(1_000));
    // Nobody asks unless the tenant wants it.
    let answer = chief
        .client
        .patch("/v1/admin/settings", rename.clone())
        .await;
    answer.expect(200);
    let ask = json!({ "reauthentication_max_age_seconds": 900 });
    let asked = chief.client.patch("/v1/admin/settings", ask).await;
    asked.expect(200);
    let user = json!({ "email": "eve@example.org", "password": PASSWORD });
    for (method, path, body) in [
        ("PATCH", "/v1/admin/settings", rename.clone()),
        ("POST", "/v1/admin/users", user),
        ("POST", "/v1/admin/clients", json!({ "name": "x" })),
    ] {
        let request = chief.client.request(method.parse().unwrap(), path);
        let answer = chief.client.send(request.json(&body)).await;
        answer.expect_problem(403, "reauthentication_required");
    }
    // What is not sensitive goes on.
    chief.client.get("/v1/admin/settings").await.expect(200);
    chief.client.get("/v1/admin/users").await.expect(200);
    let answer = chief.client.post(PATH, json!({ "password": PASSWORD }));
    let answer = answer.await.expect(200);
    let proven = chief.client.with_token(answer.text_at("/access_token"));
    let answer = proven.patch("/v1/admin/settings", rename).await;
    answer.expect(200);
}

async fn a_wrong_password_proves_nothing_and_ends_nothing(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let body = json!({ "password": "a wrong battery staple" });
    let answer = ada.client.post(PATH, body).await;
    let answer = answer.expect_problem(422, "invalid_body");
    assert_eq!(answer.text_at("/errors/0/pointer"), "/password");
    ada.client.get("/v1/session").await.expect(200);
    let nobody = app.client(&app.tenant);
    let answer = nobody.post(PATH, json!({ "password": PASSWORD })).await;
    answer.expect_problem(401, "unauthenticated");
}

async fn a_refresh_is_no_proof(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ask = json!({ "reauthentication_max_age_seconds": 900 });
    let asked = chief.client.patch("/v1/admin/settings", ask).await;
    asked.expect(200);
    let rename = json!({ "user_deletion_grace_days": 7 });
    let answer = chief
        .client
        .patch("/v1/admin/settings", rename.clone())
        .await;
    answer.expect(200);
    app.database.clock.advance(Duration::from_secs(901));
    let token = json!({ "refresh_token": chief.answer.text_at("/refresh_token") });
    let client = app.client(&app.tenant);
    let refreshed = client.post("/v1/auth/refresh", token).await.expect(200);
    assert_eq!(
        refreshed.json["session"]["authenticated_at"],
        chief.answer.json["session"]["authenticated_at"]
    );
    let refreshed = client.with_token(refreshed.text_at("/access_token"));
    let answer = refreshed.patch("/v1/admin/settings", rename).await;
    answer.expect_problem(403, "reauthentication_required");
}
