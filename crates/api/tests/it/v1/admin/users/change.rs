//! `GET /v1/admin/users/{user_id}`, `PATCH /v1/admin/users/{user_id}`

use super::{path_of, second_administrator};
use crate::support::{assert_token_refused, audit_events, only_event};
use keyward_testkit::{Answer, TestApp, TestClient, TestDatabase, on_both_engines};
use reqwest::Method;
use serde_json::{Value, json};

on_both_engines!(
    what_is_not_named_stays_and_null_clears,
    a_change_may_name_the_version_that_it_is_meant_for,
    asvs_v8_3_2_a_new_role_counts_from_the_next_request_on,
    a_changed_address_is_the_one_to_sign_in_with,
    an_address_that_is_taken_is_refused,
    what_cannot_be_is_refused,
    asvs_v15_4_2_of_changes_to_one_version_one_wins,
);

async fn patch_if(client: &TestClient, path: &str, tag: &str, body: Value) -> Answer {
    let request = client.request(Method::PATCH, path).header("if-match", tag);
    client.send(request.json(&body)).await
}

async fn what_is_not_named_stays_and_null_clears(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let path = path_of(&ada);
    let named = chief.client.patch(&path, json!({ "name": "Ada" })).await;
    let named = named.expect(200);
    assert_eq!(named.text_at("/user/name"), "Ada");
    assert_eq!(named.text_at("/user/email"), "ada@example.org");
    assert_eq!(named.text_at("/user/role"), "member");
    let same = chief.client.patch(&path, json!({})).await.expect(200);
    assert_eq!(same.json, named.json);
    let again = chief.client.patch(&path, json!({ "name": "Ada" })).await;
    assert_eq!(again.expect(200).json, named.json);
    let cleared = chief.client.patch(&path, json!({ "name": null })).await;
    assert_eq!(cleared.expect(200).json["user"]["name"], Value::Null);
    let events = audit_events(&chief, "type=user.changed").await;
    assert_eq!(events.len(), 2, "what changes nothing is not recorded");
    assert_eq!(events[1]["personal"]["after"]["name"], "Ada");
    assert_eq!(
        events[1]["public"]["permit"],
        "user.change by administrator"
    );
    ada.client.get("/v1/session").await.expect(200);
}

async fn a_change_may_name_the_version_that_it_is_meant_for(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let path = path_of(&ada);
    let tag = chief.client.get(&path).await.expect(200);
    let tag = tag.header("etag").to_owned();
    assert_eq!(tag, "\"1\"");
    let changed = patch_if(&chief.client, &path, &tag, json!({ "name": "A" })).await;
    assert_eq!(changed.expect(200).header("etag"), "\"2\"");
    for stale in [tag.as_str(), "\"3\"", "W/\"2\"", "2", "\"1\", \"3\"", ""] {
        let answer = patch_if(&chief.client, &path, stale, json!({ "name": "B" })).await;
        answer.expect_problem(412, "precondition_failed");
    }
    for (good, name) in [("\"1\", \"2\"", "C"), ("*", "D"), ("\"4\"", "E")] {
        let answer = patch_if(&chief.client, &path, good, json!({ "name": name })).await;
        assert_eq!(answer.expect(200).text_at("/user/name"), name);
    }
}

async fn asvs_v8_3_2_a_new_role_counts_from_the_next_request_on(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let answer = ada.client.get("/v1/admin/users").await;
    answer.expect_problem(403, "forbidden");
    let promotion = json!({ "role": "administrator" });
    let answer = chief.client.patch(&path_of(&ada), promotion).await;
    assert_eq!(answer.expect(200).text_at("/user/role"), "administrator");
    // More than they signed in for: it begins with a new session (ASVS V7.2.4).
    assert_token_refused(ada.client.get("/v1/session").await);
    let ada = app.sign_in(&app.tenant, "ada@example.org").await;
    ada.client.get("/v1/admin/users").await.expect(200);
    let demotion = json!({ "role": "member" });
    chief
        .client
        .patch(&path_of(&ada), demotion)
        .await
        .expect(200);
    // Less than they signed in for: their sessions are over.
    assert_token_refused(ada.client.get("/v1/session").await);
    let events = audit_events(&chief, "type=session.revoked").await;
    assert_eq!(events.len(), 2);
    for event in events {
        assert_eq!(event["public"]["details"]["reason"], "role_changed");
    }
    let again = app.sign_in(&app.tenant, "ada@example.org").await;
    let answer = again.client.get("/v1/admin/users").await;
    answer.expect_problem(403, "forbidden");
    second_administrator(&app, &chief).await;
    let own = json!({ "role": "member" });
    chief.client.patch(&path_of(&chief), own).await.expect(200);
    assert_token_refused(chief.client.get("/v1/session").await);
}

async fn a_changed_address_is_the_one_to_sign_in_with(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    ada.client.get("/v1/session").await.expect(200);
    let body = json!({ "email": "Countess@Example.org" });
    chief.client.patch(&path_of(&ada), body).await.expect(200);
    // What memory knew is gone: the very next answer has the new address.
    let session = ada.client.get("/v1/session").await.expect(200);
    assert_eq!(session.text_at("/user/email"), "Countess@Example.org");
    app.sign_in(&app.tenant, "countess@example.org").await;
    app.register(&app.tenant, "ada@example.org").await;
}

async fn an_address_that_is_taken_is_refused(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    app.register(&app.tenant, "bob@example.org").await;
    let body = json!({ "email": "BOB@example.org", "name": "Ada" });
    let answer = chief.client.patch(&path_of(&ada), body).await;
    answer.expect_problem(409, "email_taken");
    let user = chief.client.get(&path_of(&ada)).await.expect(200);
    assert_eq!(
        user.json["user"]["name"],
        Value::Null,
        "nothing of it stands"
    );
    // Only the case: it is the same account's.
    let body = json!({ "email": "ADA@example.org" });
    let answer = chief.client.patch(&path_of(&ada), body).await.expect(200);
    assert_eq!(answer.text_at("/user/email"), "ADA@example.org");
    assert!(audit_events(&chief, "type=user.changed").await.len() == 1);
}

async fn what_cannot_be_is_refused(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    for (field, value) in [
        ("email", json!(null)),
        ("email", json!("ada")),
        ("role", json!(null)),
        ("role", json!("operator")),
        ("name", json!("")),
        ("name", json!(7)),
        ("status", json!("disabled")),
        ("password", json!("correct horse battery staple")),
        ("version", json!(1)),
        ("id", json!("01890a5d-ac96-774b-bcce-b302099a8056")),
    ] {
        let mut body = json!({});
        body[field] = value;
        let answer = chief.client.patch(&path_of(&ada), body).await;
        let answer = answer.expect_problem(422, "invalid_body");
        assert_eq!(answer.text_at("/errors/0/pointer"), format!("/{field}"));
    }
    for id in ["01890a5d-ac96-774b-bcce-b302099a8056", "x", "%00"] {
        let path = format!("/v1/admin/users/{id}");
        let answer = chief.client.patch(&path, json!({})).await;
        answer.expect_problem(404, "not_found");
        chief
            .client
            .get(&path)
            .await
            .expect_problem(404, "not_found");
    }
}

async fn asvs_v15_4_2_of_changes_to_one_version_one_wins(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let attempts: Vec<_> = (0..10)
        .map(|number| {
            let (client, path) = (chief.client.clone(), path_of(&ada));
            let body = json!({ "name": format!("Ada {number}") });
            tokio::spawn(async move { patch_if(&client, &path, "\"1\"", body).await })
        })
        .collect();
    let mut won = 0;
    for attempt in attempts {
        match attempt.await.unwrap() {
            answer if answer.status == 200 => won += 1,
            answer => drop(answer.expect_problem(412, "precondition_failed")),
        }
    }
    assert_eq!(won, 1);
    only_event(&chief, "user.changed").await;
}
