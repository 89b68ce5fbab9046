//! What every request passes, from the outside in: `finish` (id, `tenant_prefix`, route, log line, headers, errors), and at
//! each endpoint its `gate` (toll, body, tenant, caller, action, run to completion) and `once`.

mod asked;
mod client;
pub(crate) mod cross_origin;
pub(crate) mod finish;
pub(crate) mod gate;
mod headers;
pub(crate) mod once;
pub(crate) mod operator;
mod presented;
pub(crate) mod tenant_prefix;
pub(crate) mod toll;
pub(crate) mod visit;
