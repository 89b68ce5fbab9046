//! Clients of `private_key_jwt` (RFC 7523).

use crate::support::clients::{
    ASSERTION_TYPE, CLIENTS, INTROSPECT, SigningClient, assert_invalid_client, assert_oauth_error,
    form, public_jwk,
};
use keyward_model::SigningAlgorithm;
use keyward_testkit::{TestApp, TestDatabase, on_both_engines};
use serde_json::{Value, json};
use std::time::Duration;

on_both_engines!(
    a_client_of_either_algorithm_asks_by_its_assertion,
    asvs_v10_4_16_an_assertion_is_good_for_once_also_many_at_once,
    asvs_v9_2_3_an_assertion_for_somebody_else_is_refused,
    asvs_v8_3_2_a_key_that_was_taken_away_is_refused_at_once,
    what_is_no_key_is_refused_by_name,
);

async fn a_client_of_either_algorithm_asks_by_its_assertion(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    for algorithm in SigningAlgorithm::ALL {
        let client = SigningClient::new(&app, algorithm, &["introspect"]).await;
        let issuer = &client.issuer;
        for audience in [
            issuer.clone(),
            format!("{issuer}/oauth2/token"),
            format!("{issuer}{INTROSPECT}"),
        ] {
            let mut claims = client.claims(&app);
            claims["aud"] = json!(audience);
            let assertion = client.sign(&claims);
            let answer = client.introspect_by(&assertion, ada.client.token()).await;
            assert_eq!(answer.expect(200).json["active"], true, "{audience}");
        }
    }
}

async fn asvs_v10_4_16_an_assertion_is_good_for_once_also_many_at_once(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let client = SigningClient::new(&app, SigningAlgorithm::EdDsa, &["introspect"]).await;
    // Cold at first, then warm.
    for _ in 0..2 {
        let assertion = client.sign(&client.claims(&app));
        let at_once = (0..16).map(|_| client.introspect_by(&assertion, "x"));
        let answers = futures_util::future::join_all(at_once).await;
        let (good, refused): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!(good.len(), 1);
        refused.into_iter().for_each(assert_invalid_client);
        assert_invalid_client(client.introspect_by(&assertion, "x").await);
    }
    // The name is the client's own: another's is another.
    let mut claims = client.claims(&app);
    let first = client.sign(&claims);
    client.introspect_by(&first, "x").await.expect(200);
    claims["exp"] = json!(claims["exp"].as_i64().unwrap() + 1);
    assert_invalid_client(client.introspect_by(&client.sign(&claims), "x").await);
    let other = SigningClient::new(&app, SigningAlgorithm::EdDsa, &["introspect"]).await;
    let mut same_name = other.claims(&app);
    same_name["jti"] = claims["jti"].clone();
    let theirs = other.sign(&same_name);
    other.introspect_by(&theirs, "x").await.expect(200);
}

async fn asvs_v9_2_3_an_assertion_for_somebody_else_is_refused(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let client = SigningClient::new(&app, SigningAlgorithm::EdDsa, &["introspect"]).await;
    let other = SigningClient::new(&app, SigningAlgorithm::EdDsa, &["introspect"]).await;
    let refuse = async |change: &dyn Fn(&mut Value)| {
        let mut claims = client.claims(&app);
        change(&mut claims);
        assert_invalid_client(client.introspect_by(&client.sign(&claims), "x").await);
    };
    let now = client.claims(&app)["exp"].as_i64().unwrap() - 60;
    refuse(&|claims| claims["aud"] = json!("https://elsewhere.example")).await;
    refuse(&|claims| claims["aud"] = json!([client.issuer, "https://b.example"])).await;
    refuse(&|claims| claims["aud"] = json!(format!("{}/oauth2/revoke", client.issuer))).await;
    refuse(&|claims| claims["iss"] = json!(other.id)).await;
    refuse(&|claims| claims["sub"] = json!(other.id)).await;
    refuse(&|claims| claims["sub"] = json!(1)).await;
    refuse(&|claims| claims["exp"] = json!(now - 1)).await;
    refuse(&|claims| claims["exp"] = json!(now + 900)).await;
    refuse(&|claims| claims["jti"] = json!("")).await;
    refuse(&|claims| drop(claims.as_object_mut().unwrap().remove("jti"))).await;
    // Signed by another's key.
    let forged = other.sign(&client.claims(&app));
    assert_invalid_client(client.introspect_by(&forged, "x").await);
    // Of another kind: an access token is no assertion, and an assertion no access token.
    let ada = app.member(&app.tenant, "ada@example.org").await;
    assert_invalid_client(client.introspect_by(ada.client.token(), "x").await);
    let assertion = client.sign(&client.claims(&app));
    let as_user = client.http.with_token(&assertion);
    as_user
        .get("/v1/session")
        .await
        .expect_problem(401, "invalid_token");
    let parameters = [
        ("token", "x"),
        ("client_assertion_type", "jwt"),
        ("client_assertion", assertion.as_str()),
    ];
    let answer = client
        .http
        .send(form(&client.http, INTROSPECT, &parameters))
        .await;
    assert_oauth_error(answer, 400, "invalid_request");
    let by_secret = [
        ("token", "x"),
        ("client_id", client.id.as_str()),
        ("client_secret", "kwc_x"),
    ];
    let answer = client
        .http
        .send(form(&client.http, INTROSPECT, &by_secret))
        .await;
    assert_invalid_client(answer);
    let named_other = [
        ("token", "x"),
        ("client_id", other.id.as_str()),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", assertion.as_str()),
    ];
    let answer = client
        .http
        .send(form(&client.http, INTROSPECT, &named_other))
        .await;
    assert_invalid_client(answer);
    // Nobody used it so far.
    client.introspect_by(&assertion, "x").await.expect(200);
    app.database.clock.advance(Duration::from_secs(1));
}

async fn asvs_v8_3_2_a_key_that_was_taken_away_is_refused_at_once(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let administrator = app.administrator(&app.tenant).await;
    let client = SigningClient::new(&app, SigningAlgorithm::EdDsa, &["introspect"]).await;
    let good = client.sign(&client.claims(&app));
    client.introspect_by(&good, "x").await.expect(200);
    let path = format!("{CLIENTS}/{}", client.id);
    let jwks = json!({ "jwks": { "keys": [public_jwk(SigningAlgorithm::EdDsa, &[7; 32])] } });
    administrator.client.patch(&path, jwks).await.expect(200);
    let stale = client.sign(&client.claims(&app));
    assert_invalid_client(client.introspect_by(&stale, "x").await);
    // It has no secret, and can be left without a key neither.
    let answer = administrator
        .client
        .post(&format!("{path}/rotate-secret"), json!({}))
        .await;
    answer.expect_problem(409, "client_has_no_secret");
    let none = json!({ "jwks": { "keys": [] } });
    let answer = administrator.client.patch(&path, none).await;
    answer.expect_problem(422, "invalid_body");
}

async fn what_is_no_key_is_refused_by_name(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let administrator = app.administrator(&app.tenant).await;
    let good = public_jwk(SigningAlgorithm::EdDsa, &[7; 32]);
    let make = async |keys: Value| {
        let body = json!({
            "name": "x",
            "rights": [],
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": { "keys": keys },
        });
        administrator.client.post(CLIENTS, body).await
    };
    let with = |name: &str, value: Value| {
        let mut key = good.clone();
        key[name] = value;
        key
    };
    make(json!([
        with("use", json!("sig")),
        with("alg", json!("Ed25519"))
    ]))
    .await
    .expect(201);
    make(json!([with("x5t", json!("ignored"))]))
        .await
        .expect(201);
    for bad in [
        with("d", json!("AAAA")),
        with("kty", json!("RSA")),
        with("crv", json!("Ed448")),
        with("alg", json!("ES256")),
        with("use", json!("enc")),
        with("x", json!("AAAA")),
        with("x", Value::Null),
        with("kid", json!("")),
        json!({ "kty": "oct", "k": "AAAA" }),
    ] {
        let answer = make(json!([good, bad])).await;
        let answer = answer.expect_problem(422, "invalid_body");
        assert_eq!(answer.text_at("/errors/0/pointer"), "/jwks/keys/1", "{bad}");
    }
    for wrong_number in [json!([]), json!([good, good, good, good, good])] {
        make(wrong_number).await.expect_problem(422, "invalid_body");
    }
    for body in [
        json!({ "name": "x", "rights": [], "jwks": { "keys": [good] } }),
        json!({ "name": "x", "rights": [], "token_endpoint_auth_method": "private_key_jwt" }),
        json!({ "name": "x", "rights": [], "token_endpoint_auth_method": "none" }),
        json!({ "name": "x", "rights": ["everything"] }),
        json!({ "name": "", "rights": [] }),
    ] {
        let answer = administrator.client.post(CLIENTS, body).await;
        answer.expect_problem(422, "invalid_body");
    }
}
