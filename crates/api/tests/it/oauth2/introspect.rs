//! `POST /oauth2/introspect` (RFC 7662)

use crate::support::clients::{
    BasicClient, CLIENTS, INTROSPECT, assert_invalid_client, assert_oauth_error, basic_client,
    client_with, form,
};
use crate::support::tokens::claims_of;
use crate::support::{disable, sign_in_again};
use keyward_model::Clock;
use keyward_testkit::{TestApp, TestDatabase, on_both_engines};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;

on_both_engines!(
    a_good_access_token_is_said_to_be_and_whose_it_is,
    what_is_no_good_token_is_inactive_and_nothing_else_is_said,
    asvs_v7_4_1_a_token_is_inactive_once_its_session_ended_also_a_warm_one,
    asvs_v8_4_1_another_tenants_token_is_inactive_and_its_clients_are_unknown,
    asvs_v8_2_1_a_client_without_the_right_hears_nothing_of_others_tokens,
    a_refresh_token_is_active_until_it_was_exchanged_and_only_for_who_may_ask,
    a_client_proves_itself_in_the_one_way_that_it_was_made_with,
    asvs_v10_4_10_who_proves_nothing_is_an_invalid_client,
    a_secret_with_signs_in_it_is_decoded_as_a_form,
    what_is_no_request_is_an_invalid_one,
    unknown_parameters_and_hints_are_ignored,
    asking_touches_no_session_and_writes_nothing,
    asvs_v8_3_2_a_disabled_client_is_refused_at_once_and_an_enabled_one_is_not,
    asvs_v8_3_2_a_right_that_was_taken_away_is_gone_at_once,
    a_suspended_tenants_clients_are_refused,
    asvs_v13_3_4_two_secrets_count_for_the_overlap_and_then_the_newer_alone,
);

async fn a_good_access_token_is_said_to_be_and_whose_it_is(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, client) = client_with(&app, &["introspect"]).await;
    let ada = app.member(&app.tenant, "Ada@example.org").await;
    let claims = claims_of(ada.client.token());
    // Cold, and then warm.
    for _ in 0..2 {
        let answer = client
            .ask(INTROSPECT, &[("token", ada.client.token())])
            .await;
        let answer = answer.expect(200);
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
        let expected = json!({
            "active": true,
            "token_type": "Bearer",
            "token_use": "access_token",
            "client_id": "first-party",
            "username": "Ada@example.org",
            "sub": ada.id,
            "sid": ada.session_id,
            "jti": claims.jti,
            "iss": app.tenant.issuer,
            "aud": app.tenant.issuer,
            "iat": claims.iat,
            "exp": claims.exp,
        });
        assert_eq!(answer.json, expected);
    }
}

async fn what_is_no_good_token_is_inactive_and_nothing_else_is_said(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, client) = client_with(&app, &["introspect"]).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let token = ada.client.token();
    assert!(client.finds_active(token).await);
    let (rest, last) = token.split_at(token.len() - 1);
    let changed = format!("{rest}{}", if last == "A" { "Q" } else { "A" });
    for none in [
        "x",
        "a.b.c",
        "kwr_x",
        &changed,
        &format!("{token}.x"),
        &"x".repeat(9_000),
    ] {
        assert!(!client.finds_active(none).await, "{none}");
    }
    let expires_at = claims_of(token).exp;
    let wait = expires_at - app.database.clock.now().seconds();
    app.database
        .clock
        .advance(Duration::from_secs(wait.unsigned_abs()));
    assert!(!client.finds_active(token).await, "its time is over");
}

async fn asvs_v7_4_1_a_token_is_inactive_once_its_session_ended_also_a_warm_one(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let (administrator, client) = client_with(&app, &["introspect"]).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let again = sign_in_again(&app, &app.tenant, &ada).await;
    assert!(client.finds_active(ada.client.token()).await);
    assert!(client.finds_active(again.client.token()).await);
    let path = format!("/v1/admin/sessions/{}", ada.session_id);
    administrator.client.delete(&path).await.expect(204);
    assert!(!client.finds_active(ada.client.token()).await);
    assert!(client.finds_active(again.client.token()).await);
    let path = format!("/v1/admin/users/{}/disable", ada.id);
    administrator
        .client
        .post(&path, json!({}))
        .await
        .expect(200);
    assert!(!client.finds_active(again.client.token()).await);
}

async fn asvs_v8_4_1_another_tenants_token_is_inactive_and_its_clients_are_unknown(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let (_, client) = client_with(&app, &["introspect", "revoke"]).await;
    let other = app.new_tenant("other").await;
    let eve = app.member(&other, "eve@example.org").await;
    let chief = app.administrator(&other).await;
    let theirs = basic_client(&app, &other, &chief, &["introspect"]).await;
    // Their own sees it, also afterwards: it is warm.
    assert!(theirs.finds_active(eve.client.token()).await);
    assert!(!client.finds_active(eve.client.token()).await);
    client.revoke(eve.client.token()).await.expect(200);
    assert!(theirs.finds_active(eve.client.token()).await);
    // A client at another tenant's address is unknown, warm or not; at none it leads to its own.
    let astray = BasicClient {
        http: app.client(&other),
        ..client.clone()
    };
    let token = [("token", eve.client.token())];
    assert_invalid_client(astray.ask(INTROSPECT, &token).await);
    let bare = BasicClient {
        http: app.bare_client(),
        ..theirs
    };
    assert!(bare.finds_active(eve.client.token()).await);
    // And nobody reads or changes another tenant's client.
    let path = format!("{CLIENTS}/{}", client.id);
    for answer in [
        chief.client.get(&path).await,
        chief.client.delete(&path).await,
        chief.client.patch(&path, json!({ "name": "x" })).await,
        chief
            .client
            .post(&format!("{path}/disable"), json!({}))
            .await,
        chief
            .client
            .post(&format!("{path}/rotate-secret"), json!({}))
            .await,
    ] {
        answer.expect_problem(404, "not_found");
    }
}

async fn asvs_v8_2_1_a_client_without_the_right_hears_nothing_of_others_tokens(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let (_, client) = client_with(&app, &["revoke", "introspect_refresh_tokens"]).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    assert!(!client.finds_active(ada.client.token()).await);
    ada.client.get("/v1/session").await.expect(200);
    assert!(!client.finds_active(ada.client.token()).await, "warm");
}

async fn a_refresh_token_is_active_until_it_was_exchanged_and_only_for_who_may_ask(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let rights = ["introspect_refresh_tokens"];
    let (administrator, client) = client_with(&app, &rights).await;
    let other = basic_client(&app, &app.tenant, &administrator, &["introspect", "revoke"]).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let token = ada.answer.text_at("/refresh_token");
    let said = client.introspect(token).await;
    let iat = claims_of(ada.client.token()).iat;
    let expected = json!({
        "active": true,
        "token_use": "refresh_token",
        "client_id": "first-party",
        "username": "ada@example.org",
        "sub": ada.id,
        "sid": ada.session_id,
        "iss": app.tenant.issuer,
        "aud": app.tenant.issuer,
        "iat": iat,
        "exp": iat + 8 * 3_600,
    });
    assert_eq!(said, expected);
    // Whoever asks about what it was shown takes it for no access token.
    assert!(!other.finds_active(token).await);
    let body = json!({ "refresh_token": token });
    let http = app.client(&app.tenant);
    let next = http.post("/v1/auth/refresh", body).await.expect(200);
    assert!(!client.finds_active(token).await, "it was exchanged");
    let next = next.text_at("/refresh_token");
    assert!(client.finds_active(next).await);
    let path = format!("/v1/admin/sessions/{}", ada.session_id);
    administrator.client.delete(&path).await.expect(204);
    assert!(!client.finds_active(next).await);
}

async fn a_client_proves_itself_in_the_one_way_that_it_was_made_with(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (administrator, basic) = client_with(&app, &["introspect"]).await;
    let body = json!({
        "name": "Posts",
        "rights": ["introspect"],
        "token_endpoint_auth_method": "client_secret_post",
    });
    let made = administrator.client.post(CLIENTS, body).await.expect(201);
    let post = BasicClient {
        http: basic.http.clone(),
        id: made.text_at("/client/id").to_owned(),
        secret: made.text_at("/client_secret").to_owned(),
    };
    let in_body = async |client: &BasicClient| {
        let parameters = [
            ("token", "x"),
            ("client_id", client.id.as_str()),
            ("client_secret", client.secret.as_str()),
        ];
        let request = form(&client.http, INTROSPECT, &parameters);
        client.http.send(request).await
    };
    for _ in 0..2 {
        in_body(&post).await.expect(200);
        basic.ask(INTROSPECT, &[("token", "x")]).await.expect(200);
        assert_invalid_client(in_body(&basic).await);
        assert_invalid_client(post.ask(INTROSPECT, &[("token", "x")]).await);
    }
}

async fn asvs_v10_4_10_who_proves_nothing_is_an_invalid_client(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, client) = client_with(&app, &["introspect"]).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let token = [("token", ada.client.token())];
    let unknown = BasicClient {
        id: ada.id.to_string(),
        ..client.clone()
    };
    let wrong = client.with_secret(&format!("{}x", client.secret));
    let upper = BasicClient {
        id: client.id.to_uppercase(),
        ..client.clone()
    };
    let no_id = BasicClient {
        id: "x".to_owned(),
        ..client.clone()
    };
    for refused in [&unknown, &wrong, &client.with_secret(""), &upper, &no_id] {
        assert_invalid_client(refused.ask(INTROSPECT, &token).await);
    }
    // It is warm now, and a wrong secret is wrong all the same.
    client.ask(INTROSPECT, &token).await.expect(200);
    assert_invalid_client(wrong.ask(INTROSPECT, &token).await);
    let none = form(&client.http, INTROSPECT, &token);
    assert_invalid_client(client.http.send(none).await);
    for header in [
        "Basic",
        "Basic !",
        "Basic eA==",
        "Bearer x",
        &format!("Bearer {}", ada.client.token()),
    ] {
        let request = form(&client.http, INTROSPECT, &token).header("authorization", header);
        assert_invalid_client(client.http.send(request).await);
    }
    let named = [token[0], ("client_id", client.id.as_str())];
    let nameless = form(&client.http, INTROSPECT, &named);
    assert_invalid_client(client.http.send(nameless).await);
    let other = [token[0], ("client_id", unknown.id.as_str())];
    assert_invalid_client(client.ask(INTROSPECT, &other).await);
    client.ask(INTROSPECT, &named).await.expect(200);
}

async fn a_secret_with_signs_in_it_is_decoded_as_a_form(database: TestDatabase) {
    use base64::Engine;
    let app = TestApp::start(database).await;
    let (_, client) = client_with(&app, &["introspect"]).await;
    // RFC 6749 §2.3.1: both parts are encoded as in a form before they are put together.
    let encoded: String = client
        .secret
        .bytes()
        .map(|byte| format!("%{byte:02x}"))
        .collect();
    let credential = format!("{}:{encoded}", client.id.replace('-', "%2D"));
    let credential = base64::engine::general_purpose::STANDARD.encode(credential);
    let request = form(&client.http, INTROSPECT, &[("token", "x")]);
    let request = request.header("authorization", format!("basic {credential}"));
    client.http.send(request).await.expect(200);
}

async fn what_is_no_request_is_an_invalid_one(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, client) = client_with(&app, &["introspect"]).await;
    let send = async |media_type: &str, body: &str| {
        let request = client.http.request(Method::POST, INTROSPECT);
        let request = request.basic_auth(&client.id, Some(&client.secret));
        let request = request
            .header("content-type", media_type)
            .body(body.to_owned());
        client.http.send(request).await
    };
    let form = "application/x-www-form-urlencoded";
    send(&format!("{form}; charset=UTF-8"), "token=x")
        .await
        .expect(200);
    for (media_type, body) in [
        (form, ""),
        (form, "token="),
        (form, "token=x&token=x"),
        (form, "token=x&hint=1&hint=2"),
        (form, "token=%zz"),
        (form, "token=x&client_secret=y"),
        (form, "token=x&client_assertion=y"),
        ("application/json", r#"{"token":"x"}"#),
        ("text/plain", "token=x"),
    ] {
        assert_oauth_error(send(media_type, body).await, 400, "invalid_request");
    }
    let long = format!("token={}", "x".repeat(70_000));
    assert_oauth_error(send(form, &long).await, 413, "invalid_request");
}

async fn unknown_parameters_and_hints_are_ignored(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, client) = client_with(&app, &["introspect"]).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    for hint in ["access_token", "refresh_token", "saml2", ""] {
        let parameters = [
            ("token", ada.client.token()),
            ("token_type_hint", hint),
            ("resource", "https://api.example"),
        ];
        let answer = client.ask(INTROSPECT, &parameters).await.expect(200);
        assert_eq!(answer.json["active"], true, "{hint}");
    }
}

async fn asking_touches_no_session_and_writes_nothing(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, client) = client_with(&app, &["introspect"]).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    app.platform.write_token_counts().await;
    let rows = async || {
        let mut tables = app.database.rows_of_tenant(app.tenant.id).await;
        tables.retain(|(table, _)| table != "token_usage");
        tables
    };
    let before = rows().await;
    for _ in 0..3 {
        app.database.clock.advance(Duration::from_secs(70));
        assert!(client.finds_active(ada.client.token()).await);
    }
    assert_eq!(rows().await, before);
}

async fn asvs_v8_3_2_a_disabled_client_is_refused_at_once_and_an_enabled_one_is_not(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let (administrator, client) = client_with(&app, &["introspect"]).await;
    let token = [("token", "x")];
    let path = format!("{CLIENTS}/{}", client.id);
    for _ in 0..2 {
        client.ask(INTROSPECT, &token).await.expect(200);
        let disable = format!("{path}/disable");
        let answer = administrator.client.post(&disable, json!({})).await;
        assert_eq!(answer.expect(200).text_at("/client/status"), "disabled");
        assert_invalid_client(client.ask(INTROSPECT, &token).await);
        let enable = format!("{path}/enable");
        administrator
            .client
            .post(&enable, json!({}))
            .await
            .expect(200);
    }
    client.ask(INTROSPECT, &token).await.expect(200);
    administrator.client.delete(&path).await.expect(204);
    assert_invalid_client(client.ask(INTROSPECT, &token).await);
}

async fn asvs_v8_3_2_a_right_that_was_taken_away_is_gone_at_once(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (administrator, client) = client_with(&app, &["introspect"]).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let path = format!("{CLIENTS}/{}", client.id);
    for _ in 0..2 {
        assert!(client.finds_active(ada.client.token()).await);
        let less = json!({ "rights": ["revoke"] });
        administrator.client.patch(&path, less).await.expect(200);
        assert!(!client.finds_active(ada.client.token()).await);
        let more = json!({ "rights": ["introspect"] });
        administrator.client.patch(&path, more).await.expect(200);
    }
}

async fn a_suspended_tenants_clients_are_refused(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, client) = client_with(&app, &["introspect"]).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    assert!(client.finds_active(ada.client.token()).await);
    let operator = app.operator().because("they did not pay");
    let path = format!("/operator/v1/tenants/{}", app.tenant.slug);
    operator
        .post(&format!("{path}/suspend"), json!({}))
        .await
        .expect(200);
    let answer = client.ask(INTROSPECT, &[("token", "x")]).await;
    assert_oauth_error(answer, 403, "unauthorized_client");
    operator
        .post(&format!("{path}/resume"), json!({}))
        .await
        .expect(200);
    assert!(client.finds_active(ada.client.token()).await);
    disable(&app, "ada@example.org").await;
}

async fn asvs_v13_3_4_two_secrets_count_for_the_overlap_and_then_the_newer_alone(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let (administrator, first) = client_with(&app, &["introspect"]).await;
    let path = format!("{CLIENTS}/{}/rotate-secret", first.id);
    let rotate = async |overlap: i64| {
        let body = json!({ "overlap_seconds": overlap });
        let rotated = administrator.client.post(&path, body).await.expect(200);
        first.with_secret(rotated.text_at("/client_secret"))
    };
    let token = [("token", "x")];
    let is_let_in = async |client: &BasicClient| {
        let answer = client.ask(INTROSPECT, &token).await;
        let status = answer.status;
        if status != 200 {
            assert_invalid_client(answer);
        }
        status == 200
    };
    assert!(is_let_in(&first).await);
    let second = rotate(60).await;
    assert!(is_let_in(&first).await && is_let_in(&second).await);
    app.database.clock.advance(Duration::from_secs(61));
    // Both were warm; the time of the first is over all the same.
    assert!(!is_let_in(&first).await && is_let_in(&second).await);
    let third = rotate(100).await;
    let fourth = rotate(100).await;
    assert!(!is_let_in(&second).await, "never three");
    assert!(is_let_in(&third).await && is_let_in(&fourth).await);
    let fifth = rotate(0).await;
    assert!(!is_let_in(&fourth).await && is_let_in(&fifth).await);
    for overlap in [-1, 604_801] {
        let body = json!({ "overlap_seconds": overlap });
        let refused = administrator.client.post(&path, body).await;
        refused.expect_problem(422, "invalid_body");
    }
}
