//! Tenants, and the names that lead to them.

use super::scenarios;
use crate::support::{read, some_event, try_write, write};
use keyward_model::{
    Digest, HostName, InstanceEvent, KnownDevice, PageRequest, Route, Slug, TenantStatus,
};
use keyward_store::{Error, Misuse, Purge, TenantTx};
use keyward_testkit::{
    TestDatabase, new_session, new_tenant, new_user, unsaved_oauth_client, unsaved_signing_key,
    unsaved_tenant, unsaved_tenant_key, unsaved_token_family,
};

scenarios!(
    a_tenant_is_made_and_found,
    a_slug_and_an_issuer_belong_to_one_tenant,
    a_name_leads_to_one_tenant_only,
    a_deleted_route_leads_nowhere,
    routes_are_resolved_in_their_order,
    an_operator_comes_in_by_a_route,
    a_tenants_status_changes_from_what_it_was,
    a_deletion_is_taken_back_until_its_time,
    a_purged_tenant_leaves_nothing_but_a_line,
    a_host_leads_to_its_tenant_no_longer,
    a_tenant_is_held_without_a_change,
    settings_change_only_at_the_version_that_was_seen,
    the_longest_time_that_a_key_set_is_kept_stands,
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

async fn a_tenants_status_changes_from_what_it_was(database: TestDatabase) {
    let (scope, tenant) = new_tenant(&database, "status").await;
    let before = tenant.clone();
    let to = TenantStatus::Suspended;
    let suspended = write(&database, &scope, async move |tx| {
        let suspended = tx.change_tenant_status(&before, to).await?;
        let again = tx.change_tenant_status(&before, to).await?;
        assert_eq!(again, None, "it is of another version now");
        Ok(suspended.unwrap())
    })
    .await;
    assert_eq!(suspended.status, TenantStatus::Suspended);
    assert_eq!(suspended.version, tenant.version + 1);
    // The event of this transaction was a made-up one, which told memory nothing.
    database.store.memory().forget_all();
    let route = Route::Slug(tenant.slug);
    let scopes = database.store.resolve(vec![route]).await.unwrap();
    assert_eq!(scopes[0].unwrap().status(), TenantStatus::Suspended);
}

async fn a_deletion_is_taken_back_until_its_time(database: TestDatabase) {
    let (scope, tenant) = new_tenant(&database, "deleting").await;
    let time = database.now().plus_seconds(60);
    write(&database, &scope, async move |tx| {
        let suspended = tx
            .change_tenant_status(&tenant, TenantStatus::Suspended)
            .await?
            .unwrap();
        let deleting = tx
            .schedule_tenant_deletion(suspended.version, time)
            .await?
            .unwrap();
        assert_eq!(deleting.status, TenantStatus::Deleting);
        assert_eq!(deleting.delete_after, Some(time));
        let version = deleting.version;
        assert_eq!(tx.schedule_tenant_deletion(version, time).await?, None);
        let later = time.plus_seconds(9);
        let postponed = tx
            .reschedule_tenant_deletion(version, later)
            .await?
            .unwrap();
        assert_eq!(postponed.delete_after, Some(later));
        assert_eq!(tx.begin_tenant_purge(time).await?, None);
        let stale = tx.reschedule_tenant_deletion(version, time).await?;
        assert_eq!(stale, None, "somebody else did");
        let version = postponed.version;
        let again = tx.reschedule_tenant_deletion(version, time).await?.unwrap();
        let version = again.version;
        let early = tx.begin_tenant_purge(time.plus_micros(-1)).await?;
        assert_eq!(early, None, "it is not its time");
        let back = tx.cancel_tenant_deletion(version).await?.unwrap();
        assert_eq!(back.status, TenantStatus::Suspended, "as it was before");
        assert_eq!(back.delete_after, None);
        assert_eq!(tx.begin_tenant_purge(time).await?, None);
        let gone = tx.reschedule_tenant_deletion(back.version, time).await?;
        assert_eq!(gone, None, "it is not to be deleted");
        tx.schedule_tenant_deletion(back.version, time).await?;
        let purging = tx.begin_tenant_purge(time).await?.unwrap();
        assert_eq!(purging.status, TenantStatus::Purging);
        let late = tx.cancel_tenant_deletion(purging.version).await?;
        assert_eq!(late, None, "there is no way back");
        Ok(())
    })
    .await;
}

async fn a_purged_tenant_leaves_nothing_but_a_line(database: TestDatabase) {
    let (scope, tenant) = new_tenant(&database, "purged").await;
    let user = new_user(&database, &scope).await;
    let session = new_session(&database, &scope, user.id).await;
    let (token, key) = (
        unsaved_token_family(&database, session.id),
        unsaved_signing_key(&database),
    );
    let (sealing, now) = (unsaved_tenant_key(&database), database.now());
    let version = tenant.version;
    let (client, denied) = (unsaved_oauth_client(&database), database.mint());
    let (digest, device_id) = (Digest([7; 32]), database.mint());
    write(&database, &scope, async move |tx| {
        tx.hold_attempts(&[digest], now).await?;
        let device = KnownDevice {
            id: device_id,
            user_id: user.id,
            digest,
            password_version: 1,
            created_at: now,
            last_used_at: now,
            expires_at: now,
        };
        tx.insert_known_device(&device).await?;
        tx.insert_oauth_client(&client).await?;
        tx.deny_access_token(denied, now).await?;
        tx.insert_token_family(&token).await?;
        tx.insert_signing_key(&key).await?;
        tx.insert_tenant_key(&sealing).await?;
        tx.schedule_tenant_deletion(version, now).await?;
        assert!(tx.begin_tenant_purge(now).await?.is_some());
        Ok(())
    })
    .await;
    let by = database.mint();
    for step in Purge::ALL {
        let purged = match step.is_of_the_logs() {
            true => {
                let purged = database
                    .store
                    .system_write(async move |tx| tx.purge_log(scope.tenant_id(), step, 100).await);
                purged.await.unwrap()
            }
            false => {
                let purge = async move |tx: &mut TenantTx<'_>| tx.purge(step, by, 100).await;
                let purged: Result<i64, Error> = database.store.write(&scope, purge).await;
                purged.unwrap()
            }
        };
        let has_none = matches!(
            step,
            Purge::Jobs | Purge::Invitations | Purge::IdempotencyKeys
        );
        assert!(purged > 0 || has_none, "{step:?}");
    }
    let event = InstanceEvent {
        id: database.mint(),
        occurred_at: now,
        kind: "tenant.deleted".into(),
        actor: "system".into(),
        reason: "its time of grace is over".into(),
        tenant_id: Some(tenant.id),
        details: serde_json::Map::new(),
    };
    let last = event.clone();
    let ended: Result<(), Error> = database
        .store
        .write(&scope, async move |tx| tx.delete_purged_tenant(&last).await)
        .await;
    ended.unwrap();
    for (table, rows) in database.rows_of_tenant(tenant.id).await {
        assert!(rows.is_empty(), "{table}: {rows:?}");
    }
    let newest = PageRequest::new(Some(200), None);
    let log: Result<_, Error> = database
        .store
        .system_read(async move |tx| tx.list_instance_events(newest).await)
        .await;
    assert!(log.unwrap().items.contains(&event));
}

async fn a_host_leads_to_its_tenant_no_longer(database: TestDatabase) {
    let (scope, tenant) = new_tenant(&database, "hosted").await;
    let host: HostName = format!("{}.example", tenant.slug).parse().unwrap();
    let (route, to_delete) = (Route::Host(host.clone()), host.clone());
    write(&database, &scope, async move |tx| {
        assert!(!tx.delete_host(&to_delete).await?);
        tx.insert_route(&Route::Host(to_delete.clone())).await?;
        assert!(tx.delete_host(&to_delete).await?);
        Ok(())
    })
    .await;
    assert_eq!(database.store.resolve(vec![route]).await.unwrap(), [None]);
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

async fn the_longest_time_that_a_key_set_is_kept_stands(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let (early, late) = (database.now(), database.now().plus_seconds(60));
    write(&database, &scope, async move |tx| {
        assert_eq!(tx.find_key_set_keeping().await?, None);
        for (until, expected) in [(early, early), (late, late), (early, late)] {
            tx.extend_key_set_keeping(until).await?;
            assert_eq!(tx.find_key_set_keeping().await?, Some(expected));
        }
        Ok(())
    })
    .await;
}
