//! Suspended, resumed, deleted after a time of grace, or not after all; settings and hosts.

use crate::support::{registration, try_password, with_body};
use keyward_api::{Plane, endpoints};
use keyward_testkit::{Answer, PASSWORD, TestApp, TestDatabase, TestTenant, on_both_engines};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

on_both_engines!(
    asvs_v7_4_1_a_suspended_tenants_users_are_refused_everywhere_at_once,
    a_resumed_tenant_goes_on_with_its_sessions,
    a_deletion_refuses_users_and_can_be_taken_back,
    a_status_allows_only_its_own_changes,
    settings_change_within_their_ranges,
    hosts_are_added_and_removed,
);

async fn act(app: &TestApp, tenant: &TestTenant, method: &str, rest: &str) -> Answer {
    let path = format!("/operator/v1/tenants/{}{rest}", tenant.slug);
    app.operator().send(method, &path, None).await
}

/// Every endpoint of the tenant refuses, but for what it publishes.
async fn refuses_users(app: &TestApp, tenant: &TestTenant, token: &str) {
    let client = app.client(tenant);
    for endpoint in endpoints() {
        if endpoint.plane() != Plane::Tenant {
            continue;
        }
        let method = Method::from_bytes(endpoint.method().as_bytes()).unwrap();
        let path = endpoint.path().split('{').next().unwrap().to_owned();
        let path = match endpoint.path().contains('{') {
            true => {
                let id = "01890a5d-ac96-774b-bcce-b302099a8056";
                let parts = endpoint.path().split('/').map(|part| match part {
                    part if part.starts_with('{') => id,
                    part => part,
                });
                parts.collect::<Vec<_>>().join("/")
            }
            false => path,
        };
        let publishes = path.starts_with("/.well-known/");
        for client in [client.clone(), client.with_token(token)] {
            let body = registration("new@example.org");
            let request = with_body(client.request(method.clone(), &path), &path, &body);
            let answer = client.send(request).await;
            match (
                publishes,
                path.starts_with("/oauth2/") || path == "/v1/revocations",
            ) {
                (true, _) => drop(answer.expect(200)),
                // No access token is looked at there, and no client has shown itself.
                (false, true) => drop(answer.expect(401)),
                (false, false) => drop(answer.expect_problem(403, "tenant_suspended")),
            }
        }
    }
}

async fn asvs_v7_4_1_a_suspended_tenants_users_are_refused_everywhere_at_once(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let other = app.new_tenant("other").await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let eve = app.member(&other, "eve@example.org").await;
    // Warm, so that memory would know the token.
    ada.client.get("/v1/session").await.expect(200);
    ada.client.get("/v1/session").await.expect(200);
    let keys = app.client(&app.tenant).get("/.well-known/jwks.json").await;
    let suspended = act(&app, &app.tenant, "POST", "/suspend").await.expect(200);
    assert_eq!(suspended.text_at("/tenant/status"), "suspended");
    let refused = ada.client.get("/v1/session").await;
    refused.expect_problem(403, "tenant_suspended");
    refuses_users(&app, &app.tenant, ada.client.token()).await;
    // The credential alone names the tenant.
    let bare = app.bare_client().with_token(ada.client.token());
    let refused = bare.get("/v1/session").await;
    refused.expect_problem(403, "tenant_suspended");
    let still = app.client(&app.tenant).get("/.well-known/jwks.json").await;
    assert_eq!(still.expect(200).json, keys.expect(200).json);
    eve.client.get("/v1/session").await.expect(200);
    // Operators see it as before.
    act(&app, &app.tenant, "GET", "/users").await.expect(200);
}

async fn a_resumed_tenant_goes_on_with_its_sessions(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    act(&app, &app.tenant, "POST", "/suspend").await.expect(200);
    let client = app.client(&app.tenant);
    let refused = try_password(&client, "ada@example.org", PASSWORD).await;
    refused.expect_problem(403, "tenant_suspended");
    let resumed = act(&app, &app.tenant, "POST", "/resume").await.expect(200);
    assert_eq!(resumed.text_at("/tenant/status"), "active");
    ada.client.get("/v1/session").await.expect(200);
    app.sign_in(&app.tenant, "ada@example.org").await;
    let administrator = app.administrator(&app.tenant).await;
    for kind in ["tenant.suspended", "tenant.resumed"] {
        let event = crate::support::only_event(&administrator, kind).await;
        assert_eq!(event["personal"]["operator"]["reason"], "a test");
        assert_ne!(event["public"]["before"], event["public"]["after"]);
    }
}

async fn a_deletion_refuses_users_and_can_be_taken_back(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    for (query, days) in [("", 30), ("?grace_days=7", 7)] {
        ada.client.get("/v1/session").await.expect(200);
        let deleted = act(&app, &app.tenant, "DELETE", query).await.expect(200);
        assert_eq!(deleted.text_at("/tenant/status"), "deleting");
        let expected = app.database.now().plus_seconds(days * 86_400);
        assert_eq!(
            deleted.text_at("/tenant/delete_after"),
            expected.to_string()
        );
        let refused = ada.client.get("/v1/session").await;
        refused.expect_problem(403, "tenant_suspended");
        let path = format!(
            "/operator/v1/jobs?kind=purge_tenant&tenant_id={}",
            app.tenant.id
        );
        let jobs = app.operator().get(&path).await.expect(200);
        assert_eq!(jobs.text_at("/items/0/state"), "waiting");
        assert_eq!(jobs.text_at("/items/0/run_at"), expected.to_string());
        let restored = act(&app, &app.tenant, "POST", "/restore").await.expect(200);
        assert_eq!(restored.text_at("/tenant/status"), "active");
        assert_eq!(restored.json["tenant"]["delete_after"], Value::Null);
        let jobs = app.operator().get(&path).await.expect(200);
        assert_eq!(jobs.text_at("/items/0/state"), "cancelled");
    }
    app.database.clock.advance(Duration::from_secs(60));
    ada.client.get("/v1/session").await.expect(200);
    // Suspended before, it is suspended after.
    act(&app, &app.tenant, "POST", "/suspend").await.expect(200);
    act(&app, &app.tenant, "DELETE", "").await.expect(200);
    let restored = act(&app, &app.tenant, "POST", "/restore").await.expect(200);
    assert_eq!(restored.text_at("/tenant/status"), "suspended");
}

async fn a_status_allows_only_its_own_changes(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let refused = async |method: &str, rest: &str, status: &str| {
        let answer = act(&app, &app.tenant, method, rest).await;
        let answer = answer.expect_problem(409, "wrong_tenant_status");
        assert_eq!(answer.text_at("/detail"), format!("the tenant is {status}"));
    };
    refused("POST", "/resume", "active").await;
    refused("POST", "/restore", "active").await;
    act(&app, &app.tenant, "POST", "/suspend").await.expect(200);
    refused("POST", "/suspend", "suspended").await;
    refused("POST", "/restore", "suspended").await;
    act(&app, &app.tenant, "DELETE", "").await.expect(200);
    refused("POST", "/suspend", "deleting").await;
    refused("POST", "/resume", "deleting").await;
    refused("DELETE", "", "deleting").await;
    for query in [
        "?grace_days=366",
        "?grace_days=-1",
        "?grace_days=x",
        "?days=1",
    ] {
        let answer = act(&app, &app.tenant, "DELETE", query).await;
        answer.expect_problem(422, "invalid_query");
    }
}

async fn settings_change_within_their_ranges(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let path = format!("/operator/v1/tenants/{}/settings", app.tenant.slug);
    let change = async |body: Value| app.operator().send("PATCH", &path, Some(body)).await;
    let body = json!({ "access_token_ttl_seconds": 60, "session_ttl_seconds": 7_200 });
    let changed = change(body).await.expect(200);
    let settings = &changed.json["settings"];
    assert_eq!(settings["access_token_ttl_seconds"], 60);
    assert_eq!(settings["session_ttl_seconds"], 7_200);
    assert_eq!(
        settings["session_idle_seconds"], 1_800,
        "what is absent stays"
    );
    let ada = app.member(&app.tenant, "ada@example.org").await;
    assert_eq!(ada.answer.json["expires_in"], 60);
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
            json!({ "session_ttl_seconds": i64::MAX }),
            "/session_ttl_seconds",
        ),
        (
            json!({ "session_idle_seconds": 7_201 }),
            "/session_idle_seconds",
        ),
        (
            json!({ "user_deletion_grace_days": -1 }),
            "/user_deletion_grace_days",
        ),
        (json!({ "session_ttl_minutes": 1 }), "/session_ttl_minutes"),
    ] {
        let answer = change(body).await.expect_problem(422, "invalid_body");
        assert_eq!(answer.text_at("/errors/0/pointer"), pointer);
    }
}

async fn hosts_are_added_and_removed(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let other = app.new_tenant_with_host("other").await;
    let host = format!("{}.example", app.tenant.slug);
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let by_host = app.bare_client().with_host(&host);
    let metadata = "/.well-known/openid-configuration";
    by_host.get(metadata).await.expect(404);
    for _ in 0..2 {
        let added = act(&app, &app.tenant, "PUT", &format!("/hosts/{host}")).await;
        assert_eq!(added.expect(200).json["hosts"], json!([host]));
    }
    let found = by_host.get(metadata).await.expect(200);
    assert_eq!(found.text_at("/issuer"), app.tenant.issuer, "it stays");
    let client = ada.client.under("").with_host(&host);
    client.get("/v1/session").await.expect(200);
    client.get("/v1/session").await.expect(200);
    let taken = other.host.as_deref().unwrap();
    let refused = act(&app, &app.tenant, "PUT", &format!("/hosts/{taken}")).await;
    refused.expect_problem(409, "host_taken");
    let refused = act(&app, &app.tenant, "DELETE", &format!("/hosts/{taken}")).await;
    refused.expect_problem(404, "not_found");
    let removed = act(&app, &app.tenant, "DELETE", &format!("/hosts/{host}")).await;
    assert_eq!(removed.expect(200).json["hosts"], json!([]));
    by_host.get(metadata).await.expect(404);
    // Another tenant may have it now, and memory must not let the first one's token in under it.
    act(&app, &other, "PUT", &format!("/hosts/{host}"))
        .await
        .expect(200);
    client
        .get("/v1/session")
        .await
        .expect_problem(404, "not_found");
    for wrong in ["1.2.3.4", "a%20b", "x:80"] {
        let answer = act(&app, &app.tenant, "PUT", &format!("/hosts/{wrong}")).await;
        answer.expect_problem(404, "not_found");
    }
}
