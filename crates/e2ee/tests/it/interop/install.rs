//! The official library, installed once under `target/` from its lock file.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::{env, thread};

const SKIP_LOG: &str = "KEYWARD_TEST_SKIP_LOG";
const REQUIRE_ALL: &str = "KEYWARD_TEST_REQUIRE_ALL";
const FILES: [(&str, &str); 4] = [
    ("package.json", include_str!("package.json")),
    ("package-lock.json", include_str!("package-lock.json")),
    ("official.mjs", include_str!("official.mjs")),
    ("stores.mjs", include_str!("stores.mjs")),
];

/// Where `official.mjs` runs, or why it cannot.
pub(crate) fn folder() -> Result<&'static Path, String> {
    static FOLDER: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let folder = FOLDER.get_or_init(install).as_ref();
    folder.map(PathBuf::as_path).map_err(Clone::clone)
}

/// Whether the present test can talk to the official library; if not it is noted as skipped, or fails where all are asked for.
pub(crate) fn is_possible() -> bool {
    let Err(reason) = folder() else { return true };
    let name = thread::current().name().unwrap_or("unnamed").to_owned();
    let line = format!("{name}: {reason}");
    assert!(env::var_os(REQUIRE_ALL).is_none(), "{line}");
    println!("skipped: {line}");
    if let Some(path) = env::var_os(SKIP_LOG) {
        let mut log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        log.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
    false
}

/// The folder's name holds the lock file's length and sum, so a changed pin is installed anew; it appears only when it is whole.
fn install() -> Result<PathBuf, String> {
    step(Path::new("."), "node", &["--version"])?;
    let lock = FILES[1].1;
    let sum = lock.bytes().fold(0_u32, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    });
    let parent = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = parent.join(format!("interop-{}-{sum:08x}", lock.len()));
    if !folder.join("node_modules").exists() {
        let unfinished = parent.join(format!("interop-{}", std::process::id()));
        write_files(&unfinished)?;
        let install = [
            "ci",
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ];
        let result = step(&unfinished, "npm", &install);
        if result.is_ok() {
            // Another process may have been quicker, and its folder is as good.
            fs::rename(&unfinished, &folder).ok();
        }
        fs::remove_dir_all(&unfinished).ok();
        result?;
    }
    write_files(&folder)?;
    Ok(folder)
}

fn write_files(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    FILES.iter().try_for_each(|(name, text)| {
        let path = folder.join(name);
        // Not rewritten when the same: another test may be reading it.
        if fs::read_to_string(&path).is_ok_and(|present| present == *text) {
            return Ok(());
        }
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    })
}

fn step(folder: &Path, program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program)
        .current_dir(folder)
        .args(arguments)
        .output()
        .map_err(|error| format!("{program} does not start: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let words = String::from_utf8_lossy(&output.stderr);
            let first = words.trim().lines().next().unwrap_or_default();
            Err(format!("{program} {} failed: {first}", arguments.join(" ")))
        }
    }
}
