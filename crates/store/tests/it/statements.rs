//! What can be said of every statement without running it.

use keyward_store::testing::statement_texts;
use keyward_testkit::{TestDatabase, on_both_engines, sqlite_store};
use std::collections::BTreeSet;

/// The statements of `SystemTx`: they run before a tenant is known.
const BEFORE_A_TENANT_IS_KNOWN: &[&str] = &[
    "FIND_ROUTE",
    "FIND_ORIGIN",
    "FIND_ORIGIN_OF",
    "LIST_TENANTS",
    "FIND_INSTANCE_SETTING",
    "CLAIM_INSTANCE_SETTING",
    "FIND_ABANDONED_JOBS",
    "FIND_WAITING_JOBS",
    "CLAIM_JOB",
    "LIST_JOBS",
    "FIND_TENANT_OF_JOB",
    "COUNT_WAITING_JOBS",
    "COUNT_DUE_JOBS",
    "COUNT_RUNNING_JOBS",
    "COUNT_DEAD_JOBS",
    "DELETE_FINISHED_JOBS",
    "CLAIM_SCHEDULE",
    "CONTINUE_SCHEDULE",
    "END_SCHEDULE",
    "SCAN_SESSIONS",
    "SCAN_IDEMPOTENCY_KEYS",
    "SCAN_ATTEMPTS",
    "SCAN_DENYLISTS",
    "SCAN_ROTATIONS",
    "INSERT_INSTANCE_EVENT",
    "LIST_NODES",
    "LIST_INSTANCE_EVENTS",
    "PURGE_AUDIT_EVENTS",
    "PURGE_FEED",
    "INSERT_LAST_EVENT",
    "FIND_FEED_CURSOR",
    "BEGIN_FEED_CURSOR",
    "MOVE_FEED_CURSOR",
    "COUNT_FEED_ROWS",
    "FIND_NEXT_FEED_ROW",
    "DELETE_FEED_ROWS",
    "READ_FEED",
];

on_both_engines!(every_statement_is_understood);

async fn every_statement_is_understood(database: TestDatabase) {
    let prepared = database.store.prepare_all().await.unwrap();
    assert_eq!(prepared, statement_texts().len());
    println!(
        "{prepared} statements were prepared on {}",
        database.engine_name()
    );
}

/// The statements whose plan on SQLite may walk through all of a tenant's rows in a table, or through those of an end: because
/// they want all of these, a page of them in this order, or because few are there.
const WALK_THROUGH_A_TENANT: &[&str] = &[
    // Pages, in the order of ids.
    "LIST_ACTIVE_SESSIONS",
    "END_SESSIONS_AFTER",
    "LIST_AUDIT_EVENTS",
    "LIST_OAUTH_CLIENTS",
    "LIST_PUBLISHABLE_KEYS",
    "LIST_USERS",
    "SEARCH_USERS",
    "SEARCH_USERS_BY_EMAIL",
    // What is over.
    "SWEEP_IDEMPOTENCY_KEYS",
    "PRUNE_IDEMPOTENCY_KEYS",
    "SCAN_SESSIONS",
    "SCAN_IDEMPOTENCY_KEYS",
    "SCAN_ATTEMPTS",
    "SCAN_DENYLISTS",
    "LIST_EXPIRED_SESSIONS",
    "LIST_USER_DELETIONS_BEFORE",
    "ERASE_ANSWERS",
    "PRUNE_ATTEMPTS",
    "PRUNE_KNOWN_DEVICES",
    "PRUNE_DENYLIST",
    "PRUNE_TOKEN_USAGE",
    "LIST_TOKEN_USAGE",
    // What is kept for a day, when somebody is erased.
    "FORGET_ANSWERS",
    // Few, or none yet.
    "INSERT_TENANT",
    "LIST_NAMES",
    "VOID_INVITATIONS",
    "LIST_SIGNING_KEYS",
    "LIST_PUBLISHED_SIGNING_KEYS",
    "COUNT_OAUTH_CLIENTS",
    "COUNT_PUBLISHABLE_KEYS",
    "FIND_ALLOWED_ORIGIN",
    "FIND_OTHER_ADMINISTRATOR",
];

#[tokio::test]
async fn no_statement_about_one_row_walks_through_a_tenant_on_sqlite() {
    let database = sqlite_store();
    let walks = |step: &String| {
        let within = step.rsplit_once('(').map_or("", |(_, within)| within);
        let wants_all = within == "tenant_id=?)";
        let by_an_order = within.starts_with("tenant_id=? AND ") && !within[15..].contains("=?");
        (wants_all || by_an_order) && !step.contains("autoindex_tenants_")
    };
    let plans = database.store.sqlite_plans().await.unwrap();
    let walking = plans
        .iter()
        .filter(|(name, steps)| !name.starts_with("PURGE_") && steps.iter().any(walks));
    let walking: BTreeSet<&str> = walking.map(|(name, _)| *name).collect();
    assert_eq!(walking, WALK_THROUGH_A_TENANT.iter().copied().collect());
}

#[test]
fn every_statement_of_a_tenant_binds_it_in_each_table() {
    let mut exempt = Vec::new();
    for (name, text) in statement_texts() {
        if BEFORE_A_TENANT_IS_KNOWN.contains(&name) {
            exempt.push(name);
            continue;
        }
        assert!(binds_tenant(&text), "{name}: {text}");
    }
    assert_eq!(exempt.len(), BEFORE_A_TENANT_IS_KNOWN.len(), "{exempt:?}");
}

/// Whether an INSERT's first column is the tenant and its first value `$1`; or, for all others, whether there are as
/// many conditions on a `tenant_id` as tables, one of them on `$1`.
fn binds_tenant(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    let flat = words.join(" ");
    if let Some(rest) = flat.strip_prefix("INSERT INTO ") {
        let columns = rest.split_once(" (").map_or("", |(_, columns)| columns);
        return columns.starts_with("tenant_id,") && rest.contains(" VALUES ($1, ");
    }
    let tables = words
        .iter()
        .filter(|word| ["FROM", "JOIN", "UPDATE"].contains(word))
        .count();
    let where_clause = flat.split_once(" WHERE ").map_or("", |(_, clause)| clause);
    tables > 0
        && where_clause.contains("tenant_id = $1")
        && !where_clause.contains(" OR tenant_id")
        && flat.matches("tenant_id = ").count() == tables
}

#[test]
fn a_statement_that_forgets_its_tenant_is_found() {
    for forgetful in [
        "SELECT id FROM users WHERE id = $2",
        "SELECT u.id FROM users u JOIN sessions s ON s.user_id = u.id WHERE s.tenant_id = $1",
        "UPDATE users SET tenant_id = $1 WHERE id = $2",
        "INSERT INTO users (id, tenant_id) VALUES ($2, $1)",
        "INSERT INTO users (tenant_id, id) VALUES ($2, $1)",
        "DELETE FROM users",
    ] {
        assert!(!binds_tenant(forgetful), "{forgetful}");
    }
    assert!(binds_tenant(
        "SELECT u.id FROM users u JOIN sessions s ON s.tenant_id = u.tenant_id WHERE u.tenant_id = $1"
    ));
}
