//! The command line.

use clap::{ArgGroup, Args, Parser, Subcommand};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Security for a multi-tenant application in one binary.
///
/// Without a command it serves: `keyward` is `keyward serve`.
#[derive(Debug, Parser)]
#[command(name = "keyward", version, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.")]
pub(crate) struct CommandLine {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// A TOML file with settings; `keyward config default` prints one with all of them.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The data folder [default: ./keyward-data].
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Prints JSON, for programs.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The operator plane of a server elsewhere (its operator.listen), for what operators do. Else it is the server that
    /// runs on the data folder, or the database if none runs.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        requires = "operator_token_file"
    )]
    pub(crate) operator_url: Option<String>,
    /// A file with that server's operator token.
    #[arg(long, global = true, value_name = "FILE", requires = "operator_url")]
    pub(crate) operator_token_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serves the API until SIGTERM or SIGINT.
    Serve(Serve),
    /// Brings the database up to date.
    Migrate(Migrate),
    /// Looks at the set-up and says what is wrong with it.
    Doctor,
    /// Copies the data into one file, beside a server that runs (SQLite).
    Backup(Backup),
    /// Brings data back from a backup, into an empty data folder.
    Restore(Restore),
    /// Shows or checks the settings.
    #[command(subcommand)]
    Config(Config),
    /// Makes a list of breached passwords, which nobody may choose then.
    #[command(subcommand)]
    BreachList(BreachList),
    /// Makes, lists and governs tenants.
    #[command(subcommand)]
    Tenant(Tenant),
    /// Lists, invites and unlocks the users of a tenant.
    #[command(subcommand)]
    User(User),
    /// Lists, rotates and revokes the keys that sign a tenant's tokens.
    #[command(subcommand)]
    SigningKey(SigningKey),
    /// Lists what happened in a tenant, or to the instance.
    #[command(subcommand)]
    Audit(Audit),
    /// Lists, cancels and retries jobs.
    #[command(subcommand)]
    Job(Job),
    /// Looks at the nodes that serve.
    #[command(subcommand)]
    Node(Node),
}

#[derive(Debug, Default, Args)]
pub(crate) struct Serve {
    /// Where to listen [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Makes no demo tenant, and has no default tenant.
    #[arg(long)]
    pub(crate) no_demo: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// Makes the three PostgreSQL roles of the database URLs first, or sets their passwords (needs database.admin_url).
    #[arg(long)]
    pub(crate) create_roles: bool,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Backup {
    #[command(subcommand)]
    pub(crate) verify: Option<BackupVerify>,
    /// The file to make; one that is there already is left alone.
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) to: Option<PathBuf>,
    /// Puts the root key into the file as well: whoever has the file then has everything.
    #[arg(long)]
    pub(crate) with_root_key: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BackupVerify {
    /// Reads a backup to its end and checks it, without restoring it.
    Verify {
        /// The backup.
        file: PathBuf,
        /// The root key's file, to check as well that the backup was made under this key and not changed since.
        #[arg(long, value_name = "FILE")]
        root_key: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum BreachList {
    /// Makes one of a file that was downloaded, such as that of Have I Been Pwned.
    Build(BreachListBuild),
}

#[derive(Debug, Args)]
pub(crate) struct BreachListBuild {
    /// The downloaded file: a SHA-1 in hexadecimal a line, in order, each with `:` and how often it was seen, or without.
    #[arg(long, value_name = "FILE")]
    pub(crate) from: PathBuf,
    /// The list to make; four bytes a password.
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,
    /// The lines are passwords, in any order.
    #[arg(long)]
    pub(crate) plain: bool,
    /// Leaves out what was seen less often.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 0,
        conflicts_with = "plain"
    )]
    pub(crate) seen_min: u64,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true))]
pub(crate) struct Restore {
    /// The backup; what it holds goes into the data folder, which must be empty.
    #[arg(long, value_name = "FILE", group = "what")]
    pub(crate) from: Option<PathBuf>,
    /// Only ends the sessions and invitations of a database that other tools brought back (PostgreSQL, a disk's snapshot).
    #[arg(long, group = "what")]
    pub(crate) end_sessions: bool,
    /// The root key's file, where the backup does not hold it.
    #[arg(long, value_name = "FILE", requires = "from")]
    pub(crate) root_key: Option<PathBuf>,
    /// Lets the sessions and invitations of the backup go on, also those that were revoked since.
    #[arg(long, requires = "from")]
    pub(crate) keep_sessions: bool,
    #[command(flatten)]
    pub(crate) why: Why,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Reads all settings and prints them, secrets redacted.
    Check,
    /// Prints the default settings with what they mean.
    Default,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Tenant {
    /// Makes a tenant with its keys.
    Create(TenantCreate),
    /// Lists the tenants, oldest first.
    List(InInstance),
    /// Shows a tenant with its settings and host names.
    Show(OneTenant),
    /// Refuses a tenant's users until it is resumed.
    Suspend(OneTenant),
    /// Lets a suspended tenant's users in again.
    Resume(OneTenant),
    /// Deletes a tenant after a time of grace, and refuses its users from now on.
    Delete(TenantDelete),
    /// Takes the deletion of a tenant back while its time of grace lasts.
    Restore(OneTenant),
    /// Changes a tenant's settings: how long things live, how many there may be.
    Settings(TenantSettings),
    /// Makes a host name lead to a tenant.
    AddHost(TenantHost),
    /// Makes a host name lead to a tenant no longer.
    RemoveHost(TenantHost),
}

#[derive(Debug, Args)]
pub(crate) struct TenantCreate {
    /// Its short name: 2 to 63 of a-z, 0-9 and -.
    pub(crate) slug: String,
    /// A host name of its own; the first one makes its issuer. May be repeated.
    #[arg(long = "host", value_name = "HOST")]
    pub(crate) hosts: Vec<String>,
    /// Its issuer, where neither the first host nor the public URL is right. It is never changed.
    #[arg(long, value_name = "URL")]
    pub(crate) issuer: Option<String>,
    /// Makes a first administrator with this address.
    #[arg(long, value_name = "EMAIL")]
    pub(crate) admin_email: Option<String>,
    /// A file with the administrator's password; else one is generated and shown once.
    #[arg(long, value_name = "FILE", requires = "admin_email")]
    pub(crate) admin_password_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) why: Why,
}

#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Lists the users of a tenant, oldest first.
    List(InTenant),
    /// Makes an account for somebody and prints the token by which they set their password, this once.
    Invite(InviteUser),
    /// Opens an account again that too many failed sign-ins closed to unknown devices.
    Unlock(UnlockUser),
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("who").required(true)))]
pub(crate) struct InviteUser {
    /// The address of a new user.
    #[arg(group = "who")]
    pub(crate) email: Option<String>,
    /// Instead, a user who is invited already: the former token is worth nothing then.
    #[arg(long, value_name = "ID", group = "who", conflicts_with_all = ["name", "administrator"])]
    pub(crate) again: Option<String>,
    /// How they are called.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Makes them an administrator of the tenant.
    #[arg(long)]
    pub(crate) administrator: bool,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

#[derive(Debug, Args)]
pub(crate) struct UnlockUser {
    /// The user's id, as `keyward user list` shows it.
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SigningKey {
    /// Lists all signing keys that a tenant ever had, newest first.
    List(OfTenant),
    /// Makes the next one: published at once, it signs after the tenant's propagation time.
    Rotate(OfTenant),
    /// Revokes one at once, in an emergency: its tokens are refused when this ends.
    Revoke(RevokeSigningKey),
}

#[derive(Debug, Args)]
pub(crate) struct RevokeSigningKey {
    /// The key's id, the `kid` of its tokens.
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) of: OfTenant,
}

/// What is of one tenant and no page.
#[derive(Debug, Args)]
pub(crate) struct OfTenant {
    /// The tenant's slug.
    #[arg(long, value_name = "SLUG")]
    pub(crate) tenant: String,
    #[command(flatten)]
    pub(crate) why: Why,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Lists the events of a tenant, newest first.
    List(InTenant),
    /// Lists what operators did to the instance as a whole, newest first.
    Instance(InInstance),
}

/// A list of what is of no single tenant.
#[derive(Debug, Args)]
pub(crate) struct InInstance {
    #[command(flatten)]
    pub(crate) page: Page,
    #[command(flatten)]
    pub(crate) why: Why,
}

#[derive(Debug, Args)]
pub(crate) struct OneTenant {
    /// The tenant's slug.
    pub(crate) slug: String,
    #[command(flatten)]
    pub(crate) why: Why,
}

#[derive(Debug, Args)]
pub(crate) struct TenantDelete {
    #[command(flatten)]
    pub(crate) tenant: OneTenant,
    /// For how many days it can be taken back [default: 30].
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(0..=365))]
    pub(crate) grace_days: Option<u16>,
}

/// What is to be another; what is not given stays.
#[derive(Debug, Args)]
pub(crate) struct TenantSettings {
    #[command(flatten)]
    pub(crate) tenant: OneTenant,
    /// A setting and what it is to be, as the API names them (`keyward tenant show` lists them), such as
    /// session_ttl_seconds=28800, session_limit=refuse or session_preset=aal2. May be repeated.
    #[arg(long, value_name = "NAME=VALUE", required = true, value_parser = named_value)]
    pub(crate) set: Vec<(String, Value)>,
}

fn named_value(text: &str) -> Result<(String, Value), &'static str> {
    let (name, value) = text.split_once('=').ok_or("it is NAME=VALUE")?;
    let value = match value.parse::<i64>() {
        Ok(number) => Value::from(number),
        Err(_) => Value::from(value),
    };
    Ok((name.to_owned(), value))
}

#[derive(Debug, Args)]
pub(crate) struct TenantHost {
    #[command(flatten)]
    pub(crate) tenant: OneTenant,
    /// The host name, without a port.
    pub(crate) host: String,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Job {
    /// Lists the jobs of the instance, newest first.
    List(JobList),
    /// Shows a job, with why its last attempt failed.
    Show(OneJob),
    /// Cancels a job: at once while it waits, else at its next step.
    Cancel(OneJob),
    /// Has a dead job tried again.
    Retry(OneJob),
}

#[derive(Debug, Args)]
pub(crate) struct JobList {
    /// Only jobs in this state: waiting, running, done, dead, cancelled.
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Option<String>,
    #[command(flatten)]
    pub(crate) what: InInstance,
}

#[derive(Debug, Args)]
pub(crate) struct OneJob {
    /// The job's id.
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) why: Why,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Node {
    /// Lists the nodes that serve the instance.
    List(Why),
}

#[derive(Debug, Args)]
pub(crate) struct InTenant {
    /// The tenant's slug.
    #[arg(long, value_name = "SLUG")]
    pub(crate) tenant: String,
    #[command(flatten)]
    pub(crate) page: Page,
    #[command(flatten)]
    pub(crate) why: Why,
}

#[derive(Debug, Args)]
pub(crate) struct Page {
    /// How many, 1 to 200.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=200))]
    pub(crate) limit: u16,
    /// Where the page begins: the cursor that the page before ended with.
    #[arg(long)]
    pub(crate) cursor: Option<String>,
}

#[derive(Debug, Default, Args)]
pub(crate) struct Why {
    /// Why you do it; it is recorded in the audit log, with your name at the operating system.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}
