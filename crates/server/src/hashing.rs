//! How many passwords are hashed at once: as many as there are cores, unless memory is short.

use crate::config::{Config, ConfigError};
use keyward_service::HashLimits;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Hashing may take one part in so many of the memory that is free.
const SHARE_OF_MEMORY: u64 = 4;

/// The limits that the settings say, or that the machine gives.
pub(crate) fn hash_limits(config: &Config) -> Result<HashLimits, ConfigError> {
    let threads = match config.passwords.threads {
        0 => fitting(cores(), free_memory(), memory_of_one(config)?),
        threads => threads,
    };
    Ok(HashLimits {
        threads,
        wait_max: Duration::from_secs(config.passwords.queue_seconds_max),
    })
}

/// How much memory one hash takes, in bytes.
pub(crate) fn memory_of_one(config: &Config) -> Result<u64, ConfigError> {
    Ok(config.hash_cost()?.memory_bytes() as u64)
}

/// How much memory is free, to this machine and to the control group that we are in, in bytes; none, if nobody says.
pub(crate) fn free_memory() -> Option<u64> {
    let of_machine = fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| available_in(&text));
    let of_group = free_in_group(Path::new("/sys/fs/cgroup"));
    of_machine.into_iter().chain(of_group).min()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn fitting(cores: usize, free: Option<u64>, memory_of_one: u64) -> usize {
    let in_memory = free.map_or(cores, |free| {
        usize::try_from(free / SHARE_OF_MEMORY / memory_of_one.max(1)).unwrap_or(cores)
    });
    cores.min(in_memory).max(1)
}

/// `MemAvailable` of `/proc/meminfo`, which is in KiB.
fn available_in(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1_024)
}

/// What a container or unit has left of its own limit (cgroup v2, where the group is the root that we see).
fn free_in_group(folder: &Path) -> Option<u64> {
    let number = |name: &str| -> Option<u64> {
        fs::read_to_string(folder.join(name))
            .ok()?
            .trim()
            .parse()
            .ok()
    };
    Some(number("memory.max")?.saturating_sub(number("memory.current")?))
}

#[cfg(test)]
mod tests {
    use super::{available_in, fitting, free_in_group};

    const BLOCK: u64 = 19_456 * 1_024;

    #[test]
    fn threads_are_as_many_as_cores_unless_memory_is_short() {
        assert_eq!(fitting(8, None, BLOCK), 8);
        assert_eq!(fitting(8, Some(64 << 30), BLOCK), 8);
        assert_eq!(fitting(8, Some(256 << 20), BLOCK), 3);
        assert_eq!(fitting(8, Some(1 << 20), BLOCK), 1);
        assert_eq!(fitting(8, Some(0), BLOCK), 1);
    }

    #[test]
    fn free_memory_is_read_from_where_the_kernel_says_it() {
        let meminfo = "MemTotal:       24105 kB\nMemAvailable:    2048 kB\nBuffers: 1 kB\n";
        assert_eq!(available_in(meminfo), Some(2_048 * 1_024));
        assert_eq!(available_in("MemTotal: 5 kB\n"), None);
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(free_in_group(folder.path()), None);
        std::fs::write(folder.path().join("memory.max"), "max\n").unwrap();
        std::fs::write(folder.path().join("memory.current"), "300\n").unwrap();
        assert_eq!(free_in_group(folder.path()), None);
        std::fs::write(folder.path().join("memory.max"), "1000\n").unwrap();
        assert_eq!(free_in_group(folder.path()), Some(700));
    }
}
