//! How often a CPU second does what in vodozemac: one JSON object, with the keys of `examples/rates.rs` where the work is alike.
//!
//! State stays in memory between the calls; ours is loaded and stored around each. The first argument is how many CPU
//! seconds each rate is measured for.

#![forbid(unsafe_code)]

use std::error::Error;
use std::fs;

use serde_json::{Map, Value};
use vodozemac::megolm::{self, GroupSession, InboundGroupSession};
use vodozemac::olm::{Account, OlmMessage, Session, SessionConfig};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let seconds = std::env::args()
        .nth(1)
        .map_or(Ok(0.6), |text| text.parse())?;
    let mut rates = Map::new();
    rates.insert("v3_setups".to_owned(), set_ups(seconds)?);
    for bytes in [256, 4096] {
        let plaintext = vec![7; bytes];
        let (encrypt, decrypt) = one_way(&plaintext, seconds)?;
        rates.insert(format!("v3_encrypt_{bytes}"), encrypt);
        rates.insert(format!("v3_decrypt_{bytes}"), decrypt);
        let ping_pong = ping_pong(&plaintext, seconds)?;
        rates.insert(format!("v3_pingpong_{bytes}"), ping_pong);
        let (encrypt, decrypt) = group(&plaintext, seconds)?;
        rates.insert(format!("group_encrypt_{bytes}"), encrypt);
        rates.insert(format!("group_decrypt_{bytes}"), decrypt);
    }
    println!("{:#}", Value::Object(rates));
    Ok(())
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
fn set_ups(seconds: f64) -> Outcome<Value> {
    let mut watch = Stopwatch::new(seconds);
    while watch.goes_on() {
        let (alice, mut bob) = accounts();
        watch.measure(1, || meet(&alice, &mut bob).map(drop))?;
    }
    Ok(watch.rate())
}

fn acquainted() -> Outcome<(Session, Session)> {
    let (alice, mut bob) = accounts();
    let (mut outbound, mut inbound) = meet(&alice, &mut bob)?;
    let answer = inbound.encrypt("hello")?;
    outbound.decrypt(&answer)?;
    Ok((outbound, inbound))
}

/// Messages from one side only: encrypting and decrypting apart.
fn one_way(plaintext: &[u8], seconds: f64) -> Outcome<(Value, Value)> {
    let (mut alice, mut bob) = acquainted()?;
    let (mut encrypting, mut decrypting) = (Stopwatch::new(seconds), Stopwatch::new(seconds));
    while encrypting.goes_on() || decrypting.goes_on() {
        let mut sent = Vec::with_capacity(200);
        encrypting.measure(200, || {
            for _ in 0..200 {
                sent.push(alice.encrypt(plaintext)?);
            }
            Ok(())
        })?;
        decrypting.measure(200, || {
            for message in &sent {
                bob.decrypt(message)?;
            }
            Ok(())
        })?;
    }
    Ok((encrypting.rate(), decrypting.rate()))
}

/// Messages to and fro: a step of the ratchet each.
fn ping_pong(plaintext: &[u8], seconds: f64) -> Outcome<Value> {
    let (mut alice, mut bob) = acquainted()?;
    let mut watch = Stopwatch::new(seconds);
    while watch.goes_on() {
        watch.measure(200, || {
            for _ in 0..100 {
                bob.decrypt(&alice.encrypt(plaintext)?)?;
                alice.decrypt(&bob.encrypt(plaintext)?)?;
            }
            Ok(())
        })?;
    }
    Ok(watch.rate())
}

/// One sender's messages to a group: encrypting and decrypting apart.
fn group(plaintext: &[u8], seconds: f64) -> Outcome<(Value, Value)> {
    let config = megolm::SessionConfig::version_1();
    let mut sender = GroupSession::new(config);
    let mut receiver = InboundGroupSession::new(&sender.session_key(), config);
    let (mut encrypting, mut decrypting) = (Stopwatch::new(seconds), Stopwatch::new(seconds));
    while encrypting.goes_on() || decrypting.goes_on() {
        let mut sent = Vec::with_capacity(200);
        encrypting.measure(200, || {
            sent.extend((0..200).map(|_| sender.encrypt(plaintext)));
            Ok(())
        })?;
        decrypting.measure(200, || {
            for message in &sent {
                receiver.decrypt(message)?;
            }
            Ok(())
        })?;
    }
    Ok((encrypting.rate(), decrypting.rate()))
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

    fn measure(&mut self, count: u32, work: impl FnOnce() -> Outcome<()>) -> Outcome<()> {
        let before = cpu_seconds()?;
        work()?;
        self.seconds += cpu_seconds()? - before;
        self.done += f64::from(count);
        Ok(())
    }

    fn rate(&self) -> Value {
        Value::from((self.done / self.seconds).round())
    }
}

/// CPU time of this thread so far (Linux: the first number of schedstat, nanoseconds).
fn cpu_seconds() -> Outcome<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = text.split(' ').next().ok_or("schedstat is empty")?;
    Ok(first.parse::<f64>()? / 1e9)
}
