//! `GET /v1/admin/users`

use super::create;
use keyward_testkit::{Answer, PASSWORD, TestApp, TestDatabase, TestUser, on_both_engines};
use serde_json::json;

on_both_engines!(
    users_are_listed_searched_and_paged,
    a_filter_that_is_none_is_refused,
    no_search_leaves_the_tenant,
);

fn emails(answer: &Answer) -> Vec<&str> {
    let items = answer.list_at("/items").iter();
    items.map(|item| item["email"].as_str().unwrap()).collect()
}

async fn list(chief: &TestUser, query: &str) -> Answer {
    let path = format!("/v1/admin/users?{query}");
    chief.client.get(&path).await.expect(200)
}

async fn users_are_listed_searched_and_paged(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    for (email, name) in [
        ("ada@example.org", "Ada Lovelace"),
        ("grace@example.org", "Grace Hopper"),
        ("100@example.org", "100% Ada"),
    ] {
        let body = json!({ "email": email, "name": name, "password": PASSWORD });
        create(&chief, body).await.expect(201);
    }
    let all = [
        app.tenant.administrator.as_str(),
        "ada@example.org",
        "grace@example.org",
        "100@example.org",
    ];
    assert_eq!(emails(&list(&chief, "").await), all);
    for (query, expected) in [
        ("query=ADA", &[all[1], all[3]] as &[_]),
        ("query=ada@", &[all[1]]),
        ("query=%25", &[all[3]]),
        ("query=_", &[]),
        ("query=hopper&role=member&status=active", &[all[2]]),
        ("role=administrator", &[all[0]]),
        ("status=disabled", &[]),
    ] {
        assert_eq!(emails(&list(&chief, query).await), expected, "{query}");
    }
    let first = list(&chief, "limit=3").await;
    assert_eq!(emails(&first), all[..3]);
    let rest = format!("limit=3&cursor={}", first.text_at("/next_cursor"));
    let rest = list(&chief, &rest).await;
    assert_eq!(emails(&rest), all[3..]);
    assert!(rest.json["next_cursor"].is_null());
}

async fn a_filter_that_is_none_is_refused(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let long = format!("query={}", "x".repeat(201));
    for (query, pointer) in [
        ("query=", "/query/query"),
        ("query=%20", "/query/query"),
        ("query=a%00b", "/query/query"),
        (long.as_str(), "/query/query"),
        ("role=operator", "/query/role"),
        ("role=", "/query/role"),
        ("status=ACTIVE", "/query/status"),
        ("limit=0", "/query/limit"),
        ("limit=201", "/query/limit"),
        ("cursor=x", "/query/cursor"),
        ("email=a", "/query/email"),
    ] {
        let answer = chief.client.get(&format!("/v1/admin/users?{query}")).await;
        let answer = answer.expect_problem(422, "invalid_query");
        assert_eq!(answer.text_at("/errors/0/pointer"), pointer, "{query}");
    }
}

async fn no_search_leaves_the_tenant(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let other = app.new_tenant("other").await;
    app.register(&app.tenant, "ada@example.org").await;
    app.register(&other, "eve@example.org").await;
    let chief = app.administrator(&other).await;
    for query in ["", "query=ada", "query=ada@example.org", "query=e"] {
        let page = list(&chief, query).await;
        let found = emails(&page);
        assert!(!found.contains(&"ada@example.org"), "{query}: {found:?}");
    }
    // A cursor is no way over the border either.
    let ada = app.administrator(&app.tenant).await;
    let theirs = format!("cursor={}", ada.id.to_string().replace('-', ""));
    let page = list(&chief, &theirs).await;
    assert!(
        emails(&page)
            .iter()
            .all(|email| email.ends_with("eve@example.org") || *email == other.administrator)
    );
}
