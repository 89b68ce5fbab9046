//! Keys that are over: revoked, or past their time.

use super::{follow, key_of, pass, published, revoke, rotate, states};
use crate::support::tokens::claims_of;
use crate::support::{assert_token_refused, audit_events};
use keyward_model::{SigningKeyState, Timestamp};
use keyward_service::signing_keys::SigningKeyError;
use keyward_testkit::{KeySetFollower, Refused, TestApp, TestDatabase, on_both_engines};

on_both_engines!(
    asvs_v9_1_1_a_revoked_keys_tokens_are_refused_at_once,
    a_revoked_key_is_followed_by_the_one_that_waits,
    a_revoked_successor_gives_the_key_its_place_back,
    asvs_v9_1_1_a_key_that_is_over_verifies_nothing_even_before_it_is_retired,
);

async fn asvs_v9_1_1_a_revoked_keys_tokens_are_refused_at_once(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let other = app.new_tenant("other").await;
    let bob = app.member(&other, "bob@example.org").await;
    ada.client.get("/v1/session").await.expect(200);
    ada.client.get("/v1/session").await.expect(200);
    bob.client.get("/v1/session").await.expect(200);
    let revoked = key_of(ada.client.token());
    let signing = revoke(&app, &app.tenant, revoked).await.unwrap();
    // The token is warm, and its session is as live as before.
    assert_token_refused(ada.client.get("/v1/session").await);
    assert_token_refused(ada.client.under("").get("/v1/session").await);
    bob.client.get("/v1/session").await.expect(200);
    let kids: Vec<_> = published(&app, &app.tenant).await;
    assert_eq!(kids.len(), 1);
    assert_eq!(kids[0]["kid"], signing.id.to_string());
    let again = app.sign_in(&app.tenant, "ada@example.org").await;
    assert_eq!(key_of(again.client.token()), signing.id);
    again.client.get("/v1/session").await.expect(200);
    assert_token_refused(ada.client.get("/v1/session").await);
    // One that knew only the old key asks once more, and has the new one.
    let mut follower = KeySetFollower::asking_again(0);
    follow(&app, &mut follower, again.client.token(), 0)
        .await
        .unwrap();
    let refused = follow(&app, &mut follower, ada.client.token(), 0).await;
    assert_eq!(refused, Err(Refused::UnknownKey));
    let row = format!(
        "SELECT COUNT(*) FROM signing_keys WHERE id = {} AND sealed_private_key IS NULL",
        app.database.id_literal(revoked)
    );
    assert_eq!(
        app.database.admin_count(&row).await,
        1,
        "its private key is destroyed"
    );
    let repeated = revoke(&app, &app.tenant, revoked).await;
    assert!(matches!(repeated, Err(SigningKeyError::NotFound)));
    let administrator = app.administrator(&app.tenant).await;
    let events = audit_events(&administrator, "type=signing_key.revoked").await;
    assert_eq!(events.len(), 1);
    assert_eq!(
        events[0]["personal"]["operator"]["reason"], "a test",
        "{}",
        events[0]
    );
}

async fn a_revoked_key_is_followed_by_the_one_that_waits(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let waiting = rotate(&app, &app.tenant).await.unwrap();
    let signing = revoke(&app, &app.tenant, key_of(ada.client.token()))
        .await
        .unwrap();
    assert_eq!(signing.id, waiting.id, "verifiers have it already");
    let expected = [SigningKeyState::Revoked, SigningKeyState::Signing];
    assert_eq!(states(&app, &app.tenant).await, expected);
    let again = app.sign_in(&app.tenant, "ada@example.org").await;
    assert_eq!(key_of(again.client.token()), waiting.id);
    rotate(&app, &app.tenant).await.unwrap();
}

async fn a_revoked_successor_gives_the_key_its_place_back(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let first = key_of(ada.client.token());
    let waiting = rotate(&app, &app.tenant).await.unwrap();
    let signing = revoke(&app, &app.tenant, waiting.id).await.unwrap();
    assert_eq!((signing.id, signing.published_until), (first, None));
    pass(&app, 100_000);
    let later = app.sign_in(&app.tenant, "ada@example.org").await;
    assert_eq!(key_of(later.client.token()), first);
    later.client.get("/v1/session").await.expect(200);
    let next = rotate(&app, &app.tenant).await.unwrap();
    assert_ne!(next.id, waiting.id);
}

async fn asvs_v9_1_1_a_key_that_is_over_verifies_nothing_even_before_it_is_retired(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let signer = crate::support::tokens::signer_of(&app, &app.tenant).await;
    rotate(&app, &app.tenant).await.unwrap();
    // What somebody could sign who had kept the private key.
    let forged = |now: Timestamp| {
        let mut claims = claims_of(ada.client.token());
        (claims.iat, claims.exp) = (now.seconds(), now.seconds() + 300);
        signer.sign(&claims).unwrap().expose().to_owned()
    };
    pass(&app, 950);
    let token = forged(app.database.now());
    ada.client
        .with_token(&token)
        .get("/v1/session")
        .await
        .expect(200);
    pass(&app, 10);
    let token = forged(app.database.now());
    assert_token_refused(ada.client.with_token(&token).get("/v1/session").await);
    assert_eq!(published(&app, &app.tenant).await.len(), 1);
}
