//! What `cargo metadata` says about the workspace, as far as the checks ask.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;

use crate::cargo::{cargo, workspace_root};
use crate::failure::{Context, Failure};

/// Workspaces of their own below this one: instrumented, for WebAssembly, or beside what is measured. Nothing of them is in the
/// product, and the rules of text and licences hold for them all the same.
pub(crate) const SIDE_WORKSPACES: [&str; 3] =
    ["crates/e2ee/bench", "crates/e2ee/fuzz", "crates/e2ee/wasm"];

/// The workspace and the packages it is made of.
pub(crate) struct Metadata {
    pub(crate) root: PathBuf,
    pub(crate) target_folder: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// One package: a member of the workspace, or one that it is built from.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) manifest: PathBuf,
    pub(crate) licence: Option<String>,
    pub(crate) is_member: bool,
    pub(crate) dependencies: Vec<Dependency>,
    /// The root files of its integration tests.
    pub(crate) integration_tests: Vec<PathBuf>,
}

/// One line of a package's dependency tables; `name` is the package's own name, not what it is renamed to.
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) is_dev: bool,
}

impl Metadata {
    /// The workspace's own packages.
    pub(crate) fn read_members() -> Result<Self, Failure> {
        Self::read("", &["--no-deps"])
    }

    /// The workspace's packages and everything they are built from, on all platforms.
    pub(crate) fn read_all() -> Result<Self, Failure> {
        Self::read("", &[])
    }

    /// The packages of the side workspaces and everything they are built from, less what this workspace has itself.
    pub(crate) fn read_side_packages(&self) -> Result<Vec<Package>, Failure> {
        let mut found: Vec<Package> = Vec::new();
        for folder in SIDE_WORKSPACES {
            for package in Self::read(folder, &[])?.packages {
                let is_known = |known: &Package| known.manifest == package.manifest;
                if !self.packages.iter().chain(&found).any(is_known) {
                    found.push(package);
                }
            }
        }
        Ok(found)
    }

    /// `folder` is from this workspace's root.
    fn read(folder: &str, options: &[&str]) -> Result<Self, Failure> {
        let output = cargo()
            .current_dir(workspace_root().join(folder))
            .args(["metadata", "--format-version", "1", "--quiet"])
            .args(options)
            .stderr(Stdio::inherit())
            .output()
            .context("calling cargo metadata")?;
        if !output.status.success() {
            return Err(Failure::new("cargo metadata failed"));
        }
        Self::parse(&String::from_utf8_lossy(&output.stdout))
    }

    pub(crate) fn parse(json: &str) -> Result<Self, Failure> {
        let value: Value = serde_json::from_str(json).context("reading cargo metadata's JSON")?;
        let members: Vec<&str> = list(&value, "workspace_members")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        Ok(Self {
            root: text(&value, "workspace_root").into(),
            target_folder: text(&value, "target_directory").into(),
            packages: list(&value, "packages")
                .iter()
                .map(|package| parse_package(package, &members))
                .collect(),
        })
    }

    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.is_member)
    }

    /// Where this program keeps its logs and results.
    pub(crate) fn output_folder(&self) -> PathBuf {
        self.target_folder.join("xtask")
    }
}

fn parse_package(value: &Value, members: &[&str]) -> Package {
    let licence = value.get("license").and_then(Value::as_str);
    Package {
        name: text(value, "name"),
        version: text(value, "version"),
        manifest: text(value, "manifest_path").into(),
        licence: licence.map(str::to_owned),
        is_member: members.contains(&text(value, "id").as_str()),
        dependencies: list(value, "dependencies")
            .iter()
            .map(parse_dependency)
            .collect(),
        integration_tests: list(value, "targets")
            .iter()
            .filter(|target| list(target, "kind").iter().any(|kind| kind == "test"))
            .map(|target| text(target, "src_path").into())
            .collect(),
    }
}

fn parse_dependency(value: &Value) -> Dependency {
    Dependency {
        name: text(value, "name"),
        is_dev: value.get("kind").and_then(Value::as_str) == Some("dev"),
    }
}

fn text(value: &Value, key: &str) -> String {
    value
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}
