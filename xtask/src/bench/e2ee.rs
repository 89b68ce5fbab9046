//! `cargo xtask bench e2ee`: our end-to-end encryption, the official library and vodozemac, by CPU second.

mod programs;
mod report;

use std::collections::BTreeMap;

use crate::failure::{Context, Failure};
use crate::stopwatch::Stopwatch;

use programs::{Program, Programs};

const HELP: &str = "\
Measure how often a CPU second does what in our end-to-end encryption, in the official library through node (both pinned
releases) and in vodozemac, in alternating rounds; print the ratios of the medians beside their bars, and write
docs/benchmarks-e2ee.md. Fails where a ratio is below its bar. Needs node and npm; takes two or three minutes.

Usage: cargo xtask bench e2ee [--rounds N] [--seconds N] [--no-output]

Options:
  --rounds N     Rounds of all programs (5)
  --seconds N    CPU seconds for each rate in each round (0.2)
  --no-output    Leave docs/benchmarks-e2ee.md alone";

struct Options {
    rounds: u32,
    seconds: f64,
    has_output: bool,
}

/// The rates by name, per CPU second, one a round.
type Rates = BTreeMap<String, Vec<f64>>;

/// What was measured, by program.
type Measured = BTreeMap<Program, Rates>;

pub(super) fn run(arguments: &[String]) -> Result<bool, Failure> {
    let Some(options) = parse_options(arguments)? else {
        println!("{HELP}");
        return Ok(true);
    };
    let Some(programs) = Programs::build()? else {
        return Ok(false);
    };
    let watch = Stopwatch::start();
    let mut measured = Measured::new();
    for round in 1..=options.rounds {
        for program in Program::ALL {
            println!("round {round}: {}", program.name());
            let rates = measured.entry(program).or_default();
            for (name, rate) in programs.measure(program, options.seconds)? {
                rates.entry(name).or_default().push(rate);
            }
        }
    }
    let report = report::compare(&measured);
    print!("{}", report.plain());
    if options.has_output {
        report.write(&watch.elapsed())?;
    }
    Ok(report.holds())
}

/// `None` when help was asked for.
fn parse_options(arguments: &[String]) -> Result<Option<Options>, Failure> {
    let mut options = Options {
        rounds: 5,
        seconds: 0.2,
        has_output: true,
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || {
            let value = rest.next();
            value.ok_or_else(|| Failure::new(format!("{argument} needs a value")))
        };
        match argument.as_str() {
            "--help" | "-h" => return Ok(None),
            "--rounds" => options.rounds = value()?.parse().context("--rounds")?,
            "--seconds" => options.seconds = value()?.parse().context("--seconds")?,
            "--no-output" => options.has_output = false,
            wrong => {
                let message = format!("`{wrong}` is not understood\n\n{HELP}");
                return Err(Failure::new(message));
            }
        }
    }
    Ok(Some(options))
}
