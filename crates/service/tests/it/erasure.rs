//! What becomes of a user once their time of grace is over.

use keyward_service::jobs::{Worker, WorkerSettings};
use keyward_testkit::{PASSWORD, TestApp, TestDatabase, TestUser, alone_on_both_engines};
use serde_json::json;
use std::time::Duration;

alone_on_both_engines!(
    a_deleted_user_is_gone_when_grace_is_over,
    a_deletion_that_was_taken_back_deletes_nobody,
    nothing_that_was_answered_about_a_user_outlives_them,
);

const DAY: Duration = Duration::from_secs(24 * 3_600);

async fn work(app: &TestApp) {
    let worker = Worker::new(&app.platform, WorkerSettings::default());
    worker.run_due().await.unwrap();
}

fn path_of(user: &TestUser) -> String {
    format!("/v1/admin/users/{}", user.id)
}

async fn a_deleted_user_is_gone_when_grace_is_over(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    chief.client.delete(&path_of(&ada)).await.expect(202);
    app.database.clock.advance(29 * DAY);
    work(&app).await;
    let chief = app.administrator(&app.tenant).await;
    chief.client.get(&path_of(&ada)).await.expect(200);
    app.database.clock.advance(DAY);
    work(&app).await;
    let chief = app.administrator(&app.tenant).await;
    let gone = chief.client.get(&path_of(&ada)).await;
    gone.expect_problem(404, "not_found");
    let events = "/v1/admin/audit/events?type=user.erased";
    let events = chief.client.get(events).await.expect(200);
    let public = &events.list_at("/items")[0]["public"];
    assert_eq!(public["target"]["id"], ada.id.to_string());
    assert_eq!(public["permit"], "user.erase by system");
    // The address is free again, and leads to somebody new.
    let again = app.member(&app.tenant, "ada@example.org").await;
    assert_ne!(again.id, ada.id);
}

async fn a_deletion_that_was_taken_back_deletes_nobody(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let restore = format!("{}/restore", path_of(&ada));
    chief.client.delete(&path_of(&ada)).await.expect(202);
    chief.client.post(&restore, json!({})).await.expect(200);
    chief.client.delete(&path_of(&ada)).await.expect(202);
    chief.client.post(&restore, json!({})).await.expect(200);
    app.database.clock.advance(31 * DAY);
    work(&app).await;
    let body = json!({ "email": "ada@example.org", "password": PASSWORD });
    let client = app.client(&app.tenant);
    client.post("/v1/auth/login", body).await.expect(200);
    // And one that was begun anew does.
    let chief = app.administrator(&app.tenant).await;
    chief.client.delete(&path_of(&ada)).await.expect(202);
    app.database.clock.advance(30 * DAY);
    work(&app).await;
    let chief = app.administrator(&app.tenant).await;
    let gone = chief.client.get(&path_of(&ada)).await;
    gone.expect_problem(404, "not_found");
}

async fn nothing_that_was_answered_about_a_user_outlives_them(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    // Sooner than answers go by themselves.
    let at_once = json!({ "user_deletion_grace_days": 0 });
    let changed = chief.client.patch("/v1/admin/settings", at_once).await;
    changed.expect(200);
    for name in ["Katherine", "Hedy"] {
        let email = format!("{}@example.org", name.to_lowercase());
        let body = json!({ "email": email, "name": name, "password": PASSWORD });
        let answer = chief.client.post_once("/v1/admin/users", name, body).await;
        answer.expect(201);
    }
    let katherine = app.sign_in(&app.tenant, "katherine@example.org").await;
    assert_eq!(
        who_knows(&app, "katherine").await,
        ["idempotency_keys", "users"]
    );
    chief.client.delete(&path_of(&katherine)).await.expect(202);
    app.database.clock.advance(Duration::from_secs(60));
    work(&app).await;
    assert_eq!(who_knows(&app, "katherine").await, [] as [&str; 0]);
    assert_eq!(who_knows(&app, "hedy").await, ["idempotency_keys", "users"]);
}

/// In which tables a name stands, but for the log.
async fn who_knows(app: &TestApp, name: &str) -> Vec<String> {
    let rows = app.database.rows_of_tenant(app.tenant.id).await;
    let rows = rows
        .into_iter()
        .filter(|(table, _)| table != "audit_events");
    let knows = rows.filter(|(_, rows)| format!("{rows:?}").to_lowercase().contains(name));
    knows.map(|(table, _)| table).collect()
}
