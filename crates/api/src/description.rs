//! The OpenAPI 3.1 description, made from the endpoints' declarations.

use crate::declaration::Plane;
use crate::endpoint::Endpoint;
use crate::problem::{Code, OAuthErrorBody, ProblemBody};
use crate::shape::{Shape, shape_of};
use axum::http::StatusCode;
use keyward_policy::{Action, Rule};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The whole document of the public API.
pub(crate) fn describe(endpoints: &[Endpoint]) -> Value {
    let (paths, schemas) = paths_and_schemas(endpoints);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Keyward",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Authentication, sessions and audit for multi-tenant applications.",
            "description": "A request names its tenant by its access token, by the host, or by `/t/{slug}` in front of \
                any path of the tenant plane. Errors are `application/problem+json` with a stable `code`.",
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        "servers": [{ "url": "/", "description": "A tenant's own host, or a development instance" }, {
            "url": "/t/{slug}",
            "description": "A tenant on a shared host",
            "variables": { "slug": { "default": "demo" } },
        }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "client": { "type": "http", "scheme": "basic", "description": "An OAuth client of the tenant; or in the body, by `client_secret` or `client_assertion`." },
                "access_token": { "type": "http", "scheme": "bearer", "bearerFormat": "at+jwt (RFC 9068)" },
            },
        },
    })
}

/// The whole document of the operators' API.
pub(crate) fn describe_for_operators(endpoints: &[Endpoint]) -> Value {
    let (paths, schemas) = paths_and_schemas(endpoints);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Keyward for operators",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Governs the tenants of an instance, and the instance itself.",
            "description": "Served on the Unix socket `operator.sock` in the data folder, where the account at the other \
                end is the operator, and on a listener of its own for the holder of the operator token. Whoever changes \
                something says why in the header `Operator-Reason`; every act, reading too, is recorded with it.",
            "license": { "name": "MIT", "identifier": "MIT" },
        },
        "servers": [{ "url": "/", "description": "The operator socket or listener" }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "operator_token": { "type": "http", "scheme": "bearer", "description": "Not on the Unix socket." },
            },
        },
    })
}

/// The operations by path and method.
type Paths<'a> = BTreeMap<&'a str, Map<String, Value>>;

fn paths_and_schemas(endpoints: &[Endpoint]) -> (Paths<'_>, Map<String, Value>) {
    let mut paths = Paths::new();
    let mut schemas = Map::new();
    add_schemas(&mut schemas, &shape_of::<ProblemBody>());
    if endpoints.iter().any(Endpoint::is_by_clients) {
        add_schemas(&mut schemas, &shape_of::<OAuthErrorBody>());
    }
    for endpoint in endpoints {
        let operation = describe_operation(endpoint);
        paths
            .entry(endpoint.path())
            .or_default()
            .insert(endpoint.method().to_lowercase(), operation);
        let shapes = [&endpoint.request, &endpoint.answer.1];
        shapes
            .into_iter()
            .flatten()
            .for_each(|shape| add_schemas(&mut schemas, shape));
    }
    (paths, schemas)
}

fn add_schemas(schemas: &mut Map<String, Value>, shape: &Shape) {
    for (name, schema) in &shape.schemas {
        schemas.entry(name.clone()).or_insert_with(|| json!(schema));
    }
}

fn describe_operation(endpoint: &Endpoint) -> Value {
    let mut operation = json!({
        "operationId": endpoint.action().name().replace('.', "_") + &suffix_of(endpoint),
        "summary": endpoint.summary,
        "tags": [endpoint.action().resource_kind()],
        "x-keyward-action": endpoint.action().name(),
        "x-keyward-permission": format!("{:?}", endpoint.action().permission()).to_uppercase(),
        "parameters": parameters_of(endpoint),
        "responses": responses_of(endpoint),
    });
    if let Some(request) = &endpoint.request {
        let media_type = match endpoint.is_by_clients() {
            true => "application/x-www-form-urlencoded",
            false => "application/json",
        };
        let content = json!({ media_type: { "schema": request.reference() } });
        operation["requestBody"] = json!({ "required": true, "content": content });
    }
    match (endpoint.plane(), endpoint.action().rule()) {
        (Plane::Operator, _) => operation["security"] = json!([{ "operator_token": [] }]),
        (_, Rule::Anyone) => {}
        // In the header, or in the form (RFC 6749 §2.3.1, RFC 7523 §2.2).
        (_, Rule::Client(_)) => operation["security"] = json!([{ "client": [] }, {}]),
        _ => operation["security"] = json!([{ "access_token": [] }]),
    }
    operation
}

/// Several endpoints may ask for one action; the path tells them apart.
fn suffix_of(endpoint: &Endpoint) -> String {
    let last = endpoint.path().rsplit('/').next().unwrap_or_default();
    format!("__{}", last.replace(['{', '}', '.'], "").replace('-', "_"))
}

fn parameters_of(endpoint: &Endpoint) -> Vec<Value> {
    let in_path = endpoint
        .path()
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            let schema = match name {
                "slug" | "host" => json!({ "type": "string" }),
                _ => json!({ "type": "string", "format": "uuid" }),
            };
            json!({ "name": name, "in": "path", "required": true, "schema": schema })
        });
    let properties = endpoint
        .query
        .as_ref()
        .map(Shape::properties)
        .unwrap_or_default();
    let in_query = properties.into_iter().map(|(name, mut schema, required)| {
        let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        json!({ "name": name, "in": "query", "required": required, "schema": schema, "description": description })
    });
    let reason = (endpoint.plane() == Plane::Operator).then(|| {
        json!({ "name": "Operator-Reason", "in": "header", "required": endpoint.method() != "GET",
            "schema": { "type": "string", "minLength": 1, "maxLength": 200 },
            "description": "Why you do it, for the audit log. Left out of a read, it is the action's name." })
    });
    let if_match = endpoint.conditional.then(|| {
        json!({ "name": "If-Match", "in": "header", "required": false, "schema": { "type": "string" },
            "description": "Entity tags as the answers carry them in `ETag`, such as `\"3\"`: if what is to be changed is \
                of another version, nothing is (RFC 9110, section 13.1.1). Without it the change is to whichever there is." })
    });
    let key = endpoint.is_idempotent().then(|| {
        json!({ "name": "Idempotency-Key", "in": "header", "required": false,
            "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
            "description": "A name of the client's choice for this request. For 24 hours the same request of the same \
                caller with the same key is not done again: it is answered as before, with `Idempotency-Replayed: true`. \
                Another one is 422. An answer that showed a secret is not repeated: 409, with the `id` of what was made." })
    });
    let last_event = endpoint.is_stream.then(|| {
        json!({ "name": "Last-Event-ID", "in": "header", "required": false, "schema": { "type": "string" },
            "description": "The last `id` of a stream before, which is resumed. One that is too old or unknown is as none." })
    });
    in_path
        .chain(in_query)
        .chain(last_event)
        .chain(if_match)
        .chain(key)
        .chain(reason)
        .collect()
}

fn responses_of(endpoint: &Endpoint) -> Map<String, Value> {
    let (status, shape) = &endpoint.answer;
    let mut answer = json!({ "description": status.canonical_reason().unwrap_or_default() });
    if let Some(shape) = shape {
        let media_type = match endpoint.is_stream {
            true => "text/event-stream",
            false => "application/json",
        };
        answer["content"] = json!({ media_type: { "schema": shape.reference() } });
    }
    let mut responses = Map::from_iter([(status.as_u16().to_string(), answer)]);
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for code in problems_of(endpoint) {
        by_status
            .entry(code.status().as_u16())
            .or_default()
            .push(code.name());
    }
    for (status, codes) in by_status {
        let reason = StatusCode::from_u16(status)
            .ok()
            .and_then(|status| status.canonical_reason())
            .unwrap_or_default();
        let (media_type, shape) = match endpoint.is_by_clients() {
            true => ("application/json", shape_of::<OAuthErrorBody>()),
            false => ("application/problem+json", shape_of::<ProblemBody>()),
        };
        let content = json!({ media_type: { "schema": shape.reference() } });
        let description = format!("{reason}: `{}`", codes.join("`, `"));
        responses.insert(
            status.to_string(),
            json!({ "description": description, "content": content }),
        );
    }
    responses
}

/// What can go wrong at every endpoint for OAuth clients.
const PROBLEMS_OF_CLIENTS: [Code; 9] = [
    Code::InvalidRequest,
    Code::InvalidClient,
    Code::BodyTooLarge,
    Code::RequestTimeout,
    Code::InvalidHost,
    Code::NotFound,
    Code::TenantSuspended,
    Code::RateLimited,
    Code::Unavailable,
];

/// What can go wrong: what the endpoint declares, and what its kind brings.
pub(crate) fn problems_of(endpoint: &Endpoint) -> Vec<Code> {
    let mut problems = endpoint.problems.clone();
    problems.extend(match endpoint.is_by_clients() {
        true => PROBLEMS_OF_CLIENTS.to_vec(),
        false => problems_of_its_kind(endpoint),
    });
    problems.push(Code::Internal);
    problems.sort_by_key(|code| (code.status(), code.name()));
    problems.dedup();
    problems
}

fn problems_of_its_kind(endpoint: &Endpoint) -> Vec<Code> {
    let mut problems = Vec::new();
    if endpoint.method() != "GET" && !endpoint.is_idempotent() {
        problems.push(Code::IdempotencyKeyNotHeeded);
    }
    if endpoint.request.is_some() {
        let body = [
            Code::InvalidJson,
            Code::InvalidBody,
            Code::UnsupportedMediaType,
            Code::BodyTooLarge,
            Code::RequestTimeout,
        ];
        problems.extend(body);
    }
    if endpoint.request.is_none() && endpoint.method() != "GET" {
        problems.push(Code::InvalidBody);
    }
    if endpoint.query.is_some() {
        problems.push(Code::InvalidQuery);
    }
    if endpoint.plane() == Plane::Tenant {
        problems.extend([
            Code::InvalidHost,
            Code::InvalidToken,
            Code::NotFound,
            Code::Unavailable,
        ]);
        // What it publishes a suspended tenant gives out all the same.
        let refuses = endpoint.action() != Action::ReadIssuerMetadata;
        problems.extend(refuses.then_some(Code::TenantSuspended));
    }
    if endpoint.action() != Action::ReadHealth {
        problems.push(Code::RateLimited);
    }
    if endpoint.plane() == Plane::Operator {
        let operator = [
            Code::InvalidOperatorReason,
            Code::Unauthenticated,
            Code::NotFound,
            Code::Unavailable,
        ];
        problems.extend(operator);
        let changes = endpoint.method() != "GET";
        problems.extend(changes.then_some(Code::OperatorReasonMissing));
        let of_tenant = endpoint.path().contains("{slug}");
        problems.extend((changes && of_tenant).then_some(Code::WrongTenantStatus));
    }
    match endpoint.action().rule() {
        Rule::Anyone | Rule::Client(_) => {}
        Rule::Owner => problems.push(Code::Unauthenticated),
        Rule::Administrator | Rule::Operator => {
            problems.extend([Code::Unauthenticated, Code::Forbidden])
        }
    }
    problems
}
