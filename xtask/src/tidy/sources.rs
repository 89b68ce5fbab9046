//! All Rust files of the workspace, read and parsed once for all checks.

use std::fs;
use std::path::{Path, PathBuf};

use syn::Item;

use crate::failure::{Context, Failure};

use super::attributes::is_test_only;
use super::finding::Finding;

const ROOTS: [&str; 2] = ["crates", "xtask"];

/// The files, and what could not be parsed.
pub(super) struct Sources {
    pub(super) files: Vec<SourceFile>,
    pub(super) unreadable: Vec<Finding>,
}

/// One parsed file.
pub(super) struct SourceFile {
    /// From the workspace's root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    pub(super) syntax: syn::File,
    /// Under a `tests` folder, or the file of a module that is only compiled for tests.
    pub(super) is_test: bool,
}

impl Sources {
    pub(super) fn read(workspace: &Path) -> Result<Self, Failure> {
        let mut paths = Vec::new();
        for root in ROOTS {
            collect_rust_files(&workspace.join(root), &mut paths)?;
        }
        paths.sort();
        let mut sources = Self {
            files: Vec::new(),
            unreadable: Vec::new(),
        };
        for path in paths {
            let text = fs::read_to_string(&path).context(format!("reading {}", path.display()))?;
            let relative = path.strip_prefix(workspace).unwrap_or(&path);
            match SourceFile::parse(&relative.to_string_lossy(), text) {
                Ok(file) => sources.files.push(file),
                Err(finding) => sources.unreadable.push(finding),
            }
        }
        mark_test_modules(&mut sources.files);
        Ok(sources)
    }
}

impl SourceFile {
    pub(super) fn parse(path: &str, text: String) -> Result<Self, Finding> {
        let syntax = syn::parse_file(&text).map_err(|error| {
            let line = error.span().start().line;
            Finding::error(format!("{path}:{line}"), error.to_string())
        })?;
        let is_test = path.split('/').any(|part| part == "tests");
        Ok(Self {
            path: path.to_owned(),
            text,
            syntax,
            is_test,
        })
    }

    pub(super) fn place(&self, line: usize) -> String {
        format!("{}:{line}", self.path)
    }
}

fn collect_rust_files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let doing = format!("listing {}", folder.display());
    for entry in fs::read_dir(folder).context(&doing)? {
        let path = entry.context(&doing)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            collect_rust_files(&path, found)?;
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    Ok(())
}

/// A `#[cfg(test)] mod tests;` makes tests of another file, and of all below it.
fn mark_test_modules(files: &mut [SourceFile]) {
    let stems: Vec<String> = files.iter().flat_map(test_module_stems).collect();
    for file in files {
        let belongs = |stem: &String| {
            let rest = file.path.strip_prefix(stem.as_str());
            rest.is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        };
        file.is_test |= stems.iter().any(belongs);
    }
}

/// The paths, less `.rs`, of the modules that a file declares for tests only.
fn test_module_stems(file: &SourceFile) -> Vec<String> {
    let stem = file.path.strip_suffix(".rs").unwrap_or(&file.path);
    let folder = match stem.rsplit_once('/') {
        Some((folder, "main" | "lib" | "mod")) => folder,
        _ => stem,
    };
    let modules = file.syntax.items.iter().filter_map(|item| match item {
        Item::Mod(module) if module.content.is_none() && is_test_only(&module.attrs) => {
            Some(module)
        }
        _ => None,
    });
    modules
        .map(|module| format!("{folder}/{}", module.ident))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{SourceFile, mark_test_modules};

    #[test]
    fn files_of_test_modules_are_tests() {
        let parse =
            |(path, text): (&str, &str)| SourceFile::parse(path, text.into()).expect("Rust");
        let mut files: Vec<SourceFile> = [
            (
                "crates/a/src/lib.rs",
                "mod users; #[cfg(test)] mod fixtures;",
            ),
            ("crates/a/src/fixtures.rs", ""),
            ("crates/a/src/users.rs", "#[cfg(test)] mod checks;"),
            ("crates/a/src/users/checks.rs", ""),
            ("crates/a/src/users/checks/deep.rs", ""),
            ("crates/a/src/users/checks_of_input.rs", ""),
            ("crates/a/tests/it/main.rs", ""),
        ]
        .map(parse)
        .into();
        mark_test_modules(&mut files);
        let found: Vec<bool> = files.iter().map(|file| file.is_test).collect();
        assert_eq!(found, [false, true, false, true, true, false, true]);
    }
}
