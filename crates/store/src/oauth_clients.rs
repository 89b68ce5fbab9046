//! OAuth clients. A client's id leads to its tenant for as long as the client exists; one that is disabled is found and
//! refused.

use crate::columns::oauth_client_columns;
use crate::error::Error;
use crate::row::Row;
use crate::statement::statements;
use crate::transaction::TenantTx;
use crate::value::Value;
use keyward_model::{
    ClientId, ClientKey, ClientRight, ClientSecrets, ClientStatus, Digest, OAuthClient, Page,
    PageRequest, Route, Timestamp,
};
use uuid::Uuid;

statements! {
    INSERT_OAUTH_CLIENT = concat!("INSERT INTO oauth_clients (tenant_id, ", oauth_client_columns!(), ")
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)");
    FIND_OAUTH_CLIENT = concat!("SELECT ", oauth_client_columns!(), " FROM oauth_clients
        WHERE tenant_id = $1 AND id = $2");
    LIST_OAUTH_CLIENTS = concat!("SELECT ", oauth_client_columns!(), " FROM oauth_clients
        WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3");
    COUNT_OAUTH_CLIENTS = "SELECT COUNT(*) FROM oauth_clients WHERE tenant_id = $1";
    CHANGE_OAUTH_CLIENT = concat!("UPDATE oauth_clients SET name = $4, rights = $5, keys = $6, secret_digest = $7,
            previous_secret_digest = $8, previous_secret_until = $9, version = version + 1
        WHERE tenant_id = $1 AND id = $2 AND version = $3 RETURNING ", oauth_client_columns!());
    SET_OAUTH_CLIENT_STATUS = concat!("UPDATE oauth_clients SET status = $3, version = version + 1
        WHERE tenant_id = $1 AND id = $2 AND status <> $3 RETURNING ", oauth_client_columns!());
    DELETE_OAUTH_CLIENT = concat!("DELETE FROM oauth_clients WHERE tenant_id = $1 AND id = $2
        RETURNING ", oauth_client_columns!());
}

impl TenantTx<'_> {
    /// Keeps a new client, whose id leads to its tenant from then on; false when it leads somewhere already.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn insert_oauth_client(&mut self, client: &OAuthClient) -> Result<bool, Error> {
        if !self.insert_route(&Route::OAuthClient(client.id)).await? {
            return Ok(false);
        }
        let mut values = vec![
            Value::from(client.id),
            Value::from(client.name.to_string()),
            Value::name_of(&client.authentication),
            Value::from(json_of(&client.rights.list())?),
            Value::name_of(&client.status),
        ];
        values.extend(values_of(&client.secrets));
        values.extend([
            Value::from(json_of(&client.keys)?),
            Value::from(client.created_at),
            Value::from(client.version),
        ]);
        self.run(&INSERT_OAUTH_CLIENT, values).await?;
        Ok(true)
    }

    /// A client, active or not.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn find_oauth_client(&mut self, id: ClientId) -> Result<Option<OAuthClient>, Error> {
        self.find(&FIND_OAUTH_CLIENT, vec![Value::from(id)], read_oauth_client)
            .await
    }

    /// The clients, oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn list_oauth_clients(
        &mut self,
        page: PageRequest,
    ) -> Result<Page<OAuthClient>, Error> {
        let after = page.after.map_or(Uuid::nil(), |cursor| cursor.uuid());
        let values = vec![Value::from(after), Value::Integer(page.limit() as i64 + 1)];
        let rows = self
            .list(&LIST_OAUTH_CLIENTS, values, read_oauth_client)
            .await?;
        Ok(Page::from_rows(rows, page, |client| client.id))
    }

    /// How many clients there are, active or not. Only under [`TenantTx::hold_tenant`] does the answer still hold at the
    /// commit.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn count_oauth_clients(&mut self) -> Result<i64, Error> {
        let count = self.find(&COUNT_OAUTH_CLIENTS, vec![], |row| row.get(0));
        Ok(count.await?.unwrap_or_default())
    }

    /// Gives a client the name, the rights, the keys and the secrets of `client`, if it is still of its version; none when it
    /// is not.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn change_oauth_client(
        &mut self,
        client: &OAuthClient,
    ) -> Result<Option<OAuthClient>, Error> {
        let mut values = vec![
            Value::from(client.id),
            Value::from(client.version),
            Value::from(client.name.to_string()),
            Value::from(json_of(&client.rights.list())?),
            Value::from(json_of(&client.keys)?),
        ];
        values.extend(values_of(&client.secrets));
        self.find(&CHANGE_OAUTH_CLIENT, values, read_oauth_client)
            .await
    }

    /// Lets a client in, or no longer; none when it is so already.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn set_oauth_client_status(
        &mut self,
        id: ClientId,
        status: ClientStatus,
    ) -> Result<Option<OAuthClient>, Error> {
        let values = vec![Value::from(id), Value::name_of(&status)];
        self.find(&SET_OAUTH_CLIENT_STATUS, values, read_oauth_client)
            .await
    }

    /// Takes a client away; none when there is none. Its id leads nowhere then.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn delete_oauth_client(
        &mut self,
        id: ClientId,
    ) -> Result<Option<OAuthClient>, Error> {
        let values = vec![Value::from(id)];
        let deleted = self
            .find(&DELETE_OAUTH_CLIENT, values, read_oauth_client)
            .await?;
        if deleted.is_some() {
            self.delete_route(&Route::OAuthClient(id)).await?;
        }
        Ok(deleted)
    }
}

fn json_of<T: serde::Serialize>(value: &T) -> Result<String, Error> {
    serde_json::to_string(value).map_err(Error::unfit)
}

fn values_of(secrets: &ClientSecrets) -> [Value; 3] {
    let bytes = |digest: Digest| Value::from(digest.0.as_slice());
    let (previous, until) = secrets.previous.unzip();
    [
        secrets.current.map_or(Value::Null, bytes),
        previous.map_or(Value::Null, bytes),
        Value::from(until),
    ]
}

fn read_oauth_client(row: &mut Row) -> Result<OAuthClient, Error> {
    let rights: String = row.get(3)?;
    let rights: Vec<ClientRight> = serde_json::from_str(&rights).map_err(|_| row.corrupt(3))?;
    let keys: String = row.get(8)?;
    let keys: Vec<ClientKey> = serde_json::from_str(&keys).map_err(|_| row.corrupt(8))?;
    let previous: Option<Digest> = row.get(6)?;
    let until: Option<Timestamp> = row.get(7)?;
    Ok(OAuthClient {
        id: row.get(0)?,
        name: row.parsed(1)?,
        authentication: row.named(2)?,
        rights: rights.into_iter().collect(),
        status: row.named(4)?,
        secrets: ClientSecrets {
            current: row.get(5)?,
            previous: previous.zip(until),
        },
        keys,
        created_at: row.get(9)?,
        version: row.get(10)?,
    })
}
