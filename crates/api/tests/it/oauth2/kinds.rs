//! No kind of token passes for another (AUTH-4): each is presented wherever another is taken.

use crate::support::assert_token_refused;
use crate::support::clients::{INTROSPECT, REVOKE, assert_invalid_client, client_with, form};
use keyward_testkit::{TestApp, TestDatabase, on_both_engines};
use reqwest::Method;
use serde_json::json;

on_both_engines!(
    asvs_v9_2_2_only_an_access_token_opens_anything,
    asvs_v9_2_2_only_a_refresh_token_continues_a_session,
    asvs_v9_2_2_no_token_is_a_clients_secret,
    asvs_v9_2_2_a_name_or_secret_is_no_token_to_ask_about,
);

async fn asvs_v9_2_2_only_an_access_token_opens_anything(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (administrator, client) = client_with(&app, &["introspect"]).await;
    let body = json!({ "name": "Shop", "allowed_origins": [] });
    let key = administrator
        .client
        .post("/v1/admin/publishable-keys", body)
        .await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    for other in [
        ada.answer.text_at("/refresh_token"),
        key.text_at("/publishable_key/key"),
        client.secret.as_str(),
        client.id.as_str(),
        "sk_live_aaaaaaaaaaaaaaaa",
        "kwi_aaaaaaaaaaaaaaaaaaaa",
    ] {
        let bearer = ada.client.with_token(other);
        for path in ["/v1/session", "/v1/profile", "/v1/admin/users"] {
            assert_token_refused(bearer.get(path).await);
        }
        // Nor does it name the tenant as a publishable key does, except the one that is.
        let request = app.bare_client().request(Method::GET, "/v1/session");
        let answer = app
            .bare_client()
            .send(request.header("x-publishable-key", other))
            .await;
        match other.starts_with("pk_") {
            true => drop(answer.expect_problem(401, "unauthenticated")),
            false => drop(answer.expect_problem(404, "not_found")),
        }
    }
}

async fn asvs_v9_2_2_only_a_refresh_token_continues_a_session(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, client) = client_with(&app, &["introspect"]).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    for other in [
        ada.client.token(),
        client.secret.as_str(),
        client.id.as_str(),
        "sk_live_aaaaaaaaaaaaaaaa",
        "kwi_aaaaaaaaaaaaaaaaaaaa",
    ] {
        let body = json!({ "refresh_token": other });
        let answer = client.http.post("/v1/auth/refresh", body).await;
        answer.expect_problem(401, "invalid_refresh_token");
    }
    let body = json!({ "refresh_token": ada.answer.text_at("/refresh_token") });
    client.http.post("/v1/auth/refresh", body).await.expect(200);
}

async fn asvs_v9_2_2_no_token_is_a_clients_secret(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, client) = client_with(&app, &["introspect", "revoke"]).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    for other in [
        ada.client.token(),
        ada.answer.text_at("/refresh_token"),
        &client.id,
        "",
    ] {
        for path in [INTROSPECT, REVOKE] {
            let wrong = client.with_secret(other);
            assert_invalid_client(wrong.ask(path, &[("token", "x")]).await);
        }
    }
    // A user is no client, whoever they are.
    for path in [INTROSPECT, REVOKE] {
        let request = form(&ada.client, path, &[("token", ada.client.token())]);
        assert_invalid_client(ada.client.send(request).await);
    }
}

async fn asvs_v9_2_2_a_name_or_secret_is_no_token_to_ask_about(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (administrator, client) = client_with(&app, &["introspect", "revoke"]).await;
    let body = json!({ "name": "Shop", "allowed_origins": [] });
    let key = administrator
        .client
        .post("/v1/admin/publishable-keys", body)
        .await;
    for other in [
        key.text_at("/publishable_key/key"),
        &client.secret,
        &client.id,
        "sk_live_aaaaaaaaaaaaaaaa",
    ] {
        assert!(!client.finds_active(other).await, "{other}");
    }
    // Each of them is what it was.
    client.revoke(&client.secret).await.expect(200);
    client.ask(INTROSPECT, &[("token", "x")]).await.expect(200);
}
