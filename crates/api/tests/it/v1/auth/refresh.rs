//! `POST /v1/auth/refresh`

mod meetings;

use crate::support::tokens::claims_of;
use crate::support::{
    audit_events, change_settings, count, disable, names, only_event, recorded_rows,
};
use keyward_testkit::{Answer, TestApp, TestClient, TestDatabase, on_both_engines};
use serde_json::json;
use std::time::Duration;

on_both_engines!(
    a_refresh_token_is_exchanged_for_the_next_pair,
    asvs_v10_4_5_the_token_before_gets_the_identical_answer_for_ten_seconds,
    asvs_v10_4_5_a_token_used_again_later_ends_its_family_and_session,
    asvs_v10_4_5_whoever_has_half_of_a_token_has_a_copy,
    asvs_v10_4_5_a_token_of_an_older_generation_ends_its_family_at_once,
    an_answer_is_repeated_to_the_same_device_alone,
    asvs_v7_4_1_nothing_continues_a_session_that_was_ended,
    asvs_v7_4_2_nothing_continues_the_session_of_a_disabled_user,
    asvs_v10_4_8_a_refresh_token_is_over_with_its_session_however_often_it_rotates,
    a_refresh_is_activity,
    asvs_v9_2_2_nothing_else_passes_for_a_refresh_token,
    a_token_of_another_tenant_is_unknown_and_stays_good,
    the_kept_answer_is_sealed_and_erased,
    a_token_is_signed_by_the_key_that_signs_now,
);

/// The rows of the first tenant.
fn of(app: &TestApp) -> String {
    format!("tenant_id = {}", app.database.id_literal(app.tenant.id))
}

const TEN_SECONDS: Duration = Duration::from_secs(10);

async fn refresh(client: &TestClient, token: &str) -> Answer {
    let body = json!({ "refresh_token": token });
    client.post("/v1/auth/refresh", body).await
}

/// Exchanges a token that is good, and gives the next.
async fn next_of(client: &TestClient, token: &str) -> String {
    let answer = refresh(client, token).await.expect(200);
    answer.text_at("/refresh_token").to_owned()
}

async fn a_refresh_token_is_exchanged_for_the_next_pair(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    let first = ada.answer.text_at("/refresh_token");
    app.database.clock.advance(Duration::from_secs(240));
    let answer = refresh(&client, first).await.expect(200);
    // The device keeps what it got at the sign-in.
    let mut expected = names(&ada.answer.json);
    expected.retain(|name| *name != "device_token");
    assert_eq!(names(&answer.json), expected);
    assert_eq!(answer.json["status"], "complete");
    assert_eq!(answer.json["expires_in"], 300);
    assert_eq!(answer.json["user"], ada.answer.json["user"]);
    assert_eq!(answer.header("cache-control"), "no-store");
    let session = &answer.json["session"];
    assert_eq!(session["id"], ada.session_id.to_string());
    assert_eq!(
        session["expires_at"],
        ada.answer.json["session"]["expires_at"]
    );
    let (old, new) = (
        claims_of(ada.client.token()),
        claims_of(answer.text_at("/access_token")),
    );
    assert_eq!((old.sid, old.sub), (new.sid, new.sub));
    assert_ne!(old.jti, new.jti);
    assert!(new.exp > old.exp);
    let next = answer.text_at("/refresh_token");
    assert!(next.starts_with("kwr_") && next.len() == 71 && next != first);
    let seen = client.with_token(answer.text_at("/access_token"));
    let seen = seen.get("/v1/session").await.expect(200);
    assert_eq!(seen.json["session"]["id"], ada.session_id.to_string());
    let third = next_of(&client, next).await;
    let administrator = app.administrator(&app.tenant).await;
    let events = audit_events(&administrator, "type=session.refreshed").await;
    let generations: Vec<_> = events
        .iter()
        .map(|event| &event["public"]["details"]["generation"])
        .collect();
    assert_eq!(generations, [&json!(3), &json!(2)]);
    assert_eq!(events[0]["public"]["actor"]["id"], ada.id.to_string());
    for secret in [first, next, &third] {
        assert!(!format!("{events:?}").contains(&secret[4..]));
    }
}

async fn asvs_v10_4_5_the_token_before_gets_the_identical_answer_for_ten_seconds(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    let first = ada.answer.text_at("/refresh_token");
    let answer = refresh(&client, first).await.expect(200);
    let exchanged_at = app.database.now();
    for seconds in [0, 3, 9] {
        app.database.clock.set(exchanged_at.plus_seconds(seconds));
        let again = refresh(&client, first).await.expect(200);
        assert_eq!(again.text, answer.text);
    }
    // Whoever had the answer and goes on is not in the way, and gets the answer to their own.
    let next = answer.text_at("/refresh_token");
    let third = refresh(&client, next).await.expect(200);
    assert_eq!(refresh(&client, next).await.expect(200).text, third.text);
    let third_of_one = format!("generation = 3 AND {}", of(&app));
    assert_eq!(count(&app, "token_families", &third_of_one).await, 1);
}

async fn asvs_v10_4_5_a_token_used_again_later_ends_its_family_and_session(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let other = app.sign_in(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    let first = ada.answer.text_at("/refresh_token");
    let answer = refresh(&client, first).await.expect(200);
    let fresh = client.with_token(answer.text_at("/access_token"));
    fresh.get("/v1/session").await.expect(200);
    app.database.clock.advance(TEN_SECONDS);
    refresh(&client, first)
        .await
        .expect_problem(401, "invalid_refresh_token");
    // Whoever has the newer pair has nothing any more, at once.
    fresh
        .get("/v1/session")
        .await
        .expect_problem(401, "invalid_token");
    let next = answer.text_at("/refresh_token");
    for token in [next, first] {
        refresh(&client, token)
            .await
            .expect_problem(401, "invalid_refresh_token");
    }
    other.client.get("/v1/session").await.expect(200);
    next_of(&client, other.answer.text_at("/refresh_token")).await;
    let administrator = app.administrator(&app.tenant).await;
    let reused = only_event(&administrator, "refresh_token.reused").await;
    assert_eq!(reused["public"]["outcome"], "failure");
    assert_eq!(reused["public"]["details"]["token"], "previous");
    assert_eq!(reused["public"]["details"]["user_id"], ada.id.to_string());
    let revoked = only_event(&administrator, "session.revoked").await;
    assert_eq!(
        revoked["public"]["details"]["reason"],
        "refresh_token_reused"
    );
    assert_eq!(
        revoked["public"]["target"]["id"],
        ada.session_id.to_string()
    );
}

async fn asvs_v10_4_5_whoever_has_half_of_a_token_has_a_copy(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    let good = ada.answer.text_at("/refresh_token");
    // A stranger's selector finds nothing, and nothing happens.
    let strange = format!("kwr_{}{}", "A".repeat(24), &good[28..]);
    refresh(&client, &strange)
        .await
        .expect_problem(401, "invalid_refresh_token");
    ada.client.get("/v1/session").await.expect(200);
    let invented = format!("{}{}", &good[..28], "A".repeat(43));
    refresh(&client, &invented)
        .await
        .expect_problem(401, "invalid_refresh_token");
    refresh(&client, good)
        .await
        .expect_problem(401, "invalid_refresh_token");
    let administrator = app.administrator(&app.tenant).await;
    let reused = only_event(&administrator, "refresh_token.reused").await;
    assert_eq!(reused["public"]["details"]["token"], "older");
}

async fn asvs_v10_4_5_a_token_of_an_older_generation_ends_its_family_at_once(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    let first = ada.answer.text_at("/refresh_token");
    let second = next_of(&client, first).await;
    let third = next_of(&client, &second).await;
    refresh(&client, first)
        .await
        .expect_problem(401, "invalid_refresh_token");
    for token in [&second, &third] {
        refresh(&client, token)
            .await
            .expect_problem(401, "invalid_refresh_token");
    }
    ada.client
        .get("/v1/session")
        .await
        .expect_problem(401, "invalid_token");
}

async fn an_answer_is_repeated_to_the_same_device_alone(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    let named = |fingerprint: &str| {
        json!({
            "refresh_token": ada.answer.text_at("/refresh_token"),
            "device": { "fingerprint": fingerprint },
        })
    };
    let answer = client
        .post("/v1/auth/refresh", named("phone"))
        .await
        .expect(200);
    let again = client
        .post("/v1/auth/refresh", named("phone"))
        .await
        .expect(200);
    assert_eq!(again.text, answer.text);
    let other = client.post("/v1/auth/refresh", named("tablet")).await;
    other.expect_problem(401, "invalid_refresh_token");
    let next = answer.text_at("/refresh_token");
    refresh(&client, next)
        .await
        .expect_problem(401, "invalid_refresh_token");
    for bad in ["a\u{7}b", &"f".repeat(257)] {
        let answer = client.post("/v1/auth/refresh", named(bad)).await;
        let answer = answer.expect_problem(422, "invalid_body");
        assert_eq!(answer.text_at("/errors/0/pointer"), "/device/fingerprint");
    }
}

async fn asvs_v7_4_1_nothing_continues_a_session_that_was_ended(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let client = app.client(&app.tenant);
    let administrator = app.administrator(&app.tenant).await;
    app.register(&app.tenant, "ada@example.org").await;
    for end in ["logout", "own", "others", "all", "administrator"] {
        let ada = app.sign_in(&app.tenant, "ada@example.org").await;
        let other = app.sign_in(&app.tenant, "ada@example.org").await;
        let first = ada.answer.text_at("/refresh_token");
        let next = next_of(&client, first).await;
        let id = ada.session_id;
        match end {
            "logout" => ada
                .client
                .post("/v1/auth/logout", json!({}))
                .await
                .expect(204),
            "own" => other
                .client
                .delete(&format!("/v1/sessions/{id}"))
                .await
                .expect(204),
            "others" => other.client.delete("/v1/sessions/others").await.expect(200),
            "all" => other.client.delete("/v1/sessions/all").await.expect(200),
            _ => {
                let path = format!("/v1/admin/sessions/{id}");
                administrator.client.delete(&path).await.expect(204)
            }
        };
        // Neither the good one nor the one whose answer is still kept.
        for token in [next.as_str(), first] {
            refresh(&client, token)
                .await
                .expect_problem(401, "invalid_refresh_token");
        }
    }
    // It is no reuse: there is nothing left to end.
    let reused = audit_events(&administrator, "type=refresh_token.reused").await;
    assert_eq!(reused, [] as [serde_json::Value; 0]);
}

async fn asvs_v7_4_2_nothing_continues_the_session_of_a_disabled_user(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    let first = ada.answer.text_at("/refresh_token");
    let next = next_of(&client, first).await;
    disable(&app, "ada@example.org").await;
    for token in [next.as_str(), first] {
        refresh(&client, token)
            .await
            .expect_problem(401, "invalid_refresh_token");
    }
}

async fn asvs_v10_4_8_a_refresh_token_is_over_with_its_session_however_often_it_rotates(
    database: TestDatabase,
) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    let end = app.database.now().plus_seconds(8 * 3_600);
    let mut token = ada.answer.text_at("/refresh_token").to_owned();
    for _ in 0..19 {
        app.database.clock.advance(Duration::from_secs(25 * 60));
        token = next_of(&client, &token).await;
    }
    app.database.clock.set(end.plus_seconds(-1));
    let last = refresh(&client, &token).await.expect(200);
    // The access token may be good for longer; the session behind it is not.
    app.database.clock.set(end);
    let access = client.with_token(last.text_at("/access_token"));
    access
        .get("/v1/session")
        .await
        .expect_problem(401, "invalid_token");
    for token in [last.text_at("/refresh_token"), &token] {
        refresh(&client, token)
            .await
            .expect_problem(401, "invalid_refresh_token");
    }
}

async fn a_refresh_is_activity(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    let mut token = ada.answer.text_at("/refresh_token").to_owned();
    for _ in 0..3 {
        app.database.clock.advance(Duration::from_secs(29 * 60));
        token = next_of(&client, &token).await;
    }
    app.database.clock.advance(Duration::from_secs(30 * 60));
    refresh(&client, &token)
        .await
        .expect_problem(401, "invalid_refresh_token");
}

async fn asvs_v9_2_2_nothing_else_passes_for_a_refresh_token(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    let good = ada.answer.text_at("/refresh_token");
    let before = recorded_rows(&app, app.tenant.id).await;
    let truncated = &good[..70];
    let longer = format!("{good}A");
    let padded = format!(" {good}");
    for bad in [
        "",
        "kwr_",
        ada.client.token(),
        truncated,
        &longer,
        &padded,
        &"k".repeat(9_999),
    ] {
        refresh(&client, bad)
            .await
            .expect_problem(401, "invalid_refresh_token");
    }
    for body in [
        json!({}),
        json!({ "refresh_token": 7 }),
        json!({ "refresh_token": good, "x": 1 }),
    ] {
        let answer = client.post("/v1/auth/refresh", body).await;
        answer.expect_problem(422, "invalid_body");
    }
    let as_access = client.with_token(good).get("/v1/session").await;
    as_access.expect_problem(401, "invalid_token");
    // A refusal of what nobody knows writes nothing.
    assert_eq!(recorded_rows(&app, app.tenant.id).await, before);
    next_of(&client, good).await;
}

async fn a_token_of_another_tenant_is_unknown_and_stays_good(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let elsewhere = app.new_tenant("elsewhere").await;
    let first = ada.answer.text_at("/refresh_token");
    let (here, there) = (app.client(&app.tenant), app.client(&elsewhere));
    refresh(&there, first)
        .await
        .expect_problem(401, "invalid_refresh_token");
    let next = next_of(&here, first).await;
    // Neither its answer nor its reuse.
    for token in [first, &next] {
        refresh(&there, token)
            .await
            .expect_problem(401, "invalid_refresh_token");
    }
    next_of(&here, &next).await;
}

async fn the_kept_answer_is_sealed_and_erased(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    let first = ada.answer.text_at("/refresh_token");
    let answer = refresh(&client, first).await.expect(200);
    let everything = format!("{:?}", recorded_rows(&app, app.tenant.id).await);
    let access = answer.text_at("/access_token");
    for secret in [&first[4..], &answer.text_at("/refresh_token")[4..], access] {
        assert!(!everything.contains(secret));
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!everything.contains(&hex));
    }
    assert_eq!(count(&app, "refresh_answers", &of(&app)).await, 1);
    app.database.clock.advance(TEN_SECONDS);
    // The server looks every five seconds, and at the third time for the last.
    for _ in 0..120 {
        if count(&app, "refresh_answers", &of(&app)).await == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the answer is still there");
}

async fn a_token_is_signed_by_the_key_that_signs_now(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    let settings = json!({ "access_token_ttl_seconds": 60 });
    change_settings(&app, &app.tenant, &settings).await;
    let answer = refresh(&client, ada.answer.text_at("/refresh_token")).await;
    let answer = answer.expect(200);
    assert_eq!(answer.json["expires_in"], 60);
    let claims = claims_of(answer.text_at("/access_token"));
    assert_eq!(claims.exp, claims.iat + 60);
}
