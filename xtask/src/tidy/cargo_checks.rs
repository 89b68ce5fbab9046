//! The checks that cargo's own tools make. They print their findings themselves.

use crate::cargo::cargo;
use crate::failure::{Context, Failure};

use super::finding::Finding;

const CLIPPY: &str = "clippy --workspace --all-targets -- -D warnings";
const FORMATTING: &str = "fmt --all --check";

pub(super) fn check_formatting() -> Result<Vec<Finding>, Failure> {
    run(FORMATTING, "`cargo fmt --all` repairs what is shown above")
}

pub(super) fn check_clippy() -> Result<Vec<Finding>, Failure> {
    run(CLIPPY, "see above")
}

fn run(arguments: &str, hint: &str) -> Result<Vec<Finding>, Failure> {
    let place = format!("cargo {arguments}");
    let status = cargo()
        .args(arguments.split(' '))
        .status()
        .context(format!("calling {place}"))?;
    Ok(if status.success() {
        vec![]
    } else {
        vec![Finding::error(place, hint)]
    })
}
