//! What the operator set of the way between a client and this process: proxies in front, and how many requests are taken.

use crate::client_address::TrustedProxies;
use crate::rate_limit::RateLimits;

/// What the operator set of the edge. The default believes no proxy and limits nothing.
#[derive(Debug, Clone, Default)]
pub struct Edge {
    /// Whose word about the client's address counts.
    pub trusted_proxies: TrustedProxies,
    /// How many requests are taken.
    pub rate_limits: RateLimits,
}
