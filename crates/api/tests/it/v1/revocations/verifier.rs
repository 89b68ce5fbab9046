//! A service that verifies tokens itself, and follows the stream.

use super::sign_out;
use crate::support::clients::client_with;
use crate::support::sign_in_again;
use crate::support::tokens::claims_of;
use keyward_model::{Id, Revoked, Route, Stopwatch};
use keyward_testkit::{
    Rejected, TestApp, TestDatabase, Verifier, VerifierSettings, new_session, on_both_engines,
};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

on_both_engines!(
    asvs_v7_4_1_whatever_is_revoked_a_verifier_refuses,
    a_verifier_that_hears_nothing_refuses_and_recovers,
    a_verifier_hears_of_a_revocation_in_milliseconds,
);

async fn verifier_of(app: &TestApp) -> (keyward_testkit::TestUser, Verifier) {
    let (administrator, client) = client_with(app, &["follow_revocations", "revoke"]).await;
    let verifier = Verifier::start(VerifierSettings {
        base: format!("http://{}/t/{}", app.address, app.tenant.slug),
        issuer: app.tenant.issuer.clone(),
        client: (client.id.clone(), client.secret.clone()),
        clock: Arc::new(app.database.clock.clone()),
        staleness_seconds: 15,
    });
    verifier.is_fresh().await;
    (administrator, verifier)
}

async fn asvs_v7_4_1_whatever_is_revoked_a_verifier_refuses(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (administrator, verifier) = verifier_of(&app).await;
    let (_, client) = client_with(&app, &["revoke"]).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let sign_in = async || sign_in_again(&app, &app.tenant, &ada).await;
    let refuses = async |token: &str| {
        assert_eq!(verifier.verify(token).await, Err(Rejected::Revoked));
    };
    let [signed_out, denied, kept] = [sign_in().await, sign_in().await, sign_in().await];
    for user in [&ada, &signed_out, &denied, &kept] {
        assert!(verifier.verify(user.client.token()).await.is_ok());
    }
    sign_out(&signed_out).await;
    verifier
        .heard_of(Revoked::Session(signed_out.session_id))
        .await;
    refuses(signed_out.client.token()).await;
    client.revoke(denied.client.token()).await.expect(200);
    let jti = claims_of(denied.client.token()).jti;
    verifier.heard_of(Revoked::Token(jti)).await;
    refuses(denied.client.token()).await;
    assert!(verifier.verify(kept.client.token()).await.is_ok());
    let path = format!("/v1/admin/users/{}/disable", ada.id);
    administrator
        .client
        .post(&path, json!({}))
        .await
        .expect(200);
    verifier.heard_of(Revoked::User(ada.id)).await;
    refuses(kept.client.token()).await;
    let path = format!("/v1/admin/users/{}/enable", ada.id);
    administrator
        .client
        .post(&path, json!({}))
        .await
        .expect(200);
    app.database.clock.advance(Duration::from_secs(6));
    let again = sign_in().await;
    assert!(
        verifier.verify(again.client.token()).await.is_ok(),
        "issued since"
    );
    administrator.client.delete("/v1/admin/sessions/all").await;
    verifier.heard_of(Revoked::Tenant(app.tenant.id)).await;
    refuses(again.client.token()).await;
    app.database.clock.advance(Duration::from_secs(6));
    let since = sign_in().await;
    assert!(verifier.verify(since.client.token()).await.is_ok());
    let keys = format!("/operator/v1/tenants/{}/signing-keys", app.tenant.slug);
    let listed = app.operator().get(&keys).await.expect(200);
    let kid = listed.text_at("/items/0/id").to_owned();
    let revoked = app
        .operator()
        .post(&format!("{keys}/{kid}/revoke"), json!({}))
        .await;
    assert!(revoked.status < 300, "{revoked:?}");
    let id = kid.parse().map(Id::from_uuid).unwrap();
    verifier.heard_of(Revoked::SigningKey(id)).await;
    refuses(since.client.token()).await;
}

async fn a_verifier_that_hears_nothing_refuses_and_recovers(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, verifier) = verifier_of(&app).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let twin = sign_in_again(&app, &app.tenant, &ada).await;
    assert!(verifier.verify(ada.client.token()).await.is_ok());
    app.database.clock.advance(Duration::from_secs(16));
    assert_eq!(
        verifier.verify(ada.client.token()).await,
        Err(Rejected::Stale)
    );
    verifier.is_fresh().await;
    assert!(verifier.verify(ada.client.token()).await.is_ok());
    // Cut off, it goes on where it was, and misses nothing.
    verifier.cut();
    sign_out(&ada).await;
    verifier.heard_of(Revoked::Session(ada.session_id)).await;
    assert_eq!(
        verifier.verify(ada.client.token()).await,
        Err(Rejected::Revoked)
    );
    sign_out(&twin).await;
    verifier.heard_of(Revoked::Session(twin.session_id)).await;
    assert_eq!(
        verifier.connections_and_snapshots(),
        (2, 1),
        "one snapshot was enough"
    );
}

/// It prints what it measured. How fast it is is no matter of a test.
async fn a_verifier_hears_of_a_revocation_in_milliseconds(database: TestDatabase) {
    const ROUNDS: usize = 200;
    let app = TestApp::start(database).await;
    let (_, verifier) = verifier_of(&app).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let mut times = Vec::with_capacity(ROUNDS);
    let route = Route::Slug(app.tenant.slug.parse().unwrap());
    let scope = app.database.store.resolve(vec![route]).await.unwrap()[0].unwrap();
    for _ in 0..ROUNDS {
        let session = new_session(&app.database, &scope, ada.id).await;
        let answer = ada
            .client
            .delete(&format!("/v1/sessions/{}", session.id))
            .await;
        assert_eq!(answer.status, 204, "{answer:?}");
        let answered = Stopwatch::start();
        verifier.heard_of(Revoked::Session(session.id)).await;
        times.push(answered.elapsed());
    }
    times.sort_unstable();
    let at = |part: usize| times[(ROUNDS - 1) * part / 100];
    println!(
        "from the answer of DELETE to the verifier ({}, n = {ROUNDS}, debug build): p50 {:?}, p99 {:?}, most {:?}",
        app.platform.engine(),
        at(50),
        at(99),
        at(100)
    );
    assert!(
        times[ROUNDS / 2] < Duration::from_millis(500),
        "it did not wait for a poll: {:?}",
        at(50)
    );
}
