//! `DELETE /v1/sessions/{id}`, `/v1/sessions/others`, `/v1/sessions/all`

use crate::support::{assert_token_refused, audit_events, only_event, sign_in_again};
use keyward_testkit::{TestApp, TestDatabase, TestUser, on_both_engines};
use serde_json::json;
use std::collections::BTreeSet;

on_both_engines!(
    asvs_v7_4_1_a_session_is_dead_when_its_end_is_answered,
    one_session_is_ended_once,
    the_others_are_ended_and_this_one_stays,
    all_are_ended_and_this_one_too,
    asvs_v8_2_2_somebody_elses_session_is_not_found_and_the_attempt_recorded,
    asvs_v8_4_1_another_tenants_session_is_not_found,
    what_is_no_id_is_not_found,
    two_sessions_that_end_each_other_leave_one_or_none,
);

async fn sessions_of_ada(app: &TestApp, count: usize) -> Vec<TestUser> {
    let mut sessions = vec![app.member(&app.tenant, "ada@example.org").await];
    while sessions.len() < count {
        sessions.push(sign_in_again(app, &app.tenant, &sessions[0]).await);
    }
    sessions
}

fn path_of(user: &TestUser) -> String {
    format!("/v1/sessions/{}", user.session_id)
}

async fn asvs_v7_4_1_a_session_is_dead_when_its_end_is_answered(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    for _ in 0..20 {
        let other = sign_in_again(&app, &app.tenant, &ada).await;
        other.client.get("/v1/session").await.expect(200);
        ada.client.delete(&path_of(&other)).await.expect(204);
        assert_token_refused(other.client.get("/v1/session").await);
    }
}

async fn one_session_is_ended_once(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let sessions = sessions_of_ada(&app, 3).await;
    let answer = sessions[0]
        .client
        .delete(&path_of(&sessions[1]))
        .await
        .expect(204);
    assert!(answer.text.is_empty());
    let again = sessions[0].client.delete(&path_of(&sessions[1])).await;
    again.expect_problem(404, "not_found");
    sessions[2].client.get("/v1/session").await.expect(200);
    // One's own present session is one of them.
    sessions[0]
        .client
        .delete(&path_of(&sessions[0]))
        .await
        .expect(204);
    assert_token_refused(sessions[0].client.get("/v1/session").await);
    let administrator = app.administrator(&app.tenant).await;
    let events = audit_events(&administrator, "type=session.revoked").await;
    let targets: Vec<_> = events
        .iter()
        .map(|event| event["public"]["target"]["id"].clone())
        .collect();
    assert_eq!(
        targets,
        [json!(sessions[0].session_id), json!(sessions[1].session_id)]
    );
    assert_eq!(events[1]["public"]["details"]["reason"], "revoked_by_user");
    assert_eq!(events[1]["public"]["permit"], "session.revoke by owner");
    assert_eq!(
        events[1]["public"]["request_id"],
        answer.header("x-request-id")
    );
}

async fn the_others_are_ended_and_this_one_stays(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let sessions = sessions_of_ada(&app, 4).await;
    let bob = app.member(&app.tenant, "bob@example.org").await;
    let answer = sessions[2]
        .client
        .delete("/v1/sessions/others")
        .await
        .expect(200);
    assert_eq!(answer.json, json!({ "revoked": 3 }));
    for session in [&sessions[0], &sessions[1], &sessions[3]] {
        assert_token_refused(session.client.get("/v1/session").await);
    }
    sessions[2].client.get("/v1/session").await.expect(200);
    bob.client.get("/v1/session").await.expect(200);
    let again = sessions[2]
        .client
        .delete("/v1/sessions/others")
        .await
        .expect(200);
    assert_eq!(again.json, json!({ "revoked": 0 }));
    let administrator = app.administrator(&app.tenant).await;
    let events = audit_events(&administrator, "type=session.revoked").await;
    let targets: BTreeSet<_> = events
        .iter()
        .map(|event| event["public"]["target"]["id"].to_string())
        .collect();
    assert_eq!((events.len(), targets.len()), (3, 3), "an event for each");
    let of_request = events
        .iter()
        .all(|event| event["public"]["request_id"] == answer.header("x-request-id"));
    assert!(of_request);
}

async fn all_are_ended_and_this_one_too(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let sessions = sessions_of_ada(&app, 3).await;
    let bob = app.member(&app.tenant, "bob@example.org").await;
    let answer = sessions[0]
        .client
        .delete("/v1/sessions/all")
        .await
        .expect(200);
    assert_eq!(answer.json, json!({ "revoked": 3 }));
    for session in &sessions {
        assert_token_refused(session.client.get("/v1/session").await);
    }
    bob.client.get("/v1/session").await.expect(200);
    sign_in_again(&app, &app.tenant, &sessions[0]).await;
}

async fn asvs_v8_2_2_somebody_elses_session_is_not_found_and_the_attempt_recorded(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let bob = app.member(&app.tenant, "bob@example.org").await;
    let unknown = "/v1/sessions/01890a5d-ac96-774b-bcce-b302099a8056";
    let unknown = bob
        .client
        .delete(unknown)
        .await
        .expect_problem(404, "not_found");
    let answer = bob.client.delete(&path_of(&ada)).await;
    let answer = answer.expect_problem(404, "not_found");
    assert_eq!(
        answer.json["detail"], unknown.json["detail"],
        "as if it did not exist"
    );
    ada.client.get("/v1/session").await.expect(200);
    let administrator = app.administrator(&app.tenant).await;
    // Being an administrator is no way to it either.
    let theirs = administrator.client.delete(&path_of(&ada)).await;
    theirs.expect_problem(404, "not_found");
    let denials = audit_events(&administrator, "type=access.denied").await;
    assert_eq!(denials.len(), 2);
    let public = &denials[1]["public"];
    assert_eq!(public["outcome"], "denied");
    assert_eq!(public["actor"]["id"], bob.id.to_string());
    assert_eq!(public["details"]["action"], "session.revoke");
    assert_eq!(
        public["target"],
        json!({ "type": "session", "id": ada.session_id })
    );
    assert_eq!(public["permit"], json!(null));
    assert_eq!(public["request_id"], answer.header("x-request-id"));
}

async fn asvs_v8_4_1_another_tenants_session_is_not_found(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let other = app.new_tenant("other").await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let eve = app.member(&other, "eve@example.org").await;
    let chief = app.administrator(&other).await;
    for stranger in [&eve, &chief] {
        let answer = stranger.client.delete(&path_of(&ada)).await;
        answer.expect_problem(404, "not_found");
    }
    eve.client.delete("/v1/sessions/all").await.expect(200);
    ada.client.get("/v1/session").await.expect(200);
}

async fn what_is_no_id_is_not_found(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    for id in [
        "1",
        "other",
        "ALL",
        "all%20",
        "%00",
        "..%2fall",
        "%ff",
        "'",
        "00000000-0000-0000-0000-000000000000",
    ] {
        let answer = ada.client.delete(&format!("/v1/sessions/{id}")).await;
        answer.expect_problem(404, "not_found");
    }
    for path in [
        "/v1/sessions/",
        "/v1/sessions/all/",
        "/v1/sessions/others/x",
    ] {
        ada.client
            .delete(path)
            .await
            .expect_problem(404, "not_found");
    }
    ada.client.get("/v1/session").await.expect(200);
}

async fn two_sessions_that_end_each_other_leave_one_or_none(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let sessions = sessions_of_ada(&app, 6).await;
    let attempts: Vec<_> = sessions
        .iter()
        .map(|user| {
            let client = user.client.clone();
            tokio::spawn(async move { client.delete("/v1/sessions/others").await.status })
        })
        .collect();
    for attempt in attempts {
        let status = attempt.await.unwrap();
        assert!([200, 401].contains(&status), "{status}");
    }
    let mut alive = 0;
    for user in &sessions {
        alive += usize::from(user.client.get("/v1/session").await.status == 200);
    }
    assert!(alive <= 1, "{alive} are left");
    let administrator = app.administrator(&app.tenant).await;
    let events = audit_events(&administrator, "type=session.revoked").await;
    assert_eq!(events.len(), 6 - alive);
    assert_eq!(
        audit_events(&administrator, "outcome=denied").await.len(),
        0
    );
    only_event(&administrator, "user.registered").await;
}
