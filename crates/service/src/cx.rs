//! The context of a request: who asks, in which tenant, from where, and the one moment that is its "now".

use crate::authentication::Sender;
use crate::meter::Tally;
use crate::once::Once;
use crate::outcome::{Disclosed, Recorded};
use crate::platform::Platform;
use crate::presence::Presence;
use crate::recording::{Act, record_of};
use keyward_model::{
    AccessDenial, Client, Event, Id, JobFence, Principal, Removal, SPANS, Session, TenantId,
    Timestamp, TokenKind, User, UserId,
};
use keyward_policy::{Action, Denied, Permit, Resource, Rule, TokenFacts, decide, may_ever};
use keyward_store::{ClaimedJob, Error, Held, KnownSession, TenantScope, TenantTx};
use std::sync::{Arc, Mutex, PoisonError};
use tracing::{Instrument, Span};
use uuid::Uuid;

/// A request's context. Cheap to clone; it never holds a transaction.
#[derive(Debug, Clone)]
pub struct Cx {
    inner: Arc<Inner>,
    once: Option<Once>,
}

#[derive(Debug)]
struct Inner {
    platform: Platform,
    scope: TenantScope,
    principal: Principal,
    client: Client,
    now: Timestamp,
    declared: Action,
    known: Option<Arc<KnownSession>>,
    presence: Presence,
    /// The claim that a job's changes stand under.
    fence: Option<JobFence>,
    denied: Mutex<Option<Denial>>,
}

/// Whether a transaction waits for others of its tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turns {
    Any,
    OneInTheTenant,
}

/// What was denied, until it is recorded.
#[derive(Debug, Clone, Copy)]
struct Denial {
    action: Action,
    target_id: Option<Uuid>,
}

/// A request was refused before its use case began.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The action is for somebody who is known, and nobody is.
    #[error("nobody is signed in")]
    Unauthenticated,
    /// Whoever asks may do this on nothing at all.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// It is long ago that the caller proved who they are.
    #[error("the caller has to prove anew who they are")]
    ReauthenticationRequired,
    /// The denial could not be recorded.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Something that a decision can be about.
pub trait Owned {
    /// Whose it is; nobody's, if it is the tenant's.
    fn owner(&self) -> Option<UserId>;

    /// Names it, where it is a single thing.
    fn id(&self) -> Option<Uuid>;

    /// What is to be known of it where it is a token.
    fn token(&self) -> Option<TokenFacts> {
        None
    }
}

/// The tenant as a whole, for actions on no single thing of it.
#[derive(Debug, Clone, Copy)]
pub struct TenantWide;

impl Cx {
    /// Begins a request for `declared`, the action of its route or command.
    ///
    /// # Errors
    /// A [`Refusal`] when this principal may never do it; that of a known one is recorded.
    pub fn begin<S: Into<Sender>>(
        platform: &Platform,
        sender: S,
        client: Client,
        declared: Action,
    ) -> impl Future<Output = Result<Self, Refusal>> + Send + use<S> {
        let Sender {
            scope,
            principal,
            known,
            presence,
            now,
        } = sender.into();
        let inner = Inner {
            platform: platform.clone(),
            scope,
            principal,
            client,
            now: now.unwrap_or_else(|| platform.now()),
            declared,
            known,
            presence,
            fence: None,
            denied: Mutex::new(None),
        };
        let cx = Self {
            inner: Arc::new(inner),
            once: None,
        };
        // Made before, so that what waits is small.
        async move {
            match cx.refusal() {
                None => Ok(cx),
                Some(refusal) => {
                    if let Refusal::Denied(Denied { action }) = refusal {
                        let target_id = None;
                        Box::pin(cx.record_denial(Denial { action, target_id })).await?;
                    }
                    Err(refusal)
                }
            }
        }
    }

    /// Why nobody like the caller may do what is declared, whatever it would be done to.
    fn refusal(&self) -> Option<Refusal> {
        let action = self.inner.declared;
        match (may_ever(self.principal(), action), self.principal()) {
            (true, _) if self.is_proven_lately() => None,
            (true, _) => Some(Refusal::ReauthenticationRequired),
            (false, Principal::Anonymous) => Some(Refusal::Unauthenticated),
            (false, _) => Some(Refusal::Denied(Denied { action })),
        }
    }

    /// Whether the caller proved who they are as lately as their tenant asks for what they want to do.
    fn is_proven_lately(&self) -> bool {
        let Some(known) = self.inner.known.as_ref() else {
            return true;
        };
        let age_max = known
            .tenant
            .tenant
            .settings
            .reauthentication_max_age_seconds;
        let asked = age_max > 0 && self.inner.declared.is_sensitive();
        !asked || self.now() <= known.authenticated_at.plus_seconds(age_max)
    }

    /// Begins a transaction or several of a job: what they change stands only while `job` is the latest claim of it. Their
    /// records carry the job's id as that of the request.
    pub(crate) fn for_job(platform: &Platform, job: &ClaimedJob, declared: Action) -> Self {
        let inner = Inner {
            platform: platform.clone(),
            scope: job.scope(),
            principal: Principal::System,
            client: Client {
                address: None,
                user_agent: None,
                request_id: Id::from_uuid(job.fence.job_id.uuid()),
            },
            now: platform.now(),
            declared,
            known: None,
            presence: Presence::default(),
            fence: Some(job.fence),
            denied: Mutex::new(None),
        };
        Self {
            inner: Arc::new(inner),
            once: None,
        }
    }

    /// The running parts.
    pub fn platform(&self) -> &Platform {
        &self.inner.platform
    }

    /// The tenant, to be compared and recorded.
    pub fn tenant_id(&self) -> TenantId {
        self.inner.scope.tenant_id()
    }

    /// The way into the tenant, for what is done for it later.
    pub(crate) fn scope(&self) -> TenantScope {
        self.inner.scope
    }

    /// Who asks.
    pub fn principal(&self) -> &Principal {
        &self.inner.principal
    }

    pub(crate) fn with_once(self, once: Once) -> Self {
        let once = Some(once);
        Self { once, ..self }
    }

    pub(crate) fn asked_once(&self) -> Option<&Once> {
        self.once.as_ref()
    }

    /// The session that the caller acts in, as it was when the request began.
    pub(crate) fn known_session(&self) -> Option<&Arc<KnownSession>> {
        self.inner.known.as_ref()
    }

    /// From where.
    pub fn client(&self) -> &Client {
        &self.inner.client
    }

    /// Whether the client still waits.
    pub(crate) fn presence(&self) -> Presence {
        self.inner.presence.clone()
    }

    /// The moment of the request.
    pub fn now(&self) -> Timestamp {
        self.inner.now
    }

    /// Decides whether the caller may do `action` on `subject`.
    ///
    /// # Errors
    /// [`Denied`]; it is recorded once the transaction that asked has rolled back.
    pub fn permit(&self, action: Action, subject: &impl Owned) -> Result<Permit, Denied> {
        let resource = Resource {
            tenant_id: Some(self.tenant_id()),
            owner: subject.owner(),
            token: subject.token(),
        };
        let decision = match action == self.inner.declared {
            true => decide(self.principal(), action, resource),
            // The route promised another action: what its declaration says would not be what is done.
            false => Err(Denied { action }),
        };
        decision.inspect_err(|_| {
            let target_id = subject.id();
            *self.denied() = Some(Denial { action, target_id });
        })
    }

    /// Runs a transaction that may change rows, and records what happened in it.
    ///
    /// # Errors
    /// The closure's own, after which nothing of it stands, and the store's.
    pub async fn write<T, E, F>(&self, closure: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&Cx, &mut TenantTx<'_>) -> Result<Recorded<T>, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.write_by_turns(Turns::Any, closure).await
    }

    /// The same, one at a time in a tenant: for rules about several rows at once, such as that one administrator is left.
    /// It is what acts on other people's accounts; taking the tenant before any account keeps two of them from waiting
    /// for each other.
    ///
    /// # Errors
    /// As [`Cx::write`].
    pub async fn govern<T, E, F>(&self, closure: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&Cx, &mut TenantTx<'_>) -> Result<Recorded<T>, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        self.write_by_turns(Turns::OneInTheTenant, closure).await
    }

    async fn write_by_turns<T, E, F>(&self, turns: Turns, closure: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&Cx, &mut TenantTx<'_>) -> Result<Recorded<T>, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        let cx = self.clone();
        let outcome = self
            .platform()
            .store()
            .write(&self.inner.scope, async move |tx: &mut TenantTx<'_>| {
                if turns == Turns::OneInTheTenant {
                    tx.hold_tenant().await?;
                }
                hold_caller(&cx, tx).await?;
                if let Some(once) = &cx.once {
                    once.claim(&cx, tx).await?;
                }
                let recorded = closure(&cx, tx).await?;
                hold_client(&cx, tx).await?;
                if recorded.events.is_empty()
                    && let Some(removal) = cx.removal_of_what_was_so()
                {
                    tx.note_found_over(removal);
                }
                let permit = recorded.permit.to_string();
                let actor = recorded.actor.as_ref().unwrap_or(cx.principal());
                let mut tallies = Vec::with_capacity(recorded.events.len());
                for (position, event) in (0_i64..).zip(&recorded.events) {
                    let permit = Some(permit.as_str());
                    let act = Act {
                        event,
                        actor,
                        permit,
                    };
                    let record = record_of(&cx, act, position)?;
                    tallies.push(Tally::of(event, &record));
                    tx.record(&record).await?;
                }
                if let Some(once) = &cx.once {
                    let content = once.content_of(&recorded.value);
                    once.settle(tx, content).await?;
                }
                Ok((recorded.value, tallies))
            })
            .instrument(self.span())
            .await;
        let outcome = outcome.map(|(value, tallies)| {
            self.once.iter().for_each(Once::note_done);
            self.platform().meter().note(&tallies);
            value
        });
        self.after(outcome).await
    }

    /// What nodes may still go by that somebody asked to be changed and that was so already: another request has changed it,
    /// whose answer may still be waiting for them. What Keyward itself does tells nobody that it is over.
    fn removal_of_what_was_so(&self) -> Option<Removal> {
        match (self.principal(), self.inner.declared.rule()) {
            (Principal::System | Principal::Anonymous, _) => None,
            (Principal::User { user_id, .. }, Rule::Owner) => Some(Removal::User(*user_id)),
            _ => Some(Removal::Tenant(self.tenant_id())),
        }
    }

    /// The use case's span in a trace: its action, and nothing of whom it is about.
    fn span(&self) -> Span {
        tracing::trace_span!(
            target: SPANS,
            "use_case",
            otel.name = self.inner.declared.name(),
        )
    }

    /// Runs a transaction that only reads. What an operator reads is recorded.
    ///
    /// # Errors
    /// As [`Cx::write`].
    pub async fn read<T, E, F>(&self, closure: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&Cx, &mut TenantTx<'_>) -> Result<Disclosed<T>, E> + Send + 'static,
        T: Send + 'static,
        E: From<Error> + Send + 'static,
    {
        if let Principal::Operator { .. } = self.principal() {
            let subject = self.inner.declared.resource_kind();
            let event = Event::OperatorRead { subject };
            return self
                .write(async move |cx, tx| {
                    let disclosed = closure(cx, tx).await?;
                    Ok(Recorded::new(disclosed.permit, disclosed.value, event))
                })
                .await;
        }
        let cx = self.clone();
        let read = async move |tx: &mut TenantTx<'_>| {
            let Disclosed { value, permit: _ } = closure(&cx, tx).await?;
            Ok(value)
        };
        let reading = self.platform().store().read(&self.inner.scope, read);
        let outcome = reading.instrument(self.span()).await;
        self.after(outcome).await
    }

    /// Gives out what the request itself brought, without another read.
    pub(crate) fn give<T>(&self, disclosed: Disclosed<T>) -> T {
        let Disclosed { value, permit: _ } = disclosed;
        value
    }

    /// Reads what a use case needs before its own transaction: keys, hashes, settings. Nothing of it is an answer, so it
    /// takes no permit; the transaction that follows does.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn prepare<T, F>(&self, closure: F) -> Result<T, Error>
    where
        F: AsyncFnOnce(&mut TenantTx<'_>) -> Result<T, Error> + Send + 'static,
        T: Send + 'static,
    {
        self.platform()
            .store()
            .read(&self.inner.scope, closure)
            .instrument(self.span())
            .await
    }

    async fn after<T, E: From<Error>>(&self, outcome: Result<T, E>) -> Result<T, E> {
        let denied = self.denied().take();
        if let (Err(_), Some(denied)) = (&outcome, denied) {
            self.record_denial(denied).await?;
        }
        outcome
    }

    async fn record_denial(&self, denied: Denial) -> Result<(), Error> {
        let denial = AccessDenial {
            action: denied.action.name(),
            resource: denied.action.resource_kind(),
            target_id: denied.target_id,
        };
        let event = &Event::AccessDenied { denial };
        let act = Act {
            event,
            actor: self.principal(),
            permit: None,
        };
        let record = record_of(self, act, 0)?;
        let tally = Tally::of(event, &record);
        let write = async move |tx: &mut TenantTx<'_>| tx.record(&record).await;
        let written = self.platform().store().write(&self.inner.scope, write);
        written
            .instrument(self.span())
            .await
            .inspect(|()| self.platform().meter().note(&[tally]))
    }

    fn denied(&self) -> std::sync::MutexGuard<'_, Option<Denial>> {
        self.inner
            .denied
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A change in a user's name stands only if their session still does at its commit, however long ago the request began;
/// if it is one for administrators, only if they are one still; one of a job, only if its claim does.
async fn hold_caller(cx: &Cx, tx: &mut TenantTx<'_>) -> Result<(), Error> {
    if let Some(fence) = cx.inner.fence {
        return match tx.hold_job(fence).await? {
            Held::Yes => Ok(()),
            Held::Cancelled => Err(Error::JobCancelled),
            Held::Lost => Err(Error::ClaimLost),
        };
    }
    let Principal::User {
        user_id,
        session_id,
        role,
        ..
    } = cx.principal()
    else {
        return Ok(());
    };
    match tx.hold_session(*user_id, *session_id, cx.now()).await? {
        None => Err(Error::SessionOver),
        Some(now) if now != *role && cx.inner.declared.rule() == Rule::Administrator => {
            // A denial like that of policy, and recorded as one.
            let (action, target_id) = (cx.inner.declared, None);
            *cx.denied() = Some(Denial { action, target_id });
            Err(Error::RoleChanged)
        }
        Some(_) => Ok(()),
    }
}

/// The same of a change in a client's name. It takes the client behind the users that it is about, as administrators do who
/// change the client: so the two never wait for each other.
async fn hold_client(cx: &Cx, tx: &mut TenantTx<'_>) -> Result<(), Error> {
    match cx.principal() {
        Principal::OAuthClient { client_id, .. } if !tx.hold_oauth_client(*client_id).await? => {
            Err(Error::ClientOver)
        }
        _ => Ok(()),
    }
}

impl Owned for User {
    fn owner(&self) -> Option<UserId> {
        Some(self.id)
    }

    fn id(&self) -> Option<Uuid> {
        Some(self.id.uuid())
    }
}

impl Owned for Session {
    fn owner(&self) -> Option<UserId> {
        Some(self.user_id)
    }

    fn id(&self) -> Option<Uuid> {
        Some(self.id.uuid())
    }
}

impl Owned for KnownSession {
    fn owner(&self) -> Option<UserId> {
        Some(self.user_id)
    }

    fn id(&self) -> Option<Uuid> {
        Some(self.session_id.uuid())
    }

    fn token(&self) -> Option<TokenFacts> {
        Some(TokenFacts {
            kind: TokenKind::Access,
            issued_to: KnownSession::token(self).client,
        })
    }
}

impl Owned for TenantWide {
    fn owner(&self) -> Option<UserId> {
        None
    }

    fn id(&self) -> Option<Uuid> {
        None
    }
}

/// A caller's own things as a whole, for lists of them.
impl Owned for Principal {
    fn owner(&self) -> Option<UserId> {
        self.user_id()
    }

    fn id(&self) -> Option<Uuid> {
        None
    }
}
