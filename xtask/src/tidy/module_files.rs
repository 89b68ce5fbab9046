//! Modules are `name.rs` plus `name/`, and a crate has one binary of integration tests.

use crate::metadata::{Metadata, Package};

use super::finding::Finding;
use super::sources::SourceFile;

/// One binary links once, and shows the tests in one tree.
const INTEGRATION_ROOT: &str = "tests/it/main.rs";

pub(super) fn check(metadata: &Metadata, files: &[SourceFile]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = files.iter().filter_map(check_file).collect();
    findings.extend(
        metadata
            .members()
            .flat_map(|package| check_tests(metadata, package)),
    );
    findings
}

fn check_file(file: &SourceFile) -> Option<Finding> {
    let folder = file.path.strip_suffix("/mod.rs")?;
    Some(Finding::error(
        &file.path,
        format!("is called {folder}.rs here"),
    ))
}

fn check_tests(metadata: &Metadata, package: &Package) -> Vec<Finding> {
    package
        .integration_tests
        .iter()
        .filter(|path| !path.ends_with(INTEGRATION_ROOT))
        .map(|path| {
            let path = path.strip_prefix(&metadata.root).unwrap_or(path);
            let message = format!("integration tests are modules of {INTEGRATION_ROOT}");
            Finding::error(path.display().to_string(), message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Metadata, SourceFile, check};

    #[test]
    fn other_roots_and_mod_files_are_found() {
        let json = r#"{"workspace_root":"/w","workspace_members":["a"],"packages":[{"id":"a","targets":[
            {"kind":["test"],"src_path":"/w/a/tests/it/main.rs"},
            {"kind":["test"],"src_path":"/w/a/tests/users.rs"},
            {"kind":["lib"],"src_path":"/w/a/src/lib.rs"}]}]}"#;
        let metadata = Metadata::parse(json).expect("metadata");
        let file = SourceFile::parse("a/src/users/mod.rs", String::new()).expect("Rust");
        let places: Vec<String> = check(&metadata, &[file])
            .into_iter()
            .map(|finding| finding.place)
            .collect();
        assert_eq!(places, ["a/src/users/mod.rs", "a/tests/users.rs"]);
    }
}
