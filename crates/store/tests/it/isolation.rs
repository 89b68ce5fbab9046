//! Two tenants: whatever tenant B asks with the ids of tenant A, it sees nothing of A and changes nothing of it.
//!
//! The suite runs every public method of `TenantTx` that stands in the source; one without a case fails it. On
//! PostgreSQL it runs once more with the tenant filter taken out of every statement, so that row-level security holds
//! alone. Each method that can see something is then run as A, where it must: so the suite is able to fail.

mod cases;
mod loot;

use crate::sources::{public_methods, variants};
use crate::support::some_event;
use cases::{Seen, run_case};
use keyward_store::testing::statement_texts;
use keyward_store::{Error, Housekeeping, TenantScope};
use keyward_testkit::{
    TestDatabase, postgres_store, postgres_store_with, query_postgres, sqlite_store,
};
use loot::{Loot, fill};
use std::collections::BTreeMap;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenant_b_sees_and_changes_nothing_of_a_on_sqlite() {
    run_suite(&sqlite_store()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tenant_b_sees_and_changes_nothing_of_a_on_postgres() {
    if let Some(database) = postgres_store().await {
        run_suite(&database).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn row_level_security_alone_hides_tenant_a() {
    let database = postgres_store_with(|options| options.without_tenant_filter = true);
    if let Some(database) = database.await {
        run_suite(&database).await;
    }
}

async fn run_suite(database: &TestDatabase) {
    let (a, loot) = fill(database, "tenant-a").await;
    let methods = public_methods("TenantTx<'_>");
    let before = database.rows_of_tenant(a.tenant_id()).await;
    assert!(
        before.iter().all(|(_, rows)| !rows.is_empty()),
        "tenant A has rows in each table: {before:?}"
    );
    for method in &methods {
        // A tenant B for each: what one method wrote with A's ids, another would find as B's own.
        let (b, _) = fill(database, "tenant-b").await;
        let seen = attack(database, &b, method, &loot).await;
        assert_ne!(seen, Seen::Something, "{method} shows B something of A");
        let after = database.rows_of_tenant(a.tenant_id()).await;
        assert_eq!(before, after, "{method} lets B change rows of A");
    }
    let chores = run_chores(database, &loot).await;
    let after = database.rows_of_tenant(a.tenant_id()).await;
    assert_eq!(before, after, "a chore lets B change rows of A");
    let seeing = control(database, methods.iter().map(String::as_str)).await;
    println!(
        "the two-tenant suite ran {} methods and {chores} chores as B on {}; {seeing} methods see A's rows as A",
        methods.len(),
        database.engine_name()
    );
}

/// Does all housekeeping as B with A's ids; how many kinds there are.
async fn run_chores(database: &TestDatabase, loot: &Loot) -> usize {
    let (b, _) = fill(database, "tenant-b").await;
    let later = loot.session.created_at.plus_seconds(60);
    let chores = [
        Housekeeping::TouchSessions(vec![(loot.session.id, later)]),
        Housekeeping::EraseRefreshAnswers(later),
    ];
    for chore in &chores {
        database
            .store
            .housekeeping(&b, chore.clone())
            .await
            .unwrap();
    }
    assert_eq!(
        chores.len(),
        variants("Housekeeping").len(),
        "a chore has no case"
    );
    chores.len()
}

/// Runs the methods as A itself, which must see what it has; how many of them can show anything at all.
async fn control(database: &TestDatabase, methods: impl Iterator<Item = &str>) -> usize {
    let mut seeing = 0;
    for method in methods {
        let (a, loot) = fill(database, "tenant-a").await;
        match attack(database, &a, method, &loot).await {
            Seen::Something => seeing += 1,
            Seen::NothingEver => {}
            Seen::Nothing => panic!("{method} does not see A as A: its case cannot fail"),
        }
    }
    seeing
}

/// Runs one method in a transaction of its own, and commits what it did.
async fn attack(database: &TestDatabase, scope: &TenantScope, method: &str, loot: &Loot) -> Seen {
    let (name, of_a) = (method.to_owned(), loot.clone());
    let event = some_event(database, scope);
    let outcome = database.store.write(scope, async move |tx| {
        let seen = run_case(&name, tx, &of_a).await?;
        tx.record(&event).await?;
        Ok(seen)
    });
    match outcome.await {
        Ok(seen) => seen,
        Err(Error::Conflict { .. }) => cases::meaning_of_conflict(method, scope, loot),
        Err(error) => panic!("{method}: {error}"),
    }
}

/// The negative control: past row-level security the same statements, without their filter, do show A's rows.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_bypasses_row_level_security_would_see_tenant_a() {
    let Some(database) = postgres_store().await else {
        return;
    };
    let (a, loot) = fill(&database, "tenant-a").await;
    let (b, _) = fill(&database, "tenant-b").await;
    let (_, find_user) = statement_texts()
        .into_iter()
        .find(|(name, _)| *name == "FIND_USER")
        .unwrap();
    let unfiltered = find_user
        .replace("tenant_id = $1", "true")
        .replace("$2", &database.id_literal(loot.user.id));
    let urls = database.postgres_urls();
    let as_tenant = |scope: &TenantScope| {
        format!(
            "SET app.current_tenant_id = '{}'; {unfiltered}",
            scope.tenant_id()
        )
    };
    let rows = query_postgres(&urls.admin, &as_tenant(&b)).await;
    assert_eq!(rows.len(), 1, "the superuser sees A's user as tenant B");
    let rows = query_postgres(&urls.app, &as_tenant(&b)).await;
    assert!(rows.is_empty(), "the app role does not");
    let rows = query_postgres(&urls.app, &as_tenant(&a)).await;
    assert_eq!(rows.len(), 1, "but it does as tenant A");
    let rows = query_postgres(&urls.app, &unfiltered).await;
    assert!(rows.is_empty(), "and without a tenant it sees nothing");
    let empty = format!("SET app.current_tenant_id = ''; {unfiltered}");
    let rows = query_postgres(&urls.app, &empty).await;
    assert!(rows.is_empty(), "an empty one is none");
}

/// The system role routes, works through the queue, and finds what is due by narrow columns: it reads no row of a user,
/// nothing that a job is about, and it makes no row of a tenant.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_system_role_reads_routes_and_nothing_else_of_a_tenant() {
    let Some(database) = postgres_store().await else {
        return;
    };
    fill(&database, "tenant-a").await;
    let system = &database.postgres_urls().system;
    let of_role = keyward_store::role_of(system).unwrap();
    let granted = format!(
        "SELECT c.relname || '.' || a.attname, p.privilege
         FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
         CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE')) p(privilege)
         WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
           AND EXISTS (SELECT FROM pg_attribute t WHERE t.attrelid = c.oid AND t.attname = 'tenant_id')
           AND has_column_privilege('{of_role}', c.oid, a.attnum, p.privilege)
         ORDER BY 1, 2"
    );
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in query_postgres(system, &granted).await {
        let [column, privilege] = [0, 1].map(|index| row[index].clone().unwrap());
        let (table, column) = column.split_once('.').unwrap();
        let columns = found.entry(format!("{privilege} {table}")).or_default();
        columns.push(column.to_owned());
    }
    let tables: Vec<&String> = found.keys().collect();
    let expected = [
        "SELECT allowed_origins",
        "SELECT attempt_counts",
        "SELECT audit_events",
        "SELECT feed",
        "SELECT idempotency_keys",
        "SELECT jobs",
        "SELECT known_devices",
        "SELECT sessions",
        "SELECT tenant_routes",
        "SELECT tenants",
        "UPDATE jobs",
    ];
    assert_eq!(tables, expected);
    for scanned in [
        "SELECT sessions",
        "SELECT idempotency_keys",
        "SELECT attempt_counts",
        "SELECT known_devices",
    ] {
        assert_eq!(found[scanned], ["expires_at", "tenant_id"], "{scanned}");
    }
    assert_eq!(found["SELECT audit_events"], ["id", "tenant_id"]);
    for hidden in ["payload", "deduplication_key", "last_error"] {
        assert!(!found["SELECT jobs"].iter().any(|column| column == hidden));
    }
    let claiming = [
        "attempts",
        "claim",
        "claimed_by",
        "lease_until",
        "state",
        "version",
    ];
    assert_eq!(found["UPDATE jobs"], claiming);
    let mut deletable = Vec::new();
    for table in database.tenant_tables().await {
        let privileges = format!("SELECT has_table_privilege('{table}', 'DELETE, TRUNCATE')");
        let row = query_postgres(system, &privileges).await.remove(0);
        if row[0].as_deref() == Some("t") {
            deletable.push(table);
        }
    }
    assert_eq!(deletable, ["audit_events", "feed", "jobs"]);
    let rows = query_postgres(system, "SELECT tenant_id FROM tenants LIMIT 1").await;
    assert_eq!(rows.len(), 1, "without a tenant");
}

/// What was recorded goes only with its tenant, and only once that is past its time: the database itself sees to it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asvs_v16_4_2_no_role_deletes_the_log_of_a_tenant_that_is_not_at_its_end() {
    let Some(database) = postgres_store().await else {
        return;
    };
    let (scope, _) = fill(&database, "tenant-a").await;
    let tenant = database.id_literal(scope.tenant_id());
    let urls = database.postgres_urls();
    let past = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint - 1";
    let future = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint + 60000000";
    let count = async |table: &str| {
        let query = format!("SELECT COUNT(*) FROM {table} WHERE tenant_id = {tenant}");
        database.admin_count(&query).await
    };
    {
        let table = "audit_events";
        let privilege =
            format!("SELECT has_table_privilege('{table}', 'DELETE, TRUNCATE, UPDATE')");
        let of_app = query_postgres(&urls.app, &privilege).await;
        assert_eq!(of_app[0][0].as_deref(), Some("f"), "{table}");
        let rows = count(table).await;
        assert!(rows > 0);
        let delete = format!("DELETE FROM {table} WHERE tenant_id = {tenant}");
        for (status, delete_after) in [
            ("active", "NULL"),
            ("suspended", "NULL"),
            ("active", past),
            ("deleting", past),
            ("purging", "NULL"),
            ("purging", future),
        ] {
            let set = format!(
                "UPDATE tenants SET status = '{status}', delete_after = {delete_after} WHERE tenant_id = {tenant}"
            );
            database.admin_sql(&set).await;
            query_postgres(&urls.system, &delete).await;
            assert_eq!(
                count(table).await,
                rows,
                "{table} of {status} {delete_after}"
            );
        }
        let set = format!(
            "UPDATE tenants SET status = 'purging', delete_after = {past} WHERE tenant_id = {tenant}"
        );
        database.admin_sql(&set).await;
        query_postgres(&urls.system, &delete).await;
        assert_eq!(count(table).await, 0, "{table}");
    }
}
