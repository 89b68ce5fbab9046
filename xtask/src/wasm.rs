//! `cargo xtask wasm`: the end-to-end encryption library for browsers and node, and its node test.

mod toolchain;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cargo::{cargo, workspace_root};
use crate::failure::{Context, Failure};
use toolchain::Toolchain;

const HELP: &str = "\
Build crates/e2ee/wasm for wasm32-unknown-unknown with its JavaScript and types (target/wasm/nodejs, target/wasm/web), and run
its test in node.

The compiler's target comes from rustup where it is installed. Else Debian's rustc-web and its source are unpacked into
target/wasm/toolchain (140 MB to fetch, 0.9 GB on the disk, no root needed) and the standard library is built from them. Where
neither is to be had, or node is missing, the run is reported as skipped.

Usage: cargo xtask wasm [--require]

Options:
  --require   Fail instead of skipping";

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

pub(crate) fn run(arguments: &[String]) -> Result<bool, Failure> {
    let is_required = match arguments {
        [] => false,
        [only] if only == "--require" => true,
        _ => {
            println!("{HELP}");
            return Ok(arguments.iter().any(|argument| argument == "--help"));
        }
    };
    let folder = workspace_root().join("target/wasm");
    fs::create_dir_all(&folder).context(format!("making {}", folder.display()))?;
    match find_tools(&folder) {
        Ok(toolchain) => build_and_test(&toolchain, &folder),
        Err(reason) if is_required => Err(Failure::new(reason)),
        Err(reason) => {
            println!("skipped: {reason}");
            Ok(true)
        }
    }
}

fn find_tools(folder: &Path) -> Result<Toolchain, String> {
    step(Command::new("node").arg("--version"))?;
    Toolchain::find_or_unpack(folder)
}

fn build_and_test(toolchain: &Toolchain, folder: &Path) -> Result<bool, Failure> {
    let build = folder.join("build");
    let mut library = cargo_in(&build);
    library.args(["--package", "keyward-e2ee-wasm"]);
    toolchain.apply(&mut library);
    let mut tool = cargo_in(&build);
    tool.args(["--package", "keyward-e2ee-bindgen"]);
    for command in [&mut library, &mut tool] {
        let status = command.status().context("building for WebAssembly")?;
        if !status.success() {
            return Ok(false);
        }
    }
    let module = build.join(TARGET).join("release/keyward_e2ee_wasm.wasm");
    let bound = Command::new(build.join("release/keyward-e2ee-bindgen"))
        .arg(module)
        .arg(folder)
        .status()
        .context("writing the JavaScript")?;
    Ok(bound.success() && test(folder)?)
}

fn test(folder: &Path) -> Result<bool, Failure> {
    let module = folder.join("nodejs");
    let size = fs::metadata(module.join("keyward_e2ee_bg.wasm")).context("reading the module")?;
    println!("wasm: {} KiB", size.len() / 1024);
    let status = Command::new("node")
        .arg("--test")
        .arg("--test-reporter=spec")
        .arg(package().join("test/test.mjs"))
        .env("KEYWARD_E2EE_MODULE", module)
        .status()
        .context("running node")?;
    Ok(status.success())
}

fn package() -> PathBuf {
    workspace_root().join("crates/e2ee/wasm")
}

fn cargo_in(target: &Path) -> Command {
    let mut command = cargo();
    command.current_dir(package());
    command
        .args(["build", "--release", "--target-dir"])
        .arg(target);
    command
}

/// Runs a step of the preparation; the error says in a line why it failed.
pub(crate) fn step(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("{name} does not start: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let last = words.trim().lines().last().unwrap_or_default();
    Err(format!("{name} failed: {last}"))
}
