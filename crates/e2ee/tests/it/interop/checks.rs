//! What was checked, counted, and printed where the harness's capture does not swallow it.

use std::io::Write;

/// The checks between one pair of peers.
pub(crate) struct Checks {
    /// Who is who.
    title: String,
    scenario: String,
    held: usize,
    failures: Vec<String>,
}

impl Checks {
    pub(crate) fn new(title: String) -> Self {
        let scenario = String::new();
        Self {
            title,
            scenario,
            held: 0,
            failures: Vec::new(),
        }
    }

    /// What follows belongs to this scenario.
    pub(crate) fn begin(&mut self, scenario: &str) {
        scenario.clone_into(&mut self.scenario);
    }

    /// One check. It goes on after one that fails: the rest of the report helps to see why.
    pub(crate) fn that(&mut self, what: &str, holds: bool) {
        let line = format!("{} / {}: {what}", self.title, self.scenario);
        println!("{} {line}", if holds { "ok    " } else { "FAILED" });
        match holds {
            true => self.held += 1,
            false => self.failures.push(line),
        }
    }

    /// One check that two values are the same.
    pub(crate) fn same<T: PartialEq + std::fmt::Debug>(
        &mut self,
        what: &str,
        found: T,
        expected: T,
    ) {
        let holds = found == expected;
        let what = match holds {
            true => what.to_owned(),
            false => format!("{what}: found {found:?}, expected {expected:?}"),
        };
        self.that(&what, holds);
    }

    /// One check that something was refused.
    pub(crate) fn refused<T: std::fmt::Debug>(&mut self, what: &str, result: &Result<T, String>) {
        let what = format!("refuses {what}");
        self.that(&what, result.is_err());
    }

    /// A scenario that could not go on is a failed check.
    pub(crate) fn end(&mut self, result: Result<(), String>) {
        if let Err(reason) = result {
            self.that(&format!("comes to its end ({reason})"), false);
        }
    }

    /// Prints the count, and fails the test when a check did not hold.
    pub(crate) fn finish(self) {
        let line = format!(
            "checks: {}: {} held, {} failed\n",
            self.title,
            self.held,
            self.failures.len()
        );
        // Not `print!`, which the test harness captures: these numbers are wanted of a run that passes.
        std::io::stderr()
            .write_all(line.as_bytes())
            .expect("standard error");
        assert!(
            self.failures.is_empty(),
            "failed:\n{}",
            self.failures.join("\n")
        );
        assert!(self.held > 0, "nothing was checked");
    }
}
