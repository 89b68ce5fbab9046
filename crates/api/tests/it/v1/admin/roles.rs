//! `GET /v1/admin/roles`

use keyward_policy::Action;
use keyward_testkit::{TestApp, TestDatabase, on_both_engines};

on_both_engines!(asvs_v8_1_1_the_roles_are_those_of_the_registry);

async fn asvs_v8_1_1_the_roles_are_those_of_the_registry(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let answer = chief.client.get("/v1/admin/roles").await.expect(200);
    let roles = answer.list_at("/items");
    let names: Vec<_> = roles.iter().map(|role| &role["name"]).collect();
    assert_eq!(names, ["member", "administrator"]);
    let may = |role: usize, action: Action| {
        let actions = roles[role]["actions"].as_array().unwrap();
        actions.iter().find(|found| found["name"] == action.name())
    };
    assert!(may(0, Action::ChangeUser).is_none());
    let change = may(1, Action::ChangeUser).unwrap();
    assert_eq!(
        (&change["permission"], &change["basis"]),
        (&"ADMIN".into(), &"administrator".into())
    );
    for role in [0, 1] {
        assert_eq!(may(role, Action::RevokeSession).unwrap()["basis"], "owner");
        assert_eq!(may(role, Action::SignIn).unwrap()["basis"], "anyone");
        assert!(
            may(role, Action::CreateTenant).is_none(),
            "that is operators'"
        );
    }
    let member = app.member(&app.tenant, "ada@example.org").await;
    let answer = member.client.get("/v1/admin/roles").await;
    answer.expect_problem(403, "forbidden");
}
