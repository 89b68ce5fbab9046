//! Documents that name tests name tests that exist.

use std::fs;
use std::path::Path;

use crate::failure::{Context, Failure};

use super::finding::Finding;
use super::sources::SourceFile;

/// The pages whose every word in backticks with underscores in it is a test's name.
const PAGES: [&str; 1] = ["docs/bug-classes.md"];

pub(super) fn check(workspace: &Path, files: &[SourceFile]) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    for page in PAGES {
        let text = fs::read_to_string(workspace.join(page)).context(format!("reading {page}"))?;
        findings.extend(check_page(page, &text, files));
    }
    Ok(findings)
}

fn check_page(page: &str, text: &str, files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        // What stands between backticks is every other piece.
        let names = line.split('`').skip(1).step_by(2);
        for name in names.filter(|name| is_test_name(name)) {
            let function = format!("fn {name}(");
            if !files.iter().any(|file| file.text.contains(&function)) {
                let message = format!("there is no test `{name}`");
                findings.push(Finding::error(format!("{page}:{number}"), message));
            }
        }
    }
    findings
}

fn is_test_name(word: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    word.contains('_') && word.chars().all(|letter| letter == '_' || plain(letter))
}

#[cfg(test)]
mod tests {
    use super::{SourceFile, check_page};

    #[test]
    fn a_test_that_is_gone_is_told() {
        let text = "async fn it_is_there(a: A) {}\n".to_owned();
        let file = SourceFile::parse("tests/it/a.rs", text).expect("Rust");
        let page = "| 1 | `cargo xtask` | `it_is_there`, `it_is_gone` |\n`it_is`";
        let found: Vec<String> = check_page("docs/page.md", page, &[file])
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            found,
            [
                "docs/page.md:1: there is no test `it_is_gone`",
                "docs/page.md:2: there is no test `it_is`"
            ]
        );
    }
}
