//! Runs one executable of tests: its output goes to a log, which is shown only when something failed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use crate::failure::{Context, Failure};
use crate::stopwatch::Stopwatch;

use super::environment::Environment;
use super::libtest::LibtestOutput;
use super::outcome::{SuiteOutcome, SuiteRun, parse_skip_log};
use super::process_tree::kill_tree;

const SUITE_SECONDS_MAX: u64 = 20 * 60;
const POLL: Duration = Duration::from_millis(20);
/// Enough for any failure's story; a runaway log stays in its file.
const LOG_LINES_SHOWN: usize = 1000;

/// One process that runs tests.
pub(super) struct Suite {
    pub(super) name: String,
    pub(super) command: Command,
    /// Where it runs; the command's own folder otherwise.
    pub(super) folder: Option<PathBuf>,
    pub(super) package_variables: Vec<(&'static str, String)>,
}

impl Suite {
    /// Runs it to its end or its time-out. The error is for what is no fault of the tests, as a log that cannot be
    /// written.
    pub(super) fn run(
        &self,
        environment: &Environment,
        output_folder: &Path,
    ) -> Result<SuiteOutcome, Failure> {
        let log_folder = output_folder.join("logs");
        let file_stem = self.name.replace(' ', "-");
        let log_path = log_folder.join(format!("{file_stem}.log"));
        let skip_path = log_folder.join(format!("{file_stem}.skipped"));
        fs::create_dir_all(&log_folder).context(format!("making {}", log_folder.display()))?;
        let log = File::create(&log_path).context(format!("writing {}", log_path.display()))?;
        File::create(&skip_path).context(format!("writing {}", skip_path.display()))?;

        let stopwatch = Stopwatch::start();
        let status = self.run_logged(log, environment, &skip_path)?;
        let elapsed = stopwatch.elapsed();

        let output = read_lossy(&log_path)?;
        let outcome = SuiteOutcome::new(SuiteRun {
            name: self.name.clone(),
            abnormal_end: status.err(),
            output: LibtestOutput::parse(&output),
            skips: parse_skip_log(&read_lossy(&skip_path)?),
            elapsed,
        });
        println!("{}", outcome.line());
        counts_of_checks(&output).for_each(|line| println!("        {line}"));
        if outcome.failed > 0 {
            print_log(&output, &log_path);
        }
        Ok(outcome)
    }

    /// The inner result is `Err` with the reason when the process did not end well.
    fn run_logged(
        &self,
        log: File,
        environment: &Environment,
        skip_path: &Path,
    ) -> Result<Result<(), String>, Failure> {
        let doing = format!("starting {}", self.name);
        let mut command = Command::new(self.command.get_program());
        command.args(self.command.get_args());
        if let Some(folder) = self.folder.as_deref().or(self.command.get_current_dir()) {
            command.current_dir(folder);
        }
        environment.apply(&mut command, skip_path);
        command.envs(
            self.package_variables
                .iter()
                .map(|(name, value)| (name, value)),
        );
        command.stdin(Stdio::null());
        command.stdout(log.try_clone().context(&doing)?).stderr(log);
        let mut child = command.spawn().context(&doing)?;
        match wait(&mut child).context(format!("waiting for {}", self.name))? {
            None => Ok(Err(format!("was killed after {SUITE_SECONDS_MAX} s"))),
            Some(status) if status.success() => Ok(Ok(())),
            Some(status) => Ok(Err(format!("ended with {status}"))),
        }
    }
}

/// `None` when the time was up and the process was killed, with all that it had started.
fn wait(child: &mut Child) -> std::io::Result<Option<ExitStatus>> {
    let stopwatch = Stopwatch::start();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if stopwatch.elapsed().as_secs() >= SUITE_SECONDS_MAX {
            kill_tree(child)?;
            return Ok(None);
        }
        thread::sleep(POLL);
    }
}

/// A test that is many checks in one says how many held, in a line of its own that the harness does not capture.
fn counts_of_checks(output: &str) -> impl Iterator<Item = &str> {
    let marks = output
        .lines()
        .filter_map(|line| line.find("checks: ").map(|at| &line[at..]));
    marks.filter(|line| line.contains(" held, "))
}

/// Tests may print any bytes.
fn read_lossy(path: &Path) -> Result<String, Failure> {
    let bytes = fs::read(path).context(format!("reading {}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn print_log(output: &str, path: &Path) {
    let lines: Vec<&str> = output.lines().collect();
    let hidden = lines.len().saturating_sub(LOG_LINES_SHOWN);
    println!("----- {} -----", path.display());
    if hidden > 0 {
        println!("[{hidden} lines left out]");
    }
    lines[hidden..].iter().for_each(|line| println!("{line}"));
    println!("----- end -----");
}
