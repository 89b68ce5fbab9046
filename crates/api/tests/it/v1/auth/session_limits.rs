//! How many sessions a user has, and what becomes of one too many.

use crate::support::{assert_token_refused, audit_events, change_settings, try_password};
use keyward_testkit::{Answer, PASSWORD, TestApp, TestDatabase, on_both_engines};
use serde_json::json;

on_both_engines!(
    asvs_v7_1_2_thirty_sign_ins_at_once_leave_exactly_the_maximum,
    the_device_with_the_lowest_priority_is_evicted_and_of_those_the_oldest,
    asvs_v7_1_2_where_the_tenant_wants_it_one_too_many_is_refused,
    a_lower_maximum_holds_from_the_next_sign_in_on,
    a_sign_in_says_what_other_sessions_there_are,
    one_users_sessions_are_no_other_users_and_no_other_tenants,
);

async fn live(app: &TestApp, answer: &Answer) -> Vec<String> {
    let client = app
        .client(&app.tenant)
        .with_token(answer.text_at("/access_token"));
    let listed = client.get("/v1/sessions?limit=200").await.expect(200);
    let items = listed.list_at("/items").iter();
    items
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect()
}

async fn sign_in_on(app: &TestApp, name: &str, priority: u8) -> Answer {
    let device = json!({ "name": name, "priority": priority });
    let body = json!({ "email": "ada@example.org", "password": PASSWORD, "device": device });
    let answer = app.client(&app.tenant).post("/v1/auth/login", body).await;
    answer.expect(200)
}

async fn asvs_v7_1_2_thirty_sign_ins_at_once_leave_exactly_the_maximum(database: TestDatabase) {
    let app = TestApp::start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    // Those that are under way are counted as attempts until they turn out right.
    let many = json!({ "account_attempts_max": 100, "account_network_attempts_max": 100 });
    change_settings(&app, &app.tenant, &many).await;
    let client = app.client(&app.tenant);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..30 {
        let client = client.clone();
        tasks.spawn(async move { try_password(&client, "ada@example.org", PASSWORD).await });
    }
    let mut good = 0;
    let mut last = None;
    for answer in tasks.join_all().await {
        let answer = answer.expect(200);
        let client = client.with_token(answer.text_at("/access_token"));
        if client.get("/v1/session").await.status == 200 {
            good += 1;
            last = Some(answer);
        }
    }
    assert_eq!(good, 10, "each of the others was evicted");
    assert_eq!(live(&app, &last.unwrap()).await.len(), 10);
    let chief = app.administrator(&app.tenant).await;
    let evicted = audit_events(&chief, "type=session.revoked").await;
    assert_eq!(evicted.len(), 20);
    for event in evicted {
        assert_eq!(event["public"]["details"]["reason"], "evicted");
    }
}

async fn the_device_with_the_lowest_priority_is_evicted_and_of_those_the_oldest(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    change_settings(&app, &app.tenant, &json!({ "sessions_per_user_max": 3 })).await;
    let mut answers = Vec::new();
    for (name, priority) in [("phone", 9), ("old laptop", 1), ("tablet", 1)] {
        answers.push(sign_in_on(&app, name, priority).await);
    }
    let id = |answer: &Answer| answer.text_at("/session/id").to_owned();
    let next = sign_in_on(&app, "television", 0).await;
    let expected = [id(&answers[0]), id(&answers[2]), id(&next)];
    assert_eq!(live(&app, &next).await, expected, "not the one that comes");
    let evicted = app
        .client(&app.tenant)
        .with_token(answers[1].text_at("/access_token"));
    assert_token_refused(evicted.get("/v1/session").await);
    let token = json!({ "refresh_token": answers[1].text_at("/refresh_token") });
    let refreshed = evicted.anonymous().post("/v1/auth/refresh", token).await;
    refreshed.expect_problem(401, "invalid_refresh_token");
    let last = sign_in_on(&app, "watch", 0).await;
    let expected = [id(&answers[0]), id(&answers[2]), id(&last)];
    assert_eq!(live(&app, &last).await, expected);
}

async fn asvs_v7_1_2_where_the_tenant_wants_it_one_too_many_is_refused(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let settings = json!({ "sessions_per_user_max": 1, "session_limit": "refuse" });
    let ada = app.member(&app.tenant, "ada@example.org").await;
    change_settings(&app, &app.tenant, &settings).await;
    let client = app.client(&app.tenant);
    // More often than attempts may be wrong: what is right is none of them.
    for _ in 0..7 {
        let refused = try_password(&client, "ada@example.org", PASSWORD).await;
        refused.expect_problem(403, "too_many_sessions");
    }
    let wrong = try_password(&client, "ada@example.org", "a wrong battery staple").await;
    wrong.expect_problem(401, "invalid_credentials");
    ada.client.get("/v1/session").await.expect(200);
    // To prove anew who one is takes the place of the session at hand.
    let body = json!({ "password": PASSWORD });
    let anew = ada.client.post("/v1/auth/reauthenticate", body).await;
    let anew = anew.expect(200);
    let anew = client.with_token(anew.text_at("/access_token"));
    anew.post("/v1/auth/logout", json!({})).await.expect(204);
    let again = try_password(&client, "ada@example.org", PASSWORD).await;
    again.expect(200);
}

async fn a_lower_maximum_holds_from_the_next_sign_in_on(database: TestDatabase) {
    let app = TestApp::start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    for _ in 0..6 {
        sign_in_on(&app, "x", 0).await;
    }
    change_settings(&app, &app.tenant, &json!({ "sessions_per_user_max": 2 })).await;
    let last = sign_in_on(&app, "x", 0).await;
    assert_eq!(live(&app, &last).await.len(), 2);
}

async fn a_sign_in_says_what_other_sessions_there_are(database: TestDatabase) {
    let app = TestApp::start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    for others in 0..3 {
        let answer = sign_in_on(&app, "x", 0).await;
        assert_eq!(answer.json["session"]["concurrent_sessions"], others);
    }
    let chief = app.administrator(&app.tenant).await;
    let opened = audit_events(&chief, "type=session.opened").await;
    let details: Vec<_> = opened
        .iter()
        .map(|event| &event["public"]["details"])
        .filter(|details| details["concurrent_sessions"] == 2)
        .collect();
    assert_eq!(details.len(), 1);
    assert_eq!(details[0]["concurrent_addresses"], 0, "all from one");
}

async fn one_users_sessions_are_no_other_users_and_no_other_tenants(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let other = app.new_tenant("other").await;
    for tenant in [&app.tenant, &other] {
        change_settings(&app, tenant, &json!({ "sessions_per_user_max": 1 })).await;
    }
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let eve = app.member(&app.tenant, "eve@example.org").await;
    let elsewhere = app.member(&other, "ada@example.org").await;
    for user in [ada, eve, elsewhere] {
        user.client.get("/v1/session").await.expect(200);
    }
}
