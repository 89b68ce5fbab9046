//! Databases for tests: a SQLite file each, or a share of the process's PostgreSQL database.

mod postgres;
mod rows;
mod sqlite;

pub use postgres::{
    PostgresUrls, postgres_store, postgres_store_with, scratch_postgres,
    scratch_postgres_store_with,
};
pub use rows::{Rows, query_postgres};
pub use sqlite::{sqlite_store, sqlite_store_with};

use crate::clock::MockClock;
use crate::random::SeededRandom;
use keyward_model::{Clock, Id, TenantId, Timestamp, mint_id};
use keyward_store::{SqliteOptions, Store};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio_postgres::Client;

/// A migrated database with a store on it, and the time and randomness of the test that has it.
pub struct TestDatabase {
    /// The store.
    pub store: Store,
    /// Which engine it is, and how to reach it past the store.
    pub engine: Engine,
    /// The test's time.
    pub clock: MockClock,
    /// The test's randomness, seeded by its name.
    pub random: SeededRandom,
    /// The administrator's connection to PostgreSQL, made when it is first asked for.
    admin: OnceCell<Client>,
}

/// Where a database is.
pub enum Engine {
    /// A file in a folder that goes away with the test.
    Sqlite {
        /// The database file.
        path: PathBuf,
        /// Keeps the folder.
        folder: TempDir,
    },
    /// The process's database in the cluster of the test run.
    Postgres(PostgresUrls),
}

impl TestDatabase {
    fn new(store: Store, engine: Engine) -> Self {
        Self {
            store,
            engine,
            clock: MockClock::new(),
            random: SeededRandom::new(seed()),
            admin: OnceCell::new(),
        }
    }

    /// The same database after a restart: the store is closed, and another one opened.
    pub async fn restarted(self) -> Self {
        let Self {
            store,
            engine,
            clock,
            random,
            ..
        } = self;
        drop(store);
        let store = match &engine {
            Engine::Sqlite { path, .. } => Store::open_sqlite(&SqliteOptions::at(path)).unwrap(),
            Engine::Postgres(urls) => Store::open_postgres(&urls.options()).await.unwrap(),
        };
        Self {
            store,
            engine,
            clock,
            random,
            admin: OnceCell::new(),
        }
    }

    /// Another store on the same PostgreSQL database, as another node has it, at the same time of day.
    pub async fn beside(&self) -> Self {
        let urls = self.postgres_urls().clone();
        Self {
            store: Store::open_postgres(&urls.options()).await.unwrap(),
            engine: Engine::Postgres(urls),
            clock: self.clock.clone(),
            random: self.random.clone(),
            admin: OnceCell::new(),
        }
    }

    /// `sqlite` or `postgres`.
    pub fn engine_name(&self) -> &'static str {
        match self.engine {
            Engine::Sqlite { .. } => "sqlite",
            Engine::Postgres(_) => "postgres",
        }
    }

    /// The file of a SQLite database.
    pub fn sqlite_path(&self) -> &Path {
        match &self.engine {
            Engine::Sqlite { path, .. } => path,
            Engine::Postgres(_) => panic!("this database is PostgreSQL"),
        }
    }

    /// The URLs of a PostgreSQL database.
    pub fn postgres_urls(&self) -> &PostgresUrls {
        match &self.engine {
            Engine::Postgres(urls) => urls,
            Engine::Sqlite { .. } => panic!("this database is SQLite"),
        }
    }

    /// The test's present moment.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// A new id. It moves the clock by a microsecond, so that ids sort in the order they were made.
    pub fn mint<K>(&self) -> Id<K> {
        mint_id(self.clock.advance(Duration::from_micros(1)), &self.random)
    }

    /// Runs SQL statements that take no parameters, as the administrator, whom neither RLS nor the store holds back.
    pub async fn admin_sql(&self, text: &str) {
        self.sql_without_notice(text).await;
        // Rows that changed behind the store's back come with no event that would tell its memory.
        self.store.memory().forget_all();
    }

    /// The same, and memory is not told: for what must not be looked for in the database at all.
    pub async fn sql_without_notice(&self, text: &str) {
        match &self.engine {
            Engine::Sqlite { path, .. } => sqlite::connect(path).execute_batch(text).unwrap(),
            Engine::Postgres(urls) => self.admin(urls).await.batch_execute(text).await.unwrap(),
        }
    }

    /// The rows of a query, each column as text, as the administrator.
    pub async fn admin_rows(&self, query: &str) -> Rows {
        match &self.engine {
            Engine::Sqlite { path, .. } => rows::query_sqlite(&sqlite::connect(path), query),
            Engine::Postgres(urls) => rows::query(self.admin(urls).await, query).await,
        }
    }

    async fn admin(&self, urls: &PostgresUrls) -> &Client {
        self.admin.get_or_init(|| rows::connect(&urls.admin)).await
    }

    /// The first column of a query's only row, as a number.
    pub async fn admin_count(&self, query: &str) -> i64 {
        let rows = self.admin_rows(query).await;
        let count = rows.first().and_then(|row| row.first()).cloned().flatten();
        count.expect("a row").parse().expect("a number")
    }

    /// An id as a literal of this engine's SQL.
    pub fn id_literal<K>(&self, id: Id<K>) -> String {
        match self.engine {
            Engine::Sqlite { .. } => format!("x'{}'", id.uuid().simple()),
            Engine::Postgres(_) => format!("'{id}'::uuid"),
        }
    }

    /// The names of the tables that hold rows of tenants.
    pub async fn tenant_tables(&self) -> Vec<String> {
        let query = match self.engine {
            Engine::Sqlite { .. } => {
                "SELECT m.name FROM sqlite_master m
                 WHERE m.type = 'table' AND EXISTS (SELECT 1 FROM pragma_table_info(m.name) WHERE name = 'tenant_id')
                 ORDER BY m.name"
            }
            Engine::Postgres(_) => {
                "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
                 WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY c.relname"
            }
        };
        let rows = self.admin_rows(query).await;
        rows.into_iter().flatten().flatten().collect()
    }

    /// Every row that a tenant has in any table, to be compared with a later look.
    pub async fn rows_of_tenant(&self, tenant_id: TenantId) -> Vec<(String, Rows)> {
        let literal = self.id_literal(tenant_id);
        let mut found = Vec::new();
        for table in self.tenant_tables().await {
            let query = format!("SELECT * FROM {table} WHERE tenant_id = {literal}");
            let mut rows = self.admin_rows(&query).await;
            rows.sort();
            found.push((table, rows));
        }
        found
    }
}

/// A seed from the test's name and from how many databases it had before: the same in each run, and never the same
/// twice in one process, whose tests share a database on PostgreSQL.
fn seed() -> u64 {
    static OPENED: LazyLock<Mutex<HashMap<String, u64>>> = LazyLock::new(Mutex::default);
    let name = crate::engines::test_name();
    let mut opened = OPENED.lock().unwrap();
    let nth = opened.entry(name.clone()).or_default();
    *nth += 1;
    // FNV-1a, since the standard hasher draws a key of its own in each process.
    let bytes = name.bytes().chain(nth.to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
