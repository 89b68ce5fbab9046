//! How often a CPU second does what: one JSON object, the rates by name, per second of this process's CPU time.
//!
//! All goes through [`Device`] and a [`Store`]: state is read from bytes before each call and written to bytes after it.
//! `rates SECONDS [PART]` prints all rates, or those with PART in their names (for a profiler), measured for SECONDS of CPU time each.
//! Without arguments it answers requests on its standard input: `cargo xtask bench e2ee` asks the programs in turns.

use chacha20::ChaCha20Rng;
use keyward_e2ee::{
    Address, Change, Ciphertext, Device, DeviceId, IdentityKeyPair, KemPreKey, KemPreKeyPublic,
    MemoryStore, Moment, Policy, PreKey, PreKeyBundle, SessionKind, SignedPreKey,
    SignedPreKeyPublic, Slot, Store,
};
use rand_core::{SeedableRng, UnwrapErr};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Map, Value};
use uuid::Uuid;

const ALICE: &str = "9d0652a3-dcc3-4d11-975f-74d61598733f";
const BOB: &str = "796abedb-ca4e-4f18-8803-1fde5b921f9f";

/// How many pairs of devices meet, and how many messages are sent, between two looks at the clock.
const PAIRS: usize = 20;
const MESSAGES: usize = 50;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;
/// What an application has: a generator of its own, seeded by the operating system.
type Rng = ChaCha20Rng;

fn main() -> Outcome<()> {
    let measurements = measurements();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (seconds, wanted) = match arguments.as_slice() {
        [] => return serve(&measurements),
        [seconds] => (seconds.parse()?, ""),
        [seconds, wanted, ..] => (seconds.parse()?, wanted.as_str()),
    };
    let rates = measure(&measurements, seconds, |name| name.contains(wanted))?;
    println!("{rates:#}");
    Ok(())
}

/// Answers each line of the standard input, until it ends: `SECONDS NAME` with the rates, `names` with what there is to ask for.
fn serve(measurements: &[(Vec<String>, Measure)]) -> Outcome<()> {
    for line in std::io::stdin().lines() {
        let line = line?;
        let answer = match line.split_once(' ') {
            Some((seconds, wanted)) => {
                measure(measurements, seconds.parse()?, |name| name == wanted)?
            }
            None => measurements
                .iter()
                .map(|(names, _)| names[0].as_str())
                .collect(),
        };
        println!("{answer}");
    }
    Ok(())
}

fn measure(
    measurements: &[(Vec<String>, Measure)],
    seconds: f64,
    is_wanted: impl Fn(&str) -> bool,
) -> Outcome<Value> {
    let mut rates = Map::new();
    for (names, measure) in measurements {
        if names.iter().any(|name| is_wanted(name)) {
            rates.extend(names.iter().cloned().zip(measure(Stopwatch::new(seconds))?));
        }
    }
    Ok(Value::Object(rates))
}

type Measure = Box<dyn Fn(Stopwatch) -> Outcome<Vec<Value>>>;

/// What is measured: the names of the rates, and how they are found.
fn measurements() -> Vec<(Vec<String>, Measure)> {
    let kinds = [
        ("v3", SessionKind::X3dh),
        ("v4", SessionKind::Pqxdh),
        ("v4_spqr", SessionKind::PqxdhWithRatchet),
    ];
    let mut all: Vec<(Vec<String>, Measure)> = Vec::new();
    let mut add = |names: &[String], measure: Measure| all.push((names.to_vec(), measure));
    for (label, kind) in kinds {
        let name = |what: &str| format!("{label}_{what}");
        add(
            &[name("setups")],
            Box::new(move |watch| set_ups(kind, true, watch)),
        );
        add(
            &[name("setups_no_one_time")],
            Box::new(move |watch| set_ups(kind, false, watch)),
        );
        add(
            &[name("prekey_sets")],
            Box::new(move |watch| pre_key_sets(kind, watch)),
        );
        for bytes in [256, 4096] {
            add(
                &[
                    name(&format!("encrypt_{bytes}")),
                    name(&format!("decrypt_{bytes}")),
                ],
                Box::new(move |watch| one_way(kind, &vec![7; bytes], watch)),
            );
            add(
                &[name(&format!("pingpong_{bytes}"))],
                Box::new(move |watch| ping_pong(kind, &vec![7; bytes], watch)),
            );
        }
    }
    for bytes in [256, 4096] {
        add(
            &[
                format!("group_encrypt_{bytes}"),
                format!("group_decrypt_{bytes}"),
            ],
            Box::new(move |watch| group(&vec![7; bytes], watch)),
        );
    }
    all
}

struct Party {
    device: Device,
    store: MemoryStore,
    rng: Rng,
}

impl Party {
    fn new(name: &str, kind: SessionKind) -> Outcome<Self> {
        let mut rng = Rng::from_rng(&mut UnwrapErr(getrandom::SysRng));
        Ok(Self {
            device: Device {
                address: Address::new(name, DeviceId::new(1)?),
                identity: IdentityKeyPair::generate(&mut rng),
                registration_id: 1,
                policy: Policy::only(kind),
            },
            store: MemoryStore::new(),
            rng,
        })
    }

    fn address(&self) -> Address {
        self.device.address.clone()
    }

    fn bundle(&mut self, has_one_time: bool) -> Outcome<PreKeyBundle> {
        let identity = &self.device.identity;
        let signed = SignedPreKey::generate(1, identity, &mut self.rng);
        let pre_key = PreKey::generate(1, &mut self.rng);
        let mut changes = vec![
            Change::Put(Slot::SignedPreKey(1), signed.to_bytes()),
            Change::Put(Slot::PreKey(1), pre_key.to_bytes()),
        ];
        let mut kem_pre_key = None;
        if self.device.policy.preferred > SessionKind::X3dh {
            let mut kem = KemPreKey::generate(1, identity, &mut self.rng);
            kem.is_last_resort = !has_one_time;
            changes.push(Change::Put(Slot::KemPreKey(1), kem.to_bytes()));
            kem_pre_key = Some(KemPreKeyPublic {
                id: 1,
                key: kem.pair.public().clone(),
                signature: kem.signature.to_vec(),
            });
        }
        self.store.commit(changes)?;
        Ok(PreKeyBundle {
            registration_id: self.device.registration_id,
            device_id: self.device.address.device_id(),
            identity_key: *identity.public(),
            pre_key: has_one_time.then_some((1, *pre_key.pair.public())),
            signed_pre_key: SignedPreKeyPublic {
                id: 1,
                key: *signed.pair.public(),
                signature: signed.signature.to_vec(),
            },
            kem_pre_key,
        })
    }

    fn start(&mut self, remote: &Address, bundle: &PreKeyBundle) -> Outcome<()> {
        let moment = Moment {
            now_seconds: 1,
            rng: &mut self.rng,
        };
        self.device
            .start_session(&mut self.store, remote, bundle, moment)?;
        Ok(())
    }

    fn encrypt(&mut self, remote: &Address, plaintext: &[u8]) -> Outcome<Ciphertext> {
        let moment = Moment {
            now_seconds: 1,
            rng: &mut self.rng,
        };
        let encrypted = self
            .device
            .encrypt(&mut self.store, remote, plaintext, moment)?;
        Ok(encrypted.ciphertext)
    }

    fn decrypt(&mut self, remote: &Address, ciphertext: &Ciphertext) -> Outcome<()> {
        self.device
            .decrypt(&mut self.store, remote, ciphertext, 1)?;
        Ok(())
    }
}

/// Sessions set up from a bundle that is there, both sides, and the first message opened.
fn set_ups(kind: SessionKind, has_one_time: bool, mut watch: Stopwatch) -> Outcome<Vec<Value>> {
    while watch.goes_on() {
        let mut pairs = Vec::with_capacity(PAIRS);
        for _ in 0..PAIRS {
            let (alice, mut bob) = (Party::new(ALICE, kind)?, Party::new(BOB, kind)?);
            let bundle = bob.bundle(has_one_time)?;
            pairs.push((alice, bob, bundle));
        }
        watch.measure(PAIRS, || {
            for (alice, bob, bundle) in &mut pairs {
                let (to_alice, to_bob) = (alice.address(), bob.address());
                alice.start(&to_bob, bundle)?;
                let first = alice.encrypt(&to_bob, &[7; 32])?;
                bob.decrypt(&to_alice, &first)?;
            }
            Ok(())
        })?;
    }
    Ok(vec![watch.rate()])
}

fn pre_key_sets(kind: SessionKind, mut watch: Stopwatch) -> Outcome<Vec<Value>> {
    let mut party = Party::new(ALICE, kind)?;
    while watch.goes_on() {
        watch.measure(16, || {
            for _ in 0..16 {
                party.bundle(true)?;
            }
            Ok(())
        })?;
    }
    Ok(vec![watch.rate()])
}

fn acquainted(kind: SessionKind) -> Outcome<(Party, Party)> {
    let (mut alice, mut bob) = (Party::new(ALICE, kind)?, Party::new(BOB, kind)?);
    let bundle = bob.bundle(true)?;
    let (to_alice, to_bob) = (alice.address(), bob.address());
    alice.start(&to_bob, &bundle)?;
    let first = alice.encrypt(&to_bob, b"hello")?;
    bob.decrypt(&to_alice, &first)?;
    let answer = bob.encrypt(&to_alice, b"hello")?;
    alice.decrypt(&to_bob, &answer)?;
    Ok((alice, bob))
}

/// Messages from one side only: encrypting and decrypting apart.
fn one_way(kind: SessionKind, plaintext: &[u8], watch: Stopwatch) -> Outcome<Vec<Value>> {
    let (mut alice, mut bob) = acquainted(kind)?;
    let (to_alice, to_bob) = (alice.address(), bob.address());
    let (mut encrypting, mut decrypting) = (watch, watch);
    while encrypting.goes_on() || decrypting.goes_on() {
        let mut sent = Vec::with_capacity(MESSAGES);
        encrypting.measure(MESSAGES, || {
            for _ in 0..MESSAGES {
                sent.push(alice.encrypt(&to_bob, plaintext)?);
            }
            Ok(())
        })?;
        decrypting.measure(MESSAGES, || {
            for ciphertext in &sent {
                bob.decrypt(&to_alice, ciphertext)?;
            }
            Ok(())
        })?;
    }
    Ok(vec![encrypting.rate(), decrypting.rate()])
}

/// Messages to and fro: a step of the ratchet each.
fn ping_pong(kind: SessionKind, plaintext: &[u8], mut watch: Stopwatch) -> Outcome<Vec<Value>> {
    let (mut alice, mut bob) = acquainted(kind)?;
    let (to_alice, to_bob) = (alice.address(), bob.address());
    while watch.goes_on() {
        watch.measure(MESSAGES, || {
            for _ in 0..MESSAGES / 2 {
                let there = alice.encrypt(&to_bob, plaintext)?;
                bob.decrypt(&to_alice, &there)?;
                let back = bob.encrypt(&to_alice, plaintext)?;
                alice.decrypt(&to_bob, &back)?;
            }
            Ok(())
        })?;
    }
    Ok(vec![watch.rate()])
}

/// One sender's messages to a group: encrypting and decrypting apart.
fn group(plaintext: &[u8], watch: Stopwatch) -> Outcome<Vec<Value>> {
    let (mut alice, mut bob) = acquainted(SessionKind::PqxdhWithRatchet)?;
    let (group, from) = (Uuid::from_u128(7), alice.address());
    let moment = Moment {
        now_seconds: 1,
        rng: &mut alice.rng,
    };
    let distribution = alice.device.distribution(&mut alice.store, group, moment)?;
    bob.device
        .learn_sender_key(&mut bob.store, &from, &distribution)?;
    let (mut encrypting, mut decrypting) = (watch, watch);
    while encrypting.goes_on() || decrypting.goes_on() {
        let mut sent = Vec::with_capacity(MESSAGES);
        encrypting.measure(MESSAGES, || {
            for _ in 0..MESSAGES {
                let (store, rng) = (&mut alice.store, &mut alice.rng);
                sent.push(
                    alice
                        .device
                        .encrypt_for_group(store, group, plaintext, rng)?,
                );
            }
            Ok(())
        })?;
        decrypting.measure(MESSAGES, || {
            for message in &sent {
                bob.device
                    .decrypt_from_group(&mut bob.store, &from, message)?;
            }
            Ok(())
        })?;
    }
    Ok(vec![encrypting.rate(), decrypting.rate()])
}

/// Counts what was done in how much CPU time.
#[derive(Clone, Copy)]
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
