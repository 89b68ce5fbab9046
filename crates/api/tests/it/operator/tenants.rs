//! `/operator/v1/tenants`

use keyward_testkit::{PASSWORD, TestApp, TestDatabase, on_both_engines};
use serde_json::json;
use std::collections::BTreeSet;

on_both_engines!(
    a_tenant_is_made_with_all_that_it_needs,
    what_is_taken_is_a_conflict,
    what_is_wrong_with_a_new_tenant_is_named_at_once,
    a_tenant_that_nobody_knows_is_not_found,
    three_hundred_tenants_are_paged_through,
    operators_invite_users_of_the_tenant_of_the_path_alone,
    operators_see_users_and_events_of_a_tenant,
);

/// A slug that no other test has.
fn slug(app: &TestApp, name: &str) -> String {
    app.tenant.slug.replace("first", name)
}

async fn a_tenant_is_made_with_all_that_it_needs(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let slug = slug(&app, "acme");
    let hosts = [format!("{slug}.example"), format!("www.{slug}.example")];
    let administrator = json!({ "email": "root@acme.example", "password": PASSWORD });
    let body = json!({ "slug": slug, "hosts": hosts, "administrator": administrator });
    let answer = app.operator().post("/operator/v1/tenants", body).await;
    let answer = answer.expect(201);
    assert_eq!(answer.text_at("/tenant/slug"), slug);
    assert_eq!(
        answer.text_at("/tenant/issuer"),
        format!("https://{slug}.example")
    );
    assert_eq!(answer.text_at("/tenant/status"), "active");
    assert!(!answer.text.contains(PASSWORD));
    let client = app.bare_client().with_host(&hosts[1]);
    let body = json!({ "email": "root@acme.example", "password": PASSWORD });
    let signed_in = client.post("/v1/auth/login", body).await.expect(200);
    assert_eq!(signed_in.text_at("/user/role"), "administrator");
    let path = format!("/operator/v1/tenants/{slug}");
    let shown = app.operator().get(&path).await.expect(200);
    assert_eq!(shown.json["hosts"], json!(hosts));
    assert_eq!(shown.json["tenant"], answer.json["tenant"]);
}

async fn what_is_taken_is_a_conflict(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let hosted = app.new_tenant_with_host("hosted").await;
    let slug = slug(&app, "acme");
    let (host, issuer) = (hosted.host.as_deref().unwrap(), &hosted.issuer);
    for (body, code) in [
        (json!({ "slug": hosted.slug }), "tenant_taken"),
        (json!({ "slug": slug, "issuer": issuer }), "tenant_taken"),
        (
            json!({ "slug": slug, "hosts": [host], "issuer": "https://acme.example" }),
            "host_taken",
        ),
    ] {
        let answer = app.operator().post("/operator/v1/tenants", body).await;
        answer.expect_problem(409, code);
    }
    let path = format!("/operator/v1/tenants/{slug}");
    app.operator().get(&path).await.expect(404);
}

async fn what_is_wrong_with_a_new_tenant_is_named_at_once(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let body = json!({
        "slug": "Not A Slug",
        "hosts": ["good.example", "not a host"],
        "issuer": "ftp://x",
        "administrator": { "email": "nobody", "password": "swordfish" },
    });
    let answer = app.operator().post("/operator/v1/tenants", body).await;
    let answer = answer.expect_problem(422, "invalid_body");
    let wrong = answer.list_at("/errors").iter();
    let wrong: BTreeSet<_> = wrong
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    let expected = [
        "/administrator/email",
        "/administrator/password",
        "/hosts/1",
        "/issuer",
        "/slug",
    ];
    assert_eq!(wrong, BTreeSet::from(expected));
    assert!(!answer.text.contains("swordfish"), "{}", answer.text);
}

async fn a_tenant_that_nobody_knows_is_not_found(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let id = app.tenant.id.to_string();
    for slug in ["no-such-tenant", "x", "a.b", "%20", &id] {
        for what in ["", "/users", "/audit/events"] {
            let path = format!("/operator/v1/tenants/{slug}{what}");
            let answer = app.operator().get(&path).await;
            let answer = answer.expect_problem(404, "not_found");
            assert_eq!(answer.text_at("/detail"), "no such tenant", "{path}");
        }
    }
}

async fn three_hundred_tenants_are_paged_through(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let mut made = BTreeSet::new();
    for number in 0..300 {
        let slug = slug(&app, &format!("many-{number}"));
        let operator = app.operator();
        let answer = operator
            .post("/operator/v1/tenants", json!({ "slug": slug }))
            .await;
        answer.expect(201);
        made.insert(slug);
    }
    let mut seen = BTreeSet::new();
    let mut cursor = String::new();
    loop {
        let path = format!("/operator/v1/tenants?limit=100{cursor}");
        let page = app.operator().get(&path).await.expect(200);
        let items = page.list_at("/items").iter();
        let slugs: Vec<_> = items.map(|item| item["slug"].as_str().unwrap()).collect();
        assert!(slugs.len() <= 100);
        for slug in slugs {
            assert!(seen.insert(slug.to_owned()), "{slug} came twice");
        }
        match page.json["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert!(made.is_subset(&seen));
}

async fn operators_invite_users_of_the_tenant_of_the_path_alone(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let other = app.new_tenant("other").await;
    let users = |slug: &str| format!("/operator/v1/tenants/{slug}/users");
    let (here, there) = (users(&app.tenant.slug), users(&other.slug));
    let ada = json!({ "email": "ada@example.org" });
    let made = app.operator().post(&here, ada.clone()).await.expect(201);
    assert_eq!(made.text_at("/user/status"), "invited");
    let again = app.operator().post(&here, ada).await;
    again.expect_problem(409, "email_taken");
    let invitation = |path: &str| format!("{path}/{}/invitation", made.text_at("/user/id"));
    let foreign = app.operator().post(&invitation(&there), json!({})).await;
    foreign.expect_problem(404, "not_found");
    let renewed = app.operator().post(&invitation(&here), json!({})).await;
    let renewed = renewed.expect(201);
    assert_ne!(
        renewed.text_at("/invitation/token"),
        made.text_at("/invitation/token")
    );
    let seen = app.operator().get(&there).await.expect(200);
    assert_eq!(seen.list_at("/items").len(), 1, "its administrator");
}

async fn operators_see_users_and_events_of_a_tenant(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let other = app.new_tenant("other").await;
    app.register(&app.tenant, "ada@example.org").await;
    app.register(&other, "eve@example.org").await;
    let path = format!("/operator/v1/tenants/{}", app.tenant.slug);
    let users = app
        .operator()
        .get(&format!("{path}/users"))
        .await
        .expect(200);
    let emails: Vec<_> = users
        .list_at("/items")
        .iter()
        .map(|user| &user["email"])
        .collect();
    assert_eq!(
        emails,
        [&json!(app.tenant.administrator), &json!("ada@example.org")]
    );
    let events = format!("{path}/audit/events?type=user.registered");
    let events = app.operator().get(&events).await.expect(200);
    assert_eq!(events.list_at("/items").len(), 1);
    let wrong = app.operator().get(&format!("{path}/users?limit=0")).await;
    wrong.expect_problem(422, "invalid_query");
}
