//! `keyward user list`

use super::{operator, page_of, scope_of};
use crate::command_line::{Global, InTenant};
use crate::config::Config;
use crate::failure::Failure;
use crate::instance::{Access, Instance};
use crate::output::print_page;
use keyward_model::UserFilter;
use keyward_policy::Action;
use keyward_service::users::list_users;
use serde_json::{Value, json};

pub(super) async fn list(config: &Config, what: InTenant, global: &Global) -> Result<(), Failure> {
    let instance = Instance::open(config, Access::Look).await?;
    let scope = scope_of(&instance, &what.tenant).await?;
    let cx = instance
        .begin(scope, operator(what.why, "user list"), Action::ListUsers)
        .await?;
    let users = list_users(&cx, UserFilter::default(), page_of(&what.page)?)
        .await
        .map_err(Failure::of)?;
    let items: Vec<Value> = users
        .items
        .iter()
        .map(|user| {
            json!({
                "id": user.id,
                "email": user.email,
                "name": user.name,
                "role": user.role,
                "status": user.status,
                "created_at": user.created_at,
                "last_sign_in_at": user.last_sign_in_at,
            })
        })
        .collect();
    let next = users.next.map(|cursor| cursor.to_string());
    print_page(
        &items,
        &["email", "name", "role", "status", "last_sign_in_at", "id"],
        next,
        global.json,
    );
    Ok(())
}
