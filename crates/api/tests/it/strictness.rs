//! What every endpoint with a body refuses, and what every endpoint with a query does.

use crate::support::raw::RawConnection;
use keyward_testkit::{
    Answer, PASSWORD, TestApp, TestClient, TestDatabase, TestUser, on_both_engines,
};
use reqwest::Method;
use serde_json::{Value, json};

on_both_engines!(
    asvs_v15_3_3_unknown_fields_are_refused_by_name,
    missing_fields_are_named,
    asvs_v1_5_2_values_of_another_type_are_refused_and_never_repeated,
    asvs_v15_3_7_a_field_given_twice_is_refused,
    what_is_not_json_is_refused,
    asvs_v3_5_2_only_application_json_is_read,
    a_body_of_64_kib_is_read_and_one_byte_more_is_not,
    a_body_that_nobody_would_look_at_is_refused,
    queries_are_strict,
);

/// An endpoint with a body, and a body that it takes.
struct Case {
    method: Method,
    path: &'static str,
    body: Value,
    client: TestClient,
}

impl Case {
    /// Every endpoint that has one.
    async fn all(app: &TestApp) -> (TestUser, Vec<Self>) {
        let user = app.member(&app.tenant, "ada@example.org").await;
        let case = |method, path, body| Self {
            method,
            path,
            body,
            client: user.client.clone(),
        };
        let credentials = json!({ "email": "ada@example.org", "password": PASSWORD });
        let newcomer = json!({ "email": "new@example.org", "password": PASSWORD });
        let cases = vec![
            case(Method::POST, "/v1/auth/register", newcomer),
            case(Method::POST, "/v1/auth/login", credentials),
            case(Method::PATCH, "/v1/profile", json!({ "name": "Ada" })),
        ];
        (user, cases)
    }

    async fn send(&self, body: &Value) -> Answer {
        self.send_text(body.to_string()).await
    }

    async fn send_text(&self, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.client.request(self.method.clone(), self.path);
        let request = request.header("content-type", "application/json");
        self.client.send(request.body(body)).await
    }

    fn fields(&self) -> Vec<String> {
        self.body.as_object().unwrap().keys().cloned().collect()
    }
}

#[track_caller]
fn assert_field_error(answer: Answer, pointer: &str, code: &str) {
    let answer = answer.expect_problem(422, "invalid_body");
    let errors = answer.list_at("/errors");
    assert_eq!(errors.len(), 1, "{}", answer.text);
    assert_eq!(errors[0]["pointer"], pointer, "{}", answer.text);
    assert_eq!(errors[0]["code"], code, "{}", answer.text);
}

async fn asvs_v15_3_3_unknown_fields_are_refused_by_name(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, cases) = Case::all(&app).await;
    for case in &cases {
        for field in [
            "role",
            "status",
            "tenant_id",
            "id",
            "email_verified",
            "Name",
            "a/b~c",
        ] {
            let mut body = case.body.clone();
            body[field] = json!("administrator");
            let pointer = format!("/{}", field.replace('~', "~0").replace('/', "~1"));
            assert_field_error(case.send(&body).await, &pointer, "unknown_field");
        }
    }
    let mut login = cases[1].body.clone();
    login["device"] = json!({ "name": "laptop", "trusted": true });
    let answer = cases[1].send(&login).await;
    assert_field_error(answer, "/device/trusted", "unknown_field");
}

async fn missing_fields_are_named(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, cases) = Case::all(&app).await;
    // In a change, what is not named stays.
    let makes = |case: &&Case| case.method == Method::POST;
    for case in cases.iter().filter(makes) {
        for field in case.fields() {
            let mut body = case.body.clone();
            body.as_object_mut().unwrap().remove(&field);
            let answer = case.send(&body).await;
            assert_field_error(answer, &format!("/{field}"), "missing");
        }
    }
    let mut login = cases[1].body.clone();
    login["device"] = json!({});
    assert_field_error(cases[1].send(&login).await, "/device/name", "missing");
}

async fn asvs_v1_5_2_values_of_another_type_are_refused_and_never_repeated(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, cases) = Case::all(&app).await;
    let secret = "918273645546372819";
    let values = [
        json!(918_273_645_546_372_819_u64),
        json!([secret]),
        json!({ "text": secret }),
        json!([[secret]]),
    ];
    for case in &cases {
        for field in case.fields() {
            for value in &values {
                let mut body = case.body.clone();
                body[&field] = value.clone();
                let answer = case.send(&body).await;
                assert!(!answer.text.contains(secret), "{}", answer.text);
                assert_field_error(answer, &format!("/{field}"), "invalid");
            }
        }
        for body in [json!([]), json!("text"), json!(7), json!(true), json!(null)] {
            assert_field_error(case.send(&body).await, "", "invalid");
        }
        // A list of the right values in the right order is no object either.
        let values: Vec<_> = case.body.as_object().unwrap().values().collect();
        assert_field_error(case.send(&json!(values)).await, "", "invalid");
        assert_field_error(
            case.send(&json!([&values[..], &[&json!(null)]].concat()))
                .await,
            "",
            "invalid",
        );
    }
    let mut login = cases[1].body.clone();
    for device in [json!("laptop"), json!(["laptop", null, null]), json!([])] {
        login["device"] = device;
        assert_field_error(cases[1].send(&login).await, "/device", "invalid");
    }
}

async fn asvs_v15_3_7_a_field_given_twice_is_refused(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, cases) = Case::all(&app).await;
    for case in &cases {
        for field in case.fields() {
            let value = &case.body[&field];
            let text = case.body.to_string();
            let twice = format!("{},\"{field}\":{value}}}", text.strip_suffix('}').unwrap());
            let answer = case.send_text(twice).await;
            assert_field_error(answer, &format!("/{field}"), "invalid");
        }
    }
}

async fn what_is_not_json_is_refused(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, cases) = Case::all(&app).await;
    for case in &cases {
        let good = case.body.to_string();
        let cut = good[..good.len() - 1].to_owned();
        let texts = [
            String::new(),
            "   ".into(),
            "{".into(),
            "not JSON".into(),
            "{'email':'ada@example.org'}".into(),
            cut.clone(),
            format!("{cut},}}"),
            format!("{good} {good}"),
            format!("{good}]"),
            format!("\u{feff}{good}"),
        ];
        for text in texts {
            let shown = text.clone();
            let answer = case.send_text(text).await;
            assert_eq!(answer.status, 400, "{shown}: {}", answer.text);
            answer.expect_problem(400, "invalid_json");
        }
        let not_utf8 = good.replace("Ada", "\u{fffd}").into_bytes();
        let mut bytes = not_utf8;
        bytes.insert(2, 0xff);
        case.send_text(bytes)
            .await
            .expect_problem(400, "invalid_json");
        case.send_text("[".repeat(60_000)).await.expect(422);
    }
}

async fn asvs_v3_5_2_only_application_json_is_read(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, cases) = Case::all(&app).await;
    for case in &cases {
        let send = async |content_type: Option<&str>| {
            let mut request = case.client.request(case.method.clone(), case.path);
            if let Some(content_type) = content_type {
                request = request.header("content-type", content_type);
            }
            case.client.send(request.body(case.body.to_string())).await
        };
        for content_type in [
            None,
            Some(""),
            Some("text/plain"),
            Some("application/x-www-form-urlencoded"),
            Some("multipart/form-data; boundary=x"),
            Some("application/json-patch+json"),
            Some("application/xml"),
            Some("text/plain; application/json"),
        ] {
            let answer = send(content_type).await;
            answer.expect_problem(415, "unsupported_media_type");
        }
        let answer = send(Some("Application/JSON; charset=utf-8")).await;
        assert!((200..300).contains(&answer.status), "{}", answer.text);
    }
}

async fn a_body_of_64_kib_is_read_and_one_byte_more_is_not(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (user, cases) = Case::all(&app).await;
    for case in &cases {
        let text = case.body.to_string();
        let longest = format!("{text}{}", " ".repeat(65_536 - text.len()));
        let answer = case.send_text(longest.clone()).await;
        assert!((200..300).contains(&answer.status), "{}", answer.text);
        let answer = case.send_text(format!("{longest} ")).await;
        answer.expect_problem(413, "body_too_large");
        // The same without a length said beforehand.
        let mut connection = RawConnection::open(&app).await;
        let head = format!(
            "{} {}{} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Transfer-Encoding: chunked\r\n\r\n",
            case.method,
            user.client.prefix(),
            case.path,
            user.client.token()
        );
        connection.write(head).await;
        connection
            .write(format!("10000\r\n{longest}\r\n1\r\n \r\n0\r\n\r\n"))
            .await;
        connection
            .answer()
            .await
            .expect_problem(413, "body_too_large");
    }
}

async fn a_body_that_nobody_would_look_at_is_refused(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let logout = "/v1/auth/logout";
    for client in [ada.client.clone(), ada.client.over_http2()] {
        for body in [r#"{"everywhere":true}"#, "42", "null"] {
            let request = client.request(Method::POST, logout).body(body);
            let refused = client.send(request).await;
            let refused = refused.expect_problem(422, "invalid_body");
            assert_eq!(refused.text_at("/detail"), "the endpoint takes no body");
        }
        // A read changes nothing, whatever somebody believes that it does.
        let request = client.request(Method::GET, "/v1/session").body("{}");
        client.send(request).await.expect(200);
    }
    // Whose length nobody says.
    let chunked = async |chunks: &str| {
        let mut connection = RawConnection::open(&app).await;
        let head = format!(
            "POST {}{logout} HTTP/1.1\r\nhost: a.example\r\nauthorization: Bearer {}\r\n\
             transfer-encoding: chunked\r\n\r\n{chunks}",
            ada.client.prefix(),
            ada.client.token()
        );
        connection.write(head).await;
        connection
    };
    let mut connection = chunked("7\r\n{\"a\":1}\r\n0\r\n\r\n").await;
    let refused = connection.answer().await;
    refused.expect_problem(422, "invalid_body");
    let operator = app.operator();
    let path = format!("/operator/v1/tenants/{}", app.tenant.slug);
    let mistaken = Some(json!({ "grace_days": 0 }));
    let refused = operator.send("DELETE", &path, mistaken).await;
    refused.expect_problem(422, "invalid_body");
    let shown = operator.get(&path).await.expect(200);
    assert_eq!(shown.text_at("/tenant/status"), "active");
    // What says nothing is as good as none.
    ada.client.get("/v1/session").await.expect(200);
    let mut connection = chunked("2\r\n{}\r\n0\r\n\r\n").await;
    assert_eq!(connection.bodiless_answer().await.status, 204);
    ada.client.get("/v1/session").await.expect(401);
}

async fn queries_are_strict(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let client = app.administrator(&app.tenant).await.client;
    let both = [
        ("limit=abc", "/query/limit"),
        ("limit=-1", "/query/limit"),
        ("limit=0", "/query/limit"),
        ("limit=201", "/query/limit"),
        ("limit=70000", "/query/limit"),
        ("limit=1.5", "/query/limit"),
        ("limit=", "/query/limit"),
        ("cursor=abc", "/query/cursor"),
        ("cursor=", "/query/cursor"),
        ("unknown=1", "/query/unknown"),
        ("Limit=1", "/query/Limit"),
        ("limit=1&limit=2", "/query/limit"),
        ("tenant_id=1", "/query/tenant_id"),
    ];
    let audit = [
        ("outcome=maybe", "/query/outcome"),
        ("actor_id=me", "/query/actor_id"),
        ("target_id=1", "/query/target_id"),
        ("from=yesterday", "/query/from"),
        ("until=2026-13-01T00:00:00Z", "/query/until"),
    ];
    let of_sessions = both.iter().map(|case| ("/v1/sessions", case));
    let of_audit = both
        .iter()
        .chain(&audit)
        .map(|case| ("/v1/admin/audit/events", case));
    for (path, (query, pointer)) in of_sessions.chain(of_audit) {
        let answer = client.get(&format!("{path}?{query}")).await;
        assert_eq!(answer.status, 422, "{path}?{query}: {}", answer.text);
        let answer = answer.expect_problem(422, "invalid_query");
        assert_eq!(answer.text_at("/errors/0/pointer"), *pointer, "{query}");
    }
}
