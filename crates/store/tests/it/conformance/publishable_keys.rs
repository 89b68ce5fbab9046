//! Publishable keys, and from which origins browsers may call.

use super::scenarios;
use crate::support::{read, write};
use keyward_model::{HostName, Origin, PageRequest, PublishableKey, PublishableKeyStatus, Route};
use keyward_store::{Error, TenantNames, TenantScope};
use keyward_testkit::{TestDatabase, new_tenant, unsaved_publishable_key};

scenarios!(
    a_key_leads_to_its_tenant_while_it_is_active,
    keys_are_listed_oldest_first_page_by_page,
    an_origin_is_allowed_while_any_active_key_allows_it,
    names_that_lead_somewhere_decide_about_an_origin,
    a_tenants_names_are_those_that_lead_to_it_now,
    deleting_and_enabling_at_once_leaves_no_half_of_a_key,
);

async fn insert(database: &TestDatabase, scope: &TenantScope, key: &PublishableKey) {
    let key = key.clone();
    write(database, scope, async move |tx| {
        assert!(tx.insert_publishable_key(&key).await?);
        assert!(
            !tx.insert_publishable_key(&key).await?,
            "it leads there already"
        );
        Ok(())
    })
    .await;
}

async fn switch(
    database: &TestDatabase,
    scope: &TenantScope,
    key: &PublishableKey,
    status: PublishableKeyStatus,
) -> Option<PublishableKey> {
    let id = key.id;
    write(database, scope, async move |tx| {
        tx.set_publishable_key_status(id, status).await
    })
    .await
}

async fn leads_to(database: &TestDatabase, key: &PublishableKey) -> Option<TenantScope> {
    let route = Route::PublishableKey(key.key.clone());
    // The events of these transactions are made-up ones, which tell memory nothing.
    database.store.memory().forget_all();
    database.store.resolve(vec![route]).await.unwrap()[0]
}

/// Whether the tenant allows it, and whether the same is said before a tenant is known.
async fn allows(database: &TestDatabase, scope: &TenantScope, origin: &Origin) -> bool {
    let (first, second) = (origin.clone(), origin.clone());
    let inside = read(database, scope, async move |tx| {
        tx.allows_origin(&first).await
    })
    .await;
    let outside = database
        .store
        .system_read(async move |tx| tx.allows_origin(&second, &[]).await);
    assert_eq!(outside.await.ok(), Some(inside), "nobody else allows it");
    inside
}

async fn a_key_leads_to_its_tenant_while_it_is_active(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let key = unsaved_publishable_key(&database);
    insert(&database, &scope, &key).await;
    assert_eq!(leads_to(&database, &key).await, Some(scope));
    let disabled = PublishableKeyStatus::Disabled;
    let changed = switch(&database, &scope, &key, disabled).await.unwrap();
    assert_eq!((changed.status, changed.version), (disabled, 2));
    assert_eq!(switch(&database, &scope, &key, disabled).await, None);
    assert_eq!(leads_to(&database, &key).await, None);
    let active = PublishableKeyStatus::Active;
    let changed = switch(&database, &scope, &key, active).await.unwrap();
    assert_eq!((changed.status, changed.version), (active, 3));
    assert_eq!(leads_to(&database, &key).await, Some(scope));
    let (id, unknown) = (key.id, database.mint());
    write(&database, &scope, async move |tx| {
        assert!(tx.find_publishable_key(id).await?.is_some());
        assert!(tx.delete_publishable_key(id).await?.is_some());
        assert_eq!(tx.delete_publishable_key(id).await?, None);
        assert_eq!(tx.find_publishable_key(id).await?, None);
        assert_eq!(tx.set_publishable_key_status(unknown, active).await?, None);
        Ok(())
    })
    .await;
    assert_eq!(leads_to(&database, &key).await, None);
    assert!(!allows(&database, &scope, &key.allowed_origins[0]).await);
}

async fn keys_are_listed_oldest_first_page_by_page(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let mut expected = Vec::new();
    for _ in 0..3 {
        let key = unsaved_publishable_key(&database);
        insert(&database, &scope, &key).await;
        expected.push(key);
    }
    read(&database, &scope, async move |tx| {
        assert_eq!(tx.count_publishable_keys().await?, 3);
        let first = tx
            .list_publishable_keys(PageRequest::new(Some(2), None))
            .await?;
        assert_eq!(first.items, expected[..2]);
        let rest = PageRequest::new(Some(2), first.next);
        let rest = tx.list_publishable_keys(rest).await?;
        assert_eq!((rest.items.as_slice(), rest.next), (&expected[2..], None));
        Ok(())
    })
    .await;
}

async fn an_origin_is_allowed_while_any_active_key_allows_it(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let (one, mut two) = (
        unsaved_publishable_key(&database),
        unsaved_publishable_key(&database),
    );
    let origin = one.allowed_origins[0].clone();
    two.allowed_origins.push(origin.clone());
    two.allowed_origins.sort();
    assert!(!allows(&database, &scope, &origin).await);
    insert(&database, &scope, &one).await;
    insert(&database, &scope, &two).await;
    assert!(allows(&database, &scope, &origin).await);
    let disabled = PublishableKeyStatus::Disabled;
    switch(&database, &scope, &one, disabled).await.unwrap();
    assert!(allows(&database, &scope, &origin).await, "the other does");
    switch(&database, &scope, &two, disabled).await.unwrap();
    assert!(!allows(&database, &scope, &origin).await);
}

async fn names_that_lead_somewhere_decide_about_an_origin(database: TestDatabase) {
    let (first, one) = new_tenant(&database, "one").await;
    let (_, two) = new_tenant(&database, "two").await;
    let key = unsaved_publishable_key(&database);
    insert(&database, &first, &key).await;
    let nowhere = Route::Slug("no-such-tenant".parse().unwrap());
    for (routes, expected) in [
        (vec![], true),
        (vec![nowhere.clone()], true),
        (vec![Route::Slug(one.slug.clone()), nowhere], true),
        (vec![Route::PublishableKey(key.key.clone())], true),
        (vec![Route::Slug(two.slug.clone())], false),
        (vec![Route::Slug(one.slug), Route::Slug(two.slug)], false),
    ] {
        let (origin, asked) = (key.allowed_origins[0].clone(), routes.clone());
        let allowed = database
            .store
            .system_read(async move |tx| tx.allows_origin(&origin, &asked).await);
        assert_eq!(allowed.await.ok(), Some(expected), "{routes:?}");
    }
}

async fn a_tenants_names_are_those_that_lead_to_it_now(database: TestDatabase) {
    let (scope, tenant) = new_tenant(&database, "tenant").await;
    let (active, disabled) = (
        unsaved_publishable_key(&database),
        unsaved_publishable_key(&database),
    );
    insert(&database, &scope, &active).await;
    insert(&database, &scope, &disabled).await;
    switch(&database, &scope, &disabled, PublishableKeyStatus::Disabled).await;
    let host: HostName = format!("{}.example", tenant.slug).parse().unwrap();
    let route = Route::Host(host.clone());
    write(&database, &scope, async move |tx| {
        tx.insert_route(&route).await
    })
    .await;
    let names = read(&database, &scope, async |tx| tx.list_names().await).await;
    let expected = TenantNames {
        hosts: vec![host],
        publishable_keys: vec![active.key],
        origins: active.allowed_origins,
    };
    assert_eq!(names, expected);
}

async fn deleting_and_enabling_at_once_leaves_no_half_of_a_key(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    for _ in 0..10 {
        let mut key = unsaved_publishable_key(&database);
        key.allowed_origins.clear();
        insert(&database, &scope, &key).await;
        switch(&database, &scope, &key, PublishableKeyStatus::Disabled).await;
        let id = key.id;
        let tasks = [true, false].map(|deletes| {
            let (store, event) = (
                database.store.clone(),
                crate::support::some_event(&database, &scope),
            );
            tokio::spawn(async move {
                let act = store.write(&scope, async move |tx| {
                    match deletes {
                        true => drop(tx.delete_publishable_key(id).await?),
                        false => {
                            let active = PublishableKeyStatus::Active;
                            tx.set_publishable_key_status(id, active).await?;
                        }
                    }
                    tx.record(&event).await
                });
                act.await
            })
        });
        for task in tasks {
            let outcome: Result<(), Error> = task.await.unwrap();
            assert!(
                matches!(outcome, Ok(()) | Err(Error::Retry(_))),
                "{outcome:?}"
            );
        }
        let left = read(&database, &scope, async move |tx| {
            tx.find_publishable_key(id).await
        })
        .await;
        let leads = leads_to(&database, &key).await.is_some();
        assert!(left.is_some() || !leads, "a route of a key that is gone");
    }
}
