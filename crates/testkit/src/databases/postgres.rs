//! PostgreSQL: roles and databases in the cluster that the test run names.

use super::rows::execute_postgres;
use super::{Engine, TestDatabase};
use crate::clock::MockClock;
use crate::engines::{postgres_cluster_url, skip_without_postgres};
use keyward_model::Clock;
use keyward_store::{
    PostgresMigrator, PostgresOptions, RoleUrls, Store, create_roles, migrate_postgres, role_of,
};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;
use tokio::sync::OnceCell;

/// Each test has a pool of its own, and many tests run at once.
const CONNECTIONS_PER_TEST: usize = 4;

/// The password of all roles that this process makes.
static PASSWORD: LazyLock<String> = LazyLock::new(random_hex);

/// How the roles reach one database.
#[derive(Debug, Clone)]
pub struct PostgresUrls {
    /// The database's name.
    pub database: String,
    /// A superuser.
    pub admin: String,
    /// Owns the tables.
    pub owner: String,
    /// Serves requests.
    pub app: String,
    /// Routes.
    pub system: String,
}

impl PostgresUrls {
    /// What `migrate_postgres` needs.
    pub fn migrator(&self) -> PostgresMigrator {
        PostgresMigrator {
            owner_url: self.owner.clone(),
            app_role: role_of(&self.app).unwrap(),
            system_role: role_of(&self.system).unwrap(),
            ca_file: None,
        }
    }

    /// How a test opens a store on it.
    pub fn options(&self) -> PostgresOptions {
        let mut options = PostgresOptions::new(&self.app, &self.system);
        options.connections_max = CONNECTIONS_PER_TEST;
        options
    }

    /// The URL of another role of this database, which has the password of all roles here.
    pub fn of_role(&self, role: &str) -> String {
        let (_, host) = self.admin.rsplit_once('@').unwrap();
        format!("postgres://{role}:{}@{host}?sslmode=disable", *PASSWORD)
    }

    /// That password.
    pub fn password(&self) -> &'static str {
        &PASSWORD
    }

    fn of_database(cluster_url: &str, database: &str) -> Self {
        let (beginning, _) = cluster_url.rsplit_once('/').unwrap();
        let (_, host) = beginning.rsplit_once('@').unwrap();
        let place = format!("{database}?sslmode=disable");
        let role =
            |role: &str| format!("postgres://{database}_{role}:{}@{host}/{place}", *PASSWORD);
        Self {
            database: database.to_owned(),
            admin: format!("{beginning}/{database}"),
            owner: role("owner"),
            app: role("app"),
            system: role("system"),
        }
    }
}

/// A store on this process's PostgreSQL database; none, and the test is noted as skipped, when there is no cluster.
pub async fn postgres_store() -> Option<TestDatabase> {
    postgres_store_with(|_| {}).await
}

/// The same with options that the test changes.
pub async fn postgres_store_with(
    change: impl FnOnce(&mut PostgresOptions),
) -> Option<TestDatabase> {
    static URLS: OnceCell<PostgresUrls> = OnceCell::const_new();
    let Some(cluster_url) = postgres_cluster_url() else {
        skip_without_postgres();
        return None;
    };
    let urls = URLS
        .get_or_init(async || {
            let urls = create_database(&cluster_url).await;
            let now = MockClock::new().now();
            migrate_postgres(&urls.migrator(), now).await.unwrap();
            urls
        })
        .await;
    // A pool's connections live on the runtime that made them, so that each test needs a store of its own.
    Some(open(urls.clone(), change).await)
}

/// A store on a migrated database of the test's own, for what would disturb others; none as in [`postgres_store`].
pub async fn scratch_postgres_store_with(
    change: impl FnOnce(&mut PostgresOptions),
) -> Option<TestDatabase> {
    let urls = scratch_postgres().await?;
    let now = MockClock::new().now();
    migrate_postgres(&urls.migrator(), now).await.unwrap();
    Some(open(urls, change).await)
}

/// An empty database of the test's own, with roles of its own; none as in [`postgres_store`].
pub async fn scratch_postgres() -> Option<PostgresUrls> {
    let Some(cluster_url) = postgres_cluster_url() else {
        skip_without_postgres();
        return None;
    };
    Some(create_database(&cluster_url).await)
}

async fn open(urls: PostgresUrls, change: impl FnOnce(&mut PostgresOptions)) -> TestDatabase {
    let mut options = urls.options();
    change(&mut options);
    let store = Store::open_postgres(&options).await.unwrap();
    TestDatabase::new(store, Engine::Postgres(urls))
}

/// A database with three roles of its own. Names are random, since several processes may use one cluster.
async fn create_database(cluster_url: &str) -> PostgresUrls {
    let name = format!("kw_{}", random_hex());
    execute_postgres(cluster_url, &format!("CREATE DATABASE {name}")).await;
    let urls = PostgresUrls::of_database(cluster_url, &name);
    let roles = RoleUrls {
        owner: &urls.owner,
        app: &urls.app,
        system: &urls.system,
    };
    create_roles(&urls.admin, roles, None).await.unwrap();
    urls
}

fn random_hex() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}
