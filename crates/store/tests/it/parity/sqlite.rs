//! The schema as SQLite's pragmas tell it.

use super::{ForeignKey, Schema, Table};
use keyward_testkit::TestDatabase;
use std::collections::BTreeMap;

pub(super) async fn read_schema(database: &TestDatabase) -> Schema {
    let names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
    let mut schema = Schema::new();
    for name in texts(database, names).await.into_iter().flatten() {
        let table = read_table(database, &name).await;
        schema.insert(name, table);
    }
    schema
}

async fn read_table(database: &TestDatabase, name: &str) -> Table {
    let mut table = Table::default();
    let mut primary = Vec::new();
    let columns = format!(
        "SELECT name, type, \"notnull\", pk FROM pragma_table_info('{name}') ORDER BY pk, cid"
    );
    for row in texts(database, &columns).await {
        let nullable = row[2] == "0";
        if row[3] != "0" {
            primary.push(row[0].clone());
        }
        table
            .columns
            .insert(row[0].clone(), (postgres_type(&row[1]), nullable));
    }
    // An INTEGER PRIMARY KEY is the row itself and has no index.
    table.unique.push(primary);
    table.unique.extend(unique_indexes(database, name).await);
    table.foreign.extend(foreign_keys(database, name).await);
    table
}

async fn unique_indexes(database: &TestDatabase, table: &str) -> Vec<Vec<String>> {
    let indexes = format!(
        "SELECT name FROM pragma_index_list('{table}') WHERE \"unique\" = 1 AND partial = 0 ORDER BY name"
    );
    let mut keys = Vec::new();
    for index in texts(database, &indexes).await.into_iter().flatten() {
        let columns = format!("SELECT name FROM pragma_index_info('{index}') ORDER BY seqno");
        keys.push(
            texts(database, &columns)
                .await
                .into_iter()
                .flatten()
                .collect(),
        );
    }
    keys
}

async fn foreign_keys(database: &TestDatabase, table: &str) -> Vec<ForeignKey> {
    let query = format!(
        "SELECT id, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list('{table}') ORDER BY id, seq"
    );
    let mut keys: BTreeMap<String, ForeignKey> = BTreeMap::new();
    for row in texts(database, &query).await {
        let key = keys.entry(row[0].clone()).or_insert_with(|| ForeignKey {
            table: row[1].clone(),
            columns: Default::default(),
        });
        key.columns.insert((row[2].clone(), row[3].clone()));
    }
    keys.into_values().collect()
}

fn postgres_type(sqlite: &str) -> String {
    match sqlite {
        "INTEGER" => "bigint",
        "TEXT" => "text",
        "BLOB" => "blob",
        other => panic!("{other} is no type of the dialect"),
    }
    .to_owned()
}

async fn texts(database: &TestDatabase, query: &str) -> Vec<Vec<String>> {
    let rows = database.admin_rows(query).await;
    rows.into_iter()
        .map(|row| row.into_iter().map(Option::unwrap_or_default).collect())
        .collect()
}
