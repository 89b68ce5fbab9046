//! A tenant's keys: the one that its data is sealed under, and those that sign its tokens.

use crate::columns::signing_key_columns;
use crate::error::Error;
use crate::row::Row;
use crate::statement::statements;
use crate::transaction::TenantTx;
use crate::value::Value;
use keyward_model::{
    SealedBytes, SealedTenantKey, SigningKey, SigningKeyId, TenantKeyId, Timestamp,
};

statements! {
    FIND_TENANT_KEY = "SELECT id, sealed, created_at FROM tenant_keys WHERE tenant_id = $1 AND id = $2";
    INSERT_TENANT_KEY = "INSERT INTO tenant_keys (tenant_id, id, sealed, created_at) VALUES ($1, $2, $3, $4)";
    FIND_SIGNING_KEY = concat!("SELECT ", signing_key_columns!(), " FROM signing_keys WHERE tenant_id = $1 AND id = $2");
    LIST_SIGNING_KEYS = concat!("SELECT ", signing_key_columns!(), " FROM signing_keys
        WHERE tenant_id = $1 ORDER BY id DESC");
    LIST_PUBLISHED_SIGNING_KEYS = concat!("SELECT ", signing_key_columns!(), " FROM signing_keys
        WHERE tenant_id = $1 AND revoked_at IS NULL AND (published_until IS NULL OR published_until > $2)
        ORDER BY id DESC");
    INSERT_SIGNING_KEY = concat!("INSERT INTO signing_keys (tenant_id, ", signing_key_columns!(), ")
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)");
    CHANGE_SIGNING_KEY = concat!("UPDATE signing_keys SET sealed_private_key = $4, signs_from = $5, token_ttl_seconds = $6,
            published_until = $7, revoked_at = $8, version = version + 1
        WHERE tenant_id = $1 AND id = $2 AND version = $3
        RETURNING ", signing_key_columns!());
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

    /// All signing keys that the tenant ever had, newest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn list_signing_keys(&mut self) -> Result<Vec<SigningKey>, Error> {
        self.list(&LIST_SIGNING_KEYS, vec![], read_signing_key)
            .await
    }

    /// The signing keys that are published at `now`, newest first: one, or a few around a rotation.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn list_published_signing_keys(
        &mut self,
        now: Timestamp,
    ) -> Result<Vec<SigningKey>, Error> {
        let values = vec![Value::from(now)];
        self.list(&LIST_PUBLISHED_SIGNING_KEYS, values, read_signing_key)
            .await
    }

    /// Keeps a new signing key.
    ///
    /// # Errors
    /// [`Error::Unavailable`]; [`Error::Conflict`], also when another key of the tenant has no end of publication.
    pub async fn insert_signing_key(&mut self, key: &SigningKey) -> Result<(), Error> {
        let mut values = vec![
            Value::from(key.id),
            Value::name_of(&key.algorithm),
            Value::from(key.public_key.as_slice()),
            Value::from(key.created_at),
            Value::from(key.version),
        ];
        values.extend(changing_values(key));
        self.run(&INSERT_SIGNING_KEY, values).await.map(drop)
    }

    /// Writes the times and the private key of a signing key, if it still has the given version; gives it as it is now.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`], [`Error::Conflict`].
    pub async fn change_signing_key(
        &mut self,
        key: &SigningKey,
    ) -> Result<Option<SigningKey>, Error> {
        let mut values = vec![Value::from(key.id), Value::from(key.version)];
        values.extend(changing_values(key));
        self.find(&CHANGE_SIGNING_KEY, values, read_signing_key)
            .await
    }
}

/// What of a signing key changes.
fn changing_values(key: &SigningKey) -> [Value; 5] {
    let sealed: Option<&SealedBytes> = key.sealed_private_key.as_ref();
    [
        Value::from(sealed.map(|sealed| sealed.0.as_slice())),
        Value::from(key.signs_from),
        Value::from(key.token_ttl_seconds),
        Value::from(key.published_until),
        Value::from(key.revoked_at),
    ]
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
        created_at: row.get(3)?,
        version: row.get(4)?,
        sealed_private_key: row.get(5)?,
        signs_from: row.get(6)?,
        token_ttl_seconds: row.get(7)?,
        published_until: row.get(8)?,
        revoked_at: row.get(9)?,
    })
}
