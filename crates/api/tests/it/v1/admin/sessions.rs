//! `GET /v1/admin/users/{user_id}/sessions`, `DELETE /v1/admin/users/{user_id}/sessions`, `DELETE /v1/admin/sessions/{id}`

use super::users::path_of;
use crate::support::{assert_token_refused, audit_events, only_event, sign_in_again};
use keyward_testkit::{TestApp, TestDatabase, on_both_engines};

on_both_engines!(
    asvs_v7_4_5_an_administrator_sees_and_ends_anybodys_sessions,
    asvs_v7_4_5_all_sessions_of_a_user_are_ended,
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
