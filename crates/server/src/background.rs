//! What a server does beside answering: the worker of jobs, and the file of events.

use crate::config::Config;
use crate::event_file::EventWriter;
use crate::failure::Failure;
use keyward_service::Platform;
use keyward_service::jobs::{Worker, WorkerSettings};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The tasks beside the listener.
#[derive(Debug)]
pub(crate) struct Background {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Background {
    /// Starts them; `grace` is how long jobs may take to finish once the server stops.
    pub(crate) fn start(
        platform: &Platform,
        config: &Config,
        grace: Duration,
    ) -> Result<Self, Failure> {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let settings = WorkerSettings {
            jobs_at_once: config.jobs.workers,
            ..WorkerSettings::default()
        };
        let worker = Worker::new(platform, settings);
        tasks.spawn(worker.run(until(stopped.clone()), grace));
        if let Some(path) = config.events_file() {
            tasks.spawn(EventWriter::open(platform, path)?.run(stopped));
        }
        Ok(Self { stop, tasks })
    }

    /// Lets jobs finish while there is time, and gives back what still runs then.
    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn until(mut stopped: watch::Receiver<bool>) {
    // A sender that is gone is a server that is.
    let _ = stopped.wait_for(|stop| *stop).await;
}
