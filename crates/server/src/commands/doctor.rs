//! `keyward doctor`

use crate::command_line::Global;
use crate::config::Config;
use crate::data_folder::DataFolder;
use crate::failure::Failure;
use crate::hashing::{free_memory, hash_limits, memory_of_one};
use crate::instance::{Access, Instance};
use keyward_store::LockState;
use serde_json::json;

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
    match Instance::open(config, Access::Examine).await {
        Err(failure) => checks.push(check(
            "database",
            State::Failed,
            failure.text().unwrap_or_default(),
        )),
        Ok(instance) => {
            let engine = format!("{}, migrations complete", instance.platform.engine());
            checks.push(check("database", State::Ok, &engine));
            for (number, lock) in (1..).zip(instance.platform.locks().await?) {
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
