//! Known devices: their own lane, and what makes them unknown.

use super::{WINDOW, WRONG, expect_throttled, fail_from, start, try_from, try_on};
use crate::support::{audit_events, count, only_event};
use keyward_testkit::{Answer, PASSWORD, TestApp, TestDatabase, on_both_engines};
use serde_json::json;
use std::time::Duration;

on_both_engines!(
    asvs_v6_1_1_a_stranger_who_fails_a_thousand_times_does_not_lock_the_owner_out,
    asvs_v6_3_1_the_owners_own_mistakes_are_limited_on_a_known_device,
    a_device_keeps_its_token_and_is_known_for_as_long_as_it_is_used,
    a_token_that_is_wrong_or_of_somebody_else_is_as_if_none_were_sent,
    a_device_that_fails_a_hundred_times_is_known_no_more,
    who_is_disabled_or_put_out_everywhere_has_no_known_devices_left,
    a_tenant_may_want_no_known_devices,
    the_store_has_the_digest_of_a_device_token_alone,
);

const ADA: &str = "ada@example.org";

/// Ada's first sign-in, on a device that is known from then on.
async fn first_sign_in(app: &TestApp) -> Answer {
    app.member(&app.tenant, ADA).await.answer
}

async fn asvs_v6_1_1_a_stranger_who_fails_a_thousand_times_does_not_lock_the_owner_out(
    database: TestDatabase,
) {
    let app = start(database).await;
    let first = first_sign_in(&app).await;
    let device = first.text_at("/device_token");
    let client = app.client(&app.tenant);
    let (mut looked_at, mut refused) = (0, 0);
    for nth in 0..1_000_usize {
        if nth % 10 == 0 {
            app.database.clock.advance(WINDOW);
        }
        let address = format!("10.{}.{}.1", nth / 250, nth % 250);
        match try_from(&client, &address, ADA, WRONG).await.status {
            401 => looked_at += 1,
            429 => refused += 1,
            other => panic!("{other}"),
        }
    }
    // Five in each window, until a hundred have closed the account to whoever is not known.
    assert_eq!((looked_at, refused), (100, 900));
    expect_throttled(
        try_from(&client, "192.0.2.1", ADA, PASSWORD).await,
        "account",
    );
    for _ in 0..9 {
        let answer = try_on(&client, device, ADA, PASSWORD).await.expect(200);
        let client = client.with_token(answer.text_at("/access_token"));
        client.get("/v1/session").await.expect(200);
    }
    // On devices that are not known it stays closed, whatever the owner does on theirs.
    expect_throttled(
        try_from(&client, "192.0.2.1", ADA, PASSWORD).await,
        "account",
    );
}

async fn asvs_v6_3_1_the_owners_own_mistakes_are_limited_on_a_known_device(database: TestDatabase) {
    let app = start(database).await;
    let first = first_sign_in(&app).await;
    let device = first.text_at("/device_token");
    let client = app.client(&app.tenant);
    for _ in 0..5 {
        let answer = try_on(&client, device, ADA, WRONG).await;
        answer.expect_problem(401, "invalid_credentials");
    }
    let refused = try_on(&client, device, ADA, PASSWORD).await;
    let refused = expect_throttled(refused, "device");
    assert_eq!(
        refused.header("ratelimit-policy"),
        r#""device_attempts";q=5;w=900"#
    );
    // They are in the device's lane alone: another device is not affected.
    try_from(&client, "192.0.2.1", ADA, PASSWORD)
        .await
        .expect(200);
    app.database.clock.advance(WINDOW);
    try_on(&client, device, ADA, PASSWORD).await.expect(200);
}

async fn a_device_keeps_its_token_and_is_known_for_as_long_as_it_is_used(database: TestDatabase) {
    let app = start(database).await;
    let first = first_sign_in(&app).await;
    let token = first.text_at("/device_token").to_owned();
    assert!(token.starts_with("kwd_") && token.len() == 47);
    let client = app.client(&app.tenant);
    let day = Duration::from_secs(86_400);
    for _ in 0..3 {
        app.database.clock.advance(day * 89);
        let answer = try_on(&client, &token, ADA, PASSWORD).await.expect(200);
        assert_eq!(answer.text_at("/device_token"), token);
    }
    app.database.clock.advance(day * 90);
    let answer = try_on(&client, &token, ADA, PASSWORD).await.expect(200);
    assert_ne!(answer.text_at("/device_token"), token, "its time was over");
    assert_eq!(answer.json["session"]["device"]["name"], "laptop");
}

async fn a_token_that_is_wrong_or_of_somebody_else_is_as_if_none_were_sent(database: TestDatabase) {
    let app = start(database).await;
    let own = first_sign_in(&app).await;
    let other = app.member(&app.tenant, "bob@example.org").await.answer;
    let elsewhere = app.new_tenant("elsewhere").await;
    let elsewhere = app.member(&elsewhere, ADA).await.answer;
    let client = app.client(&app.tenant);
    fail_from(&client, "192.0.2.1", ADA, 5).await;
    let guessed = format!("kwd_{}", "A".repeat(43));
    let own = own.text_at("/device_token");
    for token in [
        "",
        "kwd_",
        &guessed,
        &own.to_uppercase(),
        &format!("{own} "),
        other.text_at("/device_token"),
        elsewhere.text_at("/device_token"),
        own.trim_start_matches("kwd_"),
    ] {
        let refused = try_on(&client, token, ADA, PASSWORD).await;
        expect_throttled(refused, "account");
    }
    try_on(&client, own, ADA, PASSWORD).await.expect(200);
}

async fn a_device_that_fails_a_hundred_times_is_known_no_more(database: TestDatabase) {
    let app = start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let change = json!({ "account_failures_max": 10 });
    chief
        .client
        .patch("/v1/admin/settings", change)
        .await
        .expect(200);
    let first = first_sign_in(&app).await;
    let device = first.text_at("/device_token");
    let client = app.client(&app.tenant);
    for _ in 0..2 {
        for _ in 0..5 {
            let answer = try_on(&client, device, ADA, WRONG).await;
            answer.expect_problem(401, "invalid_credentials");
        }
        app.database.clock.advance(WINDOW);
    }
    // The account is open: the device is a stranger to it now, and gets another token.
    let answer = try_on(&client, device, ADA, PASSWORD).await.expect(200);
    assert_ne!(answer.text_at("/device_token"), device);
    let chief = app.administrator(&app.tenant).await;
    let event = only_event(&chief, "known_device.forgotten").await;
    assert_eq!(event["public"]["details"]["failures"], 10);
    assert_eq!(
        event["public"]["details"]["user_id"],
        first.json["user"]["id"]
    );
    assert!(audit_events(&chief, "type=user.locked").await.is_empty());
}

async fn who_is_disabled_or_put_out_everywhere_has_no_known_devices_left(database: TestDatabase) {
    let app = start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let client = app.client(&app.tenant);
    app.register(&app.tenant, ADA).await;
    let tenant = app.database.id_literal(app.tenant.id);
    for what in ["disable", "sessions", "delete"] {
        let answer = app.sign_in(&app.tenant, ADA).await.answer;
        let path = format!("/v1/admin/users/{}", answer.text_at("/user/id"));
        let path_of = |rest: &str| format!("{path}/{rest}");
        let rows = format!("tenant_id = {tenant}");
        assert_eq!(count(&app, "known_devices", &rows).await, 2, "{what}");
        match what {
            "sessions" => chief.client.delete(&path_of("sessions")).await,
            "delete" => chief.client.delete(&path).await,
            _ => chief.client.post(&path_of(what), json!({})).await,
        };
        assert_eq!(
            count(&app, "known_devices", &rows).await,
            1,
            "{what}: the administrator's"
        );
        if what == "disable" {
            chief
                .client
                .post(&path_of("enable"), json!({}))
                .await
                .expect(200);
        }
        if what == "delete" {
            chief
                .client
                .post(&path_of("restore"), json!({}))
                .await
                .expect(200);
        }
        let again = try_on(&client, answer.text_at("/device_token"), ADA, PASSWORD)
            .await
            .expect(200);
        assert_ne!(
            again.text_at("/device_token"),
            answer.text_at("/device_token")
        );
        let forget = format!("DELETE FROM known_devices WHERE tenant_id = {tenant}");
        app.database.admin_sql(&forget).await;
        app.administrator(&app.tenant).await;
    }
}

async fn a_tenant_may_want_no_known_devices(database: TestDatabase) {
    let app = start(database).await;
    let chief = app.administrator(&app.tenant).await;
    let first = first_sign_in(&app).await;
    let change = json!({ "known_device_days": 0 });
    chief
        .client
        .patch("/v1/admin/settings", change)
        .await
        .expect(200);
    let client = app.client(&app.tenant);
    let device = first.text_at("/device_token");
    let answer = try_on(&client, device, ADA, PASSWORD).await.expect(200);
    assert_eq!(answer.json.get("device_token"), None);
    fail_from(&client, "192.0.2.1", ADA, 5).await;
    expect_throttled(try_on(&client, device, ADA, PASSWORD).await, "account");
}

async fn the_store_has_the_digest_of_a_device_token_alone(database: TestDatabase) {
    let app = start(database).await;
    let first = first_sign_in(&app).await;
    let rows = format!("{:?}", app.database.rows_of_tenant(app.tenant.id).await);
    let token = first.text_at("/device_token");
    assert!(!rows.contains(token) && !rows.contains(token.trim_start_matches("kwd_")));
}
