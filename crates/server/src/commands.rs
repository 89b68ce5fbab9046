//! One file a command.

mod audit;
mod backup;
mod config;
mod doctor;
mod migrate;
mod restore;
mod serve;
mod tenant;
mod user;

use crate::command_line::{
    Audit, Command, CommandLine, Config as ConfigCommand, Global, Serve, Tenant, User, Why,
};
use crate::config::Config;
use crate::failure::Failure;
use crate::instance::Instance;
use keyward_model::{PageRequest, Principal, Route, Slug};
use keyward_store::TenantScope;
use std::os::unix::fs::MetadataExt;

/// Runs the command that was given; without one, serves.
pub(crate) async fn run(command_line: CommandLine) -> Result<(), Failure> {
    let CommandLine { global, command } = command_line;
    let command = command.unwrap_or(Command::Serve(Serve::default()));
    if matches!(command, Command::Config(ConfigCommand::Default)) {
        return config::print_default(&global);
    }
    let serve = Serve::default();
    let config = Config::load(
        &global,
        if let Command::Serve(serve) = &command {
            serve
        } else {
            &serve
        },
    )?;
    match command {
        Command::Serve(_) => serve::run(&config).await,
        Command::Migrate(migrate) => migrate::run(&config, &migrate, &global).await,
        Command::Doctor => doctor::run(&config, &global).await,
        Command::Backup(what) => backup::run(&config, what, &global).await,
        Command::Restore(what) => restore::run(config, what, &global).await,
        Command::Config(_) => config::check(&config, &global),
        Command::Tenant(Tenant::Create(create)) => tenant::create(&config, create, &global).await,
        Command::Tenant(Tenant::List(page)) => tenant::list(&config, page, &global).await,
        Command::User(User::List(what)) => user::list(&config, what, &global).await,
        Command::Audit(Audit::List(what)) => audit::list(&config, what, &global).await,
    }
}

/// Who is at the command line, for the audit log.
fn operator(why: Why, command: &str) -> Principal {
    // The number is the system's word; the name is only what the environment claims.
    let number = std::fs::metadata("/proc/self")
        .map_or_else(|_| "?".to_owned(), |process| process.uid().to_string());
    let claimed = ["SUDO_USER", "USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    let name = match claimed {
        Some(claimed) => format!("uid {number} ({claimed})"),
        None => format!("uid {number}"),
    };
    Principal::Operator {
        name,
        reason: why.reason.unwrap_or_else(|| format!("keyward {command}")),
    }
}

/// An operator's way into a tenant, by its slug.
async fn scope_of(instance: &Instance, slug: &str) -> Result<TenantScope, Failure> {
    let parsed: Slug = slug
        .parse()
        .map_err(|error| Failure::Usage(format!("{slug}: {error}")))?;
    let scope = instance
        .platform
        .operator_scope(Route::Slug(parsed))
        .await?;
    scope.ok_or_else(|| {
        Failure::Failed(format!(
            "there is no tenant {slug}; see `keyward tenant list`"
        ))
    })
}

fn page_of(page: &crate::command_line::Page) -> Result<PageRequest, Failure> {
    let cursor = page.cursor.as_deref().map(str::parse).transpose();
    cursor
        .map(|after| PageRequest::new(Some(page.limit), after))
        .map_err(|error| Failure::Usage(error.to_string()))
}

/// What a command prints when it did something: a line for people, an object for programs.
fn report(global: &Global, line: &str, object: serde_json::Value) {
    match global.json {
        true => println!("{object}"),
        false => println!("{line}"),
    }
}
