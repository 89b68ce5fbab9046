//! Reads the store's own source: a suite that must cover every method finds out here which ones there are.

use std::collections::BTreeSet;
use std::path::Path;

/// The names of the public methods in the blocks `impl <type> {` of `crates/store/src`.
pub(crate) fn public_methods(of: &str) -> BTreeSet<String> {
    let opening = format!("impl {of} {{");
    let mut found = BTreeSet::new();
    for text in rust_files(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"))) {
        // rustfmt closes a block at the beginning of a line, and only there.
        for block in text.split(&opening).skip(1) {
            let block = block.split("\n}").next().unwrap();
            for method in block.split("    pub async fn ").skip(1) {
                let name = method.split(['(', '<']).next().unwrap();
                found.insert(name.to_owned());
            }
        }
    }
    found
}

/// The names of an enum's variants, which stand at its first level of indentation.
pub(crate) fn variants(of: &str) -> BTreeSet<String> {
    let opening = format!("pub enum {of} {{");
    let texts = rust_files(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")));
    let text = texts.iter().find(|text| text.contains(&opening)).unwrap();
    let (_, rest) = text.split_once(&opening).unwrap();
    let block = rest.split("\n}").next().unwrap();
    block
        .lines()
        .filter_map(|line| line.strip_prefix("    "))
        .filter(|line| line.starts_with(|first: char| first.is_ascii_uppercase()))
        .filter_map(|line| line.split([',', '{', '(', ' ']).next())
        .map(str::to_owned)
        .collect()
}

/// The text of the Rust files under a folder.
pub(crate) fn rust_files(folder: &Path) -> Vec<String> {
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            texts.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            texts.push(std::fs::read_to_string(&path).unwrap());
        }
    }
    texts
}

#[test]
fn methods_are_found_in_the_source() {
    let methods = public_methods("TenantTx<'_>");
    for known in [
        "find_user",
        "end_session",
        "record",
        "list_signing_keys",
        "find_tenant_key",
    ] {
        assert!(methods.contains(known), "{known} in {methods:?}");
    }
    assert!(public_methods("SystemTx<'_>").contains("list_tenants"));
    assert!(!methods.contains("run"), "not public");
    assert_eq!(variants("LockState").len(), 3);
    assert!(variants("Housekeeping").contains("TouchSessions"));
}
