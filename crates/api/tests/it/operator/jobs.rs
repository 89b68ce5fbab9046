//! `/operator/v1/jobs`, `/operator/v1/nodes`

use keyward_testkit::{TestApp, TestDatabase, on_both_engines};
use serde_json::json;

on_both_engines!(
    a_job_is_listed_shown_and_cancelled,
    a_deletion_whose_job_was_cancelled_is_planned_anew,
    a_job_that_is_not_there_is_not_found,
    the_node_that_is_asked_says_what_it_is,
);

async fn a_job_is_listed_shown_and_cancelled(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let operator = app.operator();
    let path = format!("/operator/v1/tenants/{}", app.tenant.slug);
    operator.send("DELETE", &path, None).await.expect(200);
    let list = format!(
        "/operator/v1/jobs?state=waiting&tenant_id={}",
        app.tenant.id
    );
    let jobs = operator.get(&list).await.expect(200);
    let id = jobs.text_at("/items/0/id").to_owned();
    let path = format!("/operator/v1/jobs/{id}");
    let shown = operator.get(&path).await.expect(200);
    assert_eq!(shown.json["job"], jobs.json["items"][0]);
    let retried = operator.post(&format!("{path}/retry"), json!({})).await;
    retried.expect_problem(409, "wrong_job_state");
    let cancelled = operator.post(&format!("{path}/cancel"), json!({})).await;
    assert_eq!(cancelled.expect(200).text_at("/job/state"), "cancelled");
    let again = operator.post(&format!("{path}/cancel"), json!({})).await;
    again.expect_problem(409, "wrong_job_state");
    assert!(
        operator
            .get(&list)
            .await
            .expect(200)
            .list_at("/items")
            .is_empty()
    );
    // PostgreSQL has no text with a NUL.
    for wrong in ["state=late", "kind=%00", "kind=a%00b", "kind=", "kind=A"] {
        let path = format!("/operator/v1/jobs?{wrong}");
        let answer = operator.get(&path).await;
        answer.expect_problem(422, "invalid_query");
    }
    let unknown = operator.get("/operator/v1/jobs?kind=of_tomorrow").await;
    assert!(unknown.expect(200).list_at("/items").is_empty());
}

/// Cancels the only job of a kind that waits.
async fn cancel_waiting(app: &TestApp, kind: &str) {
    let (operator, list) = (app.operator(), of_kind(app, kind));
    let jobs = operator.get(&list).await.expect(200);
    assert_eq!(jobs.list_at("/items").len(), 1);
    let path = format!("/operator/v1/jobs/{}/cancel", jobs.text_at("/items/0/id"));
    operator.post(&path, json!({})).await.expect(200);
}

fn of_kind(app: &TestApp, kind: &str) -> String {
    let tenant = app.tenant.id;
    format!("/operator/v1/jobs?state=waiting&kind={kind}&tenant_id={tenant}")
}

async fn a_deletion_whose_job_was_cancelled_is_planned_anew(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let operator = app.operator();
    let user = format!("/v1/admin/users/{}", ada.id);
    chief.client.delete(&user).await.expect(202);
    cancel_waiting(&app, "erase_user").await;
    for _ in 0..2 {
        let deleting = chief.client.delete(&user).await.expect(202);
        let waiting = operator.get(&of_kind(&app, "erase_user")).await.expect(200);
        assert_eq!(waiting.list_at("/items").len(), 1);
        let moment = waiting.text_at("/items/0/run_at");
        assert_eq!(deleting.text_at("/user/deletes_at"), moment);
    }
    let tenant = format!("/operator/v1/tenants/{}?grace_days=7", app.tenant.slug);
    operator.send("DELETE", &tenant, None).await.expect(200);
    cancel_waiting(&app, "purge_tenant").await;
    let again = operator.send("DELETE", &tenant, None).await.expect(200);
    assert_eq!(again.text_at("/tenant/status"), "deleting");
    let waiting = operator
        .get(&of_kind(&app, "purge_tenant"))
        .await
        .expect(200);
    let moment = waiting.text_at("/items/0/run_at");
    assert_eq!(again.text_at("/tenant/delete_after"), moment);
    let twice = operator.send("DELETE", &tenant, None).await;
    twice.expect_problem(409, "wrong_tenant_status");
    let restore = format!("/operator/v1/tenants/{}/restore", app.tenant.slug);
    let restored = operator.send("POST", &restore, None).await.expect(200);
    assert_eq!(restored.text_at("/tenant/status"), "active");
}

async fn a_job_that_is_not_there_is_not_found(database: TestDatabase) {
    let app = TestApp::start(database).await;
    for id in ["01890a5d-ac96-774b-bcce-b302099a8056", "x"] {
        let path = format!("/operator/v1/jobs/{id}");
        let answer = app.operator().get(&path).await;
        answer.expect_problem(404, "not_found");
        for act in ["cancel", "retry"] {
            let answer = app
                .operator()
                .post(&format!("{path}/{act}"), json!({}))
                .await;
            answer.expect_problem(404, "not_found");
        }
    }
}

async fn the_node_that_is_asked_says_what_it_is(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let nodes = app.operator().get("/operator/v1/nodes").await.expect(200);
    assert_eq!(nodes.list_at("/items").len(), 1);
    assert_eq!(nodes.text_at("/items/0/version"), env!("CARGO_PKG_VERSION"));
    let engine = nodes.text_at("/items/0/engine").to_lowercase();
    assert!(engine.starts_with(app.database.engine_name()), "{engine}");
}
