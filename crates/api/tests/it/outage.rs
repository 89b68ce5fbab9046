//! The store cannot be asked, or cannot write: 503, and never a "no".

use crate::support::clients::{INTROSPECT, REVOKE, assert_oauth_error, client_with};
use crate::support::{registration, try_password};
use keyward_testkit::{
    Answer, PASSWORD, TestApp, TestUser, scratch_postgres_store_with, sqlite_store,
};
use reqwest::Method;

#[track_caller]
fn assert_unavailable(answer: Answer) {
    let answer = answer.expect_problem(503, "unavailable");
    assert_eq!(answer.header("retry-after"), "1");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert!(answer.json.get("detail").is_none(), "{}", answer.text);
}

async fn sign_out(user: &TestUser) -> Answer {
    let request = user.client.request(Method::POST, "/v1/auth/logout");
    user.client.send(request).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asvs_v16_5_2_asvs_v16_5_3_postgres_that_refuses_is_503_and_never_401() {
    let Some(database) = scratch_postgres_store_with(|_| {}).await else {
        return;
    };
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let (_, service) =
        client_with(&app, &["introspect", "introspect_refresh_tokens", "revoke"]).await;
    let urls = app.database.postgres_urls();
    let roles = [&urls.app, &urls.system].map(|url| keyward_store::role_of(url).unwrap());
    for role in &roles {
        let sql = format!(
            "ALTER ROLE {role} NOLOGIN;
             SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
        );
        app.database.admin_sql(&sql).await;
    }
    let client = app.client(&app.tenant);
    assert_unavailable(ada.client.get("/v1/session").await);
    assert_unavailable(ada.client.get("/v1/profile").await);
    assert_unavailable(sign_out(&ada).await);
    assert_unavailable(client.get("/v1/session").await);
    assert_unavailable(try_password(&client, "ada@example.org", PASSWORD).await);
    assert_unavailable(try_password(&client, "nobody@example.org", PASSWORD).await);
    assert_unavailable(
        client
            .post("/v1/auth/register", registration("b@example.org"))
            .await,
    );
    for path in [INTROSPECT, REVOKE] {
        let tokens = [ada.client.token(), ada.answer.text_at("/refresh_token")];
        for token in tokens {
            let answer = service.ask(path, &[("token", token)]).await;
            let answer = assert_oauth_error(answer, 503, "temporarily_unavailable");
            assert_eq!(answer.header("retry-after"), "1");
        }
    }
    assert_unavailable(app.bare_client().get("/readyz").await);
    app.bare_client().get("/healthz").await.expect(200);
    for role in &roles {
        app.database
            .admin_sql(&format!("ALTER ROLE {role} LOGIN"))
            .await;
    }
    ada.client.get("/v1/session").await.expect(200);
    app.bare_client().get("/readyz").await.expect(200);
    sign_out(&ada).await.expect(204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asvs_v16_5_2_asvs_v16_5_3_sqlite_that_another_process_locks_is_503_and_reads_go_on() {
    let app = TestApp::start(sqlite_store()).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let lock = rusqlite::Connection::open(app.database.sqlite_path()).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let client = app.client(&app.tenant);
    let register = client.post("/v1/auth/register", registration("b@example.org"));
    let wrong = try_password(&client, "ada@example.org", "a wrong battery staple");
    let (register, wrong, leaving) = tokio::join!(register, wrong, sign_out(&ada));
    assert_unavailable(register);
    // A refusal that cannot be recorded is not given.
    assert_unavailable(wrong);
    assert_unavailable(leaving);
    ada.client.get("/v1/session").await.expect(200);
    lock.execute_batch("ROLLBACK").unwrap();
    client
        .post("/v1/auth/register", registration("b@example.org"))
        .await
        .expect(201);
    sign_out(&ada).await.expect(204);
}
