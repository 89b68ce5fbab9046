//! `POST /v1/admin/users`

use super::create;
use crate::support::{accepts_password, only_event};
use keyward_testkit::{PASSWORD, TestApp, TestDatabase, on_both_engines};
use serde_json::{Value, json};

on_both_engines!(
    an_account_is_made_with_everything_that_is_given,
    without_a_role_it_is_a_members,
    an_address_that_is_taken_is_refused,
    asvs_v2_2_1_bad_fields_are_all_named,
);

async fn an_account_is_made_with_everything_that_is_given(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let body = json!({
        "email": "Ada@Example.org",
        "name": " Ada Lovelace ",
        "role": "administrator",
        "password": PASSWORD,
    });
    let answer = create(&chief, body).await.expect(201);
    let user = &answer.json["user"];
    assert_eq!(user["email"], "Ada@Example.org");
    assert_eq!(user["name"], "Ada Lovelace");
    assert_eq!(user["role"], "administrator");
    assert_eq!(user["status"], "active");
    assert_eq!(user["deletes_at"], Value::Null);
    assert_eq!(user["version"], 1);
    let ada = app.sign_in(&app.tenant, "ada@example.org").await;
    assert_eq!(answer.text_at("/user/id"), ada.id.to_string());
    ada.client.get("/v1/admin/users").await.expect(200);
    let event = crate::support::audit_events(&chief, "type=user.created").await;
    // The newest; the tenant's first administrator was made so too.
    let public = &event[0]["public"];
    assert_eq!(public["actor"]["id"], chief.id.to_string());
    assert_eq!(public["permit"], "user.create by administrator");
    assert_eq!(
        public["after"],
        json!({ "role": "administrator", "status": "active" })
    );
    assert_eq!(event[0]["personal"]["after"]["email"], "Ada@Example.org");
    assert!(!event[0].to_string().contains(PASSWORD));
}

async fn without_a_role_it_is_a_members(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let body = json!({ "email": "ada@example.org", "password": PASSWORD, "name": null });
    let answer = create(&chief, body).await.expect(201);
    assert_eq!(answer.text_at("/user/role"), "member");
    let ada = app.sign_in(&app.tenant, "ada@example.org").await;
    ada.client
        .get("/v1/admin/users")
        .await
        .expect_problem(403, "forbidden");
}

async fn an_address_that_is_taken_is_refused(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    app.register(&app.tenant, "ada@example.org").await;
    let body = json!({ "email": "ADA@example.org", "password": "another long password" });
    create(&chief, body)
        .await
        .expect_problem(409, "email_taken");
    assert!(accepts_password(&app.client(&app.tenant), "ada@example.org", PASSWORD).await);
    only_event(&chief, "user.registered").await;
}

async fn asvs_v2_2_1_bad_fields_are_all_named(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let body = json!({ "email": "ada", "name": "", "password": "short" });
    let answer = create(&chief, body)
        .await
        .expect_problem(422, "invalid_body");
    let pointers: Vec<_> = answer
        .list_at("/errors")
        .iter()
        .map(|error| error["pointer"].clone())
        .collect();
    assert_eq!(pointers, ["/email", "/name", "/password"]);
    for (field, value) in [
        ("role", json!("operator")),
        ("role", json!("Administrator")),
        ("status", json!("active")),
        ("tenant_id", json!("x")),
    ] {
        let mut body = json!({ "email": "ada@example.org", "password": PASSWORD });
        body[field] = value;
        let answer = create(&chief, body).await;
        let answer = answer.expect_problem(422, "invalid_body");
        assert_eq!(answer.text_at("/errors/0/pointer"), format!("/{field}"));
    }
}
