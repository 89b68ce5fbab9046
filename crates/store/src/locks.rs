//! The four locks of tenant isolation, as `doctor` and the catalog test find them.

use crate::error::Error;
use crate::postgres::{self, Lease};
use crate::store::Store;

/// One of the four locks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Which one, in a few words.
    pub name: &'static str,
    /// Whether it is closed.
    pub state: LockState,
    /// What was looked at, and what was found.
    pub detail: String,
}

/// Whether a lock is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockState {
    /// It holds.
    Closed,
    /// It does not; the detail says why.
    Open,
    /// This engine does not have it.
    Absent,
}

impl Store {
    /// Looks at each of the four locks.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database cannot be asked.
    pub async fn locks(&self) -> Result<Vec<Lock>, Error> {
        let by_type = |name, detail: &str| Lock {
            name,
            state: LockState::Closed,
            detail: detail.to_owned(),
        };
        let mut locks = vec![
            by_type(
                "scope from the store only",
                "no other crate can make a TenantScope (checked by the compiler)",
            ),
            by_type(
                "tenant bound by the transaction",
                "no query takes a tenant id (checked by the compiler)",
            ),
        ];
        match self.postgres() {
            None => locks.extend(self.on_sqlite().await?),
            Some(engine) => {
                let lease = engine.app_lease().await?;
                locks.extend(on_postgres(&lease).await?);
                lease.release();
            }
        }
        Ok(locks)
    }

    /// Refuses a database whose locks do not hold.
    ///
    /// # Errors
    /// [`Error::Unfit`] naming the first open lock; else as [`Store::locks`].
    pub async fn require_closed_locks(&self) -> Result<(), Error> {
        let locks = self.locks().await?;
        match locks.iter().find(|lock| lock.state == LockState::Open) {
            None => Ok(()),
            Some(lock) => Err(Error::Unfit(format!(
                "tenants would not be kept apart: {}: {}",
                lock.name, lock.detail
            ))),
        }
    }

    async fn on_sqlite(&self) -> Result<[Lock; 2], Error> {
        let tables = match self.sqlite() {
            Some(engine) => engine.tables_without_tenant_key().await?,
            None => Vec::new(),
        };
        let faults: Vec<String> = tables
            .into_iter()
            .map(|table| format!("{table}: no unique key begins with tenant_id"))
            .collect();
        let detail = "SQLite has no row-level security; use PostgreSQL where the database must refuse by itself";
        Ok([
            verdict(
                "composite keys",
                &faults,
                "every tenant table has a key that begins with tenant_id",
            ),
            Lock {
                name: "row-level security",
                state: LockState::Absent,
                detail: detail.to_owned(),
            },
        ])
    }
}

async fn on_postgres(lease: &Lease) -> Result<[Lock; 2], Error> {
    let tables = postgres::tenant_tables(lease).await?;
    let faults: Vec<String> = tables
        .iter()
        .flat_map(|table| {
            table
                .faults
                .iter()
                .map(|fault| format!("{}: {fault}", table.name))
        })
        .collect();
    let (keys, policies): (Vec<_>, Vec<_>) = faults
        .into_iter()
        .partition(|fault| fault.contains("primary key"));
    let mut security = policies;
    for found in postgres::unsafe_roles(lease).await? {
        security.push(format!(
            "the request role is, or is a member of, {}, which {}",
            found.role, found.because
        ));
    }
    security.extend(rows_without_a_tenant(lease, &tables).await?);
    Ok([
        verdict("composite keys", &keys, &format!("{} tables", tables.len())),
        verdict(
            "row-level security",
            &security,
            &format!("enabled, forced and tried on {} tables", tables.len()),
        ),
    ])
}

/// Tries it: a transaction that names no tenant must see no row of any table.
async fn rows_without_a_tenant(
    lease: &Lease,
    tables: &[postgres::TenantTable],
) -> Result<Vec<String>, Error> {
    let mut seen = Vec::new();
    for table in tables.iter().filter(|table| table.readable) {
        let name = crate::migrations::quoted(&table.name);
        let rows = lease
            .catalog(&format!("SELECT EXISTS (SELECT tenant_id FROM {name})"))
            .await?;
        if rows
            .first()
            .is_none_or(|row| row.try_get(0).unwrap_or(true))
        {
            seen.push(format!("{}: rows are visible without a tenant", table.name));
        }
    }
    Ok(seen)
}

fn verdict(name: &'static str, faults: &[String], closed: &str) -> Lock {
    match faults.is_empty() {
        true => Lock {
            name,
            state: LockState::Closed,
            detail: closed.to_owned(),
        },
        false => Lock {
            name,
            state: LockState::Open,
            detail: faults.join("; "),
        },
    }
}
