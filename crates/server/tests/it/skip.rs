//! Tests that need a program which may not be there.

use std::fs::OpenOptions;
use std::io::Write;
use std::process::{Command, Stdio};

/// Whether all these programs are there. If not, the present test is noted as skipped, or fails where every test is asked
/// for.
pub(crate) fn has_programs(names: &[&str]) -> bool {
    let missing = names.iter().find(|name| !exists(name));
    let Some(name) = missing else {
        return true;
    };
    let test = std::thread::current()
        .name()
        .unwrap_or("unnamed")
        .to_owned();
    let line = format!("{test}: {name} is not installed");
    assert!(
        std::env::var_os("KEYWARD_TEST_REQUIRE_ALL").is_none(),
        "{line}"
    );
    println!("skipped: {line}");
    if let Some(path) = std::env::var_os("KEYWARD_TEST_SKIP_LOG") {
        let mut log = OpenOptions::new().append(true).open(path).unwrap();
        log.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
    false
}

fn exists(name: &str) -> bool {
    let mut command = Command::new(name);
    command.arg("--version").stdout(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
