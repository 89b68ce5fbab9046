//! Tenants, and the names that lead to them.

use super::scenarios;
use crate::support::{read, some_event, try_write, write};
use keyward_model::{HostName, Route, Slug};
use keyward_store::{Error, Misuse};
use keyward_testkit::{TestDatabase, new_tenant, unsaved_tenant};

scenarios!(
    a_tenant_is_made_and_found,
    a_slug_and_an_issuer_belong_to_one_tenant,
    a_name_leads_to_one_tenant_only,
    a_deleted_route_leads_nowhere,
    routes_are_resolved_in_their_order,
    an_operator_comes_in_by_a_route,
    a_tenant_is_held_without_a_change,
    settings_change_only_at_the_version_that_was_seen,
);

async fn a_tenant_is_made_and_found(database: TestDatabase) {
    let tenant = unsaved_tenant(&database, "made");
    let scope = database.store.scope_for_new_tenant(tenant.id);
    let expected = tenant.clone();
    write(&database, &scope, async move |tx| {
        assert_eq!(tx.find_tenant().await?, None, "while it is being made");
        assert_eq!(tx.insert_tenant(&tenant).await?, Some(tenant.clone()));
        assert_eq!(tx.find_tenant().await?, Some(tenant));
        Ok(())
    })
    .await;
    let found = write(&database, &scope, async |tx| tx.find_tenant().await).await;
    assert_eq!(found, Some(expected));
}

async fn a_slug_and_an_issuer_belong_to_one_tenant(database: TestDatabase) {
    let (_, first) = new_tenant(&database, "first").await;
    let mut same_slug = unsaved_tenant(&database, "second");
    same_slug.slug = first.slug.clone();
    let mut same_issuer = unsaved_tenant(&database, "second");
    same_issuer.issuer = first.issuer.clone();
    for tenant in [same_slug, same_issuer] {
        let scope = database.store.scope_for_new_tenant(tenant.id);
        let inserted = database.store.write(&scope, async move |tx| {
            assert_eq!(tx.insert_tenant(&tenant).await?, None);
            // A taken name is no failed statement: the transaction goes on.
            assert_eq!(tx.find_tenant().await?, None);
            Ok::<_, Error>(())
        });
        // There is no tenant that the operator's visit could be recorded in.
        assert!(matches!(
            inserted.await,
            Err(Error::Misuse(Misuse::OperatorUnrecorded))
        ));
    }
}

async fn a_name_leads_to_one_tenant_only(database: TestDatabase) {
    let (first, tenant) = new_tenant(&database, "first").await;
    let (second, _) = new_tenant(&database, "second").await;
    let host: HostName = format!("{}.example", tenant.slug).parse().unwrap();
    let route = Route::Host(host);
    let (one, again) = (route.clone(), route.clone());
    write(&database, &first, async move |tx| {
        assert!(tx.insert_route(&one).await?);
        assert!(!tx.insert_route(&one).await?, "it leads there already");
        Ok(())
    })
    .await;
    let inserted = write(&database, &second, async move |tx| {
        tx.insert_route(&again).await
    });
    assert!(!inserted.await, "another tenant has it");
    let scopes = database.store.resolve(vec![route.clone()]).await.unwrap();
    assert_eq!(scopes, [Some(first)]);
    let hosts = read(&database, &first, async |tx| tx.list_hosts().await).await;
    assert_eq!(
        hosts.into_iter().map(Route::Host).collect::<Vec<_>>(),
        [route]
    );
    let hosts = read(&database, &second, async |tx| tx.list_hosts().await).await;
    assert!(hosts.is_empty());
}

async fn a_deleted_route_leads_nowhere(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "first").await;
    let (other, _) = new_tenant(&database, "other").await;
    let route = Route::SigningKey(database.mint());
    let inserted = route.clone();
    write(&database, &scope, async move |tx| {
        tx.insert_route(&inserted).await
    })
    .await;
    let (theirs, own) = (route.clone(), route.clone());
    let deleted = write(&database, &other, async move |tx| {
        tx.delete_route(&theirs).await
    });
    assert!(!deleted.await, "another tenant's");
    let found = database.store.resolve(vec![route.clone()]).await.unwrap();
    assert_eq!(found, [Some(scope)]);
    write(&database, &scope, async move |tx| {
        assert!(tx.delete_route(&own).await?);
        assert!(!tx.delete_route(&own).await?, "it is gone");
        Ok(())
    })
    .await;
    let found = database.store.resolve(vec![route]).await.unwrap();
    assert_eq!(found, [None]);
}

async fn routes_are_resolved_in_their_order(database: TestDatabase) {
    let (first, one) = new_tenant(&database, "first").await;
    let (second, other) = new_tenant(&database, "second").await;
    let unknown: Slug = "no-such-tenant".parse().unwrap();
    let key = Route::SigningKey(database.mint());
    let as_host = Route::Host(one.slug.to_string().parse().unwrap());
    let to_insert = key.clone();
    write(&database, &second, async move |tx| {
        tx.insert_route(&to_insert).await
    })
    .await;
    let routes = vec![
        Route::Slug(other.slug),
        Route::Slug(unknown),
        as_host,
        Route::Slug(one.slug),
        key,
    ];
    let scopes = database.store.resolve(routes).await.unwrap();
    let expected = [Some(second), None, None, Some(first), Some(second)];
    assert_eq!(scopes, expected, "the same text as a host is another name");
    assert!(database.store.resolve(vec![]).await.unwrap().is_empty());
}

async fn an_operator_comes_in_by_a_route(database: TestDatabase) {
    let (_, tenant) = new_tenant(&database, "visited").await;
    let route = Route::Slug(tenant.slug.clone());
    let scope = database.store.operator_scope(route).await.unwrap().unwrap();
    assert_eq!(scope.tenant_id(), tenant.id);
    let found = try_write(&database, &scope, async |tx| tx.find_tenant().await).await;
    assert_eq!(found.unwrap(), Some(tenant));
    let event = some_event(&database, &scope);
    let recorded = event.id;
    database
        .store
        .write(&scope, async move |tx| tx.record(&event).await)
        .await
        .unwrap();
    let literal = database.id_literal(recorded);
    let count = format!("SELECT count(*) FROM audit_events WHERE id = {literal}");
    assert_eq!(database.admin_count(&count).await, 1);
    let unknown = Route::Slug("no-such-tenant".parse().unwrap());
    assert_eq!(database.store.operator_scope(unknown).await.unwrap(), None);
}

async fn a_tenant_is_held_without_a_change(database: TestDatabase) {
    let (scope, tenant) = new_tenant(&database, "tenant").await;
    let held = database.store.write(&scope, async move |tx| {
        tx.hold_tenant().await?;
        tx.find_tenant().await
    });
    // It asks for no event.
    let found: Result<_, Error> = held.await;
    assert_eq!(found.unwrap(), Some(tenant));
}

async fn settings_change_only_at_the_version_that_was_seen(database: TestDatabase) {
    let (scope, tenant) = new_tenant(&database, "tenant").await;
    let mut settings = tenant.settings.clone();
    settings.session_ttl_seconds = 600;
    let wanted = settings.clone();
    let changed = write(&database, &scope, async move |tx| {
        let changed = tx.change_settings(1, &wanted).await?;
        assert_eq!(tx.change_settings(1, &wanted).await?, None);
        Ok(changed)
    });
    let expected = keyward_model::Tenant {
        settings,
        version: 2,
        ..tenant
    };
    assert_eq!(changed.await, Some(expected));
}
