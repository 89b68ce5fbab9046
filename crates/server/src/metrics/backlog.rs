//! What is left to do, which the database alone knows: jobs, and events that a reader has not had.

use crate::exposition::Exposition;
use keyward_service::Platform;
use keyward_service::feed::feed_lag;
use keyward_service::jobs::count_jobs;
use keyward_store::{FeedLag, JobCounts};
use std::time::Duration;

/// How long the database may take. Without its answer the rest is shown, which says why there is none.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// As it was a moment ago; what could not be read is left out.
pub(super) struct Backlog {
    jobs: Option<JobCounts>,
    feed: Vec<(&'static str, Lag)>,
}

/// How far behind a reader of the feed is.
struct Lag {
    events: i64,
    seconds: f64,
}

impl Backlog {
    pub(super) async fn read(platform: &Platform, readers: &[&'static str]) -> Self {
        let mut backlog = Self {
            jobs: None,
            feed: Vec::new(),
        };
        let reading = async {
            backlog.jobs = count_jobs(platform).await.ok();
            for &reader in readers {
                if let Ok(lag) = feed_lag(platform, reader).await {
                    backlog.feed.push((reader, Lag::of(lag, platform)));
                }
            }
        };
        // Which part it was late with tells nothing.
        let _ = tokio::time::timeout(ANSWER_MAX, reading).await;
        backlog
    }

    pub(super) fn show(&self, exposition: &mut Exposition) {
        if let Some(jobs) = self.jobs {
            exposition
                .gauge(
                    "keyward_jobs",
                    "Jobs by state, of all tenants; each state is counted up to 10,000.",
                )
                .sample(&[("state", "waiting")], jobs.waiting)
                .sample(&[("state", "running")], jobs.running)
                .sample(&[("state", "dead")], jobs.dead);
            exposition
                .gauge(
                    "keyward_jobs_due",
                    "Waiting jobs whose time has come; counted up to 10,000.",
                )
                .sample(&[], jobs.due);
        }
        if self.feed.is_empty() {
            return;
        }
        let mut events = exposition.gauge(
            "keyward_feed_lag_events",
            "Events that a reader of the feed has not had, by reader; counted up to 10,000.",
        );
        for (reader, lag) in &self.feed {
            events.sample(&[("reader", reader)], lag.events);
        }
        let mut seconds = exposition.gauge(
            "keyward_feed_lag_seconds",
            "How long ago the oldest event happened that a reader of the feed has not had, by reader.",
        );
        for (reader, lag) in &self.feed {
            seconds.sample(&[("reader", reader)], lag.seconds);
        }
    }
}

impl Lag {
    fn of(lag: FeedLag, platform: &Platform) -> Self {
        let waited = lag.oldest.map(|id| platform.now().since(id.minted_at()));
        Self {
            events: lag.events,
            seconds: waited.unwrap_or_default().as_secs_f64(),
        }
    }
}
