//! The HTTP API of Keyward: endpoints, how a request becomes a [`keyward_service::Cx`], and how an answer leaves.
//!
//! An endpoint is one file under `endpoints/`, declared once by an [`Endpoint`]: method, path, action, body limit,
//! summary, shapes. From that declaration come the route, its check, its line in `/openapi.json` and in `/docs`. A route
//! without an action cannot be written.
//!
//! What it is not: no rule lives here. A handler converts, calls one use case, and converts back.

mod admitted;
mod bodies;
mod client_address;
mod declaration;
mod description;
mod docs_page;
mod edge;
mod endpoint;
mod endpoints;
mod extract;
mod form;
mod json_text;
mod mapping;
mod meter;
mod middleware;
mod once;
mod path_parameters;
mod problem;
mod rate_limit;
mod recent_origins;
mod router;
mod routes;
mod served;
mod shape;
mod state;
mod version;
mod whole_body;

pub use client_address::{ForwardedHeader, InvalidProxy, TrustedProxies};
pub use declaration::Plane;
pub use edge::Edge;
pub use endpoint::Endpoint;
pub use endpoints::all as endpoints;
pub use endpoints::of_operators as operator_endpoints;
pub use meter::{HttpReading, RouteReading};
pub use middleware::finish::{TraceId, route_of};
pub use middleware::operator::OperatorPeer;
pub use problem::{Code, FieldError, Problem};
pub use rate_limit::{InvalidRateLimit, RateLimit, RateLimits};
pub use router::{ApiService, operator_service, service};
pub use state::Api;
