//! The client's address, through proxies that are trusted and not.

use crate::support::{audit_events, registration, try_password};
use keyward_api::{ForwardedHeader, TrustedProxies};
use keyward_testkit::{Answer, PASSWORD, TestApp, TestClient, TestDatabase, on_both_engines};
use reqwest::Method;

on_both_engines!(
    asvs_v15_3_4_a_trusted_proxy_says_from_where_a_request_comes,
    asvs_v4_1_3_headers_of_proxies_are_the_clients_own_word_without_one,
    the_host_and_the_scheme_are_never_taken_from_a_header,
);

async fn sign_in_with(client: &TestClient, email: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = client.request(Method::POST, "/v1/auth/login");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = serde_json::json!({ "email": email, "password": PASSWORD });
    client.send(request.json(&body)).await.expect(200)
}

async fn asvs_v15_3_4_a_trusted_proxy_says_from_where_a_request_comes(database: TestDatabase) {
    let app = TestApp::start_with(database, |options| {
        let networks = ["127.0.0.0/8", "10.0.0.0/8"];
        let header = ForwardedHeader::XForwardedFor;
        options.edge.trusted_proxies = TrustedProxies::new(&networks, header).unwrap();
    })
    .await;
    let client = app.client(&app.tenant);
    let administrator = &app.tenant.administrator;
    for (headers, expected) in [
        (vec![("x-forwarded-for", "198.51.100.7")], "198.51.100.7"),
        (
            vec![("x-forwarded-for", "6.6.6.6, 2001:db8::9, 10.3.2.1")],
            "2001:db8::9",
        ),
        (vec![("x-forwarded-for", "nonsense")], "127.0.0.1"),
        (
            vec![("forwarded", "for=6.6.6.6"), ("x-real-ip", "6.6.6.6")],
            "127.0.0.1",
        ),
        (vec![], "127.0.0.1"),
    ] {
        let answer = sign_in_with(&client, administrator, &headers).await;
        assert_eq!(answer.text_at("/session/address"), expected, "{headers:?}");
    }
    let administrator = app.administrator(&app.tenant).await;
    let opened = audit_events(&administrator, "type=session.opened").await;
    let addresses: Vec<_> = opened
        .iter()
        .filter_map(|event| event["personal"]["address"].as_str())
        .collect();
    assert!(addresses.contains(&"198.51.100.7"), "{addresses:?}");
    assert!(!addresses.contains(&"6.6.6.6"), "{addresses:?}");
}

async fn asvs_v4_1_3_headers_of_proxies_are_the_clients_own_word_without_one(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let client = app.client(&app.tenant);
    for name in [
        "x-forwarded-for",
        "x-real-ip",
        "x-client-ip",
        "true-client-ip",
        "cf-connecting-ip",
    ] {
        let headers = [(name, "198.51.100.7"), ("forwarded", "for=198.51.100.7")];
        let answer = sign_in_with(&client, &app.tenant.administrator, &headers).await;
        assert_eq!(answer.text_at("/session/address"), "127.0.0.1", "{name}");
    }
}

async fn the_host_and_the_scheme_are_never_taken_from_a_header(database: TestDatabase) {
    let app = TestApp::start_with(database, |options| {
        let header = ForwardedHeader::XForwardedFor;
        options.edge.trusted_proxies = TrustedProxies::new(&["127.0.0.1"], header).unwrap();
    })
    .await;
    let hosted = app.new_tenant_with_host("hosted").await;
    let host = hosted.host.as_deref().unwrap();
    app.client(&hosted)
        .post("/v1/auth/register", registration("ada@example.org"))
        .await
        .expect(201);
    let path = "/.well-known/openid-configuration";
    let forged = app.client(&app.tenant);
    let request = forged
        .request(Method::GET, path)
        .header("x-forwarded-host", host)
        .header("x-forwarded-proto", "https")
        .header("x-original-url", "/metrics")
        .header("forwarded", format!("host={host};proto=https"));
    let answer = forged.send(request).await.expect(200);
    assert_eq!(answer.text_at("/issuer"), app.tenant.issuer);
    assert_eq!(
        try_password(&app.bare_client(), "ada@example.org", PASSWORD)
            .await
            .status,
        404
    );
}
