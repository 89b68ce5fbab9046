//! `keyward migrate`

use super::report;
use crate::ambient::SystemClock;
use crate::command_line::{Global, Migrate};
use crate::config::{Config, ConfigError};
use crate::data_folder::DataFolder;
use crate::failure::Failure;
use keyward_model::Clock;
use keyward_store::{
    PostgresMigrator, RoleUrls, create_roles, migrate_postgres, migrate_sqlite, role_of,
};
use serde_json::json;

pub(super) async fn run(
    config: &Config,
    migrate: &Migrate,
    global: &Global,
) -> Result<(), Failure> {
    let applied = match config.database.url.get() {
        None if migrate.create_roles => {
            return Err(ConfigError(
                "--create-roles is for PostgreSQL, and database.url is not set".to_owned(),
            )
            .into());
        }
        None => {
            let folder = DataFolder::create(&config.data)?;
            let _lock = folder.lock()?;
            migrate_sqlite(&folder.database(), SystemClock::start().now())?
        }
        Some(app_url) => on_postgres(config, migrate, app_url).await?,
    };
    let line = match applied.as_slice() {
        [] => "The database is up to date.".to_owned(),
        applied => format!("Applied {}.", applied.join(", ")),
    };
    report(global, &line, json!({ "applied": applied }))
}

async fn on_postgres(
    config: &Config,
    migrate: &Migrate,
    app_url: &str,
) -> Result<Vec<&'static str>, Failure> {
    let owner = needed(
        config.database.owner_url.get(),
        "database.owner_url",
        "the role that owns the tables",
    )?;
    let system = config.database.system_url.get().unwrap_or_default();
    if migrate.create_roles {
        let admin = needed(
            config.database.admin_url.get(),
            "database.admin_url",
            "a role that may create roles",
        )?;
        create_roles(
            admin,
            RoleUrls {
                owner,
                app: app_url,
                system,
            },
            config.ca_file(),
        )
        .await?;
    }
    let migrator = PostgresMigrator {
        owner_url: owner.to_owned(),
        app_role: role_of(app_url)?,
        system_role: role_of(system)?,
        ca_file: config.ca_file().map(ToOwned::to_owned),
    };
    Ok(migrate_postgres(&migrator, SystemClock::start().now()).await?)
}

fn needed<'a>(value: Option<&'a str>, setting: &str, what: &str) -> Result<&'a str, ConfigError> {
    let variable = setting.to_uppercase().replace('.', "_");
    value.ok_or_else(|| {
        ConfigError(format!(
            "{setting} (KEYWARD_{variable}) is needed: the URL of {what}"
        ))
    })
}
