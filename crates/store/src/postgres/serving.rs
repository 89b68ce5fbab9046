//! One server at a time on a PostgreSQL database, until several know of each other's removals.
//!
//! The holder has an advisory lock of its session, on a connection of its own that a thread of its own watches. What holds:
//! - **Nothing that a server answers from memory and nothing that it commits overlaps with another server's turn.** Memory
//!   answers for [`TENURE`] after the last proof that the lock was held, and no longer. PostgreSQL gives the lock to
//!   somebody else no earlier than that proof. Who gets it waits [`TAKE_OVER_WAIT`] before it serves, unless the one
//!   before signed off. A change takes [`FENCE`] shared and then looks at the tenure; who takes over takes it alone, after
//!   the wait: by then what the other had begun has ended, and it begins nothing more.
//! - Two ends of one connection may differ in what they know. Whichever is the first to give it up, the above holds.
//!
//! What it rests on: both machines' clocks run at the right speed to within five percent; there is one primary (a lock is not
//! replicated: a failover must end the old primary first); and no pooler that shares sessions stands in between.

use super::PostgresOptions;
use super::connect::{connect_to_serve, words};
use crate::error::Error;
use crate::memory::Memory;
use crate::tenure::{Beat, Standing, TAKE_OVER_WAIT, Tenure};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tokio_postgres::Client;

/// The SQL arguments of the lock that the serving server holds: "KEYW" as a number, and 1.
pub(crate) const LOCK: &str = "1262836055, 1";
/// The same of the lock that each change shares until its transaction ends, and that who takes over waits for.
pub(crate) const FENCE: &str = "1262836055, 2";
/// Where the holder leaves its name. Empty once it has signed off.
const SIGN: &str = "serving_server";

/// How often the lock is proven to be held, and how long the answer may take.
const BEAT: Duration = Duration::from_secs(1);
const BEAT_WAIT: Duration = Duration::from_secs(2);
/// How long to try before a start is refused: of a server that was killed this moment the database may not know yet.
const PATIENCE: u32 = 20;
/// How long to wait before trying again.
const RETRY: Duration = Duration::from_millis(100);
/// How long anything else on the connection may take. A change that was begun by the server before lasts 10 s at most.
const WAIT: Duration = Duration::from_secs(12);

/// The right to serve the database. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Serving {
    tenure: Arc<Tenure>,
    stop: Option<oneshot::Sender<()>>,
    watch: Option<JoinHandle<()>>,
}

/// The thread that keeps the lock.
struct Watch {
    options: PostgresOptions,
    name: String,
    tenure: Arc<Tenure>,
    memory: Arc<Memory>,
}

/// The connection with the lock.
struct Held {
    client: Client,
    /// Ends with the connection, and says why.
    connection: tokio::task::JoinHandle<String>,
    /// From before the last proof.
    proven_at: Beat,
}

/// What became of an attempt to take the lock.
enum Attempt {
    Taken(Held),
    /// Somebody else has it; in words, who that is.
    Refused(String),
}

impl Serving {
    /// Takes the lock, and keeps `memory` empty whenever it is not held. `name` is this process's alone.
    pub(crate) async fn take(
        options: &PostgresOptions,
        name: String,
        memory: Arc<Memory>,
    ) -> Result<Self, Error> {
        let tenure = Arc::new(Tenure::new());
        let watch = Watch {
            options: options.clone(),
            name,
            tenure: tenure.clone(),
            memory,
        };
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = oneshot::channel();
        // A runtime of its own: a busy server must not lose its lock because its other threads are busy.
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::unfit)?;
        let watch = std::thread::Builder::new()
            .name("keyward-lock".to_owned())
            .spawn(move || runtime.block_on(watch.run(tell, stopped)))
            .map_err(Error::unfit)?;
        let serving = Self {
            tenure,
            stop: Some(stop),
            watch: Some(watch),
        };
        told.await
            .map_err(|_| Error::unavailable("the thread that keeps the lock has ended"))??;
        Ok(serving)
    }

    pub(crate) fn tenure(&self) -> &Tenure {
        &self.tenure
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Before the lock is given back, as another server may serve from then on.
        self.tenure.end(Standing::Ended);
        drop(self.stop.take());
        if let Some(watch) = self.watch.take() {
            let _ = watch.join();
        }
    }
}

impl Watch {
    async fn run(
        self,
        tell: oneshot::Sender<Result<(), Error>>,
        mut stopped: oneshot::Receiver<()>,
    ) {
        let taken = tokio::select! {
            _ = &mut stopped => return,
            taken = self.take_at_start() => taken,
        };
        let mut held = match taken {
            Ok(held) => held,
            Err(error) => {
                let _ = tell.send(Err(error));
                return;
            }
        };
        self.begin(&held);
        let _ = tell.send(Ok(()));
        loop {
            let reason = tokio::select! {
                _ = &mut stopped => return self.give_back(held).await,
                reason = self.keep(&mut held) => reason,
            };
            self.tenure.end(Standing::Lost);
            self.memory.forget_all();
            drop(held);
            tracing::error!(
                reason,
                "the lock that lets this server alone serve the database is lost: it answers from the database and refuses \
                 changes until it has the lock again"
            );
            held = tokio::select! {
                _ = &mut stopped => return,
                held = self.take_again() => held,
            };
            self.begin(&held);
            tracing::warn!("this server has the lock again, and serves as before");
        }
    }

    fn begin(&self, held: &Held) {
        // What was being read while nobody watched must not be remembered now.
        self.memory.forget_all();
        self.tenure.extend(held.proven_at);
    }

    /// Proves again and again that the lock is held; ends with the reason why it may not be.
    async fn keep(&self, held: &mut Held) -> String {
        loop {
            #[cfg(feature = "testing")]
            std::thread::sleep(Duration::from_millis(
                self.tenure
                    .stall
                    .swap(0, std::sync::atomic::Ordering::SeqCst),
            ));
            tokio::select! {
                ended = &mut held.connection => {
                    return ended.unwrap_or_else(|error| error.to_string());
                }
                () = sleep(BEAT) => {}
            }
            match timeout(BEAT_WAIT, held.prove()).await {
                Ok(Ok(())) => self.tenure.extend(held.proven_at),
                Ok(Err(error)) => return error.to_string(),
                Err(_) => return format!("the database did not answer within {BEAT_WAIT:?}"),
            }
        }
    }

    async fn take_at_start(&self) -> Result<Held, Error> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.try_take().await? {
                Attempt::Taken(held) => return Ok(held),
                Attempt::Refused(holder) if attempts == PATIENCE => {
                    return Err(Error::Unfit(format!(
                        "another Keyward server uses this database ({holder}), and only one may at a time: stop it first, or \
                         name another database with KEYWARD_DATABASE_URL"
                    )));
                }
                Attempt::Refused(_) => sleep(RETRY).await,
            }
        }
    }

    async fn take_again(&self) -> Held {
        let mut told = None;
        loop {
            match self.try_take().await {
                Ok(Attempt::Taken(held)) => return held,
                Ok(Attempt::Refused(holder)) => {
                    self.tenure.end(Standing::Replaced);
                    if told.as_ref() != Some(&holder) {
                        tracing::error!(
                            holder,
                            "another Keyward server has taken this database over: this one refuses changes, and is not ready"
                        );
                        told = Some(holder);
                    }
                }
                Err(error) => tracing::warn!(%error, "the lock could not be taken again"),
            }
            sleep(RETRY).await;
        }
    }

    async fn try_take(&self) -> Result<Attempt, Error> {
        match timeout(WAIT + TAKE_OVER_WAIT, self.attempt()).await {
            Ok(attempt) => attempt,
            Err(_) => Err(Error::unavailable("the database did not answer in time")),
        }
    }

    async fn attempt(&self) -> Result<Attempt, Error> {
        let (client, connection) = connect_to_serve(&self.options, &self.application()).await?;
        let mut held = Held {
            client,
            connection,
            proven_at: Beat::now(),
        };
        if !held.try_lock().await? {
            let (pid, name, holder) = held.holder().await?;
            if name != self.application() {
                return Ok(Attempt::Refused(holder));
            }
            // This server's own connection from before, of which the database does not know yet that it is dead.
            held.ask(&format!("SELECT pg_terminate_backend({pid}, 1000)::text"))
                .await?;
            if !held.try_lock().await? {
                return Ok(Attempt::Refused(holder));
            }
        }
        self.take_over(&held).await?;
        held.prove().await?;
        Ok(Attempt::Taken(held))
    }

    /// Waits until nothing is left of the server before, and signs.
    async fn take_over(&self, held: &Held) -> Result<(), Error> {
        let before = held.sign().await?;
        if !before.is_empty() && before != self.name {
            tracing::info!(
                before,
                wait = ?TAKE_OVER_WAIT,
                "the server before did not sign off: waiting until it cannot answer from memory any more"
            );
            sleep(TAKE_OVER_WAIT).await;
        }
        held.ask(&format!("SELECT pg_advisory_lock({FENCE})::text"))
            .await?;
        held.ask(&format!("SELECT pg_advisory_unlock({FENCE})::text"))
            .await?;
        held.write_sign(&self.name).await
    }

    async fn give_back(&self, held: Held) {
        let sign_off = async {
            held.write_sign("").await?;
            held.ask(&format!("SELECT pg_advisory_unlock({LOCK})::text"))
                .await
        };
        match timeout(BEAT_WAIT, sign_off).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "could not sign off: the next start waits"),
            Err(_) => tracing::warn!("could not sign off in time: the next start waits"),
        }
    }

    /// What the database's administrator sees of the connection, and what others are told; 63 bytes of it are kept.
    fn application(&self) -> String {
        let printable = |character: &char| (' '..='~').contains(character);
        let name = format!("keyward {}", self.name);
        name.chars().filter(printable).take(63).collect()
    }
}

impl Held {
    /// Asks the database whether this session holds the lock.
    async fn prove(&mut self) -> Result<(), Error> {
        let asked_at = Beat::now();
        let found = self
            .ask(&format!(
                "SELECT count(*)::text FROM pg_locks WHERE {} AND pid = pg_backend_pid()",
                granted()
            ))
            .await?;
        if found.as_deref() != Some("1") {
            return Err(Error::unavailable(
                "the session does not hold the lock; is there a pooler between this server and the database?",
            ));
        }
        self.proven_at = asked_at;
        Ok(())
    }

    async fn try_lock(&self) -> Result<bool, Error> {
        let taken = self
            .ask(&format!("SELECT pg_try_advisory_lock({LOCK})::text"))
            .await?;
        Ok(taken.as_deref() == Some("true"))
    }

    /// The process id of the session that holds the lock, what it calls itself, and both in words.
    async fn holder(&self) -> Result<(i32, String, String), Error> {
        let query = format!(
            "SELECT l.pid, COALESCE(a.application_name, ''), COALESCE(host(a.client_addr), 'this host')
             FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid WHERE {} LIMIT 1",
            granted()
        );
        let found = self
            .client
            .query_opt(&query, &[])
            .await
            .map_err(|error| Error::unavailable(words(&error)))?;
        let Some(row) = found else {
            return Ok((0, String::new(), "which has just ended".to_owned()));
        };
        let pid: i32 = row.try_get(0).unwrap_or_default();
        let name: String = row.try_get(1).unwrap_or_default();
        let address: String = row.try_get(2).unwrap_or_default();
        let words = format!("\"{name}\" from {address}, process {pid} of the database");
        Ok((pid, name, words))
    }

    async fn sign(&self) -> Result<String, Error> {
        let query = format!("SELECT value FROM instance_settings WHERE name = '{SIGN}'");
        Ok(self.ask(&query).await?.unwrap_or_default())
    }

    async fn write_sign(&self, name: &str) -> Result<(), Error> {
        let text = "INSERT INTO instance_settings (name, value) VALUES ($1, $2)
                    ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        self.client
            .execute(text, &[&SIGN, &name])
            .await
            .map(drop)
            .map_err(|error| Error::unavailable(words(&error)))
    }

    /// The text that a query gives in its first column, if it gives a row.
    async fn ask(&self, query: &str) -> Result<Option<String>, Error> {
        let row = self
            .client
            .query_opt(query, &[])
            .await
            .map_err(|error| Error::unavailable(words(&error)))?;
        Ok(row.and_then(|row| row.try_get(0).ok()))
    }
}

/// Dropped, the connection is closed at once: its client alone may wait for a server that does not answer.
impl Drop for Held {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// The rows of `pg_locks` that say who has the lock.
fn granted() -> String {
    let (class, object) = LOCK.split_once(", ").unwrap_or_default();
    format!(
        "locktype = 'advisory' AND classid = {class} AND objid = {object} AND objsubid = 2 AND granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
}
