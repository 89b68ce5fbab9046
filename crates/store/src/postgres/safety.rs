//! Row-level security protects nothing from a role that stands above it. This finds such roles.

use super::Lease;
use crate::error::Error;

/// A role that the server must not run as, nor be a member of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnsafeRole {
    pub(crate) role: String,
    pub(crate) because: &'static str,
}

/// The roles that the connection's role is, or is a member of, and that could see every tenant. Its own comes first: a
/// superuser counts as a member of every role.
pub(crate) async fn unsafe_roles(lease: &Lease) -> Result<Vec<UnsafeRole>, Error> {
    let rows = lease
        .catalog(
            "SELECT r.rolname::text, r.rolsuper, r.rolbypassrls, r.rolcreaterole,
                    EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                            WHERE c.relowner = r.oid AND n.nspname = current_schema() AND c.relkind IN ('r', 'p'))
             FROM pg_roles r WHERE pg_has_role(current_user, r.oid, 'MEMBER')
             ORDER BY r.rolname <> current_user, r.rolname",
        )
        .await?;
    let mut found = Vec::new();
    for row in rows {
        let reasons = [
            (1, "is a superuser"),
            (2, "bypasses row-level security"),
            (3, "may create roles, and so make itself a member of any"),
            (4, "owns the tables"),
        ];
        for (column, because) in reasons {
            if row.try_get::<_, bool>(column).unwrap_or(true) {
                found.push(UnsafeRole {
                    role: row.try_get(0).unwrap_or_default(),
                    because,
                });
            }
        }
    }
    Ok(found)
}
