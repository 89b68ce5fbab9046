//! In whose name a command acts.

use std::os::unix::fs::MetadataExt;

/// The account that runs this process.
pub(crate) fn account_at_the_command_line() -> String {
    // The number is the system's word; the name is only what the environment claims.
    let number = std::fs::metadata("/proc/self")
        .map_or_else(|_| "?".to_owned(), |process| process.uid().to_string());
    let claimed = ["SUDO_USER", "USER", "LOGNAME"]
        .iter()
        .find_map(|name| std::env::var(name).ok());
    match claimed {
        Some(claimed) => format!("uid {number} ({claimed})"),
        None => format!("uid {number}"),
    }
}
