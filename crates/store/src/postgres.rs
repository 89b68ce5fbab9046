//! The PostgreSQL engine: a pool for requests and one for routing, each with a role of its own.

mod catalog;
mod connect;
mod lease;
mod safety;

pub(crate) use catalog::{TenantTable, tenant_tables};
pub use connect::PostgresOptions;
pub(crate) use connect::connect_once;
pub(crate) use lease::Lease;
pub(crate) use safety::{UnsafeRole, unsafe_roles};

use crate::error::Error;
use crate::meter::PoolReading;
use deadpool_postgres::{Pool, PoolError};
use keyward_model::TenantId;

/// The engine.
pub(crate) struct Postgres {
    app: Pool,
    system: Pool,
    #[cfg(feature = "testing")]
    without_tenant_filter: bool,
}

impl Postgres {
    pub(crate) fn open(options: &PostgresOptions) -> Result<Self, Error> {
        Ok(Self {
            app: connect::pool(&options.app_url, options, options.connections_max)?,
            system: connect::pool(
                &options.system_url,
                options,
                options.connections_max.div_ceil(4),
            )?,
            #[cfg(feature = "testing")]
            without_tenant_filter: options.without_tenant_filter,
        })
    }

    /// A connection of the app role, inside a transaction of one tenant.
    pub(crate) async fn begin(&self, tenant_id: TenantId, read_only: bool) -> Result<Lease, Error> {
        let lease = self.lease(&self.app).await?;
        // A UUID's text has no character that could end the literal.
        let begin = if read_only {
            "BEGIN READ ONLY"
        } else {
            "BEGIN"
        };
        lease
            .batch(&format!(
                "{begin}; SELECT set_config('app.current_tenant_id', '{tenant_id}', true)"
            ))
            .await?;
        Ok(lease)
    }

    /// A connection of the system role, inside a transaction.
    pub(crate) async fn begin_system(&self) -> Result<Lease, Error> {
        let lease = self.lease(&self.system).await?;
        lease.batch("BEGIN").await?;
        Ok(lease)
    }

    /// A connection of the app role outside of any transaction, for the checks at start.
    pub(crate) async fn app_lease(&self) -> Result<Lease, Error> {
        self.lease(&self.app).await
    }

    /// The same of the system role.
    pub(crate) async fn system_lease(&self) -> Result<Lease, Error> {
        self.lease(&self.system).await
    }

    /// How the two pools stand.
    pub(crate) fn pools(&self) -> Vec<PoolReading> {
        let reading = |role, pool: &Pool| {
            let status = pool.status();
            PoolReading {
                role,
                open: status.size,
                idle: status.available,
                open_max: status.max_size,
                waiting: status.waiting,
            }
        };
        vec![reading("app", &self.app), reading("system", &self.system)]
    }

    async fn lease(&self, pool: &Pool) -> Result<Lease, Error> {
        let client = pool.get().await.map_err(|error| match error {
            PoolError::Backend(error) => Error::unavailable(connect::words(&error)),
            error => Error::unavailable(error),
        })?;
        #[cfg(feature = "testing")]
        let without_tenant_filter = self.without_tenant_filter;
        #[cfg(not(feature = "testing"))]
        let without_tenant_filter = false;
        Ok(Lease::new(client, without_tenant_filter))
    }
}
