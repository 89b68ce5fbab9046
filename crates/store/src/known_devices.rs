//! Known devices of users, each known by the digest of its token.

use crate::error::Error;
use crate::statement::statements;
use crate::transaction::TenantTx;
use crate::value::Value;
use keyward_model::{
    Digest, EmailAddress, KNOWN_DEVICES_MAX, KnownDevice, KnownDeviceId, Timestamp, UserId,
};

statements! {
    FIND_KNOWN_DEVICE = "SELECT d.id FROM known_devices d
        JOIN users u ON u.tenant_id = d.tenant_id AND u.id = d.user_id
        WHERE d.tenant_id = $1 AND d.digest = $2 AND d.expires_at > $3
            AND u.email_canonical = $4 AND u.password_version = d.password_version";
    INSERT_KNOWN_DEVICE = "INSERT INTO known_devices (tenant_id, id, user_id, digest, password_version, created_at,
            last_used_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    FORGET_SURPLUS_DEVICES = "DELETE FROM known_devices WHERE tenant_id = $1 AND id IN (
            SELECT id FROM known_devices WHERE tenant_id = $1 AND user_id = $2
            ORDER BY last_used_at DESC, id DESC LIMIT 1000 OFFSET $3)";
    TOUCH_KNOWN_DEVICE = "UPDATE known_devices SET last_used_at = $3, expires_at = $4
        WHERE tenant_id = $1 AND id = $2 AND expires_at > $3 RETURNING id";
    FORGET_KNOWN_DEVICE = "DELETE FROM known_devices WHERE tenant_id = $1 AND id = $2 RETURNING user_id";
    FORGET_KNOWN_DEVICES = "DELETE FROM known_devices WHERE tenant_id = $1 AND user_id = $2";
    PRUNE_KNOWN_DEVICES = "DELETE FROM known_devices WHERE tenant_id = $1 AND expires_at <= $2 AND id IN (
            SELECT id FROM known_devices WHERE tenant_id = $1 AND expires_at <= $2
            ORDER BY expires_at LIMIT $3)";
}

impl TenantTx<'_> {
    /// The device that a token's digest names, if it is one of the account with this address at `now`, and of the password
    /// that the account has.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn find_known_device(
        &mut self,
        digest: Digest,
        email: &EmailAddress,
        now: Timestamp,
    ) -> Result<Option<KnownDeviceId>, Error> {
        let values = vec![
            Value::from(digest.0.as_slice()),
            Value::from(now),
            Value::from(email.canonical()),
        ];
        self.find(&FIND_KNOWN_DEVICE, values, |row| row.get(0))
            .await
    }

    /// Makes a device known; of those that the user has beyond [`KNOWN_DEVICES_MAX`] the least lately used are forgotten.
    /// Whoever calls this holds the user's row.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Conflict`] when the user is gone.
    pub async fn insert_known_device(&mut self, device: &KnownDevice) -> Result<(), Error> {
        let values = vec![
            Value::from(device.id),
            Value::from(device.user_id),
            Value::from(device.digest.0.as_slice()),
            Value::from(device.password_version),
            Value::from(device.created_at),
            Value::from(device.last_used_at),
            Value::from(device.expires_at),
        ];
        let surplus = vec![Value::from(device.user_id), Value::from(KNOWN_DEVICES_MAX)];
        self.run_all([
            (&INSERT_KNOWN_DEVICE, values),
            (&FORGET_SURPLUS_DEVICES, surplus),
        ])
        .await
        .map(drop)
    }

    /// Notes that a device was signed in on; false when it is known no more.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn touch_known_device(
        &mut self,
        id: KnownDeviceId,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool, Error> {
        let values = vec![Value::from(id), Value::from(now), Value::from(expires_at)];
        let touched = self.run(&TOUCH_KNOWN_DEVICE, values).await?;
        Ok(!touched.rows.is_empty())
    }

    /// Forgets a device, and says whose it was; none when it is forgotten already.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn forget_known_device(
        &mut self,
        id: KnownDeviceId,
    ) -> Result<Option<UserId>, Error> {
        self.find(&FORGET_KNOWN_DEVICE, vec![Value::from(id)], |row| {
            row.get(0)
        })
        .await
    }

    /// Forgets every device of a user; how many. What it is done for has an event of its own.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn forget_known_devices(&mut self, user_id: UserId) -> Result<u64, Error> {
        let forgotten = self
            .run(&FORGET_KNOWN_DEVICES, vec![Value::from(user_id)])
            .await?;
        self.ledger().forget_changed(forgotten.changed);
        Ok(forgotten.changed)
    }

    /// Deletes devices whose time is over at `now`, oldest first, at most `limit`; how many.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn prune_known_devices(&mut self, now: Timestamp, limit: i64) -> Result<u64, Error> {
        let values = vec![Value::from(now), Value::from(limit)];
        let pruned = self.run(&PRUNE_KNOWN_DEVICES, values).await?.changed;
        self.ledger().forget_changed(pruned);
        Ok(pruned)
    }
}
