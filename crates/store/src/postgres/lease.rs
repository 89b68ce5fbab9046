//! A borrowed connection. It goes back to its pool only when its transaction was ended properly.

use super::connect::words;
use crate::error::Error;
use crate::row::{Answer, Row};
use crate::statement::Statement;
use crate::value::Value;
use deadpool_postgres::Object;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

/// A connection that is in use.
///
/// Dropped half-way (a panic, a cancelled request) it is closed, which rolls back; another request never finds it.
pub(crate) struct Lease {
    client: Option<Object>,
    without_tenant_filter: bool,
}

impl Lease {
    pub(super) fn new(client: Object, without_tenant_filter: bool) -> Self {
        Self {
            client: Some(client),
            without_tenant_filter,
        }
    }

    /// Ends the transaction with COMMIT and gives the connection back.
    pub(crate) async fn commit(mut self) -> Result<(), Error> {
        let client = self.client()?;
        // Without an answer nobody knows whether it was done, and the connection is not to be used again.
        client
            .batch_execute("COMMIT")
            .await
            .map_err(|error| match error.code() {
                Some(code) if is_retry(code) => Error::Retry(words(&error)),
                Some(_) => Error::unavailable(words(&error)),
                None => Error::OutcomeUnknown(words(&error)),
            })?;
        drop(self.client.take());
        Ok(())
    }

    /// Ends the transaction with ROLLBACK and gives the connection back; if that fails, closes it, which is the same.
    pub(crate) async fn roll_back(mut self) {
        let Ok(client) = self.client() else { return };
        if client.batch_execute("ROLLBACK").await.is_ok() {
            drop(self.client.take());
        }
    }

    /// Gives a connection back that is in no transaction.
    pub(crate) fn release(mut self) {
        drop(self.client.take());
    }

    /// Runs statements without parameters.
    pub(crate) async fn batch(&self, text: &str) -> Result<(), Error> {
        self.client()?
            .batch_execute(text)
            .await
            .map_err(|error| translate("batch", &error))
    }

    /// The rows of a catalog query, which is not of any tenant.
    pub(crate) async fn catalog(&self, text: &str) -> Result<Vec<tokio_postgres::Row>, Error> {
        self.client()?
            .query(text, &[])
            .await
            .map_err(|error| translate("catalog", &error))
    }

    pub(crate) async fn run(
        &self,
        statement: &'static Statement,
        values: &[Value],
    ) -> Result<Answer, Error> {
        self.execute(statement, values)
            .await
            .map_err(|error| translate(statement.name(), &error))?
    }

    async fn execute(
        &self,
        statement: &'static Statement,
        values: &[Value],
    ) -> Result<Result<Answer, Error>, tokio_postgres::Error> {
        let client = match self.client() {
            Ok(client) => client,
            Err(error) => return Ok(Err(error)),
        };
        let prepared = client
            .prepare_cached(&statement.for_postgres(self.without_tenant_filter))
            .await?;
        let parameters: Vec<&(dyn ToSql + Sync)> = values
            .iter()
            .map(|value| value as &(dyn ToSql + Sync))
            .collect();
        if prepared.columns().is_empty() {
            let changed = client.execute(&prepared, &parameters).await?;
            return Ok(Ok(Answer {
                rows: Vec::new(),
                changed,
            }));
        }
        let found = client.query(&prepared, &parameters).await?;
        let changed = if statement.changes() {
            found.len() as u64
        } else {
            0
        };
        let rows = found
            .iter()
            .map(|row| Row::from_postgres(statement, row))
            .collect::<Result<_, _>>();
        Ok(rows.map(|rows| Answer { rows, changed }))
    }

    fn client(&self) -> Result<&Object, Error> {
        self.client
            .as_ref()
            .ok_or_else(|| Error::unavailable("the connection was given back"))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}

fn is_retry(code: &SqlState) -> bool {
    [
        SqlState::T_R_SERIALIZATION_FAILURE,
        SqlState::T_R_DEADLOCK_DETECTED,
        SqlState::LOCK_NOT_AVAILABLE,
    ]
    .contains(code)
}

fn translate(statement: &'static str, error: &tokio_postgres::Error) -> Error {
    let Some(refusal) = error.as_db_error() else {
        return match error.is_closed() || error.code().is_none() && !is_conversion(error) {
            true => Error::unavailable(words(error)),
            false => Error::Statement {
                statement,
                reason: words(error),
            },
        };
    };
    let code = refusal.code();
    match code.code().get(..2) {
        Some("23") => Error::Conflict {
            constraint: refusal.constraint().unwrap_or("unnamed").to_owned(),
        },
        _ if is_retry(code) => Error::Retry(words(error)),
        // Connection, insufficient resources, operator intervention (shutdown, statement timeout), system error.
        Some("08" | "53" | "57" | "58") => Error::unavailable(words(error)),
        // A standby after a failover, and a transaction that its server gave up.
        _ if [
            SqlState::READ_ONLY_SQL_TRANSACTION,
            SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
        ]
        .contains(code) =>
        {
            Error::unavailable(words(error))
        }
        _ => Error::Statement {
            statement,
            reason: words(error),
        },
    }
}

/// Whether a value did not fit its parameter or column: our fault, not the connection's.
fn is_conversion(error: &tokio_postgres::Error) -> bool {
    let text = error.to_string();
    text.starts_with("error serializing") || text.starts_with("error deserializing")
}
