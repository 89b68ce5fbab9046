//! `GET /v1/admin/audit/events`: who may read them, filters and pages.

use crate::support::{audit_events, names, registration, try_password};
use keyward_testkit::{PASSWORD, TestApp, TestDatabase, TestUser, on_both_engines};
use reqwest::Method;
use serde_json::{Value, json};

on_both_engines!(
    asvs_v8_2_1_asvs_v16_3_2_administrators_read_it_and_a_members_attempt_is_recorded,
    each_filter_takes_what_matches_and_nothing_else,
    a_span_of_time_begins_with_from_and_ends_before_until,
    asvs_v1_2_4_a_filter_is_compared_and_never_executed,
    pages_are_walked_newest_first_and_meet_each_event_once,
    asvs_v8_4_1_a_tenant_reads_its_own_events_alone,
    no_request_changes_or_removes_an_event,
);

const PATH: &str = "/v1/admin/audit/events";

fn kinds(events: &[Value]) -> Vec<&str> {
    let kinds = events
        .iter()
        .map(|event| event["public"]["type"].as_str().unwrap());
    kinds.collect()
}

fn ids(events: &[Value]) -> Vec<String> {
    let ids = events.iter().map(|event| event["id"].as_str().unwrap());
    ids.map(str::to_owned).collect()
}

async fn asvs_v8_2_1_asvs_v16_3_2_administrators_read_it_and_a_members_attempt_is_recorded(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let administrator = app.administrator(&app.tenant).await;
    let refused = ada.client.get(PATH).await.expect_problem(403, "forbidden");
    // A wrong query is not looked at before the right to ask.
    let again = ada.client.get(&format!("{PATH}?unknown=1")).await;
    again.expect_problem(403, "forbidden");
    let anonymous = app.client(&app.tenant).get(PATH).await;
    anonymous.expect_problem(401, "unauthenticated");
    let denials = audit_events(&administrator, "type=access.denied").await;
    assert_eq!(denials.len(), 2, "nobody is known who was not signed in");
    let public = &denials[1]["public"];
    let actor = json!({ "type": "user", "id": ada.id, "session_id": ada.session_id });
    assert_eq!(public["actor"], actor);
    assert_eq!(public["outcome"], "denied");
    assert_eq!(public["details"], json!({ "action": "audit_event.list" }));
    assert_eq!(
        public["target"],
        json!({ "type": "audit_event", "id": null })
    );
    assert_eq!(public["request_id"], refused.header("x-request-id"));
    assert_eq!(denials[1]["personal"]["address"], "127.0.0.1");
}

/// A member signs up, fails to sign in, changes their name, and tries what is not theirs.
async fn some_events(app: &TestApp) -> TestUser {
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    try_password(&client, "ada@example.org", "a wrong battery staple").await;
    let answer = ada
        .client
        .patch("/v1/profile", json!({ "name": "Ada" }))
        .await;
    answer.expect(200);
    ada.client.get(PATH).await.expect(403);
    ada
}

/// The ids of those events whose public part has all these values.
fn ids_where(events: &[Value], values: &[(&str, &str)]) -> Vec<String> {
    let has = |event: &Value| {
        let mut values = values.iter();
        values.all(|(pointer, value)| event["public"].pointer(pointer) == Some(&json!(value)))
    };
    ids(&events
        .iter()
        .filter(|event| has(event))
        .cloned()
        .collect::<Vec<_>>())
}

async fn each_filter_takes_what_matches_and_nothing_else(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let administrator = app.administrator(&app.tenant).await;
    let ada = some_events(&app).await;
    let all = audit_events(&administrator, "").await;
    let expected = [
        "access.denied",
        "user.profile_changed",
        "user.sign_in_refused",
        "session.opened",
        "user.registered",
        "session.opened",
        "user.created",
        "signing_key.created",
        "tenant.created",
    ];
    assert_eq!(kinds(&all), expected);
    let (user, session) = (ada.id.to_string(), ada.session_id.to_string());
    let (actor, target) = (("/actor/id", user.as_str()), ("/target/id", user.as_str()));
    for (filter, values) in [
        ("type=session.opened", vec![("/type", "session.opened")]),
        ("outcome=success", vec![("/outcome", "success")]),
        ("outcome=failure", vec![("/outcome", "failure")]),
        ("outcome=denied", vec![("/outcome", "denied")]),
        (&format!("actor_id={user}"), vec![actor]),
        (
            &format!("target_id={session}"),
            vec![("/target/id", &session)],
        ),
        (&format!("target_id={user}"), vec![target]),
        (
            &format!("actor_id={user}&target_id={user}"),
            vec![actor, target],
        ),
        (
            "outcome=denied&type=access.denied",
            vec![("/type", "access.denied")],
        ),
    ] {
        let found = audit_events(&administrator, filter).await;
        assert!(!found.is_empty() && found.len() < all.len(), "{filter}");
        assert_eq!(ids(&found), ids_where(&all, &values), "{filter}");
    }
    for nothing in ["type=none", "actor_id=01890a5d-ac96-774b-bcce-b302099a8056"] {
        assert!(
            audit_events(&administrator, nothing).await.is_empty(),
            "{nothing}"
        );
    }
}

async fn a_span_of_time_begins_with_from_and_ends_before_until(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let administrator = app.administrator(&app.tenant).await;
    some_events(&app).await;
    let all = audit_events(&administrator, "").await;
    let time = |index: usize| {
        all[index]["public"]["occurred_at"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let found = async |filter: String| ids(&audit_events(&administrator, &filter).await);
    assert_eq!(found(format!("from={}", time(2))).await, ids(&all[..3]));
    assert_eq!(found(format!("until={}", time(2))).await, ids(&all[3..]));
    let between = format!("from={}&until={}", time(3), time(1));
    assert_eq!(found(between).await, ids(&all[2..4]));
    let none = format!("from={0}&until={0}", time(2));
    assert!(found(none).await.is_empty());
    assert!(
        found("from=2030-01-01T01:00:00%2B01:00".into())
            .await
            .is_empty()
    );
    assert_eq!(found("from=0001-01-01T00:00:00Z".into()).await, ids(&all));
    assert_eq!(found("until=9999-12-31T23:59:59Z".into()).await, ids(&all));
}

async fn asvs_v1_2_4_a_filter_is_compared_and_never_executed(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let administrator = app.administrator(&app.tenant).await;
    for text in [
        "' OR '1'='1",
        "'; DROP TABLE audit_events; --",
        "session.%",
        "\"",
        "\\",
        "$1",
        "\u{0}",
    ] {
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let path = format!("{PATH}?type={encoded}");
        let answer = administrator.client.get(&path).await;
        match answer.status {
            200 => assert!(answer.list_at("/items").is_empty(), "{text:?}"),
            _ => drop(answer.expect_problem(422, "invalid_query")),
        }
    }
    assert_eq!(audit_events(&administrator, "").await.len(), 4);
}

async fn pages_are_walked_newest_first_and_meet_each_event_once(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let administrator = app.administrator(&app.tenant).await;
    for number in 0..9 {
        app.register(&app.tenant, &format!("user-{number}@example.org"))
            .await;
    }
    let all = ids(&audit_events(&administrator, "").await);
    assert_eq!(all.len(), 13);
    assert!(
        all.is_sorted_by(|newer, older| newer > older),
        "newest first"
    );
    for limit in [1, 4, 12, 13, 50] {
        let all = ids(&audit_events(&administrator, "").await);
        assert_eq!(
            walk(&app, &administrator, limit).await,
            all,
            "pages of {limit}"
        );
    }
}

/// The ids of all events, though more come about while the walk goes on.
async fn walk(app: &TestApp, administrator: &TestUser, limit: usize) -> Vec<String> {
    let mut walked = Vec::new();
    let mut cursor = String::new();
    loop {
        let path = format!("{PATH}?limit={limit}{cursor}");
        let page = administrator.client.get(&path).await.expect(200);
        assert_eq!(names(&page.json), ["items", "next_cursor"]);
        walked.extend(ids(page.list_at("/items")));
        let Some(next) = page.json["next_cursor"].as_str() else {
            return walked;
        };
        assert_eq!(
            page.list_at("/items").len(),
            limit,
            "only the last page is short"
        );
        cursor = format!("&cursor={next}");
        app.register(&app.tenant, &format!("{next}-{limit}@example.org"))
            .await;
    }
}

async fn asvs_v8_4_1_a_tenant_reads_its_own_events_alone(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let other = app.new_tenant("other").await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    app.member(&other, "eve@example.org").await;
    let (here, there) = (
        app.administrator(&app.tenant).await,
        app.administrator(&other).await,
    );
    let (ours, theirs) = (
        audit_events(&here, "").await,
        audit_events(&there, "").await,
    );
    assert_eq!((ours.len(), theirs.len()), (6, 6));
    for (events, tenant) in [(&ours, &app.tenant), (&theirs, &other)] {
        let own = events
            .iter()
            .all(|event| event["public"]["tenant_id"] == tenant.id.to_string());
        assert!(own);
    }
    // Neither a filter nor a cursor that names what is another tenant's leads there.
    let newest = ids(&ours)[0].replace('-', "");
    for filter in [
        format!("actor_id={}", ada.id),
        format!("target_id={}", ada.session_id),
        format!("target_id={}", app.tenant.id),
    ] {
        assert!(audit_events(&there, &filter).await.is_empty(), "{filter}");
        assert!(!audit_events(&here, &filter).await.is_empty(), "{filter}");
    }
    let page = there
        .client
        .get(&format!("{PATH}?cursor={newest}"))
        .await
        .expect(200);
    let own = ids(&theirs);
    assert!(
        ids(page.list_at("/items"))
            .iter()
            .all(|id| own.contains(id))
    );
}

async fn no_request_changes_or_removes_an_event(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let administrator = app.administrator(&app.tenant).await;
    let before = audit_events(&administrator, "").await;
    let id = before[0]["id"].as_str().unwrap();
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let client = &administrator.client;
        let request = client
            .request(method.clone(), PATH)
            .json(&registration("a@example.org"));
        client
            .send(request)
            .await
            .expect_problem(405, "method_not_allowed");
        let request = client.request(method, &format!("{PATH}/{id}"));
        client.send(request).await.expect_problem(404, "not_found");
    }
    assert_eq!(audit_events(&administrator, "").await, before);
    assert!(
        try_password(
            &app.client(&app.tenant),
            &app.tenant.administrator,
            PASSWORD
        )
        .await
        .status
            == 200
    );
}
