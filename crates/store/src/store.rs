//! The store itself: one database, two engines, and the closures that run in it.

mod clients;

use crate::error::{Error, Misuse};
use crate::link::{Link, Mode};
use crate::memory::{Found, KnownSession, Mark, Memory, RouteTicket, VerifiedToken};
use crate::meter::{StoreMeter, StoreReading, TransactionKind};
use crate::migrations;
use crate::postgres::{self, Begin, Node, Postgres, PostgresOptions};
use crate::scope::TenantScope;
use crate::sqlite::{Lane, Sqlite, SqliteOptions};
use crate::transaction::{SystemTx, TenantTx};
use futures_util::FutureExt;
use keyward_model::{
    Digest, HostName, Removal, Route, SessionId, Stopwatch, TenantId, TenantStatus, Timestamp,
    TokenUsage, UserStatus,
};
use rusqlite::Connection;
use std::pin::pin;
use std::sync::Arc;
use tokio::sync::Notify;

/// A database with Keyward's tables. Cheap to clone; the last clone that is dropped closes it.
#[derive(Clone)]
pub struct Store {
    engine: Arc<Engine>,
    pub(crate) memory: Arc<Memory>,
    /// Rung when a job was enqueued here.
    job_bell: Arc<Notify>,
    meter: Arc<StoreMeter>,
    /// This process among those that serve a PostgreSQL database: none on SQLite, whose file is locked, and for a command.
    pub(crate) node: Option<Arc<Node>>,
}

enum Engine {
    Sqlite(Sqlite),
    Postgres(Box<Postgres>),
}

/// Forgets when it is dropped: after a commit, and also when nobody knows whether there was one.
struct Forget {
    memory: Arc<Memory>,
    removals: Vec<Removal>,
}

impl Drop for Forget {
    fn drop(&mut self) {
        self.memory.remove_all(std::mem::take(&mut self.removals));
    }
}

/// Wakes a worker when it is dropped, as [`Forget`] forgets: one that wakes for nothing only looks.
struct Ring(Option<Arc<Notify>>);

impl Drop for Ring {
    fn drop(&mut self) {
        if let Some(bell) = &self.0 {
            bell.notify_one();
        }
    }
}

/// The changes that need no event. Each is bookkeeping that changes nothing a client could rely on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Housekeeping {
    /// These sessions were seen, each at its moment.
    TouchSessions(Vec<(SessionId, Timestamp)>),
    /// So often what happened to tokens.
    CountTokens(Vec<TokenUsage>),
    /// The time of these answers to refreshes is over.
    EraseRefreshAnswers(Timestamp),
}

impl Store {
    /// Opens a SQLite file that [`crate::migrate_sqlite`] has brought up to date.
    ///
    /// # Errors
    /// [`Error::Unfit`] when the file cannot be opened.
    pub fn open_sqlite(options: &SqliteOptions) -> Result<Self, Error> {
        migrations::refuse_pending_on_sqlite(&options.path)?;
        let meter = Arc::new(StoreMeter::default());
        Ok(Self {
            engine: Arc::new(Engine::Sqlite(Sqlite::open(options, meter.clone())?)),
            memory: Arc::new(Memory::new(options.memory_bytes_max)),
            job_bell: Arc::default(),
            meter,
            node: None,
        })
    }

    /// Opens a PostgreSQL database beside the nodes that serve it, and refuses it unless its roles are safe and its migrations
    /// complete. Memory is off; what is changed is waited for as a node's changes are.
    ///
    /// # Errors
    /// [`Error::Unfit`] with what to do about it; [`Error::Unavailable`] when it cannot be reached.
    pub async fn open_postgres(options: &PostgresOptions) -> Result<Self, Error> {
        let engine = Postgres::open(options)?;
        for (setting, lease) in [
            ("database.url", engine.app_lease().await?),
            ("database.system_url", engine.system_lease().await?),
        ] {
            refuse_unsafe_roles(setting, &postgres::unsafe_roles(&lease).await?)?;
            lease.release();
        }
        let lease = engine.app_lease().await?;
        migrations::refuse_pending_on_postgres(&lease).await?;
        lease.release();
        Ok(Self {
            engine: Arc::new(Engine::Postgres(Box::new(engine))),
            // Only a node hears what others revoke.
            memory: Arc::new(Memory::new(0)),
            job_bell: Arc::default(),
            meter: Arc::default(),
            node: None,
        })
    }

    /// Changes rows of one tenant. The closure awaits nothing but its transaction and records an event for what it changes.
    ///
    /// # Errors
    /// The closure's own, after which nothing of it stands; and [`Error`] when the database fails or a rule was broken.
    pub async fn write<T, E, F>(&self, scope: &TenantScope, closure: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&mut TenantTx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.in_tenant(*scope, Mode::Recorded, closure).await
    }

    /// Does bookkeeping that needs no event.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn housekeeping(&self, scope: &TenantScope, what: Housekeeping) -> Result<(), Error> {
        let act = async move |tx: &mut TenantTx<'_>| match what {
            Housekeeping::TouchSessions(seen) => {
                for (session_id, now) in seen {
                    tx.touch_session(session_id, now).await?;
                }
                Ok(())
            }
            Housekeeping::CountTokens(usage) => {
                for usage in &usage {
                    tx.add_token_usage(usage).await?;
                }
                Ok(())
            }
            Housekeeping::EraseRefreshAnswers(now) => tx.erase_refresh_answers(now).await,
        };
        self.in_tenant(*scope, Mode::Unrecorded, act).await
    }

    /// Bookkeeping of this crate's own that needs no event.
    pub(crate) async fn unrecorded<T, F>(&self, scope: &TenantScope, closure: F) -> Result<T, Error>
    where
        F: AsyncFnOnce(&mut TenantTx<'_>) -> Result<T, Error> + Send + 'static,
        T: Send + 'static,
    {
        self.in_tenant(*scope, Mode::Unrecorded, closure).await
    }

    /// Waits until a job is enqueued by this node. One that came while nobody waited counts.
    pub async fn job_enqueued(&self) {
        self.job_bell.notified().await;
    }

    /// Reads rows of one tenant.
    ///
    /// # Errors
    /// As [`Store::write`]; an operator's scope is refused, since a read cannot record who looked.
    pub async fn read<T, E, F>(&self, scope: &TenantScope, closure: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&mut TenantTx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        match scope.is_operator() {
            true => Err(Error::Misuse(Misuse::OperatorUnrecorded).into()),
            false => self.in_tenant(*scope, Mode::Read, closure).await,
        }
    }

    /// Reads what is of no tenant.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn system_read<T, E, F>(&self, closure: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&mut SystemTx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.in_system(Mode::Read, closure).await
    }

    /// Changes settings of the instance.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn system_write<T, E, F>(&self, closure: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&mut SystemTx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.in_system(Mode::Unrecorded, closure).await
    }

    /// The scopes that routes lead to, in their order; `None` for a route that leads nowhere. What memory knows of all of
    /// them costs no SQL.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database cannot be asked.
    pub async fn resolve(&self, routes: Vec<Route>) -> Result<Vec<Option<TenantScope>>, Error> {
        let known = self.memory.recall_routes(&routes);
        // After the look-up, as in `recall`.
        if let Some(known) = known.filter(|_| self.memory_holds()) {
            return Ok(known);
        }
        let ticket = self.memory.route_ticket();
        let read = async move |tx: &mut SystemTx<'_>| {
            let mut found = Vec::with_capacity(routes.len());
            for route in routes {
                let scope = tx.find_route(&route).await?;
                found.push((
                    route,
                    scope.map(|(id, status)| TenantScope::routed(id, status)),
                ));
            }
            Ok(found)
        };
        let found = self.system_read::<_, Error, _>(read).await?;
        let remember = |(route, scope): (Route, Option<TenantScope>)| {
            if let Some(scope) = scope {
                self.memory.keep_route(ticket, route, scope);
            }
            scope
        };
        Ok(found.into_iter().map(remember).collect())
    }

    /// An operator's way into an existing tenant. Every transaction in it must record an event.
    ///
    /// # Errors
    /// As [`Store::resolve`].
    pub async fn operator_scope(&self, route: Route) -> Result<Option<TenantScope>, Error> {
        self.system_read(async move |tx| {
            let found = tx.find_route(&route).await?;
            Ok(found.map(|(id, status)| TenantScope::operator(id, status)))
        })
        .await
    }

    /// An operator's way into a tenant that is about to be made.
    pub fn scope_for_new_tenant(&self, tenant_id: TenantId) -> TenantScope {
        TenantScope::operator(tenant_id, TenantStatus::Active)
    }

    /// Which engine keeps the data, as people call it.
    pub fn engine_name(&self) -> &'static str {
        match self.engine.as_ref() {
            Engine::Sqlite(_) => "SQLite",
            Engine::Postgres(_) => "PostgreSQL",
        }
    }

    /// What it counted so far, and how it stands.
    pub fn reading(&self) -> StoreReading {
        let pools = self.postgres().map(Postgres::pools).unwrap_or_default();
        let waiting = self.sqlite().map(Sqlite::waiting);
        self.meter
            .read(&self.memory, waiting, pools, self.node_reading())
    }

    /// What a test does to what this node keeps of sessions.
    #[cfg(feature = "testing")]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The session that a token points to, if memory knows it, with the scope that the token was verified in.
    pub fn recall(
        &self,
        digest: &Digest,
        now: Timestamp,
    ) -> Option<(TenantScope, Arc<KnownSession>)> {
        let known = self.memory.recall(digest, now);
        // After the look-up, by a fresh reading of the clock: this process may have been stopped for long just before.
        let known = known.filter(|_| self.memory_holds());
        match known {
            Some(_) => self.meter.memory.hits.increment(),
            None => self.meter.memory.misses.increment(),
        }
        known.map(|known| (known.scope(), known))
    }

    /// Whether a host is known to lead to no tenant. What is not known is to be asked of [`Store::resolve`].
    pub fn is_shared_host(&self, host: &HostName) -> bool {
        self.memory.is_shared_host(host) && self.memory_holds()
    }

    /// Begins a [`Store::resolve`] of which is to be remembered that a host led nowhere.
    pub fn route_ticket(&self) -> RouteTicket {
        self.memory.route_ticket()
    }

    /// Remembers that a host led to no tenant in a look-up that began with this ticket. Only of somebody whose token was
    /// verified: else anybody could push the right names out with made-up ones.
    pub fn keep_shared_host(&self, ticket: RouteTicket, host: &HostName) {
        self.memory.keep_shared_host(ticket, host);
    }

    /// Begins the verification of a token, before its key is read.
    pub fn mark(&self, scope: &TenantScope) -> Mark {
        self.memory.mark(scope)
    }

    /// Reads the session that a verified token points to, and remembers it if it admits its user at `now` and its tenant was
    /// not removed since `mark`. Memory is filled nowhere else: what it says comes from a read of this scope.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub async fn read_session_of(
        &self,
        scope: &TenantScope,
        token: VerifiedToken,
        mark: Mark,
        now: Timestamp,
    ) -> Result<Option<Arc<KnownSession>>, Error> {
        let ticket = self.memory.ticket(scope, &token, mark);
        let read = async move |tx: &mut TenantTx<'_>| {
            let found = tx.find_session_user(token.session_id).await?;
            let admitted = tx.admits_token(token.session_id, token.id).await?;
            let found = found.filter(|_| admitted);
            Ok((found, tx.find_tenant().await?, tx.list_names().await?))
        };
        let (Some(found), Some(tenant), names) = self.read::<_, Error, _>(scope, read).await?
        else {
            return Ok(None);
        };
        let (session, user) = (found.session, found.user);
        let admits = session.is_live(now) && user.status == UserStatus::Active;
        if !admits || user.id != token.user_id || tenant.id != scope.tenant_id() {
            return Ok(None);
        }
        let found = Found {
            session,
            user,
            tenant,
            names,
        };
        Ok(Some(self.memory.keep(ticket, token, found, now)))
    }

    async fn in_tenant<T, E, F>(&self, scope: TenantScope, mode: Mode, closure: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&mut TenantTx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let kind = match mode {
            Mode::Read => TransactionKind::Read,
            Mode::Recorded => TransactionKind::Write,
            Mode::Unrecorded => TransactionKind::Housekeeping,
        };
        let begun = Stopwatch::start();
        let (outcome, is_awaited) = self.in_tenant_uncounted(scope, mode, closure).await;
        self.meter.note(kind, begun, outcome.is_err());
        if is_awaited {
            // This node has forgotten it already.
            self.wait_for_nodes().await;
        }
        outcome
    }

    /// With the outcome goes whether other nodes are to be waited for.
    async fn in_tenant_uncounted<T, E, F>(
        &self,
        scope: TenantScope,
        mode: Mode,
        closure: F,
    ) -> (Result<T, E>, bool)
    where
        F: AsyncFnOnce(&mut TenantTx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        match self.engine.as_ref() {
            Engine::Sqlite(engine) => {
                let memory = self.memory.clone();
                let bell = self.job_bell.clone();
                let act = move |connection: &mut Connection| {
                    let mut tx = TenantTx::new(Link::Sqlite(connection), scope, mode);
                    let value = poll_once(closure(&mut tx))?;
                    tx.verdict()?;
                    let ring = Ring(tx.has_enqueued().then_some(bell));
                    Ok((
                        value,
                        ring,
                        Forget {
                            memory,
                            removals: tx.take_removals(),
                        },
                    ))
                };
                // Dropped, it forgets: right here after the commit, or else when nobody knows how that ended.
                let outcome = engine
                    .perform(lane(mode), act, |(value, _ring, _forget)| value)
                    .await;
                (outcome, false)
            }
            Engine::Postgres(engine) => {
                let how = match mode {
                    Mode::Read => Begin::Read,
                    Mode::Recorded | Mode::Unrecorded => Begin::Change,
                };
                let lease = match engine.begin(scope.tenant_id(), how).await {
                    Ok(lease) => lease,
                    Err(error) => return (Err(error.into()), false),
                };
                let mut tx = TenantTx::new(Link::Postgres(&lease), scope, mode);
                let outcome = closure(&mut tx).await;
                let (verdict, removals) = (tx.verdict(), tx.take_removals());
                let (enqueued, is_awaited) = (tx.has_enqueued(), tx.is_awaited(outcome.is_ok()));
                let memory = self.memory.clone();
                let forget = Forget { memory, removals };
                let ring = Ring(enqueued.then(|| self.job_bell.clone()));
                let outcome = end(lease, mode, outcome, verdict).await;
                drop((forget, ring));
                (outcome, is_awaited)
            }
        }
    }

    async fn in_system<T, E, F>(&self, mode: Mode, closure: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&mut SystemTx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let begun = Stopwatch::start();
        let outcome = self.in_system_uncounted(mode, closure).await;
        self.meter
            .note(TransactionKind::System, begun, outcome.is_err());
        outcome
    }

    async fn in_system_uncounted<T, E, F>(&self, mode: Mode, closure: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&mut SystemTx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        match self.engine.as_ref() {
            Engine::Sqlite(engine) => {
                let act = move |connection: &mut Connection| {
                    let mut tx = SystemTx::new(Link::Sqlite(connection), mode);
                    let value = poll_once(closure(&mut tx))?;
                    tx.verdict()?;
                    Ok(value)
                };
                engine.perform(lane(mode), act, |value| value).await
            }
            Engine::Postgres(engine) => {
                let lease = engine.begin_system().await?;
                let mut tx = SystemTx::new(Link::Postgres(&lease), mode);
                let outcome = closure(&mut tx).await;
                let verdict = tx.verdict();
                end(lease, mode, outcome, verdict).await
            }
        }
    }

    pub(crate) fn postgres(&self) -> Option<&Postgres> {
        match self.engine.as_ref() {
            Engine::Sqlite(_) => None,
            Engine::Postgres(engine) => Some(engine),
        }
    }

    pub(crate) fn sqlite(&self) -> Option<&Sqlite> {
        match self.engine.as_ref() {
            Engine::Sqlite(engine) => Some(engine),
            Engine::Postgres(_) => None,
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Store({})", self.engine_name())
    }
}

fn lane(mode: Mode) -> Lane {
    match mode {
        Mode::Read => Lane::Read,
        Mode::Recorded | Mode::Unrecorded => Lane::Write,
    }
}

/// Polls a closure's future the one time that SQL on SQLite needs.
fn poll_once<T, E: From<Error>>(future: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    pin!(future)
        .now_or_never()
        .unwrap_or_else(|| Err(Error::Misuse(Misuse::ForeignAwait).into()))
}

async fn end<T, E: From<Error>>(
    lease: postgres::Lease,
    mode: Mode,
    outcome: Result<T, E>,
    verdict: Result<(), Error>,
) -> Result<T, E> {
    if mode == Mode::Read {
        lease.end_reading();
        return outcome.and_then(|value| verdict.map(|()| value).map_err(E::from));
    }
    match (outcome, verdict) {
        (Ok(value), Ok(())) => {
            lease.commit().await?;
            Ok(value)
        }
        (Ok(_), Err(misuse)) => {
            lease.roll_back().await;
            Err(misuse.into())
        }
        (Err(error), _) => {
            lease.roll_back().await;
            Err(error)
        }
    }
}

fn refuse_unsafe_roles(setting: &str, unsafe_roles: &[postgres::UnsafeRole]) -> Result<(), Error> {
    let Some(found) = unsafe_roles.first() else {
        return Ok(());
    };
    Err(Error::Unfit(format!(
        "the role of {setting} is, or is a member of, {}, which {}: tenants would not be kept apart. \
         Use a role made by `keyward migrate --create-roles`",
        found.role, found.because
    )))
}
