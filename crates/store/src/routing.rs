//! What is asked before a tenant is known: where a name leads, which tenants there are, settings of the instance.

use crate::columns::tenant_columns;
use crate::error::Error;
use crate::statement::statements;
use crate::tenants::read_tenant;
use crate::transaction::SystemTx;
use crate::value::Value;
use keyward_model::{Page, PageRequest, Route, Tenant, TenantId, TenantStatus};
use uuid::Uuid;

statements! {
    FIND_ROUTE = "SELECT r.tenant_id, t.status FROM tenant_routes r JOIN tenants t ON t.tenant_id = r.tenant_id
        WHERE r.kind = $1 AND r.name = $2";
    LIST_TENANTS = concat!("SELECT ", tenant_columns!(), " FROM tenants
        WHERE tenant_id > $1 ORDER BY tenant_id LIMIT $2");
    FIND_INSTANCE_SETTING = "SELECT value FROM instance_settings WHERE name = $1";
    CLAIM_INSTANCE_SETTING = "INSERT INTO instance_settings (name, value) VALUES ($1, $2)
        ON CONFLICT (name) DO NOTHING";
}

impl SystemTx<'_> {
    /// The tenant that a route leads to, and its status. Private to the crate: outside, it comes as a scope.
    pub(crate) async fn find_route(
        &mut self,
        route: &Route,
    ) -> Result<Option<(TenantId, TenantStatus)>, Error> {
        let values = vec![Value::from(route.kind()), Value::from(route.name())];
        let mut answer = self.run(&FIND_ROUTE, values).await?;
        let found = answer.rows.first_mut();
        found
            .map(|row| Ok((row.get(0)?, row.named(1)?)))
            .transpose()
    }

    /// The tenants of the instance, oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn list_tenants(&mut self, page: PageRequest) -> Result<Page<Tenant>, Error> {
        let after = page.after.map_or(Uuid::nil(), |cursor| cursor.uuid());
        let values = vec![Value::from(after), Value::Integer(page.limit() as i64 + 1)];
        let mut answer = self.run(&LIST_TENANTS, values).await?;
        let rows = answer
            .rows
            .iter_mut()
            .map(read_tenant)
            .collect::<Result<_, _>>()?;
        Ok(Page::from_rows(rows, page, |tenant| tenant.id))
    }

    /// A setting of the instance.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_instance_setting(&mut self, name: &str) -> Result<Option<String>, Error> {
        let mut answer = self
            .run(&FIND_INSTANCE_SETTING, vec![Value::from(name)])
            .await?;
        answer.rows.first_mut().map(|row| row.get(0)).transpose()
    }

    /// Sets a setting of the instance if nobody has set it, and says what stands: of several that claim at once one wins,
    /// and all hear which.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn claim_instance_setting(
        &mut self,
        name: &str,
        value: &str,
    ) -> Result<String, Error> {
        let values = vec![Value::from(name), Value::from(value)];
        self.run(&CLAIM_INSTANCE_SETTING, values).await?;
        let standing = self.find_instance_setting(name).await?;
        standing.ok_or_else(|| Error::unavailable("a setting vanished while it was claimed"))
    }
}
