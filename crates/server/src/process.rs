//! The process as the system sees it, read from `/proc` when it is asked for.

use std::fs;

/// The unit of times in `/proc/self/stat`: Linux has shown every program 100 a second since 2.6, whatever it uses itself.
const TICKS_PER_SECOND: f64 = 100.0;

/// What the process takes of the machine. What the system does not say is left out.
#[derive(Debug, Default)]
pub(crate) struct ProcessReading {
    pub(crate) cpu_seconds: Option<f64>,
    pub(crate) resident_bytes: Option<u64>,
    pub(crate) virtual_bytes: Option<u64>,
    pub(crate) threads: Option<u64>,
    pub(crate) descriptors: Option<usize>,
    pub(crate) descriptors_max: Option<u64>,
    /// Since 1970.
    pub(crate) started_at_seconds: Option<f64>,
}

/// Reads all of it.
pub(crate) fn read() -> ProcessReading {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    // The name of the program is in parentheses and may hold anything; the fields after it are numbered from 3.
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .map_or(Vec::new(), |(_, rest)| rest.split_whitespace().collect());
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    let kibibytes = |name: &str| Some(1_024 * line_of(&status, name)?.parse::<u64>().ok()?);
    ProcessReading {
        cpu_seconds: field(14)
            .zip(field(15))
            .map(|(user, system)| (user + system) / TICKS_PER_SECOND),
        resident_bytes: kibibytes("VmRSS:"),
        virtual_bytes: kibibytes("VmSize:"),
        threads: line_of(&status, "Threads:").and_then(|count| count.parse().ok()),
        descriptors: fs::read_dir("/proc/self/fd")
            .ok()
            // One of them is that of the folder itself.
            .map(|descriptors| descriptors.count().saturating_sub(1)),
        descriptors_max: descriptors_max(),
        started_at_seconds: field(22)
            .zip(booted_at())
            .map(|(ticks, booted_at)| booted_at + ticks / TICKS_PER_SECOND),
    }
}

fn descriptors_max() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn booted_at() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    line_of(&stat, "btime")?.parse().ok()
}

/// The first word behind a name at the beginning of a line.
fn line_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()
}

/// What this machine calls itself.
pub(crate) fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::ambient::SystemClock;
    use keyward_model::Clock;

    #[test]
    fn the_numbers_are_of_this_process() {
        let now = SystemClock::start().now().seconds() as f64;
        let reading = read();
        let started_at = reading.started_at_seconds.unwrap();
        assert!(
            (now - 3_600.0..=now + 2.0).contains(&started_at),
            "{started_at} {now}"
        );
        assert!(reading.cpu_seconds.unwrap() >= 0.0);
        let resident = reading.resident_bytes.unwrap();
        assert!((1_000_000..reading.virtual_bytes.unwrap()).contains(&resident));
        let before = reading.descriptors.unwrap();
        // More than other tests of this process may close meanwhile.
        let open = |_| std::fs::File::open("/proc/self/stat").unwrap();
        let files: Vec<std::fs::File> = (0..64).map(open).collect();
        assert!(read().descriptors.unwrap() > before + 16);
        drop(files);
        assert!(reading.descriptors_max.unwrap() >= before as u64);
        assert!(reading.threads.unwrap() >= 1);
    }
}
