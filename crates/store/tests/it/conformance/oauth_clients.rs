//! OAuth clients.

use super::scenarios;
use crate::support::{read, write};
use keyward_model::{
    ClientAuthentication, ClientKey, ClientRight, ClientSecrets, ClientStatus, Digest, OAuthClient,
    PageRequest, Route, SigningAlgorithm,
};
use keyward_store::{Error, TenantScope};
use keyward_testkit::{TestDatabase, new_tenant, unsaved_oauth_client};

scenarios!(
    a_client_leads_to_its_tenant_until_it_is_deleted,
    clients_are_listed_oldest_first_page_by_page,
    a_client_is_changed_at_its_version_alone,
    a_disabled_client_is_not_held_and_not_remembered,
    a_client_is_remembered_until_an_event_says_otherwise,
);

async fn insert(database: &TestDatabase, scope: &TenantScope, client: &OAuthClient) {
    let client = client.clone();
    write(database, scope, async move |tx| {
        assert!(tx.insert_oauth_client(&client).await?);
        assert!(!tx.insert_oauth_client(&client).await?, "it leads there");
        Ok(())
    })
    .await;
}

async fn leads_to(database: &TestDatabase, client: &OAuthClient) -> Option<TenantScope> {
    let route = Route::OAuthClient(client.id);
    database.store.resolve(vec![route]).await.unwrap()[0]
}

async fn a_client_leads_to_its_tenant_until_it_is_deleted(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let mut client = unsaved_oauth_client(&database);
    client.authentication = ClientAuthentication::PrivateKeyJwt;
    client.secrets = ClientSecrets::default();
    client.keys = vec![ClientKey {
        kid: Some("a".into()),
        alg: SigningAlgorithm::Es256,
        x: "x".into(),
        y: Some("y".into()),
    }];
    insert(&database, &scope, &client).await;
    assert_eq!(leads_to(&database, &client).await, Some(scope));
    let (id, expected, unknown) = (client.id, client.clone(), database.mint());
    write(&database, &scope, async move |tx| {
        assert_eq!(tx.find_oauth_client(id).await?, Some(expected.clone()));
        assert_eq!(tx.find_oauth_client(unknown).await?, None);
        assert_eq!(tx.delete_oauth_client(unknown).await?, None);
        assert_eq!(tx.delete_oauth_client(id).await?, Some(expected));
        assert_eq!(tx.delete_oauth_client(id).await?, None);
        assert_eq!(tx.find_oauth_client(id).await?, None);
        Ok(())
    })
    .await;
    assert_eq!(leads_to(&database, &client).await, None);
}

async fn clients_are_listed_oldest_first_page_by_page(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let mut expected = Vec::new();
    for _ in 0..3 {
        let client = unsaved_oauth_client(&database);
        insert(&database, &scope, &client).await;
        expected.push(client);
    }
    read(&database, &scope, async move |tx| {
        assert_eq!(tx.count_oauth_clients().await?, 3);
        let page = PageRequest::new(Some(2), None);
        let first = tx.list_oauth_clients(page).await?;
        assert_eq!(first.items, expected[..2]);
        let page = PageRequest::new(Some(2), first.next);
        let rest = tx.list_oauth_clients(page).await?;
        assert_eq!((rest.items.as_slice(), rest.next), (&expected[2..], None));
        Ok(())
    })
    .await;
}

async fn a_client_is_changed_at_its_version_alone(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let client = unsaved_oauth_client(&database);
    insert(&database, &scope, &client).await;
    let until = database.now().plus_seconds(60);
    let wanted = OAuthClient {
        name: "Another".parse().unwrap(),
        rights: [ClientRight::Revoke].into_iter().collect(),
        secrets: client.secrets.rotated(Digest([9; 32]), until),
        ..client
    };
    write(&database, &scope, async move |tx| {
        let changed = tx.change_oauth_client(&wanted).await?.unwrap();
        let expected = OAuthClient {
            version: 2,
            ..wanted.clone()
        };
        assert_eq!(changed, expected);
        assert_eq!(tx.change_oauth_client(&wanted).await?, None, "of version 1");
        Ok(())
    })
    .await;
}

async fn a_disabled_client_is_not_held_and_not_remembered(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let client = unsaved_oauth_client(&database);
    insert(&database, &scope, &client).await;
    let id = client.id;
    let switch = async |status| {
        write(&database, &scope, async move |tx| {
            tx.set_oauth_client_status(id, status).await
        })
        .await
    };
    let held = async || {
        let held = database
            .store
            .write::<_, Error, _>(&scope, async move |tx| tx.hold_oauth_client(id).await);
        held.await.unwrap()
    };
    assert!(held().await, "and that asks for no event");
    let disabled = switch(ClientStatus::Disabled).await.unwrap();
    assert_eq!(
        (disabled.status, disabled.version),
        (ClientStatus::Disabled, 2)
    );
    assert_eq!(switch(ClientStatus::Disabled).await, None);
    assert!(!held().await);
    let known = database.store.read_client(&scope, id).await.unwrap();
    assert!(known.is_none());
    switch(ClientStatus::Active).await.unwrap();
    assert!(held().await);
}

async fn a_client_is_remembered_until_an_event_says_otherwise(database: TestDatabase) {
    let (scope, tenant) = new_tenant(&database, "tenant").await;
    let client = unsaved_oauth_client(&database);
    insert(&database, &scope, &client).await;
    assert!(database.store.recall_client(client.id).is_none());
    let read = database.store.read_client(&scope, client.id).await;
    assert_eq!(read.unwrap().unwrap().client, client);
    let recalled = database.store.recall_client(client.id);
    // A store that is open beside a server on PostgreSQL keeps nothing in memory.
    assert_eq!(recalled.is_some(), database.store.engine_name() == "SQLite");
    if let Some((found, known)) = recalled {
        assert_eq!((found, &known.client), (scope, &client));
        assert_eq!(known.tenant.tenant, tenant);
    }
    let event = keyward_model::Event::OAuthClientDisabled {
        client: client.clone(),
    };
    let record = keyward_testkit::event_record(&database, scope.tenant_id(), &event);
    let id = client.id;
    let disabled = database
        .store
        .write::<_, Error, _>(&scope, async move |tx| {
            tx.set_oauth_client_status(id, ClientStatus::Disabled)
                .await?;
            tx.record(&record).await
        });
    disabled.await.unwrap();
    assert!(database.store.recall_client(client.id).is_none());
}
