//! The worker: claims jobs whose time has come and runs a few of them at once.

use super::back_off::jittered;
use super::running::{JobError, RunningJob};
use super::schedules;
use crate::platform::Platform;
use keyward_model::Timestamp;
use keyward_store::{ClaimedJob, Error, Held};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use uuid::Uuid;

/// How the worker works.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// How many jobs run at once.
    pub jobs_at_once: usize,
    /// How long nobody else claims a job whose worker is not heard of.
    pub lease: Duration,
    /// How often a worker says that it lives.
    pub beat: Duration,
    /// How often is looked for jobs that nobody of this node enqueued.
    pub poll: Duration,
    /// How often is looked whether a schedule is due.
    pub schedule_poll: Duration,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            jobs_at_once: 2,
            lease: Duration::from_secs(60),
            beat: Duration::from_secs(20),
            poll: Duration::from_secs(1),
            schedule_poll: Duration::from_secs(30),
        }
    }
}

/// A node's worker.
#[derive(Debug, Clone)]
pub struct Worker {
    platform: Platform,
    node_id: Uuid,
    settings: WorkerSettings,
}

/// How far a worker is on its way to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// It claims and runs.
    Working,
    /// It claims no more.
    Draining,
    /// It gives back what still runs.
    Stopping,
}

impl Worker {
    /// A worker with a name of its own.
    pub fn new(platform: &Platform, settings: WorkerSettings) -> Self {
        let node_id = platform
            .node_id()
            .unwrap_or_else(|| platform.mint(platform.now()));
        Self {
            platform: platform.clone(),
            node_id: node_id.uuid(),
            settings,
        }
    }

    /// Works until `stop`, then lets what runs finish for `grace` at most and gives the rest back.
    pub async fn run(self, stop: impl Future<Output = ()>, grace: Duration) {
        let (phase, watched) = watch::channel(Phase::Working);
        let stopping = async {
            stop.await;
            phase.send_replace(Phase::Draining);
            sleep(grace).await;
            phase.send_replace(Phase::Stopping);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = stopping => {}
            () = self.work(watched) => {}
        }
    }

    /// Runs what is due now to its end, and what that enqueues for now; how many attempts were made. For commands and tests,
    /// which have no loop.
    ///
    /// # Errors
    /// The store's.
    pub async fn run_due(&self) -> Result<usize, Error> {
        let (_working, phase) = watch::channel(Phase::Working);
        schedules::run_due(&self.platform).await;
        let mut made = 0;
        loop {
            let claimed = self.claim(self.settings.jobs_at_once).await?;
            if claimed.is_empty() {
                return Ok(made);
            }
            made += claimed.len();
            let mut running = JoinSet::new();
            for job in claimed {
                running.spawn(self.clone().run_job(job, phase.clone()));
            }
            while running.join_next().await.is_some() {}
        }
    }

    async fn work(&self, phase: watch::Receiver<Phase>) {
        let mut draining = phase.clone();
        let schedules = async {
            tokio::select! {
                () = self.keep_schedules() => {}
                _ = draining.wait_for(|phase| *phase >= Phase::Draining) => {}
            }
        };
        tokio::join!(schedules, self.keep_claiming(phase));
    }

    async fn keep_schedules(&self) {
        loop {
            let poll = self.settings.schedule_poll;
            sleep(jittered(poll, self.platform.random())).await;
            schedules::run_due(&self.platform).await;
        }
    }

    /// Claims and runs until the worker drains, and then until all that runs has ended.
    async fn keep_claiming(&self, mut phase: watch::Receiver<Phase>) {
        let mut running = JoinSet::new();
        while *phase.borrow() == Phase::Working {
            let free = self.settings.jobs_at_once.saturating_sub(running.len());
            let claimed = match free {
                0 => Vec::new(),
                free => self.claim(free).await.unwrap_or_else(|error| {
                    tracing::warn!(%error, "no jobs could be claimed");
                    Vec::new()
                }),
            };
            for job in claimed {
                running.spawn(self.clone().run_job(job, phase.clone()));
            }
            tokio::select! {
                () = self.wait(&mut running) => {}
                _ = phase.wait_for(|phase| *phase >= Phase::Draining) => {}
            }
        }
        while running.join_next().await.is_some() {}
    }

    /// Until there may be something to claim: a slot is free and a job was enqueued, or some time has passed.
    async fn wait(&self, running: &mut JoinSet<()>) {
        if running.len() >= self.settings.jobs_at_once.max(1) {
            running.join_next().await;
            return;
        }
        let poll = jittered(self.settings.poll, self.platform.random());
        tokio::select! {
            () = self.platform.store().job_enqueued() => {}
            Some(_) = running.join_next() => {}
            () = sleep(poll) => {}
        }
    }

    async fn claim(&self, limit: usize) -> Result<Vec<ClaimedJob>, Error> {
        let times = (self.platform.now(), self.lease_until());
        let store = self.platform.store();
        store.claim_jobs(self.node_id, times, limit).await
    }

    fn lease_until(&self) -> Timestamp {
        let micros = i64::try_from(self.settings.lease.as_micros()).unwrap_or(i64::MAX);
        self.platform.now().plus_micros(micros)
    }

    /// Makes one attempt at a job, with a heartbeat beside it, and writes how it ended.
    async fn run_job(self, claimed: ClaimedJob, mut phase: watch::Receiver<Phase>) {
        let job = RunningJob::new(&self.platform, claimed);
        // A task of its own, so that a panic ends the attempt and not the worker; it ends with its set.
        let mut attempt = JoinSet::new();
        attempt.spawn({
            let job = job.clone();
            async move { job.attempt().await }
        });
        let outcome = tokio::select! {
            joined = attempt.join_next() => match joined {
                Some(Ok(outcome)) => outcome,
                _ => Err(JobError::Failed("it panicked".to_owned())),
            },
            stopped = self.keep_beating(&job) => Err(stopped.into()),
            // To whoever asks for it next it is as if it had not been claimed.
            _ = phase.wait_for(|phase| *phase == Phase::Stopping) => Err(Error::JobCancelled.into()),
        };
        drop(attempt);
        job.settle(outcome).await;
    }

    /// Extends the lease until that is no longer to be done, and says why.
    async fn keep_beating(&self, job: &RunningJob) -> Error {
        loop {
            sleep(self.settings.beat).await;
            let store = self.platform.store();
            let beat = store.extend_job_lease(job.claimed(), self.lease_until());
            match beat.await {
                Ok(Held::Yes) => {}
                Ok(Held::Cancelled) => return Error::JobCancelled,
                Ok(Held::Lost) => return Error::ClaimLost,
                // The lease outlasts two beats; should it end, the claim's number keeps this attempt from any effect.
                Err(error) => tracing::warn!(%error, "a job's lease could not be extended"),
            }
        }
    }
}
