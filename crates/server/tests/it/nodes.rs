//! Several servers on one PostgreSQL database: what one has answered as revoked, none accepts.

mod proxy;

use crate::http::{Answer, read_answer, request};
use crate::instance::{ADMIN, ADMIN_PASSWORD, Instance, PASSWORD};
use crate::process::{Server, Stopwatch};
use proxy::Proxy;
use serde_json::{Value, json};
use std::io::Write;
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(60);
/// A lease and a second: no answer takes longer, whatever befell another node. (A debug build on a busy machine has its own time.)
const ANSWER_MAX: Duration = Duration::from_millis(3_000);

/// Who signed in.
struct SignedIn {
    token: String,
    session: String,
    user: String,
}

/// An instance on PostgreSQL that refuses nobody for asking often, and does nothing by itself.
fn instance() -> Option<Instance> {
    let mut instance = Instance::on_postgres()?;
    instance.set("KEYWARD_RATE_LIMIT_NETWORK_REQUESTS_PER_MINUTE", "0");
    instance.set("KEYWARD_RATE_LIMIT_SESSION_REQUESTS_PER_MINUTE", "0");
    // The issuer is the same wherever a tenant is made.
    instance.set("KEYWARD_PUBLIC_URL", "http://keyward.test");
    Some(instance)
}

/// So many servers, each on a machine of its own.
fn serve(instance: &Instance, count: usize) -> (Vec<Instance>, Vec<Server>) {
    let mut servers = vec![instance.serve()];
    let machines: Vec<_> = (1..count).map(|_| instance.on_another_machine()).collect();
    servers.extend(machines.iter().map(Instance::serve));
    (machines, servers)
}

fn sign_in_as(server: &Server, email: &str, password: &str) -> SignedIn {
    let body = json!({ "email": email, "password": password });
    let answer = server.post("/v1/auth/login", &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    SignedIn {
        token: answer.text_at("/access_token"),
        session: answer.text_at("/session/id"),
        user: answer.text_at("/user/id"),
    }
}

fn sign_in(server: &Server) -> SignedIn {
    sign_in_as(server, ADMIN, ADMIN_PASSWORD)
}

fn register(server: &Server, email: &str) {
    let body = json!({ "email": email, "password": PASSWORD });
    assert_eq!(server.post("/v1/auth/register", &body).status, 201);
}

fn status(server: &Server, token: &str) -> u16 {
    server.get_as(token, "/v1/session").status
}

/// So that each server's memory knows the session.
fn warm(servers: &[Server], who: &SignedIn) {
    for server in servers {
        for _ in 0..2 {
            assert_eq!(status(server, &who.token), 200);
        }
    }
}

fn delete(server: &Server, path: &str, by: &SignedIn) -> Answer {
    server.send("DELETE", path, Some(&by.token), None)
}

fn post_as(server: &Server, path: &str, by: &SignedIn, body: Option<&Value>) -> Answer {
    server.send("POST", path, Some(&by.token), body)
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let stopwatch = Stopwatch::start();
    while !holds() {
        assert!(stopwatch.elapsed() < WAIT, "it never came to this: {what}");
        sleep(Duration::from_millis(20));
    }
}

fn rows(instance: &Instance) -> i64 {
    instance.numbers("SELECT count(*) FROM nodes")[0]
}

/// How often; a few dozen times in every run of the suite, and as often as the environment asks.
fn rounds() -> usize {
    let asked = std::env::var("NODE_ROUNDS").ok();
    asked.map_or(50, |rounds| rounds.parse().unwrap())
}

fn percentile(times: &mut [Duration], part: f64) -> Duration {
    times.sort_unstable();
    let last = times.len() - 1;
    times[(last as f64 * part).round() as usize]
}

/// Asks a server for a session over and over, on connections of its own. Gives how often it was accepted although the question
/// was sent after the answer to the revocation had come.
fn hammer(server: &Server, token: &str, is_answered: &AtomicBool, stop: &AtomicBool) -> u64 {
    let mut accepted_late = 0;
    while !stop.load(Ordering::SeqCst) {
        let was_answered = is_answered.load(Ordering::SeqCst);
        let accepted = status(server, token) == 200;
        accepted_late += u64::from(accepted && was_answered);
    }
    accepted_late
}

#[test]
fn asvs_v7_4_1_what_one_node_has_answered_as_revoked_no_other_accepts() {
    let Some(instance) = instance() else {
        return;
    };
    let (_machines, servers) = serve(&instance, 3);
    let admin = sign_in(&servers[0]);
    register(&servers[0], "ada@example.com");
    let (mut times, accepted_late) = (Vec::new(), AtomicU64::new(0));
    for round in 0..rounds() {
        let (by, who) = (
            &servers[round % 3],
            sign_in_as(&servers[0], "ada@example.com", PASSWORD),
        );
        warm(&servers, &who);
        let (is_answered, stop) = (AtomicBool::new(false), AtomicBool::new(false));
        scope(|threads| {
            for other in &servers {
                threads.spawn(|| {
                    let late = hammer(other, &who.token, &is_answered, &stop);
                    accepted_late.fetch_add(late, Ordering::SeqCst);
                });
            }
            let stopwatch = Stopwatch::start();
            let answer = match round % 4 {
                0 => post_as(by, "/v1/auth/logout", &who, None),
                1 => delete(by, &format!("/v1/sessions/{}", who.session), &who),
                2 => delete(by, &format!("/v1/admin/sessions/{}", who.session), &admin),
                _ => delete(
                    by,
                    &format!("/v1/admin/users/{}/sessions", who.user),
                    &admin,
                ),
            };
            times.push(stopwatch.elapsed());
            is_answered.store(true, Ordering::SeqCst);
            assert!([200, 204].contains(&answer.status), "{answer:?}");
            for server in &servers {
                for _ in 0..3 {
                    assert_eq!(status(server, &who.token), 401, "round {round}");
                }
            }
            stop.store(true, Ordering::SeqCst);
        });
    }
    assert_eq!(accepted_late.into_inner(), 0);
    println!(
        "{} revocations on three nodes, none accepted after its answer; the answer took {:?} (median), {:?} (99 %)",
        times.len(),
        percentile(&mut times, 0.5),
        percentile(&mut times, 0.99),
    );
    for server in servers {
        server.terminate().expect_success();
    }
    assert_eq!(rows(&instance), 0, "whoever stops takes itself out");
}

#[test]
fn asvs_v7_4_1_a_revocation_on_two_nodes_is_answered_soon() {
    let Some(instance) = instance() else {
        return;
    };
    let (_machines, servers) = serve(&instance, 2);
    register(&servers[0], "ada@example.com");
    let mut times = Vec::new();
    for round in 0..rounds() {
        let who = sign_in_as(&servers[0], "ada@example.com", PASSWORD);
        warm(&servers, &who);
        let path = format!("/v1/sessions/{}", who.session);
        let (here, there) = (&servers[round % 2], &servers[(round + 1) % 2]);
        let stopwatch = Stopwatch::start();
        assert_eq!(delete(here, &path, &who).status, 204);
        times.push(stopwatch.elapsed());
        assert_eq!(status(there, &who.token), 401, "round {round}");
    }
    println!(
        "{} revocations on two nodes (a debug build), each refused by the other; DELETE took {:?} (median), {:?} (99 %), {:?} (max)",
        times.len(),
        percentile(&mut times, 0.5),
        percentile(&mut times, 0.99),
        percentile(&mut times, 1.0),
    );
}

#[test]
fn asvs_v7_4_1_every_right_that_ends_on_request_ends_on_every_node() {
    let Some(instance) = instance() else {
        return;
    };
    let (_machines, servers) = serve(&instance, 2);
    let [here, there] = &servers[..] else {
        unreachable!()
    };
    let mut admin = sign_in(here);
    register(here, "ada@example.com");
    let ada = || {
        let who = sign_in_as(here, "ada@example.com", PASSWORD);
        warm(&servers, &who);
        who
    };
    let is_over = |who: &SignedIn, what: &str| {
        assert_eq!(status(there, &who.token), 401, "{what}");
    };

    let (kept, other) = (ada(), ada());
    assert_eq!(delete(here, "/v1/sessions/others", &kept).status, 200);
    is_over(&other, "the others");
    assert_eq!(status(there, &kept.token), 200);
    assert_eq!(delete(here, "/v1/sessions/all", &kept).status, 200);
    is_over(&kept, "all of them");

    let who = ada();
    let path = format!("/v1/admin/users/{}", who.user);
    let disabled = post_as(here, &format!("{path}/disable"), &admin, None);
    assert_eq!(disabled.status, 200, "{disabled:?}");
    is_over(&who, "disabled");
    assert_eq!(
        post_as(here, &format!("{path}/enable"), &admin, None).status,
        200
    );

    // What they may do by their role: they were an administrator there a moment ago.
    let promote = |role: &str| {
        let body = json!({ "role": role });
        let answer = here.send("PATCH", &path, Some(&admin.token), Some(&body));
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    promote("administrator");
    let who = ada();
    assert_eq!(there.get_as(&who.token, "/v1/admin/users").status, 200);
    promote("member");
    assert_ne!(there.get_as(&who.token, "/v1/admin/users").status, 200);

    let who = ada();
    assert_eq!(delete(here, &path, &admin).status, 202);
    is_over(&who, "to be deleted");
    assert_eq!(
        post_as(here, &format!("{path}/restore"), &admin, None).status,
        200
    );

    // A signing key, by a command that the running server takes.
    let who = ada();
    let keys = instance.run(&["signing-key", "list", "--tenant", "demo", "--json"]);
    let keys = keys.expect_json();
    let key = keys["items"][0]["id"].as_str().unwrap();
    let revoke = [
        "signing-key",
        "revoke",
        key,
        "--tenant",
        "demo",
        "--reason",
        "it leaked",
    ];
    instance.run(&revoke).expect_success();
    is_over(&who, "of a revoked key");
    admin = sign_in(here);
    assert_eq!(status(there, &admin.token), 200, "of the key after it");

    // And the tenant as a whole, by a command on a third machine, where no server runs.
    let elsewhere = instance.on_another_machine();
    let who = ada();
    let suspend = ["tenant", "suspend", "demo", "--reason", "unpaid"];
    let knock = |server: &Server| {
        let body = json!({ "email": ADMIN, "password": ADMIN_PASSWORD });
        server.post("/v1/auth/login", &body).status
    };
    for server in &servers {
        assert_eq!(knock(server), 200, "each knows where the name leads");
    }
    elsewhere.run(&suspend).expect_success();
    for server in &servers {
        assert_eq!(status(server, &who.token), 403);
        assert_eq!(knock(server), 403);
    }
    let resume = ["tenant", "resume", "demo", "--reason", "paid"];
    elsewhere.run(&resume).expect_success();
    for server in &servers {
        assert_eq!(status(server, &who.token), 200);
    }
}

#[test]
fn asvs_v7_4_1_a_stopped_node_delays_an_answer_by_a_lease_and_wakes_without_its_memory() {
    let Some(instance) = instance() else {
        return;
    };
    let (_machines, servers) = serve(&instance, 2);
    let [first, second] = &servers[..] else {
        unreachable!()
    };
    for round in 0..3 {
        let (who, kept) = (sign_in(first), sign_in(first));
        warm(&servers, &who);
        warm(&servers, &kept);
        // These are written while it is stopped, and so are the first that it reads.
        let mut waiting: Vec<_> = (0..8)
            .map(|_| TcpStream::connect(second.address).unwrap())
            .collect();
        second.signal("STOP");
        let stopwatch = Stopwatch::start();
        assert_eq!(post_as(first, "/v1/auth/logout", &who, None).status, 204);
        let waited = stopwatch.elapsed();
        assert!(waited < ANSWER_MAX, "{waited:?}");
        let text = request("GET", "/v1/session", Some(&who.token), None);
        for stream in &mut waiting {
            stream.write_all(text.as_bytes()).unwrap();
        }
        if round == 0 {
            until("nobody waits for it any more", || rows(&instance) == 1);
            let next = sign_in(first);
            let stopwatch = Stopwatch::start();
            assert_eq!(post_as(first, "/v1/auth/logout", &next, None).status, 204);
            let waited = stopwatch.elapsed();
            assert!(waited < Duration::from_secs(1), "{waited:?}");
        }
        second.signal("CONT");
        for stream in &mut waiting {
            let answer = read_answer(stream).unwrap();
            assert_eq!(answer.status, 401, "its first answers");
        }
        assert_eq!(status(second, &kept.token), 200);
        until("it is back", || rows(&instance) == 2);
        println!("with the other node stopped the answer took {waited:?}");
    }
}

#[test]
fn asvs_v7_4_1_a_killed_node_is_outwaited_once_and_comes_back_as_another() {
    let Some(instance) = instance() else {
        return;
    };
    let (machines, mut servers) = serve(&instance, 2);
    let ids = || {
        let listed = instance.run(&["node", "list", "--json"]).expect_json();
        let ids = listed["items"].as_array().unwrap().iter();
        ids.map(|node| node["id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let before = ids();
    assert_eq!(before.len(), 2);
    let who = sign_in(&servers[0]);
    warm(&servers, &who);
    servers.remove(1).kill9();
    let stopwatch = Stopwatch::start();
    assert_eq!(
        post_as(&servers[0], "/v1/auth/logout", &who, None).status,
        204
    );
    let waited = stopwatch.elapsed();
    assert!(waited < ANSWER_MAX, "{waited:?}");
    // At once, before anybody has taken the dead one's row out for certain.
    servers.push(machines[0].serve());
    assert_eq!(status(&servers[1], &who.token), 401);
    until("the dead one is taken out", || rows(&instance) == 2);
    let after = ids();
    assert_eq!(after[0], before[0]);
    assert_ne!(after[1], before[1]);
}

#[test]
fn asvs_v7_4_1_a_node_that_is_cut_off_from_the_database_accepts_nothing_that_was_revoked() {
    let Some(instance) = instance() else {
        return;
    };
    let first = instance.serve();
    let mut elsewhere = instance.on_another_machine();
    let urls = instance.postgres().clone();
    let place = urls.app.rsplit_once('@').unwrap().1;
    let place = place.split('/').next().unwrap().to_owned();
    let proxy = Proxy::before(place.clone());
    for (name, url) in [
        ("KEYWARD_DATABASE_URL", &urls.app),
        ("KEYWARD_DATABASE_SYSTEM_URL", &urls.system),
    ] {
        elsewhere.set(name, url.replace(&place, &proxy.address.to_string()));
    }
    let second = elsewhere.serve();
    for is_cut in [true, false] {
        let (who, kept) = (sign_in(&first), sign_in(&first));
        for server in [&first, &second] {
            for who in [&who, &kept] {
                assert_eq!(status(server, &who.token), 200);
            }
        }
        match is_cut {
            true => proxy.cut(),
            false => proxy.hold(),
        }
        let stopwatch = Stopwatch::start();
        assert_eq!(post_as(&first, "/v1/auth/logout", &who, None).status, 204);
        let waited = stopwatch.elapsed();
        assert!(waited < ANSWER_MAX, "{waited:?}");
        // It cannot ask anybody: that is no "no". Nor does anybody wait for ever where nothing comes back.
        scope(|threads| {
            for token in [&who.token, &kept.token] {
                threads.spawn(|| assert_eq!(status(&second, token), 503));
            }
            threads.spawn(|| assert_eq!(second.get("/readyz").status, 503));
        });
        assert_eq!(second.get("/healthz").status, 200);
        proxy.heal();
        until("it serves again", || second.get("/readyz").status == 200);
        assert_eq!(status(&second, &who.token), 401);
        assert_eq!(status(&second, &kept.token), 200);
        until("it is back", || rows(&instance) == 2);
    }
}

#[test]
fn asvs_v7_4_1_nodes_whose_connections_break_recall_nothing_of_before() {
    let Some(instance) = instance() else {
        return;
    };
    let (_machines, servers) = serve(&instance, 2);
    for _ in 0..5 {
        let who = sign_in(&servers[0]);
        warm(&servers, &who);
        // As a database does that was restarted.
        instance.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE application_name LIKE 'keyward node%' AND datname = current_database()",
        );
        let stopwatch = Stopwatch::start();
        assert_eq!(
            post_as(&servers[0], "/v1/auth/logout", &who, None).status,
            204
        );
        assert!(stopwatch.elapsed() < ANSWER_MAX);
        assert_eq!(status(&servers[1], &who.token), 401);
    }
}

#[test]
fn asvs_v7_4_1_a_node_that_joins_in_mid_load_accepts_nothing_that_was_revoked() {
    let Some(instance) = instance() else {
        return;
    };
    let first = instance.serve();
    register(&first, "ada@example.com");
    let elsewhere = instance.on_another_machine();
    let (revoked, stop) = (Mutex::new(Vec::new()), AtomicBool::new(false));
    scope(|threads| {
        threads.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                let who = sign_in_as(&first, "ada@example.com", PASSWORD);
                assert_eq!(post_as(&first, "/v1/auth/logout", &who, None).status, 204);
                revoked.lock().unwrap().push(who.token);
            }
        });
        for _ in 0..3 {
            let second = elsewhere.serve();
            for _ in 0..40 {
                let last = revoked.lock().unwrap().last().cloned();
                if let Some(token) = last {
                    assert_eq!(status(&second, &token), 401);
                }
            }
            second.terminate().expect_success();
        }
        stop.store(true, Ordering::SeqCst);
    });
}

#[test]
fn asvs_v10_4_5_a_refresh_token_is_one_on_every_node() {
    let Some(instance) = instance() else {
        return;
    };
    let (_machines, servers) = serve(&instance, 2);
    let [here, there] = &servers[..] else {
        unreachable!()
    };
    let body = json!({ "email": ADMIN, "password": ADMIN_PASSWORD });
    let signed_in = here.post("/v1/auth/login", &body);
    let refresh = |server: &Server, token: &str| {
        server.post("/v1/auth/refresh", &json!({ "refresh_token": token }))
    };
    let first = signed_in.text_at("/refresh_token");
    let exchanged = refresh(here, &first);
    assert_eq!(exchanged.status, 200, "{exchanged:?}");
    // At once again, at the other node: the identical answer.
    let repeated = refresh(there, &first);
    assert_eq!(repeated.json(), exchanged.json());
    let second = exchanged.text_at("/refresh_token");
    let exchanged = refresh(there, &second);
    let access = exchanged.text_at("/access_token");
    for server in &servers {
        assert_eq!(status(server, &access), 200);
    }
    // The one before the last: somebody has it who should not. The session is over on both when that is answered.
    assert_eq!(refresh(there, &first).status, 401);
    assert_eq!(status(here, &access), 401);
    assert_eq!(
        refresh(here, &exchanged.text_at("/refresh_token")).status,
        401
    );
}

#[test]
fn any_node_changes_things_and_commands_work_beside_them() {
    let Some(instance) = instance() else {
        return;
    };
    let (machines, servers) = serve(&instance, 2);
    let elsewhere = instance.on_another_machine();
    // On machines where a server runs it takes the command; on the others the command works by itself.
    for (machine, slug) in [
        (&instance, "first"),
        (&machines[0], "second"),
        (&elsewhere, "third"),
    ] {
        machine.run(&["tenant", "create", slug]).expect_success();
    }
    let listed = elsewhere.run(&["tenant", "list", "--json"]).expect_json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 4);
    elsewhere.run(&["migrate"]).expect_success();
    for (position, server) in servers.iter().enumerate() {
        register(server, &format!("user-{position}@example.com"));
        for other in &servers {
            let who = sign_in_as(other, &format!("user-{position}@example.com"), PASSWORD);
            warm(&servers, &who);
        }
        assert_eq!(server.get("/readyz").status, 200);
    }
    let listed = machines[0].run(&["node", "list", "--json"]).expect_json();
    let details = |position: usize| &listed["items"][position]["details"];
    assert_eq!(listed["items"].as_array().unwrap().len(), 2);
    assert!(details(0).is_null() && details(1).is_object(), "{listed}");
    assert!(
        listed["items"][0]["seen_milliseconds_ago"]
            .as_u64()
            .unwrap()
            < 2_000,
        "{listed}"
    );
}
