//! Which engines a test runs on, and how it says that it could not run.

use std::fs::OpenOptions;
use std::io::Write;

/// A superuser's URL of a private cluster; `cargo xtask test` sets it.
const POSTGRES_URL: &str = "KEYWARD_TEST_POSTGRES_URL";
/// The file that skipped tests are noted in.
const SKIP_LOG: &str = "KEYWARD_TEST_SKIP_LOG";
/// Set when a skipped test is a failed one.
const REQUIRE_ALL: &str = "KEYWARD_TEST_REQUIRE_ALL";

/// Makes each `async fn name(database: TestDatabase)` of the module two tests, `sqlite::name` and `postgres::name`.
///
/// Used once a module; the crate that uses it needs `tokio` with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! on_both_engines {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name($crate::sqlite_store()).await;
                }
            )+
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    if let Some(database) = $crate::postgres_store().await {
                        super::$name(database).await;
                    }
                }
            )+
        }
    };
}

/// The same for tests that need a database to themselves on PostgreSQL too: what they do reaches across tenants, or runs
/// at a time of its own.
#[macro_export]
macro_rules! alone_on_both_engines {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name($crate::sqlite_store()).await;
                }
            )+
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    if let Some(database) = $crate::scratch_postgres_store_with(|_| {}).await {
                        super::$name(database).await;
                    }
                }
            )+
        }
    };
}

pub(crate) fn postgres_cluster_url() -> Option<String> {
    std::env::var(POSTGRES_URL).ok()
}

/// Notes that the present test cannot run, or fails it where every test is asked for.
pub(crate) fn skip_without_postgres() {
    let line = format!("{}: {POSTGRES_URL} is not set", test_name());
    assert!(std::env::var_os(REQUIRE_ALL).is_none(), "{line}");
    println!("skipped: {line}");
    if let Some(path) = std::env::var_os(SKIP_LOG) {
        let mut log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        // One write call: the lines of tests that run at once do not mix.
        log.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}

/// The test that runs on this thread.
pub(crate) fn test_name() -> String {
    std::thread::current()
        .name()
        .unwrap_or("unnamed")
        .to_owned()
}
