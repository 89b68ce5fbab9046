//! The schema as PostgreSQL's catalog tells it.

use super::{ForeignKey, Schema};
use keyward_testkit::TestDatabase;

const COLUMNS: &str = "
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    ORDER BY c.relname, a.attnum";

const UNIQUE_KEYS: &str = "
    SELECT c.relname, (SELECT string_agg(a.attname, ',' ORDER BY k.place)
                       FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(attnum, place)
                       JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum)
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
    WHERE c.relnamespace = 'public'::regnamespace AND i.indisunique AND i.indpred IS NULL
    ORDER BY c.relname";

const FOREIGN_KEYS: &str = "
    SELECT c.relname, f.relname, (SELECT string_agg(a.attname || '>' || b.attname, ',')
                                  FROM unnest(k.conkey, k.confkey) pair(here, there)
                                  JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = pair.here
                                  JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = pair.there)
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid
    WHERE c.relnamespace = 'public'::regnamespace AND k.contype = 'f'
    ORDER BY c.relname, k.conname";

pub(super) async fn read_schema(database: &TestDatabase) -> Schema {
    let mut schema = Schema::new();
    for row in texts(database, COLUMNS).await {
        let nullable = row[3] == "f";
        let column = (row[2].clone(), nullable);
        let table = schema.entry(row[0].clone()).or_default();
        table.columns.insert(row[1].clone(), column);
    }
    for row in texts(database, UNIQUE_KEYS).await {
        let columns = row[1].split(',').map(str::to_owned).collect();
        schema.get_mut(&row[0]).unwrap().unique.push(columns);
    }
    for row in texts(database, FOREIGN_KEYS).await {
        let pair = |text: &str| {
            let (here, there) = text.split_once('>').unwrap();
            (here.to_owned(), there.to_owned())
        };
        let key = ForeignKey {
            table: row[1].clone(),
            columns: row[2].split(',').map(pair).collect(),
        };
        schema.get_mut(&row[0]).unwrap().foreign.insert(key);
    }
    schema
}

async fn texts(database: &TestDatabase, query: &str) -> Vec<Vec<String>> {
    let rows = database.admin_rows(query).await;
    rows.into_iter()
        .map(|row| row.into_iter().map(Option::unwrap_or_default).collect())
        .collect()
}
