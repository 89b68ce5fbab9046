//! `cargo xtask test`: set up, build, run every suite, stop what was started, say what happened.

mod environment;
mod executables;
mod libtest;
mod outcome;
mod process_tree;
mod report;
mod suite;

use std::fs;

use crate::failure::{Context, Failure};
use crate::metadata::Metadata;
use crate::postgres::{self, Durability, ThrowAwayPostgres};
use environment::Environment;
use outcome::SuiteOutcome;
use report::Report;

const HELP: &str = "\
Run all the tests, on every engine.

PostgreSQL is installed from Debian's packages when it is not there and this runs as root; the tests get a server
of their own, on a free loopback port, which is gone again at the end.

Usage: cargo xtask test [--require-all] [NAME-FILTER]

Arguments:
  NAME-FILTER     Only the tests whose name contains this

Options:
  --require-all   Fail when a test had to be skipped";

struct Options {
    require_all: bool,
    filter: Option<String>,
}

pub(crate) fn run(arguments: &[String]) -> Result<bool, Failure> {
    let Some(options) = parse_options(arguments)? else {
        println!("{HELP}");
        return Ok(true);
    };
    let metadata = Metadata::read_members()?;
    let output_folder = metadata.output_folder();
    fs::create_dir_all(&output_folder).context(format!("making {}", output_folder.display()))?;
    // Before the long work of building, so that a machine's lack shows at once.
    let installation = postgres::find_or_install();
    let suites = executables::build_suites(&metadata, options.filter.as_deref())?;
    let (server, postgres_missing) = match installation
        .and_then(|installation| ThrowAwayPostgres::start(installation, Durability::None))
    {
        Ok(server) => (Some(server), None),
        Err(reason) => (None, Some(reason)),
    };
    if let Some(reason) = &postgres_missing {
        println!("PostgreSQL is not available: {reason}");
    }
    let environment = Environment {
        postgres_url: server.as_ref().map(ThrowAwayPostgres::url),
        require_all: options.require_all,
    };
    let outcomes: Vec<SuiteOutcome> = suites
        .iter()
        .map(|suite| suite.run(&environment, &output_folder))
        .collect::<Result<_, _>>()?;
    drop(server);
    let report = Report {
        outcomes,
        postgres_missing,
        filter: options.filter,
    };
    report.test_results().write(&output_folder)?;
    report.print(options.require_all);
    Ok(report.is_success(options.require_all))
}

/// `None` when help was asked for.
fn parse_options(arguments: &[String]) -> Result<Option<Options>, Failure> {
    let mut options = Options {
        require_all: false,
        filter: None,
    };
    for argument in arguments {
        match argument.as_str() {
            "--help" | "-h" => return Ok(None),
            "--require-all" => options.require_all = true,
            name if !name.starts_with('-') && options.filter.is_none() => {
                options.filter = Some(name.to_owned());
            }
            wrong => {
                let message = format!("`{wrong}` is not understood\n\n{HELP}");
                return Err(Failure::new(message));
            }
        }
    }
    Ok(Some(options))
}
