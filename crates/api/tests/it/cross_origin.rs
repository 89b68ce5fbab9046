//! CORS: which page may see which answer.

use crate::support::registration;
use keyward_api::RateLimit;
use keyward_testkit::{
    Answer, TestApp, TestClient, TestDatabase, TestTenant, TestUser, on_both_engines,
};
use reqwest::Method;
use serde_json::{Value, json};

on_both_engines!(
    asvs_v3_4_2_a_page_sees_an_answer_only_if_the_tenant_allows_its_origin,
    a_preflight_is_answered_for_whom_its_url_names,
    asvs_v3_4_2_odd_origins_are_never_echoed,
    a_page_can_read_what_was_refused,
    an_origin_is_no_longer_allowed_when_its_key_is_disabled,
    an_answer_to_no_page_says_nothing_of_origins,
);

/// Makes a key that allows the origin.
async fn allow(administrator: &TestUser, origin: &str) -> Value {
    let body = json!({ "name": "Shop", "mode": "test", "allowed_origins": [origin] });
    let answer = administrator
        .client
        .post("/v1/admin/publishable-keys", body)
        .await;
    answer.expect(201).json["publishable_key"].clone()
}

/// An origin that no other test allows: on PostgreSQL they share a database.
fn unique_origin(app: &TestApp, name: &str) -> String {
    format!("https://{name}-{}.example", app.database.mint::<()>())
}

async fn get_from(client: &TestClient, origin: &str, path: &str) -> Answer {
    let request = client.request(Method::GET, path);
    client.send(request.header("origin", origin)).await
}

async fn preflight(client: &TestClient, origin: &str, path: &str) -> Answer {
    let request = client.anonymous().request(Method::OPTIONS, path);
    let request = request
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "authorization,content-type",
        );
    client.send(request).await
}

#[track_caller]
fn assert_allowed(answer: &Answer, origin: &str) {
    assert_eq!(
        answer.header("access-control-allow-origin"),
        origin,
        "{}",
        answer.text
    );
    assert_eq!(
        answer
            .headers
            .get_all("access-control-allow-origin")
            .iter()
            .count(),
        1
    );
    assert!(answer.header("vary").contains("origin"));
    assert_eq!(answer.header("access-control-allow-credentials"), "");
}

#[track_caller]
fn assert_silent(answer: &Answer) {
    let told = answer
        .headers
        .keys()
        .filter(|name| name.as_str().starts_with("access-control-"));
    assert_eq!(told.count(), 0, "{:?}", answer.headers);
    assert!(answer.header("vary").contains("origin"));
}

async fn asvs_v3_4_2_a_page_sees_an_answer_only_if_the_tenant_allows_its_origin(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let other = app.new_tenant("other").await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let (ours, theirs) = (unique_origin(&app, "ours"), unique_origin(&app, "theirs"));
    allow(&app.administrator(&app.tenant).await, &ours).await;
    allow(&app.administrator(&other).await, &theirs).await;
    // With a token, cold and warm, with and without a prefix; and without a token.
    for client in [
        ada.client.clone(),
        ada.client.under(""),
        ada.client.clone(),
        ada.client.under(""),
    ] {
        let answer = get_from(&client, &ours, "/v1/session").await.expect(200);
        assert_allowed(&answer, &ours);
        let exposed = answer.header("access-control-expose-headers");
        for name in ["ratelimit", "retry-after", "x-request-id", "etag"] {
            assert!(exposed.contains(name), "{exposed}");
        }
        // The origin of another tenant's page: the token decides, whatever anybody else allows.
        assert_silent(&get_from(&client, &theirs, "/v1/session").await.expect(200));
        assert_silent(
            &get_from(&client, "https://evil.example", "/v1/session")
                .await
                .expect(200),
        );
    }
    let metadata = "/.well-known/jwks.json";
    let anonymous = ada.client.anonymous();
    assert_allowed(
        &get_from(&anonymous, &ours, metadata).await.expect(200),
        &ours,
    );
    assert_silent(&get_from(&anonymous, &theirs, metadata).await.expect(200));
    let request = anonymous
        .request(Method::POST, "/v1/auth/register")
        .header("origin", &ours);
    let answer = anonymous
        .send(request.json(&registration("bob@example.org")))
        .await;
    assert_allowed(&answer.expect(201), &ours);
}

async fn a_preflight_is_answered_for_whom_its_url_names(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (one, two) = (
        app.new_tenant_with_host("one").await,
        app.new_tenant_with_host("two").await,
    );
    let origin = unique_origin(&app, "page");
    allow(&app.administrator(&one).await, &origin).await;
    let at_host =
        |tenant: &TestTenant| app.bare_client().with_host(tenant.host.as_deref().unwrap());
    for client in [
        app.client(&one),
        at_host(&one),
        // A shared host without a prefix: some tenant allows it, and a credential will say who is meant.
        app.bare_client(),
        app.bare_client().with_host("shared.example"),
    ] {
        for path in ["/v1/auth/login", "/v1/session", "/v1/profile"] {
            let answer = preflight(&client, &origin, path).await.expect(204);
            assert_allowed(&answer, &origin);
            let headers = answer.header("access-control-allow-headers");
            for name in [
                "authorization",
                "content-type",
                "idempotency-key",
                "x-publishable-key",
            ] {
                assert!(headers.contains(name), "{headers}");
            }
            for method in ["GET", "POST", "PATCH", "DELETE"] {
                assert!(
                    answer
                        .header("access-control-allow-methods")
                        .contains(method)
                );
            }
            assert_eq!(answer.header("access-control-max-age"), "600");
            assert_eq!(answer.header("access-control-expose-headers"), "");
            assert!(answer.text.is_empty());
        }
    }
    for client in [app.client(&two), at_host(&two)] {
        let refused = preflight(&client, &origin, "/v1/session").await.expect(204);
        assert_silent(&refused);
    }
    let nobody = preflight(&app.bare_client(), "https://evil.example", "/v1/session").await;
    assert_silent(&nobody.expect(204));
    // What is no preflight is what it was.
    let request = app.client(&one).request(Method::OPTIONS, "/v1/session");
    let answer = app
        .bare_client()
        .send(request.header("origin", &origin))
        .await;
    let answer = answer.expect_problem(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), "GET,HEAD");
}

async fn asvs_v3_4_2_odd_origins_are_never_echoed(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let administrator = app.administrator(&app.tenant).await;
    let origin = unique_origin(&app, "app");
    allow(&administrator, &origin).await;
    let host = origin.strip_prefix("https://").unwrap().to_owned();
    for odd in [
        "null".to_owned(),
        "*".to_owned(),
        String::new(),
        format!("http://{host}"),
        format!("{origin}.evil.example"),
        format!("https://evil-{host}"),
        format!("https://evil.example/{origin}"),
        format!("https://sub.{host}"),
        format!("{origin}:444"),
        format!("{origin}:443"),
        format!("{origin}/"),
        format!("{origin}?x"),
        origin.to_uppercase(),
        format!("{origin} https://evil.example"),
        format!("https://evil.example, {origin}"),
        format!("https://x@{host}"),
    ] {
        let answer = get_from(&administrator.client, &odd, "/v1/session").await;
        assert_silent(&answer.expect(200));
        assert_silent(
            &preflight(&administrator.client, &odd, "/v1/session")
                .await
                .expect(204),
        );
    }
    let request = administrator.client.request(Method::GET, "/v1/session");
    let request = request
        .header("origin", &origin)
        .header("origin", "https://evil.example");
    assert_silent(&administrator.client.send(request).await.expect(200));
}

async fn a_page_can_read_what_was_refused(database: TestDatabase) {
    let app = TestApp::start_with(database, |options| {
        options.edge.rate_limits.network = RateLimit::new(60, 100).unwrap();
        options.edge.rate_limits.session = RateLimit::new(60, 10).unwrap();
    })
    .await;
    let other = app.new_tenant("other").await;
    let administrator = app.administrator(&app.tenant).await;
    let (ours, theirs) = (unique_origin(&app, "ours"), unique_origin(&app, "theirs"));
    allow(&administrator, &ours).await;
    allow(&app.administrator(&other).await, &theirs).await;
    let client = &administrator.client;
    for (client, path, status) in [
        (client.with_token("garbage"), "/v1/session", 401),
        (client.anonymous(), "/v1/session", 401),
        (client.clone(), "/v1/no-such-path", 404),
        (client.clone(), "/v1/sessions?limit=0", 422),
        (client.clone(), "/v1/auth/login", 405),
    ] {
        let answer = get_from(&client, &ours, path).await.expect(status);
        assert_allowed(&answer, &ours);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert_silent(&get_from(&client, &theirs, path).await.expect(status));
    }
    // One too many, in a session and from a network.
    for (client, name) in [(client.clone(), "session"), (client.anonymous(), "network")] {
        let mut answer = get_from(&client, &ours, "/v1/session").await;
        for _ in 0..120 {
            if answer.status == 429 {
                break;
            }
            answer = get_from(&client, &ours, "/v1/session").await;
        }
        let answer = answer.expect_problem(429, "rate_limited");
        assert!(answer.header("ratelimit").contains(name));
        assert_allowed(&answer, &ours);
        assert_silent(&get_from(&client, &theirs, "/v1/session").await.expect(429));
    }
}

async fn an_origin_is_no_longer_allowed_when_its_key_is_disabled(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let administrator = app.administrator(&app.tenant).await;
    let origin = unique_origin(&app, "page");
    let key = allow(&administrator, &origin).await;
    let client = &administrator.client;
    for _ in 0..2 {
        assert_allowed(&get_from(client, &origin, "/v1/session").await, &origin);
        assert_allowed(&preflight(client, &origin, "/v1/session").await, &origin);
    }
    let id = key["id"].as_str().unwrap();
    let path = format!("/v1/admin/publishable-keys/{id}/disable");
    client.post(&path, json!({})).await.expect(200);
    assert_silent(&get_from(client, &origin, "/v1/session").await.expect(200));
    // A preflight is remembered for five seconds.
    app.database
        .clock
        .advance(std::time::Duration::from_secs(6));
    assert_silent(&preflight(client, &origin, "/v1/session").await.expect(204));
}

async fn an_answer_to_no_page_says_nothing_of_origins(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let administrator = app.administrator(&app.tenant).await;
    assert_silent(&administrator.client.get("/v1/session").await.expect(200));
    assert_silent(&app.bare_client().get("/healthz").await.expect(200));
}
