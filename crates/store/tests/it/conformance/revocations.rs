//! What was revoked is read from the feed, each once, in order.

use super::scenarios;
use crate::support::{read, some_event};
use keyward_model::{EventRecord, Revocation, Revoked, TenantStatus, Timestamp};
use keyward_store::{Error, FeedMark, RevocationFilter, TenantScope};
use keyward_testkit::{TestDatabase, new_tenant};

scenarios!(
    what_is_revoked_is_read_once_and_in_order,
    pages_follow_one_another,
    what_was_revoked_too_long_ago_is_left_out,
    a_tenant_reads_its_own,
);

async fn revoke(database: &TestDatabase, scope: &TenantScope, revoked: Revoked) -> Revocation {
    let event = EventRecord {
        revoked: Some(revoked),
        ..some_event(database, scope)
    };
    let at = event.occurred_at;
    let written = database
        .store
        .write::<_, Error, _>(scope, async move |tx| tx.record(&event).await);
    written.await.unwrap();
    Revocation { revoked, at }
}

async fn mark(database: &TestDatabase, scope: &TenantScope) -> FeedMark {
    let found = read(database, scope, async |tx| tx.find_feed_mark().await).await;
    let (status, mark) = found.unwrap();
    assert_eq!(status, TenantStatus::Active);
    mark
}

/// All that was not visible at a mark, in pages of two.
async fn beyond(database: &TestDatabase, scope: &TenantScope, mark: FeedMark) -> Vec<Revocation> {
    let ever = Timestamp::from_micros(i64::MIN);
    let mut filter = RevocationFilter {
        beyond: mark,
        since: ever,
        keys_since: ever,
    };
    let mut found = Vec::new();
    loop {
        let asked = filter.clone();
        let page = read(database, scope, async move |tx| {
            tx.list_revocations(&asked, 2).await
        });
        let page = page.await;
        assert!(page.revocations.len() <= 2);
        found.extend(page.revocations);
        match page.next {
            Some(next) => filter.beyond = next,
            None => return found,
        }
    }
}

async fn what_is_revoked_is_read_once_and_in_order(database: TestDatabase) {
    let (scope, tenant) = new_tenant(&database, "tenant").await;
    let begin = database.store.feed_mark(0);
    assert!(beyond(&database, &scope, begin.clone()).await.is_empty());
    let first = mark(&database, &scope).await;
    let a = revoke(&database, &scope, Revoked::Session(database.mint())).await;
    let b = revoke(&database, &scope, Revoked::Token(database.mint())).await;
    let between = mark(&database, &scope).await;
    let c = revoke(&database, &scope, Revoked::User(database.mint())).await;
    let d = revoke(&database, &scope, Revoked::SigningKey(database.mint())).await;
    let e = revoke(&database, &scope, Revoked::Tenant(tenant.id)).await;
    let last = mark(&database, &scope).await;
    for from in [begin, first] {
        assert_eq!(beyond(&database, &scope, from).await, [a, b, c, d, e]);
    }
    assert_eq!(beyond(&database, &scope, between.clone()).await, [c, d, e]);
    assert!(beyond(&database, &scope, last.clone()).await.is_empty());
    assert!(last.number() >= between.number());
    // By the number alone nothing is left out, whatever other transactions run.
    let by_number = database.store.feed_mark(between.number());
    assert!(
        beyond(&database, &scope, by_number)
            .await
            .ends_with(&[c, d, e])
    );
}

async fn pages_follow_one_another(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let mut all = Vec::new();
    for _ in 0..6 {
        all.push(revoke(&database, &scope, Revoked::Session(database.mint())).await);
    }
    assert_eq!(
        beyond(&database, &scope, database.store.feed_mark(0)).await,
        all
    );
}

async fn what_was_revoked_too_long_ago_is_left_out(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    revoke(&database, &scope, Revoked::Session(database.mint())).await;
    let old_key = revoke(&database, &scope, Revoked::SigningKey(database.mint())).await;
    database.clock.advance(std::time::Duration::from_secs(60));
    let late = revoke(&database, &scope, Revoked::Session(database.mint())).await;
    let filter = RevocationFilter {
        beyond: database.store.feed_mark(0),
        since: late.at,
        keys_since: old_key.at,
    };
    let without_key = RevocationFilter {
        keys_since: old_key.at.plus_micros(1),
        ..filter.clone()
    };
    for (filter, expected) in [(filter, vec![old_key, late]), (without_key, vec![late])] {
        let page = read(&database, &scope, async move |tx| {
            tx.list_revocations(&filter, 10).await
        });
        assert_eq!(page.await.revocations, expected);
    }
}

async fn a_tenant_reads_its_own(database: TestDatabase) {
    let (a, _) = new_tenant(&database, "tenant-a").await;
    let (b, _) = new_tenant(&database, "tenant-b").await;
    let of_a = revoke(&database, &a, Revoked::Session(database.mint())).await;
    let of_b = revoke(&database, &b, Revoked::Session(database.mint())).await;
    let begin = database.store.feed_mark(0);
    assert_eq!(beyond(&database, &a, begin.clone()).await, [of_a]);
    assert_eq!(beyond(&database, &b, begin).await, [of_b]);
}
