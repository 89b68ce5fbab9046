//! The end of a tenant: at its time every row of it goes, and what stays is a line in the log of the instance.

use keyward_model::{Event, JobKind, JobState, NewJob, Route};
use keyward_service::jobs::{Worker, WorkerSettings};
use keyward_store::{ClaimedJob, Error, Held, TenantScope};
use keyward_testkit::{Answer, TestApp, TestDatabase, alone_on_both_engines, event_record};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::sleep;
use uuid::Uuid;

alone_on_both_engines!(
    a_tenant_goes_at_its_time_and_not_before,
    a_tenant_that_was_restored_stays,
    a_purge_that_was_killed_goes_on,
    a_deletion_that_was_begun_anew_is_not_lost_while_the_first_still_runs,
    a_purge_that_has_begun_is_not_cancelled,
    a_purge_whose_job_is_gone_is_begun_anew,
    a_restore_and_the_purge_do_not_wait_for_each_other,
);

const DAY: Duration = Duration::from_secs(86_400);

async fn delete(app: &TestApp) {
    let path = format!("/operator/v1/tenants/{}?grace_days=7", app.tenant.slug);
    let operator = app.operator().because("the contract ended");
    operator.send("DELETE", &path, None).await.expect(200);
}

async fn restore(app: &TestApp) -> Answer {
    let path = format!("/operator/v1/tenants/{}/restore", app.tenant.slug);
    app.operator().send("POST", &path, None).await
}

/// A way into the tenant, as its users have one.
async fn scope(app: &TestApp) -> TenantScope {
    let route = Route::Slug(app.tenant.slug.parse().unwrap());
    let resolved = app.database.store.resolve(vec![route]).await;
    resolved.unwrap()[0].unwrap()
}

/// The purge that is due, as a worker claims it for half a minute.
async fn claim(app: &TestApp) -> ClaimedJob {
    let now = app.database.now();
    let lease = (now, now.plus_seconds(30));
    let claimed = app.database.store.claim_jobs(Uuid::from_u128(1), lease, 9);
    let mut claimed = claimed.await.unwrap();
    assert_eq!(claimed.len(), 1);
    claimed.remove(0)
}

async fn work(app: &TestApp) {
    let worker = Worker::new(&app.platform, WorkerSettings::default());
    worker.run_due().await.unwrap();
}

async fn rows(app: &TestApp) -> usize {
    let tables = app.database.rows_of_tenant(app.tenant.id).await;
    tables.iter().map(|(_, rows)| rows.len()).sum()
}

async fn a_tenant_goes_at_its_time_and_not_before(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let other = app.new_tenant("other").await;
    let eve = app.member(&other, "eve@example.org").await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    delete(&app).await;
    app.database
        .clock
        .advance(7 * DAY - Duration::from_secs(60));
    work(&app).await;
    let path = format!("/operator/v1/tenants/{}", app.tenant.slug);
    let shown = app.operator().get(&path).await.expect(200);
    assert_eq!(shown.text_at("/tenant/status"), "deleting");
    app.database.clock.advance(Duration::from_secs(60));
    work(&app).await;
    assert_eq!(rows(&app).await, 0, "nothing is left of it");
    app.operator()
        .get(&path)
        .await
        .expect_problem(404, "not_found");
    ada.client.get("/v1/session").await.expect(404);
    let bare = app.bare_client().with_token(ada.client.token());
    bare.get("/v1/session").await.expect(401);
    app.sign_in(&other, "eve@example.org").await;
    drop(eve);
    let log = app.operator().get("/operator/v1/events?limit=200").await;
    let gone = log.expect(200);
    let gone = gone.list_at("/items").iter().find(|event| {
        event["type"] == "tenant.deleted" && event["tenant_id"] == app.tenant.id.to_string()
    });
    let gone = gone.unwrap();
    assert_eq!(gone["details"]["slug"], app.tenant.slug.as_str());
    let reason = &gone["details"]["scheduled"]["by"]["reason"];
    assert_eq!(reason, "the contract ended");
    // Its names are free again.
    let body = serde_json::json!({ "slug": app.tenant.slug });
    let made = app.operator().post("/operator/v1/tenants", body).await;
    made.expect(201);
}

async fn a_tenant_that_was_restored_stays(database: TestDatabase) {
    let app = TestApp::start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    delete(&app).await;
    restore(&app).await.expect(200);
    app.database.clock.advance(8 * DAY);
    work(&app).await;
    app.sign_in(&app.tenant, "ada@example.org").await;
    // Not even a job that somebody brought back to life harms a tenant that is not to be deleted.
    let job = NewJob::new(
        app.database.mint(),
        JobKind::PurgeTenant {},
        app.database.now(),
    );
    let id = job.id;
    let scope = scope(&app).await;
    app.database
        .store
        .enqueue_scheduled(&scope, job)
        .await
        .unwrap();
    work(&app).await;
    let read = app
        .database
        .store
        .read::<_, keyward_store::Error, _>(&scope, async move |tx| tx.find_job(id).await);
    assert_eq!(read.await.unwrap().unwrap().job.state, JobState::Dead);
    app.sign_in(&app.tenant, "ada@example.org").await;
}

async fn a_purge_that_was_killed_goes_on(database: TestDatabase) {
    let app = TestApp::start(database).await;
    app.member(&app.tenant, "ada@example.org").await;
    delete(&app).await;
    app.database.clock.advance(7 * DAY);
    // As a killed worker left it: begun, some rows gone, the claim never given back.
    let tenant = app.database.id_literal(app.tenant.id);
    let text = format!(
        "UPDATE tenants SET status = 'purging' WHERE tenant_id = {tenant};
         DELETE FROM token_families WHERE tenant_id = {tenant};
         DELETE FROM audit_events WHERE tenant_id = {tenant};"
    );
    app.database.admin_sql(&text).await;
    claim(&app).await;
    work(&app).await;
    assert!(rows(&app).await > 0, "another has it");
    let refused = app.client(&app.tenant).get("/.well-known/jwks.json").await;
    refused.expect(404);
    app.database.clock.advance(Duration::from_secs(31));
    work(&app).await;
    assert_eq!(rows(&app).await, 0);
}

async fn a_deletion_that_was_begun_anew_is_not_lost_while_the_first_still_runs(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    delete(&app).await;
    app.database.clock.advance(7 * DAY);
    claim(&app).await;
    restore(&app).await.expect(200);
    delete(&app).await;
    // The first is cancelled once somebody has its claim again.
    app.database.clock.advance(Duration::from_secs(31));
    work(&app).await;
    let path = format!("/operator/v1/tenants/{}", app.tenant.slug);
    app.operator().get(&path).await.expect(200);
    app.database.clock.advance(7 * DAY);
    work(&app).await;
    assert_eq!(rows(&app).await, 0);
}

/// As a killed worker leaves it: begun, the tenant's keys gone, the claim never given back.
async fn half_way(app: &TestApp) -> ClaimedJob {
    delete(app).await;
    app.database.clock.advance(7 * DAY);
    let claimed = claim(app).await;
    let tenant = app.database.id_literal(app.tenant.id);
    let text = format!(
        "UPDATE tenants SET status = 'purging' WHERE tenant_id = {tenant};
         DELETE FROM signing_keys WHERE tenant_id = {tenant};
         DELETE FROM tenant_keys WHERE tenant_id = {tenant};"
    );
    app.database.admin_sql(&text).await;
    claimed
}

async fn act(app: &TestApp, method: &str, rest: &str) -> Answer {
    let path = format!("/operator/v1/tenants/{}{rest}", app.tenant.slug);
    app.operator().send(method, &path, None).await
}

async fn a_purge_that_has_begun_is_not_cancelled(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let id = half_way(&app).await.fence.job_id;
    let path = format!("/operator/v1/jobs/{id}/cancel");
    let refused = app.operator().send("POST", &path, None).await;
    refused.expect_problem(409, "wrong_job_state");
    for (method, rest) in [
        ("DELETE", ""),
        ("POST", "/restore"),
        ("POST", "/suspend"),
        ("POST", "/resume"),
        ("POST", "/signing-keys/rotate"),
        ("PUT", "/hosts/other.example"),
    ] {
        let refused = act(&app, method, rest).await;
        refused.expect_problem(409, "wrong_tenant_status");
    }
    act(&app, "GET", "").await.expect(200);
    act(&app, "GET", "/signing-keys").await.expect(200);
    app.database.clock.advance(Duration::from_secs(31));
    work(&app).await;
    assert_eq!(rows(&app).await, 0);
}

async fn a_purge_whose_job_is_gone_is_begun_anew(database: TestDatabase) {
    let app = TestApp::start(database).await;
    half_way(&app).await;
    let tenant = app.database.id_literal(app.tenant.id);
    let dead = format!("UPDATE jobs SET state = 'dead' WHERE tenant_id = {tenant}");
    app.database.admin_sql(&dead).await;
    work(&app).await;
    let again = act(&app, "DELETE", "").await.expect(200);
    assert_eq!(again.text_at("/tenant/status"), "purging");
    let twice = act(&app, "DELETE", "").await;
    twice.expect_problem(409, "wrong_tenant_status");
    work(&app).await;
    assert_eq!(rows(&app).await, 0);
}

/// The purge takes its job and then the tenant; a restore that took them the other way round would make one of them fail.
async fn a_restore_and_the_purge_do_not_wait_for_each_other(database: TestDatabase) {
    let app = TestApp::start(database).await;
    // On SQLite there is one writer.
    if app.database.engine_name() == "sqlite" {
        return;
    }
    delete(&app).await;
    app.database.clock.advance(7 * DAY);
    let (scope, fence, now) = (
        scope(&app).await,
        claim(&app).await.fence,
        app.database.now(),
    );
    let event = Event::OperatorRead { subject: "tenant" };
    let record = event_record(&app.database, app.tenant.id, &event);
    let (held, seen) = oneshot::channel();
    let purging = app
        .database
        .store
        .write::<_, Error, _>(&scope, async move |tx| {
            assert_eq!(tx.hold_job(fence).await?, Held::Yes);
            held.send(()).unwrap();
            // Until the restore has taken what it takes first, and waits for the job.
            sleep(Duration::from_millis(500)).await;
            assert!(tx.begin_tenant_purge(now).await?.is_some());
            tx.record(&record).await
        });
    let restoring = async {
        seen.await.unwrap();
        restore(&app).await
    };
    let (purged, restored) = tokio::join!(purging, restoring);
    purged.unwrap();
    restored.expect_problem(409, "changed_meanwhile");
}
