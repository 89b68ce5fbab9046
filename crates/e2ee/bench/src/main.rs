//! How often a CPU second does what in vodozemac: JSON objects with the keys of `examples/rates.rs` where the work is alike.
//!
//! State stays in memory between the calls; ours is loaded and stored around each. Each line of the standard input,
//! `SECONDS NAME`, is answered with the rates of that name, measured for SECONDS of CPU time, and a name that it has not with none.

#![forbid(unsafe_code)]

use std::error::Error;

use rustix::time::{ClockId, clock_gettime};
use serde_json::{Map, Value};
use vodozemac::megolm::{self, GroupSession, InboundGroupSession};
use vodozemac::olm::{Account, OlmMessage, Session, SessionConfig};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// How many pairs of devices meet, and how many messages are sent, between two looks at the clock: as in `examples/rates.rs`.
const PAIRS: usize = 20;
const MESSAGES: usize = 50;

fn main() -> Outcome<()> {
    for line in std::io::stdin().lines() {
        let line = line?;
        let (seconds, name) = line.split_once(' ').ok_or("a line is SECONDS NAME")?;
        println!("{}", Value::Object(measure(name, seconds.parse()?)?));
    }
    Ok(())
}

fn measure(name: &str, seconds: f64) -> Outcome<Map<String, Value>> {
    let bytes = if name.ends_with("_4096") { 4096 } else { 256 };
    let plaintext = vec![7; bytes];
    let names = [name.to_owned(), name.replace("_encrypt_", "_decrypt_")];
    let rates = match name.trim_end_matches(|last: char| last.is_ascii_digit()) {
        "v3_setups" => set_ups(seconds)?,
        "v3_encrypt_" => one_way(&plaintext, seconds)?,
        "v3_pingpong_" => ping_pong(&plaintext, seconds)?,
        "group_encrypt_" => group(&plaintext, seconds)?,
        _ => Vec::new(),
    };
    Ok(names.into_iter().zip(rates).collect())
}

/// Two accounts, the second with one one-time key.
fn accounts() -> (Account, Account) {
    let (alice, mut bob) = (Account::new(), Account::new());
    bob.generate_one_time_keys(1);
    (alice, bob)
}

/// Sets a session up and opens its first message.
fn meet(alice: &Account, bob: &mut Account) -> Outcome<(Session, Session)> {
    let keys = bob.one_time_keys();
    let one_time_key = *keys.values().next().ok_or("there is no one-time key")?;
    let config = SessionConfig::version_1();
    let mut outbound = alice.create_outbound_session(config, bob.curve25519_key(), one_time_key)?;
    let OlmMessage::PreKey(first) = outbound.encrypt([7; 32])? else {
        return Err("the first message has no keys in it".into());
    };
    let inbound = bob.create_inbound_session(config, alice.curve25519_key(), &first)?;
    Ok((outbound, inbound.session))
}

/// Sessions set up from a one-time key that is there, both sides, and the first message opened.
fn set_ups(seconds: f64) -> Outcome<Vec<Value>> {
    let mut watch = Stopwatch::new(seconds);
    while watch.goes_on() {
        let mut pairs: Vec<_> = (0..PAIRS).map(|_| accounts()).collect();
        watch.measure(PAIRS, || {
            for (alice, bob) in &mut pairs {
                meet(alice, bob)?;
            }
            Ok(())
        })?;
    }
    Ok(vec![watch.rate()])
}

fn acquainted() -> Outcome<(Session, Session)> {
    let (alice, mut bob) = accounts();
    let (mut outbound, mut inbound) = meet(&alice, &mut bob)?;
    let answer = inbound.encrypt("hello")?;
    outbound.decrypt(&answer)?;
    Ok((outbound, inbound))
}

/// Messages from one side only: encrypting and decrypting apart.
fn one_way(plaintext: &[u8], seconds: f64) -> Outcome<Vec<Value>> {
    let (mut alice, mut bob) = acquainted()?;
    let (mut encrypting, mut decrypting) = (Stopwatch::new(seconds), Stopwatch::new(seconds));
    while encrypting.goes_on() || decrypting.goes_on() {
        let mut sent = Vec::with_capacity(MESSAGES);
        encrypting.measure(MESSAGES, || {
            for _ in 0..MESSAGES {
                sent.push(alice.encrypt(plaintext)?);
            }
            Ok(())
        })?;
        decrypting.measure(MESSAGES, || {
            for message in &sent {
                bob.decrypt(message)?;
            }
            Ok(())
        })?;
    }
    Ok(vec![encrypting.rate(), decrypting.rate()])
}

/// Messages to and fro: a step of the ratchet each.
fn ping_pong(plaintext: &[u8], seconds: f64) -> Outcome<Vec<Value>> {
    let (mut alice, mut bob) = acquainted()?;
    let mut watch = Stopwatch::new(seconds);
    while watch.goes_on() {
        watch.measure(MESSAGES, || {
            for _ in 0..MESSAGES / 2 {
                bob.decrypt(&alice.encrypt(plaintext)?)?;
                alice.decrypt(&bob.encrypt(plaintext)?)?;
            }
            Ok(())
        })?;
    }
    Ok(vec![watch.rate()])
}

/// One sender's messages to a group: encrypting and decrypting apart.
fn group(plaintext: &[u8], seconds: f64) -> Outcome<Vec<Value>> {
    let config = megolm::SessionConfig::version_1();
    let mut sender = GroupSession::new(config);
    let mut receiver = InboundGroupSession::new(&sender.session_key(), config);
    let (mut encrypting, mut decrypting) = (Stopwatch::new(seconds), Stopwatch::new(seconds));
    while encrypting.goes_on() || decrypting.goes_on() {
        let mut sent = Vec::with_capacity(MESSAGES);
        encrypting.measure(MESSAGES, || {
            sent.extend((0..MESSAGES).map(|_| sender.encrypt(plaintext)));
            Ok(())
        })?;
        decrypting.measure(MESSAGES, || {
            for message in &sent {
                receiver.decrypt(message)?;
            }
            Ok(())
        })?;
    }
    Ok(vec![encrypting.rate(), decrypting.rate()])
}

/// Counts what was done in how much CPU time.
struct Stopwatch {
    seconds_wanted: f64,
    done: f64,
    seconds: f64,
}

impl Stopwatch {
    fn new(seconds_wanted: f64) -> Self {
        Self {
            seconds_wanted,
            done: 0.0,
            seconds: 0.0,
        }
    }

    fn goes_on(&self) -> bool {
        self.seconds < self.seconds_wanted
    }

    fn measure(&mut self, count: usize, work: impl FnOnce() -> Outcome<()>) -> Outcome<()> {
        let before = cpu_seconds();
        work()?;
        self.seconds += cpu_seconds() - before;
        self.done += count as f64;
        Ok(())
    }

    fn rate(&self) -> Value {
        Value::from((self.done / self.seconds).round())
    }
}

/// CPU time of this thread so far.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
