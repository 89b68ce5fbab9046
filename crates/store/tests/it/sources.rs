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
        "list_hosts",
        "find_tenant_key",
    ] {
        assert!(methods.contains(known), "{known} in {methods:?}");
    }
    assert!(public_methods("SystemTx<'_>").contains("list_tenants"));
    assert!(!methods.contains("run"), "not public");
}
