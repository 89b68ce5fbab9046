//! What the gate found out about a request that it let in, for the extractors of its endpoint.

use crate::form::Form;
use crate::path_parameters::PathParameters;
use crate::state::Api;
use crate::whole_body::WholeBody;
use axum::extract::FromRef;
use keyward_service::{Cx, InstanceCx};
use std::sync::Arc;

/// A request that was let in.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) api: Api,
    pub(crate) context: Context,
    pub(crate) parameters: PathParameters,
    /// The whole body, if the endpoint takes one.
    pub(crate) body: Option<WholeBody>,
    /// The same as a form, where a client sent it.
    pub(crate) form: Option<Arc<Form>>,
}

/// In whose name a request acts.
#[derive(Debug, Clone)]
pub(crate) enum Context {
    /// In nobody's: it asks what the instance tells everybody.
    Anyone,
    /// In a tenant.
    Tenant(Cx),
    /// On the instance.
    Instance(InstanceCx),
}

impl FromRef<Admitted> for Api {
    fn from_ref(admitted: &Admitted) -> Self {
        admitted.api.clone()
    }
}
