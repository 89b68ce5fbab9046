//! The four locks: `Store::locks` finds each that is open, and the server refuses a role that stands above them.

use keyward_store::{Error, Lock, LockState, PostgresOptions, Store};
use keyward_testkit::{
    TestDatabase, postgres_store, scratch_postgres_store_with, sqlite_store,
};

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
        done: "ALTER POLICY tenant_isolation ON refresh_tokens RENAME TO renamed",
        undone: "ALTER POLICY renamed ON refresh_tokens RENAME TO tenant_isolation",
        opens: ROW_LEVEL_SECURITY,
        table: "refresh_tokens: its policies",
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
    let Some(database) = scratch_with_own_roles().await else {
        return;
    };
    let closed = database.store.locks().await.unwrap();
    for fault in &FAULTS {
        database.admin_sql(&with_roles(&database, fault.done)).await;
        let locks = database.store.locks().await.unwrap();
        let open = &locks[fault.opens];
        assert_eq!(open.state, LockState::Open, "{}", fault.done);
        assert!(open.detail.contains(fault.table), "{}: {}", fault.done, open.detail);
        let still_closed = locks.iter().filter(|lock| lock.state == LockState::Closed);
        assert_eq!(still_closed.count(), 3, "{}: {locks:?}", fault.done);
        database.admin_sql(&with_roles(&database, fault.undone)).await;
        assert_eq!(database.store.locks().await.unwrap(), closed, "{}", fault.undone);
    }
    println!("{} faults were found", FAULTS.len());
}
