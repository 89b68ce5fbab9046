//! What one suite comes to: the harness's word, corrected by the tests that said they could not run.

use std::time::Duration;

use super::libtest::LibtestOutput;

/// All that is known of a suite's run.
pub(super) struct SuiteRun {
    pub(super) name: String,
    /// Why the process did not end well, if so.
    pub(super) abnormal_end: Option<String>,
    pub(super) output: LibtestOutput,
    pub(super) skips: Vec<Skip>,
    pub(super) elapsed: Duration,
}

/// A test that did not run, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Skip {
    pub(super) name: String,
    pub(super) reason: String,
}

/// One line of the report.
#[derive(Debug)]
pub(super) struct SuiteOutcome {
    pub(super) name: String,
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) skips: Vec<Skip>,
    pub(super) passed_names: Vec<String>,
    pub(super) failed_names: Vec<String>,
    elapsed: Duration,
}

impl SuiteOutcome {
    pub(super) fn new(run: SuiteRun) -> Self {
        let crash = find_crash(&run);
        let output = run.output;
        let mut outcome = Self {
            name: run.name,
            passed: output.passed_count,
            failed: output.failed_count,
            skips: Vec::new(),
            passed_names: output.passed,
            failed_names: output.failed,
            elapsed: run.elapsed,
        };
        if let Some(reason) = crash {
            outcome.failed += 1;
            outcome
                .failed_names
                .push(format!("(the suite itself) {reason}"));
        }
        for ignored in output.ignored {
            outcome.add_skip(Skip {
                name: ignored.name,
                reason: ignored.reason,
            });
        }
        for number in outcome.skips.len()..output.ignored_count {
            let name = format!("(ignored test {})", number + 1);
            outcome.add_skip(Skip {
                name,
                reason: "marked as ignored".into(),
            });
        }
        run.skips
            .into_iter()
            .for_each(|skip| outcome.add_skip(skip));
        outcome
    }

    /// A test that could not run returns early, which the harness takes for a pass.
    fn add_skip(&mut self, skip: Skip) {
        if self.skips.iter().any(|known| known.name == skip.name) {
            return;
        }
        if self
            .failed_names
            .iter()
            .any(|name| is_same_test(name, &skip.name))
        {
            return;
        }
        let passed = self.passed_names.iter();
        if let Some(position) = passed
            .into_iter()
            .position(|name| is_same_test(name, &skip.name))
        {
            self.passed_names.remove(position);
            self.passed = self.passed.saturating_sub(1);
        }
        self.skips.push(skip);
    }

    /// Whether no test was even skipped.
    pub(super) fn is_empty(&self) -> bool {
        self.passed + self.failed + self.skips.len() == 0
    }

    /// Name, passed, failed, skipped, seconds.
    pub(super) fn line(&self) -> String {
        let verdict = if self.failed > 0 { "FAILED" } else { "ok" };
        format!(
            "{verdict:<6}  {:<28} {:>5} passed {:>3} failed {:>3} skipped {:>7.1} s",
            self.name,
            self.passed,
            self.failed,
            self.skips.len(),
            self.elapsed.as_secs_f64()
        )
    }
}

/// A process that ends badly although no test failed, or well without the harness's closing line, has crashed.
fn find_crash(run: &SuiteRun) -> Option<String> {
    let reached_its_end = run.output.closing_lines > 0;
    match &run.abnormal_end {
        Some(_) if reached_its_end && run.output.failed_count > 0 => None,
        Some(reason) => Some(reason.clone()),
        None if reached_its_end => None,
        None => Some("ended without a test result".into()),
    }
}

/// A skip may be logged by the test's full path or by its function's name.
fn is_same_test(full_name: &str, logged_name: &str) -> bool {
    full_name
        .strip_suffix(logged_name)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with("::"))
}

/// Lines of `<test name>: <reason>`.
pub(super) fn parse_skip_log(text: &str) -> Vec<Skip> {
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            let (name, reason) = line.split_once(": ").unwrap_or((line, "no reason given"));
            Skip {
                name: name.to_owned(),
                reason: reason.to_owned(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LibtestOutput, SuiteOutcome, SuiteRun, parse_skip_log};

    fn outcome(output: &str, skip_log: &str, abnormal_end: Option<&str>) -> SuiteOutcome {
        SuiteOutcome::new(SuiteRun {
            name: "store test it".into(),
            abnormal_end: abnormal_end.map(str::to_owned),
            output: LibtestOutput::parse(output),
            skips: parse_skip_log(skip_log),
            elapsed: Duration::ZERO,
        })
    }

    const TWO_PASS: &str = "test users::on_sqlite ... ok\ntest users::on_postgres ... ok\n\
        test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";

    #[test]
    fn a_test_that_could_not_run_is_skipped_and_not_passed() {
        let log = "users::on_postgres: no PostgreSQL\non_postgres: no PostgreSQL\n";
        for log in [log, "on_postgres: no PostgreSQL\n"] {
            let outcome = outcome(TWO_PASS, log, None);
            assert_eq!((outcome.passed, outcome.failed), (1, 0));
            assert_eq!(outcome.passed_names, ["users::on_sqlite"]);
            assert_eq!(outcome.skips[0].reason, "no PostgreSQL");
        }
    }

    #[test]
    fn a_skip_of_an_unknown_test_counts_all_the_same() {
        let outcome = outcome(TWO_PASS, "other: no Redis\n", None);
        assert_eq!((outcome.passed, outcome.skips.len()), (2, 1));
    }

    #[test]
    fn ignored_tests_are_skipped_even_when_their_line_is_garbled() {
        let output = "test a ... ignored, slow\n\
            test result: ok. 0 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out\n";
        let outcome = outcome(output, "", None);
        assert_eq!(outcome.skips.len(), 2);
        assert_eq!(outcome.skips[0].reason, "slow");
    }

    #[test]
    fn a_suite_that_crashes_or_leaves_early_fails() {
        let crashed = outcome("test a ... ok\n", "", Some("ended with signal: 6"));
        assert_eq!(crashed.failed, 1);
        let left = outcome("running 1 test\n", "", None);
        assert_eq!(left.failed, 1);
        let crashed_after = outcome(TWO_PASS, "", Some("ended with signal: 11"));
        assert_eq!((crashed_after.passed, crashed_after.failed), (2, 1));
    }

    #[test]
    fn a_failed_test_is_not_counted_twice() {
        let output = "test a ... FAILED\n\
            test result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out\n";
        let outcome = outcome(
            output,
            "a: no PostgreSQL\n",
            Some("ended with exit status: 101"),
        );
        assert_eq!((outcome.failed, outcome.skips.len()), (1, 0));
    }
}
