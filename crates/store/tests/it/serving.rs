//! One server at a time on PostgreSQL: who is refused, and what memory says when the lock is lost.

use crate::support::some_event;
use keyward_model::{Digest, Session, Timestamp, User};
use keyward_store::{Error, Store, TenantScope, VerifiedToken};
use keyward_testkit::{
    TestDatabase, new_session, new_tenant, new_user, scratch_postgres_store_with,
};
use std::time::Duration;
use tokio_postgres::{Client, NoTls};

const LOCK: &str = "1262836055, 1";
const FENCE: &str = "1262836055, 2";
const DIGEST: Digest = Digest([7; 32]);

/// A database with a session in it, and a store that serves it.
struct Scene {
    /// Looks beside the server; here its user and session are made.
    database: TestDatabase,
    scope: TenantScope,
    user: User,
    session: Session,
    store: Store,
}

impl Scene {
    async fn set() -> Option<Self> {
        let database = scratch_postgres_store_with(|_| {}).await?;
        let (scope, _) = new_tenant(&database, "tenant").await;
        let user = new_user(&database, &scope).await;
        let session = new_session(&database, &scope, user.id).await;
        let store = serve(&database, "one").await.unwrap();
        Some(Self {
            database,
            scope,
            user,
            session,
            store,
        })
    }

    /// Reads the session as a request does that memory cannot answer, which fills memory. Whether it is good.
    async fn read(&self) -> bool {
        let token = VerifiedToken {
            digest: DIGEST,
            session_id: self.session.id,
            user_id: self.user.id,
            good_from: Timestamp::from_micros(0),
            expires_at: self.session.expires_at,
            id: keyward_model::Id::from_uuid(self.session.id.uuid()),
            client: None,
        };
        let read = self.store.read_session_of(
            &self.scope,
            token,
            self.store.mark(&self.scope),
            self.database.now(),
        );
        read.await.unwrap().is_some()
    }

    /// Whether memory answers for the session.
    fn recalls(&self) -> bool {
        self.store.recall(&DIGEST, self.database.now()).is_some()
    }

    async fn write(&self) -> Result<(), Error> {
        let event = some_event(&self.database, &self.scope);
        let record = async move |tx: &mut keyward_store::TenantTx<'_>| tx.record(&event).await;
        self.store.write(&self.scope, record).await
    }

    /// Ends the session in the database, as another server would that this one does not hear of.
    async fn revoke_elsewhere(&self) {
        let id = self.database.id_literal(self.session.id);
        let text =
            format!("UPDATE sessions SET ended_at = 1, end_reason = 'signed_out' WHERE id = {id}");
        self.database.sql_without_notice(&text).await;
    }

    /// Ends the connection that has the lock.
    async fn cut(&self) {
        let killed =
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' AND granted
             AND classid = 1262836055 AND objid = 1
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        let rows = self.database.admin_rows(killed).await;
        assert_eq!(rows, [[Some("t".to_owned())]]);
    }
}

/// Opens a store that serves.
async fn serve(database: &TestDatabase, name: &str) -> Result<Store, Error> {
    let options = database.postgres_urls().options();
    Store::open_postgres_to_serve(&options, name.to_owned()).await
}

/// A session of the system role, as another server has one.
async fn other_server(database: &TestDatabase) -> Client {
    let url = &database.postgres_urls().system;
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    for _ in 0..600 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("it never came to this: {what}");
}

async fn sign(database: &TestDatabase) -> Option<String> {
    let query = "SELECT value FROM instance_settings WHERE name = 'serving_server'";
    database.admin_rows(query).await.remove(0).remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_server_is_refused_with_what_to_do() {
    let Some(scene) = Scene::set().await else {
        return;
    };
    let refused = serve(&scene.database, "two").await.unwrap_err();
    assert!(matches!(refused, Error::Unfit(_)), "{refused:?}");
    let text = refused.to_string();
    for word in [
        "another Keyward server",
        "keyward one",
        "stop it first",
        "KEYWARD_DATABASE_URL",
    ] {
        assert!(text.contains(word), "no {word:?} in {text}");
    }
    scene.write().await.unwrap();
    // Who only looks is not refused, and what it records stands beside the server's.
    let event = some_event(&scene.database, &scene.scope);
    let beside = async move |tx: &mut keyward_store::TenantTx<'_>| tx.record(&event).await;
    let written = scene.database.store.write(&scene.scope, beside).await;
    written.unwrap_or_else(|error: Error| panic!("{error}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signs_off_hands_the_database_over() {
    let Some(scene) = Scene::set().await else {
        return;
    };
    assert_eq!(sign(&scene.database).await.as_deref(), Some("one"));
    drop(scene.store);
    assert_eq!(sign(&scene.database).await.as_deref(), Some(""));
    let next = serve(&scene.database, "two").await.unwrap();
    next.require_serving().unwrap();
    assert_eq!(sign(&scene.database).await.as_deref(), Some("two"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_answers_on_postgres_while_the_lock_is_held() {
    let Some(scene) = Scene::set().await else {
        return;
    };
    assert!(!scene.recalls());
    assert!(scene.read().await);
    assert!(scene.recalls());
    // Longer than one proof counts: it is renewed.
    tokio::time::sleep(Duration::from_millis(3_500)).await;
    assert!(scene.recalls());
    scene.write().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asvs_v7_4_1_memory_says_nothing_once_its_proof_has_run_out() {
    let Some(scene) = Scene::set().await else {
        return;
    };
    assert!(scene.read().await && scene.recalls());
    // The thread that would notice a loss stands still, so that the clock alone can tell.
    scene.store.stall_lock(Duration::from_secs(8));
    until("the proof has run out", async || !scene.recalls()).await;
    let refused = scene.write().await.unwrap_err();
    assert!(matches!(refused, Error::Unavailable(_)), "{refused:?}");
    assert!(scene.read().await, "the store is asked");
    until("there is a proof again", async || scene.recalls()).await;
    scene.write().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asvs_v7_4_1_a_lost_lock_empties_memory_and_is_taken_again() {
    let Some(scene) = Scene::set().await else {
        return;
    };
    assert!(scene.read().await && scene.recalls());
    scene.revoke_elsewhere().await;
    assert!(scene.recalls(), "nobody told it: memory was at work");
    scene.cut().await;
    until("memory is empty", async || !scene.recalls()).await;
    assert!(!scene.read().await, "the store is asked, and knows");
    until("the lock is back", async || {
        scene.store.require_serving().is_ok()
    })
    .await;
    scene.write().await.unwrap();
    assert!(!scene.recalls());
    let user = scene.user.id;
    let fresh = Scene {
        session: new_session(&scene.database, &scene.scope, user).await,
        ..scene
    };
    assert!(
        fresh.read().await && fresh.recalls(),
        "memory is used again"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asvs_v7_4_1_who_was_replaced_answers_from_the_store_and_changes_nothing() {
    let Some(scene) = Scene::set().await else {
        return;
    };
    assert!(scene.read().await && scene.recalls());
    // It waits in the queue, and so has the lock before the first server can ask for it again.
    let other = other_server(&scene.database).await;
    let wait = format!("SELECT pg_advisory_lock({LOCK})");
    let waiting = tokio::spawn(async move {
        other.batch_execute(&wait).await.unwrap();
        other
    });
    until("it waits", async || {
        let query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
        scene.database.admin_count(query).await == 1
    })
    .await;
    scene.cut().await;
    let other = waiting.await.unwrap();
    let text = "UPDATE instance_settings SET value = 'two' WHERE name = 'serving_server'";
    other.batch_execute(text).await.unwrap();
    scene.revoke_elsewhere().await;
    until("it knows", async || {
        let refused = scene.store.require_serving();
        refused.is_err_and(|error| error.to_string().contains("another Keyward server"))
    })
    .await;
    assert!(!scene.recalls());
    assert!(!scene.read().await, "the store is asked, and knows");
    let refused = scene.write().await.unwrap_err();
    assert!(matches!(refused, Error::Unavailable(_)), "{refused:?}");
    // The other one ends without a word, as a killed process does.
    drop(other);
    until("it serves again", async || {
        scene.store.require_serving().is_ok()
    })
    .await;
    assert_eq!(sign(&scene.database).await.as_deref(), Some("one"));
    scene.write().await.unwrap();
    assert!(!scene.recalls(), "what it knew before is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_takes_over_waits_for_changes_that_were_begun() {
    let Some(scene) = Scene::set().await else {
        return;
    };
    let other = other_server(&scene.database).await;
    let is_free = async || {
        let tried = format!("SELECT pg_try_advisory_lock({FENCE})");
        let free: bool = other.query_one(&tried, &[]).await.unwrap().get(0);
        if free {
            let text = format!("SELECT pg_advisory_unlock({FENCE})");
            other.batch_execute(&text).await.unwrap();
        }
        free
    };
    assert!(is_free().await);
    let (inside, is_inside) = tokio::sync::oneshot::channel();
    let (go_on, wait) = tokio::sync::oneshot::channel::<()>();
    let event = some_event(&scene.database, &scene.scope);
    let (store, scope) = (scene.store.clone(), scene.scope);
    let change = tokio::spawn(async move {
        let change = async move |tx: &mut keyward_store::TenantTx<'_>| {
            // A transaction begins with its first statement.
            tx.find_tenant().await?;
            inside.send(()).unwrap();
            wait.await.unwrap();
            tx.record(&event).await
        };
        store.write::<_, Error, _>(&scope, change).await
    });
    is_inside.await.unwrap();
    assert!(!is_free().await);
    go_on.send(()).unwrap();
    change.await.unwrap().unwrap();
    assert!(is_free().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_takes_its_lock_back_from_its_own_dead_connection() {
    let Some(scene) = Scene::set().await else {
        return;
    };
    // A session that calls itself as the server does, and has the lock: to the database the server's machine vanished.
    let url = &scene.database.postgres_urls().system;
    let mut config: tokio_postgres::Config = url.parse().unwrap();
    config.application_name("keyward two");
    drop(scene.store);
    let (dead, connection) = config.connect(NoTls).await.unwrap();
    let connection = tokio::spawn(connection);
    dead.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})"))
        .await
        .unwrap();
    let store = serve(&scene.database, "two").await.unwrap();
    store.require_serving().unwrap();
    assert!(connection.await.unwrap().is_err(), "it was ended");
}
