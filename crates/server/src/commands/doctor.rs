//! `keyward doctor`

use crate::command_line::Global;
use crate::config::Config;
use crate::data_folder::{DataFolder, SOCKET_NAME};
use crate::failure::Failure;
use crate::hashing::{free_memory, hash_limits, memory_of_one};
use crate::instance::{Access, Instance, open_breach_list, open_countries};
use crate::operator::{connect, token_of};
use keyward_store::LockState;
use serde_json::json;
use std::os::unix::fs::PermissionsExt;

/// One thing that was looked at.
struct Check {
    name: String,
    state: State,
    detail: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    Warning,
    Failed,
}

pub(super) async fn run(config: &Config, global: &Global) -> Result<(), Failure> {
    let mut checks = vec![check("settings", State::Ok, "read, and right")];
    checks.extend(check_exposure(config));
    checks.push(check_folder(config));
    checks.push(check_root_key(config));
    checks.push(check_hashing(config)?);
    checks.push(check_breach_list(config));
    checks.push(check_countries(config));
    checks.push(check_operator_socket(config).await);
    checks.extend(check_operator_listener(config)?);
    match Instance::open(config, Access::Examine).await {
        Err(failure) => checks.push(check(
            "database",
            State::Failed,
            failure.text().unwrap_or_default(),
        )),
        Ok(instance) => {
            let engine = format!("{}, migrations complete", instance.platform.engine());
            checks.push(check("database", State::Ok, &engine));
            let locks = instance.platform.locks().await.unwrap_or_else(|error| {
                checks.push(check("locks", State::Failed, &error.to_string()));
                Vec::new()
            });
            checks.extend(check_notifications(&instance).await);
            for (number, lock) in (1..).zip(locks) {
                let state = match lock.state {
                    LockState::Closed => State::Ok,
                    LockState::Absent => State::Warning,
                    LockState::Open => State::Failed,
                };
                checks.push(check(
                    &format!("lock {number}: {}", lock.name),
                    state,
                    &lock.detail,
                ));
            }
        }
    }
    print(&checks, global);
    match checks.iter().any(|check| check.state == State::Failed) {
        true => Err(Failure::Said),
        false => Ok(()),
    }
}

/// Whether nodes would hear of one another's changes at once, where there may be several.
async fn check_notifications(instance: &Instance) -> Option<Check> {
    let name = "notifications";
    match instance.platform.try_notifying().await {
        Ok(None) => None,
        Ok(Some(took)) => {
            let detail = format!(
                "nodes hear of one another's changes; one came after {:.1} ms",
                took.as_secs_f64() * 1_000.0
            );
            Some(check(name, State::Ok, &detail))
        }
        Err(error) => {
            let detail = format!(
                "{error}. Nodes need a session of their own at database.system_url; without notifications each end of a right \
                 on request takes up to half a second"
            );
            Some(check(name, State::Failed, &detail))
        }
    }
}

fn check_exposure(config: &Config) -> Vec<Check> {
    let mut checks = Vec::new();
    let loopback = config.listen.ip().is_loopback();
    if !loopback {
        let detail = format!(
            "{} is reachable from outside; put TLS in front of it",
            config.listen
        );
        checks.push(check("listen", State::Warning, &detail));
    }
    let for_development = loopback && config.public_url.is_empty();
    if !for_development && !config.default_tenant.is_empty() {
        let detail =
            "set default_tenant = \"\" in production, so that a request must name its tenant";
        checks.push(check("default_tenant", State::Warning, detail));
    }
    checks
}

fn check_folder(config: &Config) -> Check {
    let path = config.data.display();
    match DataFolder::existing(&config.data) {
        Err(error) => check("data folder", State::Failed, &error.to_string()),
        Ok(folder) if folder.is_private() => check(
            "data folder",
            State::Ok,
            &format!("{path}, for its owner alone"),
        ),
        Ok(_) => {
            let detail = format!("others may look into {path}: run `chmod 700 {path}`");
            check("data folder", State::Warning, &detail)
        }
    }
}

fn check_breach_list(config: &Config) -> Check {
    let name = "breached passwords";
    match open_breach_list(config) {
        Err(failure) => check(name, State::Failed, failure.text().unwrap_or_default()),
        Ok(Some(list)) => check(name, State::Ok, &format!("{} are refused", list.count())),
        Ok(None) => {
            let detail = "no list but the built-in one of the most common passwords; see `keyward breach-list build`";
            check(name, State::Ok, detail)
        }
    }
}

fn check_countries(config: &Config) -> Check {
    let name = "countries";
    match open_countries(config) {
        Err(failure) => check(name, State::Failed, failure.text().unwrap_or_default()),
        Ok(Some(countries)) => check(name, State::Ok, &countries.to_string()),
        Ok(None) => check(
            name,
            State::Ok,
            "sessions have none: no sessions.country_file",
        ),
    }
}

/// Whether a server takes operators' commands on this folder, and nobody else's.
async fn check_operator_socket(config: &Config) -> Check {
    let path = config.data.join(SOCKET_NAME);
    let (shown, name) = (path.display(), "operator socket");
    let mode = std::fs::metadata(&path).map(|metadata| metadata.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o077 != 0) {
        let detail = format!("others may be operators at {shown}: run `chmod 600 {shown}`");
        return check(name, State::Failed, &detail);
    }
    match connect(&config.data).await {
        Ok(Some(_)) => check(
            name,
            State::Ok,
            &format!("a server takes commands at {shown}"),
        ),
        Ok(None) if path.exists() => {
            let detail = format!("a killed server left {shown}; the next one replaces it");
            check(name, State::Warning, &detail)
        }
        Ok(None) => {
            let detail = "no server runs on this folder; commands work on the database itself";
            check(name, State::Ok, detail)
        }
        Err(error) => check(name, State::Failed, &format!("{shown}: {error}")),
    }
}

/// The operator plane on a network, where it is served on one.
fn check_operator_listener(config: &Config) -> Result<Option<Check>, Failure> {
    let Some(address) = config.operator_listen()? else {
        return Ok(None);
    };
    let name = "operator.listen";
    let found = match token_of(config) {
        Err(error) => check(name, State::Failed, &error.to_string()),
        Ok(_) if address.ip().is_loopback() => {
            let detail = format!("{address}, for whoever holds the operator token");
            check(name, State::Ok, &detail)
        }
        Ok(_) => {
            let detail = format!(
                "{address} speaks plain HTTP and others reach it: the operator token can be overheard. Tunnel it instead"
            );
            check(name, State::Warning, &detail)
        }
    };
    Ok(Some(found))
}

/// How passwords are hashed, and whether there is memory for it.
fn check_hashing(config: &Config) -> Result<Check, Failure> {
    let (limits, one) = (hash_limits(config)?, memory_of_one(config)?);
    let all = one.saturating_mul(limits.threads as u64);
    let detail = format!(
        "{} at once with {} MiB each; a sign-in waits {} s at most",
        limits.threads,
        one >> 20,
        limits.wait_max.as_secs()
    );
    Ok(match free_memory() {
        Some(free) if all > free / 2 => {
            let detail = format!(
                "{detail}. That is {} MiB of the {} MiB that are free: set passwords.threads",
                all >> 20,
                free >> 20
            );
            check("password hashing", State::Warning, &detail)
        }
        _ => check("password hashing", State::Ok, &detail),
    })
}

fn check_root_key(config: &Config) -> Check {
    let found = DataFolder::existing(&config.data).and_then(|folder| {
        let key = folder.read_root_key()?;
        Ok((folder.root_key(), key.is_some()))
    });
    match found {
        Ok((path, true)) => check(
            "root key",
            State::Ok,
            &format!("{}, for its owner alone", path.display()),
        ),
        Ok((path, false)) => check(
            "root key",
            State::Failed,
            &format!("there is none at {}", path.display()),
        ),
        Err(error) => check("root key", State::Failed, &error.to_string()),
    }
}

fn check(name: &str, state: State, detail: &str) -> Check {
    Check {
        name: name.to_owned(),
        state,
        detail: detail.to_owned(),
    }
}

fn print(checks: &[Check], global: &Global) {
    let word = |state| match state {
        State::Ok => "ok",
        State::Warning => "warning",
        State::Failed => "FAILED",
    };
    if global.json {
        let items: Vec<_> = checks
            .iter()
            .map(|check| json!({ "name": check.name, "state": word(check.state).to_lowercase(), "detail": check.detail }))
            .collect();
        println!("{}", json!({ "checks": items }));
        return;
    }
    for check in checks {
        println!(
            "{:<8} {:<38} {}",
            word(check.state),
            check.name,
            check.detail
        );
    }
}
