//! What every endpoint can reach.

use keyward_service::Platform;
use tokio_util::task::TaskTracker;

/// What every endpoint can reach.
#[derive(Debug, Clone)]
pub struct Api {
    pub(crate) platform: Platform,
    pub(crate) running: TaskTracker,
}

impl Api {
    /// The API on these running parts.
    pub fn new(platform: Platform) -> Self {
        Self {
            platform,
            running: TaskTracker::new(),
        }
    }

    /// Waits until every change that was begun has run to its end, whether or not its client still waits.
    pub async fn drain(&self) {
        self.running.close();
        self.running.wait().await;
    }
}
