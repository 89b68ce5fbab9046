//! `POST /v1/admin/users` without a password, `POST /v1/admin/users/{user_id}/invitation`,
//! `POST /v1/auth/invitation/accept`

use super::create;
use crate::support::{accepts_password, audit_events, only_event};
use keyward_testkit::{Answer, PASSWORD, TestApp, TestDatabase, TestUser, on_both_engines};
use serde_json::{Value, json};
use std::time::Duration;

on_both_engines!(
    whoever_is_invited_sets_their_password_once,
    asvs_v6_4_1_a_new_invitation_and_time_void_the_former,
    an_invitation_dies_with_its_reason,
    only_who_has_no_password_is_invited,
    asvs_v15_4_2_of_many_who_accept_at_once_one_does,
    asvs_v8_4_1_an_invitation_is_good_in_its_tenant_alone,
);

const CHOSEN: &str = "a password of my own choice";
const EMAIL: &str = "ada@example.org";

async fn invite(chief: &TestUser) -> Answer {
    create(chief, json!({ "email": EMAIL, "name": "Ada" }))
        .await
        .expect(201)
}

fn path_of(answer: &Answer, what: &str) -> String {
    format!("/v1/admin/users/{}{what}", answer.text_at("/user/id"))
}

async fn accept(app: &TestApp, token: &str) -> Answer {
    let body = json!({ "token": token, "password": CHOSEN });
    let client = app.client(&app.tenant);
    client.post("/v1/auth/invitation/accept", body).await
}

async fn whoever_is_invited_sets_their_password_once(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let invited = invite(&chief).await;
    assert_eq!(invited.text_at("/user/status"), "invited");
    let token = invited.text_at("/invitation/token");
    // No page is served that a link could lead to, and a token in a query would stand in logs.
    assert_eq!(invited.json["invitation"].get("link"), None);
    let client = app.client(&app.tenant);
    for guess in ["", CHOSEN, PASSWORD] {
        assert!(!accepts_password(&client, EMAIL, guess).await);
    }
    let accepted = accept(&app, token).await.expect(200);
    assert_eq!(accepted.text_at("/user/status"), "active");
    assert_eq!(accepted.text_at("/user/name"), "Ada");
    assert!(
        accepted.json.get("access_token").is_none(),
        "it is no sign-in"
    );
    assert!(accepts_password(&client, EMAIL, CHOSEN).await);
    accept(&app, token)
        .await
        .expect_problem(400, "invalid_invitation");
    assert!(accepts_password(&client, EMAIL, CHOSEN).await);
    only_event(&chief, "user.invitation_accepted").await;
    only_event(&chief, "user.invitation_refused").await;
    let event = only_event(&chief, "user.invited").await;
    assert_eq!(
        event["public"]["details"]["expires_at"],
        invited.json["invitation"]["expires_at"]
    );
    let log = audit_events(&chief, "").await;
    assert!(
        !json!(log).to_string().contains(token),
        "nobody reads it in the log"
    );
    let shown = chief.client.get(&path_of(&invited, "")).await.expect(200);
    assert!(!shown.text.contains(token));
}

async fn asvs_v6_4_1_a_new_invitation_and_time_void_the_former(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let first = invite(&chief).await;
    let again = path_of(&first, "/invitation");
    let second = chief.client.post(&again, json!({})).await.expect(201);
    let token = first.text_at("/invitation/token");
    let mut unknown = String::from("kwi_");
    unknown.extend(std::iter::repeat_n('A', 43));
    let mut refused = Vec::new();
    for bad in [token, &unknown, "", "x", &"x".repeat(10_000)] {
        let mut answer = accept(&app, bad)
            .await
            .expect_problem(400, "invalid_invitation");
        answer.json["request_id"] = Value::Null;
        refused.push(answer.json);
    }
    assert!(
        refused.iter().all(|answer| *answer == refused[0]),
        "one same answer"
    );
    app.database
        .clock
        .advance(Duration::from_secs(7 * 24 * 3_600));
    let token = second.text_at("/invitation/token");
    accept(&app, token)
        .await
        .expect_problem(400, "invalid_invitation");
    let chief = app.administrator(&app.tenant).await;
    let third = chief.client.post(&again, json!({})).await.expect(201);
    app.database
        .clock
        .advance(Duration::from_secs(7 * 24 * 3_600 - 60));
    accept(&app, third.text_at("/invitation/token"))
        .await
        .expect(200);
}

async fn an_invitation_dies_with_its_reason(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let invited = invite(&chief).await;
    let token = invited.text_at("/invitation/token");
    for (what, undo) in [("disable", "enable"), ("", "restore")] {
        match what {
            "" => chief
                .client
                .delete(&path_of(&invited, ""))
                .await
                .expect(202),
            _ => chief
                .client
                .post(&path_of(&invited, "/disable"), json!({}))
                .await
                .expect(200),
        };
        accept(&app, token)
            .await
            .expect_problem(400, "invalid_invitation");
        let answer = chief
            .client
            .post(&path_of(&invited, &format!("/{undo}")), json!({}))
            .await;
        assert_eq!(answer.expect(200).text_at("/user/status"), "invited");
    }
    // Whoever got the link may have been the wrong one.
    let address = json!({ "email": "countess@example.org" });
    chief
        .client
        .patch(&path_of(&invited, ""), address)
        .await
        .expect(200);
    accept(&app, token)
        .await
        .expect_problem(400, "invalid_invitation");
    let again = chief
        .client
        .post(&path_of(&invited, "/invitation"), json!({}))
        .await;
    accept(&app, again.expect(201).text_at("/invitation/token"))
        .await
        .expect(200);
}

async fn only_who_has_no_password_is_invited(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.register(&app.tenant, EMAIL).await;
    let answer = chief
        .client
        .post(&path_of(&ada, "/invitation"), json!({}))
        .await;
    answer.expect_problem(409, "wrong_status");
    let unknown = "/v1/admin/users/01890a5d-ac96-774b-bcce-b302099a8056/invitation";
    let answer = chief.client.post(unknown, json!({})).await;
    answer.expect_problem(404, "not_found");
    let body = json!({ "token": "x", "password": "short", "name": "" });
    let client = app.client(&app.tenant);
    let answer = client.post("/v1/auth/invitation/accept", body).await;
    let answer = answer.expect_problem(422, "invalid_body");
    assert_eq!(answer.list_at("/errors").len(), 2);
}

async fn asvs_v15_4_2_of_many_who_accept_at_once_one_does(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let invited = invite(&chief).await;
    let attempts: Vec<_> = (0..6)
        .map(|number| {
            let client = app.client(&app.tenant);
            let password = format!("a password of number {number}");
            let body =
                json!({ "token": invited.text_at("/invitation/token"), "password": password });
            let accepting = async move { client.post("/v1/auth/invitation/accept", body).await };
            (password, tokio::spawn(accepting))
        })
        .collect();
    let mut accepted = Vec::new();
    for (password, attempt) in attempts {
        match attempt.await.unwrap() {
            answer if answer.status == 200 => accepted.push(password),
            answer => drop(answer.expect_problem(400, "invalid_invitation")),
        }
    }
    assert_eq!(accepted.len(), 1);
    assert!(accepts_password(&app.client(&app.tenant), EMAIL, &accepted[0]).await);
    only_event(&chief, "user.invitation_accepted").await;
}

async fn asvs_v8_4_1_an_invitation_is_good_in_its_tenant_alone(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let other = app.new_tenant("other").await;
    let chief = app.administrator(&app.tenant).await;
    let invited = invite(&chief).await;
    let body = json!({ "token": invited.text_at("/invitation/token"), "password": CHOSEN });
    let client = app.client(&other);
    let answer = client.post("/v1/auth/invitation/accept", body).await;
    answer.expect_problem(400, "invalid_invitation");
    let stranger = app.administrator(&other).await;
    let answer = stranger
        .client
        .post(&path_of(&invited, "/invitation"), json!({}))
        .await;
    answer.expect_problem(404, "not_found");
    accept(&app, invited.text_at("/invitation/token"))
        .await
        .expect(200);
}
