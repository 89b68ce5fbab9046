//! The table of routes: which there are, who may use them, and that nothing else is served.

use crate::support::clients::basic_client;
use crate::support::{audit_events, recorded_rows};
use keyward_api::{Endpoint, Plane, endpoints};
use keyward_policy::Rule;
use keyward_testkit::{TestApp, TestDatabase, on_both_engines};
use reqwest::Method;
use std::collections::{BTreeMap, BTreeSet};

on_both_engines!(
    asvs_v8_2_1_asvs_v8_3_1_each_role_is_let_in_where_its_rule_says_so,
    asvs_v4_1_4_asvs_v13_4_4_other_methods_are_refused_on_every_path,
    asvs_v3_5_3_no_get_writes_anything,
    asvs_v14_2_5_what_is_not_declared_is_not_served_and_not_kept_by_caches,
);

/// A new route is added here by hand: whoever does it has read its action and its rule.
const TABLE: &str = "\
DELETE /v1/admin/clients/{client_id} oauth_client.delete Administrator Tenant
DELETE /v1/admin/publishable-keys/{key_id} publishable_key.delete Administrator Tenant
DELETE /v1/admin/sessions/all session.revoke_all Administrator Tenant
DELETE /v1/admin/sessions/{id} session.revoke_any Administrator Tenant
DELETE /v1/admin/users/{user_id} user.delete Administrator Tenant
DELETE /v1/admin/users/{user_id}/sessions session.revoke_of_user Administrator Tenant
DELETE /v1/sessions/all session.revoke Owner Tenant
DELETE /v1/sessions/others session.revoke Owner Tenant
DELETE /v1/sessions/{id} session.revoke Owner Tenant
GET /.well-known/jwks.json tenant.read_issuer_metadata Anyone Tenant
GET /.well-known/oauth-authorization-server tenant.read_issuer_metadata Anyone Tenant
GET /.well-known/openid-configuration tenant.read_issuer_metadata Anyone Tenant
GET /docs instance.read_api_description Anyone Instance
GET /docs/style.css instance.read_api_description Anyone Instance
GET /healthz instance.read_health Anyone Instance
GET /openapi.json instance.read_api_description Anyone Instance
GET /readyz instance.read_health Anyone Instance
GET /v1/admin/audit/events audit_event.list Administrator Tenant
GET /v1/admin/clients oauth_client.list Administrator Tenant
GET /v1/admin/clients/{client_id} oauth_client.read Administrator Tenant
GET /v1/admin/publishable-keys publishable_key.list Administrator Tenant
GET /v1/admin/roles role.list Administrator Tenant
GET /v1/admin/sessions/active session.list_active Administrator Tenant
GET /v1/admin/settings tenant.read_settings Administrator Tenant
GET /v1/admin/tokens/usage token.read_usage Administrator Tenant
GET /v1/admin/users user.list Administrator Tenant
GET /v1/admin/users/{user_id} user.read Administrator Tenant
GET /v1/admin/users/{user_id}/sessions session.list_of_user Administrator Tenant
GET /v1/profile user.read_profile Owner Tenant
GET /v1/revocations revocation.follow Client(FollowRevocations) Tenant
GET /v1/session session.read Owner Tenant
GET /v1/sessions session.list Owner Tenant
PATCH /v1/admin/clients/{client_id} oauth_client.change Administrator Tenant
PATCH /v1/admin/settings tenant.change_settings Administrator Tenant
PATCH /v1/admin/users/{user_id} user.change Administrator Tenant
PATCH /v1/profile user.change_profile Owner Tenant
POST /oauth2/introspect token.introspect Client(Introspect) Tenant
POST /oauth2/revoke token.revoke Client(Revoke) Tenant
POST /v1/admin/clients oauth_client.create Administrator Tenant
POST /v1/admin/clients/{client_id}/disable oauth_client.disable Administrator Tenant
POST /v1/admin/clients/{client_id}/enable oauth_client.enable Administrator Tenant
POST /v1/admin/clients/{client_id}/rotate-secret oauth_client.rotate_secret Administrator Tenant
POST /v1/admin/publishable-keys publishable_key.create Administrator Tenant
POST /v1/admin/publishable-keys/{key_id}/disable publishable_key.disable Administrator Tenant
POST /v1/admin/publishable-keys/{key_id}/enable publishable_key.enable Administrator Tenant
POST /v1/admin/users user.create Administrator Tenant
POST /v1/admin/users/{user_id}/disable user.disable Administrator Tenant
POST /v1/admin/users/{user_id}/enable user.enable Administrator Tenant
POST /v1/admin/users/{user_id}/invitation user.invite Administrator Tenant
POST /v1/admin/users/{user_id}/restore user.restore Administrator Tenant
POST /v1/admin/users/{user_id}/unlock user.unlock Administrator Tenant
POST /v1/auth/invitation/accept user.accept_invitation Anyone Tenant
POST /v1/auth/login session.open Anyone Tenant
POST /v1/auth/logout session.sign_out Owner Tenant
POST /v1/auth/password/change user.change_password Owner Tenant
POST /v1/auth/reauthenticate session.reauthenticate Owner Tenant
POST /v1/auth/refresh session.refresh Anyone Tenant
POST /v1/auth/register user.register Anyone Tenant
";

fn line(endpoint: &Endpoint) -> String {
    let (method, path, action) = (endpoint.method(), endpoint.path(), endpoint.action());
    let (name, rule) = (action.name(), action.rule());
    format!("{method} {path} {name} {rule:?} {:?}\n", endpoint.plane())
}

fn method_of(endpoint: &Endpoint) -> Method {
    Method::from_bytes(endpoint.method().as_bytes()).unwrap()
}

fn concrete(path: &str) -> String {
    let unknown = "01890a5d-ac96-774b-bcce-b302099a8056";
    path.replace("{id}", unknown)
        .replace("{user_id}", unknown)
        .replace("{key_id}", unknown)
        .replace("{client_id}", unknown)
}

#[test]
fn asvs_v6_3_4_the_table_of_routes_is_known() {
    let mut lines: Vec<String> = endpoints().iter().map(line).collect();
    lines.sort();
    assert_eq!(lines.concat(), TABLE);
}

#[test]
fn an_endpoint_of_the_instance_is_for_anyone() {
    for endpoint in endpoints()
        .iter()
        .filter(|endpoint| endpoint.plane() == Plane::Instance)
    {
        assert_eq!(endpoint.action().rule(), Rule::Anyone, "{endpoint:?}");
        assert_eq!(endpoint.method(), "GET", "{endpoint:?}");
    }
}

async fn asvs_v8_2_1_asvs_v8_3_1_each_role_is_let_in_where_its_rule_says_so(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    for endpoint in endpoints()
        .iter()
        .filter(|endpoint| endpoint.plane() == Plane::Tenant)
    {
        // New sessions each time, since some of the endpoints end them.
        let member = app.sign_in(&app.tenant, "ada@example.org").await;
        let administrator = app.administrator(&app.tenant).await;
        let path = concrete(endpoint.path());
        let ask = async |client: keyward_testkit::TestClient| {
            // No body: an endpoint that lets the caller in asks for one.
            client
                .send(client.request(method_of(endpoint), &path))
                .await
        };
        let anonymous = ask(member.client.anonymous()).await;
        let (member, administrator) = (ask(member.client).await, ask(administrator.client).await);
        let allowed = [200, 204, 404, 415];
        match endpoint.action().rule() {
            Rule::Anyone => assert!(allowed.contains(&anonymous.status), "{endpoint:?}"),
            // No user is a client, and a form without a client's credential is nobody's.
            Rule::Client(_) => {
                let refused = match endpoint.method() {
                    "GET" => (401, "invalid_client"),
                    _ => (400, "invalid_request"),
                };
                for nobody in [anonymous, member, administrator] {
                    assert_eq!(nobody.status, refused.0, "{endpoint:?}");
                    assert_eq!(nobody.json["error"], refused.1);
                }
                continue;
            }
            _ => drop(anonymous.expect_problem(401, "unauthenticated")),
        }
        match endpoint.action().rule() {
            Rule::Anyone | Rule::Owner => assert!(allowed.contains(&member.status), "{endpoint:?}"),
            _ => drop(member.expect_problem(403, "forbidden")),
        }
        match endpoint.action().rule() {
            Rule::Operator => drop(administrator.expect_problem(403, "forbidden")),
            _ => assert!(allowed.contains(&administrator.status), "{endpoint:?}"),
        }
    }
    let administrator = app.administrator(&app.tenant).await;
    let denials = audit_events(&administrator, "type=access.denied").await;
    let refused = endpoints()
        .iter()
        .filter(|endpoint| endpoint.action().rule() == Rule::Administrator)
        .count();
    assert_eq!(denials.len(), refused);
}

async fn asvs_v4_1_4_asvs_v13_4_4_other_methods_are_refused_on_every_path(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let administrator = app.administrator(&app.tenant).await;
    let methods = methods_by_path();
    let all = [
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND",
    ];
    for ((path, of_tenant), known) in &methods {
        let client = match of_tenant {
            true => administrator.client.clone(),
            false => app.bare_client(),
        };
        for method in all.into_iter().filter(|method| !known.contains(method)) {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            for client in [client.clone(), client.anonymous()] {
                let answer = client
                    .send(client.request(method.clone(), &concrete(path)))
                    .await;
                assert_eq!(answer.status, 405, "{method} {path}: {}", answer.text);
                let allow: BTreeSet<_> = answer.header("allow").split(',').map(str::trim).collect();
                assert_eq!(allow, *known, "{method} {path}");
            }
        }
    }
}

/// For each path, and whether it is a tenant's, the methods that it has.
fn methods_by_path() -> BTreeMap<(&'static str, bool), BTreeSet<&'static str>> {
    let mut methods: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for endpoint in endpoints() {
        let path = (endpoint.path(), endpoint.plane() == Plane::Tenant);
        let known = methods.entry(path).or_default();
        known.insert(endpoint.method());
        if endpoint.method() == "GET" {
            known.insert("HEAD");
        }
    }
    methods
}

async fn asvs_v3_5_3_no_get_writes_anything(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let administrator = app.administrator(&app.tenant).await;
    let body = serde_json::json!({ "name": "A service", "rights": [] });
    let made = administrator.client.post("/v1/admin/clients", body).await;
    let rights = ["follow_revocations"];
    let service = basic_client(&app, &app.tenant, &administrator, &rights).await;
    app.platform.write_token_counts().await;
    let before = recorded_rows(&app, app.tenant.id).await;
    for endpoint in endpoints()
        .iter()
        .filter(|endpoint| endpoint.method() == "GET")
    {
        let client = match endpoint.plane() {
            Plane::Tenant => administrator.client.clone(),
            Plane::Instance | Plane::Operator => app.bare_client(),
        };
        for method in [Method::GET, Method::HEAD] {
            let path = endpoint
                .path()
                .replace("{user_id}", &administrator.id.to_string())
                .replace("{client_id}", made.text_at("/client/id"));
            let path = concrete(&path);
            if endpoint.is_by_clients() {
                let request = service.http.request(method, &path);
                let request = request.basic_auth(&service.id, Some(&service.secret));
                // It may have no end.
                assert_eq!(request.send().await.unwrap().status(), 200);
                continue;
            }
            client.send(client.request(method, &path)).await.expect(200);
        }
    }
    assert_eq!(recorded_rows(&app, app.tenant.id).await, before);
}

async fn asvs_v14_2_5_what_is_not_declared_is_not_served_and_not_kept_by_caches(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let administrator = app.administrator(&app.tenant).await;
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v2/session",
        "/V1/session",
        "/v1/session/",
        "/v1/session.json",
        "/v1/session/style.css",
        "/v1/auth",
        "/v1/admin",
        "/v1/admin/users/",
        "/v1/admin/users/all",
        "/operator/v1/tenants",
        "/metrics",
        "/debug",
        "/docs/",
        "/docs/style.css.map",
        "/.well-known",
        "/.well-known/",
        "/.git/config",
        "/.env",
        "/favicon.ico",
        "/robots.txt",
        "/index.html",
    ] {
        for client in [administrator.client.clone(), app.bare_client()] {
            let answer = client.get(path).await;
            assert_eq!(answer.status, 404, "{path}");
            let answer = answer.expect_problem(404, "not_found");
            assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        }
    }
}
