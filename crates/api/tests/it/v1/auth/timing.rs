//! `POST /v1/auth/login`: how long the refusals take, by statistics.
//!
//! The kinds of refusal take turns in random order, and the Mann-Whitney U test asks whether one of them tends to take
//! longer than another. That it would find a difference is shown on the same samples.

use crate::support::{change_settings, disable, try_password};
use keyward_model::Random;
use keyward_service::ThrottlingSettings;
use keyward_testkit::{PASSWORD, TestApp, TestClient, TestDatabase, on_both_engines};
use serde_json::json;
use std::time::{Duration, Instant};

on_both_engines!(asvs_v6_3_8_unknown_wrong_and_disabled_cannot_be_told_apart);

/// Beyond this many standard deviations two kinds differ: by chance that happens once in a thousand times.
const THRESHOLD: f64 = 3.29;
/// A round can be spoilt by whatever else the machine does; a difference that is there shows in each.
const ROUNDS: usize = 3;
const WRONG: &str = "a wrong battery staple";

/// A refusal, as whoever looks for accounts gets it.
struct Probe<'a> {
    email: &'a str,
    password: &'a str,
    status: u16,
}

async fn start(database: TestDatabase) -> TestApp {
    let most = 1_000_000;
    let app = TestApp::start_with(database, |options| {
        options.hashing.wait_max = Duration::from_secs(1_000);
        options.throttling = ThrottlingSettings {
            network_attempts_max: most,
            tenant_attempts_max: most,
            ..ThrottlingSettings::default()
        };
    })
    .await;
    let settings = json!({
        "account_attempts_max": most,
        "account_network_attempts_max": most,
        "account_failures_max": most,
    });
    change_settings(&app, &app.tenant, &settings).await;
    app.register(&app.tenant, "ada@example.org").await;
    app
}

async fn asvs_v6_3_8_unknown_wrong_and_disabled_cannot_be_told_apart(database: TestDatabase) {
    compare(database, samples()).await;
}

/// A few in every run of the suite; the environment asks for more, as `TEST_TIMED_REFUSALS=500`.
fn samples() -> usize {
    let asked = std::env::var("TEST_TIMED_REFUSALS").ok();
    asked.map_or(60, |number| number.parse().unwrap())
}

async fn compare(database: TestDatabase, samples: usize) {
    let app = start(database).await;
    let disabled = format!("disabled-{}@example.org", app.tenant.slug);
    app.register(&app.tenant, &disabled).await;
    disable(&app, &disabled).await;
    // Too long for a password: nobody looks for an account, and nothing is hashed.
    let too_long = "x".repeat(1_025);
    let probes = [
        ("nobody@example.org", WRONG, 401),
        ("ada@example.org", WRONG, 401),
        (disabled.as_str(), PASSWORD, 401),
        ("nobody@example.org", too_long.as_str(), 422),
    ]
    .map(|(email, password, status)| Probe {
        email,
        password,
        status,
    });
    let mut seen = Vec::new();
    for _ in 0..ROUNDS {
        let [unknown, wrong, disabled, at_once] = time_all(&app, &probes, samples).await;
        let found = [&wrong, &disabled].map(|other| mann_whitney(&unknown, other));
        println!(
            "n = {samples}; medians: unknown {:?}, wrong {:?}, disabled {:?}; z of unknown and wrong {:.2}, of unknown and \
             disabled {:.2}",
            median(&unknown),
            median(&wrong),
            median(&disabled),
            found[0],
            found[1]
        );
        expect_to_see(&unknown, &wrong, &at_once);
        if found.iter().all(|deviations| deviations.abs() < THRESHOLD) {
            return;
        }
        seen.push(found);
    }
    panic!("unknown, wrong and disabled differ: {seen:?}");
}

/// The same statistic finds what would be there, if an address without an account were refused before its password is
/// hashed; and if it took half as long again.
fn expect_to_see(unknown: &[Duration], wrong: &[Duration], at_once: &[Duration]) {
    let hashless = mann_whitney(at_once, wrong);
    let longer = median(unknown) / 2;
    let slower: Vec<_> = unknown.iter().map(|time| *time + longer).collect();
    let slower = mann_whitney(&slower, wrong);
    println!("z without a hash {hashless:.2}, with {longer:?} more {slower:.2}");
    assert!(hashless < -THRESHOLD, "{hashless}");
    // A few samples beside other tests show only what is large.
    assert!(slower > THRESHOLD || unknown.len() < 500, "{slower}");
}

/// Times each kind of refusal, in random order, so that what slows the machine down slows all of them.
async fn time_all<const N: usize>(
    app: &TestApp,
    probes: &[Probe<'_>; N],
    samples: usize,
) -> [Vec<Duration>; N] {
    let client = app.client(&app.tenant);
    let mut times = [const { Vec::new() }; N];
    for round in 0..samples + 10 {
        let mut order: [usize; N] = std::array::from_fn(|kind| kind);
        let mut drawn = [0_u8; N];
        app.database.random.fill(&mut drawn);
        for last in (1..N).rev() {
            order.swap(last, usize::from(drawn[last]) % (last + 1));
        }
        for kind in order {
            let time = time(&client, &probes[kind]).await;
            // The first ones find connections and pages cold.
            if round >= 10 {
                times[kind].push(time);
            }
        }
    }
    times
}

#[expect(
    clippy::disallowed_methods,
    reason = "what an observer outside would measure is real time"
)]
async fn time(client: &TestClient, probe: &Probe<'_>) -> Duration {
    let begun = Instant::now();
    let answer = try_password(client, probe.email, probe.password).await;
    let time = begun.elapsed();
    answer.expect(probe.status);
    time
}

fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() / 2]
}

/// By how many standard deviations the first kind's rank sum lies above what chance gives (Mann and Whitney 1947, with the
/// normal approximation, which holds from twenty samples on; equal times share their ranks).
fn mann_whitney(one: &[Duration], other: &[Duration]) -> f64 {
    let (n, m) = (one.len() as f64, other.len() as f64);
    let greater = |time: &Duration| {
        let below = other.iter().filter(|other| *other < time).count() as f64;
        let equal = other.iter().filter(|other| *other == time).count() as f64;
        below + equal / 2.0
    };
    let statistic: f64 = one.iter().map(greater).sum();
    (statistic - n * m / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}

#[test]
fn the_statistic_is_that_of_the_textbook() {
    let times =
        |numbers: &[u64]| -> Vec<_> { numbers.iter().copied().map(Duration::from_secs).collect() };
    // U = 0 of 25, whose standard deviation is sqrt(25 * 11 / 12).
    let apart = mann_whitney(&times(&[1, 2, 3, 4, 5]), &times(&[6, 7, 8, 9, 10]));
    assert!((apart + 12.5 / (25.0_f64 * 11.0 / 12.0).sqrt()).abs() < 1e-9);
    let same = mann_whitney(&times(&[1, 2, 3]), &times(&[1, 2, 3]));
    assert!(same.abs() < 1e-9);
}
