//! The table: our rates beside the others', with ratios and bars.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::cargo::workspace_root;
use crate::failure::{Context, Failure};

use super::Measured;
use super::programs::Program;

const MEANING: &str = include_str!("meaning.md");
/// Ours by the official library through node, on every row.
const OFFICIAL_BAR: f64 = 3.0;
/// Ours by vodozemac, on the rows of `VODOZEMAC_ROWS`.
const VODOZEMAC_BAR: f64 = 0.8;
const VODOZEMAC_ROWS: [&str; 3] = ["v3_setups", "v3_pingpong_256", "v3_pingpong_4096"];

/// One of our rates beside the same one of another program.
struct Row {
    name: String,
    other: Program,
    own_rate: f64,
    other_rate: f64,
    /// Ours by theirs in each round, in ascending order: both were measured within a second.
    ratios: Vec<f64>,
    /// What the ratio has to reach, where something was promised.
    bar: Option<f64>,
}

impl Row {
    fn ratio(&self) -> f64 {
        quantile(&self.ratios, 2)
    }

    fn holds(&self) -> bool {
        self.bar.is_none_or(|bar| self.ratio() >= bar)
    }

    /// What the middle half of the rounds lies between, which says how quiet the machine was.
    fn range(&self) -> String {
        let (low, high) = (quantile(&self.ratios, 1), quantile(&self.ratios, 3));
        format!("{low:.2}–{high:.2}")
    }

    fn bar(&self) -> String {
        let Some(bar) = self.bar else {
            return String::new();
        };
        let verdict = match self.holds() {
            true => "",
            false => ", MISSED",
        };
        format!("≥ {bar}{verdict}")
    }
}

pub(super) struct Report(Vec<Row>);

/// The medians of all rates that another program has, too, and of their ratios.
pub(super) fn compare(measured: &Measured) -> Report {
    let mut rows = Vec::new();
    let others = Program::ALL.into_iter().filter(|it| *it != Program::Ours);
    for other in others {
        for (name, others) in measured.get(&other).into_iter().flatten() {
            let own = measured
                .get(&Program::Ours)
                .and_then(|rates| rates.get(name));
            let Some(own) = own else { continue };
            rows.push(Row {
                name: name.clone(),
                other,
                own_rate: median(own),
                other_rate: median(others),
                ratios: ratios_by_round(own, others),
                bar: bar(other, name),
            });
        }
    }
    Report(rows)
}

fn bar(other: Program, name: &str) -> Option<f64> {
    match other {
        Program::Vodozemac => VODOZEMAC_ROWS.contains(&name).then_some(VODOZEMAC_BAR),
        _ => Some(OFFICIAL_BAR),
    }
}

fn ratios_by_round(own: &[f64], others: &[f64]) -> Vec<f64> {
    let ratios = own.iter().zip(others).map(|(own, other)| own / other);
    sorted(ratios.collect())
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values
}

fn median(values: &[f64]) -> f64 {
    quantile(&sorted(values.to_vec()), 2)
}

/// The value that `fourths` of four parts of the ascending values lie below.
fn quantile(values: &[f64], fourths: usize) -> f64 {
    let place = (values.len() * fourths / 4).min(values.len().saturating_sub(1));
    values.get(place).copied().unwrap_or(f64::NAN)
}

impl Report {
    pub(super) fn holds(&self) -> bool {
        !self.0.is_empty() && self.0.iter().all(Row::holds)
    }

    pub(super) fn plain(&self) -> String {
        let mut text = format!(
            "{:<28} {:>9}  {:<17} {:>9} {:>7} {:>13}  bar\n",
            "per CPU second", "ours", "against", "theirs", "ratio", "middle half"
        );
        for row in &self.0 {
            text.push_str(&format!(
                "{:<28} {:>9.0}  {:<17} {:>9.0} {:>7.2} {:>13}  {}\n",
                row.name,
                row.own_rate,
                row.other.name(),
                row.other_rate,
                row.ratio(),
                row.range(),
                row.bar()
            ));
        }
        text.push_str(&self.summary());
        text
    }

    fn summary(&self) -> String {
        let barred = self.0.iter().filter(|row| row.bar.is_some()).count();
        let missed: Vec<&Row> = self.0.iter().filter(|row| !row.holds()).collect();
        let mut text = format!("{} of {barred} bars held", barred - missed.len());
        for row in missed {
            text.push_str(&format!(
                "; missed: {} against {}, {:.2}",
                row.name,
                row.other.name(),
                row.ratio()
            ));
        }
        text.push_str(".\n");
        text
    }

    pub(super) fn write(&self, took: &Duration) -> Result<(), Failure> {
        let mut text = format!(
            "{MEANING}\n## Last run\n\n{}, commit {}, {}. It took {:.0} s.\n\n",
            said_by("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
            said_by("git", &["describe", "--always", "--dirty"]),
            machine(),
            took.as_secs_f64()
        );
        text.push_str(&self.summary());
        text.push_str(
            "\n| per CPU second | ours | against | theirs | ours ÷ theirs | middle half | bar |\n",
        );
        text.push_str("|---|---:|---|---:|---:|---:|---|\n");
        for row in &self.0 {
            text.push_str(&format!(
                "| {} | {:.0} | {} | {:.0} | {:.2} | {} | {} |\n",
                row.name,
                row.own_rate,
                row.other.name(),
                row.other_rate,
                row.ratio(),
                row.range(),
                row.bar()
            ));
        }
        let path = workspace_root().join("docs/benchmarks-e2ee.md");
        fs::write(&path, text).context(path.display())
    }
}

fn machine() -> String {
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |text| {
            text.trim_matches([' ', '\t', ':'])
        });
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{model}, {} cores, Linux {}, node {}, load average {} at its end",
        said_by("nproc", &["--all"]),
        said_by("uname", &["-r"]),
        said_by("node", &["--version"]),
        load.split(' ').next().unwrap_or_default()
    )
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .current_dir(workspace_root())
        .args(arguments)
        .output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Measured, Program, compare};

    fn measured(rows: &[(Program, &str, &[f64])]) -> Measured {
        let mut measured = Measured::new();
        for (program, name, rates) in rows {
            let entry = measured.entry(*program).or_default();
            entry.insert((*name).to_owned(), rates.to_vec());
        }
        measured
    }

    #[test]
    fn the_medians_are_held_against_the_bars() {
        let own = (Program::Ours, "v3_setups", &[1.0, 300.0, 310.0][..]);
        let enough = (Program::OfficialOld, "v3_setups", &[100.0; 3][..]);
        let too_fast = (Program::Vodozemac, "v3_setups", &[400.0; 3][..]);
        assert!(compare(&measured(&[own, enough])).holds());
        let report = compare(&measured(&[own, enough, too_fast]));
        assert!(!report.holds());
        assert!(report.plain().contains("1 of 2 bars held"));
    }

    #[test]
    fn nothing_measured_is_no_success_and_other_rows_of_vodozemac_have_no_bar() {
        let own = (Program::Ours, "group_decrypt_256", &[1.0][..]);
        let faster = (Program::Vodozemac, "group_decrypt_256", &[9.0][..]);
        assert!(!compare(&measured(&[own])).holds());
        assert!(compare(&measured(&[own, faster])).holds());
    }
}
