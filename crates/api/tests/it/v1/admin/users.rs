//! `/v1/admin/users`

mod change;
mod create;
mod invitation;
mod list;
mod status;
mod strangers;

use keyward_testkit::{Answer, PASSWORD, TestApp, TestUser};
use serde_json::{Value, json};

pub(in crate::v1::admin) fn path_of(user: &TestUser) -> String {
    format!("/v1/admin/users/{}", user.id)
}

/// Makes another administrator of the app's tenant and signs them in.
pub(super) async fn second_administrator(app: &TestApp, chief: &TestUser) -> TestUser {
    let email = "second@example.org";
    let body = json!({ "email": email, "password": PASSWORD, "role": "administrator" });
    create(chief, body).await.expect(201);
    app.sign_in(&app.tenant, email).await
}

pub(super) async fn create(chief: &TestUser, body: Value) -> Answer {
    chief.client.post("/v1/admin/users", body).await
}
