//! Whoever is no administrator of the tenant gets nowhere.

use super::path_of;
use crate::support::recorded_rows;
use keyward_testkit::{PASSWORD, TestApp, TestDatabase, on_both_engines};
use reqwest::Method;
use serde_json::{Value, json};

on_both_engines!(
    asvs_v8_2_1_members_and_strangers_are_refused_everything,
    asvs_v8_4_1_another_tenants_users_are_not_found,
);

/// Every way in, on one user.
fn ways(path: &str) -> Vec<(Method, String, Option<Value>)> {
    let post = |what: &str| (Method::POST, format!("{path}/{what}"), None);
    vec![
        (Method::GET, path.to_owned(), None),
        (
            Method::PATCH,
            path.to_owned(),
            Some(json!({ "role": "administrator" })),
        ),
        (Method::DELETE, path.to_owned(), None),
        post("disable"),
        post("enable"),
        post("restore"),
    ]
}

async fn asvs_v8_2_1_members_and_strangers_are_refused_everything(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let before = chief.client.get(&path_of(&ada)).await.expect(200);
    let newcomer = json!({ "email": "new@example.org", "password": PASSWORD });
    let mut ways = ways(&path_of(&ada));
    ways.push((Method::GET, "/v1/admin/users".into(), None));
    ways.push((Method::POST, "/v1/admin/users".into(), Some(newcomer)));
    for (method, path, body) in &ways {
        let send = async |client: keyward_testkit::TestClient| {
            let request = client.request(method.clone(), path);
            let request = match body {
                Some(body) => request.json(body),
                None => request,
            };
            client.send(request).await
        };
        let answer = send(ada.client.clone()).await;
        answer.expect_problem(403, "forbidden");
        let answer = send(ada.client.anonymous()).await;
        answer.expect_problem(401, "unauthenticated");
        let answer = send(ada.client.with_token("garbage")).await;
        answer.expect_problem(401, "invalid_token");
    }
    let after = chief.client.get(&path_of(&ada)).await.expect(200);
    assert_eq!(after.json, before.json);
}

async fn asvs_v8_4_1_another_tenants_users_are_not_found(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let other = app.new_tenant("other").await;
    let stranger = app.administrator(&other).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let before = recorded_rows(&app, app.tenant.id).await;
    for (method, path, body) in ways(&path_of(&ada)) {
        let request = stranger.client.request(method, &path);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = stranger.client.send(request).await;
        answer.expect_problem(404, "not_found");
    }
    assert_eq!(recorded_rows(&app, app.tenant.id).await, before);
    ada.client.get("/v1/session").await.expect(200);
}
