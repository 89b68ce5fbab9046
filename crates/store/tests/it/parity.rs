//! Both engines have the same tables: columns, types, nullability, unique keys and foreign keys.

mod postgres;
mod sqlite;

use keyward_testkit::{postgres_store, sqlite_store};
use std::collections::{BTreeMap, BTreeSet};

/// The tables by name.
type Schema = BTreeMap<String, Table>;

#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    /// The type in PostgreSQL's word and whether it may be null, by name; the order is free.
    columns: BTreeMap<String, (String, bool)>,
    /// The column lists of primary keys and unique indexes, in their order.
    unique: Vec<Vec<String>>,
    foreign: BTreeSet<ForeignKey>,
}

/// A table that is referred to, and the pairs of a column here and the one there.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct ForeignKey {
    table: String,
    columns: BTreeSet<(String, String)>,
}

impl Table {
    /// The unique keys as sets: the order of columns is each engine's own matter, and so is which one is primary.
    fn unique_sets(&self) -> BTreeSet<BTreeSet<&String>> {
        self.unique.iter().map(|key| key.iter().collect()).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_two_schemas_are_one() {
    let Some(database) = postgres_store().await else {
        return;
    };
    let postgres = postgres::read_schema(&database).await;
    let mut sqlite = sqlite::read_schema(&sqlite_store()).await;
    give_up_blob(&mut sqlite, &postgres);
    let names = |schema: &Schema| schema.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&sqlite), names(&postgres));
    assert!(names(&sqlite).len() >= 10, "{:?}", names(&sqlite));
    for (name, on_sqlite) in &sqlite {
        let on_postgres = &postgres[name];
        assert_eq!(on_sqlite.columns, on_postgres.columns, "columns of {name}");
        assert_eq!(
            on_sqlite.unique_sets(),
            on_postgres.unique_sets(),
            "unique keys of {name}"
        );
        assert_eq!(
            on_sqlite.foreign, on_postgres.foreign,
            "foreign keys of {name}"
        );
    }
}

/// A BLOB on SQLite stands for UUID as well as for BYTEA.
fn give_up_blob(sqlite: &mut Schema, postgres: &Schema) {
    for (name, table) in sqlite {
        for (column, (kind, _)) in &mut table.columns {
            let there = postgres
                .get(name)
                .and_then(|table| table.columns.get(column));
            let there = there.map(|(kind, _)| kind.as_str());
            if kind == "blob" && matches!(there, Some("uuid" | "bytea")) {
                *kind = there.unwrap().to_owned();
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_key_of_a_tenants_table_carries_the_tenant_on_sqlite() {
    expect_composite_keys(&sqlite::read_schema(&sqlite_store()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_key_of_a_tenants_table_carries_the_tenant_on_postgres() {
    if let Some(database) = postgres_store().await {
        expect_composite_keys(&postgres::read_schema(&database).await);
    }
}

fn expect_composite_keys(schema: &Schema) {
    let tenant_tables: Vec<_> = schema
        .iter()
        .filter(|(_, table)| table.columns.contains_key("tenant_id"))
        .collect();
    assert!(tenant_tables.len() >= 9, "{tenant_tables:?}");
    let same = ("tenant_id".to_owned(), "tenant_id".to_owned());
    for (name, table) in tenant_tables {
        let mut keys = table.unique.iter();
        assert!(
            keys.any(|key| key[0] == "tenant_id"),
            "{name} has no unique key that begins with tenant_id: {:?}",
            table.unique
        );
        assert!(
            !table.columns["tenant_id"].1,
            "{name}: a row without a tenant"
        );
        for key in &table.foreign {
            assert!(
                key.columns.contains(&same),
                "{name}: {key:?} carries no tenant"
            );
        }
        let refers = name == "tenants" || !table.foreign.is_empty();
        assert!(refers, "{name} refers to no tenant");
    }
    let other = schema
        .iter()
        .filter(|(_, table)| !table.columns.contains_key("tenant_id"));
    for (name, table) in other {
        assert!(
            table.foreign.is_empty(),
            "{name} is of no tenant: {:?}",
            table.foreign
        );
    }
}
