//! The scene of these tests, and what is done in it.

use crate::support::some_event;
use keyward_model::{
    Digest, EndReason, Ended, Event, EventRecord, Id, NodeId, Removal, Session, SessionId, Tenant,
    TenantStatus, Timestamp, User,
};
use keyward_store::{Error, NodeIdentity, Store, TenantScope, TenantTx, VerifiedToken};
use keyward_testkit::{
    MockClock, TestDatabase, event_record, new_session, new_tenant, new_user,
    scratch_postgres_store_with,
};
use std::sync::Arc;
use std::time::Duration;

/// A database with a session in it, and nodes that serve it.
pub(super) struct Scene {
    /// Changes things beside the nodes, as a command does; here its user and session are made.
    pub(super) database: TestDatabase,
    pub(super) scope: TenantScope,
    pub(super) user: User,
    pub(super) session: Session,
    pub(super) nodes: Vec<Store>,
}

impl Scene {
    pub(super) async fn set(nodes: usize) -> Option<Self> {
        let database = scratch_postgres_store_with(|_| {}).await?;
        let (scope, _) = new_tenant(&database, "tenant").await;
        let user = new_user(&database, &scope).await;
        let session = new_session(&database, &scope, user.id).await;
        let mut stores = Vec::new();
        for _ in 0..nodes {
            stores.push(join(&database).await);
        }
        Some(Self {
            database,
            scope,
            user,
            session,
            nodes: stores,
        })
    }

    /// Reads the session at a node as a request does that memory cannot answer, which fills memory. Whether it is good.
    pub(super) async fn read(&self, store: &Store) -> bool {
        self.read_session(store, &self.session).await
    }

    pub(super) async fn read_session(&self, store: &Store, session: &Session) -> bool {
        let token = token_of(session);
        let mark = store.mark(&self.scope);
        let read = store.read_session_of(&self.scope, token, mark, self.database.now());
        read.await.unwrap().is_some()
    }

    /// Whether a node's memory answers for the session.
    pub(super) fn recalls(&self, store: &Store) -> bool {
        self.recalls_session(store, &self.session)
    }

    pub(super) fn recalls_session(&self, store: &Store, session: &Session) -> bool {
        store
            .recall(&digest_of(session.id), self.database.now())
            .is_some()
    }

    pub(super) async fn warm(&self, store: &Store) {
        assert!(self.read(store).await && self.recalls(store));
    }

    pub(super) async fn new_session(&self) -> Session {
        new_session(&self.database, &self.scope, self.user.id).await
    }

    /// Ends a session by way of a store, and waits for the answer.
    pub(super) async fn revoke(&self, store: &Store, session: &Session) {
        let (id, end) = (
            session.id,
            Ended {
                at: self.database.now(),
                reason: EndReason::SignedOut,
            },
        );
        let event = Event::SessionRevoked {
            session: session.clone(),
            reason: EndReason::SignedOut,
        };
        let event = event_record(&self.database, self.scope.tenant_id(), &event);
        let revoke = async move |tx: &mut TenantTx<'_>| {
            assert!(tx.end_session(id, end).await?.is_some());
            tx.record(&event).await
        };
        let revoked: Result<(), Error> = store.write(&self.scope, revoke).await;
        revoked.unwrap();
    }

    /// The tenant as the database has it.
    pub(super) async fn tenant(&self) -> Tenant {
        let find = async |tx: &mut TenantTx<'_>| tx.find_tenant().await;
        let found: Result<_, Error> = self.database.store.read(&self.scope, find).await;
        found.unwrap().unwrap()
    }

    /// Gives the tenant another status by way of a store, and waits for the answer.
    pub(super) async fn change_status(&self, store: &Store, status: TenantStatus) {
        let before = self.tenant().await;
        let after = Tenant {
            status,
            ..before.clone()
        };
        let event = match status {
            TenantStatus::Suspended => Event::TenantSuspended {
                before: before.clone(),
                after,
            },
            _ => Event::TenantResumed {
                before: before.clone(),
                after,
            },
        };
        let event = event_record(&self.database, self.scope.tenant_id(), &event);
        let change = async move |tx: &mut TenantTx<'_>| {
            assert!(tx.change_tenant_status(&before, status).await?.is_some());
            tx.record(&event).await
        };
        let changed: Result<(), Error> = store.write(&self.scope, change).await;
        changed.unwrap();
    }

    /// Ends the session in the database, as nobody does: no node hears of it.
    pub(super) async fn revoke_unheard(&self) {
        let id = self.database.id_literal(self.session.id);
        let text =
            format!("UPDATE sessions SET ended_at = 1, end_reason = 'signed_out' WHERE id = {id}");
        self.database.sql_without_notice(&text).await;
    }

    /// Records an event that says that something is to be forgotten, and that nobody waits for.
    pub(super) async fn tell(&self, store: &Store, removal: Removal) {
        let event = EventRecord {
            removal: Some(removal),
            is_awaited: false,
            ..some_event(&self.database, &self.scope)
        };
        let record = async move |tx: &mut TenantTx<'_>| tx.record(&event).await;
        let recorded: Result<(), Error> = store.write(&self.scope, record).await;
        recorded.unwrap();
    }

    pub(super) async fn rows(&self) -> i64 {
        let rows = "SELECT count(*) FROM nodes";
        self.database.admin_count(rows).await
    }

    /// Ends every node's own connection.
    pub(super) async fn cut(&self) {
        let killed = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
             WHERE application_name LIKE 'keyward node%' AND datname = current_database()";
        assert_eq!(
            self.database.admin_count(killed).await,
            self.nodes.len() as i64
        );
    }
}

/// Joins the nodes of the database.
pub(super) async fn join(database: &TestDatabase) -> Store {
    join_with(database, database.mint(), MockClock::new())
        .await
        .unwrap()
}

pub(super) async fn join_with(
    database: &TestDatabase,
    id: NodeId,
    clock: MockClock,
) -> Result<Store, Error> {
    let identity = NodeIdentity {
        id,
        name: "one of several".to_owned(),
        version: "0".to_owned(),
        clock: Arc::new(clock),
    };
    Store::open_postgres_as_node(&database.postgres_urls().options(), identity).await
}

fn digest_of(id: SessionId) -> Digest {
    let id = *id.uuid().as_bytes();
    Digest([id, id].concat().try_into().unwrap())
}

fn token_of(session: &Session) -> VerifiedToken {
    VerifiedToken {
        digest: digest_of(session.id),
        session_id: session.id,
        user_id: session.user_id,
        good_from: Timestamp::from_micros(0),
        expires_at: session.expires_at,
        id: Id::from_uuid(session.id.uuid()),
        client: None,
    }
}

pub(super) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    for _ in 0..600 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("it never came to this: {what}");
}
