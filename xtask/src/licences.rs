//! `cargo xtask licences`: the whole dependency tree by what its manifests say, and by what its source files say.
//!
//! A manifest can promise more than its files allow: there is a crate with `MIT` in its manifest and AGPL headers in most of
//! its files. So the beginning of every source file is read, too.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::failure::{Context, Failure};
use crate::metadata::{Metadata, Package};
use crate::tidy::finding::Finding;
use crate::tidy::licence_expression::is_satisfiable;
use crate::tidy::licences::{self, PERMISSIVE};

const HELP: &str = "\
Check the licences of everything that is built or tested here, on all platforms and in the side workspaces too: what manifests
say, and what the headers of source files say.

Usage: cargo xtask licences";

/// What stands at the top of a file, licence texts of a few paragraphs included.
const HEADER_BYTES: u64 = 4096;

const SOURCES: [&str; 16] = [
    "rs", "c", "h", "cc", "cpp", "hpp", "s", "S", "asm", "inc", "pl", "py", "js", "mjs", "ts",
    "proto",
];

/// Words of licences that ask for the sources of what uses them.
const COPYLEFT: [&str; 6] = [
    "Affero General Public",
    "GNU General Public",
    "GNU Lesser General Public",
    "GNU Library General Public",
    "AGPL-3.0",
    "Mozilla Public License",
];

/// Files whose header names such a licence and that may be used all the same: package, what the path begins with, why.
const EXCEPTIONS: [(&str, &str, &str); 1] = [(
    "aws-lc-sys",
    "aws-lc/third_party/jitterentropy/",
    "three clauses of BSD or, alternatively, GPL: the header leaves the choice to us",
)];

/// What one package's files said.
#[derive(Default)]
struct Headers {
    files: usize,
    with_identifier: usize,
    findings: Vec<Finding>,
}

pub(crate) fn run(arguments: &[String]) -> Result<bool, Failure> {
    match arguments {
        [] => {}
        [option] if option == "--help" || option == "-h" => {
            println!("{HELP}");
            return Ok(true);
        }
        _ => {
            return Err(Failure::new(format!(
                "licences takes no arguments\n\n{HELP}"
            )));
        }
    }
    let metadata = Metadata::read_all()?;
    let beside = metadata.read_side_packages()?;
    let packages: Vec<&Package> = metadata.packages.iter().chain(&beside).collect();
    let headers = read_all_headers(&packages)?;
    let mut findings = licences::check(&packages);
    findings.extend(headers.findings);
    findings.iter().for_each(|finding| println!("{finding}"));
    println!(
        "{} packages by their manifests, {} source files by their headers ({} with an SPDX identifier): {} findings",
        packages.len(),
        headers.files,
        headers.with_identifier,
        findings.len()
    );
    Ok(findings.is_empty())
}

/// What the headers of these packages say that they should not: a check of `cargo xtask tidy`.
pub(crate) fn check_headers(packages: &[&Package]) -> Result<Vec<Finding>, Failure> {
    Ok(read_all_headers(packages)?.findings)
}

fn read_all_headers(packages: &[&Package]) -> Result<Headers, Failure> {
    let mut total = Headers::default();
    for package in packages {
        let headers = read_headers(package)?;
        total.files += headers.files;
        total.with_identifier += headers.with_identifier;
        total.findings.extend(headers.findings);
    }
    Ok(total)
}

fn read_headers(package: &Package) -> Result<Headers, Failure> {
    let folder = package.manifest.parent().unwrap_or(Path::new("."));
    let mut headers = Headers::default();
    for path in source_files(folder)? {
        let header = read_header(&path)?;
        headers.files += 1;
        headers.with_identifier += usize::from(identifier(&header).is_some());
        let inside = path.strip_prefix(folder).unwrap_or(&path);
        let inside = inside.to_string_lossy();
        if is_excepted(package, &inside) {
            continue;
        }
        if let Some(problem) = problem_of(&header) {
            let place = format!("{} {}: {inside}", package.name, package.version);
            headers.findings.push(Finding::error(place, problem));
        }
    }
    Ok(headers)
}

fn is_excepted(package: &Package, path: &str) -> bool {
    EXCEPTIONS
        .iter()
        .any(|(name, prefix, _)| package.name == *name && path.starts_with(prefix))
}

/// What is wrong with a file's header, if anything. An identifier is the file's own word and settles it; without one, the name
/// of a copyleft licence is asked about.
fn problem_of(header: &str) -> Option<String> {
    if let Some(expression) = identifier(header) {
        return match is_satisfiable(expression, &|licence| PERMISSIVE.contains(&licence)) {
            Ok(true) => None,
            Ok(false) => Some(format!("its header says `{expression}`")),
            Err(reason) => Some(format!(
                "its header's `{expression}` is not understood: {reason}"
            )),
        };
    }
    let comment = comment_of(header);
    let word = COPYLEFT.iter().find(|word| comment.contains(*word))?;
    Some(format!("its header names the {word} licence"))
}

/// The expression behind `SPDX-License-Identifier:`, without what closes the comment.
fn identifier(header: &str) -> Option<&str> {
    // Put together, so that this file does not find itself.
    let marker = concat!("SPDX-License", "-Identifier:");
    let (_, rest) = header.split_once(marker)?;
    let line = rest.lines().next().unwrap_or_default().trim();
    let end = line.find("*/").or_else(|| line.find("-->"));
    Some(end.map_or(line, |end| &line[..end]).trim())
}

/// The lines before the code begins, as one text in which a licence's name is not broken by the end of a line.
fn comment_of(header: &str) -> String {
    let is_comment = |line: &&str| {
        let line = line.trim_start();
        let openings = ["//", "/*", "*", "#", ";", "\"\"\"", "@"];
        line.is_empty() || openings.iter().any(|opening| line.starts_with(opening))
    };
    let in_block = header.trim_start().starts_with("/*");
    let lines: Vec<&str> = match header.split_once("*/") {
        Some((block, _)) if in_block => block.lines().collect(),
        _ => header.lines().take_while(is_comment).collect(),
    };
    let words = lines.iter().flat_map(|line| line.split_whitespace());
    let words: Vec<&str> = words
        .filter(|word| !["//", "*", "#", "///", "//!", "/*"].contains(word))
        .collect();
    words.join(" ")
}

fn source_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let doing = format!("reading {}", folder.display());
        for entry in fs::read_dir(&folder).context(&doing)? {
            let entry = entry.context(&doing)?;
            let (path, kind) = (entry.path(), entry.file_type().context(&doing)?);
            let name = entry.file_name();
            if kind.is_dir()
                && !["target", "node_modules", ".git"]
                    .iter()
                    .any(|skip| name == *skip)
            {
                folders.push(path);
            } else if kind.is_file() && is_source(&path) {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn is_source(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| SOURCES.contains(&extension))
}

/// The beginning of a file, of any encoding.
fn read_header(path: &Path) -> Result<String, Failure> {
    let doing = || format!("reading {}", path.display());
    let mut bytes = Vec::new();
    let file = File::open(path).context(doing())?;
    file.take(HEADER_BYTES)
        .read_to_end(&mut bytes)
        .context(doing())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::{comment_of, identifier, problem_of};

    fn with_identifier(expression: &str) -> String {
        format!(
            "// SPDX-License{}Identifier: {expression}\nfn main() {{}}\n",
            '-'
        )
    }

    #[test]
    fn an_identifier_settles_it() {
        for good in ["MIT", "Apache-2.0 OR GPL-2.0-only", "ISC AND MIT"] {
            assert_eq!(problem_of(&with_identifier(good)), None, "{good}");
        }
        for bad in [
            "AGPL-3.0-only",
            "GPL-2.0-only",
            "MIT AND LGPL-2.1",
            "who knows what",
        ] {
            assert!(problem_of(&with_identifier(bad)).is_some(), "{bad}");
        }
        let block = format!("/* SPDX-License{}Identifier: MIT */", '-');
        assert_eq!(identifier(&block), Some("MIT"));
        let both = with_identifier("MIT") + "// GNU General Public License";
        assert_eq!(problem_of(&both), None);
    }

    #[test]
    fn a_copyleft_header_is_found_over_the_ends_of_lines() {
        let line = "// under the terms of the GNU Affero\n// General Public License\n";
        assert!(problem_of(line).is_some());
        let block = "/*\n * This is under the GNU General\n * Public License.\n */\nint a;";
        assert!(problem_of(block).is_some());
        let bare = "/* under the GNU Lesser\nGeneral Public License\n*/\nint a;";
        assert!(problem_of(bare).is_some());
    }

    #[test]
    fn code_that_speaks_of_a_licence_is_no_header() {
        let code = "//! Reads licences.\nconst A: &str = \"GNU General Public License\";\n";
        assert_eq!(problem_of(code), None);
        assert_eq!(comment_of(code), "Reads licences.");
    }
}
