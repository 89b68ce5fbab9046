//! Tenants and the routes that lead to them.

use crate::columns::tenant_columns;
use crate::error::Error;
use crate::row::Row;
use crate::statement::statements;
use crate::transaction::TenantTx;
use crate::value::Value;
use keyward_model::{HostName, Route, Tenant, TenantSettings, TenantStatus, Timestamp};

statements! {
    FIND_TENANT = concat!("SELECT ", tenant_columns!(), " FROM tenants WHERE tenant_id = $1");
    CHANGE_SETTINGS = concat!("UPDATE tenants SET settings = $3, version = version + 1
        WHERE tenant_id = $1 AND version = $2
        RETURNING ", tenant_columns!());
    INSERT_TENANT = concat!("INSERT INTO tenants (", tenant_columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT DO NOTHING
        RETURNING ", tenant_columns!());
    CHANGE_TENANT_STATUS = concat!("UPDATE tenants SET status = $4, version = version + 1
        WHERE tenant_id = $1 AND version = $2 AND status = $3 RETURNING ", tenant_columns!());
    SCHEDULE_TENANT_DELETION = concat!("UPDATE tenants SET status_before = status, status = 'deleting',
            delete_after = $3, version = version + 1
        WHERE tenant_id = $1 AND version = $2 AND status IN ('active', 'suspended') RETURNING ", tenant_columns!());
    RESCHEDULE_TENANT_DELETION = concat!("UPDATE tenants SET delete_after = $3, version = version + 1
        WHERE tenant_id = $1 AND version = $2 AND status = 'deleting' RETURNING ", tenant_columns!());
    CANCEL_TENANT_DELETION = concat!("UPDATE tenants SET status = status_before, status_before = NULL,
            delete_after = NULL, version = version + 1
        WHERE tenant_id = $1 AND version = $2 AND status = 'deleting' RETURNING ", tenant_columns!());
    BEGIN_TENANT_PURGE = concat!("UPDATE tenants SET status = 'purging', version = version + 1
        WHERE tenant_id = $1 AND status = 'deleting' AND delete_after <= $2 RETURNING ", tenant_columns!());
    INSERT_ROUTE = "INSERT INTO tenant_routes (tenant_id, kind, name) VALUES ($1, $2, $3)
        ON CONFLICT DO NOTHING RETURNING kind";
    DELETE_HOST = "DELETE FROM tenant_routes WHERE tenant_id = $1 AND kind = 'host' AND name = $2 RETURNING name";
    DELETE_ROUTE = "DELETE FROM tenant_routes WHERE tenant_id = $1 AND kind = $2 AND name = $3 RETURNING kind";
    PLAN_ROTATION = "UPDATE tenants SET rotation_due_at = $2 WHERE tenant_id = $1";
    EXTEND_KEY_SET_KEEPING = "UPDATE tenants SET key_set_kept_until = $2
        WHERE tenant_id = $1 AND (key_set_kept_until IS NULL OR key_set_kept_until < $2)";
    FIND_KEY_SET_KEEPING = "SELECT key_set_kept_until FROM tenants WHERE tenant_id = $1";
    LIST_HOSTS = "SELECT name FROM tenant_routes WHERE tenant_id = $1 AND kind = 'host' ORDER BY name";
}

impl TenantTx<'_> {
    /// The tenant of this transaction; none while it is being made.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn find_tenant(&mut self) -> Result<Option<Tenant>, Error> {
        self.find(&FIND_TENANT, vec![], read_tenant).await
    }

    /// Changes the tenant's settings; none when the tenant was changed since `version`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn change_settings(
        &mut self,
        version: i64,
        settings: &TenantSettings,
    ) -> Result<Option<Tenant>, Error> {
        let settings = serde_json::to_string(settings).map_err(Error::unfit)?;
        let values = vec![Value::from(version), Value::from(settings)];
        self.find(&CHANGE_SETTINGS, values, read_tenant).await
    }

    /// Makes the tenant of this transaction; none when its slug or issuer is taken.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn insert_tenant(&mut self, tenant: &Tenant) -> Result<Option<Tenant>, Error> {
        let settings = serde_json::to_string(&tenant.settings).map_err(Error::unfit)?;
        let values = vec![
            Value::from(tenant.slug.to_string()),
            Value::from(tenant.issuer.to_string()),
            Value::name_of(&tenant.status),
            Value::from(settings),
            Value::from(tenant.created_at),
            Value::from(tenant.delete_after),
            Value::from(tenant.version),
        ];
        self.find(&INSERT_TENANT, values, read_tenant).await
    }

    /// Lets the tenant's users in or keeps them out, if it is still as `before` says; none when it is not.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn change_tenant_status(
        &mut self,
        before: &Tenant,
        status: TenantStatus,
    ) -> Result<Option<Tenant>, Error> {
        let values = vec![
            Value::from(before.version),
            Value::from(before.status.name()),
            Value::from(status.name()),
        ];
        self.find(&CHANGE_TENANT_STATUS, values, read_tenant).await
    }

    /// Has the tenant deleted from a moment on, if it is still of this version and not about to be deleted.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn schedule_tenant_deletion(
        &mut self,
        version: i64,
        delete_after: Timestamp,
    ) -> Result<Option<Tenant>, Error> {
        let values = vec![Value::from(version), Value::from(delete_after)];
        self.find(&SCHEDULE_TENANT_DELETION, values, read_tenant)
            .await
    }

    /// Has a tenant that is about to be deleted go at another moment, if it is still of this version.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn reschedule_tenant_deletion(
        &mut self,
        version: i64,
        delete_after: Timestamp,
    ) -> Result<Option<Tenant>, Error> {
        let values = vec![Value::from(version), Value::from(delete_after)];
        self.find(&RESCHEDULE_TENANT_DELETION, values, read_tenant)
            .await
    }

    /// Takes that back, as long as its deletion has not begun; the tenant is what it was before.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn cancel_tenant_deletion(&mut self, version: i64) -> Result<Option<Tenant>, Error> {
        let values = vec![Value::from(version)];
        self.find(&CANCEL_TENANT_DELETION, values, read_tenant)
            .await
    }

    /// Begins to delete the tenant, from where there is no way back; none when it is not its time.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn begin_tenant_purge(&mut self, now: Timestamp) -> Result<Option<Tenant>, Error> {
        let values = vec![Value::from(now)];
        self.find(&BEGIN_TENANT_PURGE, values, read_tenant).await
    }

    /// Notes that somebody may keep the key set until `until`, whatever the settings say by then.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn extend_key_set_keeping(&mut self, until: Timestamp) -> Result<(), Error> {
        self.run(&EXTEND_KEY_SET_KEEPING, vec![Value::from(until)])
            .await
            .map(drop)
    }

    /// Until when somebody may keep the key set for longer than the settings say now; none, if they were never shortened.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_key_set_keeping(&mut self) -> Result<Option<Timestamp>, Error> {
        let found = self.find(&FIND_KEY_SET_KEEPING, vec![], |row| row.get(0));
        Ok(found.await?.flatten())
    }

    /// Makes a host name lead to this tenant no longer; false when it did not.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_host(&mut self, host: &HostName) -> Result<bool, Error> {
        let values = vec![Value::from(host.to_string())];
        Ok(!self.run(&DELETE_HOST, values).await?.rows.is_empty())
    }

    /// Makes a name lead to this tenant; false when it leads somewhere already.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn insert_route(&mut self, route: &Route) -> Result<bool, Error> {
        let values = vec![Value::from(route.kind()), Value::from(route.name())];
        let made = !self.run(&INSERT_ROUTE, values).await?.rows.is_empty();
        // Memory knows tenants with their hosts, and hosts that are nobody's.
        self.note_tenant_removal();
        Ok(made)
    }

    /// Makes a name lead nowhere; false when it did not lead to this tenant.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_route(&mut self, route: &Route) -> Result<bool, Error> {
        let values = vec![Value::from(route.kind()), Value::from(route.name())];
        let was_there = !self.run(&DELETE_ROUTE, values).await?.rows.is_empty();
        self.note_tenant_removal();
        Ok(was_there)
    }

    /// Says when the tenant's signing keys are to be looked at for a rotation; never, if `None`. It is no change, and asks for
    /// no event.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn plan_rotation(&mut self, due_at: Option<Timestamp>) -> Result<(), Error> {
        let planned = self.run(&PLAN_ROTATION, vec![Value::from(due_at)]).await?;
        self.ledger().forget_changed(planned.changed);
        Ok(())
    }

    /// The host names that lead to this tenant.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn list_hosts(&mut self) -> Result<Vec<HostName>, Error> {
        self.list(&LIST_HOSTS, vec![], |row| row.parsed(0)).await
    }
}

pub(crate) fn read_tenant(row: &mut Row) -> Result<Tenant, Error> {
    let settings: String = row.get(4)?;
    let settings: TenantSettings = serde_json::from_str(&settings).map_err(|_| row.corrupt(4))?;
    Ok(Tenant {
        id: row.get(0)?,
        slug: row.parsed(1)?,
        issuer: row.parsed(2)?,
        status: row.named(3)?,
        settings,
        created_at: row.get(5)?,
        delete_after: row.get(6)?,
        version: row.get(7)?,
    })
}
