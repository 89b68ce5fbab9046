//! The last words of a run.

use crate::test_results::{PassedTest, TestResults};

use super::outcome::SuiteOutcome;

/// What a whole run came to.
pub(super) struct Report {
    pub(super) outcomes: Vec<SuiteOutcome>,
    pub(super) postgres_missing: Option<String>,
    pub(super) filter: Option<String>,
}

struct Totals {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Report {
    /// The line with the numbers stands alone and last: programs read it.
    pub(super) fn print(&self, require_all: bool) {
        let (empty, suites): (Vec<_>, Vec<_>) =
            self.outcomes.iter().partition(|outcome| outcome.is_empty());
        println!();
        suites
            .iter()
            .for_each(|outcome| println!("{}", outcome.line()));
        if !empty.is_empty() {
            let names: Vec<&str> = empty.iter().map(|outcome| outcome.name.as_str()).collect();
            println!("no tests in: {}", names.join(", "));
        }
        if let Some(reason) = &self.postgres_missing {
            println!("no PostgreSQL: {reason}");
        }
        for outcome in &suites {
            for name in &outcome.failed_names {
                println!("failed   {}: {name}", outcome.name);
            }
        }
        for outcome in &suites {
            for skip in &outcome.skips {
                println!("skipped  {}: {}: {}", outcome.name, skip.name, skip.reason);
            }
        }
        self.print_totals(require_all);
    }

    fn print_totals(&self, require_all: bool) {
        let totals = self.totals();
        if require_all && totals.skipped > 0 {
            println!("--require-all: a skipped test fails the run");
        }
        if totals.passed + totals.failed == 0 {
            println!("no test ran, which fails the run");
        }
        println!(
            "{} passed, {} failed, {} skipped",
            totals.passed, totals.failed, totals.skipped
        );
    }

    pub(super) fn is_success(&self, require_all: bool) -> bool {
        let totals = self.totals();
        totals.failed == 0 && totals.passed > 0 && !(require_all && totals.skipped > 0)
    }

    pub(super) fn test_results(&self) -> TestResults {
        let tests_of = |outcome: &SuiteOutcome| {
            let suite = outcome.name.clone();
            let names = outcome.passed_names.clone().into_iter();
            names.map(move |name| PassedTest {
                suite: suite.clone(),
                name,
            })
        };
        TestResults {
            filter: self.filter.clone(),
            passed: self.outcomes.iter().flat_map(tests_of).collect(),
        }
    }

    fn totals(&self) -> Totals {
        let sum = |count: fn(&SuiteOutcome) -> usize| self.outcomes.iter().map(count).sum();
        Totals {
            passed: sum(|outcome| outcome.passed),
            failed: sum(|outcome| outcome.failed),
            skipped: sum(|outcome| outcome.skips.len()),
        }
    }
}
