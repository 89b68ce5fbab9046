//! What a validation, a sign-in, a start and a session in memory cost, each against a baseline of the same run.
//!
//! `cargo xtask bench server` builds `keyward` and this program for release and runs it; docs/benchmarks.md says what each
//! number means. The server runs on core 0, whoever asks it on core 1. Rounds alternate; medians are printed.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a benchmark ends at its first failure, and it measures real time"
)]

mod baselines;
mod client;
mod measure;
mod process;
mod refresh;
mod report;
mod seed;

use std::path::PathBuf;

/// How long and how often is measured.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) keyward: PathBuf,
    pub(crate) output: Option<PathBuf>,
    pub(crate) seconds: f64,
    pub(crate) rounds: usize,
    pub(crate) sizes: Vec<usize>,
    /// How many tenants stand beside the one of the smallest instance.
    pub(crate) tenants: usize,
    /// What is measured, in this order.
    pub(crate) parts: Vec<String>,
}

const PARTS: &str = "starts,tenants,validation,introspection,refresh,commits,sign-in,latency";
const HELP: &str = "\
Measure a server of Keyward; docs/benchmarks.md says what the numbers mean.

Usage: cargo xtask bench server [OPTIONS]

  --seconds N         Length of a round [1]
  --rounds N          Rounds whose median is printed [7]
  --sessions N,N,…    Sizes of the databases [1000,100000,1000000]
  --tenants N         Tenants of the instance that is held against one with a single tenant [10000]
  --parts NAME,NAME,… What is measured [all: starts,tenants,validation,introspection,refresh,commits,sign-in,latency]
  --output FILE       Write the table there too
  --keyward PROGRAM   The server; cargo xtask gives the one that it built";

/// The one of `keyward`, so that no baseline pays for another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["hello", port] => baselines::serve_hello(port.parse().unwrap()),
        ["argon2", seconds] => baselines::hash_for(seconds.parse().unwrap()),
        ["--help"] => println!("{HELP}"),
        _ => measure::run(&settings(&arguments)),
    }
}

fn settings(arguments: &[String]) -> Settings {
    let value = |name: &str| {
        let position = arguments.iter().position(|argument| argument == name)?;
        arguments.get(position + 1).cloned()
    };
    let list = |name: &str, usual: &str| {
        let text = value(name).unwrap_or_else(|| usual.to_owned());
        text.split(',').map(str::to_owned).collect::<Vec<_>>()
    };
    Settings {
        keyward: value("--keyward").unwrap().into(),
        output: value("--output").map(PathBuf::from),
        seconds: value("--seconds").map_or(1.0, |text| text.parse().unwrap()),
        rounds: value("--rounds").map_or(7, |text| text.parse().unwrap()),
        parts: list("--parts", PARTS),
        tenants: value("--tenants").map_or(10_000, |text| text.parse().unwrap()),
        sizes: list("--sessions", "1000,100000,1000000")
            .iter()
            .map(|size| size.parse().unwrap())
            .collect(),
    }
}
