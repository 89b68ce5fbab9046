//! However many come at once, to however many nodes: as many are looked at as fit.

use super::{WRONG, expect_throttled, start, try_from};
use crate::support::{audit_events, try_password};
use futures_util::future::join_all;
use keyward_testkit::{
    PASSWORD, TestApp, TestDatabase, TestTenant, on_both_engines, postgres_store,
};

on_both_engines!(
    asvs_v15_4_2_of_a_hundred_at_once_five_reach_the_hash,
    asvs_v6_3_1_a_restart_forgets_nothing,
);

/// How many passwords these apps have hashed.
fn hashed(apps: &[&TestApp]) -> u64 {
    let readings = apps.iter().map(|app| app.platform.reading().hashing);
    readings.map(|hashing| hashing.work_seconds.count()).sum()
}

/// Tries a hundred wrong passwords at once, in turns over the apps, and gives how many were looked at.
async fn storm(apps: &[&TestApp], tenant: &TestTenant, email: &str) -> u64 {
    let before = hashed(apps);
    let attempts = (0..100).map(async |nth: usize| {
        let client = apps[nth % apps.len()].client(tenant);
        try_from(&client, &format!("198.51.100.{nth}"), email, WRONG).await
    });
    let answers = join_all(attempts).await;
    let (wrong, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 401);
    assert_eq!((wrong.len(), refused.len()), (5, 95));
    for answer in refused {
        expect_throttled(answer, "account");
    }
    hashed(apps) - before
}

async fn asvs_v15_4_2_of_a_hundred_at_once_five_reach_the_hash(database: TestDatabase) {
    let app = start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    for email in ["ada@example.org", "nobody@example.org"] {
        assert_eq!(storm(&[&app], &app.tenant, email).await, 5, "{email}");
    }
    let chief = app.administrator(&app.tenant).await;
    let events = audit_events(&chief, "type=user.sign_in_refused").await;
    assert_eq!(events.len(), 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asvs_v15_4_2_of_a_hundred_at_once_on_two_nodes_five_reach_the_hash() {
    let Some(database) = postgres_store().await else {
        return;
    };
    let other = start(database.beside().await).await;
    let app = start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    for round in 0..3 {
        for email in [
            "ada@example.org".to_owned(),
            format!("nobody-{round}@example.org"),
        ] {
            assert_eq!(
                storm(&[&app, &other], &app.tenant, &email).await,
                5,
                "{email}"
            );
        }
        app.database.clock.advance(super::WINDOW);
    }
    // What the one gives back the other has room for.
    for nth in 0..9 {
        let node = [&app, &other][nth % 2];
        try_password(&node.client(&app.tenant), "ada@example.org", PASSWORD)
            .await
            .expect(200);
    }
}

async fn asvs_v6_3_1_a_restart_forgets_nothing(database: TestDatabase) {
    let app = start(database).await;
    app.register(&app.tenant, "ada@example.org").await;
    super::fail_from(&app.client(&app.tenant), "192.0.2.1", "ada@example.org", 5).await;
    let TestApp {
        database, tenant, ..
    } = app;
    let app = start(database.restarted().await).await;
    let refused = try_password(&app.client(&tenant), "ada@example.org", PASSWORD).await;
    expect_throttled(refused, "account");
}
