//! `GET /v1/profile`, `PATCH /v1/profile`

use crate::support::{audit_events, names, only_event};
use keyward_testkit::{TestApp, TestDatabase, on_both_engines};
use serde_json::{Value, json};
use std::collections::BTreeMap;

on_both_engines!(
    the_profile_is_ones_own,
    a_name_is_set_and_taken_away,
    what_is_not_named_stays,
    the_same_name_again_changes_and_records_nothing,
    asvs_v8_2_3_only_the_name_can_be_changed,
    asvs_v15_4_2_changes_at_once_are_each_recorded_and_none_is_lost,
);

async fn the_profile_is_ones_own(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let bob = app.member(&app.tenant, "bob@example.org").await;
    for user in [&ada, &bob] {
        let answer = user.client.get("/v1/profile").await.expect(200);
        assert_eq!(names(&answer.json), ["user"]);
        assert_eq!(answer.json["user"], user.answer.json["user"]);
    }
    let anonymous = app.client(&app.tenant);
    anonymous
        .get("/v1/profile")
        .await
        .expect_problem(401, "unauthenticated");
    let answer = anonymous
        .patch("/v1/profile", json!({ "name": "Ada" }))
        .await;
    answer.expect_problem(401, "unauthenticated");
}

async fn a_name_is_set_and_taken_away(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let set = ada
        .client
        .patch("/v1/profile", json!({ "name": "  Ada Lovelace " }))
        .await;
    let set = set.expect(200);
    assert_eq!(set.text_at("/user/name"), "Ada Lovelace");
    let read = ada.client.get("/v1/profile").await.expect(200);
    assert_eq!(read.json, set.json);
    let taken = ada
        .client
        .patch("/v1/profile", json!({ "name": null }))
        .await
        .expect(200);
    assert_eq!(taken.json["user"]["name"], Value::Null);
    let administrator = app.administrator(&app.tenant).await;
    let events = audit_events(&administrator, "type=user.profile_changed").await;
    let with_name = json!({ "email": "ada@example.org", "name": "Ada Lovelace" });
    let without = json!({ "email": "ada@example.org" });
    let changes = [(&with_name, &without, &taken), (&without, &with_name, &set)];
    assert_eq!(events.len(), 2);
    for (event, (before, after, answer)) in events.iter().zip(changes) {
        assert_eq!(event["personal"]["before"], *before);
        assert_eq!(event["personal"]["after"], *after);
        assert_eq!(event["public"]["request_id"], answer.header("x-request-id"));
        assert_eq!(
            event["public"]["target"],
            json!({ "type": "user", "id": ada.id })
        );
        assert_eq!(event["public"]["permit"], "user.change_profile by owner");
    }
    assert_eq!(events[0]["public"]["entity_version"], 3);
}

async fn what_is_not_named_stays(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let named = json!({ "name": "Ada" });
    ada.client.patch("/v1/profile", named).await.expect(200);
    let answer = ada.client.patch("/v1/profile", json!({})).await.expect(200);
    assert_eq!(answer.text_at("/user/name"), "Ada");
    let administrator = app.administrator(&app.tenant).await;
    only_event(&administrator, "user.profile_changed").await;
}

async fn the_same_name_again_changes_and_records_nothing(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    for name in ["Ada", "Ada", " Ada "] {
        let answer = ada
            .client
            .patch("/v1/profile", json!({ "name": name }))
            .await;
        assert_eq!(answer.expect(200).text_at("/user/name"), "Ada");
    }
    let administrator = app.administrator(&app.tenant).await;
    only_event(&administrator, "user.profile_changed").await;
}

async fn asvs_v8_2_3_only_the_name_can_be_changed(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    for (field, value) in [
        ("role", json!("administrator")),
        ("status", json!("disabled")),
        ("email", json!("eve@example.org")),
        ("id", json!("01890a5d-ac96-774b-bcce-b302099a8056")),
        ("last_sign_in_at", json!(null)),
        ("version", json!(7)),
    ] {
        let mut body = json!({ "name": "Ada" });
        body[field] = value;
        let answer = ada.client.patch("/v1/profile", body).await;
        let answer = answer.expect_problem(422, "invalid_body");
        assert_eq!(answer.text_at("/errors/0/code"), "unknown_field");
    }
    for name in [
        json!(""),
        json!(" "),
        json!("x".repeat(201)),
        json!("a\u{1b}[31m"),
    ] {
        let answer = ada
            .client
            .patch("/v1/profile", json!({ "name": name }))
            .await;
        let answer = answer.expect_problem(422, "invalid_body");
        assert_eq!(answer.text_at("/errors/0/pointer"), "/name");
    }
    let profile = ada.client.get("/v1/profile").await.expect(200);
    assert_eq!(profile.json["user"], ada.answer.json["user"]);
}

async fn asvs_v15_4_2_changes_at_once_are_each_recorded_and_none_is_lost(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let attempts: Vec<_> = (0..12)
        .map(|number| {
            let client = ada.client.clone();
            let body = json!({ "name": format!("Ada {number}") });
            tokio::spawn(async move { client.patch("/v1/profile", body).await })
        })
        .collect();
    let mut answered = BTreeMap::new();
    for attempt in attempts {
        let answer = attempt.await.unwrap();
        match answer.status {
            200 => {
                let name = answer.text_at("/user/name").to_owned();
                answered.insert(answer.header("x-request-id").to_owned(), name);
            }
            _ => drop(answer.expect_problem(409, "changed_meanwhile")),
        }
    }
    assert!(!answered.is_empty());
    let administrator = app.administrator(&app.tenant).await;
    let mut events = audit_events(&administrator, "type=user.profile_changed").await;
    events.sort_by_key(|event| event["public"]["entity_version"].as_i64());
    assert_eq!(
        events.len(),
        answered.len(),
        "an event for each change that was answered"
    );
    let mut before = Value::Null;
    for (event, version) in events.iter().zip(2..) {
        assert_eq!(event["public"]["entity_version"], version);
        assert_eq!(
            event["personal"]["before"]["name"], before,
            "nothing lies between"
        );
        before = event["personal"]["after"]["name"].clone();
        let request_id = event["public"]["request_id"].as_str().unwrap();
        assert_eq!(before, *answered[request_id]);
    }
    let profile = ada.client.get("/v1/profile").await.expect(200);
    assert_eq!(profile.json["user"]["name"], before);
}
