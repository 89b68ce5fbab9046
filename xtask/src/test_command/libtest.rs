//! Reads what Rust's test harness prints.
//!
//! The closing lines are the truth for the numbers; the lines of single tests give the names. A test that writes
//! past the harness's capture can garble its own line, never the closing one.

/// What one process printed; documentation tests print a closing line per crate.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LibtestOutput {
    pub(super) passed: Vec<String>,
    pub(super) failed: Vec<String>,
    pub(super) ignored: Vec<Ignored>,
    pub(super) passed_count: usize,
    pub(super) failed_count: usize,
    pub(super) ignored_count: usize,
    /// Without one the harness did not reach its end.
    pub(super) closing_lines: usize,
}

/// A test marked `#[ignore]`, with its reason if it has one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ignored {
    pub(super) name: String,
    pub(super) reason: String,
}

impl LibtestOutput {
    pub(super) fn parse(output: &str) -> Self {
        let mut parsed = Self::default();
        for line in output.lines() {
            if let Some(counts) = line.strip_prefix("test result: ") {
                parsed.add_closing_line(counts);
            } else if let Some(test) = line.strip_prefix("test ") {
                parsed.add_test(test);
            }
        }
        parsed
    }

    /// `ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s`
    fn add_closing_line(&mut self, line: &str) {
        self.closing_lines += 1;
        let Some((_, counts)) = line.split_once(". ") else {
            return;
        };
        for count in counts.split("; ") {
            let Some((number, label)) = count.split_once(' ') else {
                continue;
            };
            let number: usize = number.parse().unwrap_or(0);
            match label {
                "passed" => self.passed_count += number,
                "failed" => self.failed_count += number,
                "ignored" => self.ignored_count += number,
                _ => {}
            }
        }
    }

    /// `users::locks ... ok`
    fn add_test(&mut self, line: &str) {
        let Some((name, result)) = line.rsplit_once(" ... ") else {
            return;
        };
        let name = name
            .strip_suffix(" - should panic")
            .unwrap_or(name)
            .to_owned();
        match result.trim_end() {
            "ok" => self.passed.push(name),
            "FAILED" => self.failed.push(name),
            "ignored" => self.add_ignored(name, "marked as ignored"),
            other => {
                if let Some(reason) = other.strip_prefix("ignored, ") {
                    self.add_ignored(name, reason);
                }
            }
        }
    }

    fn add_ignored(&mut self, name: String, reason: &str) {
        let reason = reason.to_owned();
        self.ignored.push(Ignored { name, reason });
    }
}

#[cfg(test)]
mod tests {
    use super::LibtestOutput;

    const OUTPUT: &str = "
running 5 tests
test users::locks ... ok
test users::rejects - should panic ... ok
test users::slow ... ignored, needs an hour
test users::odd ... ignored
test users::breaks ... FAILED
test users::noisy ... some words without a line break

failures:
    users::breaks

test result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 7 filtered out; finished in 0.01s
";

    #[test]
    fn names_and_counts_are_read() {
        let parsed = LibtestOutput::parse(OUTPUT);
        assert_eq!(parsed.passed, ["users::locks", "users::rejects"]);
        assert_eq!(parsed.failed, ["users::breaks"]);
        assert_eq!(parsed.ignored[0].reason, "needs an hour");
        assert_eq!(parsed.ignored[1].name, "users::odd");
        let counts = (
            parsed.passed_count,
            parsed.failed_count,
            parsed.ignored_count,
        );
        assert_eq!(counts, (3, 1, 2));
        assert_eq!(parsed.closing_lines, 1);
    }

    #[test]
    fn several_closing_lines_are_added_up() {
        let line = "test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out\n";
        let parsed = LibtestOutput::parse(&line.repeat(2));
        assert_eq!((parsed.passed_count, parsed.closing_lines), (4, 2));
    }

    #[test]
    fn an_output_cut_short_has_no_closing_line() {
        assert_eq!(
            LibtestOutput::parse("running 2 tests\ntest a ... ok\n").closing_lines,
            0
        );
    }
}
