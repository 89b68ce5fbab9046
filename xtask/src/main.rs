//! The checks of Keyward as one program: `cargo xtask test`, `cargo xtask tidy`, `cargo xtask asvs`,
//! `cargo xtask bench`, `cargo xtask fuzz`, `cargo xtask schemathesis`.
//!
//! It is not part of the product and depends on none of its crates, so that it still runs when they do not compile.
//! Nothing it starts outlives it, and it never touches a database cluster that it did not make.

mod asvs;
mod bench;
mod cargo;
mod failure;
mod fuzz;
mod interop;
mod licences;
mod metadata;
mod postgres;
mod schemathesis;
mod stopwatch;
mod test_command;
mod test_results;
mod tidy;
mod wasm;

use std::process::ExitCode;

use failure::Failure;

const HELP: &str = "\
The checks of Keyward.

Usage: cargo xtask <COMMAND> [OPTIONS]

Commands:
  test    Set up what the tests need, run them all on every engine, and stop what was started
  tidy    Check formatting, lints, layers, licences, sizes, migrations and statements
  asvs    Print which requirements of OWASP ASVS 5.0 have a passing test
  bench   Measure, and print ratios against a baseline of the same run
  fuzz    Fuzz the end-to-end encryption library, guided by coverage
  schemathesis
          Send a running server odd requests made from its own description
  interop Play our end-to-end encryption with the official library, in both roles
  licences
          Check the whole dependency tree by manifests and by the headers of source files
  wasm    Build the end-to-end encryption library for browsers, and test it in node

`cargo xtask <COMMAND> --help` says more about each.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// `Ok(false)` means that the command did its work and what it checked does not hold.
fn run(arguments: &[String]) -> Result<bool, Failure> {
    let Some((command, rest)) = arguments.split_first() else {
        println!("{HELP}");
        return Ok(false);
    };
    match command.as_str() {
        "test" => test_command::run(rest),
        "tidy" => tidy::run(rest),
        "asvs" => asvs::run(rest),
        "bench" => bench::run(rest),
        "fuzz" => fuzz::run(rest),
        "schemathesis" => schemathesis::run(rest),
        "interop" => interop::run(rest),
        "licences" => licences::run(rest),
        "wasm" => wasm::run(rest),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(true)
        }
        unknown => Err(Failure::new(format!(
            "there is no command `{unknown}`; see `cargo xtask --help`"
        ))),
    }
}
