//! `GET /v1/admin/users/{user_id}/sessions`, `DELETE /v1/admin/users/{user_id}/sessions`, `DELETE /v1/admin/sessions/{id}`

use super::users::path_of;
use crate::support::{assert_token_refused, audit_events, only_event, sign_in_again};
use keyward_testkit::{TestApp, TestDatabase, on_both_engines};
use reqwest::Method;
use serde_json::json;

on_both_engines!(
    asvs_v7_4_5_an_administrator_sees_and_ends_anybodys_sessions,
    asvs_v7_4_5_all_sessions_of_a_user_are_ended,
    asvs_v7_4_5_the_live_sessions_of_a_tenant_are_listed,
    asvs_v7_4_3_asvs_v7_4_5_all_sessions_of_a_tenant_end_at_once_and_by_one_write,
    asvs_v8_2_2_nobody_else_may,
);

async fn asvs_v7_4_5_an_administrator_sees_and_ends_anybodys_sessions(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let second = sign_in_again(&app, &app.tenant, &ada).await;
    let list = format!("{}/sessions", path_of(&ada));
    let page = chief.client.get(&list).await.expect(200);
    let ids: Vec<_> = page
        .list_at("/items")
        .iter()
        .map(|item| item["id"].clone())
        .collect();
    assert_eq!(
        ids,
        [ada.session_id.to_string(), second.session_id.to_string()]
    );
    second.client.get("/v1/session").await.expect(200);
    let one = format!("/v1/admin/sessions/{}", second.session_id);
    chief.client.delete(&one).await.expect(204);
    assert_token_refused(second.client.get("/v1/session").await);
    ada.client.get("/v1/session").await.expect(200);
    chief
        .client
        .delete(&one)
        .await
        .expect_problem(404, "not_found");
    let event = only_event(&chief, "session.revoked").await;
    assert_eq!(
        event["public"]["details"]["reason"],
        "revoked_by_administrator"
    );
    assert_eq!(event["public"]["actor"]["id"], chief.id.to_string());
    assert_eq!(
        event["public"]["permit"],
        "session.revoke_any by administrator"
    );
}

async fn asvs_v7_4_5_all_sessions_of_a_user_are_ended(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let second = sign_in_again(&app, &app.tenant, &ada).await;
    let bob = app.member(&app.tenant, "bob@example.org").await;
    let path = format!("{}/sessions", path_of(&ada));
    let answer = chief.client.delete(&path).await.expect(200);
    assert_eq!(answer.json["revoked"], 2);
    for user in [&ada, &second] {
        assert_token_refused(user.client.get("/v1/session").await);
    }
    bob.client.get("/v1/session").await.expect(200);
    let again = chief.client.delete(&path).await.expect(200);
    assert_eq!(again.json["revoked"], 0);
    assert_eq!(audit_events(&chief, "type=session.revoked").await.len(), 2);
    // Ended, not locked out.
    sign_in_again(&app, &app.tenant, &ada).await;
}

async fn asvs_v8_2_2_nobody_else_may(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let other = app.new_tenant("other").await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let bob = app.member(&app.tenant, "bob@example.org").await;
    let stranger = app.administrator(&other).await;
    let list = format!("{}/sessions", path_of(&ada));
    let one = format!("/v1/admin/sessions/{}", ada.session_id);
    for (user, status, code) in [(&bob, 403, "forbidden"), (&stranger, 404, "not_found")] {
        user.client.get(&list).await.expect_problem(status, code);
        user.client.delete(&list).await.expect_problem(status, code);
        user.client.delete(&one).await.expect_problem(status, code);
    }
    ada.client.get("/v1/session").await.expect(200);
}

const ACTIVE: &str = "/v1/admin/sessions/active";

async fn asvs_v7_4_5_the_live_sessions_of_a_tenant_are_listed(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let gone = sign_in_again(&app, &app.tenant, &ada).await;
    let bob = app.member(&app.tenant, "bob@example.org").await;
    let other = app.new_tenant("other").await;
    app.member(&other, "eve@example.org").await;
    let request = gone.client.request(Method::POST, "/v1/auth/logout");
    gone.client.send(request).await.expect(204);
    let page = chief.client.get(ACTIVE).await.expect(200);
    let listed: Vec<_> = page
        .list_at("/items")
        .iter()
        .map(|item| (item["user_id"].clone(), item["session"]["id"].clone()))
        .collect();
    let expected = [&chief, &ada, &bob].map(|user| (json!(user.id), json!(user.session_id)));
    assert_eq!(listed, expected);
    assert_eq!(page.json["items"][0]["session"]["current"], true);
    let first = chief
        .client
        .get(&format!("{ACTIVE}?limit=1"))
        .await
        .expect(200);
    let cursor = first.text_at("/next_cursor");
    let path = format!("{ACTIVE}?limit=9&cursor={cursor}");
    let rest = chief.client.get(&path).await.expect(200);
    assert_eq!(rest.list_at("/items"), &page.list_at("/items")[1..]);
    ada.client
        .get(ACTIVE)
        .await
        .expect_problem(403, "forbidden");
}

async fn asvs_v7_4_3_asvs_v7_4_5_all_sessions_of_a_tenant_end_at_once_and_by_one_write(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let bob = app.member(&app.tenant, "bob@example.org").await;
    let other = app.new_tenant("other").await;
    let eve = app.member(&other, "eve@example.org").await;
    // Some are warm, Bob's is not.
    for user in [&chief, &ada, &eve] {
        user.client.get("/v1/session").await.expect(200);
    }
    let path = "/v1/admin/sessions/all";
    ada.client
        .delete(path)
        .await
        .expect_problem(403, "forbidden");
    chief.client.delete(path).await.expect(204);
    for user in [&chief, &ada, &bob] {
        assert_token_refused(user.client.get("/v1/session").await);
        assert_token_refused(user.client.get("/v1/profile").await);
        let body = json!({ "refresh_token": user.answer.text_at("/refresh_token") });
        let answer = app.client(&app.tenant).post("/v1/auth/refresh", body).await;
        answer.expect_problem(401, "invalid_refresh_token");
    }
    eve.client.get("/v1/session").await.expect(200);
    let chief = app.administrator(&app.tenant).await;
    let page = chief.client.get(ACTIVE).await.expect(200);
    assert_eq!(page.list_at("/items").len(), 1);
    let event = only_event(&chief, "session.all_revoked").await;
    assert_eq!(event["public"]["details"]["epoch"], 1);
    assert_eq!(event["public"]["target"]["id"], app.tenant.id.to_string());
    let ada = app.sign_in(&app.tenant, "ada@example.org").await;
    ada.client.get("/v1/session").await.expect(200);
}
