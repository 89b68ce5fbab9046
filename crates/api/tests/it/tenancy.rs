//! Which tenant a request is for: by its credential, by `/t/<slug>`, by its host, or by default; and never two.

use crate::support::raw::{RawConnection, send};
use crate::support::{count, recorded_rows, registration, try_password};
use keyward_api::{Endpoint, Plane, endpoints};
use keyward_testkit::{PASSWORD, TestApp, TestDatabase, TestTenant, TestUser, on_both_engines};
use reqwest::Method;
use serde_json::json;

on_both_engines!(
    a_tenant_is_named_by_its_prefix_its_host_or_a_token,
    a_default_tenant_serves_only_requests_that_name_none,
    asvs_v8_4_1_two_names_that_disagree_are_not_found,
    asvs_v8_4_1_no_endpoint_serves_one_tenants_token_under_another,
    asvs_v8_4_1_a_shared_host_that_becomes_a_tenants_serves_no_other,
    a_tenant_that_nobody_knows_is_not_found,
    asvs_v8_4_1_asvs_v1_1_1_odd_spellings_of_a_prefix_reach_no_tenant,
    a_second_host_is_refused,
    what_is_no_host_name_is_refused,
    a_password_is_worth_nothing_in_another_tenant,
    endpoints_of_the_instance_are_under_no_prefix,
);

async fn tenant_of(user: &TestUser, prefix: &str, host: Option<&str>) -> String {
    let mut client = user.client.under(prefix);
    if let Some(host) = host {
        client = client.with_host(host);
    }
    let answer = client.get("/v1/session").await.expect(200);
    answer.text_at("/tenant/slug").to_owned()
}

fn prefix_of(tenant: &TestTenant) -> String {
    format!("/t/{}", tenant.slug)
}

async fn a_tenant_is_named_by_its_prefix_its_host_or_a_token(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let hosted = app.new_tenant_with_host("hosted").await;
    let host = hosted.host.as_deref().unwrap();
    assert_eq!(hosted.issuer, format!("https://{host}"));
    let ada = app.member(&hosted, "ada@example.org").await;
    let prefix = prefix_of(&hosted);
    for (prefix, host) in [
        (prefix.as_str(), None),
        ("", Some(host.to_owned())),
        ("", Some(format!("{host}:8443"))),
        ("", Some(host.to_uppercase())),
        ("", Some(format!("{host}."))),
        ("", Some(format!("{host}.:8443"))),
        ("", None),
        (&prefix, Some(host.to_owned())),
        // A host that is no tenant's own is a shared one.
        ("", Some("shared.example".to_owned())),
        (&prefix, Some("shared.example:80".to_owned())),
        ("", Some("[::1]:8080".to_owned())),
    ] {
        assert_eq!(tenant_of(&ada, prefix, host.as_deref()).await, hosted.slug);
    }
    // Without a credential, too.
    let by_host = app.bare_client().with_host(host);
    let answer = by_host
        .post("/v1/auth/register", registration("bob@example.org"))
        .await;
    answer.expect(201);
    let answer = try_password(&app.client(&hosted), "bob@example.org", PASSWORD).await;
    answer.expect(200);
    let nowhere = app.bare_client();
    let answer = nowhere
        .post("/v1/auth/register", registration("bob@example.org"))
        .await;
    answer.expect_problem(404, "not_found");
    nowhere
        .get("/v1/session")
        .await
        .expect_problem(404, "not_found");
}

async fn a_default_tenant_serves_only_requests_that_name_none(database: TestDatabase) {
    let app = TestApp::start_with(database, |options| options.default_tenant = true).await;
    let hosted = app.new_tenant_with_host("hosted").await;
    let host = hosted.host.as_deref().unwrap();
    let bare = app.bare_client();
    let answer = bare
        .post("/v1/auth/register", registration("ada@example.org"))
        .await;
    answer.expect(201);
    let ada = app.sign_in(&app.tenant, "ada@example.org").await;
    assert_eq!(tenant_of(&ada, "", None).await, app.tenant.slug);
    let eve = app.member(&hosted, "eve@example.org").await;
    assert_eq!(
        tenant_of(&eve, "", None).await,
        hosted.slug,
        "the credential names it"
    );
    let by_host = bare
        .with_host(host)
        .get("/.well-known/openid-configuration")
        .await;
    assert_eq!(by_host.expect(200).text_at("/issuer"), hosted.issuer);
    let by_default = bare.get("/.well-known/openid-configuration").await;
    assert_eq!(by_default.expect(200).text_at("/issuer"), app.tenant.issuer);
    let unknown = bare.under("/t/no-such-tenant").get("/v1/session").await;
    unknown.expect_problem(404, "not_found");
}

async fn asvs_v8_4_1_two_names_that_disagree_are_not_found(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (one, two) = (
        app.new_tenant_with_host("one").await,
        app.new_tenant_with_host("two").await,
    );
    let ada = app.member(&one, "ada@example.org").await;
    let (host, other_host) = (one.host.as_deref().unwrap(), two.host.as_deref().unwrap());
    let (prefix, other_prefix) = (prefix_of(&one), prefix_of(&two));
    let client = &ada.client;
    for disagreeing in [
        client.under(&other_prefix),
        client.under("").with_host(other_host),
        client.under(&prefix).with_host(other_host),
        client.under(&other_prefix).with_host(host),
        client.under(&other_prefix).with_host(other_host),
        client.anonymous().under(&prefix).with_host(other_host),
        client.anonymous().under(&other_prefix).with_host(host),
    ] {
        for path in ["/v1/session", "/.well-known/jwks.json"] {
            let answer = disagreeing.get(path).await.expect_problem(404, "not_found");
            assert_eq!(answer.text_at("/detail"), "no such tenant");
        }
    }
    client
        .under(&prefix)
        .with_host(host)
        .get("/v1/session")
        .await
        .expect(200);
}

/// A path that the endpoint has, with the session's id for each id.
fn path_of(endpoint: &Endpoint, user: &TestUser) -> String {
    endpoint
        .path()
        .replace("{id}", &user.session_id.to_string())
}

async fn asvs_v8_4_1_no_endpoint_serves_one_tenants_token_under_another(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let other = app.new_tenant_with_host("other").await;
    let ada = app.administrator(&app.tenant).await;
    let eve = app.administrator(&other).await;
    let before = recorded_rows(&app, app.tenant.id).await;
    let before = (before, recorded_rows(&app, other.id).await);
    let host = other.host.as_deref().unwrap();
    let mut called = 0;
    for endpoint in endpoints()
        .iter()
        .filter(|endpoint| endpoint.plane() == Plane::Tenant)
        // There no access token is looked at: clients show themselves (`oauth2/introspect.rs`).
        .filter(|endpoint| {
            !endpoint.path().starts_with("/oauth2/") && endpoint.path() != "/v1/revocations"
        })
    {
        let method = Method::from_bytes(endpoint.method().as_bytes()).unwrap();
        for client in [
            ada.client.under(&prefix_of(&other)),
            ada.client.under("").with_host(host),
        ] {
            for path in [path_of(endpoint, &ada), path_of(endpoint, &eve)] {
                let body = registration(&app.tenant.administrator);
                let request = client.request(method.clone(), &path).json(&body);
                let answer = client.send(request).await.expect_problem(404, "not_found");
                assert_eq!(answer.text_at("/detail"), "no such tenant", "{endpoint:?}");
                called += 1;
            }
        }
    }
    assert!(called >= 4 * 14, "{called}");
    let after = recorded_rows(&app, app.tenant.id).await;
    let after = (after, recorded_rows(&app, other.id).await);
    assert!(before == after, "nothing was written in either");
}

async fn a_tenant_that_nobody_knows_is_not_found(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let slug = &app.tenant.slug;
    for name in [
        "no-such-tenant".into(),
        "x".into(),
        "-".into(),
        "a.b".into(),
        slug.to_uppercase(),
        format!("{slug}-"),
        format!("{slug}."),
        "x".repeat(64),
        app.tenant.id.to_string(),
    ] {
        for client in [ada.client.clone(), ada.client.anonymous()] {
            let client = client.under(&format!("/t/{name}"));
            let answer = client
                .get("/v1/session")
                .await
                .expect_problem(404, "not_found");
            assert_eq!(answer.text_at("/detail"), "no such tenant", "{name}");
        }
    }
}

async fn asvs_v8_4_1_asvs_v1_1_1_odd_spellings_of_a_prefix_reach_no_tenant(database: TestDatabase) {
    let app = TestApp::start_with(database, |options| options.default_tenant = true).await;
    let other = app.new_tenant("other").await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let (slug, token) = (&other.slug, ada.client.token());
    let encoded = format!("%{:x}{}", slug.as_bytes()[0], &slug[1..]);
    let twice = format!("%25{:x}{}", slug.as_bytes()[0], &slug[1..]);
    for path in [
        format!("/%74/{slug}/v1/session"),
        format!("/t/{encoded}/v1/session"),
        format!("/t/{twice}/v1/session"),
        format!("/t%2f{slug}/v1/session"),
        format!("/t/{slug}%2fv1/session"),
        format!("/t/{slug}//v1/session"),
        format!("//t/{slug}/v1/session"),
        format!("/t//{slug}/v1/session"),
        format!("/T/{slug}/v1/session"),
        format!("/t/{slug};x/v1/session"),
        format!("/t/{slug} /v1/session").replace(' ', "%20"),
        format!("/t/{slug}/./v1/session"),
        format!("/t/{slug}/../v1/session"),
        format!("/./t/{slug}/v1/session"),
        format!("/v1/../t/{slug}/v1/session"),
        format!("/t/{slug}/t/{slug}/v1/session"),
        format!("/t/{}/t/{slug}/v1/session", app.tenant.slug),
        format!("/t/{slug}/t/{}/v1/session", app.tenant.slug),
        format!("/t/{slug}/v1/session/"),
        format!("/t/{slug}/v1%2fsession"),
        format!("/t/{slug}"),
        format!("/t/{slug}/"),
        "/t/".into(),
        "/t".into(),
        "/t//v1/session".into(),
    ] {
        for credential in [String::new(), format!("\r\nAuthorization: Bearer {token}")] {
            let answer = send(&app, &format!("GET {path} HTTP/1.1{credential}")).await;
            assert_eq!(answer.status, 404, "{path}: {}", answer.text);
            answer.expect_problem(404, "not_found");
        }
    }
}

async fn a_second_host_is_refused(database: TestDatabase) {
    let app = TestApp::start_with(database, |options| options.default_tenant = true).await;
    let (one, two) = (
        app.new_tenant_with_host("one").await,
        app.new_tenant_with_host("two").await,
    );
    let (host, other) = (one.host.as_deref().unwrap(), two.host.as_deref().unwrap());
    let path = "/.well-known/openid-configuration";
    let ask = async |head: String| {
        let mut connection = RawConnection::open(&app).await;
        connection.write(format!("{head}\r\n\r\n")).await;
        connection.answer().await
    };
    let same = ask(format!("GET {path} HTTP/1.1\r\nHost: {host}"))
        .await
        .expect(200);
    assert_eq!(same.text_at("/issuer"), one.issuer);
    let absolute = ask(format!("GET http://{host}{path} HTTP/1.1\r\nHost: {host}")).await;
    assert_eq!(absolute.expect(200).text_at("/issuer"), one.issuer);
    for head in [
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nHost: {other}"),
        format!("GET {path} HTTP/1.1\r\nHost: {other}\r\nHost: {host}"),
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nHost: 127.0.0.1"),
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: {host}"),
        format!("GET http://{host}{path} HTTP/1.1\r\nHost: {other}"),
        format!("GET http://{other}{path} HTTP/1.1\r\nHost: {host}"),
    ] {
        let shown = head.clone();
        let answer = ask(head).await;
        assert_eq!(answer.status, 400, "{shown}: {}", answer.text);
        answer.expect_problem(400, "invalid_host");
    }
}

async fn what_is_no_host_name_is_refused(database: TestDatabase) {
    let app = TestApp::start_with(database, |options| options.default_tenant = true).await;
    let hosted = app.new_tenant_with_host("hosted").await;
    let host = hosted.host.as_deref().unwrap();
    for wrong in [
        format!("{host}:80x"),
        format!("{host},{host}"),
        format!("{host}/"),
        format!("x@{host}"),
        format!("_{host}"),
        format!(".{host}"),
        format!("{host}.."),
        "1.2.3".into(),
        "[x]".into(),
        "::1".into(),
    ] {
        let mut connection = RawConnection::open(&app).await;
        let path = "/.well-known/openid-configuration";
        connection
            .write(format!("GET {path} HTTP/1.1\r\nHost: {wrong}\r\n\r\n"))
            .await;
        let answer = connection.answer().await;
        assert_eq!(answer.status, 400, "{wrong}: {}", answer.text);
        answer.expect_problem(400, "invalid_host");
    }
}

async fn a_password_is_worth_nothing_in_another_tenant(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let other = app.new_tenant("other").await;
    let email = format!("ada-{}@example.org", other.slug);
    app.register(&app.tenant, &email).await;
    let answer = try_password(&app.client(&other), &email, PASSWORD).await;
    answer.expect_problem(401, "invalid_credentials");
    assert_eq!(count(&app, "users", &format!("email = '{email}'")).await, 1);
}

async fn endpoints_of_the_instance_are_under_no_prefix(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let client = app.client(&app.tenant);
    for endpoint in endpoints()
        .iter()
        .filter(|endpoint| endpoint.plane() == Plane::Instance)
    {
        client
            .get(endpoint.path())
            .await
            .expect_problem(404, "not_found");
        app.bare_client().get(endpoint.path()).await.expect(200);
    }
    let answer = client.post("/healthz", json!({})).await;
    assert!([404, 405].contains(&answer.status));
}

async fn asvs_v8_4_1_a_shared_host_that_becomes_a_tenants_serves_no_other(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let host = format!("{}-later.example", app.tenant.slug);
    let at_host = ada.client.under("").with_host(&host);
    for _ in 0..3 {
        at_host.get("/v1/session").await.expect(200);
    }
    let taker = app.new_tenant_at("taker", &host).await;
    at_host
        .get("/v1/session")
        .await
        .expect_problem(404, "not_found");
    let bob = app.member(&taker, "bob@example.org").await;
    let found = bob
        .client
        .under("")
        .with_host(&host)
        .get("/v1/session")
        .await;
    assert_eq!(found.expect(200).text_at("/tenant/slug"), taker.slug);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_warm_session_on_a_shared_host_needs_no_database() {
    let app = TestApp::start(keyward_testkit::sqlite_store()).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let client = |host| ada.client.under("").with_host(host);
    client("id.example").get("/v1/session").await.expect(200);
    let hide = "ALTER TABLE sessions RENAME TO hidden; ALTER TABLE tenant_routes RENAME TO lost";
    app.database.sql_without_notice(hide).await;
    client("id.example").get("/v1/session").await.expect(200);
    assert_eq!(client("new.example").get("/v1/session").await.status, 500);
}
