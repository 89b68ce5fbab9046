//! Signing keys and the worker: rotated when their time has come, retired when their last token has expired.

use keyward_model::{SigningKeyId, SigningKeyState};
use keyward_service::jobs::{Worker, WorkerSettings};
use keyward_testkit::{TestApp, TestDatabase, TestUser, alone_on_both_engines};
use serde_json::{Value, json};
use std::time::Duration;

alone_on_both_engines!(
    a_key_is_rotated_by_the_schedule_and_then_retired,
    a_key_that_is_never_to_be_rotated_stays,
    a_tenant_that_nobody_planned_for_is_looked_at_once,
    a_key_that_signs_again_is_not_retired,
);

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// Lets a node's worker do what is due: how many jobs that were.
async fn work(app: &TestApp) -> usize {
    let worker = Worker::new(&app.platform, WorkerSettings::default());
    worker.run_due().await.unwrap()
}

/// The keys as operators see them, oldest first.
async fn keys(app: &TestApp) -> Vec<Value> {
    let path = format!("/operator/v1/tenants/{}/signing-keys", app.tenant.slug);
    let answer = app.operator().get(&path).await.expect(200);
    answer.list_at("/items").iter().rev().cloned().collect()
}

async fn states(app: &TestApp) -> Vec<SigningKeyState> {
    use SigningKeyState::{Published, Retired, Retiring, Revoked, Signing};
    let all = [Published, Signing, Retiring, Retired, Revoked];
    let named = |key: &Value| all.into_iter().find(|state| json!(state) == key["state"]);
    keys(app)
        .await
        .iter()
        .map(|key| named(key).unwrap())
        .collect()
}

async fn act(app: &TestApp, rest: &str) -> Value {
    let path = format!(
        "/operator/v1/tenants/{}/signing-keys/{rest}",
        app.tenant.slug
    );
    let answer = app.operator().post(&path, json!({})).await;
    assert!(answer.status < 300, "{}", answer.text);
    answer.json["signing_key"].clone()
}

async fn is_refused(user: &TestUser) -> bool {
    user.client.get("/v1/session").await.status == 401
}

/// How many of the tenant's private keys are there, and how many routes lead to it by a key.
async fn kept(app: &TestApp) -> (i64, i64) {
    let tenant = app.database.id_literal(app.tenant.id);
    let count = async |rest: &str| {
        let query = format!("SELECT COUNT(*) FROM {rest} AND tenant_id = {tenant}");
        app.database.admin_count(&query).await
    };
    (
        count("signing_keys WHERE sealed_private_key IS NOT NULL").await,
        count("tenant_routes WHERE kind = 'signing_key'").await,
    )
}

async fn a_key_is_rotated_by_the_schedule_and_then_retired(database: TestDatabase) {
    use SigningKeyState::{Published, Retired, Retiring, Signing};
    let app = TestApp::start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    app.database
        .clock
        .advance(90 * DAY - Duration::from_secs(60));
    work(&app).await;
    assert_eq!(states(&app).await, [Signing], "a minute too early");
    app.database.clock.advance(Duration::from_secs(2 * 3_600));
    work(&app).await;
    assert_eq!(states(&app).await, [Signing, Published]);
    work(&app).await;
    assert_eq!(kept(&app).await, (2, 2), "once");
    let before = app.sign_in(&app.tenant, "ada@example.org").await;
    app.database.clock.advance(Duration::from_secs(601));
    let after = app.sign_in(&app.tenant, "ada@example.org").await;
    assert!(!is_refused(&after).await);
    assert_eq!(states(&app).await, [Retiring, Signing]);
    app.database.clock.advance(Duration::from_secs(300 + 60));
    assert_eq!(states(&app).await, [Retired, Signing]);
    assert_eq!(kept(&app).await, (2, 2), "nobody has come to it yet");
    work(&app).await;
    assert_eq!(kept(&app).await, (1, 1));
    assert!(is_refused(&before).await);
    assert_eq!(
        states(&app).await,
        [Retired, Signing],
        "it stays as history"
    );
    let kinds = "SELECT kind FROM audit_events WHERE kind LIKE 'signing_key%' ORDER BY id";
    let recorded = app.database.admin_rows(kinds).await;
    let recorded: Vec<_> = recorded
        .iter()
        .map(|row| row[0].as_deref().unwrap())
        .collect();
    assert_eq!(
        recorded,
        [
            "signing_key.created",
            "signing_key.rotated",
            "signing_key.retired"
        ]
    );
    // And on it goes.
    app.database.clock.advance(90 * DAY);
    work(&app).await;
    assert_eq!(states(&app).await, [Retired, Signing, Published]);
}

async fn a_key_that_is_never_to_be_rotated_stays(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let never = json!({ "signing_key_rotation_days": 0 });
    let administrator = app.administrator(&app.tenant).await;
    administrator
        .client
        .patch("/v1/admin/settings", never)
        .await
        .expect(200);
    app.database.clock.advance(5_000 * DAY);
    work(&app).await;
    assert_eq!(states(&app).await, [SigningKeyState::Signing]);
    let again = json!({ "signing_key_rotation_days": 30 });
    let administrator = app.administrator(&app.tenant).await;
    administrator
        .client
        .patch("/v1/admin/settings", again)
        .await
        .expect(200);
    app.database.clock.advance(Duration::from_secs(3_601));
    work(&app).await;
    assert_eq!(
        states(&app).await.len(),
        2,
        "long overdue by the new setting"
    );
}

async fn a_tenant_that_nobody_planned_for_is_looked_at_once(database: TestDatabase) {
    let app = TestApp::start(database).await;
    // As a migration leaves it.
    app.database
        .admin_sql("UPDATE tenants SET rotation_due_at = 0")
        .await;
    assert_eq!(work(&app).await, 1);
    assert_eq!(states(&app).await, [SigningKeyState::Signing], "it is new");
    let tenant = app.database.id_literal(app.tenant.id);
    let due = format!("SELECT rotation_due_at FROM tenants WHERE tenant_id = {tenant}");
    let in_89_days = app.database.now().plus_seconds(89 * 86_400).micros();
    assert!(app.database.admin_count(&due).await > in_89_days);
    app.database.clock.advance(Duration::from_secs(2 * 3_600));
    assert_eq!(work(&app).await, 0);
}

async fn a_key_that_signs_again_is_not_retired(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let successor: SigningKeyId = act(&app, "rotate").await["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    act(&app, &format!("{successor}/revoke")).await;
    // The job of the rotation comes to a key that has no end any more.
    app.database.clock.advance(Duration::from_secs(3_600));
    work(&app).await;
    let expected = [SigningKeyState::Signing, SigningKeyState::Revoked];
    assert_eq!(states(&app).await, expected);
    assert_eq!(kept(&app).await, (1, 1));
    let ada = app.member(&app.tenant, "ada@example.org").await;
    assert!(!is_refused(&ada).await);
}
