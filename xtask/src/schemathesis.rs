//! `cargo xtask schemathesis`: thousands of odd requests against a running server, made from its own description.

mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::workspace_root;
use crate::failure::{Context, Failure};
use server::{PASSWORD, Server};

const HELP: &str = "\
Send about a thousand requests that Schemathesis makes from /openapi.json to a debug server with the demo tenant, as its
administrator: no 5xx, no hang, only documented statuses, answers that match their schema, bad input refused.

Schemathesis comes from PyPI into target/schemathesis the first time. Where that cannot be reached, the run is
reported as skipped.

Usage: cargo xtask schemathesis [--require] [--examples N] [--seed N]

Options:
  --require       Fail instead of skipping
  --examples N    Requests for each endpoint in the fuzzing phase (40)
  --seed N        Where the randomness begins (1)";

/// What the requests are judged by depends on it.
const VERSION: &str = "4.32.5";

/// A schema cannot say everything that makes a value a good one (that a cursor is one of ours, say): a refusal of what
/// matches it is no fault. And a user whose deletion was asked for is there until its grace period is over.
const EXCLUDED_CHECKS: &str = "positive_data_acceptance,use_after_free";

/// A request that takes longer has hung.
const REQUEST_SECONDS_MAX: &str = "20";

struct Options {
    require: bool,
    examples: String,
    seed: String,
}

pub(crate) fn run(arguments: &[String]) -> Result<bool, Failure> {
    let Some(options) = parse_options(arguments)? else {
        println!("{HELP}");
        return Ok(true);
    };
    let folder = workspace_root().join("target/schemathesis");
    fs::create_dir_all(&folder).context(format!("making {}", folder.display()))?;
    let program = match find_or_install(&folder.join(format!("venv-{VERSION}"))) {
        Ok(program) => program,
        Err(reason) if options.require => return Err(Failure::new(reason)),
        Err(reason) => {
            println!("skipped: {reason}");
            return Ok(true);
        }
    };
    let mut server = Server::start(folder.join("instance"))?;
    let is_clean = send_requests(&program, &folder, &server, &options)?;
    let errors = server.errors()?;
    for error in &errors {
        println!("the server logged: {error}");
    }
    let is_alive = server.is_alive();
    if !is_alive {
        println!("the server ended by itself");
    }
    Ok(is_clean && is_alive && errors.is_empty())
}

/// `None` when help was asked for.
fn parse_options(arguments: &[String]) -> Result<Option<Options>, Failure> {
    let mut options = Options {
        require: false,
        examples: "40".to_owned(),
        seed: "1".to_owned(),
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut number = || {
            let value = rest.next().filter(|value| value.parse::<u32>().is_ok());
            value
                .cloned()
                .ok_or_else(|| Failure::new(format!("{argument} needs a number")))
        };
        match argument.as_str() {
            "--help" | "-h" => return Ok(None),
            "--require" => options.require = true,
            "--examples" => options.examples = number()?,
            "--seed" => options.seed = number()?,
            wrong => {
                let message = format!("`{wrong}` is not understood\n\n{HELP}");
                return Err(Failure::new(message));
            }
        }
    }
    Ok(Some(options))
}

/// The program, or why there is none: the reason that the run is reported as skipped with.
fn find_or_install(venv: &Path) -> Result<PathBuf, String> {
    let program = venv.join("bin/schemathesis");
    if program.exists() {
        return Ok(program);
    }
    println!("installing Schemathesis {VERSION} in {}", venv.display());
    let package = format!("schemathesis=={VERSION}");
    step("python3", &["-m", "venv", &venv.to_string_lossy()])?;
    let pip = venv.join("bin/pip");
    let install = [
        "install",
        "--quiet",
        "--disable-pip-version-check",
        &package,
    ];
    step(&pip.to_string_lossy(), &install)?;
    Ok(program)
}

fn step(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|error| format!("{program} does not start: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let words = String::from_utf8_lossy(&output.stderr);
            let last = words.trim().lines().last().unwrap_or_default();
            Err(format!("{program} {} failed: {last}", arguments.join(" ")))
        }
    }
}

fn send_requests(
    program: &Path,
    folder: &Path,
    server: &Server,
    options: &Options,
) -> Result<bool, Failure> {
    let hooks = folder.join("hooks.py");
    fs::write(&hooks, include_str!("schemathesis/hooks.py")).context("writing the hooks")?;
    let status = Command::new(program)
        .current_dir(folder)
        .env("SCHEMATHESIS_HOOKS", &hooks)
        .env("SCHEMATHESIS_KEYWARD_URL", &server.url)
        .env("SCHEMATHESIS_KEYWARD_PASSWORD", PASSWORD)
        .args(["--no-color", "run", &format!("{}/openapi.json", server.url)])
        .args(["--exclude-checks", EXCLUDED_CHECKS])
        .args(["--request-timeout", REQUEST_SECONDS_MAX])
        .args(["--max-examples", &options.examples, "--seed", &options.seed])
        .args(["--no-shrink", "--continue-on-failure"])
        .status()
        .context("running Schemathesis")?;
    Ok(status.success())
}
