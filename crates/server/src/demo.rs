//! The tenant `demo` with its administrator, made when an instance is new.

use crate::ambient::generate_password;
use crate::config::Config;
use crate::failure::Failure;
use crate::instance::Instance;
use keyward_model::{HostName, Issuer, Password, Principal, Slug};
use keyward_policy::Action;
use keyward_service::instance::{is_initialized, mark_initialized};
use keyward_service::tenants::{CreateTenant, TenantError, create_tenant};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The address of the demo tenant's administrator.
pub(crate) const ADMIN_EMAIL: &str = "admin@demo.example";

/// How the demo tenant's administrator gets in.
pub(crate) enum DemoPassword {
    /// By this password, which is shown once.
    Generated(Zeroizing<String>),
    /// By the one that was set.
    Configured,
}

/// Makes the demo tenant if the instance is new and is to have one.
pub(crate) async fn set_up_once(
    instance: &Instance,
    config: &Config,
) -> Result<Option<DemoPassword>, Failure> {
    if is_initialized(&instance.platform).await? {
        return Ok(None);
    }
    let made = match config.demo.enabled {
        true => make_demo(instance, config).await?,
        false => None,
    };
    mark_initialized(&instance.platform).await?;
    Ok(made)
}

async fn make_demo(instance: &Instance, config: &Config) -> Result<Option<DemoPassword>, Failure> {
    let (password, how) = match config.demo_password()? {
        Some(password) => (password, DemoPassword::Configured),
        None => {
            let text = Zeroizing::new(generate_password(instance.platform.random()));
            let password = Password::chosen(&text).map_err(Failure::of)?;
            show_password(&text);
            (password, DemoPassword::Generated(text))
        }
    };
    let scope = instance.platform.scope_for_new_tenant();
    let cx = instance
        .begin(scope, Principal::System, Action::CreateTenant)
        .await?;
    match create_tenant(&cx, command(config, password)?).await {
        Ok(_) => Ok(Some(how)),
        // Another node was faster, or this one was killed right after it had made it: the password was shown then.
        Err(TenantError::Taken) => {
            println!(
                "The tenant `demo` was there already, with the password that was shown first."
            );
            Ok(None)
        }
        Err(error) => Err(Failure::of(error)),
    }
}

fn command(config: &Config, password: Password) -> Result<CreateTenant, Failure> {
    let slug: Slug = "demo".parse().map_err(Failure::of)?;
    let host: HostName = "demo.localhost".parse().map_err(Failure::of)?;
    let issuer = Issuer::on_shared_host(&config.base_url(), &slug).map_err(Failure::of)?;
    let administrator = Some((
        ADMIN_EMAIL.parse().map_err(Failure::of)?,
        Arc::new(password),
    ));
    Ok(CreateTenant {
        slug,
        hosts: vec![host],
        issuer: Some(issuer),
        administrator,
    })
}

/// Shows the demo administrator's password, before the account is made: whoever is killed in between has seen it.
fn show_password(password: &str) {
    println!("The tenant `demo` gets an administrator. The password is shown this once:\n");
    println!("  e-mail    {ADMIN_EMAIL}\n  password  {password}\n");
}
