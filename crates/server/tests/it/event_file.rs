//! The file of events: every event is in it, in order, whatever happens to the server; and it can be rotated.

use crate::instance::{Instance, PASSWORD};
use crate::process::Server;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

const ROUNDS: usize = 4;

fn sign_up(server: &Server, name: &str) {
    let body = json!({ "email": format!("{name}@example.org"), "password": PASSWORD });
    assert_eq!(server.post("/v1/auth/register", &body).status, 201);
}

/// The ids of the events in a file, in its order; a line that was cut is left out, and counted.
fn read(path: &Path) -> (Vec<String>, usize) {
    let text = fs::read_to_string(path).unwrap_or_default();
    let mut cut = 0;
    let mut ids = Vec::new();
    for line in text.lines() {
        match serde_json::from_str::<Value>(line) {
            Ok(event) => ids.push(event["id"].as_str().unwrap().to_owned()),
            Err(_) => cut += 1,
        }
    }
    (ids, cut)
}

/// The ids of the recorded events, in the feed's order.
fn recorded(instance: &Instance) -> Vec<String> {
    let id = match instance.postgres_urls() {
        None => "lower(hex(event_id))",
        Some(_) => "replace(event_id::text, '-', '')",
    };
    let rows = instance.sql(&format!(
        "SELECT {id} FROM feed ORDER BY transaction_id, position"
    ));
    rows.into_iter().flatten().flatten().collect()
}

fn without_repeats(ids: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    let bare = ids.into_iter().map(|id| id.replace('-', ""));
    bare.filter(|id| seen.insert(id.clone())).collect()
}

/// Waits until every recorded event is in the files, and compares their order.
fn expect_all(instance: &Instance, files: &[&Path]) -> (usize, usize) {
    let mut found = Vec::new();
    for _ in 0..1_000 {
        let read: Vec<_> = files.iter().map(|path| read(path)).collect();
        let lines: Vec<String> = read.iter().flat_map(|(ids, _)| ids.clone()).collect();
        let cut = read.iter().map(|(_, cut)| cut).sum();
        let count = lines.len();
        found = without_repeats(lines);
        if found.len() == recorded(instance).len() {
            assert_eq!(found, recorded(instance), "in the feed's order");
            return (count, cut);
        }
        sleep(Duration::from_millis(20));
    }
    panic!("{} of {}", found.len(), recorded(instance).len());
}

fn loses_nothing(name: &str, mut instance: Instance) {
    let path = instance.beside("events.jsonl");
    instance.set("KEYWARD_EVENTS_FILE", &path);
    for round in 0..ROUNDS {
        let server = instance.serve();
        for user in 0..3 {
            sign_up(&server, &format!("user-{round}-{user}"));
        }
        // So that it dies before, within and after the writing.
        sleep(Duration::from_millis(150 * u64::try_from(round).unwrap()));
        server.kill9();
    }
    let server = instance.serve();
    let (lines, cut) = expect_all(&instance, &[&path]);
    println!(
        "{name}: {lines} lines, {cut} cut, {} events",
        recorded(&instance).len()
    );
    let rotated = instance.beside("events.jsonl.1");
    fs::rename(&path, &rotated).unwrap();
    sign_up(&server, "after-rotation");
    expect_all(&instance, &[&rotated, &path]);
    assert!(!read(&path).0.is_empty(), "a new file was begun");
    server.terminate().expect_success();
}

#[test]
fn every_event_reaches_the_file_on_sqlite() {
    loses_nothing("sqlite", Instance::on_sqlite());
}

#[test]
fn every_event_reaches_the_file_on_postgres() {
    if let Some(instance) = Instance::on_postgres() {
        loses_nothing("postgres", instance);
    }
}

#[test]
fn a_file_that_cannot_be_written_is_told_at_start() {
    let mut instance = Instance::on_sqlite();
    instance.set("KEYWARD_EVENTS_FILE", "/nowhere/events.jsonl");
    let failed = instance.fail_to_serve();
    assert!(failed.stderr.contains("events.file"), "{}", failed.stderr);
}
