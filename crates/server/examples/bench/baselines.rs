//! What Keyward is held against: an axum server that says hello, and Argon2id in a loop.

use axum::Json;
use axum::routing::get;
use keyward_crypto::{HashCost, HashMemory, PasswordHasher};
use keyward_model::{Password, Random};
use serde_json::json;
use std::time::{Duration, Instant};

/// Answers a small JSON object, with axum's own way of serving.
pub(crate) fn serve_hello(port: u16) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let hello = async || Json(json!({ "hello": "world" }));
        let router = axum::Router::new().route("/hello", get(hello));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await;
        axum::serve(listener.unwrap(), router).await.unwrap();
    });
}

struct Counting;

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

/// Hashes with memory that is kept, and prints how many it did in how many microseconds of its processor time.
pub(crate) fn hash_for(seconds: f64) {
    let hasher = PasswordHasher::new(HashCost::default(), &Counting).unwrap();
    let password = Password::presented("correct horse battery staple").unwrap();
    let mut memory = HashMemory::new();
    hasher.hash(&password, &Counting, &mut memory).unwrap();
    let (begun, cpu) = (Instant::now(), super::process::cpu_micros("self"));
    let mut count = 0;
    while begun.elapsed() < Duration::from_secs_f64(seconds) {
        hasher.hash(&password, &Counting, &mut memory).unwrap();
        count += 1;
    }
    println!("{count} {}", super::process::cpu_micros("self") - cpu);
}
