//! `GET /v1/admin/tokens/usage`

use crate::support::clients::client_with;
use keyward_model::{Clock, UsageDay};
use keyward_testkit::{TestApp, TestDatabase, TestUser, on_both_engines};
use serde_json::{Value, json};
use std::time::Duration;

on_both_engines!(
    figures_are_by_day_kind_and_client,
    what_is_no_range_of_days_is_refused,
);

const PATH: &str = "/v1/admin/tokens/usage";

async fn figures(app: &TestApp, chief: &TestUser, query: &str) -> Vec<Value> {
    assert!(app.platform.write_token_counts().await);
    let answer = chief.client.get(&format!("{PATH}{query}")).await;
    answer.expect(200).list_at("/items").to_vec()
}

fn today(app: &TestApp) -> String {
    let day = UsageDay::of(app.database.clock.now());
    day.begin().to_string()[..10].to_owned()
}

async fn figures_are_by_day_kind_and_client(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (chief, client) = client_with(&app, &["introspect", "revoke"]).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    for _ in 0..3 {
        assert!(client.finds_active(ada.client.token()).await);
    }
    client.introspect("kwr_x").await;
    client.introspect("garbage").await;
    client.revoke(ada.client.token()).await.expect(200);
    client.revoke(ada.client.token()).await.expect(200);
    let again = app.sign_in(&app.tenant, "ada@example.org").await;
    let body = json!({ "refresh_token": again.answer.text_at("/refresh_token") });
    let next = client.http.post("/v1/auth/refresh", body).await.expect(200);
    let next = next.text_at("/refresh_token");
    client.revoke(next).await.expect(200);
    let first_day = today(&app);
    let row = |date: &str,
               kind: &str,
               client_id: &str,
               [issued, refreshed, revoked, introspected]: [i64; 4]| {
        json!({
            "date": date,
            "kind": kind,
            "client_id": client_id,
            "issued": issued,
            "refreshed": refreshed,
            "revoked": revoked,
            "introspected": introspected,
        })
    };
    let expected = vec![
        row(&first_day, "access", "first-party", [3, 1, 0, 0]),
        row(&first_day, "access", &client.id, [0, 0, 1, 3]),
        row(&first_day, "refresh", "first-party", [3, 1, 0, 0]),
        row(&first_day, "refresh", &client.id, [0, 0, 1, 1]),
    ];
    assert_eq!(figures(&app, &chief, "").await, expected);
    app.database.clock.advance(Duration::from_secs(86_400));
    let chief = app.administrator(&app.tenant).await;
    let query = format!("?from={0}&to={0}", today(&app));
    let expected = vec![
        row(&today(&app), "access", "first-party", [1, 0, 0, 0]),
        row(&today(&app), "refresh", "first-party", [1, 0, 0, 0]),
    ];
    assert_eq!(figures(&app, &chief, &query).await, expected);
    // Another tenant's are its own.
    let other = app.new_tenant("other").await;
    let stranger = app.administrator(&other).await;
    assert_eq!(figures(&app, &stranger, "").await, expected);
}

async fn what_is_no_range_of_days_is_refused(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let get = async |query: &str| chief.client.get(&format!("{PATH}{query}")).await;
    get("?from=2026-01-01&to=2026-01-31").await.expect(200);
    for query in [
        "?from=2026-01-01&to=2026-02-01",
        "?from=2026-01-02&to=2026-01-01",
        "?from=2020-01-01",
        "?from=2026-02-30&to=2026-03-01",
        "?from=yesterday",
        "?to=2026-1-1",
        "?to=2026-01-01T00:00:00Z",
        "?day=2026-01-01",
    ] {
        get(query).await.expect_problem(422, "invalid_query");
    }
}
