//! For how long counts are kept, and that what keeps nobody out goes.

use super::closing::{ADA, close, start_strict};
use super::{WINDOW, expect_throttled, fail_from, try_from};
use crate::support::count;
use keyward_service::jobs::{Worker, WorkerSettings};
use keyward_testkit::{PASSWORD, TestApp, TestDatabase, alone_on_both_engines};
use std::time::Duration;

// A schedule goes over all tenants, at a time of its own.
alone_on_both_engines!(
    asvs_v6_3_8_what_is_closed_stays_so_whether_it_exists_or_not,
    failures_in_a_row_are_remembered_for_a_day_each,
    what_keeps_nobody_out_is_deleted,
);

const DAY: Duration = Duration::from_secs(86_400);

async fn pass(app: &TestApp, time: Duration) {
    app.database.clock.advance(time);
    let worker = Worker::new(&app.platform, WorkerSettings::default());
    worker.run_due().await.unwrap();
}

async fn asvs_v6_3_8_what_is_closed_stays_so_whether_it_exists_or_not(database: TestDatabase) {
    let (app, client) = start_strict(database).await;
    for email in [ADA, "nobody@example.org"] {
        close(&app, &client, email).await;
    }
    pass(&app, DAY * 400).await;
    for email in [ADA, "nobody@example.org"] {
        let refused = try_from(&client, "198.51.100.1", email, PASSWORD).await;
        expect_throttled(refused, "account");
    }
}

async fn failures_in_a_row_are_remembered_for_a_day_each(database: TestDatabase) {
    let (app, client) = start_strict(database).await;
    for (email, silence, left) in [(ADA, 7, 2), ("nobody@example.org", 9, 5)] {
        fail_from(&client, "192.0.2.1", email, 5).await;
        app.database.clock.advance(WINDOW);
        fail_from(&client, "192.0.2.1", email, 3).await;
        pass(&app, DAY * silence).await;
        fail_from(&client, "192.0.2.1", email, left).await;
        app.database.clock.advance(WINDOW);
        let next = try_from(&client, "192.0.2.1", email, "a wrong battery staple").await;
        assert_eq!(next.status, if left == 2 { 429 } else { 401 }, "{email}");
    }
}

async fn what_keeps_nobody_out_is_deleted(database: TestDatabase) {
    let (app, client) = start_strict(database).await;
    for nth in 0..3 {
        fail_from(&client, "192.0.2.1", &format!("user-{nth}@example.org"), 1).await;
    }
    app.sign_in(&app.tenant, ADA).await;
    let devices = count(&app, "known_devices", "user_id IS NOT NULL").await;
    assert_eq!(devices, 2);
    pass(&app, DAY * 2).await;
    assert_eq!(count(&app, "attempt_counts", "failures >= 0").await, 0);
    pass(&app, DAY * 90).await;
    assert_eq!(count(&app, "known_devices", "user_id IS NOT NULL").await, 0);
}
