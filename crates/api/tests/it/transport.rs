//! HTTP/1.1 and HTTP/2 as they are on the wire, clients that go away, and the end of the server.

use crate::support::raw::RawConnection;
use crate::support::{assert_token_refused, audit_events, count, registration};
use keyward_testkit::{
    PASSWORD, TestApp, TestAppOptions, TestDatabase, on_both_engines, sqlite_store,
};
use serde_json::json;
use std::time::Duration;
use tokio::time::{sleep, timeout};

on_both_engines!(
    http_2_is_spoken_from_the_first_byte,
    http_2_names_a_tenant_by_its_authority,
    many_streams_on_one_connection_are_each_answered,
    pipelined_requests_are_answered_in_their_order,
    a_client_that_hangs_up_does_not_stop_its_change,
    a_client_that_does_not_wait_at_all_leaves_all_of_its_change_or_nothing,
    a_body_that_ends_early_changes_nothing,
    a_sign_in_that_nobody_waits_for_is_not_worked_for,
    asvs_v7_4_1_a_request_that_began_before_its_session_ended_is_refused,
    draining_waits_for_changes_that_were_begun,
    what_is_no_http_is_refused_and_the_next_is_served,
);

/// Longer than anything here takes, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(30);

async fn http_2_is_spoken_from_the_first_byte(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let client = app.client(&app.tenant).over_http2();
    let request = client.request(reqwest::Method::GET, "/v1/session");
    let response = request.send().await.unwrap();
    assert_eq!(response.version(), reqwest::Version::HTTP_2);
    client
        .post("/v1/auth/register", registration("ada@example.org"))
        .await
        .expect(201);
    let answer = client
        .post("/v1/auth/login", registration("ada@example.org"))
        .await
        .expect(200);
    let client = client.with_token(answer.text_at("/access_token"));
    let answer = client.get("/v1/session").await.expect(200);
    assert_eq!(answer.text_at("/session/address"), "127.0.0.1");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    client
        .patch("/v1/profile", json!({ "name": "" }))
        .await
        .expect_problem(422, "invalid_body");
    client.delete("/v1/sessions/all").await.expect(200);
    client
        .get("/v1/session")
        .await
        .expect_problem(401, "invalid_token");
}

async fn http_2_names_a_tenant_by_its_authority(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (one, two) = (
        app.new_tenant_with_host("one").await,
        app.new_tenant_with_host("two").await,
    );
    let (host, other) = (one.host.as_deref().unwrap(), two.host.as_deref().unwrap());
    let builder = reqwest::Client::builder()
        .no_proxy()
        .http2_prior_knowledge();
    let http = builder.resolve(host, app.address).build().unwrap();
    let url = format!(
        "http://{host}:{}/.well-known/openid-configuration",
        app.address.port()
    );
    let response = http.get(&url).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let metadata: serde_json::Value = response.json().await.unwrap();
    assert_eq!(metadata["issuer"], one.issuer);
    // RFC 9113 §8.3.1: a `Host` that names somebody else makes the request malformed.
    let response = http.get(&url).header("host", other).send().await.unwrap();
    assert!(response.status().is_client_error(), "{}", response.status());
}

async fn many_streams_on_one_connection_are_each_answered(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let client = app.administrator(&app.tenant).await.client.over_http2();
    client.get("/v1/session").await.expect(200);
    let requests: Vec<_> = (0..40)
        .map(|number| {
            let client = client.clone();
            tokio::spawn(async move {
                match number % 2 {
                    0 => client.get("/v1/session").await.expect(200),
                    _ => client.get("/v1/admin/audit/events").await.expect(200),
                }
            })
        })
        .collect();
    for request in requests {
        timeout(PATIENCE, request).await.expect("in time").unwrap();
    }
}

async fn pipelined_requests_are_answered_in_their_order(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let (prefix, token) = (ada.client.prefix(), ada.client.token());
    let head = format!("Host: x\r\nAuthorization: Bearer {token}\r\n");
    let body = json!({ "name": "Ada" }).to_string();
    let length = body.len();
    let mut connection = RawConnection::open(&app).await;
    let requests = format!(
        "GET {prefix}/v1/session HTTP/1.1\r\n{head}\r\n\
         PATCH {prefix}/v1/profile HTTP/1.1\r\n{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}\
         GET {prefix}/v1/profile HTTP/1.1\r\n{head}\r\n\
         POST {prefix}/v1/auth/logout HTTP/1.1\r\n{head}\r\n\
         GET {prefix}/v1/session HTTP/1.1\r\n{head}\r\n"
    );
    connection.write(requests).await;
    assert!(connection.answer().await.expect(200).json["session"].is_object());
    assert_eq!(
        connection.answer().await.expect(200).text_at("/user/name"),
        "Ada"
    );
    assert_eq!(
        connection.answer().await.expect(200).text_at("/user/name"),
        "Ada"
    );
    connection.bodiless_answer().await.expect(204);
    connection
        .answer()
        .await
        .expect_problem(401, "invalid_token");
}

fn register_request(app: &TestApp, email: &str, extra: &str) -> (String, String) {
    let body = registration(email).to_string();
    let head = format!(
        "POST /t/{}/v1/auth/register HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n{extra}\r\n",
        app.tenant.slug,
        body.len()
    );
    (head, body)
}

/// Waits until the tenant has an account with the address.
async fn wait_for_user(app: &TestApp, email: &str) {
    let waiting = async {
        while count(app, "users", &format!("email = '{email}'")).await == 0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, waiting)
        .await
        .expect("the account is made");
}

async fn a_client_that_hangs_up_does_not_stop_its_change(database: TestDatabase) {
    let app = TestApp::start(database).await;
    for number in 0..10 {
        let email = format!("gone-{number}-{}@example.org", app.tenant.slug);
        let (head, body) = register_request(&app, &email, "Expect: 100-continue\r\n");
        let mut connection = RawConnection::open(&app).await;
        connection.write(head).await;
        // The server asks for the body: from here on the change is under way.
        connection.bodiless_answer().await.expect(100);
        connection.write(body).await;
        drop(connection);
        wait_for_user(&app, &email).await;
    }
    let administrator = app.administrator(&app.tenant).await;
    let events = audit_events(&administrator, "type=user.registered").await;
    assert_eq!(events.len(), 10, "each has its event, and once");
}

/// A request of a client that is gone before the server looks at it may never be begun: what counts is that no half of
/// it stands.
async fn a_client_that_does_not_wait_at_all_leaves_all_of_its_change_or_nothing(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    for number in 0..20 {
        let email = format!("whole-{number}-{}@example.org", app.tenant.slug);
        let (head, body) = register_request(&app, &email, "");
        let mut connection = RawConnection::open(&app).await;
        connection.write(format!("{head}{body}")).await;
        drop(connection);
    }
    app.register(&app.tenant, "later@example.org").await;
    timeout(PATIENCE, app.api.drain()).await.expect("it ends");
    let tenant = app.database.id_literal(app.tenant.id);
    let condition = format!("tenant_id = {tenant} AND role = 'member'");
    let made = count(&app, "users", &condition).await;
    let administrator = app.administrator(&app.tenant).await;
    let events = audit_events(&administrator, "type=user.registered").await;
    assert_eq!(events.len() as i64, made);
}

async fn a_body_that_ends_early_changes_nothing(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let email = format!("half-{}@example.org", app.tenant.slug);
    for extra in ["Expect: 100-continue\r\n", ""] {
        let (head, body) = register_request(&app, &email, extra);
        let mut connection = RawConnection::open(&app).await;
        connection.write(head).await;
        if !extra.is_empty() {
            connection.bodiless_answer().await.expect(100);
        }
        connection.write(&body[..body.len() - 1]).await;
        drop(connection);
    }
    // Whatever came of it is done when a later change is.
    app.register(&app.tenant, "later@example.org").await;
    timeout(PATIENCE, app.api.drain()).await.expect("it ends");
    assert_eq!(count(&app, "users", &format!("email = '{email}'")).await, 0);
}

async fn asvs_v7_4_1_a_request_that_began_before_its_session_ended_is_refused(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let body = json!({ "name": "Too late" }).to_string();
    let head = format!(
        "PATCH {}/v1/profile HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        ada.client.prefix(),
        ada.client.token(),
        body.len()
    );
    let mut connection = RawConnection::open(&app).await;
    connection.write(head).await;
    connection.bodiless_answer().await.expect(100);
    ada.client.delete("/v1/sessions/all").await.expect(200);
    connection.write(body).await;
    assert_token_refused(connection.answer().await);
    let again = app.sign_in(&app.tenant, "ada@example.org").await;
    assert!(again.answer.json["user"]["name"].is_null());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_does_not_come_is_waited_for_ten_seconds() {
    let app = TestApp::start(sqlite_store()).await;
    let (head, body) = register_request(&app, "late@example.org", "");
    let mut connection = RawConnection::open(&app).await;
    connection.write(head).await;
    connection.write(&body[..body.len() - 1]).await;
    let answer = connection.answer().await;
    let answer = answer.expect_problem(408, "request_timeout");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert!(connection.is_closed().await);
    assert_eq!(count(&app, "users", "role = 'member'").await, 0);
}

/// How many changes are under way when the server is told to end.
const BEGUN: i64 = 8;

async fn draining_waits_for_changes_that_were_begun(database: TestDatabase) {
    // Each hash takes so long that most are still waiting when the first is done.
    let slow = |options: &mut TestAppOptions| options.hash_cost.iterations = 20;
    let app = TestApp::start_with(database, slow).await;
    let mut connections = Vec::new();
    for number in 0..BEGUN {
        let email = format!("late-{number}-{}@example.org", app.tenant.slug);
        let (head, body) = register_request(&app, &email, "");
        let mut connection = RawConnection::open(&app).await;
        connection.write(format!("{head}{body}")).await;
        connections.push(connection);
    }
    let condition = format!("email LIKE 'late-%-{}@example.org'", app.tenant.slug);
    let made = async || count(&app, "users", &condition).await;
    let first = async {
        while made().await == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, first).await.expect("the first is made");
    assert!(made().await < BEGUN, "some are under way");
    timeout(PATIENCE, app.api.drain()).await.expect("it ends");
    assert_eq!(made().await, BEGUN);
}

async fn what_is_no_http_is_refused_and_the_next_is_served(database: TestDatabase) {
    let app = TestApp::start(database).await;
    for bytes in [
        "\r\n\r\nHELLO\r\n\r\n".as_bytes(),
        b"GET /healthz HTTP/9.9\r\n\r\n",
        b"GET /healthz\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nBad Header: 1\r\n\r\n",
        b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n{}",
        b"POST /v1/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n{}",
    ] {
        let mut connection = RawConnection::open(&app).await;
        connection.write(bytes).await;
        let answer = connection.answer().await;
        assert_eq!(answer.status, 400, "{}", String::from_utf8_lossy(bytes));
        assert!(connection.is_closed().await);
    }
    app.bare_client().get("/healthz").await.expect(200);
}

async fn a_sign_in_that_nobody_waits_for_is_not_worked_for(database: TestDatabase) {
    let app = TestApp::start_with(database, |options| options.hashing.threads = 1).await;
    app.register(&app.tenant, "ada@example.org").await;
    let body = json!({ "email": "ada@example.org", "password": PASSWORD }).to_string();
    let request = format!(
        "POST /t/{}/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        app.tenant.slug,
        body.len()
    );
    let mut gone = Vec::new();
    for _ in 0..30 {
        let mut connection = RawConnection::open(&app).await;
        connection.write(request.clone()).await;
        connection.bodiless_answer().await.expect(100);
        gone.push(connection);
    }
    for connection in &mut gone {
        connection.write(body.clone()).await;
    }
    drop(gone);
    timeout(PATIENCE, app.api.drain()).await.expect("it ends");
    let administrator = app.administrator(&app.tenant).await;
    let opened = audit_events(&administrator, "type=session.opened").await;
    // Those whose turn came before the server noticed, and the administrator's own.
    assert!(opened.len() < 25, "{} of 30 were worked for", opened.len());
}
