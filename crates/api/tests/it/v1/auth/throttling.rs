//! Attempts at credentials: how many there may be, for whom, and what strangers can do to an account.

mod closing;
mod devices;
mod exactness;
mod keeping;

use crate::support::{count, recorded_rows, try_password};
use keyward_api::{ForwardedHeader, TrustedProxies};
use keyward_service::ThrottlingSettings;
use keyward_testkit::{Answer, PASSWORD, TestApp, TestClient, TestDatabase, on_both_engines};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

on_both_engines!(
    asvs_v6_3_1_the_sixth_attempt_in_a_window_is_refused_and_told_when_to_come_back,
    asvs_v6_3_8_an_address_without_an_account_is_throttled_alike,
    a_window_slides_to_the_microsecond,
    what_is_right_is_given_back,
    what_was_never_looked_at_is_given_back,
    a_refused_attempt_writes_nothing,
    asvs_v6_3_1_one_network_tries_a_hundred_accounts_and_no_more,
    asvs_v6_3_1_a_tenant_bears_so_many_attempts_and_no_more,
    a_tenant_sets_what_its_accounts_bear,
    tenants_and_factors_are_counted_apart,
    asvs_v6_3_1_invitations_are_throttled_by_network,
    asvs_v6_3_1_addresses_to_register_are_throttled_by_network,
    what_is_counted_names_nobody,
);

/// A password that nobody has.
const WRONG: &str = "a wrong battery staple";
const WINDOW: Duration = Duration::from_secs(900);

/// An app whose clients say in a header from where they come.
async fn start(database: TestDatabase) -> TestApp {
    start_with(database, ThrottlingSettings::default()).await
}

async fn start_with(database: TestDatabase, throttling: ThrottlingSettings) -> TestApp {
    TestApp::start_with(database, |options| {
        let header = ForwardedHeader::XForwardedFor;
        options.edge.trusted_proxies = TrustedProxies::new(&["127.0.0.1"], header).unwrap();
        options.throttling = throttling;
        // These tests let hours pass, which the queue would take for the time of a hash.
        options.hashing.wait_max = Duration::from_secs(1_000_000);
    })
    .await
}

/// Sends a body from an address.
async fn post_from(client: &TestClient, address: &str, path: &str, body: &Value) -> Answer {
    let request = client.request(Method::POST, path).json(body);
    client
        .send(request.header("x-forwarded-for", address))
        .await
}

/// Tries a password from an address.
async fn try_from(client: &TestClient, address: &str, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password });
    post_from(client, address, "/v1/auth/login", &body).await
}

/// The same on a device that says it is known by a token.
async fn try_on(client: &TestClient, token: &str, email: &str, password: &str) -> Answer {
    let device = json!({ "name": "laptop", "token": token });
    let body = json!({ "email": email, "password": password, "device": device });
    client.post("/v1/auth/login", body).await
}

/// Fails `times` times from an address.
async fn fail_from(client: &TestClient, address: &str, email: &str, times: usize) {
    for _ in 0..times {
        let answer = try_from(client, address, email, WRONG).await;
        answer.expect_problem(401, "invalid_credentials");
    }
}

#[track_caller]
fn expect_throttled(answer: Answer, window: &str) -> Answer {
    let answer = answer.expect_problem(429, "too_many_attempts");
    let limits = answer.header("ratelimit").to_owned();
    assert!(
        limits.starts_with(&format!("\"{window}_attempts\";r=0;t=")),
        "{limits}"
    );
    answer
}

async fn asvs_v6_3_1_the_sixth_attempt_in_a_window_is_refused_and_told_when_to_come_back(
    database: TestDatabase,
) {
    let app = start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    fail_from(&client, "192.0.2.1", "ada@example.org", 5).await;
    // From elsewhere too, and with the right password too: nobody looks at it any more.
    for (address, password) in [("192.0.2.1", WRONG), ("198.51.100.1", PASSWORD)] {
        let refused = try_from(&client, address, "ada@example.org", password).await;
        let refused = expect_throttled(refused, "account");
        assert_eq!(
            refused.header("ratelimit-policy"),
            r#""account_attempts";q=5;w=900"#
        );
        assert_eq!(
            refused.header("ratelimit"),
            r#""account_attempts";r=0;t=900"#
        );
        assert_eq!(refused.header("retry-after"), "900");
        assert_eq!(refused.header("cache-control"), "no-store");
    }
    app.database.clock.advance(WINDOW);
    try_from(&client, "192.0.2.1", "ada@example.org", PASSWORD)
        .await
        .expect(200);
}

/// An answer without what differs between any two.
fn comparable(answer: &Answer) -> (u16, Value, Vec<(String, String)>) {
    let mut body = answer.json.clone();
    assert!(body.as_object_mut().unwrap().remove("request_id").is_some());
    let headers = answer.headers.iter();
    let headers = headers.filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()));
    let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap().to_owned();
    let headers = headers.map(|(name, value)| (name.to_string(), text(value)));
    (answer.status, body, headers.collect())
}

async fn asvs_v6_3_8_an_address_without_an_account_is_throttled_alike(database: TestDatabase) {
    let app = start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    for _ in 0..9 {
        let known = try_from(&client, "192.0.2.1", "Ada@example.org", WRONG).await;
        let unknown = try_from(&client, "192.0.2.1", "Nobody@example.org", WRONG).await;
        assert_eq!(comparable(&known), comparable(&unknown));
    }
    let unknown = try_from(&client, "192.0.2.1", "nobody@example.org", WRONG).await;
    expect_throttled(unknown, "account");
}

async fn a_window_slides_to_the_microsecond(database: TestDatabase) {
    let app = start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    let begun = app.database.now();
    fail_from(&client, "192.0.2.1", "ada@example.org", 5).await;
    // The client moves the clock by a millisecond before it sends.
    let first = begun.plus_micros(1_000).plus_seconds(900);
    for (moment, status) in [
        (first.plus_micros(-1), 429),
        (first, 401),
        (first.plus_micros(999), 429),
    ] {
        app.database.clock.set(moment.plus_micros(-1_000));
        let answer = try_from(&client, "192.0.2.1", "ada@example.org", WRONG).await;
        assert_eq!(answer.status, status, "{moment}: {}", answer.text);
    }
}

async fn what_is_right_is_given_back(database: TestDatabase) {
    let app = start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    for _ in 0..3 {
        fail_from(&client, "192.0.2.1", "ada@example.org", 1).await;
        for _ in 0..7 {
            try_from(&client, "192.0.2.1", "ada@example.org", PASSWORD)
                .await
                .expect(200);
        }
    }
    // Failures stay: a success takes back its own count alone.
    fail_from(&client, "192.0.2.1", "ada@example.org", 2).await;
    let refused = try_from(&client, "192.0.2.1", "ada@example.org", PASSWORD).await;
    expect_throttled(refused, "account");
}

async fn what_was_never_looked_at_is_given_back(database: TestDatabase) {
    let app = TestApp::start_with(database, |options| {
        options.hashing.threads = 1;
        // Nobody waits behind somebody who waits.
        options.hashing.wait_max = Duration::from_millis(10);
    })
    .await;
    app.register(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    let mut busy = 0;
    for _ in 0..9 {
        // As many at once as may be tried, of which some find no turn.
        let attempts = (0..4).map(|_| try_password(&client, "ada@example.org", PASSWORD));
        for answer in futures_util::future::join_all(attempts).await {
            busy += u32::from(answer.status == 503);
            assert!([200, 503].contains(&answer.status), "{}", answer.text);
        }
    }
    assert!(busy > 0, "everybody found a turn");
    let tenant = app.database.id_literal(app.tenant.id);
    let own = format!("length(moments) > 0 AND tenant_id = {tenant}");
    assert_eq!(count(&app, "attempt_counts", &own).await, 0);
}

async fn a_refused_attempt_writes_nothing(database: TestDatabase) {
    let app = start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    fail_from(&client, "192.0.2.1", "ada@example.org", 5).await;
    let before = recorded_rows(&app, app.tenant.id).await;
    for network in 0..9 {
        let address = format!("198.51.100.{network}");
        let refused = try_from(&client, &address, "ada@example.org", PASSWORD).await;
        expect_throttled(refused, "account");
    }
    assert_eq!(recorded_rows(&app, app.tenant.id).await, before);
    let throttled = app.platform.reading().throttled;
    assert_eq!(throttled, [("password", "account", 9)]);
}

async fn asvs_v6_3_1_one_network_tries_a_hundred_accounts_and_no_more(database: TestDatabase) {
    let throttling = ThrottlingSettings {
        network_attempts_max: 12,
        ..ThrottlingSettings::default()
    };
    let app = start_with(database, throttling).await;
    assert_eq!(ThrottlingSettings::default().network_attempts_max, 100);
    app.register(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    for nth in 0..12 {
        // One subscriber's IPv6 addresses are one network.
        let address = format!("2001:db8:0:1::{nth}");
        fail_from(&client, &address, &format!("user-{nth}@example.org"), 1).await;
    }
    let refused = try_from(&client, "2001:db8:0:1:ffff::", "ada@example.org", PASSWORD).await;
    let refused = expect_throttled(refused, "network");
    assert_eq!(
        refused.header("ratelimit-policy"),
        r#""network_attempts";q=12;w=900"#
    );
    try_from(&client, "2001:db8:0:2::1", "ada@example.org", PASSWORD)
        .await
        .expect(200);
    // The refused attempt is in no window of the account.
    fail_from(&client, "192.0.2.1", "ada@example.org", 5).await;
}

async fn asvs_v6_3_1_a_tenant_bears_so_many_attempts_and_no_more(database: TestDatabase) {
    let throttling = ThrottlingSettings {
        tenant_attempts_max: 12,
        ..ThrottlingSettings::default()
    };
    let app = start_with(database, throttling).await;
    assert_eq!(ThrottlingSettings::default().tenant_attempts_max, 10_000);
    app.register(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    let first = try_from(&client, "192.0.2.1", "ada@example.org", PASSWORD)
        .await
        .expect(200);
    let device = first.text_at("/device_token");
    for nth in 0..12 {
        let address = format!("198.51.100.{nth}");
        fail_from(&client, &address, &format!("user-{nth}@example.org"), 1).await;
    }
    let refused = try_from(&client, "192.0.2.1", "ada@example.org", PASSWORD).await;
    expect_throttled(refused, "tenant");
    // Who has been there before is let in, and other tenants do not notice.
    try_on(&client, device, "ada@example.org", PASSWORD)
        .await
        .expect(200);
    let other = app.new_tenant("other").await;
    app.administrator(&other).await;
}

async fn a_tenant_sets_what_its_accounts_bear(database: TestDatabase) {
    let app = start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    let chief = app.administrator(&app.tenant).await;
    let change = json!({ "account_attempts_max": 4, "account_network_attempts_max": 2 });
    chief
        .client
        .patch("/v1/admin/settings", change)
        .await
        .expect(200);
    let client = app.client(&app.tenant);
    for address in ["192.0.2.1", "192.0.2.2"] {
        fail_from(&client, address, "ada@example.org", 2).await;
        if address == "192.0.2.1" {
            let refused = try_from(&client, address, "ada@example.org", WRONG).await;
            expect_throttled(refused, "account_network");
        }
    }
    let refused = try_from(&client, "192.0.2.3", "ada@example.org", WRONG).await;
    expect_throttled(refused, "account");
    for wrong in [
        json!({ "account_attempts_max": 0 }),
        json!({ "account_network_attempts_max": 101 }),
        json!({ "account_failures_max": 101 }),
        json!({ "known_device_days": -1 }),
    ] {
        let answer = chief.client.patch("/v1/admin/settings", wrong).await;
        answer.expect_problem(422, "invalid_body");
    }
}

async fn tenants_and_factors_are_counted_apart(database: TestDatabase) {
    let app = start(database).await;
    let other = app.new_tenant("other").await;
    for tenant in [&app.tenant, &other] {
        app.register(tenant, "ada@example.org").await;
    }
    fail_from(&app.client(&app.tenant), "192.0.2.1", "ada@example.org", 5).await;
    let refused = try_password(&app.client(&app.tenant), "ada@example.org", PASSWORD).await;
    expect_throttled(refused, "account");
    app.sign_in(&other, "ada@example.org").await;
    app.register(&app.tenant, "bob@example.org").await;
}

async fn asvs_v6_3_1_invitations_are_throttled_by_network(database: TestDatabase) {
    let throttling = ThrottlingSettings {
        network_attempts_max: 5,
        ..ThrottlingSettings::default()
    };
    let app = start_with(database, throttling).await;
    let chief = app.administrator(&app.tenant).await;
    let body = json!({ "email": "ada@example.org" });
    let invited = chief.client.post("/v1/admin/users", body).await.expect(201);
    let (client, path) = (app.client(&app.tenant), "/v1/auth/invitation/accept");
    let guess = json!({ "token": "kwi_guessed", "password": PASSWORD });
    let right = json!({ "token": invited.text_at("/invitation/token"), "password": PASSWORD });
    for _ in 0..5 {
        let refused = post_from(&client, "192.0.2.1", path, &guess).await;
        refused.expect_problem(400, "invalid_invitation");
    }
    let refused = post_from(&client, "192.0.2.1", path, &right).await;
    expect_throttled(refused, "network");
    post_from(&client, "192.0.2.2", path, &right)
        .await
        .expect(200);
    // At passwords nobody has tried anything from there.
    try_from(&client, "192.0.2.1", "ada@example.org", PASSWORD)
        .await
        .expect(200);
}

async fn asvs_v6_3_1_addresses_to_register_are_throttled_by_network(database: TestDatabase) {
    let throttling = ThrottlingSettings {
        network_attempts_max: 5,
        ..ThrottlingSettings::default()
    };
    let app = start_with(database, throttling).await;
    let (client, path) = (app.client(&app.tenant), "/v1/auth/register");
    let body = |email: &str| json!({ "email": email, "password": PASSWORD });
    for nth in 0..7 {
        let email = format!("user-{nth}@example.org");
        post_from(&client, "192.0.2.1", path, &body(&email))
            .await
            .expect(201);
    }
    for _ in 0..5 {
        let taken = post_from(&client, "192.0.2.1", path, &body("user-1@example.org")).await;
        taken.expect_problem(409, "email_taken");
    }
    let refused = post_from(&client, "192.0.2.1", path, &body("new@example.org")).await;
    expect_throttled(refused, "network");
    post_from(&client, "192.0.2.2", path, &body("new@example.org"))
        .await
        .expect(201);
}

async fn what_is_counted_names_nobody(database: TestDatabase) {
    let app = start(database).await;
    let client = app.client(&app.tenant);
    fail_from(&client, "192.0.2.77", "nobody@example.org", 1).await;
    let rows = recorded_rows(&app, app.tenant.id).await;
    let (_, counts) = rows
        .into_iter()
        .find(|(table, _)| table == "attempt_counts")
        .unwrap();
    // Of the account, the network and the tenant.
    assert_eq!(counts.len(), 3);
    let text = format!("{counts:?}");
    assert!(
        !text.contains("nobody") && !text.contains("192.0.2.77"),
        "{text}"
    );
}
