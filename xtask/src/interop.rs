//! `cargo xtask interop`: our end-to-end encryption against the official library, every check printed.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::cargo::cargo;
use crate::failure::{Context, Failure};

const HELP: &str = "\
Play every scenario of crates/e2ee/tests/it/interop between our peer and the official library, in both roles and both pinned
releases, and print every check. `cargo xtask test` runs the same and prints how many checks held.

The official library comes from npm into target/tmp the first time. Where node or npm is missing, or it cannot be had, only
our peer with itself is played, and the rest is reported as skipped.

Usage: cargo xtask interop [--require] [NAME-FILTER]

Options:
  --require   Fail instead of skipping";

pub(crate) fn run(arguments: &[String]) -> Result<bool, Failure> {
    let mut command = cargo();
    command.args(["test", "--quiet", "--package", "keyward-e2ee"]);
    command.args(["--test", "it", "--", "--nocapture"]);
    for argument in arguments {
        match argument.as_str() {
            "--help" | "-h" => {
                println!("{HELP}");
                return Ok(true);
            }
            "--require" => drop(command.env("KEYWARD_TEST_REQUIRE_ALL", "1")),
            filter if !filter.starts_with('-') => drop(command.arg(filter)),
            wrong => {
                let message = format!("`{wrong}` is not understood\n\n{HELP}");
                return Err(Failure::new(message));
            }
        }
    }
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .context("calling cargo test")?;
    let output = child.stdout.take().map(BufReader::new);
    let mut held = 0;
    for line in output.into_iter().flat_map(BufRead::lines) {
        let line = line.context("reading what the checks print")?;
        held += usize::from(line.trim_start_matches('.').starts_with("ok     "));
        println!("{line}");
    }
    let status = child.wait().context("waiting for the checks")?;
    println!("{held} checks held");
    Ok(status.success())
}
