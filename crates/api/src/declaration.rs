//! What is promised of an endpoint: whose it is, what it asks policy for, how much it reads.

use axum::http::StatusCode;
use keyward_policy::Action;
use keyward_service::Keep;

/// Whose an endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plane {
    /// The instance's: it is the same for every tenant and knows no caller. Its action is one for anyone.
    Instance,
    /// A tenant's: the request names one, and a caller is looked for.
    Tenant,
    /// The operators': it is served on listeners of its own. One whose path names a `{slug}` is about that tenant.
    Operator,
}

/// What the gate needs to know of an endpoint.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Declaration {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) action: Action,
    pub(crate) plane: Plane,
    /// Whether OAuth clients ask it, and nobody else: by a form, and with errors of RFC 6749's shape.
    pub(crate) by_clients: bool,
    /// Whether it only reads, whatever its method.
    pub(crate) only_reads: bool,
    /// How long its body may be; none, if it takes none.
    pub(crate) body_bytes_max: Option<usize>,
    /// The status of its answer when all is well.
    pub(crate) success: StatusCode,
    /// What is kept of an answer under the request's `Idempotency-Key`; none, if it heeds no key.
    pub(crate) keep: Option<Keep>,
}
