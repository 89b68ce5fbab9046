//! One file a command.

mod audit;
mod backup;
mod breach_list;
mod config;
mod doctor;
mod job;
mod migrate;
mod node;
mod restore;
mod serve;
mod signing_key;
mod tenant;
mod user;

use crate::command_line::{
    Audit, BreachList, Command, CommandLine, Config as ConfigCommand, Global, Job, Node, Page,
    Serve, Tenant, User, Why,
};
use crate::config::Config;
use crate::failure::Failure;
use crate::operator::account_at_the_command_line;
use crate::output::print;
use keyward_model::{Cursor, Principal, Slug};
use std::fmt::Display;
use std::str::FromStr;

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
    if global.operator_url.is_some() && !command.asks_operators() {
        return Err(Failure::Usage(
            "--operator-url is for what operators do: tenant, user, signing-key, audit, job, node"
                .to_owned(),
        ));
    }
    match command {
        Command::Serve(_) => serve::run(&config).await,
        Command::Migrate(migrate) => migrate::run(&config, &migrate, &global).await,
        Command::Doctor => doctor::run(&config, &global).await,
        Command::Backup(what) => backup::run(&config, what, &global).await,
        Command::Restore(what) => restore::run(config, what, &global).await,
        Command::Config(_) => config::check(&config, &global),
        Command::BreachList(BreachList::Build(what)) => breach_list::build(&what, &global),
        Command::Tenant(what) => on_tenant(&config, what, &global).await,
        Command::User(User::List(what)) => user::list(&config, what, &global).await,
        Command::User(User::Invite(what)) => user::invite(&config, what, &global).await,
        Command::User(User::Unlock(what)) => user::unlock(&config, what, &global).await,
        Command::SigningKey(what) => signing_key::run(&config, what, &global).await,
        Command::Audit(Audit::List(what)) => audit::list(&config, what, &global).await,
        Command::Audit(Audit::Instance(what)) => audit::instance(&config, what, &global).await,
        Command::Job(Job::List(what)) => job::list(&config, what, &global).await,
        Command::Job(Job::Show(what)) => job::show(&config, what, &global).await,
        Command::Job(Job::Cancel(what)) => job::cancel(&config, what, &global).await,
        Command::Job(Job::Retry(what)) => job::retry(&config, what, &global).await,
        Command::Node(Node::List(why)) => node::list(&config, why, &global).await,
    }
}

async fn on_tenant(config: &Config, what: Tenant, global: &Global) -> Result<(), Failure> {
    match what {
        Tenant::Create(what) => tenant::create(config, what, global).await,
        Tenant::List(what) => tenant::list(config, what, global).await,
        Tenant::Show(what) => tenant::show(config, what, global).await,
        Tenant::Suspend(what) => tenant::suspend(config, what, global).await,
        Tenant::Resume(what) => tenant::resume(config, what, global).await,
        Tenant::Delete(what) => tenant::delete(config, what, global).await,
        Tenant::Restore(what) => tenant::restore(config, what, global).await,
        Tenant::Settings(what) => tenant::settings(config, what, global).await,
        Tenant::AddHost(what) => tenant::add_host(config, what, global).await,
        Tenant::RemoveHost(what) => tenant::remove_host(config, what, global).await,
    }
}

impl Command {
    /// Whether it goes over the operator plane.
    fn asks_operators(&self) -> bool {
        matches!(
            self,
            Self::Tenant(_)
                | Self::User(_)
                | Self::SigningKey(_)
                | Self::Audit(_)
                | Self::Job(_)
                | Self::Node(_)
        )
    }
}

/// Who is at the command line, for the audit log.
fn operator(why: Why, command: &str) -> Principal {
    Principal::Operator {
        name: account_at_the_command_line(),
        reason: why.reason.unwrap_or_else(|| format!("keyward {command}")),
    }
}

/// The path of something of a tenant on the operator plane, for a slug that has the form of one.
fn tenant_path(slug: &str, rest: &str) -> Result<String, Failure> {
    let slug: Slug = parsed(slug, slug)?;
    Ok(format!("/operator/v1/tenants/{slug}{rest}"))
}

/// What to say of a tenant that is not there.
fn no_tenant(slug: &str) -> String {
    format!("there is no tenant {slug}; see `keyward tenant list`")
}

fn query_of(page: &Page) -> Result<String, Failure> {
    let cursor = page.cursor.as_deref();
    let cursor: Option<Cursor> = cursor.map(|text| parsed(text, "--cursor")).transpose()?;
    let cursor = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
    Ok(format!("?limit={}{cursor}", page.limit))
}

/// What was given for `name`, read by its type's own rule.
fn parsed<T: FromStr<Err: Display>>(text: &str, name: &str) -> Result<T, Failure> {
    text.parse()
        .map_err(|error| Failure::Usage(format!("{name}: {error}")))
}

/// What a command prints when it did something: a line for people, an object for programs.
fn report(global: &Global, line: &str, object: serde_json::Value) -> Result<(), Failure> {
    match global.json {
        true => Ok(print(&object.to_string())?),
        false => Ok(print(line)?),
    }
}
