//! What recurs: gone through by one node at a time, in steps that another can continue.

use super::scenarios_alone;
use crate::support::{read, write};
use keyward_model::{Digest, KnownDevice, OnceRequest, Timestamp};
use keyward_store::{ClaimedSchedule, Error, Schedule, TenantScope};
use keyward_testkit::{
    TestDatabase, new_session, new_tenant, new_user, unsaved_job, unsaved_tenant,
    unsaved_token_family,
};
use std::time::Duration;

scenarios_alone!(
    a_schedule_is_gone_through_by_one_and_continued_by_another,
    tenants_whose_keys_are_due_are_found,
    tenants_with_answers_that_were_kept_long_enough_are_found,
    tenants_with_counts_or_devices_whose_time_is_over_are_found,
    expired_sessions_go_with_their_tokens,
);

async fn claim(database: &TestDatabase, now: Timestamp) -> Option<ClaimedSchedule> {
    let claim = database.store.system_write::<_, Error, _>(async move |tx| {
        tx.claim_schedule(Schedule::PruneSessions, now, now.plus_seconds(60))
            .await
    });
    claim.await.unwrap()
}

async fn a_schedule_is_gone_through_by_one_and_continued_by_another(database: TestDatabase) {
    let mut tenants = Vec::new();
    for name in ["first", "second"] {
        let (scope, _) = new_tenant(&database, name).await;
        let user = new_user(&database, &scope).await;
        tenants.push((scope, new_session(&database, &scope, user.id).await));
    }
    let (fresh, _) = new_tenant(&database, "third").await;
    let expires_at = tenants[1].1.expires_at;
    let first = claim(&database, database.now()).await;
    let mut claimed = first.unwrap();
    assert_eq!(
        claim(&database, database.now()).await,
        None,
        "it has a lease"
    );
    let mut found: Vec<TenantScope> = Vec::new();
    let mut taken_over = false;
    loop {
        let scan = database
            .store
            .scan_sessions(claimed, expires_at.plus_seconds(1), 1);
        let step = scan.await.unwrap();
        found.extend(&step.tenants);
        if step.is_last() {
            break;
        }
        let (mine, lease_until) = (claimed, database.now().plus_seconds(60));
        let (first, again) = (step.clone(), step);
        let go_on = async |step: keyward_store::ScanStep| {
            database
                .store
                .system_write::<_, Error, _>(async move |tx| {
                    tx.continue_schedule(mine, &step, lease_until).await
                })
                .await
                .unwrap()
        };
        claimed = go_on(first).await.unwrap();
        if !taken_over {
            database.clock.advance(Duration::from_secs(61));
            claimed = claim(&database, database.now()).await.unwrap();
            assert_eq!(go_on(again).await, None, "another goes on");
            taken_over = true;
        }
    }
    let position = |scope: &TenantScope| found.iter().position(|other| other == scope);
    assert!(position(&tenants[0].0) < position(&tenants[1].0) && position(&tenants[0].0).is_some());
    assert_eq!(position(&fresh), None);
    assert!(taken_over);
    let (mine, next) = (claimed, database.now().plus_seconds(3_600));
    let ended = database
        .store
        .system_write::<_, Error, _>(async move |tx| tx.end_schedule(mine, next).await);
    assert!(ended.await.unwrap());
    database.clock.advance(Duration::from_secs(3_500));
    assert_eq!(claim(&database, database.now()).await, None, "not yet due");
    let job = unsaved_job(&database).with_key("scheduled");
    let store = &database.store;
    assert!(store.enqueue_scheduled(&fresh, job).await.unwrap());
    let again = unsaved_job(&database).with_key("scheduled");
    assert!(!store.enqueue_scheduled(&fresh, again).await.unwrap());
}

async fn tenants_whose_keys_are_due_are_found(database: TestDatabase) {
    let (due, _) = new_tenant(&database, "due").await;
    let (later, _) = new_tenant(&database, "later").await;
    let (never, _) = new_tenant(&database, "never").await;
    let tenant = unsaved_tenant(&database, "new");
    let new = database.store.scope_for_new_tenant(tenant.id);
    write(&database, &new, async move |tx| {
        tx.insert_tenant(&tenant).await
    })
    .await;
    let now = database.now();
    for (scope, due_at) in [
        (&due, Some(now)),
        (&later, Some(now.plus_micros(1))),
        (&never, None),
    ] {
        // It is bookkeeping: no event is asked for.
        let planned = database
            .store
            .write::<_, Error, _>(scope, async move |tx| tx.plan_rotation(due_at).await);
        planned.await.unwrap();
    }
    let claimed = claim(&database, now).await.unwrap();
    let found = async |moment| {
        let scan = database.store.scan_rotations(claimed, moment, 1_000_000);
        let tenants = scan.await.unwrap().tenants;
        tenants
            .iter()
            .map(TenantScope::tenant_id)
            .collect::<Vec<_>>()
    };
    let found_now = found(now).await;
    let looked_for = [due, later, never, new].map(|scope| found_now.contains(&scope.tenant_id()));
    assert_eq!(
        looked_for,
        [true, false, false, true],
        "nobody looked at the new one"
    );
    assert!(found(now.plus_micros(1)).await.contains(&later.tenant_id()));
}

async fn tenants_with_answers_that_were_kept_long_enough_are_found(database: TestDatabase) {
    let (kept, _) = new_tenant(&database, "kept").await;
    let (_none, _) = new_tenant(&database, "none").await;
    let now = database.now();
    let once = OnceRequest {
        principal: "user:1".into(),
        route: "POST /things".into(),
        key: "key".parse().unwrap(),
        digest: Digest([7; 32]),
        expires_at: now.plus_seconds(60),
    };
    let expires_at = once.expires_at;
    write(&database, &kept, async move |tx| {
        tx.claim_idempotency_key(&once, now).await
    })
    .await;
    let claimed = claim(&database, now).await.unwrap();
    for (moment, expected) in [
        (expires_at.plus_micros(-1), vec![]),
        (expires_at, vec![kept]),
    ] {
        let scan = database.store.scan_idempotency_keys(claimed, moment, 9);
        assert_eq!(scan.await.unwrap().tenants, expected);
    }
}

async fn tenants_with_counts_or_devices_whose_time_is_over_are_found(database: TestDatabase) {
    let (counts, _) = new_tenant(&database, "counts").await;
    let (devices, _) = new_tenant(&database, "devices").await;
    let (_none, _) = new_tenant(&database, "none").await;
    let (user, now) = (new_user(&database, &devices).await, database.now());
    let expires_at = now.plus_seconds(60);
    let digest = Digest([7; 32]);
    write(&database, &counts, async move |tx| {
        tx.hold_attempts(&[digest], expires_at).await
    })
    .await;
    let device = KnownDevice {
        id: database.mint(),
        user_id: user.id,
        digest,
        password_version: 1,
        created_at: now,
        last_used_at: now,
        expires_at: expires_at.plus_seconds(1),
    };
    write(&database, &devices, async move |tx| {
        tx.insert_known_device(&device).await
    })
    .await;
    let claimed = claim(&database, now).await.unwrap();
    for (moment, expected) in [
        (expires_at.plus_micros(-1), vec![]),
        (expires_at, vec![counts]),
        (expires_at.plus_seconds(1), vec![counts, devices]),
    ] {
        let scan = database.store.scan_attempts(claimed, moment, 9);
        assert_eq!(scan.await.unwrap().tenants, expected);
    }
}

async fn expired_sessions_go_with_their_tokens(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        let session = new_session(&database, &scope, user.id).await;
        let token = unsaved_token_family(&database, session.id);
        write(&database, &scope, async move |tx| {
            tx.insert_token_family(&token).await
        })
        .await;
        sessions.push(session);
        database.clock.advance(Duration::from_secs(60));
    }
    let before = sessions[1].expires_at.plus_micros(1);
    let deleted = write(&database, &scope, async move |tx| {
        let first = tx.delete_expired_sessions(before, 1).await?;
        let rest = tx.delete_expired_sessions(before, 9).await?;
        Ok((first, rest, tx.delete_expired_sessions(before, 9).await?))
    });
    assert_eq!(deleted.await, (1, 1, 0));
    let left = read(&database, &scope, async move |tx| {
        let mut left = Vec::new();
        for session in &sessions {
            left.push(tx.find_session(session.id).await?.is_some());
        }
        Ok(left)
    });
    assert_eq!(left.await, [false, false, true]);
}
