//! What every endpoint can reach.

use crate::client_address::TrustedProxies;
use crate::edge::Edge;
use crate::meter::{HttpMeter, HttpReading};
use crate::rate_limit::RateLimiter;
use crate::recent_origins::RecentOrigins;
use keyward_model::{NodeId, Timestamp};
use keyward_service::Platform;
use std::ops::Deref;
use std::sync::Arc;
use tokio_util::task::TaskTracker;

/// What every endpoint can reach. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Api(Arc<Parts>);

#[derive(Debug)]
pub struct Parts {
    pub(crate) platform: Platform,
    pub(crate) running: TaskTracker,
    pub(crate) trusted_proxies: TrustedProxies,
    pub(crate) rate_limiter: RateLimiter,
    /// Of those who say that they are operators, and are not.
    pub(crate) operator_tries: RateLimiter,
    pub(crate) meter: HttpMeter,
    pub(crate) node_id: NodeId,
    pub(crate) started_at: Timestamp,
    pub(crate) recent_origins: RecentOrigins,
}

impl Api {
    /// The API on these running parts, behind no proxy and without limits.
    pub fn new(platform: Platform) -> Self {
        Self::with_edge(platform, Edge::default())
    }

    /// The API on these running parts, behind this edge.
    pub fn with_edge(platform: Platform, edge: Edge) -> Self {
        let started_at = platform.now();
        Self(Arc::new(Parts {
            node_id: platform
                .node_id()
                .unwrap_or_else(|| platform.mint(started_at)),
            started_at,
            platform,
            running: TaskTracker::new(),
            trusted_proxies: edge.trusted_proxies,
            rate_limiter: RateLimiter::new(edge.rate_limits),
            operator_tries: RateLimiter::of_operator_tries(),
            meter: HttpMeter::default(),
            recent_origins: RecentOrigins::default(),
        }))
    }

    /// What HTTP counted so far.
    pub fn reading(&self) -> HttpReading {
        self.meter.read()
    }

    /// Writes what was counted and is not written yet; for whoever stops.
    pub async fn flush(&self) {
        self.platform.write_token_counts().await;
    }

    /// Ends the answers that would never end by themselves, and begins no other; for whoever stops.
    pub fn end_streams(&self) {
        self.platform.end_streams();
    }

    /// Waits until every change that was begun has run to its end, whether or not its client still waits.
    pub async fn drain(&self) {
        self.running.close();
        self.running.wait().await;
    }
}

impl Deref for Api {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}
