//! A request on its way: what it says, and what was read of it so far.

use super::tenant_prefix::PrefixedSlug;
use crate::form::Form;
use crate::path_parameters::PathParameters;
use crate::whole_body::WholeBody;
use axum::http::request::Parts;
use keyward_model::{Client, Timestamp};
use keyward_service::Presence;

/// A request, as far as the layers look at it.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) head: Parts,
    /// Its moment: the clock is read once.
    pub(crate) now: Timestamp,
    pub(crate) client: Client,
    /// The slug that stood in front of its path.
    pub(crate) slug: Option<PrefixedSlug>,
    pub(crate) parameters: PathParameters,
    /// Whether the client still waits.
    pub(crate) presence: Presence,
    /// Its whole body, once that was read.
    pub(crate) body: Option<WholeBody>,
    /// The same as a form, where a client sent it.
    pub(crate) form: Option<Form>,
}
