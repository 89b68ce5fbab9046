//! What every endpoint can reach.

use crate::client_address::TrustedProxies;
use crate::edge::Edge;
use crate::meter::{HttpMeter, HttpReading};
use crate::rate_limit::RateLimiter;
use crate::recent_origins::RecentOrigins;
use keyward_model::Timestamp;
use keyward_service::Platform;
use std::sync::Arc;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

/// What every endpoint can reach.
#[derive(Debug, Clone)]
pub struct Api {
    pub(crate) platform: Platform,
    pub(crate) running: TaskTracker,
    pub(crate) trusted_proxies: Arc<TrustedProxies>,
    pub(crate) rate_limiter: Arc<RateLimiter>,
    pub(crate) meter: Arc<HttpMeter>,
    pub(crate) node_id: Uuid,
    pub(crate) started_at: Timestamp,
    pub(crate) recent_origins: Arc<RecentOrigins>,
}

impl Api {
    /// The API on these running parts, behind no proxy and without limits.
    pub fn new(platform: Platform) -> Self {
        Self::with_edge(platform, Edge::default())
    }

    /// The API on these running parts, behind this edge.
    pub fn with_edge(platform: Platform, edge: Edge) -> Self {
        let started_at = platform.now();
        Self {
            node_id: platform.mint::<Self>(started_at).uuid(),
            started_at,
            platform,
            running: TaskTracker::new(),
            trusted_proxies: Arc::new(edge.trusted_proxies),
            rate_limiter: Arc::new(RateLimiter::new(edge.rate_limits)),
            meter: Arc::default(),
            recent_origins: Arc::default(),
        }
    }

    /// What HTTP counted so far.
    pub fn reading(&self) -> HttpReading {
        self.meter.read()
    }

    /// Waits until every change that was begun has run to its end, whether or not its client still waits.
    pub async fn drain(&self) {
        self.running.close();
        self.running.wait().await;
    }
}
