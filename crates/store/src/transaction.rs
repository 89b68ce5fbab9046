//! Transactions as closures see them. Entities add their methods in files of their own (`users.rs`, `sessions.rs`, …).

use crate::error::Error;
use crate::link::{Ledger, Link, Mode};
use crate::postgres::Call;
use crate::row::{Answer, Row};
use crate::scope::TenantScope;
use crate::statement::Statement;
use crate::value::Value;
use keyward_model::{EventRecord, Removal, TenantId};

/// A transaction in one tenant. It binds the tenant to `$1` of each statement itself.
pub struct TenantTx<'a> {
    link: Link<'a>,
    scope: TenantScope,
    ledger: Ledger,
    removals: Vec<Removal>,
    /// What is to be forgotten though no event has told the other nodes so yet.
    untold: Option<Removal>,
    is_awaited: bool,
    found_over: bool,
    enqueued: bool,
}

/// A transaction before a tenant is known: routes, the list of tenants, settings of the instance.
pub struct SystemTx<'a> {
    link: Link<'a>,
    ledger: Ledger,
}

impl<'a> TenantTx<'a> {
    pub(crate) fn new(link: Link<'a>, scope: TenantScope, mode: Mode) -> Self {
        Self {
            link,
            scope,
            ledger: Ledger::new(mode),
            removals: Vec::new(),
            untold: None,
            is_awaited: false,
            found_over: false,
            enqueued: false,
        }
    }

    pub(crate) fn verdict(&self) -> Result<(), Error> {
        self.ledger.verdict(self.scope.is_operator())
    }

    /// What memory must forget once this is committed.
    pub(crate) fn take_removals(&mut self) -> Vec<Removal> {
        std::mem::take(&mut self.removals)
    }

    /// Notes that everything that rests on the tenant is to be forgotten, whatever the event of it says.
    pub(crate) fn note_tenant_removal(&mut self) {
        self.untold = Some(Removal::Tenant(self.tenant_id()));
        self.removals.extend(self.untold);
    }

    /// Notes what a record says; gives what it is to tell the other nodes.
    pub(crate) fn note_told(&mut self, event: &EventRecord) -> Option<Removal> {
        self.removals.extend(event.removal);
        self.is_awaited |= event.is_awaited;
        // What rests on the tenant has all in it that rests on its users and their sessions.
        self.untold.take().or(event.removal)
    }

    /// Notes that what was to be ended was found to have ended. Whoever ended it may not have answered yet, or never will, and
    /// this node may not have heard of it: the answer to this one says as much, so memory forgets it and the answer waits.
    pub fn note_found_over(&mut self, removal: Removal) {
        // SQLite has one node, which has heard of everything.
        if let Link::Postgres(_) = self.link {
            self.found_over = true;
            self.removals.push(removal);
        }
    }

    /// Whether the answer waits until every node has forgotten what is over.
    pub(crate) fn is_awaited(&self, is_committed: bool) -> bool {
        self.found_over || self.is_awaited && is_committed
    }

    /// Whether a worker has something to do once this is committed.
    pub(crate) fn has_enqueued(&self) -> bool {
        self.enqueued
    }

    pub(crate) fn note_enqueued(&mut self) {
        self.enqueued = true;
    }

    pub(crate) fn tenant_id(&self) -> TenantId {
        self.scope.tenant_id()
    }

    pub(crate) fn ledger(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    pub(crate) async fn run(
        &mut self,
        statement: &'static Statement,
        values: Vec<Value>,
    ) -> Result<Answer, Error> {
        let call = self.call(statement, values);
        self.link.run(&mut self.ledger, call).await
    }

    /// Runs statements of which none needs what another gave.
    pub(crate) async fn run_all<const N: usize>(
        &mut self,
        wanted: [(&'static Statement, Vec<Value>); N],
    ) -> Result<[Answer; N], Error> {
        let calls = wanted
            .into_iter()
            .map(|(statement, values)| self.call(statement, values))
            .collect();
        let answers = self.link.run_all(&mut self.ledger, calls).await?;
        answers
            .try_into()
            .map_err(|_| Error::unavailable("a statement was not answered"))
    }

    /// The same for any number of them.
    pub(crate) async fn run_each(
        &mut self,
        wanted: Vec<(&'static Statement, Vec<Value>)>,
    ) -> Result<Vec<Answer>, Error> {
        let calls = wanted
            .into_iter()
            .map(|(statement, values)| self.call(statement, values))
            .collect();
        self.link.run_all(&mut self.ledger, calls).await
    }

    /// Runs a change that asks for no event, and whose answer nobody waits for.
    pub(crate) async fn defer_bookkeeping(
        &mut self,
        statement: &'static Statement,
        values: Vec<Value>,
    ) -> Result<(), Error> {
        let before = self.ledger.changed();
        self.defer(statement, values).await?;
        // On PostgreSQL it has changed nothing yet.
        let changed = self.ledger.changed() - before;
        self.ledger.forget_changed(changed);
        Ok(())
    }

    /// Runs a change whose answer nobody waits for.
    pub(crate) async fn defer(
        &mut self,
        statement: &'static Statement,
        values: Vec<Value>,
    ) -> Result<(), Error> {
        let call = self.call(statement, values);
        self.link.defer(&mut self.ledger, call).await
    }

    fn call(&self, statement: &'static Statement, values: Vec<Value>) -> Call {
        let mut bound = Vec::with_capacity(values.len() + 1);
        bound.push(Value::from(self.scope.tenant_id()));
        bound.extend(values);
        Call {
            statement,
            values: bound,
        }
    }

    /// The rows that a statement gives, each mapped by `read`.
    pub(crate) async fn list<T>(
        &mut self,
        statement: &'static Statement,
        values: Vec<Value>,
        read: impl Fn(&mut Row) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut answer = self.run(statement, values).await?;
        answer.rows.iter_mut().map(read).collect()
    }

    /// The one row that a statement gives, if any.
    pub(crate) async fn find<T>(
        &mut self,
        statement: &'static Statement,
        values: Vec<Value>,
        read: impl Fn(&mut Row) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let mut answer = self.run(statement, values).await?;
        answer.rows.first_mut().map(read).transpose()
    }
}

impl<'a> SystemTx<'a> {
    pub(crate) fn new(link: Link<'a>, mode: Mode) -> Self {
        Self {
            link,
            ledger: Ledger::new(mode),
        }
    }

    pub(crate) fn verdict(&self) -> Result<(), Error> {
        self.ledger.verdict(false)
    }

    pub(crate) async fn run(
        &mut self,
        statement: &'static Statement,
        values: Vec<Value>,
    ) -> Result<Answer, Error> {
        let call = Call { statement, values };
        self.link.run(&mut self.ledger, call).await
    }
}
