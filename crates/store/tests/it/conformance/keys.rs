//! Keys that seal and keys that sign.

use super::scenarios;
use crate::support::{read, try_write, write};
use keyward_store::Error;
use keyward_testkit::{TestDatabase, new_tenant, unsaved_signing_key, unsaved_tenant_key};

scenarios!(
    a_tenant_key_is_found_by_its_id,
    the_newest_signing_key_comes_first,
    a_key_id_is_taken_once,
);

async fn a_tenant_key_is_found_by_its_id(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let (older, newer) = (unsaved_tenant_key(&database), unsaved_tenant_key(&database));
    let (first, second) = (newer.clone(), older.clone());
    let unknown = database.mint();
    write(&database, &scope, async move |tx| {
        tx.insert_tenant_key(&first).await?;
        tx.insert_tenant_key(&second).await
    })
    .await;
    read(&database, &scope, async move |tx| {
        assert_eq!(tx.find_tenant_key(older.id).await?, Some(older));
        assert_eq!(tx.find_tenant_key(newer.id).await?, Some(newer));
        assert_eq!(tx.find_tenant_key(unknown).await?, None);
        Ok(())
    })
    .await;
}

async fn the_newest_signing_key_comes_first(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let (older, newer) = (
        unsaved_signing_key(&database),
        unsaved_signing_key(&database),
    );
    let (first, second) = (newer.clone(), older.clone());
    let unknown = database.mint();
    write(&database, &scope, async move |tx| {
        assert!(tx.list_signing_keys().await?.is_empty());
        tx.insert_signing_key(&first).await?;
        tx.insert_signing_key(&second).await
    })
    .await;
    read(&database, &scope, async move |tx| {
        assert_eq!(tx.list_signing_keys().await?, [newer, older.clone()]);
        assert_eq!(tx.find_signing_key(older.id).await?, Some(older));
        assert_eq!(tx.find_signing_key(unknown).await?, None);
        Ok(())
    })
    .await;
}

async fn a_key_id_is_taken_once(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let (sealing, signing) = (
        unsaved_tenant_key(&database),
        unsaved_signing_key(&database),
    );
    let (first, second) = (sealing.clone(), signing.clone());
    write(&database, &scope, async move |tx| {
        tx.insert_tenant_key(&first).await?;
        tx.insert_signing_key(&second).await
    })
    .await;
    let refused = try_write(&database, &scope, async move |tx| {
        tx.insert_tenant_key(&sealing).await
    });
    assert!(matches!(refused.await, Err(Error::Conflict { .. })));
    let refused = try_write(&database, &scope, async move |tx| {
        tx.insert_signing_key(&signing).await
    });
    assert!(matches!(refused.await, Err(Error::Conflict { .. })));
}
