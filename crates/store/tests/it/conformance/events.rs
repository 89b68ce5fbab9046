//! What is recorded, and how it is found again.

use super::scenarios;
use crate::support::{read, some_event};
use keyward_model::{
    AccessDenial, AuditEvent, AuditFilter, EndReason, Event, EventId, EventRecord, Outcome,
    PageRequest, Principal, Role,
};
use keyward_store::{Error, TenantScope};
use keyward_testkit::{TestDatabase, event_record, new_tenant, new_user, unsaved_session};
use std::time::Duration;

scenarios!(
    an_event_becomes_an_audit_record_and_a_row_of_the_feed,
    the_feed_keeps_the_order_of_one_transaction,
    events_are_listed_newest_first_page_by_page,
    each_filter_finds_its_events_and_no_others,
    an_erased_personal_part_reads_as_empty,
    a_corrupt_record_says_where_it_is,
);

async fn an_event_becomes_an_audit_record_and_a_row_of_the_feed(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let mut session = unsaved_session(&database, database.mint());
    session.version = 2;
    let ended = Event::SessionRevoked {
        session: session.clone(),
        reason: EndReason::SignedOut,
    };
    let record = event_record(&database, scope.tenant_id(), &ended);
    put(&database, &scope, record.clone()).await;
    let found = list(&database, &scope, AuditFilter::default())
        .await
        .remove(0);
    assert_eq!(found.id, record.id);
    assert_eq!(serde_json::to_string(&found.public).unwrap(), record.public);
    assert_eq!(
        serde_json::to_string(&found.personal).unwrap(),
        record.personal
    );
    let id = database.id_literal(record.id);
    let target = database.id_literal(session.id);
    let rows = |table: &str, condition: &str| {
        format!("SELECT count(*) FROM {table} WHERE {condition} AND target_id = {target}")
    };
    let audit = rows(
        "audit_events",
        &format!("id = {id} AND seq IS NULL AND outcome = 'success'"),
    );
    assert_eq!(database.admin_count(&audit).await, 1);
    let feed = rows(
        "feed",
        &format!(
            "event_id = {id} AND kind = 'session.revoked' AND entity_version = 2
             AND removal_kind = 'session' AND removal_id = {target}"
        ),
    );
    assert_eq!(database.admin_count(&feed).await, 1);
}

async fn the_feed_keeps_the_order_of_one_transaction(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    // Later ids first: the feed is ordered by what was written when, not by ids.
    let mut events: Vec<EventRecord> = (0..3).map(|_| some_event(&database, &scope)).collect();
    events.reverse();
    let ids: Vec<EventId> = events.iter().map(|event| event.id).collect();
    let written: Result<(), Error> = database
        .store
        .write(&scope, async move |tx| {
            for event in &events {
                tx.record(event).await?;
            }
            Ok(())
        })
        .await;
    written.unwrap();
    let tenant = database.id_literal(scope.tenant_id());
    let rows = database
        .admin_rows(&format!(
            "SELECT event_id FROM feed WHERE tenant_id = {tenant} AND kind = 'operator.read'
             ORDER BY transaction_id, position"
        ))
        .await;
    let stored: Vec<String> = rows.into_iter().flatten().flatten().collect();
    let expected: Vec<String> = ids
        .iter()
        .map(|id| id.uuid().simple().to_string())
        .collect();
    let plain: Vec<String> = stored.iter().map(|id| id.replace('-', "")).collect();
    assert_eq!(plain, expected);
}

async fn events_are_listed_newest_first_page_by_page(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        let event = some_event(&database, &scope);
        ids.insert(0, event.id);
        put(&database, &scope, event).await;
    }
    let filter = AuditFilter {
        kind: Some("operator.read".into()),
        ..AuditFilter::default()
    };
    let mut seen = Vec::new();
    let mut request = PageRequest::new(Some(3), None);
    loop {
        let filter = filter.clone();
        let page = read(&database, &scope, async move |tx| {
            tx.list_audit_events(&filter, request).await
        })
        .await;
        seen.push(page.items.iter().map(|event| event.id).collect::<Vec<_>>());
        let Some(next) = page.next else { break };
        request = PageRequest::new(Some(3), Some(next));
    }
    assert_eq!(seen, [&ids[..3], &ids[3..]]);
}

async fn each_filter_finds_its_events_and_no_others(database: TestDatabase) {
    let (scope, tenant) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await;
    database.clock.advance(Duration::from_secs(10));
    let denial = AccessDenial {
        action: "user.list",
        resource: "user",
        target_id: None,
    };
    let mut denied = event_record(&database, tenant.id, &Event::AccessDenied { denial });
    denied.actor = Principal::User {
        tenant_id: tenant.id,
        user_id: user.id,
        session_id: database.mint(),
        role: Role::Member,
    };
    let (id, at) = (denied.id, denied.occurred_at);
    put(&database, &scope, denied).await;
    let found = async |filter: AuditFilter| -> Vec<EventId> {
        let events = list(&database, &scope, filter).await;
        events.iter().map(|event| event.id).collect()
    };
    let none = AuditFilter::default;
    let all = found(none()).await;
    assert_eq!((all.len(), all[0]), (3, id), "tenant, user, denial");
    let text = |text: &str| Some(text.to_owned());
    let by_kind = AuditFilter {
        kind: text("access.denied"),
        ..none()
    };
    assert_eq!(found(by_kind).await, [id]);
    let by_outcome = AuditFilter {
        outcome: Some(Outcome::Denied),
        ..none()
    };
    assert_eq!(found(by_outcome).await, [id]);
    let by_success = AuditFilter {
        outcome: Some(Outcome::Success),
        ..none()
    };
    assert_eq!(found(by_success).await, all[1..]);
    let by_actor = AuditFilter {
        actor_id: Some(user.id.uuid()),
        ..none()
    };
    assert_eq!(found(by_actor).await, [id]);
    let by_target = AuditFilter {
        target_id: Some(user.id.uuid()),
        ..none()
    };
    assert_eq!(found(by_target).await, all[1..2], "the account's creation");
    let from = AuditFilter {
        from: Some(at),
        ..none()
    };
    assert_eq!(found(from).await, [id], "not before, itself included");
    let until = AuditFilter {
        until: Some(at),
        ..none()
    };
    assert_eq!(found(until).await, all[1..], "before, itself excluded");
    let both = AuditFilter {
        kind: text("access.denied"),
        outcome: Some(Outcome::Success),
        ..none()
    };
    assert!(found(both).await.is_empty(), "filters add up");
}

async fn an_erased_personal_part_reads_as_empty(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let id = database.id_literal(scope.tenant_id());
    database
        .admin_sql(&format!(
            "UPDATE audit_events SET personal_part = NULL WHERE tenant_id = {id}"
        ))
        .await;
    let found = list(&database, &scope, AuditFilter::default()).await;
    assert!(found[0].personal.is_empty());
    assert!(!found[0].public.is_empty());
}

async fn a_corrupt_record_says_where_it_is(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let id = database.id_literal(scope.tenant_id());
    database
        .admin_sql(&format!(
            "UPDATE audit_events SET public_part = '{{' WHERE tenant_id = {id}"
        ))
        .await;
    let read = database.store.read(&scope, async |tx| {
        let page = PageRequest::new(None, None);
        tx.list_audit_events(&AuditFilter::default(), page).await
    });
    match read.await {
        Err(Error::Corrupt {
            statement, column, ..
        }) => {
            assert_eq!((statement, column), ("LIST_AUDIT_EVENTS", 1));
        }
        other => panic!("{other:?}"),
    }
}

async fn put(database: &TestDatabase, scope: &TenantScope, event: EventRecord) {
    database
        .store
        .write(scope, async move |tx| tx.record(&event).await)
        .await
        .unwrap();
}

async fn list(
    database: &TestDatabase,
    scope: &TenantScope,
    filter: AuditFilter,
) -> Vec<AuditEvent> {
    let page = PageRequest::new(None, None);
    read(database, scope, async move |tx| {
        Ok(tx.list_audit_events(&filter, page).await?.items)
    })
    .await
}
