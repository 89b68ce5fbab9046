//! The connection breaks after COMMIT was sent: nobody knows whether the change stands, and nobody claims to.

use super::{Registration, counts};
use keyward_store::Error;
use keyward_testkit::{TestDatabase, new_tenant, scratch_postgres_store_with};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the proxy does to the COMMIT that comes by next.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Cut {
    Nothing,
    /// It reaches the database, whose answer does not come back.
    BehindIt,
    /// It does not reach the database.
    BeforeIt,
}

/// A wire between the store and the database that can be cut.
struct Proxy {
    address: String,
    cut: Arc<AtomicU8>,
}

impl Proxy {
    async fn start(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let cut = Arc::new(AtomicU8::new(Cut::Nothing as u8));
        let armed = cut.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&target).await.unwrap();
                tokio::spawn(forward(client, server, armed.clone()));
            }
        });
        Self { address, cut }
    }

    fn arm(&self, cut: Cut) {
        self.cut.store(cut as u8, Ordering::SeqCst);
    }
}

async fn forward(mut client: TcpStream, mut server: TcpStream, cut: Arc<AtomicU8>) {
    let (mut from_client, mut from_server) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = client.read(&mut from_client) => {
                let sent = &from_client[..read.unwrap_or(0)];
                let has_commit = sent.windows(6).any(|word| word == b"COMMIT");
                let cut = cut.load(Ordering::SeqCst);
                if sent.is_empty() || has_commit && cut == Cut::BeforeIt as u8 {
                    return;
                }
                if server.write_all(sent).await.is_err() {
                    return;
                }
                if has_commit && cut == Cut::BehindIt as u8 {
                    // Once the database answers the COMMIT is done; the answer stays here.
                    let _ = server.read(&mut from_server).await;
                    return;
                }
            }
            read = server.read(&mut from_server) => {
                let answered = &from_server[..read.unwrap_or(0)];
                if answered.is_empty() || client.write_all(answered).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// A store whose request role reaches the database through a proxy only.
async fn behind_a_proxy() -> Option<(TestDatabase, Proxy)> {
    let mut target = None;
    let mut database = scratch_postgres_store_with(|options| {
        let (_, place) = options.app_url.rsplit_once('@').unwrap();
        target = Some(place.split('/').next().unwrap().to_owned());
    })
    .await?;
    let target = target.unwrap();
    let proxy = Proxy::start(target.clone()).await;
    let mut options = database.postgres_urls().options();
    options.app_url = options.app_url.replace(&target, &proxy.address);
    database.store = keyward_store::Store::open_postgres(&options).await.unwrap();
    Some((database, proxy))
}

async fn is_unknown_and_stands(cut: Cut, stands: i64) {
    let Some((database, proxy)) = behind_a_proxy().await else {
        return;
    };
    let (scope, _) = new_tenant(&database, "tenant").await;
    proxy.arm(cut);
    let registration = Registration::new(&database, &scope);
    let outcome = registration.commit(&database.store, &scope).await;
    assert!(
        matches!(outcome, Err(Error::OutcomeUnknown(_))),
        "{outcome:?}"
    );
    proxy.arm(Cut::Nothing);
    assert_eq!(counts(&database, &scope).await, (stands, stands));
    // The connection of which nothing is known any more is not used again.
    let next = Registration::new(&database, &scope);
    next.commit(&database.store, &scope).await.unwrap();
    assert_eq!(counts(&database, &scope).await, (stands + 1, stands + 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_is_lost_has_an_unknown_outcome() {
    is_unknown_and_stands(Cut::BehindIt, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_is_lost_itself_has_an_unknown_outcome() {
    is_unknown_and_stands(Cut::BeforeIt, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_refused_keeps_its_change_from_being_committed() {
    let Some((database, _proxy)) = behind_a_proxy().await else {
        return;
    };
    let (scope, _) = new_tenant(&database, "tenant").await;
    let first = Registration::new(&database, &scope);
    let event = first.event.clone();
    first.commit(&database.store, &scope).await.unwrap();
    // Its id is taken: the row is refused when it travels with COMMIT.
    let second = Registration {
        event,
        ..Registration::new(&database, &scope)
    };
    let refused = second.commit(&database.store, &scope).await;
    assert!(
        matches!(refused, Err(Error::Conflict { .. })),
        "{refused:?}"
    );
    assert_eq!(counts(&database, &scope).await, (1, 1));
    // The connection goes on, in no transaction.
    let third = Registration::new(&database, &scope);
    third.commit(&database.store, &scope).await.unwrap();
    assert_eq!(counts(&database, &scope).await, (2, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_cannot_be_kept_keeps_its_change_from_being_committed() {
    let Some((database, _proxy)) = behind_a_proxy().await else {
        return;
    };
    let (scope, _) = new_tenant(&database, "tenant").await;
    let mut registration = Registration::new(&database, &scope);
    // PostgreSQL keeps no zero character in a text.
    registration.event.personal = "{\"a\":\"\0\"}".to_owned();
    let refused = registration.commit(&database.store, &scope).await;
    assert!(refused.is_err());
    assert_eq!(counts(&database, &scope).await, (0, 0));
}
