//! The three roles of a PostgreSQL set-up: who owns the tables, who serves requests, who routes.

use crate::error::Error;
use crate::migrations::quoted;
use crate::postgres;
use std::path::Path;
use std::str::FromStr;
use tokio_postgres::{Client, Config};

/// The URLs of the three roles; each names its role and password.
#[derive(Clone, Copy)]
pub struct RoleUrls<'a> {
    /// Owns the tables; used for migrations only.
    pub owner: &'a str,
    /// Serves requests under row-level security.
    pub app: &'a str,
    /// Reads routing tables and the feed.
    pub system: &'a str,
}

/// Makes the roles that are missing, sets the passwords of all three, and hands the database's schema to the owner.
///
/// `admin_url` is of a role that may create roles, usually `postgres`; nothing else ever uses it.
///
/// # Errors
/// [`Error::Unfit`] when a URL names no role or password, or the administrator may not do it.
pub async fn create_roles(
    admin_url: &str,
    roles: RoleUrls<'_>,
    ca_file: Option<&Path>,
) -> Result<Vec<String>, Error> {
    let admin = postgres::connect_once(admin_url, ca_file).await?;
    let mut names = Vec::new();
    for url in [roles.owner, roles.app, roles.system] {
        let (name, password) = name_and_password(url)?;
        if names.contains(&name) {
            return Err(Error::Unfit(format!(
                "the role {name} stands in two of the three URLs; each needs its own"
            )));
        }
        create_role(&admin, &name, &password).await?;
        names.push(name);
    }
    let owner = names.first().map(|name| quoted(name)).unwrap_or_default();
    let schema = format!(
        // Before PostgreSQL 15 everybody may make tables there.
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT USAGE, CREATE ON SCHEMA public TO {owner}"
    );
    admin
        .batch_execute(&schema)
        .await
        .map_err(|error| Error::Unfit(postgres_words(&error)))?;
    Ok(names)
}

/// The role that a URL names.
///
/// # Errors
/// [`Error::Unfit`] when it names none.
pub fn role_of(url: &str) -> Result<String, Error> {
    let config =
        Config::from_str(url).map_err(|_| Error::unfit("the database URL cannot be read"))?;
    config
        .get_user()
        .map(str::to_owned)
        .ok_or_else(|| Error::unfit("the database URL names no user"))
}

fn name_and_password(url: &str) -> Result<(String, String), Error> {
    let name = role_of(url)?;
    let config =
        Config::from_str(url).map_err(|_| Error::unfit("the database URL cannot be read"))?;
    let password = config
        .get_password()
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .map(str::to_owned);
    password
        .map(|password| (name.clone(), password))
        .ok_or_else(|| Error::Unfit(format!("the database URL of {name} holds no password")))
}

async fn create_role(admin: &Client, name: &str, password: &str) -> Result<(), Error> {
    let failed = |error: tokio_postgres::Error| {
        Error::Unfit(format!("role {name}: {}", postgres_words(&error)))
    };
    let found = admin
        .query_opt("SELECT FROM pg_roles WHERE rolname = $1", &[&name])
        .await
        .map_err(failed)?;
    // A verifier instead of the password: DDL takes no parameters, and servers log it. Its characters need no escape.
    let verifier = postgres_protocol::password::scram_sha_256(password.as_bytes());
    let verb = if found.is_some() { "ALTER" } else { "CREATE" };
    let attributes = "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEROLE NOCREATEDB NOREPLICATION";
    let text = format!(
        "{verb} ROLE {} {attributes} PASSWORD '{verifier}'",
        quoted(name)
    );
    admin.batch_execute(&text).await.map_err(failed)
}

fn postgres_words(error: &tokio_postgres::Error) -> String {
    error
        .as_db_error()
        .map_or_else(|| error.to_string(), |refusal| refusal.message().to_owned())
}
