//! What is asked before a tenant is known: where a name leads, which tenants there are, settings of the instance.

use crate::columns::tenant_columns;
use crate::error::Error;
use crate::statement::statements;
use crate::tenants::read_tenant;
use crate::transaction::SystemTx;
use crate::value::Value;
use keyward_model::{Origin, Page, PageRequest, Route, Tenant, TenantId, TenantStatus};
use uuid::Uuid;

statements! {
    FIND_ROUTE = "SELECT r.tenant_id, t.status FROM tenant_routes r JOIN tenants t ON t.tenant_id = r.tenant_id
        WHERE r.kind = $1 AND r.name = $2";
    FIND_ORIGIN = "SELECT origin FROM allowed_origins WHERE origin = $1 ORDER BY tenant_id LIMIT 1";
    FIND_ORIGIN_OF = "SELECT origin FROM allowed_origins WHERE origin = $1 AND tenant_id = $2
        ORDER BY tenant_id LIMIT 1";
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

    /// Whether the origin is allowed by every tenant that the routes lead to, or by any, if they lead to none: then the host
    /// is a shared one, and who is meant will be said by a credential.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn allows_origin(
        &mut self,
        origin: &Origin,
        routes: &[Route],
    ) -> Result<bool, Error> {
        let mut tenants = Vec::new();
        for route in routes {
            let found = self.find_route(route).await?;
            tenants.extend(found.map(|(tenant_id, _)| tenant_id));
        }
        let origin = Value::from(origin.as_str());
        if tenants.is_empty() {
            return Ok(!self.run(&FIND_ORIGIN, vec![origin]).await?.rows.is_empty());
        }
        for tenant_id in tenants {
            let values = vec![origin.clone(), Value::from(tenant_id)];
            if self.run(&FIND_ORIGIN_OF, values).await?.rows.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
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
