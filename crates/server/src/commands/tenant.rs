//! `keyward tenant create`, `keyward tenant list`

use super::{operator, page_of, report};
use crate::ambient::{SystemRandom, generate_password};
use crate::command_line::{Global, Page, TenantCreate, Why};
use crate::config::Config;
use crate::failure::Failure;
use crate::instance::{Access, Instance};
use crate::output::print_page;
use keyward_model::{EmailAddress, Password, Tenant};
use keyward_policy::Action;
use keyward_service::tenants::{CreateTenant, create_tenant, list_tenants};
use serde_json::{Value, json};
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use zeroize::Zeroizing;

pub(super) async fn create(
    config: &Config,
    mut arguments: TenantCreate,
    global: &Global,
) -> Result<(), Failure> {
    let who = operator(std::mem::take(&mut arguments.why), "tenant create");
    // Before anything is opened: what cannot be made leaves no data folder behind.
    let (command, generated) = command(arguments)?;
    let instance = Instance::open(config, Access::Change).await?;
    let cx = instance
        .begin(
            instance.platform.scope_for_new_tenant(),
            who,
            Action::CreateTenant,
        )
        .await?;
    let tenant = create_tenant(&cx, command).await.map_err(Failure::of)?;
    let mut object = object_of(&tenant);
    let mut line = format!(
        "Made the tenant {} with the issuer {}.",
        tenant.slug, tenant.issuer
    );
    if let Some(password) = &generated {
        line.push_str(&format!(
            "\nIts administrator's password, shown once: {}",
            password.as_str()
        ));
        object["admin_password"] = json!(password.as_str());
    }
    report(global, &line, object);
    Ok(())
}

/// What was asked for, and the administrator's password if it is to be shown.
fn command(arguments: TenantCreate) -> Result<(CreateTenant, Option<Zeroizing<String>>), Failure> {
    let (administrator, generated) = match arguments.admin_email {
        Some(email) => {
            let given = arguments
                .admin_password_file
                .as_deref()
                .map(read_password)
                .transpose()?;
            let (account, generated) = account(&email, given)?;
            (Some(account), generated)
        }
        None => (None, None),
    };
    let hosts = arguments.hosts.iter().map(|host| host.parse());
    let issuer = arguments.issuer.map(|issuer| issuer.parse());
    let command = CreateTenant {
        slug: arguments.slug.parse().map_err(usage)?,
        hosts: hosts.collect::<Result<_, _>>().map_err(usage)?,
        issuer: issuer.transpose().map_err(usage)?,
        administrator,
    };
    Ok((command, generated))
}

fn read_password(path: &Path) -> Result<Zeroizing<String>, Failure> {
    std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|error| {
            Failure::Failed(format!(
                "cannot read --admin-password-file {}: {error}",
                path.display()
            ))
        })
}

pub(super) async fn list(config: &Config, page: Page, global: &Global) -> Result<(), Failure> {
    let instance = Instance::open(config, Access::Look).await?;
    let who = operator(Why { reason: None }, "tenant list");
    let tenants = list_tenants(&instance.platform, &who, page_of(&page)?)
        .await
        .map_err(Failure::of)?;
    let items: Vec<Value> = tenants.items.iter().map(object_of).collect();
    let next = tenants.next.map(|cursor| cursor.to_string());
    print_page(
        &items,
        &["slug", "issuer", "status", "created_at", "id"],
        next,
        global.json,
    );
    Ok(())
}

type Account = (EmailAddress, Arc<Password>);

/// An account with the password that was given, or else with a new one, which is returned to be shown.
fn account(
    email: &str,
    given: Option<Zeroizing<String>>,
) -> Result<(Account, Option<Zeroizing<String>>), Failure> {
    let generated = match given {
        Some(_) => None,
        None => Some(Zeroizing::new(generate_password(&SystemRandom::default()))),
    };
    let text = given
        .as_ref()
        .or(generated.as_ref())
        .map(|text| text.trim_end_matches(['\r', '\n']));
    let password = Password::chosen(text.unwrap_or_default()).map_err(usage)?;
    Ok((
        (email.parse().map_err(usage)?, Arc::new(password)),
        generated,
    ))
}

fn object_of(tenant: &Tenant) -> Value {
    json!({
        "id": tenant.id,
        "slug": tenant.slug,
        "issuer": tenant.issuer,
        "status": tenant.status,
        "created_at": tenant.created_at,
    })
}

fn usage(error: impl Display) -> Failure {
    Failure::Usage(error.to_string())
}
