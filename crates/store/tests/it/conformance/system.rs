//! What is asked before a tenant is known.

use super::scenarios;
use keyward_model::{Clock, Cursor, InstanceEvent, Node, NodeId, PageRequest, Tenant};
use keyward_store::{Error, NodeIdentity, Store};
use keyward_testkit::{Engine, MockClock, TestDatabase, new_tenant, query_postgres};
use serde_json::json;
use std::sync::Arc;

scenarios!(
    tenants_are_listed_oldest_first_page_by_page,
    a_setting_of_the_instance_is_claimed_once,
    the_log_of_the_instance_is_read_back_and_stays_as_it_is,
    nodes_are_listed,
);

async fn tenants_are_listed_oldest_first_page_by_page(database: TestDatabase) {
    let mut expected = Vec::new();
    for name in ["first", "second", "third"] {
        expected.push(new_tenant(&database, name).await.1);
    }
    // On PostgreSQL other tests have tenants in the same database, at any place of the list.
    let mut seen: Vec<Tenant> = Vec::new();
    let mut after: Option<Cursor> = None;
    loop {
        let request = PageRequest::new(Some(2), after);
        let page = database
            .store
            .system_read(async move |tx| tx.list_tenants(request).await);
        let page = page.await.unwrap();
        assert!(page.items.len() <= 2);
        seen.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert!(seen.is_sorted_by(|left, right| left.id < right.id));
    seen.retain(|tenant| expected.contains(tenant));
    assert_eq!(seen, expected);
}

async fn a_setting_of_the_instance_is_claimed_once(database: TestDatabase) {
    let name = format!("setting-{}", database.mint::<Tenant>());
    let tasks: Vec<_> = (0..8)
        .map(|number| {
            let (store, name) = (database.store.clone(), name.clone());
            tokio::spawn(async move {
                let value = format!("value {number}");
                let claimed = store
                    .system_write(async move |tx| tx.claim_instance_setting(&name, &value).await);
                claimed.await.unwrap()
            })
        })
        .collect();
    let mut heard = Vec::new();
    for task in tasks {
        heard.push(task.await.unwrap());
    }
    heard.dedup();
    assert_eq!(heard.len(), 1, "all hear which one won");
    let found = database
        .store
        .system_read(async move |tx| tx.find_instance_setting(&name).await);
    assert_eq!(found.await.unwrap(), heard.pop());
    let unknown: Result<Option<String>, Error> = database
        .store
        .system_read(async |tx| tx.find_instance_setting("no such setting").await)
        .await;
    assert_eq!(unknown.unwrap(), None);
}

async fn the_log_of_the_instance_is_read_back_and_stays_as_it_is(database: TestDatabase) {
    let mut written = Vec::new();
    for number in 0..3 {
        let details = json!({ "number": number }).as_object().cloned();
        let event = InstanceEvent {
            id: database.mint(),
            occurred_at: database.now(),
            kind: "operator.read".into(),
            actor: "uid 0 (root)".into(),
            reason: "a look".into(),
            tenant_id: (number == 1).then(|| database.mint()),
            details: details.unwrap(),
        };
        let to_record = event.clone();
        let recorded: Result<(), Error> = database
            .store
            .system_write(async move |tx| tx.record_instance_event(&to_record).await)
            .await;
        recorded.unwrap();
        written.insert(0, event);
    }
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let request = PageRequest::new(Some(2), after);
        let page: Result<_, Error> = database
            .store
            .system_read(async move |tx| tx.list_instance_events(request).await)
            .await;
        let page = page.unwrap();
        found.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    // On PostgreSQL other tests write into the same log.
    found.retain(|event| written.contains(event));
    assert_eq!(found, written);
    for change in [
        "UPDATE instance_events SET reason = 'another'",
        "DELETE FROM instance_events",
    ] {
        match &database.engine {
            Engine::Sqlite { .. } => {
                let refused = database
                    .store
                    .on_writer(move |connection| connection.execute_batch(change));
                assert!(refused.await.is_err(), "{change}");
            }
            Engine::Postgres(urls) => {
                for url in [&urls.app, &urls.system] {
                    let privilege = change.split(' ').next().unwrap();
                    let query =
                        format!("SELECT has_table_privilege('instance_events', '{privilege}')");
                    let rows = query_postgres(url, &query).await;
                    assert_eq!(rows[0][0].as_deref(), Some("f"), "{change}");
                }
            }
        }
    }
}

async fn nodes_are_listed(database: TestDatabase) {
    let id: NodeId = database.mint();
    let list = async || {
        let listed = database.store.system_read(async |tx| tx.list_nodes().await);
        let nodes: Result<Vec<Node>, Error> = listed.await;
        nodes.unwrap()
    };
    let Engine::Postgres(urls) = &database.engine else {
        assert_eq!(list().await, [], "the one that serves needs no row");
        return;
    };
    let clock = MockClock::new();
    let started_at = clock.now();
    let identity = NodeIdentity {
        id,
        name: "listed".to_owned(),
        version: "1".to_owned(),
        clock: Arc::new(clock),
    };
    let node = Store::open_postgres_as_node(&urls.options(), identity).await;
    let found = list().await;
    let found = found.iter().find(|node| node.id == id).unwrap();
    assert_eq!(
        (found.name.as_str(), found.version.as_str()),
        ("listed", "1")
    );
    assert_eq!((found.started_at, found.seen_at), (started_at, started_at));
    drop(node);
    assert!(list().await.iter().all(|node| node.id != id), "it has left");
}
