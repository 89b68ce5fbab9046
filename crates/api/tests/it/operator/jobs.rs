//! `/operator/v1/jobs`, `/operator/v1/nodes`

use keyward_testkit::{TestApp, TestDatabase, on_both_engines};
use serde_json::json;

on_both_engines!(
    a_job_is_listed_shown_and_cancelled,
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
    let wrong = operator.get("/operator/v1/jobs?state=late").await;
    wrong.expect_problem(422, "invalid_query");
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
