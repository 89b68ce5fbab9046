//! Which crates may use the libraries that open the world outside. Dependencies of tests are free.

use crate::metadata::{Metadata, Package};

use super::finding::Finding;
use super::manifests;

struct Rule {
    libraries: &'static [&'static str],
    allowed_in: &'static [&'static str],
    reason: &'static str,
}

const RULES: [Rule; 5] = [
    Rule {
        libraries: &["rusqlite", "tokio-postgres", "deadpool-postgres"],
        allowed_in: &["keyward-store", "keyward-testkit", "xtask"],
        reason: "all SQL is in store",
    },
    Rule {
        libraries: &["axum"],
        allowed_in: &[
            "keyward-api",
            "keyward-console",
            "keyward-server",
            "keyward-testkit",
        ],
        reason: "HTTP comes last",
    },
    Rule {
        libraries: &["redis", "rdkafka", "lettre", "object_store", "reqwest"],
        allowed_in: &["keyward-adapters", "keyward-client", "keyward-testkit"],
        reason: "the outside world is reached through adapters",
    },
    Rule {
        libraries: &["cedar-policy"],
        allowed_in: &["keyward-policy"],
        reason: "decisions are made in policy",
    },
    Rule {
        libraries: &["tokio"],
        allowed_in: &[
            "keyward-store",
            "keyward-adapters",
            "keyward-service",
            "keyward-api",
            "keyward-console",
            "keyward-server",
            "keyward-client",
            "keyward-tower",
            "keyward-testkit",
        ],
        reason: "layers 0 and 1 never wait",
    },
];

pub(super) fn check(metadata: &Metadata) -> Vec<Finding> {
    metadata
        .members()
        .flat_map(|package| {
            RULES
                .iter()
                .flat_map(|rule| check_package(metadata, package, rule))
        })
        .collect()
}

fn check_package(metadata: &Metadata, package: &Package, rule: &Rule) -> Vec<Finding> {
    if rule.allowed_in.contains(&package.name.as_str()) {
        return Vec::new();
    }
    package
        .dependencies
        .iter()
        .filter(|dependency| {
            !dependency.is_dev && rule.libraries.contains(&dependency.name.as_str())
        })
        .map(|dependency| {
            let place = manifests::place(metadata, package, &dependency.name);
            let allowed = rule.allowed_in.join(", ");
            let message = format!("{} is for {allowed} only: {}", dependency.name, rule.reason);
            Finding::error(place, message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Metadata, check};

    fn count(package: &str, kind: &str) -> usize {
        let json = format!(
            r#"{{"workspace_root":"/w","workspace_members":["a"],"packages":[{{"id":"a","name":"{package}",
            "manifest_path":"/w/Cargo.toml","dependencies":[{{"name":"rusqlite","kind":{kind}}}]}}]}}"#
        );
        check(&Metadata::parse(&json).expect("metadata")).len()
    }

    #[test]
    fn a_driver_outside_its_crate_is_found() {
        assert_eq!(count("keyward-service", "null"), 1);
        assert_eq!(count("keyward-service", "\"build\""), 1);
        assert_eq!(count("keyward-service", "\"dev\""), 0);
        assert_eq!(count("keyward-store", "null"), 0);
    }
}
