//! `cargo xtask bench e2ee`: our end-to-end encryption, the official library and vodozemac, by CPU second.

mod programs;
mod report;

use std::collections::BTreeMap;

use crate::failure::{Context, Failure};
use crate::stopwatch::Stopwatch;

use programs::{Program, Programs};

const HELP: &str = "\
Measure how often a CPU second does what in our end-to-end encryption, in the official library through node (both pinned
releases) and in vodozemac. The four take turns, rate by rate, in many short rounds; print the medians of the rounds' ratios beside
their bars, and write docs/benchmarks-e2ee.md. Fails where a ratio is below its bar. Needs node and npm; takes about three minutes.

Usage: cargo xtask bench e2ee [--rounds N] [--seconds N] [--no-output]

Options:
  --rounds N     Rounds of all programs (21)
  --seconds N    CPU seconds for each rate in each round (0.05)
  --no-output    Leave docs/benchmarks-e2ee.md alone";

/// CPU seconds for each rate in the round that does not count.
const WARM_UP_SECONDS: f64 = 0.3;

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
    let measured = measure(&programs, &options)?;
    let report = report::compare(&measured);
    print!("{}", report.plain());
    if options.has_output {
        report.write(&watch.elapsed())?;
    }
    Ok(report.holds())
}

/// Asks the programs in turns, one rate after the other, so that what is compared was measured within the same second. They run all
/// the time: what is measured is warm, after a first round that does not count.
fn measure(programs: &Programs, options: &Options) -> Result<Measured, Failure> {
    let mut running = Vec::new();
    for program in Program::ALL {
        running.push(programs.start(program)?);
    }
    let names = running[0].names()?;
    let mut measured = Measured::new();
    for round in 0..=options.rounds {
        println!("round {round} of {}", options.rounds);
        let seconds = if round == 0 {
            WARM_UP_SECONDS
        } else {
            options.seconds
        };
        for name in &names {
            for asked in &mut running {
                let rates = asked.measure(name, seconds)?;
                let kept = measured.entry(asked.program()).or_default();
                for (name, rate) in rates.into_iter().filter(|_| round > 0) {
                    kept.entry(name).or_default().push(rate);
                }
            }
        }
    }
    Ok(measured)
}

/// `None` when help was asked for.
fn parse_options(arguments: &[String]) -> Result<Option<Options>, Failure> {
    let mut options = Options {
        rounds: 21,
        seconds: 0.05,
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
