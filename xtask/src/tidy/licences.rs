//! Every package that Keyward is built from must be usable under a permissive licence.

use crate::metadata::Package;

use super::finding::Finding;
use super::licence_expression::is_satisfiable;

pub(crate) const PERMISSIVE: [&str; 16] = [
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "CC0-1.0",
    "0BSD",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
    "Unlicense",
    "OpenSSL",
    "NCSA",
];

pub(crate) fn check(packages: &[&Package]) -> Vec<Finding> {
    let findings = packages.iter().map(|package| check_package(package));
    findings.flatten().collect()
}

fn check_package(package: &Package) -> Option<Finding> {
    let place = format!("{} {}", package.name, package.version);
    let Some(expression) = &package.licence else {
        return Some(Finding::error(place, "names no licence expression"));
    };
    match is_satisfiable(expression, &|licence| PERMISSIVE.contains(&licence)) {
        Ok(true) => None,
        Ok(false) => Some(Finding::error(
            place,
            format!("`{expression}` needs a licence that is not permissive"),
        )),
        Err(reason) => Some(Finding::error(
            place,
            format!("`{expression}` is not understood: {reason}"),
        )),
    }
}
