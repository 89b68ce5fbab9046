//! `/metrics`: what Prometheus reads, from whom it is kept, and what never gets into it.

use crate::http::{Answer, exchange};
use crate::instance::{ADMIN, ADMIN_PASSWORD, Instance, PASSWORD};
use crate::process::Server;
use crate::skip::has_programs;
use serde_json::json;
use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};

/// The samples of an exposition, by their name with labels, as text says them.
struct Samples(HashMap<String, f64>);

impl Samples {
    /// Reads a whole exposition, and fails on whatever the format does not allow.
    fn parse(text: &str) -> Self {
        let (mut samples, mut families) = (HashMap::new(), HashSet::new());
        let mut family: Option<(String, String)> = None;
        assert!(text.ends_with('\n'));
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect(line);
                assert!(families.insert(name.to_owned()), "{name} begins twice");
                assert!(!help.is_empty());
                family = Some((name.to_owned(), String::new()));
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect(line);
                assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
                let family = family.as_mut().expect(line);
                assert_eq!(family.0, name);
                assert!(family.1.is_empty(), "{line}");
                family.1 = kind.to_owned();
                check_name(name, kind);
            } else {
                let (sample, value) = line.rsplit_once(' ').expect(line);
                let (name, kind) = family.as_ref().expect(line);
                let bare = sample.split('{').next().unwrap();
                let suffixes: &[&str] = match kind.as_str() {
                    "histogram" => &["_bucket", "_sum", "_count"],
                    _ => &[""],
                };
                let fits = |suffix: &&str| bare == format!("{name}{suffix}");
                assert!(suffixes.iter().any(fits), "{line} in {name}");
                let value: f64 = value.parse().expect(line);
                assert!(value.is_finite() && value >= 0.0, "{line}");
                assert!(
                    samples.insert(sample.to_owned(), value).is_none(),
                    "twice: {line}"
                );
            }
        }
        Self(samples)
    }

    fn get(&self, sample: &str) -> f64 {
        *self
            .0
            .get(sample)
            .unwrap_or_else(|| panic!("no {sample} in {:#?}", self.0))
    }
}

/// Prometheus' conventions: a prefix, base units, `_total` on what only grows and on nothing else.
fn check_name(name: &str, kind: &str) {
    let known = name.starts_with("keyward_") || name.starts_with("process_");
    let word = |c: char| c.is_ascii_lowercase() || c == '_';
    assert!(known && name.chars().all(word), "{name}");
    assert_eq!(name.ends_with("_total"), kind == "counter", "{name}");
    for scaled in ["milli", "micro", "nano", "kilo", "mega", "percent"] {
        assert!(!name.contains(scaled), "{name}");
    }
}

pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// An instance that shows its metrics, and where.
fn showing(mut instance: Instance) -> (Instance, Server, SocketAddr) {
    let address = free_address();
    instance.set("KEYWARD_METRICS_LISTEN", address.to_string());
    let server = instance.serve();
    (instance, server, address)
}

fn scrape(address: SocketAddr) -> Answer {
    let request = crate::http::request("GET", "/metrics", None, None);
    exchange(address, request.as_bytes()).unwrap()
}

fn use_it(server: &Server) -> String {
    let wrong = json!({ "email": ADMIN, "password": PASSWORD });
    assert_eq!(server.post("/v1/auth/login", &wrong).status, 401);
    let unknown = json!({ "email": "nobody@example.org", "password": PASSWORD });
    assert_eq!(server.post("/v1/auth/login", &unknown).status, 401);
    let right = json!({ "email": ADMIN, "password": ADMIN_PASSWORD });
    let token = server
        .post("/v1/auth/login", &right)
        .text_at("/access_token");
    for _ in 0..5 {
        assert_eq!(server.get_as(&token, "/v1/session").status, 200);
    }
    assert_eq!(server.get("/v1/nothing/here").status, 404);
    token
}

fn check_counts(samples: &Samples) {
    let requests = |method, route, status| {
        samples.get(&format!(
            "keyward_http_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}"
        ))
    };
    assert_eq!(requests("POST", "/v1/auth/login", "401"), 2.0);
    assert_eq!(requests("POST", "/v1/auth/login", "200"), 1.0);
    assert_eq!(requests("GET", "/v1/session", "200"), 5.0);
    assert_eq!(requests("any", "none", "404"), 1.0);
    let seconds = "keyward_http_request_duration_seconds";
    let labels = "method=\"POST\",route=\"/v1/auth/login\"";
    assert_eq!(samples.get(&format!("{seconds}_count{{{labels}}}")), 3.0);
    let all = format!("{seconds}_bucket{{{labels},le=\"+Inf\"}}");
    assert_eq!(samples.get(&all), 3.0);
    assert!(samples.get(&format!("{seconds}_sum{{{labels}}}")) > 0.001);
    for (outcome, count) in [
        ("success", 1.0),
        ("wrong_password", 1.0),
        ("unknown_user", 1.0),
    ] {
        let sample = format!("keyward_sign_ins_total{{outcome=\"{outcome}\"}}");
        assert_eq!(samples.get(&sample), count, "{outcome}");
    }
    let refused = "keyward_events_total{type=\"user.sign_in_refused\",outcome=\"failure\"}";
    assert_eq!(samples.get(refused), 2.0);
    assert!(samples.get("keyward_password_hash_duration_seconds_count") >= 3.0);
    let found =
        "keyward_store_statement_duration_seconds_count{statement=\"find_sign_in_subject\"}";
    assert!(samples.get(found) >= 3.0);
    assert!(samples.get("keyward_store_transaction_duration_seconds_count{kind=\"write\"}") >= 3.0);
    assert!(samples.get("process_resident_memory_bytes") > 1e6);
    assert!(samples.get("keyward_connections_total") >= 9.0);
}

#[test]
fn the_text_is_what_prometheus_reads_and_counts_what_was_done() {
    for instance in [Some(Instance::on_sqlite()), Instance::on_postgres()]
        .into_iter()
        .flatten()
    {
        let on_sqlite = instance.postgres_urls().is_none();
        let (_instance, server, address) = showing(instance);
        let token = use_it(&server);
        let answer = scrape(address);
        assert_eq!(answer.status, 200);
        let media_type = answer.header("content-type").unwrap();
        assert!(media_type.starts_with("text/plain; version=0.0.4"));
        let samples = Samples::parse(&answer.body);
        check_counts(&samples);
        if on_sqlite {
            let hits = samples.get("keyward_memory_lookups_total{result=\"hit\"}");
            let misses = samples.get("keyward_memory_lookups_total{result=\"miss\"}");
            assert_eq!((hits, misses), (4.0, 1.0));
            assert_eq!(samples.get("keyward_memory_sessions"), 1.0);
            assert!(samples.get("keyward_sqlite_commit_duration_seconds_count") >= 3.0);
        } else {
            let idle = "keyward_postgres_connections{role=\"app\",state=\"idle\"}";
            assert!(samples.get(idle) >= 1.0);
        }
        for secret in [&token, ADMIN, "nobody@example.org", "/v1/nothing/here"] {
            assert!(!answer.body.contains(secret), "{secret}");
        }
        server.terminate().expect_success();
    }
}

/// Scrapes until the samples are as they are to be: what is counted there goes on beside the requests.
fn scrape_until(address: SocketAddr, fits: impl Fn(&Samples) -> bool) -> Samples {
    for _ in 0..200 {
        let samples = Samples::parse(&scrape(address).body);
        if fits(&samples) {
            return samples;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    Samples::parse(&scrape(address).body)
}

#[test]
fn jobs_that_are_left_to_do_and_the_lag_of_the_feed_are_shown() {
    for mut instance in [Some(Instance::on_sqlite()), Instance::on_postgres()]
        .into_iter()
        .flatten()
    {
        let file = instance.beside("events");
        instance.set("KEYWARD_EVENTS_FILE", &file);
        let (instance, server, address) = showing(instance);
        let lag = "keyward_feed_lag_events{reader=\"events_file\"}";
        let told = scrape_until(address, |samples| samples.get(lag) == 0.0);
        let behind = |samples: &Samples| {
            let seconds = samples.get("keyward_feed_lag_seconds{reader=\"events_file\"}");
            (samples.get(lag), seconds > 0.0)
        };
        assert_eq!(behind(&told), (0.0, false));
        // Nothing can be appended to a folder.
        std::fs::remove_file(&file).unwrap();
        std::fs::create_dir(&file).unwrap();
        let deletion = instance.run(&["tenant", "delete", "demo", "--grace-days", "7"]);
        deletion.expect_success();
        let samples = scrape_until(address, |samples| behind(samples).1);
        assert!(behind(&samples).0 >= 1.0);
        let jobs = |state| samples.get(&format!("keyward_jobs{{state=\"{state}\"}}"));
        assert_eq!(["waiting", "running", "dead"].map(jobs), [1.0, 0.0, 0.0]);
        assert_eq!(samples.get("keyward_jobs_due"), 0.0);
        server.terminate().expect_success();
    }
}

#[test]
fn promtool_finds_nothing_to_say() {
    if !has_programs(&["promtool"]) {
        return;
    }
    let (_instance, server, address) = showing(Instance::on_sqlite());
    use_it(&server);
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics", "--extended"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let text = scrape(address).body;
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).unwrap();
    drop(stdin);
    let output = promtool.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn asvs_v13_4_5_metrics_are_on_no_listener_but_their_own_and_for_whoever_has_the_token() {
    let mut instance = Instance::on_sqlite();
    let token = "a long and random token";
    instance.set("KEYWARD_METRICS_TOKEN", token);
    let (instance, server, address) = showing(instance);
    assert_eq!(server.get("/metrics").status, 404);
    let send = |method: &str, path: &str, token: Option<&str>| {
        let request = crate::http::request(method, path, token, None);
        exchange(address, request.as_bytes()).unwrap()
    };
    assert_eq!(send("GET", "/metrics", Some(token)).status, 200);
    for wrong in [None, Some("another token"), Some("")] {
        let refused = send("GET", "/metrics", wrong);
        assert_eq!(refused.status, 401, "{wrong:?}");
        assert_eq!(refused.header("www-authenticate"), Some("Bearer"));
        assert_eq!(refused.body, "");
    }
    assert_eq!(send("POST", "/metrics", Some(token)).status, 405);
    assert_eq!(send("GET", "/v1/session", Some(token)).status, 404);
    let shown = instance.run(&["config", "check"]).expect_success();
    assert!(!shown.contains(token), "{shown}");
    server.terminate().expect_success();
}

#[test]
fn metrics_are_off_unless_they_are_asked_for() {
    let instance = Instance::on_sqlite();
    let server = instance.serve();
    assert_eq!(server.get("/metrics").status, 404);
    assert!(!server.stderr().contains("metrics are shown"));
}

#[test]
fn a_taken_metrics_address_is_named() {
    let mut instance = Instance::on_sqlite();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    instance.set(
        "KEYWARD_METRICS_LISTEN",
        taken.local_addr().unwrap().to_string(),
    );
    instance
        .fail_to_serve()
        .expect_failure(1, &["setting `metrics.listen`"]);
}
