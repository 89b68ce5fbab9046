//! The text form of Prometheus, version 0.0.4: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use keyward_model::{HistogramReading, Unit};
use std::fmt::{Display, Write};

/// The media type of the text.
pub(crate) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The text as it is written, a family after the other.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    text: String,
}

/// A family whose samples are being written: they stand together, and its name is said once.
pub(crate) struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
}

/// A label's name and value.
pub(crate) type Label<'a> = (&'static str, &'a str);

impl Exposition {
    /// Begins a family of numbers that only grow; the name ends in `_total`.
    pub(crate) fn counter(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, help, "counter")
    }

    /// Begins a family of numbers that go up and down.
    pub(crate) fn gauge(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, help, "gauge")
    }

    /// Begins a family of histograms.
    pub(crate) fn histogram(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, help, "histogram")
    }

    /// All of it.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    fn family(&mut self, name: &'static str, help: &str, kind: &str) -> Family<'_> {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        // Writing to a text cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Family {
            text: &mut self.text,
            name,
        }
    }
}

impl Family<'_> {
    /// Writes one number.
    pub(crate) fn sample(&mut self, labels: &[Label<'_>], value: impl Display) -> &mut Self {
        self.line("", labels, value);
        self
    }

    /// Writes one histogram: cumulative buckets, sum and count. Durations are shown in seconds.
    pub(crate) fn distribution(&mut self, labels: &[Label<'_>], reading: &HistogramReading) {
        let mut below = 0;
        for (count, bound) in reading.counts.iter().zip(reading.bounds) {
            below += count;
            let bound = shown(*bound, reading.unit);
            self.line("_bucket", &[labels, &[("le", &bound)]].concat(), below);
        }
        let all = reading.count();
        self.line("_bucket", &[labels, &[("le", "+Inf")]].concat(), all);
        self.line("_sum", labels, shown(reading.sum, reading.unit));
        self.line("_count", labels, all);
    }

    fn line(&mut self, suffix: &str, labels: &[Label<'_>], value: impl Display) {
        let _ = write!(self.text, "{}{suffix}", self.name);
        for (position, (name, text)) in labels.iter().enumerate() {
            let before = if position == 0 { '{' } else { ',' };
            let _ = write!(self.text, "{before}{name}=\"{}\"", escaped(text));
        }
        let end = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{end} {value}");
    }
}

fn shown(value: u64, unit: Unit) -> String {
    match unit {
        Unit::Length => value.to_string(),
        Unit::Duration => (value as f64 / 1e9).to_string(),
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::Exposition;
    use keyward_model::Histogram;
    use std::time::Duration;

    #[test]
    fn the_text_is_as_the_format_asks() {
        let mut exposition = Exposition::default();
        exposition
            .counter("a_total", "Has a \\ and\na line break.")
            .sample(&[], 3)
            .sample(&[("x", "say \"hi\"\\\n"), ("y", "")], 4);
        let histogram = Histogram::of_durations();
        histogram.observe(Duration::from_micros(60));
        histogram.observe(Duration::from_secs(60));
        exposition
            .histogram("b_seconds", "B.")
            .distribution(&[("z", "1")], &histogram.read());
        let text = exposition.into_text();
        for line in [
            "# HELP a_total Has a \\\\ and\\na line break.\n# TYPE a_total counter\na_total 3\n",
            "a_total{x=\"say \\\"hi\\\"\\\\\\n\",y=\"\"} 4\n",
            "# TYPE b_seconds histogram\nb_seconds_bucket{z=\"1\",le=\"0.00005\"} 0\n",
            "b_seconds_bucket{z=\"1\",le=\"0.0001\"} 1\n",
            "b_seconds_bucket{z=\"1\",le=\"10\"} 1\nb_seconds_bucket{z=\"1\",le=\"+Inf\"} 2\n",
            "b_seconds_sum{z=\"1\"} 60.00006\nb_seconds_count{z=\"1\"} 2\n",
        ] {
            assert!(text.contains(line), "{line:?} is not in {text}");
        }
    }
}
