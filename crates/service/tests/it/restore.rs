//! After a restore: what the backup was about to delete for good waits, since it may have been taken back meanwhile.

use keyward_model::{Client, Principal, Route};
use keyward_policy::Action;
use keyward_service::Cx;
use keyward_service::jobs::{Worker, WorkerSettings};
use keyward_service::restore::{SettleRestore, settle_restore};
use keyward_testkit::{TestApp, TestDatabase, TestUser, alone_on_both_engines};
use serde_json::json;
use std::time::Duration;

alone_on_both_engines!(
    what_was_about_to_be_deleted_waits_a_week,
    what_is_deleted_later_anyway_is_left_alone,
);

const DAY: Duration = Duration::from_secs(86_400);

async fn work(app: &TestApp) {
    let worker = Worker::new(&app.platform, WorkerSettings::default());
    worker.run_due().await.unwrap();
}

/// As `keyward restore` does in each tenant.
async fn settle(app: &TestApp) {
    let slug = Route::Slug(app.tenant.slug.parse().unwrap());
    let scope = app.platform.operator_scope(slug).await.unwrap().unwrap();
    let operator = Principal::Operator {
        name: "uid 0".to_owned(),
        reason: "the disk died".to_owned(),
    };
    let client = Client {
        address: None,
        user_agent: None,
        request_id: app.database.mint(),
    };
    let cx = Cx::begin(
        &app.platform,
        (scope, operator),
        client,
        Action::RestoreTenant,
    );
    let command = SettleRestore {
        backup_created_at: None,
        keep_sessions: true,
    };
    settle_restore(&cx.await.unwrap(), command).await.unwrap();
}

async fn operate(app: &TestApp, method: &str, rest: &str) -> serde_json::Value {
    let path = format!("/operator/v1/tenants/{}{rest}", app.tenant.slug);
    let answer = app.operator().send(method, &path, None).await;
    answer.expect(200).json.clone()
}

async fn jobs(app: &TestApp, kind: &str, state: &str) -> Vec<serde_json::Value> {
    let path = format!(
        "/operator/v1/jobs?kind={kind}&state={state}&tenant_id={}",
        app.tenant.id
    );
    app.operator()
        .get(&path)
        .await
        .expect(200)
        .list_at("/items")
        .to_vec()
}

fn path_of(user: &TestUser) -> String {
    format!("/v1/admin/users/{}", user.id)
}

async fn what_was_about_to_be_deleted_waits_a_week(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let eve = app.member(&app.tenant, "eve@example.org").await;
    for user in [&ada, &eve] {
        chief.client.delete(&path_of(user)).await.expect(202);
    }
    operate(&app, "DELETE", "?grace_days=7").await;
    // The backup is of now, and brought back when all of that would have been done.
    app.database.clock.advance(40 * DAY);
    settle(&app).await;
    work(&app).await;
    let shown = operate(&app, "GET", "").await;
    assert_eq!(shown["tenant"]["status"], "deleting");
    let until = &shown["tenant"]["delete_after"];
    let week = app.database.now().plus_seconds(7 * 86_400).to_string();
    assert_eq!(until.as_str().unwrap()[..19], week[..19]);
    for (kind, count) in [("purge_tenant", 1), ("erase_user", 2)] {
        let waiting = jobs(&app, kind, "waiting").await;
        assert_eq!(waiting.len(), count, "{kind}");
        assert!(
            waiting.iter().all(|job| &job["run_at"] == until),
            "{waiting:?}"
        );
    }
    // All of it can be taken back still.
    operate(&app, "POST", "/restore").await;
    let chief = app.administrator(&app.tenant).await;
    let restore = format!("{}/restore", path_of(&ada));
    chief.client.post(&restore, json!({})).await.expect(200);
    app.database.clock.advance(7 * DAY);
    work(&app).await;
    let chief = app.administrator(&app.tenant).await;
    chief.client.get(&path_of(&ada)).await.expect(200);
    let gone = chief.client.get(&path_of(&eve)).await;
    gone.expect_problem(404, "not_found");
    for kind in ["user.deletion_postponed", "tenant.deletion_postponed"] {
        let events = format!("/v1/admin/audit/events?type={kind}");
        let events = chief.client.get(&events).await.expect(200);
        assert!(!events.list_at("/items").is_empty(), "{kind}");
    }
}

async fn what_is_deleted_later_anyway_is_left_alone(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    chief.client.delete(&path_of(&ada)).await.expect(202);
    let deleted = operate(&app, "DELETE", "?grace_days=30").await;
    let waiting = jobs(&app, "erase_user", "waiting").await;
    settle(&app).await;
    let shown = operate(&app, "GET", "").await;
    assert_eq!(
        shown["tenant"]["delete_after"],
        deleted["tenant"]["delete_after"]
    );
    assert_eq!(jobs(&app, "erase_user", "waiting").await, waiting);
    assert_eq!(jobs(&app, "purge_tenant", "cancelled").await.len(), 0);
}
