//! The context of an act that concerns the instance, or several tenants at once. Only operators have one, and whatever they
//! do in it, reading too, stands in the log of the instance.

use crate::cx::{Cx, Refusal};
use crate::outcome::Disclosed;
use crate::platform::Platform;
use keyward_model::{Client, InstanceAct, InstanceEvent, Principal, Timestamp};
use keyward_policy::{Action, Denied, Permit, Resource, decide};
use keyward_store::{Error, SystemTx, TenantScope};
use serde_json::json;
use std::sync::Arc;

/// A request's context, as [`crate::Cx`] is in a tenant. Cheap to clone; it never holds a transaction.
#[derive(Debug, Clone)]
pub struct InstanceCx {
    platform: Platform,
    principal: Arc<Principal>,
    client: Client,
    now: Timestamp,
    declared: Action,
}

impl InstanceCx {
    /// Begins a request for `declared`, the action of its route.
    ///
    /// # Errors
    /// [`Denied`] for everybody but an operator.
    pub fn begin(
        platform: &Platform,
        principal: Principal,
        client: Client,
        declared: Action,
    ) -> Result<Self, Denied> {
        match principal {
            Principal::Operator { .. } => Ok(Self {
                platform: platform.clone(),
                principal: Arc::new(principal),
                client,
                now: platform.now(),
                declared,
            }),
            _ => Err(Denied { action: declared }),
        }
    }

    /// The running parts.
    pub fn platform(&self) -> &Platform {
        &self.platform
    }

    /// The moment of the request.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The same operator for the same action in a tenant, where it is recorded in that tenant's log.
    ///
    /// # Errors
    /// As [`Cx::begin`].
    pub(crate) async fn enter(&self, scope: TenantScope) -> Result<Cx, Refusal> {
        let sender = (scope, self.principal.as_ref().clone());
        Cx::begin(&self.platform, sender, self.client.clone(), self.declared).await
    }

    /// Decides whether the caller may do `action` on the instance.
    ///
    /// # Errors
    /// [`Denied`].
    pub fn permit(&self, action: Action) -> Result<Permit, Denied> {
        let instance = Resource {
            tenant_id: None,
            owner: None,
            token: None,
        };
        match action == self.declared {
            true => decide(&self.principal, action, instance),
            // The route promised another action: what its declaration says would not be what is done.
            false => Err(Denied { action }),
        }
    }

    /// Runs a transaction that reads, and records in it who looked at what.
    ///
    /// # Errors
    /// The closure's own, and the store's.
    pub async fn read<T, E, F>(&self, closure: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&Self, &mut SystemTx<'_>) -> Result<Disclosed<T>, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let cx = self.clone();
        let subject = self.declared.resource_kind();
        let event = self.event_of(&InstanceAct::Read { subject });
        self.platform
            .store()
            .system_write(async move |tx: &mut SystemTx<'_>| {
                let Disclosed { value, permit: _ } = closure(&cx, tx).await?;
                tx.record_instance_event(&event).await?;
                Ok(value)
            })
            .await
    }

    fn event_of(&self, act: &InstanceAct) -> InstanceEvent {
        let (actor, reason) = match self.principal.as_ref() {
            Principal::Operator { name, reason } => (name.clone(), reason.clone()),
            other => (other.kind().to_owned(), String::new()),
        };
        let mut details = act.details();
        details.insert("request_id".to_owned(), json!(self.client.request_id));
        InstanceEvent {
            id: self.platform.mint(self.now),
            occurred_at: self.now,
            kind: act.kind().to_owned(),
            actor,
            reason,
            tenant_id: None,
            details,
        }
    }
}
