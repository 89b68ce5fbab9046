//! Several nodes on one PostgreSQL database: what each hears of the others, and for how long its memory answers.

use crate::support::some_event;
use keyward_model::{
    EndReason, Ended, EventRecord, NodeId, Removal, Route, Session, SessionId, TenantId,
    TenantStatus, UserId,
};
use keyward_store::{Error, Store, TenantTx};
use keyward_testkit::{MockClock, sqlite_store};
use std::sync::{Arc, Mutex};
use std::time::Duration;

mod scene;
mod wall;
use scene::{Scene, join, join_with, until};
use wall::Stopwatch;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_answers_for_as_long_as_the_feed_is_read() {
    let Some(scene) = Scene::set(1).await else {
        return;
    };
    let node = &scene.nodes[0];
    assert!(!scene.recalls(node));
    scene.warm(node).await;
    // Longer than a lease: it is extended.
    tokio::time::sleep(Duration::from_millis(3_000)).await;
    assert!(scene.recalls(node));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asvs_v7_4_1_once_a_revocation_is_answered_no_node_recalls_the_session() {
    let Some(scene) = Scene::set(3).await else {
        return;
    };
    for round in 0..60 {
        let session = scene.new_session().await;
        for node in &scene.nodes {
            assert!(scene.read_session(node, &session).await);
            assert!(scene.recalls_session(node, &session));
        }
        // By each node in turn, and by a command beside them.
        let by = match round % 4 {
            3 => &scene.database.store,
            node => &scene.nodes[node],
        };
        scene.revoke(by, &session).await;
        for node in &scene.nodes {
            assert!(!scene.recalls_session(node, &session), "round {round}");
            assert!(!scene.read_session(node, &session).await);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_a_suspension_is_answered_no_node_leads_a_name_to_the_tenant_as_it_was() {
    let Some(scene) = Scene::set(3).await else {
        return;
    };
    let slug = scene.tenant().await.slug;
    let status = async |node: &Store| {
        let name = vec![Route::Slug(slug.clone())];
        node.resolve(name).await.unwrap()[0].unwrap().status()
    };
    for round in 0..30 {
        for node in &scene.nodes {
            for _ in 0..2 {
                assert_eq!(status(node).await, TenantStatus::Active, "round {round}");
            }
        }
        let by = match round % 4 {
            3 => &scene.database.store,
            node => &scene.nodes[node],
        };
        for changed in [TenantStatus::Suspended, TenantStatus::Active] {
            scene.change_status(by, changed).await;
            for node in &scene.nodes {
                assert_eq!(status(node).await, changed, "round {round}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asvs_v7_4_1_nodes_that_hear_no_notification_hear_by_reading() {
    let Some(scene) = Scene::set(2).await else {
        return;
    };
    scene.nodes[1].deafen_node();
    for _ in 0..3 {
        let session = scene.new_session().await;
        assert!(scene.read_session(&scene.nodes[1], &session).await);
        scene.revoke(&scene.nodes[0], &session).await;
        assert!(!scene.recalls_session(&scene.nodes[1], &session));
    }
    let reading = scene.nodes[0].reading().node.unwrap();
    assert_eq!((reading.waits.count(), reading.outwaited), (3, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asvs_v7_4_1_who_does_not_move_is_outwaited_and_wakes_without_its_memory() {
    let Some(scene) = Scene::set(2).await else {
        return;
    };
    let [first, stopped] = &scene.nodes[..] else {
        unreachable!()
    };
    scene.warm(stopped).await;
    // Whatever else runs in its process, its lease runs out by the clock alone.
    stopped.stall_node(Duration::from_secs(6));
    tokio::time::sleep(Duration::from_millis(600)).await;
    let stopwatch = Stopwatch::start();
    scene.revoke(first, &scene.session).await;
    let waited = stopwatch.elapsed();
    assert!(!scene.recalls(stopped));
    assert!(waited < Duration::from_secs(3), "{waited:?}");
    assert!(!scene.read(stopped).await, "the store is asked, and knows");
    until("the others do not wait for it any more", async || {
        scene.rows().await == 1
    })
    .await;
    let other = scene.new_session().await;
    let stopwatch = Stopwatch::start();
    scene.revoke(first, &other).await;
    let waited = stopwatch.elapsed();
    assert!(waited < Duration::from_secs(1), "{waited:?}");
    until("it has joined again", async || stopped.has_lease()).await;
    assert_eq!(scene.rows().await, 2);
    assert!(!scene.recalls(stopped), "with an empty memory");
    assert_eq!(stopped.reading().node.unwrap().joins, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asvs_v7_4_1_a_node_that_stands_still_within_its_turn_has_no_lease() {
    let Some(scene) = Scene::set(2).await else {
        return;
    };
    let [first, stopped] = &scene.nodes[..] else {
        unreachable!()
    };
    scene.warm(stopped).await;
    // It has read the feed as it was before the revocation, and says so long after it.
    stopped.stall_node_within_a_turn(Duration::from_secs(4));
    tokio::time::sleep(Duration::from_millis(700)).await;
    scene.revoke(first, &scene.session).await;
    for _ in 0..200 {
        assert!(!scene.recalls(stopped));
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    until("it has joined again", async || stopped.has_lease()).await;
    assert!(!scene.recalls(stopped));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asvs_v7_4_1_a_broken_connection_empties_memory() {
    let Some(scene) = Scene::set(2).await else {
        return;
    };
    for node in &scene.nodes {
        scene.warm(node).await;
    }
    scene.revoke_unheard().await;
    assert!(scene.recalls(&scene.nodes[1]), "memory was at work");
    scene.cut().await;
    for node in &scene.nodes {
        until("memory is empty", async || !scene.recalls(node)).await;
        assert!(!scene.read(node).await, "the store is asked, and knows");
        until("it has joined again", async || node.has_lease()).await;
        assert!(!scene.recalls(node));
        let session = scene.new_session().await;
        assert!(scene.read_session(node, &session).await);
        assert!(
            scene.recalls_session(node, &session),
            "memory is used again"
        );
    }
    assert_eq!(scene.rows().await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_row_was_taken_out_joins_anew() {
    let Some(scene) = Scene::set(1).await else {
        return;
    };
    let node = &scene.nodes[0];
    scene.warm(node).await;
    scene.database.sql_without_notice("DELETE FROM nodes").await;
    until("memory is empty", async || !scene.recalls(node)).await;
    until("it is back", async || {
        scene.rows().await == 1 && node.has_lease()
    })
    .await;
    assert_eq!(node.reading().node.unwrap().joins, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_is_not_waited_for() {
    let Some(mut scene) = Scene::set(3).await else {
        return;
    };
    assert_eq!(scene.rows().await, 3);
    drop(scene.nodes.pop());
    assert_eq!(scene.rows().await, 2);
    let stopwatch = Stopwatch::start();
    scene.revoke(&scene.nodes[0], &scene.session).await;
    assert!(stopwatch.elapsed() < Duration::from_secs(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_that_nobody_keeps_is_taken_out() {
    let Some(scene) = Scene::set(1).await else {
        return;
    };
    let dead: NodeId = scene.database.mint();
    let dead = scene.database.id_literal(dead);
    // Of a process that was killed.
    scene
        .database
        .sql_without_notice(&format!(
            "INSERT INTO nodes (id, name, version, started_at, seen_at, beat, snapshot)
             VALUES ({dead}, 'dead', '0', 0, 0, 7, '1:1:')"
        ))
        .await;
    let stopwatch = Stopwatch::start();
    scene.revoke(&scene.nodes[0], &scene.session).await;
    let waited = stopwatch.elapsed();
    assert!(waited > Duration::from_secs(1), "{waited:?}");
    assert!(waited < Duration::from_secs(3), "{waited:?}");
    until("it is gone", async || scene.rows().await == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_awaited_is_heard_all_the_same() {
    let Some(scene) = Scene::set(2).await else {
        return;
    };
    let node = &scene.nodes[1];
    let (session, user, tenant): (SessionId, UserId, TenantId) =
        (scene.session.id, scene.user.id, scene.scope.tenant_id());
    let removals = [
        Removal::Session(session),
        Removal::User(user),
        Removal::Tenant(tenant),
    ];
    for removal in removals {
        scene.warm(node).await;
        scene.tell(&scene.nodes[0], removal).await;
        until("it is forgotten", async || !scene.recalls(node)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_for_long_holds_back_no_removal_and_none_is_heard_twice() {
    let Some(scene) = Scene::set(2).await else {
        return;
    };
    let node = &scene.nodes[1];
    // A transaction that began before, has a number, and goes on: what commits beyond it is visible all the same.
    let (inside, is_inside) = tokio::sync::oneshot::channel();
    let (go_on, wait) = tokio::sync::oneshot::channel::<()>();
    let own = scene.new_session().await;
    let mut event = some_event(&scene.database, &scene.scope);
    event.removal = Some(Removal::Session(own.id));
    let (store, scope) = (scene.database.store.clone(), scene.scope);
    let change = tokio::spawn(async move {
        let change = async move |tx: &mut TenantTx<'_>| {
            tx.record(&event).await?;
            // It is sent with the statement behind it.
            tx.find_tenant().await?;
            inside.send(()).unwrap();
            wait.await.unwrap();
            Ok(())
        };
        store.write::<_, Error, _>(&scope, change).await
    });
    is_inside.await.unwrap();
    let heard_before = node.reading().node.unwrap().removals_heard;
    for _ in 0..5 {
        let session = scene.new_session().await;
        assert!(scene.read_session(node, &session).await);
        let stopwatch = Stopwatch::start();
        scene.revoke(&scene.nodes[0], &session).await;
        assert!(!scene.recalls_session(node, &session));
        assert!(stopwatch.elapsed() < Duration::from_secs(1));
    }
    assert!(scene.read_session(node, &own).await);
    go_on.send(()).unwrap();
    change.await.unwrap().unwrap();
    until("the old one is heard", async || {
        !scene.recalls_session(node, &own)
    })
    .await;
    // Five revocations and the old transaction; sessions of the fixture are told by nobody's removal.
    let heard = node.reading().node.unwrap().removals_heard - heard_before;
    let told = scene
        .database
        .admin_count("SELECT count(*) FROM feed WHERE removal_kind IS NOT NULL")
        .await;
    assert!(heard >= 6 && heard as i64 <= told, "{heard} of {told}");
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(
        node.reading().node.unwrap().removals_heard - heard_before,
        heard,
        "each is heard once"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asvs_v7_4_1_a_node_that_joins_while_sessions_are_revoked_recalls_none_of_them() {
    let Some(scene) = Scene::set(1).await else {
        return;
    };
    let scene = Arc::new(scene);
    let revoked: Arc<Mutex<Vec<Session>>> = Arc::default();
    let revoking = tokio::spawn({
        let (scene, revoked) = (scene.clone(), revoked.clone());
        async move {
            for _ in 0..150 {
                let session = scene.new_session().await;
                scene.revoke(&scene.nodes[0], &session).await;
                revoked.lock().unwrap().push(session);
            }
        }
    });
    let mut joins = 0;
    while !revoking.is_finished() {
        let node = join(&scene.database).await;
        joins += 1;
        for _ in 0..20 {
            let last = revoked.lock().unwrap().last().cloned();
            if let Some(session) = last {
                assert!(!scene.read_session(&node, &session).await);
                assert!(!scene.recalls_session(&node, &session));
            }
        }
    }
    revoking.await.unwrap();
    assert!(joins > 1, "{joins}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asvs_v7_4_1_a_wall_clock_that_jumps_changes_no_lease() {
    let Some(scene) = Scene::set(1).await else {
        return;
    };
    let clock = MockClock::new();
    let jumping = join_with(&scene.database, scene.database.mint(), clock.clone())
        .await
        .unwrap();
    for year in [2031, 1999, 2026] {
        clock.set(format!("{year}-01-01T00:00:00Z").parse().unwrap());
        let session = scene.new_session().await;
        // Until it has heard that the session was opened.
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert!(scene.read_session(&jumping, &session).await);
        tokio::time::sleep(Duration::from_millis(2_100)).await;
        assert!(jumping.has_lease() && scene.recalls_session(&jumping, &session));
        let stopwatch = Stopwatch::start();
        scene.revoke(&scene.nodes[0], &session).await;
        assert!(stopwatch.elapsed() < Duration::from_secs(1));
        assert!(!scene.recalls_session(&jumping, &session));
        // The node that jumps is heard by the other too.
        let session = scene.new_session().await;
        assert!(scene.read_session(&scene.nodes[0], &session).await);
        scene.revoke(&jumping, &session).await;
        assert!(!scene.recalls_session(&scene.nodes[0], &session));
    }
    assert_eq!(jumping.reading().node.unwrap().joins, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asvs_v7_4_1_whoever_finds_a_session_ended_by_a_node_that_died_before_its_answer_waits_too()
{
    let Some(scene) = Scene::set(2).await else {
        return;
    };
    let (node, id) = (&scene.nodes[1], scene.session.id);
    node.deafen_node();
    // It has heard of everything until now, and hears of nothing for almost as long as it can.
    tokio::time::sleep(Duration::from_millis(700)).await;
    scene.warm(node).await;
    node.stall_node(Duration::from_millis(1_200));
    tokio::time::sleep(Duration::from_millis(600)).await;
    let (reason, at) = (EndReason::SignedOut, scene.database.now());
    let end = Ended { at, reason };
    let event = EventRecord {
        removal: Some(Removal::Session(id)),
        is_awaited: false,
        ..some_event(&scene.database, &scene.scope)
    };
    let unanswered = async move |tx: &mut TenantTx<'_>| {
        assert!(tx.end_session(id, end).await?.is_some());
        tx.record(&event).await
    };
    let ended: Result<(), Error> = scene.nodes[0].write(&scene.scope, unanswered).await;
    ended.unwrap();
    assert!(scene.recalls(node), "it does not know yet");
    let again = async move |tx: &mut TenantTx<'_>| {
        assert!(tx.end_session(id, end).await?.is_none());
        Err(Error::SessionOver)
    };
    let found: Result<(), Error> = scene.nodes[0].write(&scene.scope, again).await;
    assert!(matches!(found, Err(Error::SessionOver)), "{found:?}");
    assert!(!scene.recalls(node));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_is_tried() {
    let Some(scene) = Scene::set(0).await else {
        return;
    };
    let took = scene.database.store.try_notifying().await.unwrap();
    assert!(took.is_some());
    assert_eq!(sqlite_store().store.try_notifying().await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_else_forgets_hears_what_memory_hears() {
    let Some(scene) = Scene::set(2).await else {
        return;
    };
    let heard: Arc<Mutex<Vec<Option<Removal>>>> = Arc::default();
    let hears = heard.clone();
    scene.nodes[1].follow_removals(move |removal| hears.lock().unwrap().push(removal));
    let removal = Removal::Tenant(scene.scope.tenant_id());
    scene.tell(&scene.nodes[0], removal).await;
    until("it is heard", async || {
        heard.lock().unwrap().contains(&Some(removal))
    })
    .await;
    assert!(!heard.lock().unwrap().contains(&None));
    scene.cut().await;
    until("a loss is heard", async || {
        heard.lock().unwrap().contains(&None)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_wait_at_once_and_none_for_long() {
    let Some(scene) = Scene::set(2).await else {
        return;
    };
    let scene = Arc::new(scene);
    let mut sessions = Vec::new();
    for _ in 0..64 {
        let session = scene.new_session().await;
        assert!(scene.read_session(&scene.nodes[1], &session).await);
        sessions.push(session);
    }
    let tasks: Vec<_> = sessions
        .into_iter()
        .map(|session| {
            let scene = scene.clone();
            tokio::spawn(async move {
                scene.revoke(&scene.nodes[0], &session).await;
                assert!(!scene.recalls_session(&scene.nodes[1], &session));
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let reading = scene.nodes[0].reading().node.unwrap();
    assert_eq!((reading.waits.count(), reading.outwaited), (64, 0));
}
