//! Delivering events: at least once, in order, each as a CloudEvent, and nothing of what names a person.

use keyward_service::feed::{DeliveryError, EVENTS_FILE, deliver_events, feed_lag};
use keyward_testkit::{TestApp, TestDatabase, alone_on_both_engines};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::time::Duration;

alone_on_both_engines!(
    an_event_is_told_as_a_cloud_event_without_what_is_personal,
    what_was_refused_comes_again_and_nothing_is_lost,
    of_two_who_deliver_in_one_name_one_is_told,
);

async fn deliver(app: &TestApp) -> Vec<Value> {
    let mut told = Vec::new();
    let (sender, receiver) = std::sync::mpsc::channel();
    let delivered = deliver_events(
        &app.platform,
        EVENTS_FILE,
        async move |lines: Vec<String>| {
            sender.send(lines).unwrap();
            Ok::<(), Infallible>(())
        },
    );
    let count = delivered.await.unwrap();
    for line in receiver.try_iter().flatten() {
        assert!(!line.contains('\n'), "{line}");
        told.push(serde_json::from_str(&line).unwrap());
    }
    assert_eq!(told.len(), count);
    told
}

/// Delivers until so many have come: on PostgreSQL other tests' transactions hold the horizon back for a moment.
async fn deliver_until(app: &TestApp, count: usize) -> Vec<Value> {
    let mut told = Vec::new();
    for _ in 0..2_000 {
        told.extend(deliver(app).await);
        if told.len() >= count {
            return told;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    told
}

async fn recorded(app: &TestApp) -> usize {
    let count = app.database.admin_count("SELECT COUNT(*) FROM feed").await;
    usize::try_from(count).unwrap()
}

async fn an_event_is_told_as_a_cloud_event_without_what_is_personal(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let other = app.new_tenant("other").await;
    app.member(&other, "grace.hopper@example.org").await;
    let user = app.member(&app.tenant, "ada.lovelace@example.org").await;
    user.client.post("/v1/auth/logout", json!({})).await;
    let told = deliver_until(&app, recorded(&app).await).await;
    let ended = told.last().unwrap();
    assert_eq!(ended["specversion"], "1.0");
    assert_eq!(ended["type"], "keyward.session.revoked.v1");
    assert_eq!(ended["source"], app.tenant.issuer.as_str());
    assert_eq!(ended["tenantid"], app.tenant.id.to_string());
    assert_eq!(ended["subject"], format!("session/{}", user.session_id));
    assert_eq!(ended["datacontenttype"], "application/json");
    assert_eq!(ended["id"], ended["data"]["id"]);
    assert_eq!(ended["time"], ended["data"]["occurred_at"]);
    assert_eq!(ended["data"]["details"]["reason"], "signed_out");
    assert_eq!(ended["data"]["actor"]["id"], user.id.to_string());
    for event in &told {
        assert_eq!(event["tenantid"], event["data"]["tenant_id"], "{event}");
        let text = event.to_string();
        for personal in ["lovelace", "hopper", "\"127.0.0.1\"", "testkit"] {
            assert!(!text.contains(personal), "{personal} in {text}");
        }
    }
    let sequences: Vec<_> = told
        .iter()
        .map(|event| event["sequence"].as_str())
        .collect();
    assert!(sequences.is_sorted(), "{sequences:?}");
    assert!(
        told.iter()
            .any(|event| event["tenantid"] == other.id.to_string())
    );
}

async fn what_was_refused_comes_again_and_nothing_is_lost(database: TestDatabase) {
    let app = TestApp::start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    let count = recorded(&app).await;
    let behind = feed_lag(&app.platform, EVENTS_FILE).await.unwrap();
    assert_eq!(usize::try_from(behind.events), Ok(count));
    for _ in 0..2 {
        let refused = deliver_events(&app.platform, EVENTS_FILE, async |_lines: Vec<String>| {
            Err("the disk is full")
        });
        match refused.await {
            Err(DeliveryError::Refused(reason)) => assert_eq!(reason, "the disk is full"),
            // Other tests' transactions hold the horizon back.
            other => assert!(matches!(other, Ok(0)), "{other:?}"),
        }
    }
    assert_eq!(deliver_until(&app, count).await.len(), count, "each once");
    assert!(deliver(&app).await.is_empty());
    let behind = feed_lag(&app.platform, EVENTS_FILE).await.unwrap();
    assert_eq!((behind.events, behind.oldest), (0, None));
}

async fn of_two_who_deliver_in_one_name_one_is_told(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let count = recorded(&app).await;
    let platform = app.platform.clone();
    let mut overtaken = None;
    for _ in 0..2_000 {
        let (platform, other) = (platform.clone(), app.platform.clone());
        let slow = deliver_events(&platform, EVENTS_FILE, async move |_lines: Vec<String>| {
            let fast = deliver_events(&other, EVENTS_FILE, async |_lines: Vec<String>| {
                Ok::<(), Infallible>(())
            });
            fast.await.map(drop)
        });
        match slow.await {
            Ok(0) => tokio::time::sleep(Duration::from_millis(5)).await,
            other => {
                overtaken = Some(other);
                break;
            }
        }
    }
    assert!(
        matches!(overtaken, Some(Err(DeliveryError::Overtaken))),
        "{overtaken:?}"
    );
    assert!(count > 0);
}
