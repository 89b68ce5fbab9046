//! The tests that passed in the last run, kept for `cargo xtask asvs`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::failure::{Context, Failure};

const FILE_NAME: &str = "test-results.json";

/// The passing tests of one run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TestResults {
    /// What the run was narrowed to; then it says nothing about the other tests.
    pub(crate) filter: Option<String>,
    pub(crate) passed: Vec<PassedTest>,
}

/// A test and the suite it belongs to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PassedTest {
    pub(crate) suite: String,
    pub(crate) name: String,
}

impl TestResults {
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Failure> {
        let path = folder.join(FILE_NAME);
        fs::write(&path, format!("{:#}\n", self.to_json()))
            .context(format!("writing {}", path.display()))
    }

    /// `None` when no run has written any.
    pub(crate) fn find(folder: &Path) -> Result<Option<Self>, Failure> {
        let path = folder.join(FILE_NAME);
        if !path.exists() {
            return Ok(None);
        }
        let doing = format!("reading {}", path.display());
        let json = fs::read_to_string(&path).context(&doing)?;
        let value: Value = serde_json::from_str(&json).context(&doing)?;
        Ok(Some(Self::from_json(&value)))
    }

    fn to_json(&self) -> Value {
        let passed: Vec<Value> = self
            .passed
            .iter()
            .map(|test| json!({ "suite": test.suite, "name": test.name }))
            .collect();
        json!({ "filter": self.filter, "passed": passed })
    }

    fn from_json(value: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let passed = value["passed"].as_array().map_or(&[][..], Vec::as_slice);
        Self {
            filter: value["filter"].as_str().map(str::to_owned),
            passed: passed
                .iter()
                .map(|test| PassedTest {
                    suite: text(&test["suite"]),
                    name: text(&test["name"]),
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PassedTest, TestResults};

    #[test]
    fn results_survive_a_round_trip() {
        let results = TestResults {
            filter: Some("asvs".into()),
            passed: vec![PassedTest {
                suite: "keyward-api test it".into(),
                name: "session::asvs_v7_2_1_opaque".into(),
            }],
        };
        assert_eq!(TestResults::from_json(&results.to_json()), results);
    }
}
