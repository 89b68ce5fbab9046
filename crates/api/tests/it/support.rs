//! What several of these suites do.

pub(crate) mod clients;
pub(crate) mod raw;
pub(crate) mod schema;
pub(crate) mod tokens;

use keyward_model::Timestamp;
use keyward_testkit::{Answer, PASSWORD, TestApp, TestClient, TestTenant, TestUser};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

/// Every event of the tenant that matches, newest first, over all pages.
pub(crate) async fn audit_events(administrator: &TestUser, filter: &str) -> Vec<Value> {
    let mut events = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/v1/admin/audit/events?limit=200&{filter}{cursor}");
        let page = administrator.client.get(&path).await.expect(200);
        events.extend_from_slice(page.list_at("/items"));
        match page.json["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return events,
        }
    }
}

/// The only event of its type in the tenant.
pub(crate) async fn only_event(administrator: &TestUser, kind: &str) -> Value {
    let mut events = audit_events(administrator, &format!("type={kind}")).await;
    assert_eq!(events.len(), 1, "{kind}: {events:#?}");
    events.remove(0)
}

/// Signs in with a password, whatever comes of it.
pub(crate) async fn try_password(client: &TestClient, email: &str, password: &str) -> Answer {
    let body = json!({ "email": email, "password": password });
    client.post("/v1/auth/login", body).await
}

/// Whether the password is right.
pub(crate) async fn accepts_password(client: &TestClient, email: &str, password: &str) -> bool {
    match try_password(client, email, password).await {
        answer if answer.status == 200 => true,
        answer => {
            answer.expect_problem(401, "invalid_credentials");
            false
        }
    }
}

/// The answer is that of an access token which does not count.
#[track_caller]
pub(crate) fn assert_token_refused(answer: Answer) {
    let answer = answer.expect_problem(401, "invalid_token");
    let challenge = answer.header("www-authenticate");
    assert_eq!(
        challenge,
        r#"Bearer realm="keyward", error="invalid_token""#
    );
}

/// The names of a JSON object's members.
#[track_caller]
pub(crate) fn names(object: &Value) -> Vec<&str> {
    let object = object.as_object().expect("an object");
    object.keys().map(String::as_str).collect()
}

/// Reads `path` at exactly `moment`.
pub(crate) async fn get_at(
    app: &TestApp,
    user: &TestUser,
    path: &str,
    moment: Timestamp,
) -> Answer {
    // The client moves the clock by a millisecond before it sends.
    app.database.clock.set(moment.plus_micros(-1_000));
    user.client.get(path).await
}

/// Disables an account of the first tenant, and leaves its sessions.
pub(crate) async fn disable(app: &TestApp, email: &str) {
    let tenant = app.database.id_literal(app.tenant.id);
    let sql = format!(
        "UPDATE users SET status = 'disabled' WHERE tenant_id = {tenant} AND email = '{email}'"
    );
    app.database.admin_sql(&sql).await;
}

/// Lets a tenant's access tokens live ten hours, so that sessions can be watched past five minutes.
pub(crate) async fn lengthen_access_tokens(app: &TestApp, tenant: &TestTenant) {
    change_settings(app, tenant, &json!({ "access_token_ttl_seconds": 36_000 })).await;
}

/// Gives a tenant these settings, and the others their defaults.
pub(crate) async fn change_settings(app: &TestApp, tenant: &TestTenant, settings: &Value) {
    let id = app.database.id_literal(tenant.id);
    let sql = format!("UPDATE tenants SET settings = '{settings}' WHERE tenant_id = {id}");
    app.database.admin_sql(&sql).await;
}

/// How many rows a query counts.
pub(crate) async fn count(app: &TestApp, table: &str, condition: &str) -> i64 {
    let query = format!("SELECT COUNT(*) FROM {table} WHERE {condition}");
    app.database.admin_count(&query).await
}

/// A moment in an answer.
#[track_caller]
pub(crate) fn moment(value: &Value) -> Timestamp {
    value.as_str().expect("a time").parse().unwrap()
}

/// Another access token of a user who is signed in: a session of its own.
pub(crate) async fn sign_in_again(app: &TestApp, tenant: &TestTenant, user: &TestUser) -> TestUser {
    let email = user.answer.text_at("/user/email");
    app.sign_in(tenant, email).await
}

/// The request with a body of the kind that its path reads: a form for OAuth, else JSON.
pub(crate) fn with_body(request: RequestBuilder, path: &str, body: &Value) -> RequestBuilder {
    match path.contains("/oauth2/") {
        true => request
            .header("content-type", "application/x-www-form-urlencoded")
            .body("token=some"),
        false => request.json(body),
    }
}

/// The JSON body of a registration.
pub(crate) fn registration(email: &str) -> Value {
    json!({ "email": email, "password": PASSWORD })
}
