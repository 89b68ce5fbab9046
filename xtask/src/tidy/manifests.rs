//! Points into a package's manifest.

use std::fs;

use crate::metadata::{Metadata, Package};

/// The manifest's path, with the line that names `dependency` if one does.
pub(super) fn place(metadata: &Metadata, package: &Package, dependency: &str) -> String {
    let path = package
        .manifest
        .strip_prefix(&metadata.root)
        .unwrap_or(&package.manifest);
    let text = fs::read_to_string(&package.manifest).unwrap_or_default();
    match find_line(&text, dependency) {
        Some(line) => format!("{}:{line}", path.display()),
        None => path.display().to_string(),
    }
}

fn find_line(manifest: &str, dependency: &str) -> Option<usize> {
    let names_it = |line: &str| {
        line.trim_start()
            .strip_prefix(dependency)
            .is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    };
    manifest.lines().position(names_it).map(|index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::find_line;

    #[test]
    fn a_longer_name_is_not_taken_for_the_dependency() {
        let manifest = "[dependencies]\naxum-extra = \"1\"\naxum.workspace = true\n";
        assert_eq!(find_line(manifest, "axum"), Some(3));
        assert_eq!(find_line(manifest, "tokio"), None);
    }
}
