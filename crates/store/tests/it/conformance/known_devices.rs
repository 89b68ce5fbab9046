//! Known devices of users.

use super::scenarios;
use crate::support::{hash, read, write};
use keyward_model::{Digest, EmailAddress, KNOWN_DEVICES_MAX, KnownDevice, KnownDeviceId, UserId};
use keyward_store::TenantScope;
use keyward_testkit::{TestDatabase, new_tenant, new_user};
use std::time::Duration;

scenarios!(
    a_device_is_known_by_its_token_to_its_own_account_for_its_time,
    a_device_is_known_no_more_once_the_password_is_another,
    a_device_that_is_used_is_known_for_longer,
    of_too_many_devices_those_used_least_lately_are_forgotten,
    devices_are_forgotten_one_by_one_or_all_of_a_user,
    devices_whose_time_is_over_are_pruned,
);

fn device(database: &TestDatabase, user_id: UserId, byte: u8) -> KnownDevice {
    let now = database.now();
    KnownDevice {
        id: database.mint(),
        user_id,
        digest: Digest([byte; 32]),
        password_version: 1,
        created_at: now,
        last_used_at: now,
        expires_at: now.plus_seconds(60),
    }
}

async fn known(
    database: &TestDatabase,
    scope: &TenantScope,
    email: &EmailAddress,
    byte: u8,
) -> Option<KnownDeviceId> {
    let (email, now) = (email.clone(), database.now());
    read(database, scope, async move |tx| {
        tx.find_known_device(Digest([byte; 32]), &email, now).await
    })
    .await
}

async fn insert(database: &TestDatabase, scope: &TenantScope, device: &KnownDevice) {
    let device = device.clone();
    write(database, scope, async move |tx| {
        tx.insert_known_device(&device).await
    })
    .await;
}

async fn a_device_is_known_by_its_token_to_its_own_account_for_its_time(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let (user, other) = (
        new_user(&database, &scope).await,
        new_user(&database, &scope).await,
    );
    let device = device(&database, user.id, 1);
    insert(&database, &scope, &device).await;
    assert_eq!(
        known(&database, &scope, &user.email, 1).await,
        Some(device.id)
    );
    assert_eq!(known(&database, &scope, &user.email, 2).await, None);
    assert_eq!(
        known(&database, &scope, &other.email, 1).await,
        None,
        "of somebody else"
    );
    database.clock.set(device.expires_at.plus_micros(-1));
    assert_eq!(
        known(&database, &scope, &user.email, 1).await,
        Some(device.id)
    );
    database.clock.set(device.expires_at);
    assert_eq!(known(&database, &scope, &user.email, 1).await, None);
}

async fn a_device_is_known_no_more_once_the_password_is_another(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await;
    insert(&database, &scope, &device(&database, user.id, 1)).await;
    assert!(known(&database, &scope, &user.email, 1).await.is_some());
    let id = database.id_literal(user.id);
    let sql = format!("UPDATE users SET status = 'invited', password_hash = '' WHERE id = {id}");
    database.admin_sql(&sql).await;
    let id = user.id;
    write(&database, &scope, async move |tx| {
        tx.activate_user(id, &hash(), None).await
    })
    .await;
    assert_eq!(known(&database, &scope, &user.email, 1).await, None);
}

async fn a_device_that_is_used_is_known_for_longer(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await;
    let device = device(&database, user.id, 1);
    insert(&database, &scope, &device).await;
    let (id, now, end) = (device.id, database.now(), device.expires_at);
    let touched = write(&database, &scope, async move |tx| {
        let touched = tx.touch_known_device(id, now, end.plus_seconds(60)).await?;
        // Whoever comes too late makes nothing known again.
        let late = end.plus_seconds(60);
        Ok((
            touched,
            tx.touch_known_device(id, late, late.plus_seconds(60))
                .await?,
        ))
    });
    assert_eq!(touched.await, (true, false));
    database.clock.set(end.plus_seconds(59));
    assert_eq!(known(&database, &scope, &user.email, 1).await, Some(id));
}

async fn of_too_many_devices_those_used_least_lately_are_forgotten(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let (user, other) = (
        new_user(&database, &scope).await,
        new_user(&database, &scope).await,
    );
    insert(&database, &scope, &device(&database, other.id, 200)).await;
    let most = u8::try_from(KNOWN_DEVICES_MAX).unwrap();
    let mut first = None;
    for byte in 0..most {
        let device = device(&database, user.id, byte);
        insert(&database, &scope, &device).await;
        first.get_or_insert(device.id);
        database.clock.advance(Duration::from_secs(1));
    }
    let (first, now) = (first.unwrap(), database.now());
    write(&database, &scope, async move |tx| {
        tx.touch_known_device(first, now, now.plus_seconds(60))
            .await
    })
    .await;
    insert(&database, &scope, &device(&database, user.id, most)).await;
    for (byte, stays) in [(0, true), (1, false), (2, true), (most, true)] {
        assert_eq!(
            known(&database, &scope, &user.email, byte).await.is_some(),
            stays,
            "{byte}"
        );
    }
    assert!(known(&database, &scope, &other.email, 200).await.is_some());
}

async fn devices_are_forgotten_one_by_one_or_all_of_a_user(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let (user, other) = (
        new_user(&database, &scope).await,
        new_user(&database, &scope).await,
    );
    for (id, byte) in [(user.id, 1), (user.id, 2), (user.id, 3), (other.id, 4)] {
        insert(&database, &scope, &device(&database, id, byte)).await;
    }
    let one = known(&database, &scope, &user.email, 1).await.unwrap();
    let id = user.id;
    write(&database, &scope, async move |tx| {
        assert_eq!(tx.forget_known_device(one).await?, Some(id));
        assert_eq!(tx.forget_known_device(one).await?, None);
        assert_eq!(tx.forget_known_devices(id).await?, 2);
        assert_eq!(tx.forget_known_devices(id).await?, 0);
        Ok(())
    })
    .await;
    assert_eq!(known(&database, &scope, &user.email, 2).await, None);
    assert!(known(&database, &scope, &other.email, 4).await.is_some());
}

async fn devices_whose_time_is_over_are_pruned(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await;
    let devices = [1, 2, 3].map(|byte| device(&database, user.id, byte));
    for device in &devices {
        insert(&database, &scope, device).await;
    }
    let end = devices[1].expires_at;
    write(&database, &scope, async move |tx| {
        assert_eq!(tx.prune_known_devices(end, 1).await?, 1);
        assert_eq!(tx.prune_known_devices(end, 9).await?, 1);
        assert_eq!(tx.prune_known_devices(end, 9).await?, 0);
        Ok(())
    })
    .await;
    assert!(known(&database, &scope, &user.email, 3).await.is_some());
}
