//! The checks that cargo's own tools make. They print their findings themselves.

use crate::cargo::{cargo, workspace_root};
use crate::failure::{Context, Failure};
use crate::metadata::SIDE_WORKSPACES;

use super::finding::Finding;

const CLIPPY: &str = "clippy --workspace --all-targets -- -D warnings";
const FORMATTING: &str = "fmt --all --check";

pub(super) fn check_formatting() -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    for folder in [""].iter().chain(&SIDE_WORKSPACES) {
        let hint = "`cargo fmt --all` there repairs what is shown above";
        findings.extend(run(folder, FORMATTING, hint)?);
    }
    Ok(findings)
}

pub(super) fn check_clippy() -> Result<Vec<Finding>, Failure> {
    run("", CLIPPY, "see above")
}

/// `folder` is from the workspace's root.
fn run(folder: &str, arguments: &str, hint: &str) -> Result<Vec<Finding>, Failure> {
    let place = format!("{folder}: cargo {arguments}");
    let place = place.trim_start_matches(": ");
    let status = cargo()
        .current_dir(workspace_root().join(folder))
        .args(arguments.split(' '))
        .status()
        .context(format!("calling {place}"))?;
    Ok(if status.success() {
        vec![]
    } else {
        vec![Finding::error(place, hint)]
    })
}
