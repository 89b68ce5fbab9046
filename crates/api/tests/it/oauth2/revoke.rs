//! `POST /oauth2/revoke` (RFC 7009)

use crate::support::clients::{
    CLIENTS, REVOKE, assert_invalid_client, assert_oauth_error, client_with,
};
use crate::support::tokens::{claims_of, signer_of};
use crate::support::{assert_token_refused, audit_events, count, only_event, sign_in_again};
use keyward_model::Clock;
use keyward_service::jobs::{Worker, WorkerSettings};
use keyward_testkit::{Answer, TestApp, TestDatabase, TestUser, on_both_engines};
use serde_json::json;
use std::time::Duration;

on_both_engines!(
    asvs_v7_4_1_a_revoked_access_token_is_refused_at_once_and_its_session_lives_on,
    asvs_v7_4_1_a_revoked_refresh_token_takes_its_session_and_its_tokens_with_it,
    a_spent_refresh_token_takes_its_family_with_it_too,
    a_revocation_and_an_exchange_at_once_leave_nothing_that_is_good,
    what_is_unknown_is_as_good_as_revoked,
    asvs_v8_2_1_who_has_no_right_revokes_nothing_of_others,
    asvs_v8_3_2_a_client_that_is_disabled_meanwhile_revokes_nothing,
    a_token_is_revoked_once_however_often_it_is_asked_for_at_once,
    the_denylist_is_emptied_of_what_is_over,
);

/// Another access token of the same session.
async fn second_token(app: &TestApp, user: &TestUser) -> TestUser {
    let mut claims = claims_of(user.client.token());
    claims.jti = app.database.mint();
    let token = signer_of(app, &app.tenant).await.sign(&claims).unwrap();
    TestUser {
        client: user.client.with_token(token.expose()),
        ..user.clone()
    }
}

async fn asvs_v7_4_1_a_revoked_access_token_is_refused_at_once_and_its_session_lives_on(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let (administrator, client) = client_with(&app, &["introspect", "revoke"]).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let twin = second_token(&app, &ada).await;
    // Warm, and cold.
    let cold = second_token(&app, &ada).await;
    ada.client.get("/v1/session").await.expect(200);
    twin.client.get("/v1/session").await.expect(200);
    for revoked in [&ada, &cold] {
        let answer = client.revoke(revoked.client.token()).await.expect(200);
        assert_eq!(answer.text, "");
        assert_token_refused(revoked.client.get("/v1/session").await);
        assert!(!client.finds_active(revoked.client.token()).await);
    }
    twin.client.get("/v1/session").await.expect(200);
    assert!(client.finds_active(twin.client.token()).await);
    let events = audit_events(&administrator, "type=access_token.revoked").await;
    assert_eq!(events.len(), 2);
    let (public, claims) = (&events[1]["public"], claims_of(ada.client.token()));
    assert_eq!(public["target"]["id"], json!(claims.jti));
    assert_eq!(public["details"]["session_id"], json!(ada.session_id));
    assert_eq!(
        public["actor"],
        json!({ "type": "oauth_client", "id": client.id })
    );
    assert_eq!(public["permit"], "token.revoke by right of the client");
}

async fn refresh(app: &TestApp, token: &str) -> Answer {
    let body = json!({ "refresh_token": token });
    app.client(&app.tenant).post("/v1/auth/refresh", body).await
}

async fn asvs_v7_4_1_a_revoked_refresh_token_takes_its_session_and_its_tokens_with_it(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let rights = ["introspect", "introspect_refresh_tokens", "revoke"];
    let (administrator, client) = client_with(&app, &rights).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let other = sign_in_again(&app, &app.tenant, &ada).await;
    ada.client.get("/v1/session").await.expect(200);
    let token = ada.answer.text_at("/refresh_token");
    client.revoke(token).await.expect(200);
    assert_token_refused(ada.client.get("/v1/session").await);
    assert!(!client.finds_active(ada.client.token()).await);
    assert!(!client.finds_active(token).await);
    refresh(&app, token)
        .await
        .expect_problem(401, "invalid_refresh_token");
    client.revoke(token).await.expect(200);
    other.client.get("/v1/session").await.expect(200);
    let event = only_event(&administrator, "session.revoked").await;
    assert_eq!(event["public"]["details"]["reason"], "revoked_by_client");
    // Not a reuse: nobody has a copy.
    assert!(
        audit_events(&administrator, "type=refresh_token.reused")
            .await
            .is_empty()
    );
}

async fn a_spent_refresh_token_takes_its_family_with_it_too(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, client) = client_with(&app, &["revoke"]).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let spent = ada.answer.text_at("/refresh_token");
    let next = refresh(&app, spent).await.expect(200);
    client.revoke(spent).await.expect(200);
    let next_token = next.text_at("/refresh_token");
    for token in [spent, next_token] {
        refresh(&app, token)
            .await
            .expect_problem(401, "invalid_refresh_token");
    }
    let fresh = ada.client.with_token(next.text_at("/access_token"));
    assert_token_refused(fresh.get("/v1/session").await);
}

async fn a_revocation_and_an_exchange_at_once_leave_nothing_that_is_good(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, client) = client_with(&app, &["revoke"]).await;
    app.register(&app.tenant, "ada@example.org").await;
    for _ in 0..8 {
        let ada = app.sign_in(&app.tenant, "ada@example.org").await;
        let token = ada.answer.text_at("/refresh_token");
        let (revoked, exchanged) = tokio::join!(client.revoke(token), refresh(&app, token));
        revoked.expect(200);
        if exchanged.status == 200 {
            let fresh = ada.client.with_token(exchanged.text_at("/access_token"));
            assert_token_refused(fresh.get("/v1/session").await);
            let next = exchanged.text_at("/refresh_token");
            refresh(&app, next)
                .await
                .expect_problem(401, "invalid_refresh_token");
        }
    }
}

async fn what_is_unknown_is_as_good_as_revoked(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (administrator, client) = client_with(&app, &["revoke"]).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let token = ada.client.token();
    for unknown in ["x", "a.b.c", "kwr_x", &format!("{token}A")] {
        client.revoke(unknown).await.expect(200);
    }
    client.revoke(token).await.expect(200);
    client.revoke(token).await.expect(200);
    only_event(&administrator, "access_token.revoked").await;
    // What is of a kind that is not revoked here is told apart (§2.2.1).
    let answer = client.revoke("sk_live_aaaaaaaaaaaa").await;
    assert_oauth_error(answer, 400, "unsupported_token_type");
    assert_oauth_error(client.ask(REVOKE, &[]).await, 400, "invalid_request");
}

async fn asvs_v8_2_1_who_has_no_right_revokes_nothing_of_others(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let rights = ["introspect", "introspect_refresh_tokens"];
    let (administrator, client) = client_with(&app, &rights).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let answer = client.revoke(ada.client.token()).await;
    assert_oauth_error(answer, 400, "unauthorized_client");
    ada.client.get("/v1/session").await.expect(200);
    let denied = only_event(&administrator, "access.denied").await;
    assert_eq!(denied["public"]["details"]["action"], "token.revoke");
    let wrong = client.with_secret("kwc_wrong");
    assert_invalid_client(wrong.revoke(ada.client.token()).await);
    // One that was issued to it is its own to revoke and to ask about, whatever its rights.
    let path = format!("{CLIENTS}/{}", client.id);
    let none = json!({ "rights": [] });
    administrator.client.patch(&path, none).await.expect(200);
    let mut claims = claims_of(ada.client.token());
    claims.jti = app.database.mint();
    claims.client_id = client.id.clone();
    let own = signer_of(&app, &app.tenant).await.sign(&claims).unwrap();
    let said = client.introspect(own.expose()).await;
    assert_eq!(
        (&said["active"], &said["client_id"]),
        (&json!(true), &json!(client.id))
    );
    client.revoke(own.expose()).await.expect(200);
    assert!(!client.finds_active(own.expose()).await);
    ada.client.get("/v1/session").await.expect(200);
}

async fn asvs_v8_3_2_a_client_that_is_disabled_meanwhile_revokes_nothing(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, client) = client_with(&app, &["revoke"]).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    // Warm, so that it is let in; then past the store's events, as if it happened just after that.
    client.revoke("x").await.expect(200);
    let id = app
        .database
        .id_literal(client.id.parse::<keyward_model::ClientId>().unwrap());
    let sql = format!("UPDATE oauth_clients SET status = 'disabled' WHERE id = {id}");
    app.database.admin_sql(&sql).await;
    assert_invalid_client(client.revoke(ada.client.token()).await);
    ada.client.get("/v1/session").await.expect(200);
}

async fn a_token_is_revoked_once_however_often_it_is_asked_for_at_once(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (administrator, client) = client_with(&app, &["revoke"]).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let all = (0..16).map(|_| client.revoke(ada.client.token()));
    for answer in futures_util::future::join_all(all).await {
        answer.expect(200);
    }
    only_event(&administrator, "access_token.revoked").await;
    assert_token_refused(ada.client.get("/v1/session").await);
}

async fn the_denylist_is_emptied_of_what_is_over(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let (_, client) = client_with(&app, &["revoke"]).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    client.revoke(ada.client.token()).await.expect(200);
    let tenant = app.database.id_literal(app.tenant.id);
    let rows = async || count(&app, "token_denylist", &format!("tenant_id = {tenant}")).await;
    assert_eq!(rows().await, 1);
    let job = keyward_model::NewJob::new(
        app.database.mint(),
        keyward_model::JobKind::PruneDenylist {},
        app.database.clock.now(),
    );
    let route = keyward_model::Route::Slug(app.tenant.slug.parse().unwrap());
    let scope = app.database.store.resolve(vec![route]).await.unwrap()[0].unwrap();
    let work = async || {
        let mut job = job.clone();
        job.id = app.database.mint();
        let enqueued = app.database.store.enqueue_scheduled(&scope, job).await;
        enqueued.unwrap();
        let worker = Worker::new(&app.platform, WorkerSettings::default());
        worker.run_due().await.unwrap();
    };
    work().await;
    assert_eq!(rows().await, 1, "it counts still");
    app.database.clock.advance(Duration::from_secs(301));
    work().await;
    assert_eq!(rows().await, 0);
    assert_token_refused(ada.client.get("/v1/session").await);
}
