//! `/v1/admin/publishable-keys`, and what a key does.

use crate::support::{assert_token_refused, audit_events, count, only_event, registration};
use keyward_testkit::{
    Answer, TestApp, TestClient, TestDatabase, TestTenant, TestUser, on_both_engines,
};
use reqwest::Method;
use serde_json::{Value, json};

on_both_engines!(
    a_key_is_made_listed_switched_and_taken_away,
    a_key_names_its_tenant,
    asvs_v8_4_1_a_key_that_disagrees_with_another_name_is_not_found,
    asvs_v8_3_2_a_key_that_was_disabled_names_nobody_at_once,
    what_is_no_key_names_nobody,
    asvs_v8_4_1_a_key_of_another_tenant_is_not_found,
    what_is_wrong_with_a_key_is_named,
    asvs_v15_4_2_a_tenant_has_fifty_keys_at_most_also_if_they_are_made_at_once,
);

const PATH: &str = "/v1/admin/publishable-keys";

async fn make(administrator: &TestUser, body: Value) -> Value {
    let answer = administrator.client.post(PATH, body).await.expect(201);
    answer.json["publishable_key"].clone()
}

async fn make_any(administrator: &TestUser) -> Value {
    make(
        administrator,
        json!({ "name": "Shop", "allowed_origins": [] }),
    )
    .await
}

fn text<'a>(key: &'a Value, name: &str) -> &'a str {
    key[name].as_str().unwrap()
}

async fn get_with_key(client: &TestClient, key: &str, path: &str) -> Answer {
    let request = client.request(Method::GET, path);
    client.send(request.header("x-publishable-key", key)).await
}

async fn post(administrator: &TestUser, key: &Value, act: &str) -> Answer {
    let path = format!("{PATH}/{}/{act}", text(key, "id"));
    administrator.client.post(&path, json!({})).await
}

async fn a_key_is_made_listed_switched_and_taken_away(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let administrator = app.administrator(&app.tenant).await;
    let origins = json!([
        "https://Shop.Example:443",
        "https://b.example:8443",
        "https://shop.example"
    ]);
    let live = make(
        &administrator,
        json!({ "name": " Shop ", "allowed_origins": origins }),
    )
    .await;
    assert!(text(&live, "key").starts_with("pk_live_"));
    assert_eq!(live["name"], "Shop");
    assert_eq!(
        (&live["mode"], &live["status"]),
        (&json!("live"), &json!("active"))
    );
    assert_eq!(
        live["allowed_origins"],
        json!(["https://b.example:8443", "https://shop.example"])
    );
    let body =
        json!({ "name": "Local", "mode": "test", "allowed_origins": ["http://localhost:3000"] });
    let test = make(&administrator, body).await;
    assert!(text(&test, "key").starts_with("pk_test_"));
    let listed = administrator.client.get(PATH).await.expect(200);
    assert_eq!(listed.list_at("/items"), [live.clone(), test.clone()]);
    let disabled = post(&administrator, &live, "disable").await.expect(200);
    assert_eq!(disabled.text_at("/publishable_key/status"), "disabled");
    // It is so already.
    post(&administrator, &live, "disable").await.expect(200);
    let enabled = post(&administrator, &live, "enable").await.expect(200);
    assert_eq!(enabled.json["publishable_key"], live);
    let path = format!("{PATH}/{}", text(&test, "id"));
    administrator.client.delete(&path).await.expect(204);
    administrator
        .client
        .delete(&path)
        .await
        .expect_problem(404, "not_found");
    let listed = administrator.client.get(PATH).await.expect(200);
    assert_eq!(listed.list_at("/items"), std::slice::from_ref(&live));
    let events = audit_events(&administrator, "type=publishable_key.created").await;
    assert_eq!(events.len(), 2);
    assert_eq!(events[1]["public"]["target"]["id"], live["id"]);
    assert_eq!(
        events[1]["public"]["after"]["allowed_origins"],
        live["allowed_origins"]
    );
    for kind in ["disabled", "enabled", "deleted"] {
        only_event(&administrator, &format!("publishable_key.{kind}")).await;
    }
}

async fn a_key_names_its_tenant(database: TestDatabase) {
    let app = TestApp::start_with(database, |options| options.default_tenant = true).await;
    let tenant = app.new_tenant("named").await;
    let administrator = app.administrator(&tenant).await;
    let key = make_any(&administrator).await;
    let bare = app.bare_client();
    let metadata = "/.well-known/openid-configuration";
    let answer = get_with_key(&bare, text(&key, "key"), metadata)
        .await
        .expect(200);
    assert_eq!(
        answer.text_at("/issuer"),
        tenant.issuer,
        "not the default tenant"
    );
    let request = bare.request(Method::POST, "/v1/auth/register");
    let request = request.header("x-publishable-key", text(&key, "key"));
    bare.send(request.json(&registration("ada@example.org")))
        .await
        .expect(201);
    let condition = format!(
        "tenant_id = {} AND email = 'ada@example.org'",
        app.database.id_literal(tenant.id)
    );
    assert_eq!(count(&app, "users", &condition).await, 1);
    // With everything else that names the same, cold and warm.
    let hosted = app.new_tenant_with_host("hosted").await;
    let administrator = app.administrator(&hosted).await;
    let key = make_any(&administrator).await;
    let host = hosted.host.as_deref().unwrap();
    for _ in 0..3 {
        for client in [
            administrator.client.clone(),
            administrator.client.with_host(host),
            administrator.client.under("").with_host(host),
            administrator.client.under(""),
        ] {
            let answer = get_with_key(&client, text(&key, "key"), "/v1/session")
                .await
                .expect(200);
            assert_eq!(answer.text_at("/tenant/slug"), hosted.slug);
        }
    }
}

async fn asvs_v8_4_1_a_key_that_disagrees_with_another_name_is_not_found(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (one, two) = (
        app.new_tenant_with_host("one").await,
        app.new_tenant_with_host("two").await,
    );
    let (of_one, of_two) = (app.administrator(&one).await, app.administrator(&two).await);
    let (key, other) = (make_any(&of_one).await, make_any(&of_two).await);
    let (key, other) = (text(&key, "key"), text(&other, "key"));
    let host = |tenant: &TestTenant| tenant.host.clone().unwrap();
    // What is warm now must not be taken for an answer to the next question.
    get_with_key(&of_one.client, key, "/v1/session")
        .await
        .expect(200);
    for client in [
        of_one.client.clone(),
        of_one.client.under(""),
        of_one.client.anonymous(),
        of_one.client.under("").with_host(&host(&one)),
        of_one.client.under("").anonymous().with_host(&host(&one)),
    ] {
        for path in ["/v1/session", "/.well-known/openid-configuration"] {
            get_with_key(&client, other, path)
                .await
                .expect_problem(404, "not_found");
        }
    }
    get_with_key(&of_one.client, key, "/v1/session")
        .await
        .expect(200);
}

async fn asvs_v8_3_2_a_key_that_was_disabled_names_nobody_at_once(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let administrator = app.administrator(&app.tenant).await;
    let key = make_any(&administrator).await;
    let name = text(&key, "key");
    let bare = app.bare_client();
    let path = "/.well-known/openid-configuration";
    for act in ["disable", "delete"] {
        post(&administrator, &key, "enable").await.expect(200);
        for _ in 0..3 {
            get_with_key(&bare, name, path).await.expect(200);
            get_with_key(&administrator.client, name, "/v1/session")
                .await
                .expect(200);
        }
        match act {
            "disable" => post(&administrator, &key, act).await.expect(200),
            _ => administrator
                .client
                .delete(&format!("{PATH}/{}", text(&key, "id")))
                .await
                .expect(204),
        };
        get_with_key(&bare, name, path)
            .await
            .expect_problem(404, "not_found");
        let warm = get_with_key(&administrator.client, name, "/v1/session").await;
        warm.expect_problem(404, "not_found");
        administrator.client.get("/v1/session").await.expect(200);
    }
}

async fn what_is_no_key_names_nobody(database: TestDatabase) {
    let app = TestApp::start_with(database, |options| options.default_tenant = true).await;
    let administrator = app.administrator(&app.tenant).await;
    let key = make_any(&administrator).await;
    let name = text(&key, "key");
    let last = if name.ends_with('a') { "b" } else { "a" };
    let slip = format!("{}{last}", &name[..name.len() - 1]);
    let unknown = "pk_live_aaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned();
    for odd in [
        "",
        "pk_live_",
        "sk_live_x",
        &slip,
        &unknown,
        &format!("{name}, {name}"),
        &name.to_uppercase(),
    ] {
        let client = app.bare_client();
        let path = "/.well-known/openid-configuration";
        get_with_key(&client, odd, path)
            .await
            .expect_problem(404, "not_found");
        let signed_in = get_with_key(&administrator.client, odd, "/v1/session").await;
        signed_in.expect_problem(404, "not_found");
    }
    let twice = app.bare_client().request(Method::GET, "/v1/session");
    let twice = twice
        .header("x-publishable-key", name)
        .header("x-publishable-key", name);
    app.bare_client()
        .send(twice)
        .await
        .expect_problem(404, "not_found");
    // A key is no credential.
    let as_token = app.client(&app.tenant).with_token(name);
    assert_token_refused(as_token.get("/v1/session").await);
}

async fn asvs_v8_4_1_a_key_of_another_tenant_is_not_found(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let other = app.new_tenant("other").await;
    let theirs = make_any(&app.administrator(&other).await).await;
    let administrator = app.administrator(&app.tenant).await;
    for act in ["enable", "disable"] {
        post(&administrator, &theirs, act)
            .await
            .expect_problem(404, "not_found");
    }
    let path = format!("{PATH}/{}", text(&theirs, "id"));
    administrator
        .client
        .delete(&path)
        .await
        .expect_problem(404, "not_found");
    assert!(
        administrator
            .client
            .get(PATH)
            .await
            .list_at("/items")
            .is_empty()
    );
    let bare = app.bare_client();
    let path = "/.well-known/openid-configuration";
    get_with_key(&bare, text(&theirs, "key"), path)
        .await
        .expect(200);
}

async fn what_is_wrong_with_a_key_is_named(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let administrator = app.administrator(&app.tenant).await;
    let many: Vec<String> = (0..33)
        .map(|number| format!("https://{number}.example"))
        .collect();
    for (body, pointer, code) in [
        (
            json!({ "name": "", "allowed_origins": [] }),
            "/name",
            "invalid",
        ),
        (json!({ "allowed_origins": [] }), "/name", "missing"),
        (json!({ "name": "a" }), "/allowed_origins", "missing"),
        (
            json!({ "name": "a", "allowed_origins": many }),
            "/allowed_origins",
            "too_long",
        ),
        (
            json!({ "name": "a", "allowed_origins": ["https://a.example", "*"] }),
            "/allowed_origins/1",
            "invalid",
        ),
        (
            json!({ "name": "a", "allowed_origins": ["https://*.example"] }),
            "/allowed_origins/0",
            "invalid",
        ),
        (
            json!({ "name": "a", "allowed_origins": ["null"] }),
            "/allowed_origins/0",
            "invalid",
        ),
        (
            json!({ "name": "a", "allowed_origins": ["https://a.example/x"] }),
            "/allowed_origins/0",
            "invalid",
        ),
        (
            json!({ "name": "a", "allowed_origins": ["http://a.example"] }),
            "/allowed_origins/0",
            "invalid",
        ),
        (
            json!({ "name": "a", "mode": "prod", "allowed_origins": [] }),
            "/mode",
            "unknown_field",
        ),
        (
            json!({ "name": "a", "allowed_origins": [], "key": "pk_live_x" }),
            "/key",
            "unknown_field",
        ),
    ] {
        let answer = administrator.client.post(PATH, body.clone()).await;
        assert_eq!(answer.status, 422, "{body}: {}", answer.text);
        let answer = answer.expect_problem(422, "invalid_body");
        assert_eq!(answer.text_at("/errors/0/pointer"), pointer, "{body}");
        assert_eq!(answer.text_at("/errors/0/code"), code, "{body}");
    }
    assert!(
        administrator
            .client
            .get(PATH)
            .await
            .list_at("/items")
            .is_empty()
    );
}

async fn asvs_v15_4_2_a_tenant_has_fifty_keys_at_most_also_if_they_are_made_at_once(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let administrator = app.administrator(&app.tenant).await;
    let attempts = (0..60).map(|_| {
        let administrator = administrator.clone();
        let body = json!({ "name": "Shop", "allowed_origins": [] });
        tokio::spawn(async move { administrator.client.post(PATH, body).await })
    });
    let mut made = Vec::new();
    for attempt in attempts.collect::<Vec<_>>() {
        let answer = attempt.await.unwrap();
        match answer.status {
            201 => made.push(answer.json["publishable_key"].clone()),
            _ => drop(answer.expect_problem(409, "too_many_publishable_keys")),
        }
    }
    assert_eq!(made.len(), 50);
    // One that names nobody counts too; one that was taken away does not.
    post(&administrator, &made[0], "disable").await.expect(200);
    let body = json!({ "name": "Shop", "allowed_origins": [] });
    let full = administrator.client.post(PATH, body).await;
    full.expect_problem(409, "too_many_publishable_keys");
    let path = format!("{PATH}/{}", text(&made[0], "id"));
    administrator.client.delete(&path).await.expect(204);
    make_any(&administrator).await;
}
