//! Several at once.

use super::{next_of, of, refresh};
use crate::support::{audit_events, count};
use futures_util::future::{join, join_all};
use keyward_model::Random;
use keyward_testkit::{SeededRandom, TestApp, TestDatabase, on_both_engines};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

on_both_engines!(
    asvs_v10_4_5_two_hundred_refreshes_of_one_token_have_one_answer,
    asvs_v7_4_1_a_refresh_never_outlives_a_revocation_that_it_meets,
    asvs_v10_4_5_whatever_meets_a_token_it_has_one_successor,
);

async fn asvs_v10_4_5_two_hundred_refreshes_of_one_token_have_one_answer(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let ada = app.member(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    let first = ada.answer.text_at("/refresh_token");
    let answers = join_all((0..200).map(|_| refresh(&client, first))).await;
    let texts: BTreeSet<String> = answers
        .into_iter()
        .map(|answer| answer.expect(200).text)
        .collect();
    assert_eq!(texts.len(), 1, "{texts:#?}");
    assert_eq!(
        count(
            &app,
            "token_families",
            &format!("generation = 2 AND {}", of(&app))
        )
        .await,
        1
    );
    let administrator = app.administrator(&app.tenant).await;
    let refreshed = audit_events(&administrator, "type=session.refreshed").await;
    assert_eq!(refreshed.len(), 1);
    ada.client.get("/v1/session").await.expect(200);
    let answer: serde_json::Value = serde_json::from_str(texts.first().unwrap()).unwrap();
    next_of(&client, answer["refresh_token"].as_str().unwrap()).await;
}

async fn asvs_v7_4_1_a_refresh_never_outlives_a_revocation_that_it_meets(database: TestDatabase) {
    let app = TestApp::start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    for _ in 0..20 {
        let ada = app.sign_in(&app.tenant, "ada@example.org").await;
        let first = ada.answer.text_at("/refresh_token");
        let (refreshed, ended) = join(
            refresh(&client, first),
            ada.client.post("/v1/auth/logout", serde_json::json!({})),
        )
        .await;
        ended.expect(204);
        if refreshed.status != 200 {
            refreshed.expect_problem(401, "invalid_refresh_token");
            continue;
        }
        let access = client.with_token(refreshed.text_at("/access_token"));
        access
            .get("/v1/session")
            .await
            .expect_problem(401, "invalid_token");
        for token in [refreshed.text_at("/refresh_token"), first] {
            refresh(&client, token)
                .await
                .expect_problem(401, "invalid_refresh_token");
        }
    }
}

/// Rounds of requests that come at once with whatever tokens anybody ever had, time going on in between.
async fn asvs_v10_4_5_whatever_meets_a_token_it_has_one_successor(database: TestDatabase) {
    let app = TestApp::start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    let client = app.client(&app.tenant);
    let random = SeededRandom::new(0x5eed);
    let draw = |below: usize| {
        let mut byte = [0; 1];
        random.fill(&mut byte);
        usize::from(byte[0]) % below
    };
    let (mut exchanged, mut ended) = (0, 0);
    for _ in 0..12 {
        let ada = app.sign_in(&app.tenant, "ada@example.org").await;
        let mut tokens = vec![ada.answer.text_at("/refresh_token").to_owned()];
        let mut successors: BTreeMap<String, String> = BTreeMap::new();
        let mut is_over = false;
        for _ in 0..6 {
            // Mostly the newest, sometimes any.
            let presented: Vec<String> = (0..1 + draw(4))
                .map(|_| match draw(4) {
                    0 => tokens[draw(tokens.len())].clone(),
                    _ => tokens[tokens.len() - 1].clone(),
                })
                .collect();
            let answers = join_all(presented.iter().map(|token| refresh(&client, token))).await;
            for (token, answer) in presented.iter().zip(answers) {
                if answer.status != 200 {
                    answer.expect_problem(401, "invalid_refresh_token");
                    continue;
                }
                assert!(!is_over, "nothing succeeds once the family was over");
                let next = answer.text_at("/refresh_token").to_owned();
                let before = successors.insert(token.clone(), answer.text.clone());
                assert!(before.is_none_or(|before| before == answer.text));
                if !tokens.contains(&next) {
                    tokens.push(next);
                    exchanged += 1;
                }
            }
            is_over = ada.client.get("/v1/session").await.status != 200;
            app.database
                .clock
                .advance(Duration::from_secs([1, 4, 12][draw(3)]));
        }
        ended += usize::from(is_over);
    }
    assert!(
        exchanged > 12 && (1..12).contains(&ended),
        "{exchanged} {ended}"
    );
}
