//! Publishable keys. While one is active its route and its origins stand in tables of their own, which are looked at
//! before a tenant is known.

use crate::columns::publishable_key_columns;
use crate::error::Error;
use crate::row::Row;
use crate::statement::statements;
use crate::transaction::TenantTx;
use crate::value::Value;
use keyward_model::{
    HostName, Origin, Page, PageRequest, PublishableKey, PublishableKeyId, PublishableKeyStatus,
    PublishableName, Route,
};
use uuid::Uuid;

statements! {
    INSERT_PUBLISHABLE_KEY = concat!("INSERT INTO publishable_keys (tenant_id, ", publishable_key_columns!(), ")
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)");
    FIND_PUBLISHABLE_KEY = concat!("SELECT ", publishable_key_columns!(), " FROM publishable_keys
        WHERE tenant_id = $1 AND id = $2");
    LIST_PUBLISHABLE_KEYS = concat!("SELECT ", publishable_key_columns!(), " FROM publishable_keys
        WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3");
    COUNT_PUBLISHABLE_KEYS = "SELECT COUNT(*) FROM publishable_keys WHERE tenant_id = $1";
    SET_PUBLISHABLE_KEY_STATUS = concat!("UPDATE publishable_keys SET status = $3, version = version + 1
        WHERE tenant_id = $1 AND id = $2 AND status <> $3 RETURNING ", publishable_key_columns!());
    HOLD_PUBLISHABLE_KEY = "UPDATE publishable_keys SET version = version + 1
        WHERE tenant_id = $1 AND id = $2 RETURNING id";
    DELETE_PUBLISHABLE_KEY = concat!("DELETE FROM publishable_keys WHERE tenant_id = $1 AND id = $2
        RETURNING ", publishable_key_columns!());
    DELETE_PUBLISHABLE_KEY_ROUTE = "DELETE FROM tenant_routes
        WHERE tenant_id = $1 AND kind = 'publishable_key' AND name = (
            SELECT key FROM publishable_keys WHERE tenant_id = $1 AND id = $2)";
    INSERT_ALLOWED_ORIGIN = "INSERT INTO allowed_origins (tenant_id, key_id, origin) VALUES ($1, $2, $3)";
    DELETE_ALLOWED_ORIGINS = "DELETE FROM allowed_origins WHERE tenant_id = $1 AND key_id = $2";
    FIND_ALLOWED_ORIGIN = "SELECT origin FROM allowed_origins WHERE tenant_id = $1 AND origin = $2
        ORDER BY key_id LIMIT 1";
    LIST_NAMES = "SELECT kind, name FROM tenant_routes
        WHERE tenant_id = $1 AND kind IN ('host', 'publishable_key')
        UNION ALL SELECT 'origin', origin FROM allowed_origins WHERE tenant_id = $1
        ORDER BY 1, 2";
}

/// By which names a tenant is called, and from which origins.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TenantNames {
    /// Its own hosts.
    pub hosts: Vec<HostName>,
    /// Its publishable keys that are active.
    pub publishable_keys: Vec<PublishableName>,
    /// From where browsers may call; one that several keys allow stands here as often.
    pub origins: Vec<Origin>,
}

impl TenantTx<'_> {
    /// Keeps a new key that is active; false when the key leads somewhere already.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Conflict`].
    pub async fn insert_publishable_key(&mut self, key: &PublishableKey) -> Result<bool, Error> {
        if !self
            .insert_route(&Route::PublishableKey(key.key.clone()))
            .await?
        {
            return Ok(false);
        }
        let origins = serde_json::to_string(&key.allowed_origins).map_err(Error::unfit)?;
        let values = vec![
            Value::from(key.id),
            Value::from(key.key.to_string()),
            Value::from(key.name.to_string()),
            Value::name_of(&key.status),
            Value::from(origins),
            Value::from(key.created_at),
            Value::from(key.version),
        ];
        self.run(&INSERT_PUBLISHABLE_KEY, values).await?;
        self.allow_origins(key).await?;
        Ok(true)
    }

    /// A key, by its id.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn find_publishable_key(
        &mut self,
        id: PublishableKeyId,
    ) -> Result<Option<PublishableKey>, Error> {
        let values = vec![Value::from(id)];
        self.find(&FIND_PUBLISHABLE_KEY, values, read_publishable_key)
            .await
    }

    /// The keys, oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn list_publishable_keys(
        &mut self,
        page: PageRequest,
    ) -> Result<Page<PublishableKey>, Error> {
        let after = page.after.map_or(Uuid::nil(), |cursor| cursor.uuid());
        let values = vec![Value::from(after), Value::Integer(page.limit() as i64 + 1)];
        let rows = self
            .list(&LIST_PUBLISHABLE_KEYS, values, read_publishable_key)
            .await?;
        Ok(Page::from_rows(rows, page, |key| key.id))
    }

    /// How many keys there are, active or not. Only under [`TenantTx::hold_tenant`] does the answer still hold at the commit.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn count_publishable_keys(&mut self) -> Result<i64, Error> {
        let count = self.find(&COUNT_PUBLISHABLE_KEYS, vec![], |row| row.get(0));
        Ok(count.await?.unwrap_or_default())
    }

    /// Lets a key lead to its tenant, or no longer; none when it is so already.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn set_publishable_key_status(
        &mut self,
        id: PublishableKeyId,
        status: PublishableKeyStatus,
    ) -> Result<Option<PublishableKey>, Error> {
        let values = vec![Value::from(id), Value::name_of(&status)];
        let changed = self
            .find(&SET_PUBLISHABLE_KEY_STATUS, values, read_publishable_key)
            .await?;
        let Some(key) = changed else {
            return Ok(None);
        };
        match status {
            PublishableKeyStatus::Active => {
                let route = Route::PublishableKey(key.key.clone());
                if !self.insert_route(&route).await? {
                    return Err(Error::unfit("a publishable key leads to another tenant"));
                }
                self.allow_origins(&key).await?;
            }
            PublishableKeyStatus::Disabled => self.let_lead_nowhere(id).await?,
        }
        Ok(Some(key))
    }

    /// Takes a key away; none when there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn delete_publishable_key(
        &mut self,
        id: PublishableKeyId,
    ) -> Result<Option<PublishableKey>, Error> {
        let values = vec![Value::from(id)];
        // Held first: somebody who lets it lead again at the same moment is done, or finds nothing.
        self.run(&HOLD_PUBLISHABLE_KEY, values.clone()).await?;
        self.let_lead_nowhere(id).await?;
        self.find(&DELETE_PUBLISHABLE_KEY, values, read_publishable_key)
            .await
    }

    /// Whether an active key of the tenant allows the origin.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn allows_origin(&mut self, origin: &Origin) -> Result<bool, Error> {
        let values = vec![Value::from(origin.as_str())];
        Ok(!self
            .run(&FIND_ALLOWED_ORIGIN, values)
            .await?
            .rows
            .is_empty())
    }

    /// By which names the tenant is called, and from which origins.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn list_names(&mut self) -> Result<TenantNames, Error> {
        let mut names = TenantNames::default();
        for row in &mut self.run(&LIST_NAMES, vec![]).await?.rows {
            match row.get::<String>(0)?.as_str() {
                "host" => names.hosts.push(row.parsed(1)?),
                "publishable_key" => names.publishable_keys.push(row.parsed(1)?),
                _ => names.origins.push(row.parsed(1)?),
            }
        }
        Ok(names)
    }

    async fn allow_origins(&mut self, key: &PublishableKey) -> Result<(), Error> {
        for origin in &key.allowed_origins {
            let values = vec![Value::from(key.id), Value::from(origin.as_str())];
            self.run(&INSERT_ALLOWED_ORIGIN, values).await?;
        }
        Ok(())
    }

    async fn let_lead_nowhere(&mut self, id: PublishableKeyId) -> Result<(), Error> {
        let id = Value::from(id);
        self.run(&DELETE_PUBLISHABLE_KEY_ROUTE, vec![id.clone()])
            .await?;
        self.run(&DELETE_ALLOWED_ORIGINS, vec![id]).await.map(drop)
    }
}

fn read_publishable_key(row: &mut Row) -> Result<PublishableKey, Error> {
    let origins: String = row.get(4)?;
    let origins: Vec<String> = serde_json::from_str(&origins).map_err(|_| row.corrupt(4))?;
    let origins: Result<_, _> = origins.iter().map(|origin| origin.parse()).collect();
    Ok(PublishableKey {
        id: row.get(0)?,
        key: row.parsed(1)?,
        name: row.parsed(2)?,
        status: row.named(3)?,
        allowed_origins: origins.map_err(|_| row.corrupt(4))?,
        created_at: row.get(5)?,
        version: row.get(6)?,
    })
}
