//! `cargo xtask asvs`: which requirements of OWASP ASVS 5.0 have a passing test.

mod csv;
mod requirements;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::failure::{Context, Failure};
use crate::metadata::Metadata;
use crate::test_results::TestResults;
use requirements::{Requirement, ids_in_test_name};

const HELP: &str = "\
Print how many of the requirements of OWASP ASVS 5.0 have a passing test, per level, and which tests they are.

A test proves V6.2.4 when its name contains `asvs_v6_2_4`. Run `cargo xtask test` first: the last run counts.

Usage: cargo xtask asvs [--csv PATH]

Options:
  --csv PATH   The requirements [default: ../shared/asvs-5.0-applicable.csv, seen from the workspace's root]";

const CSV_DEFAULT: &str = "../shared/asvs-5.0-applicable.csv";
const LEVELS: [&str; 3] = ["L1", "L2", "L3"];

/// Requirement id to the tests that prove it, each as `suite: name`.
type Proofs = BTreeMap<String, Vec<String>>;

pub(crate) fn run(arguments: &[String]) -> Result<bool, Failure> {
    let csv_option = match arguments {
        [] => None,
        [option] if option == "--help" || option == "-h" => {
            println!("{HELP}");
            return Ok(true);
        }
        [option, path] if option == "--csv" => Some(PathBuf::from(path)),
        _ => return Err(Failure::new(format!("wrong arguments\n\n{HELP}"))),
    };
    let metadata = Metadata::read_members()?;
    let csv_path = csv_option.unwrap_or_else(|| metadata.root.join(CSV_DEFAULT));
    let csv_text = fs::read_to_string(&csv_path).context(format!(
        "reading the requirements from {} (give another file with --csv)",
        csv_path.display()
    ))?;
    let requirements = requirements::parse(&csv_text)?;
    let Some(results) = TestResults::find(&metadata.output_folder())? else {
        return Err(Failure::new(
            "there are no test results yet: run `cargo xtask test` first",
        ));
    };
    print_report(&requirements, &results);
    Ok(true)
}

fn print_report(requirements: &[Requirement], results: &TestResults) {
    if let Some(filter) = &results.filter {
        println!("note: the last run was narrowed to the tests named like `{filter}`");
    }
    let proofs = find_proofs(results);
    for level in LEVELS {
        print_count(level, requirements, &proofs, |found| found == level);
    }
    print_count("total", requirements, &proofs, |_| true);
    let (known, unknown): (Vec<_>, Vec<_>) = proofs
        .iter()
        .partition(|(id, _)| requirements.iter().any(|row| &row.id == *id));
    for (id, tests) in known {
        println!("{id}");
        tests.iter().for_each(|test| println!("    {test}"));
    }
    for (id, tests) in unknown {
        println!(
            "{id} is no row of the list, but named by: {}",
            tests.join(", ")
        );
    }
}

fn print_count(
    label: &str,
    requirements: &[Requirement],
    proofs: &Proofs,
    is_level: impl Fn(&str) -> bool,
) {
    let rows: Vec<_> = requirements
        .iter()
        .filter(|row| is_level(&row.level))
        .collect();
    let proven = rows
        .iter()
        .filter(|row| proofs.contains_key(&row.id))
        .count();
    println!(
        "{label:<5}  {proven} of {} rows have a passing test",
        rows.len()
    );
}

fn find_proofs(results: &TestResults) -> Proofs {
    let mut proofs = Proofs::new();
    for test in &results.passed {
        for id in ids_in_test_name(&test.name) {
            let tests = proofs.entry(id).or_default();
            tests.push(format!("{}: {}", test.suite, test.name));
        }
    }
    proofs
}
