//! The general limit: who is counted as what, and what a client is told.

use crate::support::clients::{INTROSPECT, assert_invalid_client, assert_oauth_error, client_with};
use crate::support::raw::RawConnection;
use crate::support::{assert_token_refused, audit_events, count, registration};
use keyward_api::{ForwardedHeader, RateLimit, TrustedProxies};
use keyward_testkit::{Answer, TestApp, TestClient, TestDatabase, on_both_engines};
use reqwest::Method;
use std::time::Duration;

on_both_engines!(
    requests_without_a_credential_are_counted_by_network,
    users_behind_one_address_have_an_allowance_each,
    garbage_for_tokens_is_counted_by_network_and_costs_no_one_else,
    a_session_that_asks_too_much_is_refused_and_nobody_else_is,
    what_is_refused_is_not_waited_for_and_leaves_no_trace,
    what_is_not_served_is_counted_too,
    health_is_never_counted,
    a_client_that_proves_itself_is_not_counted_and_one_that_does_not_is,
);

/// A minute's worth of requests, and as many at once.
const BURST: u32 = 12;

async fn start(database: TestDatabase, network: u32, session: u32) -> TestApp {
    TestApp::start_with(database, |options| {
        let header = ForwardedHeader::XForwardedFor;
        options.edge.trusted_proxies = TrustedProxies::new(&["127.0.0.1"], header).unwrap();
        options.edge.rate_limits.network = RateLimit::new(60, network).unwrap();
        options.edge.rate_limits.session = RateLimit::new(60, session).unwrap();
    })
    .await
}

async fn get_from(client: &TestClient, address: &str, path: &str) -> Answer {
    let request = client.request(Method::GET, path);
    client
        .send(request.header("x-forwarded-for", address))
        .await
}

/// How many of `asked` requests are served.
async fn served(client: &TestClient, address: &str, path: &str, asked: u32) -> u32 {
    let mut served = 0;
    for _ in 0..asked {
        match get_from(client, address, path).await {
            answer if answer.status == 429 => drop(answer.expect_problem(429, "rate_limited")),
            _ => served += 1,
        }
    }
    served
}

const METADATA: &str = "/.well-known/openid-configuration";

async fn requests_without_a_credential_are_counted_by_network(database: TestDatabase) {
    let app = start(database, BURST, BURST).await;
    let client = app.client(&app.tenant);
    let first = get_from(&client, "192.0.2.1", METADATA).await.expect(200);
    assert_eq!(first.header("ratelimit-policy"), r#""network";q=12;w=12"#);
    assert_eq!(first.header("ratelimit"), r#""network";r=11;t=1"#);
    assert_eq!(served(&client, "192.0.2.1", METADATA, 20).await, BURST - 1);
    let refused = get_from(&client, "192.0.2.1", METADATA).await;
    let refused = refused.expect_problem(429, "rate_limited");
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(refused.header("ratelimit"), r#""network";r=0;t=12"#);
    assert_eq!(refused.header("x-content-type-options"), "nosniff");
    assert_eq!(served(&client, "192.0.2.2", METADATA, 1).await, 1);
    // One subscriber's IPv6 addresses are one network.
    assert_eq!(served(&client, "2001:db8::1", METADATA, 7).await, 7);
    assert_eq!(served(&client, "2001:db8::2", METADATA, 7).await, BURST - 7);
    app.database.clock.advance(Duration::from_secs(3));
    assert_eq!(served(&client, "192.0.2.1", METADATA, 20).await, 3);
}

async fn users_behind_one_address_have_an_allowance_each(database: TestDatabase) {
    let app = start(database, BURST, 5).await;
    let mut users = Vec::new();
    for number in 0..5 {
        app.database.clock.advance(Duration::from_secs(60));
        let email = format!("user-{number}@example.org");
        users.push(app.member(&app.tenant, &email).await.client);
    }
    for user in &users {
        assert_eq!(served(user, "192.0.2.1", "/v1/session", 9).await, 5);
    }
    // 25 were served, more than the address alone could have had; it still has what it had.
    let anonymous = users[0].anonymous();
    assert_eq!(served(&anonymous, "192.0.2.1", METADATA, 20).await, BURST);
}

async fn garbage_for_tokens_is_counted_by_network_and_costs_no_one_else(database: TestDatabase) {
    let app = start(database, BURST, BURST).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let forged = format!("{}x", ada.client.token());
    for garbage in ["garbage", "a.b.c", &forged] {
        app.database.clock.advance(Duration::from_secs(60));
        let client = ada.client.with_token(garbage);
        assert_token_refused(get_from(&client, "192.0.2.66", "/v1/session").await);
        let more = served(&client, "192.0.2.66", "/v1/session", 20).await;
        assert_eq!(more, BURST - 1, "{garbage}");
    }
    // Another scheme is garbage too.
    app.database.clock.advance(Duration::from_secs(60));
    let anonymous = ada.client.anonymous();
    for asked in 0..20 {
        let request = anonymous.request(Method::GET, "/v1/session");
        let request = request.header("authorization", "Basic YTpi");
        let answer = anonymous.send(request.header("x-forwarded-for", "192.0.2.66"));
        let expected = if asked < BURST { 401 } else { 429 };
        assert_eq!(answer.await.status, expected, "{asked}");
    }
    get_from(&ada.client, "192.0.2.1", "/v1/session")
        .await
        .expect(200);
}

async fn a_session_that_asks_too_much_is_refused_and_nobody_else_is(database: TestDatabase) {
    let app = start(database, 100, 5).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let again = app.sign_in(&app.tenant, "ada@example.org").await;
    let first = ada.client.get("/v1/session").await.expect(200);
    assert_eq!(first.header("ratelimit-policy"), r#""session";q=5;w=5"#);
    // From wherever it comes.
    assert_eq!(served(&ada.client, "192.0.2.1", "/v1/profile", 2).await, 2);
    assert_eq!(served(&ada.client, "192.0.2.2", "/v1/session", 9).await, 2);
    let refused = ada.client.get("/v1/session").await;
    let refused = refused.expect_problem(429, "rate_limited");
    assert_eq!(refused.header("retry-after"), "1");
    again.client.get("/v1/session").await.expect(200);
}

async fn what_is_refused_is_not_waited_for_and_leaves_no_trace(database: TestDatabase) {
    let app = start(database, 100, 3).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    // Each of these would write a denial into the audit log.
    let asked = served(&ada.client, "192.0.2.1", "/v1/admin/audit/events", 9).await;
    assert_eq!(asked, 3);
    let administrator = app.administrator(&app.tenant).await;
    let denied = audit_events(&administrator, "type=access.denied").await;
    assert_eq!(denied.len(), 3);
    // A body that never comes.
    let anonymous = ada.client.anonymous();
    served(&anonymous, "127.0.0.1", METADATA, 120).await;
    let mut connection = RawConnection::open(&app).await;
    let body = registration("eve@example.org").to_string();
    let head = format!(
        "POST {}/v1/auth/register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        ada.client.prefix(),
        body.len()
    );
    connection.write(head).await;
    connection
        .answer()
        .await
        .expect_problem(429, "rate_limited");
    let tenant = app.database.id_literal(app.tenant.id);
    let condition = format!("tenant_id = {tenant} AND email LIKE 'eve%'");
    assert_eq!(count(&app, "users", &condition).await, 0);
}

async fn what_is_not_served_is_counted_too(database: TestDatabase) {
    let app = start(database, BURST, BURST).await;
    let client = app.bare_client();
    for (number, path) in [
        "/no/such/path",
        "/v1/auth/login",
        "/docs",
        "/t/nobody/v1/session",
    ]
    .into_iter()
    .enumerate()
    {
        let address = format!("192.0.2.{number}");
        assert_eq!(served(&client, &address, path, 20).await, BURST, "{path}");
        // A credential that nobody looks at changes nothing.
        let address = format!("198.51.100.{number}");
        let client = client.with_token("garbage");
        assert_eq!(served(&client, &address, path, 20).await, BURST, "{path}");
    }
}

async fn health_is_never_counted(database: TestDatabase) {
    let app = start(database, 1, 1).await;
    let client = app.bare_client();
    for path in ["/healthz", "/readyz"] {
        for _ in 0..5 {
            let answer = client.get(path).await.expect(200);
            assert_eq!(answer.header("ratelimit"), "");
        }
    }
}

async fn a_client_that_proves_itself_is_not_counted_and_one_that_does_not_is(
    database: TestDatabase,
) {
    let app = start(database, BURST, BURST).await;
    let (_, service) = client_with(&app, &["introspect"]).await;
    app.database.clock.advance(Duration::from_secs(60));
    for _ in 0..3 * BURST {
        service.ask(INTROSPECT, &[("token", "x")]).await.expect(200);
    }
    let wrong = service.with_secret("kwc_wrong");
    for _ in 0..BURST {
        assert_invalid_client(wrong.ask(INTROSPECT, &[("token", "x")]).await);
    }
    let answer = wrong.ask(INTROSPECT, &[("token", "x")]).await;
    let answer = assert_oauth_error(answer, 429, "temporarily_unavailable");
    assert_eq!(answer.header("retry-after"), "1");
    // Nor does it cost the one that memory knows; a store that is open beside a server on PostgreSQL keeps nothing there.
    let answer = service.ask(INTROSPECT, &[("token", "x")]).await;
    let is_known = app.platform.engine() == "SQLite";
    assert_eq!(answer.status, if is_known { 200 } else { 429 });
}
