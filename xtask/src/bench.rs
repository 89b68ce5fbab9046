//! `cargo xtask bench`: builds a benchmark for release, gives it a durable PostgreSQL if it needs one, and runs it.

mod e2ee;

use crate::cargo::{cargo, workspace_root};
use crate::failure::{Context, Failure};
use crate::postgres::{self, Durability, ThrowAwayPostgres};

const HELP: &str = "\
Measure, and print ratios against a baseline of the same run.

Usage: cargo xtask bench <NAME> [OPTIONS OF THE BENCHMARK]

Benchmarks:
  server  Validations, sign-ins, starts and memory of a whole server, against an axum hello and Argon2id in a loop; writes
          docs/benchmarks.md unless --no-output is given
  store   Durable use cases a second at 1, 8 and 64 callers: group commit against one transaction each, and PostgreSQL
  rls     What row-level security costs a request on PostgreSQL, among few tenants and among 10,000
  e2ee    Our end-to-end encryption against the official library through node, and against vodozemac; writes
          docs/benchmarks-e2ee.md unless --no-output is given";

pub(crate) fn run(arguments: &[String]) -> Result<bool, Failure> {
    match arguments.split_first() {
        Some((name, options)) if name == "server" => bench_server(options),
        Some((name, options)) if name == "store" => bench_store("commit_rate", options),
        Some((name, options)) if name == "rls" => bench_store("rls_cost", options),
        Some((name, options)) if name == "e2ee" => e2ee::run(options),
        Some((name, _)) if name != "--help" => Err(Failure::new(format!(
            "there is no benchmark `{name}`; see `cargo xtask bench --help`"
        ))),
        _ => {
            println!("{HELP}");
            Ok(true)
        }
    }
}

fn bench_server(options: &[String]) -> Result<bool, Failure> {
    let mut build = cargo();
    build.args([
        "build",
        "--release",
        "--package",
        "keyward-server",
        "--bin",
        "keyward",
    ]);
    if !build.status().context("building keyward")?.success() {
        return Ok(false);
    }
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| workspace_root().join("target"), Into::into);
    let mut command = cargo();
    command.args(["run", "--release", "--quiet", "--package", "keyward-server"]);
    command.args(["--example", "bench", "--", "--keyward"]);
    command.arg(target.join("release").join("keyward"));
    match options.iter().any(|option| option == "--no-output") {
        true => &mut command,
        false => command.args(["--output", "docs/benchmarks.md"]),
    };
    command.args(options);
    let status = command.status().context("running the benchmark")?;
    Ok(status.success())
}

/// Runs an example of the store.
fn bench_store(example: &str, options: &[String]) -> Result<bool, Failure> {
    let mut command = cargo();
    command.args(["run", "--release", "--quiet", "--package", "keyward-store"]);
    command.args(["--features", "testing", "--example", example, "--"]);
    command.args(options);
    let server = postgres::find_or_install()
        .and_then(|installation| ThrowAwayPostgres::start(installation, Durability::Full));
    match &server {
        Ok(server) => {
            command.env("KEYWARD_TEST_POSTGRES_URL", server.url());
        }
        Err(reason) => println!("without PostgreSQL: {reason}"),
    }
    let status = command.status().context("running the benchmark")?;
    Ok(status.success())
}
