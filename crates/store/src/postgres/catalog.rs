//! What the catalog says of the tables that hold tenants' rows.

use super::Lease;
use crate::error::Error;

/// The condition of the one policy that every tenant table has, as PostgreSQL prints it back.
const ISOLATION: &str =
    "(tenant_id = (NULLIF(current_setting('app.current_tenant_id'::text, true), ''::text))::uuid)";

/// The policies that let the system role across tenants, by table: it reads routes and the feed, deletes what the feed's
/// readers have had, works through the queue of jobs, and finds by narrow columns which tenants have something due. Nothing
/// else does, except that it deletes the log of a tenant whose end has begun ([`PURGED`]).
const POLICIES_OF_SYSTEM: &[(&str, &str)] = &[
    ("allowed_origins", "system_reads|r|t|f|true"),
    ("attempt_counts", "system_scans|r|t|f|true"),
    ("feed", "system_prunes|d|t|f|true"),
    ("feed", "system_reads|r|t|f|true"),
    ("idempotency_keys", "system_scans|r|t|f|true"),
    ("jobs", "system_works|*|t|f|true"),
    ("known_devices", "system_scans|r|t|f|true"),
    ("sessions", "system_scans|r|t|f|true"),
    ("tenant_routes", "system_reads|r|t|f|true"),
    ("tenants", "system_reads|r|t|f|true"),
];

/// The condition under which a row of a log may go, as PostgreSQL prints it back for each table.
const PURGED: &str = "(EXISTS ( SELECT FROM tenants t WHERE ((t.tenant_id = {table}.tenant_id) \
    AND (t.status = 'purging'::text) AND (t.delete_after <= \
    ((EXTRACT(epoch FROM clock_timestamp()) * (1000000)::numeric))::bigint))))";

/// The policies that [`PURGED`] stands in, by table.
const POLICIES_OF_THE_END: [(&str, &str); 2] = [
    ("audit_events", "system_purges|d|t|f|"),
    ("audit_events", "system_sees_purged|r|t|f|"),
];

/// A table with a `tenant_id`, and whether its locks are closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TenantTable {
    pub(crate) name: String,
    /// What is wrong with it; nothing, when it is as it must be.
    pub(crate) faults: Vec<String>,
    /// Whether the present role may read it at all.
    pub(crate) readable: bool,
}

/// Every table and view with a column `tenant_id`, with its faults. A policy is told by its name, command, whether it is
/// permissive, whether it applies to the present role, and its two conditions.
pub(crate) async fn tenant_tables(lease: &Lease) -> Result<Vec<TenantTable>, Error> {
    let rows = lease
        .catalog(
            "SELECT c.relname::text, c.relrowsecurity, c.relforcerowsecurity,
                    COALESCE((SELECT string_agg(concat_ws('|', p.polname, p.polcmd, p.polpermissive,
                                     (SELECT bool_or(CASE WHEN role = 0 THEN true
                                                          ELSE pg_has_role(current_user, role, 'MEMBER') END)
                                      FROM unnest(p.polroles) role),
                                     pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)),
                                     E'\\n' ORDER BY p.polname)
                              FROM pg_policy p WHERE p.polrelid = c.oid), ''),
                    COALESCE((SELECT (SELECT a.attname FROM pg_attribute a
                                      WHERE a.attrelid = c.oid AND a.attnum = i.indkey[0])::text
                              FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary), ''),
                    has_table_privilege(c.oid, 'SELECT')
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = current_schema() AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
               AND EXISTS (SELECT FROM pg_attribute a
                           WHERE a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped)
             ORDER BY c.relname",
        )
        .await?;
    Ok(rows.iter().map(examine).collect())
}

fn examine(row: &tokio_postgres::Row) -> TenantTable {
    let name: String = row.try_get(0).unwrap_or_default();
    let mut faults = Vec::new();
    let mut demand = |holds: bool, fault: &str| {
        if !holds {
            faults.push(fault.to_owned());
        }
    };
    demand(
        row.try_get(1).unwrap_or(false),
        "row-level security is not enabled",
    );
    demand(
        row.try_get(2).unwrap_or(false),
        "row-level security is not forced",
    );
    let policies: String = row.try_get(3).unwrap_or_default();
    demand(
        on_one_line(&policies) == on_one_line(&expected_policies(&name)),
        "its policies are not the expected ones",
    );
    let leading: String = row.try_get(4).unwrap_or_default();
    demand(
        leading == "tenant_id",
        "its primary key does not begin with tenant_id",
    );
    TenantTable {
        name,
        faults,
        readable: row.try_get(5).unwrap_or(true),
    }
}

fn expected_policies(table: &str) -> String {
    let isolation = format!("tenant_isolation|*|t|t|{ISOLATION}|{ISOLATION}");
    let of_the_end = POLICIES_OF_THE_END
        .iter()
        .filter(|(name, _)| *name == table)
        .map(|(_, policy)| format!("{policy}{}", PURGED.replace("{table}", table)));
    let of_system = POLICIES_OF_SYSTEM
        .iter()
        .filter(|(name, _)| *name == table)
        .map(|(_, policy)| (*policy).to_owned());
    let mut policies: Vec<String> = of_the_end.chain(of_system).chain([isolation]).collect();
    policies.sort();
    policies.join("\n")
}

/// PostgreSQL breaks the lines of a longer condition.
fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
