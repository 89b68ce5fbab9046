//! `POST /v1/auth/login`

use crate::support::tokens::{claims_of, part};
use crate::support::{
    accepts_password, audit_events, count, disable, names, only_event, registration, sign_in_again,
    try_password,
};
use futures_util::future::join_all;
use keyward_crypto::{HashCost, HashMemory, PasswordHasher};
use keyward_model::{Clock, Password};
use keyward_service::HashLimits;
use keyward_testkit::{Answer, PASSWORD, TestApp, TestDatabase, on_both_engines};
use serde_json::{Value, json};
use std::time::Duration;

on_both_engines!(
    the_answer_is_a_session_with_its_tokens_and_its_user,
    the_access_token_says_who_where_and_until_when,
    the_device_is_kept_as_the_client_described_it,
    a_device_that_is_not_of_its_form_is_refused,
    asvs_v6_3_8_unknown_wrong_and_disabled_get_one_answer,
    each_attempt_leaves_exactly_one_event,
    each_sign_in_opens_a_session_of_its_own,
    the_profile_says_when_and_from_where_the_user_last_signed_in,
    asvs_v11_4_2_a_hash_of_an_older_cost_is_renewed_at_sign_in,
    a_refresh_token_is_stored_as_its_digest_alone,
    who_would_wait_for_too_long_is_told_when_to_come_back,
    a_password_of_any_length_is_presented_but_none_beyond_1024_bytes,
);

async fn the_answer_is_a_session_with_its_tokens_and_its_user(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let registered = app.register(&app.tenant, "ada@example.org").await;
    let answer = try_password(&app.client(&app.tenant), "ADA@example.org", PASSWORD).await;
    let answer = answer.expect(200);
    let now = app.database.clock.now();
    let expected = json!({
        "status": "complete",
        "access_token": answer.json["access_token"],
        "token_type": "Bearer",
        "expires_in": 300,
        "refresh_token": answer.json["refresh_token"],
        "device_token": answer.json["device_token"],
        "session": {
            "id": answer.json["session"]["id"],
            "current": true,
            "created_at": now.to_string(),
            "last_active_at": now.to_string(),
            "expires_at": now.plus_seconds(8 * 3_600).to_string(),
            "idles_out_at": now.plus_seconds(30 * 60).to_string(),
            "address": "127.0.0.1",
            "country": null,
            "user_agent": "testkit",
            "device": { "name": null, "fingerprint": null, "priority": 0 },
            "authenticated_at": now.to_string(),
            "concurrent_sessions": 0,
        },
        "user": {
            "id": registered.json["user"]["id"],
            "email": "ada@example.org",
            "name": null,
            "role": "member",
            "status": "active",
            "created_at": registered.json["user"]["created_at"],
            "last_sign_in_at": now.to_string(),
            "last_sign_in_address": "127.0.0.1",
        },
    });
    assert_eq!(answer.json, expected);
    let refresh_token = answer.text_at("/refresh_token");
    assert!(refresh_token.starts_with("kwr_") && refresh_token.len() == 71);
    let device_token = answer.text_at("/device_token");
    assert!(device_token.starts_with("kwd_") && device_token.len() == 47);
    assert_eq!(answer.header("cache-control"), "no-store");
}

async fn the_access_token_says_who_where_and_until_when(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let user = app.member(&app.tenant, "ada@example.org").await;
    let token = user.client.token();
    let keys = app.client(&app.tenant).get("/.well-known/jwks.json").await;
    let header = part(token, 0);
    let expected = json!({ "alg": "EdDSA", "kid": keys.json["keys"][0]["kid"], "typ": "at+jwt" });
    assert_eq!(header, expected);
    let mut claims = names(&part(token, 1)).join(" ");
    assert_eq!(claims, "aud client_id exp iat iss jti sid sub");
    claims.clear();
    let claims = claims_of(token);
    assert_eq!((claims.sub, claims.sid), (user.id, user.session_id));
    assert_eq!(
        (&claims.iss, &claims.aud),
        (&app.tenant.issuer, &app.tenant.issuer)
    );
    assert_eq!(claims.client_id, "first-party");
    assert_eq!(claims.iat, app.database.clock.now().seconds());
    assert_eq!(claims.exp, claims.iat + 300);
    let again = sign_in_again(&app, &app.tenant, &user).await;
    assert_ne!(claims_of(again.client.token()).jti, claims.jti);
}

async fn the_device_is_kept_as_the_client_described_it(database: TestDatabase) {
    let app = TestApp::start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    let device = json!({ "name": "Ada's laptop \u{1f4bb}", "fingerprint": "f-1", "priority": 7 });
    let mut body = registration("ada@example.org");
    body["device"] = device.clone();
    body["mfa_code"] = json!("123456");
    let answer = client.post("/v1/auth/login", body).await.expect(200);
    assert_eq!(answer.json["session"]["device"], device);
    let client = client.with_token(answer.text_at("/access_token"));
    let session = client.get("/v1/session").await.expect(200);
    assert_eq!(session.json["session"]["device"], device);
}

async fn a_device_that_is_not_of_its_form_is_refused(database: TestDatabase) {
    let app = TestApp::start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    for device in [
        json!({ "name": "" }),
        json!({ "name": "x".repeat(101) }),
        json!({ "name": "bell\u{7}" }),
        json!({ "name": "a", "fingerprint": "f".repeat(257) }),
        json!({ "name": "a", "fingerprint": "f\u{0}" }),
        json!({ "name": "a", "priority": 101 }),
        json!({ "name": "a", "priority": -1 }),
        json!({ "name": "a", "priority": 300 }),
        json!({ "name": "a", "priority": "1" }),
    ] {
        let mut body = registration("ada@example.org");
        body["device"] = device.clone();
        let answer = client.post("/v1/auth/login", body).await;
        assert_eq!(answer.status, 422, "{device}: {}", answer.text);
        let pointer = answer.text_at("/errors/0/pointer");
        assert!(pointer.starts_with("/device"), "{device}: {pointer}");
    }
    assert_eq!(count(&app, "sessions", "device_name = 'a'").await, 0);
}

/// An answer without what differs between any two.
fn comparable(answer: &Answer) -> (u16, Value, Vec<(String, String)>) {
    let mut body = answer.json.clone();
    assert!(body.as_object_mut().unwrap().remove("request_id").is_some());
    let headers = answer
        .headers
        .keys()
        .filter(|name| !["x-request-id", "date"].contains(&name.as_str()));
    let headers = headers.map(|name| (name.to_string(), answer.header(name.as_str()).to_owned()));
    (answer.status, body, headers.collect())
}

async fn asvs_v6_3_8_unknown_wrong_and_disabled_get_one_answer(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let client = app.client(&app.tenant);
    app.register(&app.tenant, "ada@example.org").await;
    let disabled = format!("disabled-{}@example.org", app.tenant.slug);
    app.register(&app.tenant, &disabled).await;
    disable(&app, &disabled).await;
    let unknown = try_password(&client, "nobody@example.org", PASSWORD).await;
    let unknown = unknown.expect_problem(401, "invalid_credentials");
    assert_eq!(
        unknown.header("www-authenticate"),
        r#"Bearer realm="keyward""#
    );
    for (email, password) in [
        ("ada@example.org", "a wrong battery staple"),
        ("ada@example.org", "x"),
        (disabled.as_str(), PASSWORD),
        (disabled.as_str(), "a wrong battery staple"),
    ] {
        let answer = try_password(&client, email, password).await;
        assert_eq!(comparable(&answer), comparable(&unknown), "{email}");
    }
    assert!(accepts_password(&client, "ada@example.org", PASSWORD).await);
}

async fn each_attempt_leaves_exactly_one_event(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let client = app.client(&app.tenant);
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let disabled = format!("disabled-{}@example.org", app.tenant.slug);
    let disabled_id = app.register(&app.tenant, &disabled).await;
    let disabled_id = disabled_id.text_at("/user/id");
    disable(&app, &disabled).await;
    let unknown = try_password(&client, "nobody@example.org", PASSWORD).await;
    let wrong = try_password(&client, "Ada@example.org", "a wrong battery staple").await;
    let refused = try_password(&client, &disabled, PASSWORD).await;
    let administrator = app.administrator(&app.tenant).await;
    let opened = format!("type=session.opened&actor_id={}", ada.id);
    let opened = audit_events(&administrator, &opened).await;
    assert_eq!(opened.len(), 1);
    assert_eq!(
        opened[0]["public"]["target"]["id"],
        ada.session_id.to_string()
    );
    let failures = audit_events(&administrator, "type=user.sign_in_refused").await;
    let expected = [
        (&refused, json!(disabled_id), "disabled", disabled.as_str()),
        (&wrong, json!(ada.id), "wrong_password", "Ada@example.org"),
        (&unknown, json!(null), "unknown_user", "nobody@example.org"),
    ];
    assert_eq!(failures.len(), expected.len());
    for (event, (answer, user_id, reason, email)) in failures.iter().zip(expected) {
        assert_eq!(event["public"]["request_id"], answer.header("x-request-id"));
        assert_eq!(
            event["public"]["target"],
            json!({ "type": "user", "id": user_id })
        );
        assert_eq!(event["public"]["details"]["reason"], reason);
        assert_eq!(event["public"]["outcome"], "failure");
        assert_eq!(event["personal"]["details"]["email"], email);
    }
}

async fn each_sign_in_opens_a_session_of_its_own(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let first = app.member(&app.tenant, "ada@example.org").await;
    // Signing in while signed in neither continues nor ends the session at hand.
    let answer = try_password(&first.client, "ada@example.org", PASSWORD)
        .await
        .expect(200);
    assert_ne!(answer.text_at("/session/id"), first.session_id.to_string());
    for secret in ["/access_token", "/refresh_token"] {
        assert_ne!(answer.text_at(secret), first.answer.text_at(secret));
    }
    first.client.get("/v1/session").await.expect(200);
}

async fn the_profile_says_when_and_from_where_the_user_last_signed_in(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let first = app.database.clock.now().to_string();
    let client = app.client(&app.tenant);
    assert!(!accepts_password(&client, "ada@example.org", "a wrong battery staple").await);
    let profile = ada.client.get("/v1/profile").await.expect(200);
    assert_eq!(profile.text_at("/user/last_sign_in_at"), first);
    assert_eq!(profile.text_at("/user/last_sign_in_address"), "127.0.0.1");
    sign_in_again(&app, &app.tenant, &ada).await;
    let second = app.database.clock.now().to_string();
    let profile = ada.client.get("/v1/profile").await.expect(200);
    assert_eq!(profile.text_at("/user/last_sign_in_at"), second);
}

async fn asvs_v11_4_2_a_hash_of_an_older_cost_is_renewed_at_sign_in(database: TestDatabase) {
    let today = HashCost {
        iterations: 3,
        ..HashCost::default()
    };
    let app = TestApp::start_with(database, |options| options.hash_cost = today).await;
    let user = app.register(&app.tenant, "ada@example.org").await;
    let id = app
        .database
        .id_literal::<()>(user.text_at("/user/id").parse().unwrap());
    let former = PasswordHasher::new(HashCost::default(), &app.database.random).unwrap();
    let password = Password::chosen(PASSWORD).unwrap();
    let hash = former
        .hash(&password, &app.database.random, &mut HashMemory::new())
        .unwrap();
    let update = format!(
        "UPDATE users SET password_hash = '{}' WHERE id = {id}",
        hash.expose()
    );
    app.database.admin_sql(&update).await;
    let stored = async || {
        let query = format!("SELECT password_hash, password_version FROM users WHERE id = {id}");
        app.database.admin_rows(&query).await.remove(0)
    };
    let client = app.client(&app.tenant);
    assert!(!accepts_password(&client, "ada@example.org", "a wrong battery staple").await);
    assert!(
        stored().await[0]
            .as_deref()
            .unwrap()
            .contains("m=19456,t=2,p=1")
    );
    assert!(accepts_password(&client, "ada@example.org", PASSWORD).await);
    let renewed = stored().await;
    assert!(renewed[0].as_deref().unwrap().contains("m=19456,t=3,p=1"));
    assert_eq!(renewed[1].as_deref(), Some("1"), "it is the same password");
    assert!(accepts_password(&client, "ada@example.org", PASSWORD).await);
    assert_eq!(stored().await, renewed, "once is enough");
    let administrator = app.administrator(&app.tenant).await;
    only_event(&administrator, "user.sign_in_refused").await;
    let filter = format!("type=session.opened&actor_id={}", user.text_at("/user/id"));
    let opened = audit_events(&administrator, &filter).await;
    let details: Vec<_> = opened
        .iter()
        .map(|event| &event["public"]["details"]["password_hash_upgraded"])
        .collect();
    assert_eq!(details, [&json!(null), &json!(true)]);
}

async fn a_refresh_token_is_stored_as_its_digest_alone(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let token = ada.answer.text_at("/refresh_token");
    let rows = app.database.rows_of_tenant(app.tenant.id).await;
    let everything = format!("{rows:?}");
    assert!(!everything.contains(&token[4..]));
    let digest = keyward_crypto::sha256(token.as_bytes()).0;
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(everything.contains(&digest));
    assert!(!everything.contains(ada.client.token()));
}

async fn who_would_wait_for_too_long_is_told_when_to_come_back(database: TestDatabase) {
    let app = TestApp::start_with(database, |options| {
        options.hashing = HashLimits {
            threads: 1,
            // Less than one hash is first taken to last: nobody waits behind somebody who waits.
            wait_max: Duration::from_millis(10),
        };
    })
    .await;
    app.register(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    let attempts = (0..5).map(|_| try_password(&client, "ada@example.org", PASSWORD));
    let answers = join_all(attempts).await;
    let (right, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    assert!(!right.is_empty() && !refused.is_empty());
    for answer in refused {
        let answer = answer.expect_problem(503, "unavailable");
        assert_eq!(answer.header("retry-after"), "1");
    }
}

async fn a_password_of_any_length_is_presented_but_none_beyond_1024_bytes(database: TestDatabase) {
    let app = TestApp::start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    for length in [0, 1, 14, 1_024] {
        assert!(!accepts_password(&client, "ada@example.org", &"p".repeat(length)).await);
    }
    let answer = try_password(&client, "ada@example.org", &"p".repeat(1_025)).await;
    let answer = answer.expect_problem(422, "invalid_body");
    assert_eq!(answer.text_at("/errors/0/pointer"), "/password");
}
