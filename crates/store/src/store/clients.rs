//! What memory knows of OAuth clients, and the read that fills it.

use super::Store;
use crate::error::Error;
use crate::memory::KnownClient;
use crate::scope::TenantScope;
use crate::transaction::TenantTx;
use keyward_model::{ClientId, ClientStatus, Digest, Timestamp};
use std::sync::Arc;

impl Store {
    /// The client with this id, if memory knows it, with the scope that it was read in.
    pub fn recall_client(&self, id: ClientId) -> Option<(TenantScope, Arc<KnownClient>)> {
        let known = self.memory.recall_client(id);
        // After the look-up, as in `recall`.
        let known = known.filter(|_| self.memory_holds())?;
        Some((TenantScope::resolved(known.tenant.tenant.id), known))
    }

    /// Reads a client, and remembers it if it is active. None of one that is not there or not active.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn read_client(
        &self,
        scope: &TenantScope,
        id: ClientId,
    ) -> Result<Option<Arc<KnownClient>>, Error> {
        let ticket = self.memory.client_ticket(scope, id);
        let read = async move |tx: &mut TenantTx<'_>| {
            let client = tx.find_oauth_client(id).await?;
            Ok((client, tx.find_tenant().await?, tx.list_names().await?))
        };
        let (Some(client), Some(tenant), names) = self.read::<_, Error, _>(scope, read).await?
        else {
            return Ok(None);
        };
        let is_active = client.status == ClientStatus::Active && tenant.status.serves_users();
        Ok(is_active.then(|| self.memory.keep_client(ticket, client, (tenant, names))))
    }

    /// Remembers that a client's assertion was used; false when it was used before, of two at once for one of them.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn redeem_client_assertion(
        &self,
        scope: &TenantScope,
        digest: Digest,
        expires_at: Timestamp,
    ) -> Result<bool, Error> {
        self.unrecorded(scope, async move |tx: &mut TenantTx<'_>| {
            tx.redeem_client_assertion(digest, expires_at).await
        })
        .await
    }
}
