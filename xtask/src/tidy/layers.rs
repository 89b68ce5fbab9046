//! Which crate may depend on which: the table of the design, with arrows that only point down.
//!
//! Dependencies of tests are free. As no row names `keyward-testkit`, only they can name it.

use crate::metadata::{Metadata, Package};

use super::finding::Finding;
use super::manifests;

/// One row of the table; names are packages of this workspace.
struct Row {
    package: &'static str,
    may_depend_on: &'static [&'static str],
}

const MODEL: &str = "keyward-model";
const CRYPTO: &str = "keyward-crypto";
const POLICY: &str = "keyward-policy";
const E2EE: &str = "keyward-e2ee";
const STORE: &str = "keyward-store";
const ADAPTERS: &str = "keyward-adapters";
const SERVICE: &str = "keyward-service";
const API: &str = "keyward-api";
const CONSOLE: &str = "keyward-console";
const SERVER: &str = "keyward-server";
const CLIENT: &str = "keyward-client";
const TOWER: &str = "keyward-tower";
const TESTKIT: &str = "keyward-testkit";
const XTASK: &str = "xtask";

/// Crates that do not exist yet have their row already: it says what they will be allowed.
const TABLE: [Row; 14] = [
    Row {
        package: MODEL,
        may_depend_on: &[],
    },
    Row {
        package: CRYPTO,
        may_depend_on: &[MODEL],
    },
    Row {
        package: POLICY,
        may_depend_on: &[MODEL],
    },
    Row {
        package: E2EE,
        may_depend_on: &[],
    },
    Row {
        package: STORE,
        may_depend_on: &[MODEL],
    },
    Row {
        package: ADAPTERS,
        may_depend_on: &[MODEL],
    },
    Row {
        package: SERVICE,
        may_depend_on: &[MODEL, CRYPTO, POLICY, E2EE, STORE, ADAPTERS],
    },
    Row {
        package: API,
        may_depend_on: &[MODEL, POLICY, SERVICE],
    },
    Row {
        package: CONSOLE,
        may_depend_on: &[MODEL, SERVICE],
    },
    Row {
        package: SERVER,
        may_depend_on: &[
            MODEL, CRYPTO, POLICY, E2EE, STORE, ADAPTERS, SERVICE, API, CONSOLE,
        ],
    },
    Row {
        package: CLIENT,
        may_depend_on: &[MODEL, E2EE],
    },
    Row {
        package: TOWER,
        may_depend_on: &[MODEL, E2EE],
    },
    Row {
        package: TESTKIT,
        may_depend_on: &[
            MODEL, CRYPTO, POLICY, E2EE, STORE, ADAPTERS, SERVICE, API, CONSOLE, SERVER, CLIENT,
            TOWER,
        ],
    },
    Row {
        package: XTASK,
        may_depend_on: &[],
    },
];

pub(super) fn check(metadata: &Metadata) -> Vec<Finding> {
    metadata
        .members()
        .flat_map(|package| match find_row(&package.name) {
            Some(row) => check_package(metadata, package, row),
            None => vec![Finding::error(
                manifests::place(metadata, package, "name"),
                format!(
                    "`{}` has no row in TABLE of {}: declare what it may depend on",
                    package.name,
                    file!()
                ),
            )],
        })
        .collect()
}

fn find_row(package: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.package == package)
}

fn check_package(metadata: &Metadata, package: &Package, row: &Row) -> Vec<Finding> {
    let is_member = |name: &str| metadata.members().any(|member| member.name == name);
    package
        .dependencies
        .iter()
        .filter(|dependency| !dependency.is_dev && is_member(&dependency.name))
        .filter(|dependency| !row.may_depend_on.contains(&dependency.name.as_str()))
        .map(|dependency| {
            let place = manifests::place(metadata, package, &dependency.name);
            let allowed = match row.may_depend_on {
                [] => "none of the workspace's crates".to_owned(),
                names => format!("only {}", names.join(", ")),
            };
            let name = &dependency.name;
            Finding::error(
                place,
                format!(
                    "must not depend on {name}: {} may use {allowed}",
                    package.name
                ),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Metadata, TABLE, check};

    fn package(name: &str, dependencies: &[(&str, Value)]) -> Value {
        let dependencies: Vec<Value> = dependencies
            .iter()
            .map(|(name, kind)| json!({ "name": name, "kind": kind }))
            .collect();
        json!({ "id": name, "name": name, "manifest_path": format!("/w/{name}/Cargo.toml"),
            "dependencies": dependencies })
    }

    fn messages(packages: &[Value]) -> Vec<String> {
        let ids: Vec<&Value> = packages.iter().map(|package| &package["id"]).collect();
        let json =
            json!({ "workspace_root": "/w", "workspace_members": ids, "packages": packages });
        let metadata = Metadata::parse(&json.to_string()).expect("metadata");
        check(&metadata)
            .into_iter()
            .map(|finding| finding.to_string())
            .collect()
    }

    #[test]
    fn arrows_only_point_down() {
        let found = messages(&[
            package("keyward-model", &[("keyward-store", Value::Null)]),
            package(
                "keyward-store",
                &[
                    ("keyward-model", Value::Null),
                    ("keyward-crypto", json!("build")),
                ],
            ),
            package("keyward-crypto", &[("serde", Value::Null)]),
        ]);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("keyward-model/Cargo.toml: must not depend on keyward-store"));
        assert!(found[1].contains(
            "must not depend on keyward-crypto: keyward-store may use only keyward-model"
        ));
    }

    #[test]
    fn only_tests_may_name_the_testkit() {
        let testkit = package("keyward-testkit", &[("keyward-api", Value::Null)]);
        let api = |kind| package("keyward-api", &[("keyward-testkit", kind)]);
        assert!(messages(&[testkit.clone(), api(json!("dev"))]).is_empty());
        assert_eq!(messages(&[testkit, api(Value::Null)]).len(), 1);
    }

    #[test]
    fn an_unknown_crate_is_told_where_to_be_declared() {
        let found = messages(&[package("keyward-new", &[])]);
        assert!(found[0].contains("layers.rs"), "{found:?}");
    }

    #[test]
    fn the_table_names_only_its_own_packages() {
        let known = |name: &&str| TABLE.iter().any(|row| row.package == *name);
        assert!(TABLE.iter().all(|row| row.may_depend_on.iter().all(known)));
    }
}
