//! `/v1/admin/clients`

use crate::support::clients::{CLIENTS, INTROSPECT, basic_client};
use crate::support::{audit_events, only_event};
use keyward_testkit::{TestApp, TestDatabase, TestUser, on_both_engines};
use reqwest::Method;
use serde_json::{Value, json};

on_both_engines!(
    a_client_is_made_shown_changed_and_taken_away,
    asvs_v11_5_1_a_secret_is_shown_once_and_stored_as_its_digest,
    asvs_v14_2_6_an_answer_that_showed_a_secret_is_not_repeated,
    a_change_is_for_the_version_that_it_names,
    asvs_v15_4_2_a_tenant_has_a_hundred_clients_at_most,
);

fn service() -> Value {
    json!({ "name": "A service", "rights": ["revoke", "introspect"] })
}

async fn a_client_is_made_shown_changed_and_taken_away(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let made = chief.client.post(CLIENTS, service()).await.expect(201);
    let client = made.json["client"].clone();
    assert_eq!(client["rights"], json!(["introspect", "revoke"]));
    assert_eq!(client["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(
        (&client["status"], &client["jwks"]),
        (&json!("active"), &Value::Null)
    );
    let path = format!("{CLIENTS}/{}", made.text_at("/client/id"));
    let shown = chief.client.get(&path).await.expect(200);
    assert_eq!(shown.json, json!({ "client": client }));
    let listed = chief.client.get(CLIENTS).await.expect(200);
    assert_eq!(listed.list_at("/items"), [client]);
    let change = json!({ "name": "Another", "rights": [] });
    let changed = chief.client.patch(&path, change.clone()).await.expect(200);
    assert_eq!(changed.text_at("/client/name"), "Another");
    // It is so already.
    let again = chief.client.patch(&path, change).await.expect(200);
    assert_eq!(again.json["client"]["version"], 2);
    for act in ["disable", "enable", "enable"] {
        let path = format!("{path}/{act}");
        chief.client.post(&path, json!({})).await.expect(200);
    }
    chief.client.delete(&path).await.expect(204);
    chief
        .client
        .get(&path)
        .await
        .expect_problem(404, "not_found");
    for kind in ["created", "changed", "disabled", "enabled", "deleted"] {
        only_event(&chief, &format!("oauth_client.{kind}")).await;
    }
    let changed = only_event(&chief, "oauth_client.changed").await;
    let public = &changed["public"];
    assert_eq!(public["before"]["rights"], json!(["introspect", "revoke"]));
    assert_eq!(public["after"]["rights"], json!([]));
}

async fn asvs_v11_5_1_a_secret_is_shown_once_and_stored_as_its_digest(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let client = basic_client(&app, &app.tenant, &chief, &["introspect"]).await;
    assert!(client.secret.starts_with("kwc_") && client.secret.len() == 47);
    let path = format!("{CLIENTS}/{}", client.id);
    for answer in [
        chief.client.get(&path).await,
        chief.client.get(CLIENTS).await,
    ] {
        assert!(!answer.expect(200).text.contains("kwc_"));
    }
    let rotate = format!("{path}/rotate-secret");
    let rotated = chief.client.post(&rotate, json!({})).await.expect(200);
    assert_ne!(rotated.text_at("/client_secret"), client.secret);
    let rows = app.database.rows_of_tenant(app.tenant.id).await;
    let text = format!("{rows:?}");
    for secret in [client.secret.as_str(), rotated.text_at("/client_secret")] {
        assert!(!text.contains(secret));
    }
    let events = audit_events(&chief, "").await;
    assert!(!serde_json::to_string(&events).unwrap().contains("kwc_"));
    let rotated = only_event(&chief, "oauth_client.secret_rotated").await;
    assert!(rotated["public"]["details"]["previous_secret_until"].is_string());
}

async fn send_once(chief: &TestUser, path: &str, body: &Value) -> keyward_testkit::Answer {
    let request = chief.client.request(Method::POST, path).json(body);
    chief
        .client
        .send(request.header("idempotency-key", "k"))
        .await
}

async fn asvs_v14_2_6_an_answer_that_showed_a_secret_is_not_repeated(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let made = send_once(&chief, CLIENTS, &service()).await.expect(201);
    let id = made.text_at("/client/id");
    let rotate = format!("{CLIENTS}/{id}/rotate-secret");
    send_once(&chief, &rotate, &json!({})).await.expect(200);
    for (path, body) in [(CLIENTS, service()), (rotate.as_str(), json!({}))] {
        let again = send_once(&chief, path, &body).await;
        let again = again.expect_problem(409, "answer_not_repeated");
        assert_eq!(again.text_at("/id"), id);
    }
    let listed = chief.client.get(CLIENTS).await.expect(200);
    assert_eq!(listed.list_at("/items").len(), 1);
    only_event(&chief, "oauth_client.secret_rotated").await;
}

async fn a_change_is_for_the_version_that_it_names(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let client = basic_client(&app, &app.tenant, &chief, &[]).await;
    let path = format!("{CLIENTS}/{}", client.id);
    let shown = chief.client.get(&path).await.expect(200);
    let tag = shown.header("etag").to_owned();
    let change = async |name: &str| {
        let request = chief.client.request(Method::PATCH, &path);
        let request = request
            .header("if-match", &tag)
            .json(&json!({ "name": name }));
        chief.client.send(request).await
    };
    change("First").await.expect(200);
    change("Second")
        .await
        .expect_problem(412, "precondition_failed");
    client.ask(INTROSPECT, &[("token", "x")]).await.expect(200);
}

async fn asvs_v15_4_2_a_tenant_has_a_hundred_clients_at_most(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    for _ in 0..98 {
        chief.client.post(CLIENTS, service()).await.expect(201);
    }
    let many = (0..6).map(|_| chief.client.post(CLIENTS, service()));
    let answers = futures_util::future::join_all(many).await;
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(made, 2);
    for refused in answers.into_iter().filter(|answer| answer.status != 201) {
        refused.expect_problem(409, "too_many_clients");
    }
}
