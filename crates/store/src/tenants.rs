//! Tenants and the routes that lead to them.

use crate::error::Error;
use crate::row::Row;
use crate::statement::statements;
use crate::transaction::TenantTx;
use crate::value::Value;
use keyward_model::{HostName, Removal, Route, Tenant, TenantSettings, Timestamp};

statements! {
    FIND_TENANT = "SELECT tenant_id, slug, issuer, status, settings, created_at, version
        FROM tenants WHERE tenant_id = $1";
    HOLD_TENANT = "UPDATE tenants SET version = version WHERE tenant_id = $1";
    CHANGE_SETTINGS = "UPDATE tenants SET settings = $3, version = version + 1
        WHERE tenant_id = $1 AND version = $2
        RETURNING tenant_id, slug, issuer, status, settings, created_at, version";
    INSERT_TENANT = "INSERT INTO tenants (tenant_id, slug, issuer, status, settings, created_at, version)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT DO NOTHING
        RETURNING tenant_id, slug, issuer, status, settings, created_at, version";
    INSERT_ROUTE = "INSERT INTO tenant_routes (tenant_id, kind, name) VALUES ($1, $2, $3)
        ON CONFLICT DO NOTHING RETURNING kind";
    DELETE_ROUTE = "DELETE FROM tenant_routes WHERE tenant_id = $1 AND kind = $2 AND name = $3 RETURNING kind";
    PLAN_ROTATION = "UPDATE tenants SET rotation_due_at = $2 WHERE tenant_id = $1";
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

    /// Takes the tenant's row until the transaction ends: of those that do so the second waits for the first and sees what
    /// it did. It is no change, and asks for no event. References to the row do not wait for it.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn hold_tenant(&mut self) -> Result<(), Error> {
        let held = self.run(&HOLD_TENANT, vec![]).await?;
        self.ledger().forget_changed(held.changed);
        Ok(())
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
            Value::from(tenant.version),
        ];
        self.find(&INSERT_TENANT, values, read_tenant).await
    }

    /// Makes a name lead to this tenant; false when it leads somewhere already.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn insert_route(&mut self, route: &Route) -> Result<bool, Error> {
        let values = vec![Value::from(route.kind()), Value::from(route.name())];
        let made = !self.run(&INSERT_ROUTE, values).await?.rows.is_empty();
        // Memory knows tenants with their hosts, and hosts that are nobody's.
        self.note_removal(Removal::Tenant(self.tenant_id()));
        Ok(made)
    }

    /// Makes a name lead nowhere; false when it did not lead to this tenant.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_route(&mut self, route: &Route) -> Result<bool, Error> {
        let values = vec![Value::from(route.kind()), Value::from(route.name())];
        Ok(!self.run(&DELETE_ROUTE, values).await?.rows.is_empty())
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
        version: row.get(6)?,
    })
}
