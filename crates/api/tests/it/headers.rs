//! What every answer carries, whatever it is.

use crate::support::raw::RawConnection;
use crate::support::registration;
use keyward_model::Clock;
use keyward_testkit::{Answer, PASSWORD, TestApp, TestDatabase, TestUser, on_both_engines};
use reqwest::Method;
use serde_json::json;
use std::collections::BTreeSet;

on_both_engines!(
    asvs_v3_4_1_asvs_v3_4_4_asvs_v3_4_5_asvs_v3_4_6_asvs_v3_4_8_every_answer_carries_the_security_headers,
    asvs_v14_3_2_nothing_that_is_somebodys_is_kept_by_caches,
    asvs_v4_1_1_every_body_has_its_content_type,
    every_answer_has_a_request_id_of_its_own_and_a_problem_repeats_it,
    asvs_v3_4_2_no_origin_is_let_in,
    asvs_v13_4_6_no_header_or_error_names_what_the_server_is_made_of,
    asvs_v4_1_3_nobody_is_believed_who_says_where_they_come_from,
    a_long_user_agent_is_cut,
    head_answers_as_get_without_a_body,
);

/// One answer of each kind: by status, and the fallback besides.
async fn every_kind_of_answer(app: &TestApp) -> Vec<(&'static str, Answer)> {
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let mut answers = every_kind_of_success(app, &ada).await;
    answers.extend(every_kind_of_refusal(app, &ada).await);
    let path = format!("/v1/sessions/{}", ada.session_id);
    answers.push(("204", ada.client.delete(&path).await.expect(204)));
    answers
}

async fn every_kind_of_success(app: &TestApp, ada: &TestUser) -> Vec<(&'static str, Answer)> {
    let bob = || registration("bob@example.org");
    let (anonymous, bare) = (app.client(&app.tenant), app.bare_client());
    let answers = [
        ("200", ada.client.get("/v1/session").await),
        ("201", anonymous.post("/v1/auth/register", bob()).await),
        ("login", anonymous.post("/v1/auth/login", bob()).await),
        ("keys", anonymous.get("/.well-known/jwks.json").await),
        ("page", bare.get("/docs").await),
        ("style", bare.get("/docs/style.css").await),
        ("description", bare.get("/openapi.json").await),
        ("health", bare.get("/healthz").await),
    ];
    for (kind, answer) in &answers {
        assert!((200..300).contains(&answer.status), "{kind}");
    }
    answers.into()
}

async fn every_kind_of_refusal(app: &TestApp, ada: &TestUser) -> Vec<(&'static str, Answer)> {
    let (client, anonymous) = (&ada.client, app.client(&app.tenant));
    let (taken, stranger) = (registration("ada@example.org"), client.under("/t/nobody"));
    let wrong = json!({ "email": "ada@example.org", "password": "wrong" });
    let too_large = json!({ "name": "x".repeat(70_000) });
    let profile = || client.request(Method::PATCH, "/v1/profile");
    let not_json = profile()
        .header("content-type", "application/json")
        .body("{");
    let answers = [
        ("400", client.send(not_json).await),
        (
            "400 host",
            client.with_host("bad_host").get("/v1/session").await,
        ),
        ("401", anonymous.get("/v1/session").await),
        ("401 token", client.with_token("x").get("/v1/session").await),
        ("401 login", anonymous.post("/v1/auth/login", wrong).await),
        ("403", client.get("/v1/admin/audit/events").await),
        ("404", client.get("/v1/nowhere").await),
        ("404 tenant", stranger.get("/v1/session").await),
        ("404 id", client.delete("/v1/sessions/1").await),
        ("405", client.delete("/v1/session").await),
        ("409", anonymous.post("/v1/auth/register", taken).await),
        ("413", client.patch("/v1/profile", too_large).await),
        ("415", client.send(profile().body("text")).await),
        (
            "422",
            client.patch("/v1/profile", json!({ "name": 7 })).await,
        ),
        ("422 query", client.get("/v1/sessions?x=1").await),
    ];
    for (kind, answer) in &answers {
        assert!(
            kind.starts_with(&answer.status.to_string()),
            "{kind}: {}",
            answer.text
        );
    }
    answers.into()
}

async fn asvs_v3_4_1_asvs_v3_4_4_asvs_v3_4_5_asvs_v3_4_6_asvs_v3_4_8_every_answer_carries_the_security_headers(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    for (kind, answer) in every_kind_of_answer(&app).await {
        for (name, value) in [
            (
                "strict-transport-security",
                "max-age=63072000; includeSubDomains",
            ),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-embedder-policy", "require-corp"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            let values: Vec<_> = answer.headers.get_all(name).iter().collect();
            assert_eq!(values, [value], "{kind}: {name}");
        }
        let policy = answer.header("content-security-policy");
        for directive in [
            "default-src 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        ] {
            assert!(policy.contains(directive), "{kind}: {policy}");
        }
        assert!(
            !policy.contains("unsafe") && !policy.contains('*'),
            "{kind}: {policy}"
        );
        assert!(
            kind == "page" || policy.contains("sandbox"),
            "{kind}: {policy}"
        );
        assert!(
            answer.header("permissions-policy").contains("camera=()"),
            "{kind}"
        );
    }
}

async fn asvs_v14_3_2_nothing_that_is_somebodys_is_kept_by_caches(database: TestDatabase) {
    let app = TestApp::start(database).await;
    for (kind, answer) in every_kind_of_answer(&app).await {
        let expected = match kind {
            "keys" => "public, max-age=300",
            _ => "no-store",
        };
        assert_eq!(answer.header("cache-control"), expected, "{kind}");
        assert!(!answer.headers.contains_key("etag") && !answer.headers.contains_key("set-cookie"));
    }
}

async fn asvs_v4_1_1_every_body_has_its_content_type(database: TestDatabase) {
    let app = TestApp::start(database).await;
    for (kind, answer) in every_kind_of_answer(&app).await {
        let expected = match (kind, answer.status) {
            ("page", _) => "text/html; charset=utf-8",
            ("style", _) => "text/css; charset=utf-8",
            (_, 204) => "",
            (_, 200 | 201) => "application/json",
            _ => "application/problem+json",
        };
        assert_eq!(answer.header("content-type"), expected, "{kind}");
        if expected.contains("json") {
            assert!(answer.json.is_object(), "{kind}: {}", answer.text);
        }
        assert_eq!(
            answer.status == 401,
            answer.headers.contains_key("www-authenticate"),
            "{kind}"
        );
        assert_eq!(
            answer.status == 405,
            answer.headers.contains_key("allow"),
            "{kind}"
        );
    }
}

async fn every_answer_has_a_request_id_of_its_own_and_a_problem_repeats_it(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let mut seen = BTreeSet::new();
    for (kind, answer) in every_kind_of_answer(&app).await {
        let id = answer.header("x-request-id").to_owned();
        let parsed: uuid::Uuid = id.parse().unwrap();
        assert_eq!(parsed.get_version_num(), 7, "{kind}");
        if answer.status >= 400 {
            assert_eq!(answer.json["request_id"], id, "{kind}");
            assert_eq!(answer.json["status"], answer.status, "{kind}");
            let code = answer.text_at("/code");
            assert_eq!(
                answer.text_at("/type"),
                format!("urn:keyward:problem:{code}")
            );
            assert!(!answer.text_at("/title").is_empty());
        }
        assert!(seen.insert(id), "{kind}");
    }
    // What a client calls its request is no name of ours.
    let client = app.bare_client();
    let given = "01890a5d-ac96-774b-bcce-b302099a8056";
    let request = client
        .request(Method::GET, "/healthz")
        .header("x-request-id", given);
    let answer = client.send(request).await;
    let values: Vec<_> = answer.headers.get_all("x-request-id").iter().collect();
    assert!(values.len() == 1 && values[0] != given);
}

async fn asvs_v3_4_2_no_origin_is_let_in(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    for origin in [
        "https://evil.example",
        "null",
        "http://127.0.0.1",
        "https://ada.example.org",
    ] {
        for (method, status) in [(Method::GET, 200), (Method::OPTIONS, 204)] {
            let request = ada
                .client
                .request(method, "/v1/session")
                .header("origin", origin);
            let request = request.header("access-control-request-method", "GET");
            let answer = ada.client.send(request).await.expect(status);
            let mut names = answer.headers.keys().map(|name| name.as_str());
            assert!(
                !names.any(|name| name.starts_with("access-control-")),
                "{origin}"
            );
        }
    }
}

async fn asvs_v13_4_6_no_header_or_error_names_what_the_server_is_made_of(database: TestDatabase) {
    let app = TestApp::start(database).await;
    for (kind, answer) in every_kind_of_answer(&app).await {
        for name in ["server", "x-powered-by", "via"] {
            assert!(!answer.headers.contains_key(name), "{kind}: {name}");
        }
        if answer.status >= 400 {
            let text = answer.text.to_lowercase();
            for word in [
                "axum", "hyper", "rust", "serde", "sqlite", "postgres", "sql", ".rs", "panic",
                PASSWORD,
            ] {
                assert!(!text.contains(word), "{kind}: {word} in {text}");
            }
        }
    }
}

async fn asvs_v4_1_3_nobody_is_believed_who_says_where_they_come_from(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let other = app.new_tenant_with_host("other").await;
    let client = app.client(&app.tenant);
    let mut request = client
        .request(Method::POST, "/v1/auth/login")
        .json(&registration("ada@example.org"));
    for (name, value) in [
        ("x-forwarded-for", "203.0.113.9"),
        ("forwarded", "for=203.0.113.9;host=evil.example"),
        ("x-real-ip", "203.0.113.9"),
        ("true-client-ip", "203.0.113.9"),
        ("x-forwarded-host", other.host.as_deref().unwrap()),
        ("x-forwarded-prefix", "/t/other"),
        ("x-original-url", "/v1/admin/audit/events"),
        ("x-http-method-override", "DELETE"),
        ("x-tenant-id", &other.id.to_string()),
        ("x-user-id", &ada.id.to_string()),
    ] {
        request = request.header(name, value);
    }
    let answer = client.send(request).await.expect(200);
    assert_eq!(answer.text_at("/session/address"), "127.0.0.1");
    assert_eq!(answer.text_at("/user/last_sign_in_address"), "127.0.0.1");
    assert_eq!(answer.text_at("/user/id"), ada.id.to_string());
}

async fn agent_of(app: &TestApp, user_agent: &[u8]) -> Option<String> {
    let client = app.client(&app.tenant);
    let request = client
        .request(Method::POST, "/v1/auth/login")
        .json(&registration("ada@example.org"));
    let answer = client
        .send(request.header("user-agent", user_agent))
        .await
        .expect(200);
    answer.json["session"]["user_agent"]
        .as_str()
        .map(str::to_owned)
}

async fn a_long_user_agent_is_cut(database: TestDatabase) {
    let app = TestApp::start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    let exact = "a".repeat(512);
    assert_eq!(agent_of(&app, exact.as_bytes()).await, Some(exact.clone()));
    assert_eq!(
        agent_of(&app, format!("{exact}b").as_bytes()).await,
        Some(exact)
    );
    let wide = "\u{e9}".repeat(300);
    assert_eq!(
        agent_of(&app, wide.as_bytes()).await,
        Some("\u{e9}".repeat(256))
    );
    let odd = format!("a{wide}");
    assert_eq!(agent_of(&app, odd.as_bytes()).await.unwrap().len(), 511);
    let not_utf8 = agent_of(&app, b"curl\xff8").await;
    assert_eq!(not_utf8.as_deref(), Some("curl\u{fffd}8"));
}

async fn head(app: &TestApp, user: &TestUser, path: &str) -> Answer {
    let mut connection = RawConnection::open(app).await;
    let (prefix, token) = (user.client.prefix(), user.client.token());
    let request = format!(
        "HEAD {prefix}{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    connection.write(request).await;
    let answer = connection.bodiless_answer().await;
    assert!(connection.is_closed().await, "no body follows");
    answer
}

async fn head_answers_as_get_without_a_body(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.administrator(&app.tenant).await;
    for path in [
        "/v1/session",
        "/v1/sessions",
        "/.well-known/jwks.json",
        "/v1/nowhere",
        "/v1/sessions?x=1",
    ] {
        let now = app.database.clock.now();
        let with_body = ada.client.get(path).await;
        app.database.clock.set(now);
        let without = head(&app, &ada, path).await;
        assert_eq!(without.status, with_body.status, "{path}");
        for name in [
            "content-type",
            "content-length",
            "cache-control",
            "x-content-type-options",
        ] {
            assert_eq!(
                without.header(name),
                with_body.header(name),
                "{path}: {name}"
            );
        }
    }
    head(&app, &ada, "/v1/auth/logout").await.expect(405);
}
