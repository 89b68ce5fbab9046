//! Both engines have the same migrations, numbered without gaps.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::failure::{Context, Failure};

use super::finding::Finding;

const FOLDER: &str = "crates/store/migrations";
const ENGINES: [&str; 2] = ["sqlite", "postgres"];

pub(super) fn check(workspace: &Path) -> Result<Vec<Finding>, Failure> {
    let [sqlite, postgres] = ENGINES.map(|engine| list_names(&workspace.join(FOLDER).join(engine)));
    Ok(compare(&sqlite?, &postgres?))
}

/// A folder that does not exist holds nothing.
fn list_names(folder: &Path) -> Result<BTreeSet<String>, Failure> {
    if !folder.exists() {
        return Ok(BTreeSet::new());
    }
    let doing = format!("listing {}", folder.display());
    let name = |entry: std::io::Result<fs::DirEntry>| {
        let name = entry.map(|entry| entry.file_name().to_string_lossy().into_owned());
        name.context(&doing)
    };
    fs::read_dir(folder).context(&doing)?.map(name).collect()
}

fn compare(sqlite: &BTreeSet<String>, postgres: &BTreeSet<String>) -> Vec<Finding> {
    let [sqlite_place, postgres_place] = ENGINES.map(|engine| format!("{FOLDER}/{engine}"));
    let missing = |place: &str, name: &String| {
        Finding::error(
            format!("{place}/{name}"),
            "is missing; the other engine has it",
        )
    };
    let missing_in_postgres = sqlite
        .difference(postgres)
        .map(|name| missing(&postgres_place, name));
    let missing_in_sqlite = postgres
        .difference(sqlite)
        .map(|name| missing(&sqlite_place, name));
    missing_in_postgres
        .chain(missing_in_sqlite)
        .chain(check_numbers(&sqlite_place, sqlite))
        .chain(check_numbers(&postgres_place, postgres))
        .collect()
}

fn check_numbers(place: &str, names: &BTreeSet<String>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut expected = 1;
    for name in names {
        let path = format!("{place}/{name}");
        match parse_number(name) {
            None => findings.push(Finding::error(path, "is not named NNNN_name.sql")),
            Some(number) => {
                if number != expected {
                    findings.push(Finding::error(
                        path,
                        format!("the next number is {expected:04}"),
                    ));
                }
                expected = number + 1;
            }
        }
    }
    findings
}

fn parse_number(name: &str) -> Option<u32> {
    let (number, title) = name.strip_suffix(".sql")?.split_once('_')?;
    let is_word = |character: char| {
        character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_'
    };
    let well_formed = number.len() == 4 && !title.is_empty() && title.chars().all(is_word);
    well_formed.then(|| number.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::{BTreeSet, compare};

    fn names(list: &[&str]) -> BTreeSet<String> {
        list.iter().map(ToString::to_string).collect()
    }

    fn findings(sqlite: &[&str], postgres: &[&str]) -> Vec<String> {
        let findings = compare(&names(sqlite), &names(postgres));
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn equal_and_gapless_is_fine() {
        let both = ["0001_tenants.sql", "0002_users.sql"];
        assert!(findings(&both, &both).is_empty());
        assert!(findings(&[], &[]).is_empty());
    }

    #[test]
    fn a_migration_for_one_engine_only_is_found() {
        let found = findings(&["0001_a.sql"], &["0001_b.sql"]);
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("crates/store/migrations/postgres/0001_a.sql: is missing"));
    }

    #[test]
    fn gaps_doubles_and_odd_names_are_found() {
        let both = [
            "0001_a.sql",
            "0003_b.sql",
            "0003_c.sql",
            "4_d.sql",
            "README.md",
        ];
        let found = findings(&both, &both);
        assert_eq!(found.len(), 8, "{found:?}");
        assert!(found[0].contains("the next number is 0002"));
    }
}
