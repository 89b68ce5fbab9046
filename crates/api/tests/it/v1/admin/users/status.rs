//! `POST /v1/admin/users/{user_id}/disable`, `…/enable`, `…/restore`, `DELETE /v1/admin/users/{user_id}`

use super::{path_of, second_administrator};
use crate::support::{
    accepts_password, assert_token_refused, audit_events, moment, only_event, sign_in_again,
};
use keyward_testkit::{Answer, PASSWORD, TestApp, TestDatabase, TestUser, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    asvs_v7_4_2_disabling_ends_everything_at_once,
    what_is_done_already_is_not_done_again,
    asvs_v7_4_2_deleting_ends_everything_and_can_be_taken_back,
    whoever_is_to_be_deleted_is_neither_disabled_nor_changed,
    asvs_v6_3_8_a_sign_in_does_not_tell_who_may_not,
    the_last_administrator_stays,
    asvs_v15_4_2_administrators_who_remove_each_other_at_once_leave_one,
    asvs_v15_4_2_administrators_who_step_down_at_once_leave_one,
    a_sign_in_and_a_disabling_at_once_leave_no_session,
);

async fn act(chief: &TestUser, user: &TestUser, what: &str) -> Answer {
    let path = path_of(user);
    match what {
        "delete" => chief.client.delete(&path).await,
        "demote" => chief.client.patch(&path, json!({ "role": "member" })).await,
        _ => {
            chief
                .client
                .post(&format!("{path}/{what}"), json!({}))
                .await
        }
    }
}

async fn asvs_v7_4_2_disabling_ends_everything_at_once(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let bob = app.member(&app.tenant, "bob@example.org").await;
    // A refused sign-in each, and a fifth would be throttled.
    for round in 0..4 {
        let one = sign_in_again(&app, &app.tenant, &ada).await;
        let other = sign_in_again(&app, &app.tenant, &ada).await;
        // Warm: memory knows both.
        one.client.get("/v1/session").await.expect(200);
        other.client.get("/v1/session").await.expect(200);
        let answer = act(&chief, &ada, "disable").await.expect(200);
        assert_eq!(answer.text_at("/user/status"), "disabled", "{round}");
        assert_token_refused(one.client.get("/v1/session").await);
        assert_token_refused(other.client.patch("/v1/profile", json!({})).await);
        let client = app.client(&app.tenant);
        assert!(!accepts_password(&client, "ada@example.org", PASSWORD).await);
        let answer = act(&chief, &ada, "enable").await.expect(200);
        assert_eq!(answer.text_at("/user/status"), "active");
        // Ended is ended.
        assert_token_refused(one.client.get("/v1/session").await);
    }
    bob.client.get("/v1/session").await.expect(200);
    let events = audit_events(&chief, "type=session.revoked").await;
    // And the one of the registration.
    assert_eq!(events.len(), 9, "one for each session");
    let reasons = events
        .iter()
        .map(|event| &event["public"]["details"]["reason"]);
    assert!(reasons.into_iter().all(|reason| reason == "user_disabled"));
    let events = audit_events(&chief, "type=user.disabled").await;
    assert_eq!(events.len(), 4);
    assert_eq!(events[0]["public"]["before"]["status"], "active");
    assert_eq!(events[0]["public"]["after"]["status"], "disabled");
    assert_eq!(events[0]["public"]["actor"]["id"], chief.id.to_string());
}

async fn what_is_done_already_is_not_done_again(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    for (what, kind) in [
        ("disable", "user.disabled"),
        ("enable", "user.enabled"),
        ("delete", "user.deletion_scheduled"),
        ("restore", "user.restored"),
    ] {
        let first = act(&chief, &ada, what).await;
        let again = act(&chief, &ada, what).await;
        assert_eq!((first.status, &first.json), (again.status, &again.json));
        assert!((200..300).contains(&again.status), "{}", again.text);
        only_event(&chief, kind).await;
    }
}

async fn asvs_v7_4_2_deleting_ends_everything_and_can_be_taken_back(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    ada.client.get("/v1/session").await.expect(200);
    let answer = act(&chief, &ada, "delete").await.expect(202);
    assert_eq!(answer.text_at("/user/status"), "deleting");
    let left = moment(&answer.json["user"]["deletes_at"]).since(app.database.now());
    assert_eq!(left.as_secs().div_ceil(86_400), 30);
    assert_token_refused(ada.client.get("/v1/session").await);
    let client = app.client(&app.tenant);
    assert!(!accepts_password(&client, "ada@example.org", PASSWORD).await);
    // The address stays taken while there is something to restore.
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    let again = client.post("/v1/auth/register", body).await;
    again.expect_problem(409, "email_taken");
    let answer = act(&chief, &ada, "restore").await.expect(200);
    assert_eq!(answer.text_at("/user/status"), "active");
    assert_eq!(answer.json["user"]["deletes_at"], Value::Null);
    assert!(accepts_password(&client, "ada@example.org", PASSWORD).await);
    act(&chief, &ada, "disable").await.expect(200);
    act(&chief, &ada, "delete").await.expect(202);
    let answer = act(&chief, &ada, "restore").await.expect(200);
    assert_eq!(answer.text_at("/user/status"), "disabled", "as before");
}

async fn whoever_is_to_be_deleted_is_neither_disabled_nor_changed(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let before = act(&chief, &ada, "delete").await.expect(202);
    for what in ["disable", "enable"] {
        let answer = act(&chief, &ada, what).await;
        answer.expect_problem(409, "wrong_status");
    }
    let body = json!({ "role": "administrator" });
    let answer = chief.client.patch(&path_of(&ada), body).await;
    answer.expect_problem(409, "wrong_status");
    let after = chief.client.get(&path_of(&ada)).await.expect(200);
    assert_eq!(after.json, before.json);
}

async fn asvs_v6_3_8_a_sign_in_does_not_tell_who_may_not(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let client = app.client(&app.tenant);
    let try_as = async |email: &str| {
        let body = json!({ "email": email, "password": PASSWORD });
        let answer = client.post("/v1/auth/login", body).await;
        let mut answer = answer.expect_problem(401, "invalid_credentials");
        answer.json["request_id"] = Value::Null;
        (answer.json, answer.headers["www-authenticate"].clone())
    };
    let unknown = try_as("nobody@example.org").await;
    for (email, what, reason) in [
        ("ada@example.org", "disable", "disabled"),
        ("bob@example.org", "delete", "deleting"),
    ] {
        let user = app.member(&app.tenant, email).await;
        let answer = act(&chief, &user, what).await;
        assert!(answer.status < 300, "{}", answer.text);
        assert_eq!(try_as(email).await, unknown, "{what}");
        let events = audit_events(&chief, "type=user.sign_in_refused").await;
        assert_eq!(events[0]["public"]["details"]["reason"], reason);
    }
}

async fn the_last_administrator_stays(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    app.member(&app.tenant, "ada@example.org").await;
    for what in ["disable", "delete", "demote"] {
        let answer = act(&chief, &chief, what).await;
        answer.expect_problem(409, "last_administrator");
    }
    let second = second_administrator(&app, &chief).await;
    act(&chief, &second, "disable").await.expect(200);
    for what in ["disable", "delete", "demote"] {
        let answer = act(&chief, &chief, what).await;
        answer.expect_problem(409, "last_administrator");
    }
    act(&chief, &second, "enable").await.expect(200);
    act(&chief, &second, "delete").await.expect(202);
    let answer = act(&chief, &chief, "delete").await;
    answer.expect_problem(409, "last_administrator");
    act(&chief, &second, "restore").await.expect(200);
    // Now there is another.
    act(&chief, &chief, "disable").await.expect(200);
    assert_token_refused(chief.client.get("/v1/session").await);
}

/// Each of many pairs acts on the other at once; whoever comes second finds themself without the right.
async fn asvs_v15_4_2_administrators_who_remove_each_other_at_once_leave_one(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    for round in 0..6 {
        for what in ["disable", "delete", "demote"] {
            let tenant = app.new_tenant(&format!("round{round}")).await;
            let one = app.administrator(&tenant).await;
            let body =
                json!({ "email": "b@example.org", "password": PASSWORD, "role": "administrator" });
            super::create(&one, body).await.expect(201);
            let other = app.sign_in(&tenant, "b@example.org").await;
            let (first, second) = tokio::join!(act(&one, &other, what), act(&other, &one, what));
            let mut statuses = [first.status, second.status];
            statuses.sort();
            assert!(statuses[0] < 300, "{what}: {} {}", first.text, second.text);
            assert!([401, 403].contains(&statuses[1]), "{what}: {statuses:?}");
            let left = one.client.get("/v1/admin/users").await.status == 200;
            let right = other.client.get("/v1/admin/users").await.status == 200;
            assert!(left ^ right, "{what}: one is left");
        }
    }
}

async fn asvs_v15_4_2_administrators_who_step_down_at_once_leave_one(database: TestDatabase) {
    let app = TestApp::start(database).await;
    for round in 0..6 {
        for what in ["disable", "delete", "demote"] {
            let tenant = app.new_tenant(&format!("round{round}")).await;
            let mut chiefs = vec![app.administrator(&tenant).await];
            for number in 0..3 {
                let email = format!("{number}@example.org");
                let body = json!({ "email": email, "password": PASSWORD, "role": "administrator" });
                super::create(&chiefs[0], body).await.expect(201);
                chiefs.push(app.sign_in(&tenant, &email).await);
            }
            let attempts: Vec<_> = chiefs
                .iter()
                .map(|chief| {
                    let chief = chief.clone();
                    tokio::spawn(async move { act(&chief, &chief, what).await })
                })
                .collect();
            let mut refused = 0;
            for attempt in attempts {
                let answer = attempt.await.unwrap();
                if answer.status >= 300 {
                    answer.expect_problem(409, "last_administrator");
                    refused += 1;
                }
            }
            assert_eq!(refused, 1, "{what}");
        }
    }
}

async fn a_sign_in_and_a_disabling_at_once_leave_no_session(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    for _ in 0..8 {
        let client = app.client(&app.tenant);
        let body = json!({ "email": "ada@example.org", "password": PASSWORD });
        let (signed_in, disabled) = tokio::join!(
            client.post("/v1/auth/login", body),
            act(&chief, &ada, "disable")
        );
        disabled.expect(200);
        if signed_in.status == 200 {
            let client = client.with_token(signed_in.text_at("/access_token"));
            assert_token_refused(client.get("/v1/session").await);
        }
        act(&chief, &ada, "enable").await.expect(200);
    }
}
