//! `GET /v1/admin/settings`, `PATCH /v1/admin/settings`

use crate::support::{moment, only_event};
use keyward_testkit::{TestApp, TestDatabase, on_both_engines};
use reqwest::Method;
use serde_json::json;

on_both_engines!(
    what_is_set_holds_for_what_begins_afterwards,
    a_setting_outside_of_its_range_is_refused,
    asvs_v7_1_1_a_preset_sets_what_goes_together_and_is_shown,
    a_change_may_name_the_version_that_it_is_meant_for,
    asvs_v8_4_1_settings_are_the_tenants_own,
);

const PATH: &str = "/v1/admin/settings";

async fn what_is_set_holds_for_what_begins_afterwards(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let before = chief.client.get(PATH).await.expect(200);
    assert_eq!(
        before.header("etag"),
        format!("\"{}\"", before.json["version"])
    );
    let change = json!({ "session_ttl_seconds": 3_600, "access_token_ttl_seconds": 60 });
    let after = chief.client.patch(PATH, change).await.expect(200);
    let mut expected = before.json["settings"].clone();
    expected["session_ttl_seconds"] = json!(3_600);
    expected["access_token_ttl_seconds"] = json!(60);
    assert_eq!(after.json["settings"], expected, "what is not named stays");
    assert_eq!(chief.client.get(PATH).await.expect(200).json, after.json);
    let ada = app.member(&app.tenant, "ada@example.org").await;
    assert_eq!(ada.answer.json["expires_in"], 60);
    let session = &ada.answer.json["session"];
    let life = moment(&session["expires_at"]).since(moment(&session["created_at"]));
    assert_eq!(life.as_secs(), 3_600);
    // The same again is no change.
    let change = json!({ "session_ttl_seconds": 3_600 });
    chief.client.patch(PATH, change).await.expect(200);
    let event = only_event(&chief, "tenant.settings_changed").await;
    for (state, answer) in [("before", before), ("after", after)] {
        let mut settings = answer.json["settings"].clone();
        // It stands for settings, and is none.
        settings.as_object_mut().unwrap().remove("session_preset");
        assert_eq!(event["public"][state], settings);
    }
}

async fn a_setting_outside_of_its_range_is_refused(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let before = chief.client.get(PATH).await.expect(200);
    for (body, pointer) in [
        (
            json!({ "access_token_ttl_seconds": 29 }),
            "/access_token_ttl_seconds",
        ),
        (
            json!({ "access_token_ttl_seconds": 3_601 }),
            "/access_token_ttl_seconds",
        ),
        (
            json!({ "session_ttl_seconds": -1, "session_idle_seconds": 60, "access_token_ttl_seconds": 30 }),
            "/access_token_ttl_seconds",
        ),
        (
            json!({ "session_ttl_seconds": 600 }),
            "/session_idle_seconds",
        ),
        (
            json!({ "session_idle_seconds": i64::MAX }),
            "/session_idle_seconds",
        ),
        (
            json!({ "user_deletion_grace_days": 366 }),
            "/user_deletion_grace_days",
        ),
        (
            json!({ "user_deletion_grace_days": 1.5 }),
            "/user_deletion_grace_days",
        ),
        (
            json!({ "user_deletion_grace_days": "1" }),
            "/user_deletion_grace_days",
        ),
        (json!({ "issuer": "https://evil.example" }), "/issuer"),
    ] {
        let answer = chief.client.patch(PATH, body.clone()).await;
        let answer = answer.expect_problem(422, "invalid_body");
        assert_eq!(answer.text_at("/errors/0/pointer"), pointer, "{body}");
    }
    assert_eq!(chief.client.get(PATH).await.expect(200).json, before.json);
}

async fn asvs_v7_1_1_a_preset_sets_what_goes_together_and_is_shown(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let before = chief.client.get(PATH).await.expect(200);
    assert_eq!(before.json["settings"]["session_preset"], json!(null));
    let change = json!({ "session_preset": "aal3" });
    let after = chief.client.patch(PATH, change).await.expect(200);
    let settings = &after.json["settings"];
    assert_eq!(settings["session_preset"], "aal3");
    assert_eq!(settings["session_ttl_seconds"], 12 * 3_600);
    assert_eq!(settings["session_idle_seconds"], 15 * 60);
    assert_eq!(settings["reauthentication_max_age_seconds"], 15 * 60);
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let session = &ada.answer.json["session"];
    let life = moment(&session["expires_at"]).since(moment(&session["created_at"]));
    let idle = moment(&session["idles_out_at"]).since(moment(&session["created_at"]));
    assert_eq!((life.as_secs(), idle.as_secs()), (12 * 3_600, 15 * 60));
    let longer = json!({ "session_idle_seconds": 1_800 });
    let answer = chief.client.patch(PATH, longer).await.expect(200);
    assert_eq!(answer.json["settings"]["session_preset"], json!(null));
    let unknown = chief
        .client
        .patch(PATH, json!({ "session_preset": "aal4" }));
    let unknown = unknown.await.expect_problem(422, "invalid_body");
    assert_eq!(unknown.text_at("/errors/0/pointer"), "/session_preset");
}

async fn a_change_may_name_the_version_that_it_is_meant_for(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let tag = chief.client.get(PATH).await.expect(200);
    let tag = tag.header("etag").to_owned();
    let change = async |days: i64| {
        let request = chief.client.request(Method::PATCH, PATH);
        let body = json!({ "user_deletion_grace_days": days });
        chief
            .client
            .send(request.header("if-match", &tag).json(&body))
            .await
    };
    change(7).await.expect(200);
    change(8).await.expect_problem(412, "precondition_failed");
}

async fn asvs_v8_4_1_settings_are_the_tenants_own(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let other = app.new_tenant("other").await;
    let (chief, stranger) = (
        app.administrator(&app.tenant).await,
        app.administrator(&other).await,
    );
    let body = json!({ "user_deletion_grace_days": 7 });
    stranger.client.patch(PATH, body).await.expect(200);
    let own = chief.client.get(PATH).await.expect(200);
    assert_eq!(own.json["settings"]["user_deletion_grace_days"], 30);
    let member = app.member(&app.tenant, "ada@example.org").await;
    member
        .client
        .get(PATH)
        .await
        .expect_problem(403, "forbidden");
    let answer = member.client.patch(PATH, json!({})).await;
    answer.expect_problem(403, "forbidden");
}
