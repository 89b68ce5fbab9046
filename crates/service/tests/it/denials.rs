//! What is denied late is recorded as what is denied at once.

use keyward_model::{Client, Principal, Role, Route};
use keyward_policy::Action;
use keyward_service::Cx;
use keyward_service::users::{UserError, disable_user};
use keyward_store::Error;
use keyward_testkit::{TestApp, TestDatabase, alone_on_both_engines};

alone_on_both_engines!(a_role_that_was_withdrawn_meanwhile_is_a_denial_in_the_log);

async fn a_role_that_was_withdrawn_meanwhile_is_a_denial_in_the_log(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let eve = app.administrator(&app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let slug = Route::Slug(app.tenant.slug.parse().unwrap());
    let scope = app.database.store.resolve(vec![slug]).await.unwrap()[0].unwrap();
    let caller = Principal::User {
        tenant_id: app.tenant.id,
        user_id: eve.id,
        session_id: eve.session_id,
        role: Role::Administrator,
    };
    let client = Client {
        address: None,
        user_agent: None,
        request_id: app.database.mint(),
    };
    let cx = Cx::begin(&app.platform, (scope, caller), client, Action::DisableUser);
    let cx = cx.await.unwrap();
    let id = app.database.id_literal(eve.id);
    let withdraw = format!("UPDATE users SET role = 'member' WHERE id = {id}");
    app.database.admin_sql(&withdraw).await;
    let refused = disable_user(&cx, ada.id).await;
    assert!(matches!(refused, Err(UserError::Store(Error::RoleChanged))));
    let again = format!("UPDATE users SET role = 'administrator' WHERE id = {id}");
    app.database.admin_sql(&again).await;
    let chief = app.administrator(&app.tenant).await;
    let events = "/v1/admin/audit/events?type=access.denied";
    let events = chief.client.get(events).await.expect(200);
    let denied = &events.list_at("/items")[0]["public"];
    assert_eq!(denied["actor"]["id"], eve.id.to_string());
    assert_eq!(denied["details"]["action"], "user.disable");
}
