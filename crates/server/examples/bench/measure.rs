//! The measurements, in the order in which they are printed.

use super::Settings;
use super::client::{drive, drive_timed, warm};
use super::process::{Server, pin_client, pinned};
use super::refresh::{measure_refresh, measure_shared_commits};
use super::report::{Report, median, median_ratio};
use super::seed::{Seeded, seed, seed_tenants, sign_in, sign_in_as};
use std::time::Instant;

/// Connections of the throughput rounds.
pub(crate) const CONNECTIONS: [usize; 2] = [8, 64];
const STARTS: usize = 5;
/// Connections that validate while others sign in, and those others.
const WATCHED: usize = 8;
const STORM: usize = 64;
pub(crate) const HELLO: &[u8] = b"GET /hello HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
const KEYS: &str = "GET /t/demo/.well-known/jwks.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

pub(crate) fn run(settings: &Settings) {
    let begun = Instant::now();
    let folder = tempfile::tempdir().unwrap();
    let mut report = Report::begin();
    pin_client();
    let seeded: Vec<Seeded> = settings
        .sizes
        .iter()
        .map(|size| seed(&settings.keyward, folder.path(), *size))
        .collect();
    println!("seeded in {:.0} s", begun.elapsed().as_secs_f64());
    let Some(middle) = seeded.get(seeded.len() / 2) else {
        panic!("no size of a database is given");
    };
    for part in &settings.parts {
        match part.as_str() {
            "starts" => measure_starts(settings, &seeded, folder.path(), &mut report),
            "tenants" => measure_tenants(settings, folder.path(), &mut report),
            "validation" => measure_validation(settings, &seeded, &mut report),
            "introspection" => measure_introspection(settings, middle, &mut report),
            "refresh" => measure_refresh(settings, middle, &mut report),
            "commits" => measure_shared_commits(settings, middle, folder.path(), &mut report),
            "sign-in" => measure_sign_in(settings, middle, &mut report),
            "latency" => measure_latency(settings, middle, &mut report),
            other => panic!("there is no part {other}"),
        }
    }
    report.end(settings.output.as_deref(), begun.elapsed());
}

pub(crate) fn start(settings: &Settings, seeded: &Seeded) -> Server {
    let first = String::from_utf8_lossy(&seeded.requests[0]).into_owned();
    Server::keyward(&settings.keyward, &seeded.data, &first)
}

/// How long a start takes, and what memory it leaves.
fn measure_starts(
    settings: &Settings,
    seeded: &[Seeded],
    folder: &std::path::Path,
    report: &mut Report,
) {
    let fresh = folder.join("fresh");
    let (mut first, mut again) = (Vec::new(), Vec::new());
    for number in 0..STARTS {
        let data = fresh.join(number.to_string());
        std::fs::create_dir_all(&fresh).unwrap();
        let started = |data| Server::keyward(&settings.keyward, data, KEYS).started_in;
        first.push(started(&data).as_secs_f64() * 1e3);
        again.push(started(&data).as_secs_f64() * 1e3);
    }
    report.add(
        "first start, new data folder, to the first 200",
        median(&mut first),
        "ms",
        "",
    );
    report.add(
        "start, no sessions, to the first 200",
        median(&mut again),
        "ms",
        "< 100, aim 50",
    );
    for (size, seeded) in settings.sizes.iter().zip(seeded) {
        let (mut times, mut resident) = (Vec::new(), Vec::new());
        for _ in 0..STARTS {
            let server = start(settings, seeded);
            times.push(server.started_in.as_secs_f64() * 1e3);
            resident.push(server.resident_mb());
        }
        let name = format!("start, {size} sessions, to the first validation of a cold token");
        report.add(&name, median(&mut times), "ms", "< 100, aim 50");
        let name = format!("resident memory then, {size} sessions in the database");
        report.add(&name, median(&mut resident), "MB", "< 40, aim 25");
    }
}

/// The same of many tenants, beside one: neither is to grow with them.
fn measure_tenants(settings: &Settings, folder: &std::path::Path, report: &mut Report) {
    let begun = Instant::now();
    let seeded = |tenants| seed_tenants(&settings.keyward, folder, tenants);
    let folders = [1, settings.tenants].map(seeded);
    println!("tenants made in {:.0} s", begun.elapsed().as_secs_f64());
    let (mut times, mut resident) = ([vec![], vec![]], [vec![], vec![]]);
    for _ in 0..STARTS {
        for (index, data) in folders.iter().enumerate() {
            let server = Server::keyward(&settings.keyward, data, KEYS);
            times[index].push(server.started_in.as_secs_f64() * 1e3);
            resident[index].push(server.resident_mb());
        }
    }
    let (times, resident) = (
        times.map(|mut values| median(&mut values)),
        resident.map(|mut values| median(&mut values)),
    );
    let tenants = settings.tenants;
    for (index, who) in ["one tenant".to_owned(), format!("{tenants} tenants")]
        .iter()
        .enumerate()
    {
        let name = format!("start, {who}, to the first 200");
        report.add(&name, times[index], "ms", "< 100, aim 50");
        let name = format!("resident memory then, {who}");
        report.add(&name, resident[index], "MB", "< 40, aim 25");
    }
    let name = format!("  start, {tenants} tenants ÷ one");
    report.add(&name, times[1] / times[0], "", "");
    let name = format!("  resident memory, {tenants} tenants ÷ one");
    report.add(&name, resident[1] / resident[0], "", "");
}

/// Requests that a server answers in one second of its processor time.
pub(crate) fn per_cpu_second(server: &Server, act: impl FnOnce() -> usize) -> f64 {
    let before = server.cpu_micros();
    let answers = act();
    answers as f64 / ((server.cpu_micros() - before) / 1e6)
}

fn measure_validation(settings: &Settings, seeded: &[Seeded], report: &mut Report) {
    let hello = Server::hello();
    let servers: Vec<Server> = seeded.iter().map(|one| start(settings, one)).collect();
    for ((server, one), size) in servers.iter().zip(seeded).zip(&settings.sizes) {
        let (begun, cpu) = (Instant::now(), server.cpu_micros());
        // What the database keeps of its pages is full by the middle, and grows no more.
        let (first, second) = one.requests.split_at(one.requests.len() / 2);
        warm(server.port, first);
        let half_way = server.resident_mb();
        warm(server.port, second);
        let count = one.requests.len();
        let cold = (server.cpu_micros() - cpu) / count as f64;
        let grown = server.resident_mb() - half_way;
        println!(
            "{count} tokens warmed in {:.1} s",
            begun.elapsed().as_secs_f64()
        );
        let name = format!("cold validation, {size} sessions, processor time each");
        report.add(&name, cold, "µs", "");
        if count >= 50_000 {
            let half = second.len();
            let name = format!("memory for each of {half} more warm sessions with its token");
            report.add(&name, grown * 1e6 / half as f64, "bytes", "≤ 450");
        }
    }
    for connections in CONNECTIONS {
        let mut rates = vec![Vec::new(); servers.len() + 1];
        let mut walls = vec![Vec::new(); servers.len() + 1];
        for _ in 0..settings.rounds {
            let hello_requests = [HELLO.to_vec()];
            let peers = std::iter::once((&hello, &hello_requests[..])).chain(
                servers
                    .iter()
                    .zip(seeded)
                    .map(|(server, one)| (server, &one.requests[..])),
            );
            for (index, (server, requests)) in peers.enumerate() {
                let rate = per_cpu_second(server, || {
                    let driven = drive(server.port, connections, requests, settings.seconds);
                    walls[index].push(driven.answers as f64 / driven.elapsed.as_secs_f64());
                    driven.answers
                });
                rates[index].push(rate);
            }
        }
        let ratios: Vec<f64> = rates
            .iter()
            .map(|rates_of_one| median_ratio(rates_of_one, &rates[0]))
            .collect();
        let last = &rates[rates.len() - 1];
        let growth = median_ratio(last, &rates[1]);
        let medians: Vec<f64> = rates.iter_mut().map(|rates| median(rates)).collect();
        let walls: Vec<f64> = walls.iter_mut().map(|walls| median(walls)).collect();
        report.rate(
            &format!("hello, {connections} connections"),
            (medians[0], walls[0]),
        );
        for (index, size) in settings.sizes.iter().enumerate() {
            let name = format!("validation, {size} sessions, {connections} connections");
            report.rate(&name, (medians[index + 1], walls[index + 1]));
            let name = format!("  ÷ hello, {size} sessions, {connections} connections");
            report.add(&name, ratios[index + 1], "", "≥ 0.65, aim 0.80");
        }
        let name = format!("  largest ÷ smallest database, {connections} connections");
        report.add(&name, growth, "", "≥ 0.87");
    }
}

/// What a service pays that asks about each token it is shown.
fn measure_introspection(settings: &Settings, seeded: &Seeded, report: &mut Report) {
    let (hello, server) = (Server::hello(), start(settings, seeded));
    warm(server.port, &seeded.introspections);
    let connections = CONNECTIONS[CONNECTIONS.len() - 1];
    let (mut bare, mut rates, mut walls) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..settings.rounds {
        bare.push(per_cpu_second(&hello, || {
            let requests = [HELLO.to_vec()];
            drive(hello.port, connections, &requests, settings.seconds).answers
        }));
        rates.push(per_cpu_second(&server, || {
            let asked = &seeded.introspections;
            let driven = drive(server.port, connections, asked, settings.seconds);
            walls.push(driven.answers as f64 / driven.elapsed.as_secs_f64());
            driven.answers
        }));
    }
    let (ratio, rate) = (median_ratio(&rates, &bare), median(&mut rates));
    let count = seeded.introspections.len();
    let name = format!("introspection, {count} tokens, {connections} connections");
    report.rate(&name, (rate, median(&mut walls)));
    let name = format!("  ÷ hello, introspection, {connections} connections");
    report.add(&name, ratio, "", "≥ 0.45, aim 0.55");
}

fn measure_sign_in(settings: &Settings, seeded: &Seeded, report: &mut Report) {
    let server = start(settings, seeded);
    let requests = [sign_in()];
    let seconds = settings.seconds * 2.0;
    let (mut raw, mut rates) = (Vec::new(), Vec::new());
    drive(server.port, 4, &requests, 1.0);
    for _ in 0..settings.rounds {
        let mut command = pinned(&std::env::current_exe().unwrap(), "0");
        let output = command
            .args(["argon2", &seconds.to_string()])
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let (count, micros) = text.trim().split_once(' ').unwrap();
        let micros: f64 = micros.parse().unwrap();
        raw.push(count.parse::<f64>().unwrap() / (micros / 1e6));
        rates.push(per_cpu_second(&server, || {
            drive(server.port, 4, &requests, seconds).answers
        }));
    }
    let ratio = median_ratio(&rates, &raw);
    let (raw, rate) = (median(&mut raw), median(&mut rates));
    report.add("Argon2id in a loop, by its processor second", raw, "/s", "");
    report.add(
        "sign-in, durable, 4 connections, by the server's",
        rate,
        "/s",
        "",
    );
    report.add("  ÷ Argon2id in a loop", ratio, "", "≥ 0.93");
    report.add("resident memory after that", server.resident_mb(), "MB", "");
}

fn measure_latency(settings: &Settings, seeded: &Seeded, report: &mut Report) {
    let server = start(settings, seeded);
    // Not of those who sign in: each of them has so many sessions that the one here would be ended for another.
    let tokens = &seeded.requests[STORM..seeded.requests.len().min(10_000)];
    warm(server.port, tokens);
    let seconds = settings.seconds * 2.0;
    // Each of another account: of one a few at a time are looked at.
    let storm: Vec<Vec<u8>> = (0..STORM).map(sign_in_as).collect();
    let (mut alone, mut beside, mut signed_in, mut refused) = (vec![], vec![], 0, 0);
    for _ in 0..settings.rounds {
        alone.extend(drive_timed(server.port, WATCHED, tokens, seconds).micros);
        std::thread::scope(|threads| {
            let driven = threads.spawn(|| drive_timed(server.port, STORM, &storm, seconds + 1.0));
            std::thread::sleep(std::time::Duration::from_millis(500));
            beside.extend(drive_timed(server.port, WATCHED, tokens, seconds).micros);
            let driven = driven.join().unwrap();
            signed_in += driven.answers;
            refused += driven.refused;
        });
    }
    for (name, share) in [("p50", 0.50), ("p99", 0.99)] {
        let at = |micros: &mut Vec<f64>| {
            micros.sort_unstable_by(f64::total_cmp);
            micros[((micros.len() - 1) as f64 * share) as usize]
        };
        let (alone, beside) = (at(&mut alone), at(&mut beside));
        report.add(
            &format!("validation alone, {WATCHED} connections, {name}"),
            alone,
            "µs",
            "",
        );
        report.add(
            &format!("validation while {STORM} sign in, {name}"),
            beside,
            "µs",
            "",
        );
        report.add(&format!("  ÷ alone, {name}"), beside / alone, "", "≤ 2");
    }
    let seconds = (seconds + 1.0) * settings.rounds as f64;
    report.add(
        "sign-ins in that storm, wall",
        signed_in as f64 / seconds,
        "/s",
        "",
    );
    report.add(
        "of them sent away with Retry-After",
        refused as f64 / seconds,
        "/s",
        "",
    );
}
