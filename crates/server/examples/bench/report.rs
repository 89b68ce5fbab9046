//! The table, printed as it grows and written as docs/benchmarks.md.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

const MEANING: &str = include_str!("meaning.md");

pub(crate) struct Report {
    rows: Vec<[String; 3]>,
}

impl Report {
    pub(crate) fn begin() -> Self {
        Self { rows: Vec::new() }
    }

    pub(crate) fn add(&mut self, name: &str, value: f64, unit: &str, target: &str) {
        let digits = match value.abs() {
            size if size < 0.1 => 3,
            size if size < 10.0 => 2,
            size if size < 100.0 => 1,
            _ => 0,
        };
        let value = format!("{value:.digits$} {unit}").trim_end().to_owned();
        println!("{name:<72} {value:>14}  {target}");
        self.rows.push([name.to_owned(), value, target.to_owned()]);
    }

    /// Answers by second of processor time, and by second.
    pub(crate) fn rate(&mut self, name: &str, (by_cpu, by_wall): (f64, f64)) {
        self.add(&format!("{name}, by processor second"), by_cpu, "/s", "");
        self.add(&format!("{name}, by wall second"), by_wall, "/s", "");
    }

    pub(crate) fn end(self, output: Option<&Path>, took: Duration) {
        println!("took {:.0} s", took.as_secs_f64());
        let Some(output) = output else { return };
        let mut text = MEANING.to_owned();
        text.push_str(&format!(
            "\n## Last run\n\n{}, commit {}, {}. It took {:.0} s.\n\n| what | value | target |\n|---|---:|---|\n",
            said_by("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
            said_by("git", &["describe", "--always", "--dirty"]),
            machine(),
            took.as_secs_f64()
        ));
        for [name, value, target] in &self.rows {
            text.push_str(&format!("| {} | {value} | {target} |\n", name.trim()));
        }
        std::fs::write(output, text).unwrap();
    }
}

/// The median of the rounds' own ratios: what slows one round down has slowed its baseline down as well.
pub(crate) fn median_ratio(rates: &[f64], baselines: &[f64]) -> f64 {
    let ratios = rates.iter().zip(baselines).map(|(rate, bare)| rate / bare);
    median(&mut ratios.collect::<Vec<f64>>())
}

pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn machine() -> String {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |text| {
            text.trim_matches([' ', '\t', ':'])
        });
    let cores = std::fs::read_dir("/sys/devices/system/cpu")
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| {
            let name = entry.file_name().into_string().unwrap_or_default();
            name.strip_prefix("cpu")
                .is_some_and(|rest| rest.parse::<u16>().is_ok())
        })
        .count();
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    format!(
        "{model}, {cores} cores, Linux {}, load average {load} at its end",
        said_by("uname", &["-r"])
    )
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.unwrap_or_default().trim().to_owned()
}
