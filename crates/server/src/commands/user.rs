//! `keyward user list`

use super::{no_tenant, query_of, tenant_path};
use crate::command_line::{Global, InTenant};
use crate::config::Config;
use crate::failure::Failure;
use crate::operator::{Ask, ask};
use crate::output::print_page;

pub(super) async fn list(config: &Config, what: InTenant, global: &Global) -> Result<(), Failure> {
    let path = tenant_path(&what.tenant, "/users")? + &query_of(&what.page)?;
    let request = Ask::get(path, what.why, "user list").or_say(no_tenant(&what.tenant));
    let users = ask(config, global, request).await?;
    let columns = ["email", "name", "role", "status", "last_sign_in_at", "id"];
    Ok(print_page(&users, &columns, global.json)?)
}
