//! The PostgreSQL engine: a pool for requests and one for routing, each with a role of its own.

mod catalog;
mod connect;
mod hearing;
mod lease;
mod node;
mod safety;
mod silence;
mod snapshot;

pub(crate) use catalog::{TenantTable, tenant_tables};
pub use connect::PostgresOptions;
pub(crate) use connect::connect_once;
pub(crate) use hearing::Hearing;
pub(crate) use lease::{Call, Lease};
pub(crate) use node::Node;
pub use node::NodeIdentity;
pub(crate) use safety::{UnsafeRole, unsafe_roles};

use crate::error::Error;
use crate::meter::PoolReading;
use connect::CHANNEL;
use deadpool_postgres::{Pool, PoolError};
use keyward_model::{Stopwatch, TenantId};
use std::time::Duration;
use tokio::time::timeout;

/// How long a notification is waited for that was sent to try it.
const NOTIFICATION_MAX: Duration = Duration::from_secs(2);

/// The engine.
pub(crate) struct Postgres {
    app: Pool,
    system: Pool,
    options: PostgresOptions,
    hearing: Hearing,
    #[cfg(feature = "testing")]
    without_tenant_filter: bool,
}

/// What a transaction in a tenant is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    /// SELECTs only.
    Read,
    /// Changes.
    Change,
}

impl Postgres {
    pub(crate) fn open(options: &PostgresOptions) -> Result<Self, Error> {
        let system_max = options.connections_max.div_ceil(4);
        let system = connect::pool(&options.system_url, options, system_max)?;
        Ok(Self {
            app: connect::pool(&options.app_url, options, options.connections_max)?,
            hearing: Hearing::new(system.clone()),
            options: options.clone(),
            system,
            #[cfg(feature = "testing")]
            without_tenant_filter: options.without_tenant_filter,
        })
    }

    /// A connection of the app role, in a transaction of one tenant that begins with its first statement.
    pub(crate) async fn begin(&self, tenant_id: TenantId, how: Begin) -> Result<Lease, Error> {
        let lease = self.lease(&self.app).await?;
        let begin = match how {
            Begin::Read => "BEGIN READ ONLY",
            Begin::Change => "BEGIN",
        };
        // A UUID's text has no character that could end the literal.
        lease.begin_with(format!(
            "{begin}; SELECT set_config('app.current_tenant_id', '{tenant_id}', true)"
        ));
        Ok(lease)
    }

    /// A connection of the system role, in a transaction that begins with its first statement.
    pub(crate) async fn begin_system(&self) -> Result<Lease, Error> {
        let lease = self.lease(&self.system).await?;
        lease.begin_with("BEGIN".to_owned());
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

    /// Where changes wait until every node knows of them.
    pub(crate) fn hearing(&self) -> &Hearing {
        &self.hearing
    }

    /// Listens on a connection as nodes have it, notifies from another, and waits for it.
    pub(crate) async fn try_notifying(&self) -> Result<Duration, Error> {
        let listening = connect::listen(&self.options, "keyward doctor").await?;
        let lease = self.system_lease().await?;
        let begun = Stopwatch::start();
        lease
            .catalog(&format!("SELECT pg_notify('{CHANNEL}', '')::text"))
            .await?;
        lease.release();
        match timeout(NOTIFICATION_MAX, listening.bell.notified()).await {
            Ok(()) => Ok(begun.elapsed()),
            Err(_) => Err(Error::unavailable(
                "no notification came; is there a pooler between this machine and the database that shares sessions?",
            )),
        }
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
