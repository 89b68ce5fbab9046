//! `POST /v1/auth/login`: how long the refusals take.

use crate::support::{disable, try_password};
use keyward_testkit::{PASSWORD, TestApp, TestClient, TestDatabase, on_both_engines};
use std::time::{Duration, Instant};

on_both_engines!(asvs_v6_3_8_unknown_wrong_and_disabled_take_the_same_time);

/// How often each kind of refusal is timed in one round.
const SAMPLES: usize = 30;
/// A round can be spoilt by whatever else the machine does; a refusal without a hash would spoil all.
const ROUNDS: usize = 3;

async fn asvs_v6_3_8_unknown_wrong_and_disabled_take_the_same_time(database: TestDatabase) {
    let app = TestApp::start(database).await;
    let client = app.client(&app.tenant);
    app.register(&app.tenant, "ada@example.org").await;
    let disabled = format!("disabled-{}@example.org", app.tenant.slug);
    app.register(&app.tenant, &disabled).await;
    disable(&app, &disabled).await;
    let refusals = [
        ("nobody@example.org", PASSWORD),
        ("ada@example.org", "a wrong battery staple"),
        (disabled.as_str(), PASSWORD),
    ];
    let mut seen = Vec::new();
    for _ in 0..ROUNDS {
        let medians = medians_of(&client, refusals).await;
        let (shortest, longest) = (medians.iter().min().unwrap(), medians.iter().max().unwrap());
        if *longest < *shortest + *shortest / 4 {
            return;
        }
        seen.push(medians);
    }
    panic!("unknown, wrong and disabled differ by more than a quarter: {seen:?}");
}

/// The refusals take turns, so that what slows the machine down slows all of them.
async fn medians_of(client: &TestClient, refusals: [(&str, &str); 3]) -> [Duration; 3] {
    let mut times: [Vec<Duration>; 3] = Default::default();
    for _ in 0..SAMPLES {
        for ((email, password), times) in refusals.iter().zip(&mut times) {
            let begun = now();
            try_password(client, email, password).await.expect(401);
            times.push(now() - begun);
        }
    }
    times.map(|mut times| {
        times.sort_unstable();
        times[times.len() / 2]
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "what an observer outside would measure is real time"
)]
fn now() -> Instant {
    Instant::now()
}
