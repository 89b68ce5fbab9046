//! `GET /healthz`, `GET /readyz`

use keyward_testkit::{TestApp, TestDatabase, on_both_engines};
use serde_json::json;

on_both_engines!(a_server_is_alive_and_ready_and_says_nothing_else);

async fn a_server_is_alive_and_ready_and_says_nothing_else(database: TestDatabase) {
    let app = TestApp::start(database).await;
    for path in ["/healthz", "/readyz"] {
        let answer = app.bare_client().get(path).await.expect(200);
        assert_eq!(answer.json, json!({ "status": "ok" }));
        let garbage = app.bare_client().with_token("garbage").get(path).await;
        assert_eq!(
            garbage.expect(200).json,
            answer.json,
            "nobody is looked for"
        );
    }
}
