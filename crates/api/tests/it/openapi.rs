//! `GET /openapi.json`: that it is sound in itself, says of each endpoint what was declared, and tells the truth.

use crate::support::clients::basic_client;
use crate::support::registration;
use crate::support::schema::Description;
use keyward_api::{Endpoint, endpoints};
use keyward_policy::Rule;
use keyward_testkit::{
    Answer, EventStream, PASSWORD, ServerEvent, TestApp, TestDatabase, TestUser, on_both_engines,
};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

on_both_engines!(
    it_has_the_form_of_openapi_3_1,
    its_operations_are_the_endpoints,
    each_type_has_a_schema_of_its_own,
    asvs_v2_1_1_each_field_of_a_request_has_a_type_and_a_text,
    each_answer_matches_its_schema,
    problems_match_their_schema,
);

async fn description(app: &TestApp) -> Description {
    let answer = app.bare_client().get("/openapi.json").await.expect(200);
    assert_eq!(answer.header("content-type"), "application/json");
    Description {
        document: answer.json,
    }
}

fn operation<'a>(description: &'a Description, endpoint: &Endpoint) -> &'a Value {
    let method = endpoint.method().to_lowercase();
    &description.document["paths"][endpoint.path()][method]
}

/// Every value below `value` that has the name.
fn all_named<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get(name));
            members
                .values()
                .for_each(|member| all_named(member, name, found));
        }
        Value::Array(items) => items.iter().for_each(|item| all_named(item, name, found)),
        _ => {}
    }
}

async fn it_has_the_form_of_openapi_3_1(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let description = description(&app).await;
    let document = &description.document;
    assert_eq!(document["openapi"], "3.1.0");
    for text in ["title", "version"] {
        assert!(
            document["info"][text]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
    }
    let mut references = Vec::new();
    all_named(document, "$ref", &mut references);
    assert!(references.len() > 10);
    for reference in references {
        let reference = reference.as_str().unwrap();
        assert!(description.resolve(reference).is_some(), "{reference}");
    }
    let mut ids = Vec::new();
    all_named(&document["paths"], "operationId", &mut ids);
    let distinct: BTreeSet<_> = ids.iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(
        (ids.len(), distinct.len()),
        (endpoints().len(), endpoints().len())
    );
    let mut used = Vec::new();
    all_named(document, "security", &mut used);
    for scheme in used.iter().flat_map(|list| list.as_array().unwrap()) {
        for name in scheme.as_object().unwrap().keys() {
            assert!(
                document["components"]["securitySchemes"][name].is_object(),
                "{name}"
            );
        }
    }
    // A null where OpenAPI asks for a text.
    let mut texts = Vec::new();
    all_named(document, "description", &mut texts);
    assert!(texts.iter().all(|text| text.is_string()));
}

async fn its_operations_are_the_endpoints(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let description = description(&app).await;
    let mut described = BTreeSet::new();
    for (path, methods) in description.document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            described.insert((method.to_uppercase(), path.clone()));
        }
    }
    let declared = endpoints();
    let expected = declared
        .iter()
        .map(|endpoint| (endpoint.method().to_owned(), endpoint.path().to_owned()));
    assert_eq!(described, expected.collect());
    for endpoint in &declared {
        let operation = operation(&description, endpoint);
        assert_eq!(operation["x-keyward-action"], endpoint.action().name());
        let asks = operation["security"].is_array();
        assert_eq!(
            asks,
            endpoint.action().rule() != Rule::Anyone,
            "{endpoint:?}"
        );
        assert_eq!(
            operation["responses"]["401"].is_object(),
            asks || operation["responses"]["401"].is_object()
        );
        assert!(
            operation["summary"]
                .as_str()
                .is_some_and(|text| text.ends_with('.')),
            "{endpoint:?}"
        );
        let in_path = operation["parameters"].as_array().into_iter().flatten();
        let in_path = in_path
            .filter(|parameter| parameter["in"] == "path")
            .count();
        assert_eq!(
            in_path,
            endpoint.path().matches('{').count(),
            "{endpoint:?}"
        );
    }
}

async fn each_type_has_a_schema_of_its_own(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let description = description(&app).await;
    let item_of = |path: &str| {
        let answer = &description.document["paths"][path]["get"]["responses"]["200"];
        let reference = answer["content"]["application/json"]["schema"]["$ref"].as_str();
        let page = description.resolve(reference.unwrap()).unwrap();
        let items = page["properties"]["items"]["items"]["$ref"]
            .as_str()
            .unwrap();
        description.resolve(items).unwrap()["properties"].clone()
    };
    assert!(item_of("/v1/sessions")["idles_out_at"].is_object());
    assert!(item_of("/v1/admin/audit/events")["public"].is_object());
}

async fn asvs_v2_1_1_each_field_of_a_request_has_a_type_and_a_text(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let description = description(&app).await;
    let mut seen = 0;
    for endpoint in endpoints() {
        let operation = operation(&description, &endpoint);
        let content = &operation["requestBody"]["content"];
        let media_type = match endpoint.is_by_clients() {
            true => "application/x-www-form-urlencoded",
            false => "application/json",
        };
        let schema = &content[media_type]["schema"];
        if let Some(reference) = schema["$ref"].as_str() {
            let schema = description.resolve(reference).unwrap();
            assert_eq!(schema["additionalProperties"], false, "{reference}");
            for (name, property) in schema["properties"].as_object().unwrap() {
                let typed = ["type", "$ref", "oneOf"]
                    .iter()
                    .any(|key| !property[key].is_null());
                // That of a field which may be null stands beside its reference.
                let told = property.to_string().contains("\"description\"");
                assert!(typed && told, "{reference} {name}");
                seen += 1;
            }
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(!parameter["schema"]["type"].is_null(), "{parameter}");
            seen += 1;
        }
    }
    assert!(seen > 15, "{seen}");
}

/// Calls an endpoint as it is meant to be called, by a new administrator's session.
async fn call(app: &TestApp, endpoint: &Endpoint) -> Answer {
    let user = match endpoint.path() {
        // Theirs is another password afterwards.
        "/v1/auth/password/change" => app.member(&app.tenant, "eve@example.org").await,
        _ => app.administrator(&app.tenant).await,
    };
    let client = match endpoint.plane() {
        keyward_api::Plane::Tenant => user.client.clone(),
        keyward_api::Plane::Instance | keyward_api::Plane::Operator => app.bare_client(),
    };
    let body = match endpoint.path() {
        "/v1/auth/register" => registration("ada@example.org"),
        "/v1/auth/password/change" => {
            json!({ "current_password": PASSWORD, "new_password": "another and longer passphrase" })
        }
        "/v1/auth/reauthenticate" => json!({ "password": PASSWORD }),
        "/v1/auth/login" => registration(&app.tenant.administrator),
        "/v1/auth/refresh" => json!({ "refresh_token": user.answer.text_at("/refresh_token") }),
        "/v1/admin/users" => registration("grace@example.org"),
        "/v1/admin/publishable-keys" => json!({ "name": "Shop", "allowed_origins": [] }),
        "/v1/admin/clients" => json!({ "name": "A service", "rights": ["introspect"] }),
        "/v1/admin/settings" => json!({ "session_ttl_seconds": 3_600 }),
        "/v1/auth/invitation/accept" => {
            let (_, token) = invite(&user).await;
            json!({ "token": token, "password": PASSWORD })
        }
        _ if endpoint.method() == "PATCH" => json!({ "name": "Ada" }),
        _ => json!({}),
    };
    let mut path = endpoint
        .path()
        .replace("{id}", &user.session_id.to_string());
    if path.contains("{user_id}") {
        // Somebody else each time: what one endpoint does to them, another would stumble over.
        let (id, _) = invite(&user).await;
        path = path.replace("{user_id}", &id);
    }
    if path.contains("{key_id}") {
        let body = json!({ "name": "Shop", "allowed_origins": [] });
        let key = client.post("/v1/admin/publishable-keys", body).await;
        path = path.replace("{key_id}", key.text_at("/publishable_key/id"));
    }
    if path.contains("{client_id}") {
        let client = basic_client(app, &app.tenant, &user, &[]).await;
        path = path.replace("{client_id}", &client.id);
    }
    if endpoint.is_by_clients() {
        let service = basic_client(app, &app.tenant, &user, &["introspect", "revoke"]).await;
        return service.ask(&path, &[("token", client.token())]).await;
    }
    let method = Method::from_bytes(endpoint.method().as_bytes()).unwrap();
    client.send(client.request(method, &path).json(&body)).await
}

/// Makes a user who is invited; gives their id, and the invitation's token.
async fn invite(chief: &TestUser) -> (String, String) {
    let body = json!({ "email": format!("{}@example.org", chief.session_id) });
    let answer = chief.client.post("/v1/admin/users", body).await.expect(201);
    let token = answer.text_at("/invitation/token").to_owned();
    (answer.text_at("/user/id").to_owned(), token)
}

async fn each_answer_matches_its_schema(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let description = description(&app).await;
    for endpoint in endpoints() {
        let responses = &operation(&description, &endpoint)["responses"];
        let stream = &responses["200"]["content"]["text/event-stream"]["schema"];
        if stream.is_object() {
            for event in first_events(&app, &endpoint).await {
                let errors = description.errors(stream, &event.data);
                assert!(errors.is_empty(), "{event:?}: {errors:#?}");
            }
            continue;
        }
        let answer = call(&app, &endpoint).await;
        let described = &responses[answer.status.to_string()];
        assert!(
            (200..300).contains(&answer.status),
            "{endpoint:?}: {}",
            answer.text
        );
        assert!(
            described.is_object(),
            "{endpoint:?} gives {}",
            answer.status
        );
        let content = &described["content"]["application/json"];
        if content.is_object() {
            assert_eq!(answer.header("content-type"), "application/json");
            let errors = description.errors(&content["schema"], &answer.json);
            assert!(errors.is_empty(), "{endpoint:?}: {errors:#?}");
        }
        if answer.header("content-type") == "application/json" {
            let is_described = content.is_object() || endpoint.path() == "/openapi.json";
            assert!(is_described, "{endpoint:?}");
        }
    }
}

/// A snapshot with something in it, a heartbeat, and what happens then.
async fn first_events(app: &TestApp, endpoint: &Endpoint) -> Vec<ServerEvent> {
    let administrator = app.administrator(&app.tenant).await;
    let rights = ["follow_revocations"];
    let service = basic_client(app, &app.tenant, &administrator, &rights).await;
    let sign_out = async || {
        let user = app.administrator(&app.tenant).await;
        user.client.delete("/v1/sessions/all").await.expect(200);
    };
    sign_out().await;
    let request = service.http.request(Method::GET, endpoint.path());
    let request = request.basic_auth(&service.id, Some(&service.secret));
    let mut stream = EventStream::new(request.send().await.unwrap());
    let mut events = vec![stream.next().await.unwrap(), stream.next().await.unwrap()];
    sign_out().await;
    events.push(stream.next().await.unwrap());
    let names = events.iter().map(|event| event.name.as_str());
    assert!(names.eq(["snapshot", "heartbeat", "revocation"]));
    events
}

async fn problems_match_their_schema(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let description = description(&app).await;
    app.register(&app.tenant, "ada@example.org").await;
    for endpoint in endpoints() {
        let responses = &operation(&description, &endpoint)["responses"];
        let client = match endpoint.plane() {
            keyward_api::Plane::Tenant => app.administrator(&app.tenant).await.client,
            keyward_api::Plane::Instance | keyward_api::Plane::Operator => app.bare_client(),
        };
        let method = Method::from_bytes(endpoint.method().as_bytes()).unwrap();
        let path = format!(
            "{}?unknown=1",
            endpoint
                .path()
                .replace("{id}", "1")
                .replace("{user_id}", "1")
                .replace("{key_id}", "1")
                .replace("{client_id}", "1")
        );
        let bodies = [
            json!({ "unknown": 1 }),
            registration("ada@example.org"),
            json!(1),
        ];
        let as_whom = [
            client.clone(),
            client.anonymous(),
            client.with_token("garbage"),
        ];
        for (client, body) in as_whom
            .iter()
            .flat_map(|client| bodies.iter().map(move |body| (client, body)))
        {
            let answer = client
                .send(client.request(method.clone(), &path).json(body))
                .await;
            if answer.status < 400 {
                continue;
            }
            let described = &responses[answer.status.to_string()];
            if endpoint.is_by_clients() {
                let schema = &described["content"]["application/json"]["schema"];
                let errors = description.errors(schema, &answer.json);
                assert!(errors.is_empty(), "{endpoint:?}: {errors:#?}");
                continue;
            }
            let code = answer.text_at("/code");
            let told = described["description"].as_str().unwrap_or_default();
            assert!(
                told.contains(&format!("`{code}`")),
                "{endpoint:?} gives {code}: {described}"
            );
            let schema = &described["content"]["application/problem+json"]["schema"];
            let errors = description.errors(schema, &answer.json);
            assert!(errors.is_empty(), "{endpoint:?}: {errors:#?}");
        }
    }
}
