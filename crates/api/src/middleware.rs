//! What every request passes, from the outside in: `finish` (id, log line, headers, errors), `tenant_prefix`
//! (`/t/<slug>`), and at each endpoint its `gate` (tenant, caller, action, run to completion).

pub(crate) mod cross_origin;
pub(crate) mod finish;
pub(crate) mod gate;
mod headers;
pub(crate) mod operator;
pub(crate) mod tenant_prefix;
pub(crate) mod toll;
pub(crate) mod visit;
