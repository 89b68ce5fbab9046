//! The requirements' rows, and how a test's name points at them.

use crate::failure::Failure;

use super::csv;

const MARK: &str = "asvs_v";

/// One row of the list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Requirement {
    /// As in `V6.2.4`.
    pub(super) id: String,
    /// `L1`, `L2` or `L3`.
    pub(super) level: String,
}

/// Reads the list; the columns `id` and `level` are found by the header.
pub(super) fn parse(text: &str) -> Result<Vec<Requirement>, Failure> {
    let records = csv::parse(text);
    let Some((header, rows)) = records.split_first() else {
        return Err(Failure::new("the list of requirements is empty"));
    };
    let column = |name: &str| {
        let position = header.iter().position(|found| found == name);
        position
            .ok_or_else(|| Failure::new(format!("the list of requirements has no column `{name}`")))
    };
    let (id, level) = (column("id")?, column("level")?);
    let rows = rows.iter().filter_map(|row| {
        Some(Requirement {
            id: row.get(id)?.clone(),
            level: row.get(level)?.clone(),
        })
    });
    Ok(rows.collect())
}

/// The ids that a test claims to prove: `asvs_v6_2_4`, ended by `_`, `:` or the name's end, is `V6.2.4`.
pub(super) fn ids_in_test_name(name: &str) -> Vec<String> {
    let mut ids: Vec<String> = name.split(MARK).skip(1).filter_map(leading_id).collect();
    ids.dedup();
    ids
}

fn leading_id(text: &str) -> Option<String> {
    let claimed = text.split("::").next()?;
    let parts: Vec<&str> = claimed.splitn(4, '_').take(3).collect();
    let is_number =
        |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (parts.len() == 3 && parts.iter().all(is_number)).then(|| format!("V{}", parts.join(".")))
}

#[cfg(test)]
mod tests {
    use super::{ids_in_test_name, parse};

    #[test]
    fn a_name_proves_the_id_it_spells_and_no_longer_one() {
        assert_eq!(
            ids_in_test_name("users::asvs_v6_2_4_common_passwords"),
            ["V6.2.4"]
        );
        assert_eq!(ids_in_test_name("asvs_v6_2_4"), ["V6.2.4"]);
        assert_eq!(ids_in_test_name("asvs_v6_2_11_x"), ["V6.2.11"]);
        assert_eq!(ids_in_test_name("asvs_v6_2_4::sqlite"), ["V6.2.4"]);
        assert_eq!(ids_in_test_name("asvs_v6_2_4_15_bytes"), ["V6.2.4"]);
    }

    #[test]
    fn a_name_may_prove_several_and_half_an_id_proves_none() {
        assert_eq!(
            ids_in_test_name("asvs_v6_2_4_asvs_v6_2_5_both"),
            ["V6.2.4", "V6.2.5"]
        );
        assert!(ids_in_test_name("asvs_v6_2_common").is_empty());
        assert!(ids_in_test_name("asvs_v6_2_4b").is_empty());
        assert!(ids_in_test_name("signs_in").is_empty());
    }

    #[test]
    fn columns_are_found_by_their_header() {
        let rows = parse("level,id\nL1,V1.1.1\n").expect("a list");
        assert_eq!(rows[0].id, "V1.1.1");
        assert_eq!(rows[0].level, "L1");
        assert!(parse("level,name\nL1,x\n").is_err());
    }
}
