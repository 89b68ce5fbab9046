//! `cargo xtask tidy`: the rules of the design that no compiler checks.

mod attributes;
mod cargo_checks;
mod drivers;
pub(crate) mod finding;
mod glob_imports;
mod layers;
pub(crate) mod licence_expression;
pub(crate) mod licences;
mod manifests;
mod migrations;
mod module_files;
mod named_tests;
mod sizes;
mod sources;
mod sql_text;
mod statements;

use crate::failure::Failure;
use crate::metadata::{Metadata, Package};
use finding::Finding;
use sources::Sources;

const HELP: &str = "\
Check what the compiler does not: formatting, lints, layers, drivers, licences, sizes, module files, glob imports,
migration parity, SQL statements and tests that documents name. All checks run, also when one fails. The side workspaces
(benchmark, fuzz targets and WebAssembly of the end-to-end encryption) are held to all of it but the lints.

Usage: cargo xtask tidy";

type Check<'a> = &'a dyn Fn() -> Result<Vec<Finding>, Failure>;

pub(crate) fn run(arguments: &[String]) -> Result<bool, Failure> {
    match arguments {
        [] => {}
        [option] if option == "--help" || option == "-h" => {
            println!("{HELP}");
            return Ok(true);
        }
        _ => return Err(Failure::new(format!("tidy takes no arguments\n\n{HELP}"))),
    }
    let metadata = Metadata::read_all()?;
    let beside = metadata.read_side_packages()?;
    let packages: Vec<&Package> = metadata.packages.iter().chain(&beside).collect();
    let sources = Sources::read(&metadata.root)?;
    let checks: [(&str, Check<'_>); 13] = [
        ("formatting", &cargo_checks::check_formatting),
        ("clippy", &cargo_checks::check_clippy),
        ("layers", &|| Ok(layers::check(&metadata))),
        ("drivers", &|| Ok(drivers::check(&metadata))),
        ("licences", &|| Ok(licences::check(&packages))),
        ("licence headers", &|| {
            crate::licences::check_headers(&packages)
        }),
        ("syntax", &|| Ok(sources.unreadable.clone())),
        ("sizes", &|| Ok(sizes::check(&sources.files))),
        ("module files", &|| {
            Ok(module_files::check(&metadata, &sources.files))
        }),
        ("glob imports", &|| Ok(glob_imports::check(&sources.files))),
        ("migration parity", &|| migrations::check(&metadata.root)),
        ("statements", &|| Ok(statements::check(&sources.files))),
        ("named tests", &|| {
            named_tests::check(&metadata.root, &sources.files)
        }),
    ];
    let mut all_hold = true;
    for (name, check) in checks {
        all_hold &= run_check(name, check);
    }
    Ok(all_hold)
}

fn run_check(name: &str, check: Check<'_>) -> bool {
    let findings =
        check().unwrap_or_else(|failure| vec![Finding::error(name, failure.to_string())]);
    let holds = !findings.iter().any(Finding::is_error);
    println!("{}  {name}", if holds { "ok    " } else { "FAILED" });
    findings
        .iter()
        .for_each(|finding| println!("    {finding}"));
    holds
}
