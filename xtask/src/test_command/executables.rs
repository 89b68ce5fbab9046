//! Builds every test and says which executables came out of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::cargo::cargo;
use crate::failure::{Context, Failure};
use crate::metadata::{Metadata, Package};

use super::suite::Suite;

/// What cargo says of one executable of tests.
#[derive(Debug, PartialEq, Eq)]
struct TestExecutable {
    manifest: PathBuf,
    /// `lib`, `bin server`, `test it`.
    target: String,
    path: PathBuf,
}

/// All suites in a stable order, the documentation's tests last.
pub(super) fn build_suites(
    metadata: &Metadata,
    filter: Option<&str>,
) -> Result<Vec<Suite>, Failure> {
    println!("building the tests");
    let output = cargo()
        .args(["test", "--workspace", "--no-run"])
        .arg("--message-format=json-render-diagnostics")
        .stderr(Stdio::inherit())
        .output()
        .context("calling cargo test --no-run")?;
    if !output.status.success() {
        return Err(Failure::new("the tests do not compile"));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let mut suites: Vec<Suite> = messages
        .lines()
        .filter_map(parse_message)
        .map(|executable| executable_suite(&executable, metadata, filter))
        .collect();
    suites.sort_by(|left, right| left.name.cmp(&right.name));
    suites.push(documentation_suite(filter));
    Ok(suites)
}

fn parse_message(line: &str) -> Option<TestExecutable> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message["reason"] != "compiler-artifact" || message["profile"]["test"] != true {
        return None;
    }
    let target = &message["target"];
    let name = target["name"].as_str()?;
    let target = match target["kind"][0].as_str()? {
        kind @ ("bin" | "test" | "bench" | "example") => format!("{kind} {name}"),
        _ => "lib".to_owned(),
    };
    Some(TestExecutable {
        manifest: message["manifest_path"].as_str()?.into(),
        target,
        path: message["executable"].as_str()?.into(),
    })
}

fn executable_suite(
    executable: &TestExecutable,
    metadata: &Metadata,
    filter: Option<&str>,
) -> Suite {
    let package = metadata
        .packages
        .iter()
        .find(|package| package.manifest == executable.manifest);
    let package_name = package.map_or("?", |package| package.name.as_str());
    let mut command = Command::new(&executable.path);
    command.args(filter);
    Suite {
        name: format!("{package_name} {}", executable.target),
        command,
        folder: executable.manifest.parent().map(Path::to_path_buf),
        package_variables: package.map(package_variables).unwrap_or_default(),
    }
}

/// Those of the variables that cargo sets for a test's run which tests do read at run time.
fn package_variables(package: &Package) -> Vec<(&'static str, String)> {
    let folder = package.manifest.parent().unwrap_or(Path::new("."));
    vec![
        ("CARGO_MANIFEST_DIR", folder.display().to_string()),
        (
            "CARGO_MANIFEST_PATH",
            package.manifest.display().to_string(),
        ),
        ("CARGO_PKG_NAME", package.name.clone()),
        ("CARGO_PKG_VERSION", package.version.clone()),
    ]
}

fn documentation_suite(filter: Option<&str>) -> Suite {
    let mut command = cargo();
    command.args(["test", "--workspace", "--doc"]);
    if let Some(filter) = filter {
        command.args(["--", filter]);
    }
    Suite {
        name: "documentation".into(),
        command,
        folder: None,
        package_variables: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::parse_message;

    #[test]
    fn only_executables_of_tests_are_taken() {
        let message = r#"{"reason":"compiler-artifact","manifest_path":"/w/crates/api/Cargo.toml",
            "target":{"kind":["test"],"name":"it"},"profile":{"test":true},"executable":"/t/it-1"}"#;
        let found = parse_message(message).expect("an executable");
        assert_eq!(found.target, "test it");
        assert_eq!(found.path, Path::new("/t/it-1"));
        assert_eq!(parse_message(&message.replace("true", "false")), None);
        assert_eq!(parse_message(&message.replace("\"/t/it-1\"", "null")), None);
        assert_eq!(parse_message("not JSON"), None);
    }
}
