//! `POST /v1/auth/logout`

use crate::support::{assert_token_refused, only_event, sign_in_again};
use keyward_testkit::{Answer, TestApp, TestDatabase, TestUser, on_both_engines};
use reqwest::Method;
use serde_json::json;

on_both_engines!(
    asvs_v7_4_1_after_the_answer_the_token_is_refused_everywhere,
    it_ends_this_session_and_no_other,
    it_is_recorded_with_its_reason,
    of_many_at_once_one_signs_out_and_the_rest_are_refused,
);

async fn sign_out(user: &TestUser) -> Answer {
    let request = user.client.request(Method::POST, "/v1/auth/logout");
    user.client.send(request).await
}

async fn asvs_v7_4_1_after_the_answer_the_token_is_refused_everywhere(database: TestDatabase) {
    let app = TestApp::start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    for _ in 0..10 {
        let ada = app.sign_in(&app.tenant, "ada@example.org").await;
        let answer = sign_out(&ada).await.expect(204);
        assert!(answer.text.is_empty());
        assert_token_refused(ada.client.get("/v1/session").await);
        assert_token_refused(ada.client.get("/v1/sessions").await);
        assert_token_refused(ada.client.get("/v1/profile").await);
        assert_token_refused(
            ada.client
                .patch("/v1/profile", json!({ "name": "A" }))
                .await,
        );
        assert_token_refused(ada.client.delete("/v1/sessions/all").await);
        assert_token_refused(ada.client.get("/v1/admin/audit/events").await);
        assert_token_refused(sign_out(&ada).await);
        assert_token_refused(ada.client.under("").get("/v1/session").await);
    }
}

async fn it_ends_this_session_and_no_other(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let again = sign_in_again(&app, &app.tenant, &ada).await;
    sign_out(&ada).await.expect(204);
    let left = again.client.get("/v1/sessions").await.expect(200);
    assert_eq!(left.list_at("/items").len(), 1);
    assert_eq!(left.text_at("/items/0/id"), again.session_id.to_string());
}

async fn it_is_recorded_with_its_reason(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let answer = sign_out(&ada).await.expect(204);
    let administrator = app.administrator(&app.tenant).await;
    let event = only_event(&administrator, "session.revoked").await;
    let public = &event["public"];
    assert_eq!(public["details"]["reason"], "signed_out");
    assert_eq!(public["details"]["user_id"], ada.id.to_string());
    let target = json!({ "type": "session", "id": ada.session_id });
    assert_eq!(public["target"], target);
    let actor = json!({ "type": "user", "id": ada.id, "session_id": ada.session_id });
    assert_eq!(public["actor"], actor);
    assert_eq!(public["permit"], "session.sign_out by owner");
    assert_eq!(public["outcome"], "success");
    assert_eq!(public["request_id"], answer.header("x-request-id"));
}

async fn of_many_at_once_one_signs_out_and_the_rest_are_refused(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let attempts: Vec<_> = (0..6)
        .map(|_| {
            let ada = ada.clone();
            tokio::spawn(async move { sign_out(&ada).await.status })
        })
        .collect();
    let mut statuses = Vec::new();
    for attempt in attempts {
        statuses.push(attempt.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses[0], 204);
    // A request that was let in before the session ended finds none to end.
    assert!(
        statuses[1..]
            .iter()
            .all(|status| [401, 404].contains(status)),
        "{statuses:?}"
    );
    let administrator = app.administrator(&app.tenant).await;
    only_event(&administrator, "session.revoked").await;
}
