//! A tenant's keys: the one that its data is sealed under, and those that sign its tokens.

use crate::error::Error;
use crate::row::Row;
use crate::statement::statements;
use crate::transaction::TenantTx;
use crate::value::Value;
use keyward_model::{SealedTenantKey, SigningKey, SigningKeyId, TenantKeyId};

statements! {
    FIND_TENANT_KEY = "SELECT id, sealed, created_at FROM tenant_keys WHERE tenant_id = $1 AND id = $2";
    INSERT_TENANT_KEY = "INSERT INTO tenant_keys (tenant_id, id, sealed, created_at) VALUES ($1, $2, $3, $4)";
    FIND_SIGNING_KEY = "SELECT id, algorithm, public_key, sealed_private_key, created_at, version
        FROM signing_keys WHERE tenant_id = $1 AND id = $2";
    LIST_SIGNING_KEYS = "SELECT id, algorithm, public_key, sealed_private_key, created_at, version
        FROM signing_keys WHERE tenant_id = $1 ORDER BY id DESC";
    INSERT_SIGNING_KEY = "INSERT INTO signing_keys
        (tenant_id, id, algorithm, public_key, sealed_private_key, created_at, version)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
}

impl TenantTx<'_> {
    /// The key that sealed something, by the id that the sealed bytes carry.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn find_tenant_key(
        &mut self,
        id: TenantKeyId,
    ) -> Result<Option<SealedTenantKey>, Error> {
        self.find(&FIND_TENANT_KEY, vec![Value::from(id)], read_tenant_key)
            .await
    }

    /// Keeps a new sealed key.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Conflict`].
    pub async fn insert_tenant_key(&mut self, key: &SealedTenantKey) -> Result<(), Error> {
        let values = vec![
            Value::from(key.id),
            Value::from(key.sealed.0.as_slice()),
            Value::from(key.created_at),
        ];
        self.run(&INSERT_TENANT_KEY, values).await.map(drop)
    }

    /// A signing key, by its `kid`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn find_signing_key(
        &mut self,
        id: SigningKeyId,
    ) -> Result<Option<SigningKey>, Error> {
        self.find(&FIND_SIGNING_KEY, vec![Value::from(id)], read_signing_key)
            .await
    }

    /// The signing keys, newest first; the first one signs.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn list_signing_keys(&mut self) -> Result<Vec<SigningKey>, Error> {
        self.list(&LIST_SIGNING_KEYS, vec![], read_signing_key)
            .await
    }

    /// Keeps a new signing key.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Conflict`].
    pub async fn insert_signing_key(&mut self, key: &SigningKey) -> Result<(), Error> {
        let values = vec![
            Value::from(key.id),
            Value::name_of(&key.algorithm),
            Value::from(key.public_key.as_slice()),
            Value::from(key.sealed_private_key.0.as_slice()),
            Value::from(key.created_at),
            Value::from(key.version),
        ];
        self.run(&INSERT_SIGNING_KEY, values).await.map(drop)
    }
}

fn read_tenant_key(row: &mut Row) -> Result<SealedTenantKey, Error> {
    Ok(SealedTenantKey {
        id: row.get(0)?,
        sealed: row.get(1)?,
        created_at: row.get(2)?,
    })
}

fn read_signing_key(row: &mut Row) -> Result<SigningKey, Error> {
    Ok(SigningKey {
        id: row.get(0)?,
        algorithm: row.named(1)?,
        public_key: row.get(2)?,
        sealed_private_key: row.get(3)?,
        created_at: row.get(4)?,
        version: row.get(5)?,
    })
}
