//! The four locks: `Store::locks` finds each that is open, and the server refuses a role that stands above them.

use keyward_store::{Error, Lock, LockState, PostgresOptions, Store};
use keyward_testkit::{TestDatabase, postgres_store, scratch_postgres_store_with, sqlite_store};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_four_are_closed_on_postgres() {
    let Some(database) = postgres_store().await else {
        return;
    };
    let locks = database.store.locks().await.unwrap();
    assert_eq!(locks.len(), 4);
    for lock in &locks {
        assert_eq!(lock.state, LockState::Closed, "{lock:?}");
    }
    let tables = database.tenant_tables().await.len();
    assert_eq!(locks[2].detail, format!("{tables} tables"));
    assert!(locks[3].detail.contains(&format!("on {tables} tables")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_says_that_it_has_only_three() {
    let states: Vec<LockState> = states(&sqlite_store().store.locks().await.unwrap());
    use LockState::{Absent, Closed};
    assert_eq!(states, [Closed, Closed, Closed, Absent]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_without_a_composite_key_opens_a_lock_on_sqlite() {
    let database = sqlite_store();
    database.store.require_closed_locks().await.unwrap();
    database
        .admin_sql(
            "CREATE TABLE loose (tenant_id BLOB NOT NULL, id BLOB NOT NULL PRIMARY KEY) STRICT",
        )
        .await;
    let locks = database.store.locks().await.unwrap();
    assert_eq!(locks[COMPOSITE_KEYS].state, LockState::Open);
    assert!(locks[COMPOSITE_KEYS].detail.contains("loose"), "{locks:?}");
    let refusal = database.store.require_closed_locks().await;
    assert!(matches!(refusal, Err(Error::Unfit(words)) if words.contains("loose")));
}

fn states(locks: &[Lock]) -> Vec<LockState> {
    locks.iter().map(|lock| lock.state).collect()
}

const COMPOSITE_KEYS: usize = 2;
const ROW_LEVEL_SECURITY: usize = 3;

/// Something done to the catalog, how it is undone, and which lock it opens on which table.
struct Fault {
    done: &'static str,
    undone: &'static str,
    opens: usize,
    table: &'static str,
}

const FAULTS: [Fault; 10] = [
    Fault {
        done: "ALTER TABLE users DISABLE ROW LEVEL SECURITY",
        undone: "ALTER TABLE users ENABLE ROW LEVEL SECURITY",
        opens: ROW_LEVEL_SECURITY,
        table: "users: row-level security is not enabled",
    },
    Fault {
        done: "ALTER TABLE sessions NO FORCE ROW LEVEL SECURITY",
        undone: "ALTER TABLE sessions FORCE ROW LEVEL SECURITY",
        opens: ROW_LEVEL_SECURITY,
        table: "sessions: row-level security is not forced",
    },
    Fault {
        done: "CREATE POLICY extra ON signing_keys USING (true)",
        undone: "DROP POLICY extra ON signing_keys",
        opens: ROW_LEVEL_SECURITY,
        table: "signing_keys: its policies",
    },
    Fault {
        done: "ALTER POLICY tenant_isolation ON token_families RENAME TO renamed",
        undone: "ALTER POLICY renamed ON token_families RENAME TO tenant_isolation",
        opens: ROW_LEVEL_SECURITY,
        table: "token_families: its policies",
    },
    Fault {
        done: "ALTER POLICY tenant_isolation ON audit_events WITH CHECK (true)",
        undone: "ALTER POLICY tenant_isolation ON audit_events
            WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant_id', true), '')::uuid)",
        opens: ROW_LEVEL_SECURITY,
        table: "audit_events: its policies",
    },
    // Its condition is `true`: everything hangs on whom it is for, and the tables may be empty when one looks.
    Fault {
        done: "ALTER POLICY system_reads ON feed TO PUBLIC",
        undone: "ALTER POLICY system_reads ON feed TO {system_role}",
        opens: ROW_LEVEL_SECURITY,
        table: "feed: its policies",
    },
    Fault {
        done: "GRANT {system_role} TO {app_role}",
        undone: "REVOKE {system_role} FROM {app_role}",
        opens: ROW_LEVEL_SECURITY,
        table: "tenant_routes: its policies",
    },
    Fault {
        done: "CREATE VIEW everyone AS SELECT tenant_id, email FROM users",
        undone: "DROP VIEW everyone",
        opens: ROW_LEVEL_SECURITY,
        table: "everyone: row-level security is not enabled",
    },
    Fault {
        done: "ALTER TABLE tenant_keys DROP CONSTRAINT tenant_keys_pkey, ADD PRIMARY KEY (id)",
        undone: "ALTER TABLE tenant_keys DROP CONSTRAINT tenant_keys_pkey, ADD PRIMARY KEY (tenant_id, id)",
        opens: COMPOSITE_KEYS,
        table: "tenant_keys: its primary key",
    },
    Fault {
        done: "ALTER TABLE feed DROP CONSTRAINT feed_pkey",
        undone: "ALTER TABLE feed ADD PRIMARY KEY (tenant_id, event_id)",
        opens: COMPOSITE_KEYS,
        table: "feed: its primary key",
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_fault_in_the_catalog_opens_its_lock_and_names_the_table() {
    let Some(database) = scratch_postgres_store_with(|_| {}).await else {
        return;
    };
    let closed = database.store.locks().await.unwrap();
    for fault in &FAULTS {
        database.admin_sql(&with_roles(&database, fault.done)).await;
        let locks = database.store.locks().await.unwrap();
        let open = &locks[fault.opens];
        assert_eq!(open.state, LockState::Open, "{}", fault.done);
        assert!(
            open.detail.contains(fault.table),
            "{}: {}",
            fault.done,
            open.detail
        );
        assert_eq!(states(&locks[..2]), [LockState::Closed; 2]);
        let (table, _) = fault.table.split_once(':').unwrap();
        match database.store.require_closed_locks().await {
            Err(Error::Unfit(words)) => assert!(words.contains(table), "{words}"),
            other => panic!("{}: {other:?}", fault.done),
        }
        database
            .admin_sql(&with_roles(&database, fault.undone))
            .await;
        assert_eq!(
            database.store.locks().await.unwrap(),
            closed,
            "{}",
            fault.undone
        );
    }
    database.store.require_closed_locks().await.unwrap();
    println!("{} faults were found", FAULTS.len());
}

fn with_roles(database: &TestDatabase, text: &str) -> String {
    let migrator = database.postgres_urls().migrator();
    text.replace("{app_role}", &migrator.app_role)
        .replace("{system_role}", &migrator.system_role)
}

/// Why a role is refused: how it is made, and what the refusal says of whom. `{role}` is its name.
struct Unsafe {
    what: &'static str,
    made: &'static str,
    because: &'static str,
}

const UNSAFE: [Unsafe; 7] = [
    Unsafe {
        what: "super",
        made: "CREATE ROLE {role} LOGIN SUPERUSER PASSWORD '{password}'",
        because: "{role}, which is a superuser",
    },
    Unsafe {
        what: "bypass",
        made: "CREATE ROLE {role} LOGIN BYPASSRLS PASSWORD '{password}'",
        because: "{role}, which bypasses row-level security",
    },
    Unsafe {
        what: "creator",
        made: "CREATE ROLE {role} LOGIN CREATEROLE PASSWORD '{password}'",
        because: "{role}, which may create roles",
    },
    Unsafe {
        what: "member_of_superuser",
        made: "CREATE ROLE {role}_above SUPERUSER;
            CREATE ROLE {role} LOGIN IN ROLE {role}_above PASSWORD '{password}'",
        because: "{role}_above, which is a superuser",
    },
    Unsafe {
        what: "member_of_owner",
        made: "CREATE ROLE {role} LOGIN IN ROLE {owner} PASSWORD '{password}'",
        because: "{owner}, which owns the tables",
    },
    // It inherits nothing, and has only to say SET ROLE.
    Unsafe {
        what: "member_that_does_not_inherit",
        made: "CREATE ROLE {role}_between IN ROLE {owner};
            CREATE ROLE {role} LOGIN NOINHERIT IN ROLE {role}_between PASSWORD '{password}'",
        because: "{owner}, which owns the tables",
    },
    Unsafe {
        what: "member_of_bypass",
        made: "CREATE ROLE {role}_above BYPASSRLS;
            CREATE ROLE {role} LOGIN NOINHERIT IN ROLE {role}_above PASSWORD '{password}'",
        because: "{role}_above, which bypasses row-level security",
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_above_row_level_security_is_refused_for_either_setting() {
    let Some(database) = scratch_postgres_store_with(|_| {}).await else {
        return;
    };
    let urls = database.postgres_urls();
    let owner = keyward_store::role_of(&urls.owner).unwrap();
    for found in &UNSAFE {
        let role = format!("{}_{}", urls.database, found.what);
        let fill = |text: &str| {
            text.replace("{role}", &role)
                .replace("{owner}", &owner)
                .replace("{password}", urls.password())
        };
        database.admin_sql(&fill(found.made)).await;
        expect_refusals(&database, &urls.of_role(&role), &fill(found.because)).await;
    }
    let because = format!("{owner}, which owns the tables");
    expect_refusals(&database, &urls.owner, &because).await;
    let superuser = keyward_store::role_of(&urls.admin).unwrap();
    let because = format!("{superuser}, which is a superuser");
    expect_refusals(&database, &urls.admin, &because).await;
}

/// The refusal names the setting, the role, the reason, and what to do.
async fn expect_refusals(database: &TestDatabase, url: &str, because: &str) {
    let urls = database.postgres_urls();
    let both = [
        ("database.url", PostgresOptions::new(url, &urls.system)),
        ("database.system_url", PostgresOptions::new(&urls.app, url)),
    ];
    for (setting, options) in both {
        let refusal = match Store::open_postgres(&options).await {
            Err(Error::Unfit(words)) => words,
            other => panic!("{because}: {other:?}"),
        };
        assert!(
            refusal.contains(&format!("the role of {setting} is")),
            "{refusal}"
        );
        assert!(refusal.contains(because), "{because} is not in: {refusal}");
        assert!(
            refusal.contains("keyward migrate --create-roles"),
            "{refusal}"
        );
        assert!(!refusal.contains(urls.password()), "{refusal}");
    }
}
