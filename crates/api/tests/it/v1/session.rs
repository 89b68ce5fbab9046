//! `GET /v1/session`

use crate::support::tokens::{assemble, claims_of, part, signer_of};
use crate::support::{
    assert_token_refused, change_settings, disable, get_at, lengthen_access_tokens, moment, names,
    session_as_read, sign_in_again,
};
use keyward_model::{Clock, Id};
use keyward_testkit::{TestApp, TestClient, TestDatabase, on_both_engines};
use reqwest::Method;
use serde_json::json;
use std::time::Duration;
use uuid::Uuid;

on_both_engines!(
    it_says_whose_token_it_is,
    without_a_token_it_asks_for_one,
    what_is_no_single_bearer_token_is_refused,
    asvs_v9_1_1_a_token_that_was_tampered_with_is_refused,
    asvs_v9_1_2_a_token_without_a_signature_is_refused,
    asvs_v9_2_1_an_access_token_ends_after_five_minutes,
    asvs_v9_2_3_asvs_v10_3_1_a_token_for_somebody_else_is_refused_though_well_signed,
    asvs_v7_3_2_a_session_ends_after_eight_hours_however_active,
    asvs_v7_3_1_a_session_ends_after_half_an_hour_of_silence,
    a_session_is_touched_once_a_minute,
    what_was_seen_of_a_session_reaches_the_store,
    asvs_v7_3_1_who_is_there_all_the_time_does_not_idle_out,
    asvs_v7_4_2_asvs_v8_3_2_a_disabled_user_is_out_at_once,
    asvs_v8_3_2_a_role_that_was_taken_away_is_gone_at_once,
);

async fn session_with(client: &TestClient, authorization: &[&str]) -> keyward_testkit::Answer {
    let mut request = client.request(Method::GET, "/v1/session");
    for value in authorization {
        request = request.header("authorization", *value);
    }
    client.send(request).await
}

async fn it_says_whose_token_it_is(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let answer = ada.client.get("/v1/session").await.expect(200);
    assert_eq!(names(&answer.json), ["session", "tenant", "user"]);
    assert_eq!(answer.json["session"], session_as_read(&ada));
    assert_eq!(answer.json["user"], ada.answer.json["user"]);
    let tenant = json!({
        "id": app.tenant.id,
        "slug": app.tenant.slug,
        "issuer": app.tenant.issuer,
    });
    assert_eq!(answer.json["tenant"], tenant);
}

async fn without_a_token_it_asks_for_one(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let answer = app.client(&app.tenant).get("/v1/session").await;
    let answer = answer.expect_problem(401, "unauthenticated");
    assert_eq!(
        answer.header("www-authenticate"),
        r#"Bearer realm="keyward""#
    );
}

async fn what_is_no_single_bearer_token_is_refused(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let good = format!("Bearer {}", ada.client.token());
    let client = app.client(&app.tenant);
    for case in [&good, &good.replace("Bearer", "bEARER")] {
        session_with(&client, &[case]).await.expect(200);
    }
    let refresh_token = format!("Bearer {}", ada.answer.text_at("/refresh_token"));
    for headers in [
        &["Bearer"] as &[&str],
        &[""],
        &["Bearer "],
        &["Bearer garbage"],
        &["Bearer a.b.c"],
        &["Basic YWRhOnNlY3JldA=="],
        &[ada.client.token()],
        &[&good.replace("Bearer", "DPoP")],
        &[&good.replace(' ', "")],
        &[&good, &good],
        &[&good, "Basic YWRhOnNlY3JldA=="],
        &["Basic YWRhOnNlY3JldA==", &good],
        &[&format!("{good}, {good}")],
        &[&format!("{good} x")],
        &[&refresh_token],
        &[&format!("Bearer {}", "x".repeat(10_000))],
    ] {
        assert_token_refused(session_with(&client, headers).await);
    }
}

async fn asvs_v9_1_1_a_token_that_was_tampered_with_is_refused(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let bob = app.member(&app.tenant, "bob@example.org").await;
    let (token, other) = (ada.client.token(), bob.client.token());
    let parts: Vec<_> = token.split('.').collect();
    let others: Vec<_> = other.split('.').collect();
    let mut payload = part(token, 1);
    payload["sub"] = json!(bob.id);
    let changed = assemble(&part(token, 0), &payload, parts[2]);
    let upper = parts[2].to_ascii_uppercase();
    for forged in [
        format!("{}.{}.{}", parts[0], others[1], parts[2]),
        format!("{}.{}.{}", parts[0], parts[1], others[2]),
        format!("{}.{}.{upper}", parts[0], parts[1]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{token}."),
        format!("{token}="),
        format!(".{token}"),
        token[..token.len() - 1].to_owned(),
        changed,
    ] {
        assert_token_refused(ada.client.with_token(&forged).get("/v1/session").await);
    }
    ada.client.get("/v1/session").await.expect(200);
}

async fn asvs_v9_1_2_a_token_without_a_signature_is_refused(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let token = ada.client.token();
    let (good, payload) = (part(token, 0), part(token, 1));
    let signature = token.rsplit('.').next().unwrap();
    for algorithm in ["none", "None", "", "HS256", "RS256", "ES256", "Ed448"] {
        let mut header = good.clone();
        header["alg"] = json!(algorithm);
        for signature in ["", signature] {
            let forged = assemble(&header, &payload, signature);
            assert_token_refused(ada.client.with_token(&forged).get("/v1/session").await);
            let bare = ada.client.under("").with_token(&forged);
            assert_token_refused(bare.get("/v1/session").await);
        }
    }
    let mut unknown_key = good.clone();
    unknown_key["kid"] = json!("01890a5d-ac96-774b-bcce-b302099a8056");
    let forged = assemble(&unknown_key, &payload, signature);
    assert_token_refused(ada.client.with_token(&forged).get("/v1/session").await);
}

async fn asvs_v9_2_1_an_access_token_ends_after_five_minutes(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let issued = claims_of(ada.client.token()).iat;
    let start = keyward_model::Timestamp::from_micros(issued * 1_000_000);
    let last = start.plus_seconds(300).plus_micros(-1);
    get_at(&app, &ada, "/v1/session", last).await.expect(200);
    assert_token_refused(get_at(&app, &ada, "/v1/session", start.plus_seconds(300)).await);
    assert_token_refused(get_at(&app, &ada, "/v1/session", start.plus_seconds(86_400)).await);
    // Before it was issued by more than the grace for clocks.
    assert_token_refused(get_at(&app, &ada, "/v1/session", start.plus_seconds(-31)).await);
}

async fn asvs_v9_2_3_asvs_v10_3_1_a_token_for_somebody_else_is_refused_though_well_signed(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let bob = app.member(&app.tenant, "bob@example.org").await;
    let other = app.new_tenant("other").await;
    let signer = signer_of(&app, &app.tenant).await;
    let good = claims_of(ada.client.token());
    let client = app.client(&app.tenant);
    let signed = signer.sign(&good).unwrap();
    let answer = client.with_token(signed.expose()).get("/v1/session").await;
    answer.expect(200);
    let mut forged = vec![good.clone(); 6];
    forged[0].aud = other.issuer.clone();
    forged[1].iss = other.issuer.clone();
    forged[2].aud = format!("{}/", good.aud);
    forged[3].sub = bob.id;
    forged[4].sid = Id::from_uuid(Uuid::from_u128(1));
    forged[5].exp = good.iat;
    for claims in &forged {
        let token = signer.sign(claims).unwrap();
        assert_token_refused(client.with_token(token.expose()).get("/v1/session").await);
    }
    // Another tenant's key signs for that tenant alone, whatever the claims say.
    let stranger = signer_of(&app, &other).await.sign(&good).unwrap();
    let bare = app.bare_client().with_token(stranger.expose());
    assert_token_refused(bare.get("/v1/session").await);
    let answer = client
        .with_token(stranger.expose())
        .get("/v1/session")
        .await;
    answer.expect_problem(404, "not_found");
}

async fn asvs_v7_3_2_a_session_ends_after_eight_hours_however_active(database: TestDatabase) {
    let app = TestApp::start(database).await;
    lengthen_access_tokens(&app, &app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let start = app.database.clock.now();
    let end = start.plus_seconds(8 * 3_600);
    assert_eq!(ada.answer.text_at("/session/expires_at"), end.to_string());
    for minutes in (25..480).step_by(25) {
        let now = start.plus_seconds(minutes * 60);
        let answer = get_at(&app, &ada, "/v1/session", now).await.expect(200);
        assert_eq!(answer.text_at("/session/expires_at"), end.to_string());
    }
    get_at(&app, &ada, "/v1/session", end.plus_micros(-1))
        .await
        .expect(200);
    assert_token_refused(get_at(&app, &ada, "/v1/session", end).await);
}

async fn asvs_v7_3_1_a_session_ends_after_half_an_hour_of_silence(database: TestDatabase) {
    let app = TestApp::start(database).await;
    lengthen_access_tokens(&app, &app.tenant).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let mut seen = app.database.clock.now();
    for _ in 0..3 {
        seen = seen.plus_seconds(30 * 60).plus_micros(-1);
        let answer = get_at(&app, &ada, "/v1/session", seen).await.expect(200);
        assert_eq!(moment(&answer.json["session"]["last_active_at"]), seen);
        let idles_out_at = seen.plus_seconds(30 * 60);
        assert_eq!(
            moment(&answer.json["session"]["idles_out_at"]),
            idles_out_at
        );
    }
    let silence = seen.plus_seconds(30 * 60);
    assert_token_refused(get_at(&app, &ada, "/v1/session", silence).await);
    // A refused request is no activity.
    assert_token_refused(get_at(&app, &ada, "/v1/session", silence).await);
    let again = sign_in_again(&app, &app.tenant, &ada).await;
    let sessions = again.client.get("/v1/sessions").await.expect(200);
    assert_eq!(sessions.list_at("/items").len(), 1);
}

async fn what_was_seen_of_a_session_reaches_the_store(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let bob = app.member(&app.tenant, "bob@example.org").await;
    let seen = app.database.clock.now().plus_seconds(90);
    for user in [&ada, &bob] {
        user.client.get("/v1/session").await.expect(200);
    }
    for user in [&ada, &bob] {
        get_at(&app, user, "/v1/session", seen).await.expect(200);
    }
    let written = format!(
        "SELECT count(*) FROM sessions WHERE last_active_at = {} AND tenant_id = {}",
        seen.micros(),
        app.database.id_literal(app.tenant.id)
    );
    for _ in 0..100 {
        if app.database.admin_count(&written).await == 2 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not written in five seconds");
}

async fn a_session_is_touched_once_a_minute(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let start = app.database.clock.now();
    for (seconds, last_active) in [(59, 0), (60, 60), (61, 60), (119, 60), (121, 121)] {
        let now = start.plus_seconds(seconds);
        let answer = get_at(&app, &ada, "/v1/session", now).await.expect(200);
        let found = moment(&answer.json["session"]["last_active_at"]);
        assert_eq!(found, start.plus_seconds(last_active), "after {seconds} s");
    }
    // A clock that goes back touches nothing.
    app.database.clock.advance(Duration::from_secs(1));
    let answer = get_at(&app, &ada, "/v1/session", start).await.expect(200);
    let found = moment(&answer.json["session"]["last_active_at"]);
    assert_eq!(found, start.plus_seconds(121));
}

async fn asvs_v7_4_2_asvs_v8_3_2_a_disabled_user_is_out_at_once(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let email = format!("ada-{}@example.org", app.tenant.slug);
    let ada = app.member(&app.tenant, &email).await;
    let again = sign_in_again(&app, &app.tenant, &ada).await;
    let bob = app.member(&app.tenant, "bob@example.org").await;
    disable(&app, &email).await;
    for user in [&ada, &again] {
        for path in ["/v1/session", "/v1/sessions", "/v1/profile"] {
            assert_token_refused(user.client.get(path).await);
        }
    }
    bob.client.get("/v1/session").await.expect(200);
}

async fn asvs_v8_3_2_a_role_that_was_taken_away_is_gone_at_once(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let administrator = app.administrator(&app.tenant).await;
    let path = "/v1/admin/audit/events";
    administrator.client.get(path).await.expect(200);
    let id = app.database.id_literal(administrator.id);
    let sql = format!("UPDATE users SET role = 'member' WHERE id = {id}");
    app.database.admin_sql(&sql).await;
    administrator
        .client
        .get(path)
        .await
        .expect_problem(403, "forbidden");
    let answer = administrator.client.get("/v1/session").await.expect(200);
    assert_eq!(answer.text_at("/user/role"), "member");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_warm_session_on_sqlite_is_answered_without_the_database() {
    let app = TestApp::start(keyward_testkit::sqlite_store()).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let cold = app.member(&app.tenant, "bob@example.org").await;
    let before = ada.client.get("/v1/session").await.expect(200);
    let hide = "ALTER TABLE sessions RENAME TO hidden; ALTER TABLE tenant_routes RENAME TO lost";
    app.database.sql_without_notice(hide).await;
    let warm = ada.client.get("/v1/session").await.expect(200);
    assert_eq!(warm.json["user"], before.json["user"]);
    assert_eq!(
        cold.client.get("/v1/session").await.status,
        500,
        "it is not known here"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_warm_session_hears_of_a_later_sign_in_and_of_a_new_name() {
    let app = TestApp::start(keyward_testkit::sqlite_store()).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let first = ada.client.get("/v1/session").await.expect(200);
    let again = app.sign_in(&app.tenant, "ada@example.org").await;
    let warm = ada.client.get("/v1/session").await.expect(200);
    assert_eq!(warm.json["user"], again.answer.json["user"]);
    assert_ne!(warm.json["user"], first.json["user"]);
    let body = json!({ "name": "Ada" });
    again.client.patch("/v1/profile", body).await.expect(200);
    let warm = ada.client.get("/v1/session").await.expect(200);
    assert_eq!(warm.text_at("/user/name"), "Ada");
}

async fn asvs_v7_3_1_who_is_there_all_the_time_does_not_idle_out(database: TestDatabase) {
    let app = TestApp::start(database).await;
    for (idle_seconds, pause_seconds) in [(60, 15), (200, 50), (3_600, 60)] {
        let settings = json!({ "session_idle_seconds": idle_seconds });
        change_settings(&app, &app.tenant, &settings).await;
        let ada = app.administrator(&app.tenant).await;
        for _ in 0..3 {
            app.database
                .clock
                .advance(Duration::from_secs(pause_seconds));
            let seen = app.database.now();
            let answer = ada.client.get("/v1/session").await.expect(200);
            let idles_out_at = moment(&answer.json["session"]["idles_out_at"]);
            assert!(idles_out_at >= seen.plus_seconds(idle_seconds));
        }
        app.database.clock.advance(Duration::from_secs(60));
        let left = ada.client.get("/v1/session").await;
        match idle_seconds {
            60 => assert_token_refused(left),
            _ => drop(left.expect(200)),
        }
    }
}
