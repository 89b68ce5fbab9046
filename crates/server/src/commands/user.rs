//! `keyward user …`

use super::{no_tenant, parsed, query_of, report, tenant_path};
use crate::command_line::{Global, InTenant, InviteUser, UnlockUser};
use crate::config::Config;
use crate::failure::Failure;
use crate::operator::{Ask, ask};
use crate::output::print_page;
use axum::http::Method;
use keyward_model::{DisplayName, EmailAddress, UserId};
use serde_json::json;

pub(super) async fn list(config: &Config, what: InTenant, global: &Global) -> Result<(), Failure> {
    let path = tenant_path(&what.tenant, "/users")? + &query_of(&what.page)?;
    let request = Ask::get(path, what.why, "user list").or_say(no_tenant(&what.tenant));
    let users = ask(config, global, request).await?;
    let columns = ["email", "name", "role", "status", "last_sign_in_at", "id"];
    Ok(print_page(&users, &columns, global.json)?)
}

pub(super) async fn invite(
    config: &Config,
    what: InviteUser,
    global: &Global,
) -> Result<(), Failure> {
    let created = ask(config, global, asked_by(what)?).await?;
    let text = |pointer: &str| {
        let value = created.pointer(pointer).and_then(|value| value.as_str());
        value.unwrap_or_default().to_owned()
    };
    let line = format!(
        "Invited {} as {}.\nTheir token for POST /v1/auth/invitation/accept, shown once, good for one use until {}:\n{}",
        text("/user/email"),
        text("/user/role"),
        text("/invitation/expires_at"),
        text("/invitation/token")
    );
    report(global, &line, created)
}

pub(super) async fn unlock(
    config: &Config,
    what: UnlockUser,
    global: &Global,
) -> Result<(), Failure> {
    let (id, tenant): (UserId, String) = (parsed(&what.id, "the user's id")?, what.of.tenant);
    let path = tenant_path(&tenant, &format!("/users/{id}/unlock"))?;
    let request = Ask::new(Method::POST, path, what.of.why, "user unlock").or_say(format!(
        "the tenant {tenant} has no such user; see `keyward user list --tenant {tenant}`"
    ));
    let answer = ask(config, global, request).await?;
    let email = answer["user"]["email"].as_str().unwrap_or_default();
    let line = format!("{email} can sign in on any device again.");
    report(global, &line, answer.clone())
}

/// The request for somebody new, or for somebody who is invited once more.
fn asked_by(what: InviteUser) -> Result<Ask, Failure> {
    let post = |path, why| Ask::new(Method::POST, path, why, "user invite");
    let tenant = what.of.tenant;
    if let Some(id) = what.again {
        let id: UserId = parsed(&id, "--again")?;
        let path = tenant_path(&tenant, &format!("/users/{id}/invitation"))?;
        return Ok(post(path, what.of.why).or_say(format!(
            "the tenant {tenant} has no such user; see `keyward user list --tenant {tenant}`"
        )));
    }
    let email: EmailAddress = parsed(&what.email.unwrap_or_default(), "the address")?;
    let name = what.name.as_deref();
    let name: Option<DisplayName> = name.map(|name| parsed(name, "--name")).transpose()?;
    let role = match what.administrator {
        true => "administrator",
        false => "member",
    };
    let body = json!({ "email": email, "name": name, "role": role });
    let path = tenant_path(&tenant, "/users")?;
    Ok(post(path, what.of.why)
        .with(body)
        .or_say(no_tenant(&tenant)))
}
