//! `cargo xtask fuzz`: coverage-guided fuzzing of the parsers and of what is decrypted.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cargo::{cargo, workspace_root};
use crate::failure::{Context, Failure};

const HELP: &str = "\
Fuzz a crate with libFuzzer (in the crate libfuzzer-sys; built by the stable compiler with coverage instrumentation, debug
assertions and overflow checks). Each target ends at the first input that panics, hangs for ten minutes or takes 2 GiB, and says where it lies.
What was learnt stays in target/fuzz and is where the next run begins; valid messages, bundles and states are the first inputs.

Usage: cargo xtask fuzz e2ee [--seconds N] [--target NAME]

Options:
  --seconds N     CPU seconds for all targets together (60): a machine that is busy or stopped takes nothing off them
  --target NAME   Only this one (a name in crates/e2ee/fuzz/fuzz_targets)";

/// What `cargo fuzz` passes too, less the sanitizers: safe Rust has nothing for them to find.
const COVERAGE: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

struct Options {
    seconds: u64,
    target: Option<String>,
}

pub(crate) fn run(arguments: &[String]) -> Result<bool, Failure> {
    let options = match arguments.split_first() {
        Some((name, rest)) if name == "e2ee" => parse_options(rest)?,
        Some((name, _)) if !name.starts_with('-') => {
            return Err(Failure::new(format!(
                "there are no fuzz targets for `{name}`"
            )));
        }
        _ => None,
    };
    let Some(options) = options else {
        println!("{HELP}");
        return Ok(true);
    };
    let package = workspace_root().join("crates/e2ee/fuzz");
    let targets = targets(&package, &options)?;
    let folder = workspace_root().join("target/fuzz/e2ee");
    let host = host_triple()?;
    if !build(&package, &folder, &host)? {
        return Ok(false);
    }
    let programs = folder.join("build").join(&host).join("release");
    if !plant_seeds(&programs, &folder)? {
        return Ok(false);
    }
    let seconds = (options.seconds / targets.len().max(1) as u64).max(1);
    let mut found = Vec::new();
    for target in &targets {
        if !fuzz(&programs.join(target), &folder.join(target), seconds)? {
            found.push(target.as_str());
        }
    }
    println!(
        "fuzz: {} targets, {} with a finding {}",
        targets.len(),
        found.len(),
        found.join(" ")
    );
    Ok(found.is_empty())
}

/// `None` when help was asked for.
fn parse_options(arguments: &[String]) -> Result<Option<Options>, Failure> {
    let mut options = Options {
        seconds: 60,
        target: None,
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || {
            let value = rest.next().cloned();
            value.ok_or_else(|| Failure::new(format!("{argument} needs a value")))
        };
        match argument.as_str() {
            "--help" | "-h" => return Ok(None),
            "--seconds" => options.seconds = value()?.parse().context("--seconds")?,
            "--target" => options.target = Some(value()?),
            wrong => {
                return Err(Failure::new(format!(
                    "`{wrong}` is not understood\n\n{HELP}"
                )));
            }
        }
    }
    Ok(Some(options))
}

fn targets(package: &Path, options: &Options) -> Result<Vec<String>, Failure> {
    let folder = package.join("fuzz_targets");
    let entries = fs::read_dir(&folder).context(format!("listing {}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .filter(|name| options.target.as_ref().is_none_or(|only| only == name))
        .collect();
    names.sort();
    match names.is_empty() {
        true => Err(Failure::new(format!(
            "no such target in {}",
            folder.display()
        ))),
        false => Ok(names),
    }
}

fn build(package: &Path, folder: &Path, host: &str) -> Result<bool, Failure> {
    let mut build = cargo();
    build.current_dir(package).env("RUSTFLAGS", COVERAGE);
    // With a target named, the flags are not for build scripts.
    build.args(["build", "--release", "--bins", "--target", host]);
    build.arg("--target-dir").arg(folder.join("build"));
    let status = build.status().context("building the fuzz targets")?;
    Ok(status.success())
}

/// Inputs for whom nothing was learnt yet.
fn plant_seeds(programs: &Path, folder: &Path) -> Result<bool, Failure> {
    let status = Command::new(programs.join("seeds")).arg(folder).status();
    Ok(status.context("writing the first inputs")?.success())
}

/// Runs one target until it had its CPU seconds; what libFuzzer says goes into files, and its sum is printed.
fn fuzz(program: &Path, folder: &Path, seconds: u64) -> Result<bool, Failure> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let start = children_seconds()?;
    let (mut inputs, mut slowest, mut rounds) = (0, 0, 0);
    loop {
        let spent = children_seconds()? - start;
        let (holds, said) = fuzz_once(program, folder, seconds.saturating_sub(spent).max(1))?;
        let spent = children_seconds()? - start;
        rounds += 1;
        inputs += last_number(&said, "stat::number_of_executed_units: ");
        slowest = slowest.max(last_number(&said, "stat::slowest_unit_time_sec: "));
        if holds && spent < seconds {
            continue;
        }
        println!(
            "{name}: {inputs} inputs in {spent} CPU s and {rounds} rounds, {} edges covered (the round began with {}), the slowest {slowest} s",
            last_number(&said, " cov: "),
            last_number(said.split("\tNEW").next().unwrap_or_default(), " cov: "),
        );
        if !holds {
            let folder = folder.display();
            println!("{name}: a finding; the input lies in {folder}\n{said}");
        }
        return Ok(holds);
    }
}

/// One run of a target by the clock, and what it said.
fn fuzz_once(program: &Path, folder: &Path, seconds: u64) -> Result<(bool, String), Failure> {
    let corpus = folder.join("corpus");
    fs::create_dir_all(&corpus).context(format!("making {}", corpus.display()))?;
    let log = folder.join("log.txt");
    let file = fs::File::create(&log).context(format!("making {}", log.display()))?;
    let status = Command::new(program)
        .current_dir(folder)
        .arg(format!("-artifact_prefix={}/", folder.display()))
        .arg(format!("-max_total_time={seconds}"))
        .args(["-timeout=600", "-rss_limit_mb=2048", "-max_len=8192"])
        .arg("-print_final_stats=1")
        .arg(&corpus)
        .stderr(file)
        .status()
        .context(format!("running {}", program.display()))?;
    let said = fs::read(&log).context(format!("reading {}", log.display()))?;
    let said = String::from_utf8_lossy(&said).into_owned();
    Ok((status.success(), said))
}

/// CPU seconds of all processes that this one has waited for (`proc_pid_stat(5)`, fields 16 and 17; 100 ticks a second on Linux).
fn children_seconds() -> Result<u64, Failure> {
    let stat = fs::read_to_string("/proc/self/stat").context("reading the CPU time spent")?;
    let behind_name = stat.rsplit_once(") ").map_or("", |(_, behind)| behind);
    let fields = behind_name.split(' ').skip(13).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Ok(ticks / 100)
}

/// The number behind the last of these words; 0 when they were not said.
fn last_number(text: &str, words: &str) -> u64 {
    let behind = text.rsplit_once(words).map_or("", |(_, behind)| behind);
    let digits = behind
        .trim_start()
        .split(|letter: char| !letter.is_ascii_digit());
    digits
        .into_iter()
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

fn host_triple() -> Result<String, Failure> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .args(["--version", "--verbose"])
        .output();
    let text = output.context("asking rustc for its host")?.stdout;
    String::from_utf8_lossy(&text)
        .lines()
        .find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
        .ok_or_else(|| Failure::new("rustc does not say what its host is"))
}
