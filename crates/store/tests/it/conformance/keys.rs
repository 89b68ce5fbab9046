//! Keys that seal and keys that sign.

use super::scenarios;
use crate::support::{read, try_write, write};
use keyward_model::{SigningKey, Timestamp};
use keyward_store::Error;
use keyward_testkit::{TestDatabase, new_tenant, unsaved_signing_key, unsaved_tenant_key};

scenarios!(
    a_tenant_key_is_found_by_its_id,
    the_newest_signing_key_comes_first,
    only_what_is_published_is_listed_as_such,
    a_signing_key_changes_only_at_its_version,
    one_signing_key_of_a_tenant_has_no_successor,
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

/// A key that has a successor: it is published until then.
fn unsaved_retiring_key(database: &TestDatabase, published_until: Timestamp) -> SigningKey {
    SigningKey {
        published_until: Some(published_until),
        ..unsaved_signing_key(database)
    }
}

async fn the_newest_signing_key_comes_first(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let end = database.now().plus_seconds(60);
    let older = unsaved_retiring_key(&database, end);
    let newer = unsaved_signing_key(&database);
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

async fn only_what_is_published_is_listed_as_such(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let end = database.now().plus_seconds(60);
    let retiring = unsaved_retiring_key(&database, end);
    let revoked = SigningKey {
        revoked_at: Some(database.now()),
        sealed_private_key: None,
        ..unsaved_signing_key(&database)
    };
    let last = unsaved_signing_key(&database);
    let rows = [retiring.clone(), revoked.clone(), last.clone()];
    write(&database, &scope, async move |tx| {
        for key in &rows {
            tx.insert_signing_key(key).await?;
        }
        Ok(())
    })
    .await;
    read(&database, &scope, async move |tx| {
        let before = tx.list_published_signing_keys(end.plus_micros(-1)).await?;
        assert_eq!(before, [last.clone(), retiring.clone()]);
        assert_eq!(
            tx.list_published_signing_keys(end).await?,
            std::slice::from_ref(&last)
        );
        assert_eq!(tx.list_signing_keys().await?, [last, revoked, retiring]);
        Ok(())
    })
    .await;
}

async fn a_signing_key_changes_only_at_its_version(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let key = unsaved_signing_key(&database);
    let changed = SigningKey {
        sealed_private_key: None,
        signs_from: key.signs_from.plus_seconds(1),
        token_ttl_seconds: 301,
        published_until: Some(key.created_at.plus_seconds(2)),
        revoked_at: Some(key.created_at.plus_seconds(3)),
        ..key.clone()
    };
    let expected = SigningKey {
        version: 2,
        ..changed.clone()
    };
    write(&database, &scope, async move |tx| {
        tx.insert_signing_key(&key).await?;
        assert_eq!(
            tx.change_signing_key(&changed).await?,
            Some(expected.clone())
        );
        assert_eq!(
            tx.change_signing_key(&changed).await?,
            None,
            "an old version"
        );
        assert_eq!(tx.find_signing_key(key.id).await?, Some(expected));
        Ok(())
    })
    .await;
}

async fn one_signing_key_of_a_tenant_has_no_successor(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let (first, second) = (
        unsaved_signing_key(&database),
        unsaved_signing_key(&database),
    );
    write(&database, &scope, async move |tx| {
        tx.insert_signing_key(&first).await
    })
    .await;
    let refused = try_write(&database, &scope, async move |tx| {
        tx.insert_signing_key(&second).await
    });
    assert!(matches!(refused.await, Err(Error::Conflict { .. })));
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
