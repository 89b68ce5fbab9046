//! What it costs to continue a session: each connection exchanges its refresh token for the next, again and again.

use super::Settings;
use super::client::{Connection, Driven, drive};
use super::measure::{CONNECTIONS, HELLO, per_cpu_second, start};
use super::process::Server;
use super::report::{Report, median, median_ratio};
use super::seed::{Seeded, sign_in_as};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// What a disk's fsync takes longer, where the commits are to be seen sharing it.
const SLOW_FSYNC_MICROS: &str = "2000";
const SLOW_FSYNC: &str = include_str!("slow_fsync.c");

pub(crate) fn measure_refresh(settings: &Settings, seeded: &Seeded, report: &mut Report) {
    let connections = CONNECTIONS[CONNECTIONS.len() - 1];
    let (hello, server) = (Server::hello(), start(settings, seeded));
    let mut tokens = signed_in(server.port, connections);
    let (mut bare, mut rates, mut walls) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..settings.rounds {
        bare.push(per_cpu_second(&hello, || {
            drive(hello.port, connections, &[HELLO.to_vec()], settings.seconds).answers
        }));
        rates.push(per_cpu_second(&server, || {
            let driven = exchange(server.port, &mut tokens, settings.seconds);
            walls.push(driven.answers as f64 / driven.elapsed.as_secs_f64());
            driven.answers
        }));
    }
    let (ratio, rate) = (median_ratio(&rates, &bare), median(&mut rates));
    let name = format!("refresh, durable, {connections} connections");
    report.rate(&name, (rate, median(&mut walls)));
    let name = format!("  ÷ hello, refresh, {connections} connections");
    report.add(&name, ratio, "", "≥ 0.06, aim 0.10");
}

/// On a disk whose fsync takes two milliseconds more, many at once are to share it.
pub(crate) fn measure_shared_commits(
    settings: &Settings,
    seeded: &Seeded,
    folder: &Path,
    report: &mut Report,
) {
    let Some(preload) = build_slow_fsync(folder) else {
        println!("no C compiler: refresh on a slow disk was not measured");
        return;
    };
    let slow = [
        ("LD_PRELOAD", preload.to_str().unwrap()),
        ("SLOW_FSYNC_MICROS", SLOW_FSYNC_MICROS),
    ];
    let first = String::from_utf8_lossy(&seeded.requests[0]).into_owned();
    let server = Server::keyward_with(&settings.keyward, &seeded.data, &first, &slow);
    let many = CONNECTIONS[CONNECTIONS.len() - 1];
    let mut tokens = signed_in(server.port, many);
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..settings.rounds {
        for (rates, count) in rates.iter_mut().zip([1, many]) {
            let driven = exchange(server.port, &mut tokens[..count], settings.seconds);
            rates.push(driven.answers as f64 / driven.elapsed.as_secs_f64());
        }
    }
    let [one, many_rate] = rates.map(|mut rates| median(&mut rates));
    let on = "refresh, 2 ms added to each fsync";
    report.add(
        &format!("{on}, 1 connection, by wall second"),
        one,
        "/s",
        "",
    );
    let name = format!("{on}, {many} connections, by wall second");
    report.add(&name, many_rate, "/s", "");
    report.add(
        &format!("  {many} connections ÷ 1"),
        many_rate / one,
        "",
        "≥ 10",
    );
}

/// Refresh tokens of so many users, each of a session of its own.
fn signed_in(port: u16, count: usize) -> Vec<String> {
    let mut connection = Connection::open(port).unwrap();
    let token = |number| {
        connection.send(&sign_in_as(number)).unwrap();
        token_of(connection.answer().unwrap())
    };
    (0..count).map(token).collect()
}

fn token_of((status, body): (u16, &[u8])) -> String {
    let body = String::from_utf8_lossy(body);
    assert_eq!(status, 200, "{body}");
    let (_, rest) = body.split_once(r#""refresh_token":""#).unwrap();
    rest.split('"').next().unwrap().to_owned()
}

fn request(token: &str) -> Vec<u8> {
    let body = format!(r#"{{"refresh_token":"{token}"}}"#);
    format!(
        "POST /v1/auth/refresh HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Exchanges each token for its next on a connection of its own; they are left as they are in the end.
fn exchange(port: u16, tokens: &mut [String], seconds: f64) -> Driven {
    let mut open: Vec<Connection> = tokens
        .iter()
        .map(|_| Connection::open(port).unwrap())
        .collect();
    let begun = Instant::now();
    for (connection, token) in open.iter_mut().zip(tokens.iter()) {
        connection.send(&request(token)).unwrap();
    }
    let (deadline, mut answers) = (Duration::from_secs_f64(seconds), 0);
    let mut going_on = true;
    while going_on {
        going_on = begun.elapsed() < deadline;
        for (connection, token) in open.iter_mut().zip(tokens.iter_mut()) {
            *token = token_of(connection.answer().unwrap());
            answers += 1;
            if going_on {
                connection.send(&request(token)).unwrap();
            }
        }
    }
    Driven {
        answers,
        elapsed: begun.elapsed(),
        ..Driven::default()
    }
}

fn build_slow_fsync(folder: &Path) -> Option<PathBuf> {
    let (source, library) = (folder.join("slow_fsync.c"), folder.join("slow_fsync.so"));
    std::fs::write(&source, SLOW_FSYNC).unwrap();
    let mut compiler = Command::new("cc");
    compiler
        .args(["-shared", "-fPIC", "-O2", "-o"])
        .arg(&library);
    let built = compiler.arg(&source).status().ok()?;
    built.success().then_some(library)
}
