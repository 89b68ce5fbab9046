//! Tries at the operator token are few, by network, whatever they hold.

use keyward_testkit::{Answer, TestApp, TestDatabase, on_both_engines};
use std::time::Duration;

on_both_engines!(
    asvs_v2_4_1_wrong_operator_tokens_are_limited_by_network,
    whoever_holds_the_token_meets_no_limit,
);

/// How many are taken at once.
const TRIES: usize = 10;
const HERE: &str = "192.0.2.1";

/// Asks as a listener on a network lets somebody ask, who holds the token or not.
async fn ask(app: &TestApp, address: &str, is_holder: bool) -> Answer {
    let operator = app.operator().from_address(address.parse().unwrap());
    let operator = match is_holder {
        true => operator,
        false => operator.nobody(),
    };
    operator.get("/operator/v1/tenants").await
}

async fn asvs_v2_4_1_wrong_operator_tokens_are_limited_by_network(database: TestDatabase) {
    let app = TestApp::start(database).await;
    for _ in 0..TRIES {
        ask(&app, HERE, false)
            .await
            .expect_problem(401, "unauthenticated");
    }
    let refused = ask(&app, HERE, false).await;
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    refused.expect_problem(429, "rate_limited");
    // A right guess is told apart from a wrong one no more.
    ask(&app, HERE, true)
        .await
        .expect_problem(429, "rate_limited");
    for other in ["192.0.2.2", "2001:db8::1"] {
        ask(&app, other, true).await.expect(200);
    }
    app.operator().get("/operator/v1/tenants").await.expect(200);
    app.database.clock.advance(Duration::from_secs(wait));
    ask(&app, HERE, true).await.expect(200);
    ask(&app, HERE, false)
        .await
        .expect_problem(401, "unauthenticated");
    ask(&app, HERE, true)
        .await
        .expect_problem(429, "rate_limited");
}

async fn whoever_holds_the_token_meets_no_limit(database: TestDatabase) {
    let app = TestApp::start(database).await;
    for _ in 0..5 * TRIES {
        ask(&app, HERE, true).await.expect(200);
    }
    ask(&app, HERE, false)
        .await
        .expect_problem(401, "unauthenticated");
}
