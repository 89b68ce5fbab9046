//! The operators' API: one file an endpoint, and what holds for all of them here.

mod jobs;
mod lifecycle;
mod tenants;
mod tries;

use crate::support::recorded_rows;
use crate::support::schema::Description;
use keyward_api::{Endpoint, Plane, endpoints, operator_endpoints};
use keyward_policy::Rule;
use keyward_testkit::{Answer, TestApp, TestDatabase, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    asvs_v13_2_1_whom_no_listener_vouches_for_is_nobody,
    asvs_v16_2_1_a_change_needs_a_reason_and_a_reason_has_a_form,
    neither_service_serves_the_other_plane,
    what_operators_look_at_is_recorded,
    the_description_says_what_is_served,
);

/// A new route is added here by hand: whoever does it has read its action and its rule.
const TABLE: &str = "\
DELETE /operator/v1/tenants/{slug} tenant.delete
DELETE /operator/v1/tenants/{slug}/hosts/{host} tenant.remove_host
GET /operator/v1/events instance_event.list
GET /operator/v1/jobs job.list
GET /operator/v1/jobs/{id} job.read
GET /operator/v1/nodes node.list
GET /operator/v1/openapi.json instance.read_operator_api_description
GET /operator/v1/tenants tenant.list
GET /operator/v1/tenants/{slug} tenant.read
GET /operator/v1/tenants/{slug}/audit/events audit_event.list
GET /operator/v1/tenants/{slug}/signing-keys signing_key.list
GET /operator/v1/tenants/{slug}/users user.list
PATCH /operator/v1/tenants/{slug}/settings tenant.change_settings
POST /operator/v1/jobs/{id}/cancel job.cancel
POST /operator/v1/jobs/{id}/retry job.retry
POST /operator/v1/tenants tenant.create
POST /operator/v1/tenants/{slug}/restore tenant.cancel_deletion
POST /operator/v1/tenants/{slug}/resume tenant.resume
POST /operator/v1/tenants/{slug}/signing-keys/rotate signing_key.rotate
POST /operator/v1/tenants/{slug}/signing-keys/{kid}/revoke signing_key.revoke
POST /operator/v1/tenants/{slug}/suspend tenant.suspend
POST /operator/v1/tenants/{slug}/users user.create
POST /operator/v1/tenants/{slug}/users/{user_id}/invitation user.invite
POST /operator/v1/tenants/{slug}/users/{user_id}/unlock user.unlock
PUT /operator/v1/tenants/{slug}/hosts/{host} tenant.add_host
";

#[test]
fn the_table_of_operators_routes_is_known() {
    let line = |endpoint: &Endpoint| {
        let (method, path) = (endpoint.method(), endpoint.path());
        assert_eq!(endpoint.plane(), Plane::Operator, "{endpoint:?}");
        let rule = endpoint.action().rule();
        let allowed = [Rule::Operator, Rule::Administrator].contains(&rule);
        assert!(allowed, "{endpoint:?} is for {rule:?}");
        format!("{method} {path} {}\n", endpoint.action().name())
    };
    let mut lines: Vec<String> = operator_endpoints().iter().map(line).collect();
    lines.sort();
    assert_eq!(lines.concat(), TABLE);
    let public = endpoints();
    assert!(
        public
            .iter()
            .all(|endpoint| endpoint.plane() != Plane::Operator)
    );
}

/// The path of an endpoint, for a tenant that is there.
fn concrete(app: &TestApp, endpoint: &Endpoint) -> String {
    endpoint
        .path()
        .replace("{slug}", &app.tenant.slug)
        .replace("{host}", "new.example")
        .replace("{id}", "01890a5d-ac96-774b-bcce-b302099a8056")
}

async fn asvs_v13_2_1_whom_no_listener_vouches_for_is_nobody(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let before = recorded_rows(&app, app.tenant.id).await;
    for endpoint in operator_endpoints() {
        let path = concrete(&app, &endpoint);
        let answer = app.operator().nobody();
        let answer = answer.send(endpoint.method(), &path, Some(json!({}))).await;
        answer.expect_problem(401, "unauthenticated");
    }
    assert_eq!(recorded_rows(&app, app.tenant.id).await, before);
}

async fn asvs_v16_2_1_a_change_needs_a_reason_and_a_reason_has_a_form(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let before = recorded_rows(&app, app.tenant.id).await;
    for endpoint in operator_endpoints() {
        let path = concrete(&app, &endpoint);
        let (method, operator) = (endpoint.method(), app.operator());
        if method != "GET" {
            let answer = operator.without_reason();
            let answer = answer.send(method, &path, Some(json!({}))).await;
            answer.expect_problem(400, "operator_reason_missing");
        }
        for reason in ["", "  ", &"x".repeat(201), "\u{80}"] {
            let answer = operator.because(reason);
            let answer = answer.send(method, &path, Some(json!({}))).await;
            answer.expect_problem(400, "invalid_operator_reason");
        }
    }
    assert_eq!(recorded_rows(&app, app.tenant.id).await, before);
}

async fn neither_service_serves_the_other_plane(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let administrator = app.administrator(&app.tenant).await;
    for endpoint in operator_endpoints() {
        let path = concrete(&app, &endpoint);
        for client in [app.bare_client(), administrator.client.clone()] {
            let answer = client.get(&path).await;
            answer.expect_problem(404, "not_found");
        }
    }
    for endpoint in endpoints() {
        let path = concrete(&app, &endpoint);
        for path in [format!("/t/{}{path}", app.tenant.slug), path] {
            let answer = app.operator().send(endpoint.method(), &path, None).await;
            answer.expect_problem(404, "not_found");
        }
    }
}

/// What the instance's log says was done for a reason.
async fn instance_events(app: &TestApp, reason: &str) -> Vec<Value> {
    let mut events = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/operator/v1/events?limit=200{cursor}");
        let page = app.operator().get(&path).await.expect(200);
        let items = page.list_at("/items").iter();
        events.extend(items.filter(|event| event["reason"] == reason).cloned());
        match page.json["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return events,
        }
    }
}

async fn what_operators_look_at_is_recorded(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let administrator = app.administrator(&app.tenant).await;
    // On PostgreSQL other tests write into the same log.
    let reason = format!("a look at {}", app.tenant.slug);
    let operator = app.operator().because(&reason);
    operator.get("/operator/v1/tenants").await.expect(200);
    operator.get("/operator/v1/events").await.expect(200);
    let looks = instance_events(&app, &reason).await;
    let subjects: Vec<_> = looks
        .iter()
        .map(|look| &look["details"]["subject"])
        .collect();
    assert_eq!(subjects, ["instance_event", "tenant"]);
    for look in &looks {
        assert_eq!(look["type"], "operator.read");
        assert_eq!(look["actor"], "uid 0 (root)");
        assert_eq!(look["tenant_id"], Value::Null);
    }
    let of_tenant = format!("/operator/v1/tenants/{}", app.tenant.slug);
    for what in ["", "/users", "/audit/events"] {
        operator
            .get(&format!("{of_tenant}{what}"))
            .await
            .expect(200);
    }
    let looks = crate::support::audit_events(&administrator, "type=operator.read").await;
    let told: Vec<_> = looks
        .iter()
        .map(|look| {
            let operator = &look["personal"]["operator"];
            assert_eq!(operator["name"], "uid 0 (root)");
            assert_eq!(operator["reason"], reason.as_str());
            look["public"]["target"]["type"].as_str().unwrap()
        })
        .collect();
    assert_eq!(told, ["audit_event", "user", "tenant"]);
    // Without a reason a look has its action's name.
    let silent = app.operator().without_reason();
    silent.get(&of_tenant).await.expect(200);
    let looks = crate::support::audit_events(&administrator, "type=operator.read").await;
    assert_eq!(looks[0]["personal"]["operator"]["reason"], "tenant.read");
}

fn matches(description: &Description, endpoint: &Endpoint, answer: &Answer) {
    let method = endpoint.method().to_lowercase();
    let operation = &description.document["paths"][endpoint.path()][method];
    let described = &operation["responses"][answer.status.to_string()];
    assert!(described.is_object(), "{endpoint:?}: {}", answer.text);
    let media_type = match answer.status {
        status if status < 400 => "application/json",
        _ => "application/problem+json",
    };
    let schema = &described["content"][media_type]["schema"];
    if !schema.is_null() {
        let errors = description.errors(schema, &answer.json);
        assert!(errors.is_empty(), "{endpoint:?}: {errors:#?}");
    }
    if let Some(code) = answer.json["code"].as_str() {
        let told = described["description"].as_str().unwrap();
        assert!(told.contains(&format!("`{code}`")), "{endpoint:?}: {code}");
    }
}

async fn the_description_says_what_is_served(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let operator = app.operator();
    let document = operator.get("/operator/v1/openapi.json").await.expect(200);
    let description = Description {
        document: document.json,
    };
    let mut described = 0;
    for methods in description.document["paths"].as_object().unwrap().values() {
        described += methods.as_object().unwrap().len();
    }
    assert_eq!(described, operator_endpoints().len());
    let public = app.bare_client().get("/openapi.json").await.expect(200);
    assert!(!public.text.contains("/operator/"));
    for endpoint in operator_endpoints() {
        let (method, path) = (endpoint.method(), concrete(&app, &endpoint));
        let nowhere = path.replace(&app.tenant.slug, "no-such-tenant");
        for (operator, path, body) in [
            (operator.clone(), path.clone(), json!({ "unknown": 1 })),
            (operator.clone(), format!("{path}?unknown=1"), json!({})),
            (operator.clone(), nowhere, json!({})),
            (operator.without_reason(), path.clone(), json!({})),
            (operator.because(""), path.clone(), json!({})),
            (operator.nobody(), path.clone(), json!({})),
        ] {
            let answer = operator.send(method, &path, Some(body)).await;
            matches(&description, &endpoint, &answer);
        }
    }
}
