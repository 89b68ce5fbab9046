//! Migrations: applied once, by one, never edited, never from the future.

use keyward_model::{Clock, Timestamp};
use keyward_store::{Error, SqliteOptions, Store, migrate_postgres, migrate_sqlite};
use keyward_testkit::{
    MockClock, TestDatabase, new_tenant, scratch_postgres, scratch_postgres_store_with,
    sqlite_store,
};
use std::sync::Barrier;

fn now() -> Timestamp {
    MockClock::new().now()
}

/// Migrates a database once more, whatever its engine.
async fn migrate(database: &TestDatabase) -> Result<Vec<&'static str>, Error> {
    match database.engine_name() {
        "sqlite" => migrate_sqlite(database.sqlite_path(), now()),
        _ => migrate_postgres(&database.postgres_urls().migrator(), now()).await,
    }
}

/// These tests leave a database behind that nobody else could use.
async fn both_engines() -> Vec<TestDatabase> {
    let mut databases = vec![sqlite_store()];
    databases.extend(scratch_postgres_store_with(|_| {}).await);
    databases
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_migration_finds_nothing_to_do() {
    for database in both_engines().await {
        let applied = database
            .admin_rows("SELECT name, body, applied_at FROM schema_migrations ORDER BY name")
            .await;
        assert!(applied.len() >= 3);
        assert_eq!(migrate(&database).await.unwrap(), Vec::<&str>::new());
        let after = database
            .admin_rows("SELECT name, body, applied_at FROM schema_migrations ORDER BY name")
            .await;
        assert_eq!(applied, after);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_engines_have_the_same_migrations() {
    let mut names = Vec::new();
    for database in both_engines().await {
        let rows = database
            .admin_rows("SELECT name FROM schema_migrations ORDER BY name")
            .await;
        names.push(rows);
    }
    assert!(names.windows(2).all(|pair| pair[0] == pair[1]), "{names:?}");
}

#[test]
fn of_many_who_migrate_one_sqlite_file_each_migration_is_applied_by_one() {
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keyward.db");
        let start = Barrier::new(4);
        let applied: Vec<&str> = std::thread::scope(|scope| {
            let migrators: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        migrate_sqlite(&path, now()).unwrap()
                    })
                })
                .collect();
            let applied = migrators.into_iter().flat_map(|one| one.join().unwrap());
            applied.collect()
        });
        expect_each_once(applied);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_migrate_one_postgres_database_each_migration_is_applied_by_one() {
    let Some(urls) = scratch_postgres().await else {
        return;
    };
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let migrator = urls.migrator();
            tokio::spawn(async move { migrate_postgres(&migrator, now()).await.unwrap() })
        })
        .collect();
    let mut applied = Vec::new();
    for task in tasks {
        applied.extend(task.await.unwrap());
    }
    expect_each_once(applied);
    Store::open_postgres(&urls.options()).await.unwrap();
}

fn expect_each_once(mut applied: Vec<&str>) {
    applied.sort_unstable();
    let count = applied.len();
    applied.dedup();
    assert_eq!(applied.len(), count, "applied twice");
    assert!(count >= 3, "{applied:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_that_was_changed_after_it_ran_is_refused() {
    for database in both_engines().await {
        database
            .admin_sql("UPDATE schema_migrations SET body = body || ' ' WHERE name = '0002_users_and_sessions'")
            .await;
        let expected = "migration 0002_users_and_sessions was changed after it was applied";
        expect_refusal(&database, expected).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_a_newer_keyward_is_refused() {
    for database in both_engines().await {
        database
            .admin_sql("INSERT INTO schema_migrations (name, body, applied_at) VALUES ('9999_future', 'x', 0)")
            .await;
        expect_refusal(&database, "9999_future, which this binary does not know").await;
    }
}

/// Migrating refuses it, and so does opening.
async fn expect_refusal(database: &TestDatabase, expected: &str) {
    let opened = match database.engine_name() {
        "sqlite" => Store::open_sqlite(&SqliteOptions::at(database.sqlite_path())),
        _ => Store::open_postgres(&database.postgres_urls().options()).await,
    };
    let refusals = [migrate(database).await.map(drop), opened.map(drop)];
    for refusal in refusals {
        match refusal {
            Err(Error::Unfit(words)) => assert!(words.contains(expected), "{words}"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_sqlite_file_without_its_migrations_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions::at(folder.path().join("keyward.db"));
    let expect = |expected: &str| match Store::open_sqlite(&options) {
        Err(Error::Unfit(words)) => assert!(words.contains(expected), "{words}"),
        other => panic!("{other:?}"),
    };
    expect("cannot open the database");
    assert!(!options.path.exists(), "opening made a file");
    let connection = rusqlite::Connection::open(&options.path).unwrap();
    connection
        .execute_batch("CREATE TABLE other (id INTEGER)")
        .unwrap();
    expect("keyward migrate");
    migrate_sqlite(&options.path, now()).unwrap();
    let forget = "DELETE FROM schema_migrations WHERE name = '0003_events'";
    connection.execute_batch(forget).unwrap();
    expect("lacks 1 migration(s), from 0003_events on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_database_without_its_migrations_is_not_opened() {
    let Some(urls) = scratch_postgres().await else {
        return;
    };
    match Store::open_postgres(&urls.options()).await {
        Err(Error::Unfit(words)) => {
            assert!(words.contains("0001_tenants"), "{words}");
            assert!(words.contains("run `keyward migrate`"), "{words}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_there_is_unavailable_and_its_password_is_not_told() {
    let urls = PASSWORD_NOWHERE;
    let options = keyward_store::PostgresOptions::new(urls, urls);
    match Store::open_postgres(&options).await {
        Err(error @ Error::Unavailable(_)) => {
            assert!(!format!("{error} {error:?}").contains("hidden"), "{error}");
        }
        other => panic!("{other:?}"),
    }
    assert!(!format!("{options:?}").contains("hidden"));
}

/// Port 1 of this machine, where nothing listens.
const PASSWORD_NOWHERE: &str = "postgres://nobody:hidden@127.0.0.1:1/nothing";

/// What [`migrate`] does once more after it: brings a database back to before `0014`.
const BEFORE_0014: &[&str] = &[
    "DELETE FROM schema_migrations WHERE name = '0014_idempotency_and_key_sets'",
    "DROP INDEX idempotency_keys_by_made",
    "ALTER TABLE idempotency_keys DROP COLUMN made",
    "ALTER TABLE tenants DROP COLUMN key_set_kept_until",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asvs_v11_4_2_digests_that_a_password_could_be_tried_against_are_deleted() {
    for database in both_engines().await {
        let (scope, _) = new_tenant(&database, "tenant").await;
        for undo in BEFORE_0014 {
            database.admin_sql(undo).await;
        }
        let tenant = database.id_literal(scope.tenant_id());
        let sql = format!(
            "INSERT INTO idempotency_keys (tenant_id, principal, route, name, digest, body, expires_at)
             VALUES ({tenant}, 'user:1', 'POST /', 'k', CAST('digest' AS {}), '{{}}', 9000000000000000)",
            match database.engine_name() {
                "sqlite" => "BLOB",
                _ => "BYTEA",
            }
        );
        database.admin_sql(&sql).await;
        let applied = migrate(&database).await.unwrap();
        assert_eq!(applied, ["0014_idempotency_and_key_sets"]);
        let left = "SELECT COUNT(*) FROM idempotency_keys";
        assert_eq!(database.admin_count(left).await, 0);
    }
}
