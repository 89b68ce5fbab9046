//! `keyward tenant …`

use super::{no_tenant, parsed, query_of, report, tenant_path};
use crate::ambient::{SystemRandom, generate_password};
use crate::command_line::{
    Global, InInstance, OneTenant, TenantCreate, TenantDelete, TenantHost, TenantSettings,
};
use crate::config::Config;
use crate::failure::Failure;
use crate::operator::{Ask, ask};
use crate::output::{print_object, print_page};
use axum::http::Method;
use keyward_model::{EmailAddress, HostName, Issuer, Password, Slug};
use serde_json::{Value, json};
use std::path::Path;
use zeroize::Zeroizing;

pub(super) async fn create(
    config: &Config,
    mut arguments: TenantCreate,
    global: &Global,
) -> Result<(), Failure> {
    let why = std::mem::take(&mut arguments.why);
    // Before anything is opened: what cannot be made leaves no data folder behind.
    let (body, generated) = body_of(arguments)?;
    let path = "/operator/v1/tenants".to_owned();
    let request = Ask::new(Method::POST, path, why, "tenant create").with(body);
    let mut tenant = ask(config, global, request).await?["tenant"].take();
    let text = |name: &str| tenant[name].as_str().unwrap_or_default();
    let (slug, issuer) = (text("slug"), text("issuer"));
    let mut line = format!("Made the tenant {slug} with the issuer {issuer}.");
    if let Some(password) = &generated {
        line.push_str(&format!(
            "\nIts administrator's password, shown once: {}",
            password.as_str()
        ));
        tenant["admin_password"] = json!(password.as_str());
    }
    report(global, &line, tenant)
}

/// What is asked for, and the administrator's password if it is to be shown.
fn body_of(arguments: TenantCreate) -> Result<(Value, Option<Zeroizing<String>>), Failure> {
    let slug: Slug = parsed(&arguments.slug, "the slug")?;
    let hosts = arguments.hosts.iter().map(|host| parsed(host, "--host"));
    let hosts: Vec<HostName> = hosts.collect::<Result<_, _>>()?;
    let issuer = arguments.issuer.as_deref();
    let issuer: Option<Issuer> = issuer.map(|url| parsed(url, "--issuer")).transpose()?;
    let mut body = json!({ "slug": slug, "hosts": hosts, "issuer": issuer });
    let mut generated = None;
    if let Some(email) = arguments.admin_email {
        let email: EmailAddress = parsed(&email, "--admin-email")?;
        let given = arguments.admin_password_file.as_deref();
        let password = match given.map(read_password).transpose()? {
            Some(given) => given,
            None => {
                let made = Zeroizing::new(generate_password(&SystemRandom::default()));
                generated.insert(made).clone()
            }
        };
        body["administrator"] = json!({ "email": email, "password": password.as_str() });
    }
    Ok((body, generated))
}

fn read_password(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let text = std::fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|error| {
        Failure::Failed(format!(
            "cannot read --admin-password-file {}: {error}",
            path.display()
        ))
    })?;
    let password = text.trim_end_matches(['\r', '\n']);
    Password::chosen(password)
        .map(|_| Zeroizing::new(password.to_owned()))
        .map_err(|problem| Failure::Usage(problem.to_string()))
}

pub(super) async fn list(
    config: &Config,
    what: InInstance,
    global: &Global,
) -> Result<(), Failure> {
    let path = format!("/operator/v1/tenants{}", query_of(&what.page)?);
    let tenants = ask(config, global, Ask::get(path, what.why, "tenant list")).await?;
    let columns = ["slug", "issuer", "status", "created_at", "id"];
    Ok(print_page(&tenants, &columns, global.json)?)
}

pub(super) async fn show(config: &Config, what: OneTenant, global: &Global) -> Result<(), Failure> {
    let request = Ask::get(tenant_path(&what.slug, "")?, what.why, "tenant show");
    let answer = ask(config, global, request.or_say(no_tenant(&what.slug))).await?;
    show_tenant(&answer, global)
}

pub(super) async fn suspend(
    config: &Config,
    what: OneTenant,
    global: &Global,
) -> Result<(), Failure> {
    turn(config, what, global, "suspend").await
}

pub(super) async fn resume(
    config: &Config,
    what: OneTenant,
    global: &Global,
) -> Result<(), Failure> {
    turn(config, what, global, "resume").await
}

pub(super) async fn restore(
    config: &Config,
    what: OneTenant,
    global: &Global,
) -> Result<(), Failure> {
    turn(config, what, global, "restore").await
}

async fn turn(config: &Config, what: OneTenant, global: &Global, act: &str) -> Result<(), Failure> {
    let path = tenant_path(&what.slug, &format!("/{act}"))?;
    let request = Ask::new(Method::POST, path, what.why, &format!("tenant {act}"));
    let answer = ask(config, global, request.or_say(no_tenant(&what.slug))).await?;
    told(&answer, global)
}

pub(super) async fn delete(
    config: &Config,
    what: TenantDelete,
    global: &Global,
) -> Result<(), Failure> {
    let query = what.grace_days.map(|days| format!("?grace_days={days}"));
    let path = tenant_path(&what.tenant.slug, &query.unwrap_or_default())?;
    let request = Ask::new(Method::DELETE, path, what.tenant.why, "tenant delete");
    let answer = ask(config, global, request.or_say(no_tenant(&what.tenant.slug))).await?;
    told(&answer, global)
}

pub(super) async fn settings(
    config: &Config,
    what: TenantSettings,
    global: &Global,
) -> Result<(), Failure> {
    let path = tenant_path(&what.tenant.slug, "/settings")?;
    let request = Ask::new(Method::PATCH, path, what.tenant.why, "tenant settings");
    let request = request.with(Value::from_iter(what.set));
    let answer = ask(config, global, request.or_say(no_tenant(&what.tenant.slug))).await?;
    Ok(print_object(&answer["settings"], global.json)?)
}

pub(super) async fn add_host(
    config: &Config,
    what: TenantHost,
    global: &Global,
) -> Result<(), Failure> {
    on_host(config, what, global, (Method::PUT, "tenant add-host")).await
}

pub(super) async fn remove_host(
    config: &Config,
    what: TenantHost,
    global: &Global,
) -> Result<(), Failure> {
    on_host(config, what, global, (Method::DELETE, "tenant remove-host")).await
}

async fn on_host(
    config: &Config,
    what: TenantHost,
    global: &Global,
    (method, command): (Method, &str),
) -> Result<(), Failure> {
    let host: HostName = parsed(&what.host, "the host name")?;
    let path = tenant_path(&what.tenant.slug, &format!("/hosts/{host}"))?;
    let request = Ask::new(method, path, what.tenant.why, command);
    let missing = format!(
        "there is no tenant {slug}, or {host} does not lead to it; see `keyward tenant show {slug}`",
        slug = what.tenant.slug
    );
    let answer = ask(config, global, request.or_say(missing)).await?;
    show_tenant(&answer, global)
}

/// Says what a tenant is now.
fn told(answer: &Value, global: &Global) -> Result<(), Failure> {
    let tenant = &answer["tenant"];
    let text = |name: &str| tenant[name].as_str().unwrap_or_default();
    let (slug, status) = (text("slug"), text("status"));
    let line = match tenant["delete_after"].as_str() {
        Some(moment) => format!(
            "The tenant {slug} will be deleted after {moment}; `keyward tenant restore {slug}` takes that back."
        ),
        None => format!("The tenant {slug} is {status}."),
    };
    report(global, &line, tenant.clone())
}

/// Prints a tenant with its hosts.
fn show_tenant(answer: &Value, global: &Global) -> Result<(), Failure> {
    if global.json {
        return Ok(print_object(answer, true)?);
    }
    let mut shown = answer["tenant"].clone();
    let hosts = answer["hosts"].as_array().into_iter().flatten();
    let hosts: Vec<&str> = hosts.filter_map(Value::as_str).collect();
    if !hosts.is_empty() {
        shown["hosts"] = json!(hosts.join(" "));
    }
    if let Value::Object(settings) = shown["settings"].take() {
        for (name, value) in settings {
            shown[format!("settings.{name}")] = value;
        }
    }
    if let Some(fields) = shown.as_object_mut() {
        fields.remove("settings");
    }
    Ok(print_object(&shown, false)?)
}
