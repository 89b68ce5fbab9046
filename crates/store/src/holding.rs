//! Rows that a transaction takes until it ends: of two that take the same one the second waits for the first, and sees what
//! it did. On PostgreSQL taking is an UPDATE that changes nothing; on SQLite whoever writes is alone, and only looks.

use crate::error::Error;
use crate::sessions::of_this_epoch;
use crate::statement::{Statement, statements, statements_by_engine};
use crate::transaction::TenantTx;
use crate::value::Value;
use keyward_model::{ClientId, Role, SessionId, Timestamp, UserId};

/// Declares statements that take a row and give columns of it.
macro_rules! holding_statements {
    ($($name:ident { $columns:literal of $table:literal where $condition:literal })+) => {
        statements_by_engine! {
            $($name {
                sqlite: concat!("SELECT ", $columns, " FROM ", $table, " WHERE ", $condition),
                postgres: concat!("UPDATE ", $table, " SET version = version WHERE ", $condition, " RETURNING ", $columns),
            })+
        }
    };
}

holding_statements! {
    HOLD_TENANT { "tenant_id" of "tenants" where "tenant_id = $1" }
    HOLD_USER { "id" of "users" where "tenant_id = $1 AND id = $2" }
    HOLD_CALLER { "role" of "users" where "tenant_id = $1 AND id = $2 AND status = 'active'" }
    HOLD_OAUTH_CLIENT { "id" of "oauth_clients" where "tenant_id = $1 AND id = $2 AND status = 'active'" }
}

statements! {
    FIND_LIVE_SESSION = concat!("SELECT id FROM sessions
        WHERE tenant_id = $1 AND id = $2 AND user_id = $3 AND ended_at IS NULL AND expires_at > $4
            AND last_active_at + idle_seconds * 1000000 > $4", of_this_epoch!());
}

impl TenantTx<'_> {
    /// Takes the tenant's row until the transaction ends: of those that do so the second waits for the first and sees what
    /// it did. It is no change, and asks for no event. References to the row do not wait for it.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn hold_tenant(&mut self) -> Result<(), Error> {
        self.hold(&HOLD_TENANT, vec![]).await.map(drop)
    }

    /// Takes a user's row until the transaction ends; false when there is none. It is no change, and asks for no event.
    ///
    /// Whoever ends somebody else's sessions begins with this: what was begun in their name is through, or sees the end.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn hold_user(&mut self, id: UserId) -> Result<bool, Error> {
        self.hold(&HOLD_USER, vec![Value::from(id)]).await
    }

    /// Takes the user's row until the transaction ends, and gives the role that the user has, if user and session are
    /// still good at `now`.
    ///
    /// Whatever changes something in a user's name begins with this, and so does whatever ends sessions: of the two
    /// the second waits for the first and sees what it did. It is no change, and asks for no event.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn hold_session(
        &mut self,
        user_id: UserId,
        id: SessionId,
        now: Timestamp,
    ) -> Result<Option<Role>, Error> {
        // Two statements, not one: the second sees what was committed while the first waited.
        let values = vec![Value::from(id), Value::from(user_id), Value::from(now)];
        let [mut held, live] = self
            .run_all([
                (&HOLD_CALLER, vec![Value::from(user_id)]),
                (&FIND_LIVE_SESSION, values),
            ])
            .await?;
        self.ledger().forget_changed(held.changed);
        match held.rows.first_mut() {
            Some(row) if !live.rows.is_empty() => row.named(0).map(Some),
            _ => Ok(None),
        }
    }

    /// Takes an active client's row until the transaction ends; false when it is not there or not active. What a client
    /// changes begins with this: of it and of whoever disables the client the second waits for the first. It is no change,
    /// and asks for no event.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn hold_oauth_client(&mut self, id: ClientId) -> Result<bool, Error> {
        self.hold(&HOLD_OAUTH_CLIENT, vec![Value::from(id)]).await
    }

    async fn hold(
        &mut self,
        statement: &'static Statement,
        values: Vec<Value>,
    ) -> Result<bool, Error> {
        let held = self.run(statement, values).await?;
        self.ledger().forget_changed(held.changed);
        Ok(!held.rows.is_empty())
    }
}
