//! `keyward signing-key …`

use super::{no_tenant, parsed, report, tenant_path};
use crate::command_line::{Global, OfTenant, RevokeSigningKey, SigningKey};
use crate::config::Config;
use crate::failure::Failure;
use crate::operator::{Ask, ask};
use crate::output::print_page;
use axum::http::Method;
use keyward_model::SigningKeyId;

pub(super) async fn run(
    config: &Config,
    command: SigningKey,
    global: &Global,
) -> Result<(), Failure> {
    match command {
        SigningKey::List(of) => list(config, of, global).await,
        SigningKey::Rotate(of) => rotate(config, of, global).await,
        SigningKey::Revoke(what) => revoke(config, what, global).await,
    }
}

async fn list(config: &Config, of: OfTenant, global: &Global) -> Result<(), Failure> {
    let path = tenant_path(&of.tenant, "/signing-keys")?;
    let request = Ask::get(path, of.why, "signing-key list").or_say(no_tenant(&of.tenant));
    let keys = ask(config, global, request).await?;
    let columns = [
        "id",
        "algorithm",
        "state",
        "signs_from",
        "published_until",
        "revoked_at",
    ];
    Ok(print_page(&keys, &columns, global.json)?)
}

async fn rotate(config: &Config, of: OfTenant, global: &Global) -> Result<(), Failure> {
    let path = tenant_path(&of.tenant, "/signing-keys/rotate")?;
    let request = Ask::new(Method::POST, path, of.why, "signing-key rotate");
    let request = request.or_say(no_tenant(&of.tenant));
    let key = ask(config, global, request).await?["signing_key"].take();
    let text = |name: &str| key[name].as_str().unwrap_or_default();
    let line = format!(
        "The next key, {} ({}), is published and signs from {}.",
        text("id"),
        text("algorithm"),
        text("signs_from")
    );
    report(global, &line, key)
}

async fn revoke(config: &Config, what: RevokeSigningKey, global: &Global) -> Result<(), Failure> {
    let id: SigningKeyId = parsed(&what.id, "the key's id")?;
    let path = tenant_path(&what.of.tenant, &format!("/signing-keys/{id}/revoke"))?;
    let request = Ask::new(Method::POST, path, what.of.why, "signing-key revoke");
    let request = request.or_say(format!(
        "the tenant {} has no such key, or its time is over; see `keyward signing-key list`",
        what.of.tenant
    ));
    let key = ask(config, global, request).await?["signing_key"].take();
    let signing = key["id"].as_str().unwrap_or_default();
    let line = format!("Its tokens are refused from now on. {signing} signs.");
    report(global, &line, key)
}
