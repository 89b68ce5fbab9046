//! How often a CPU second does what: one JSON object, the rates by name, per second of this process's CPU time.
//!
//! All goes through [`Device`] and a [`Store`]: state is read from bytes before each call and written to bytes after it.
//! The first argument is how many CPU seconds each rate is measured for. `cargo xtask bench e2ee` compares them.

use keyward_e2ee::{
    Address, Change, Ciphertext, Device, DeviceId, IdentityKeyPair, KemPreKey, KemPreKeyPublic,
    MemoryStore, Moment, Policy, PreKey, PreKeyBundle, SessionKind, SignedPreKey,
    SignedPreKeyPublic, Slot, Store,
};
use rand_core::UnwrapErr;
use serde_json::{Map, Value};
use uuid::Uuid;

const ALICE: &str = "9d0652a3-dcc3-4d11-975f-74d61598733f";
const BOB: &str = "796abedb-ca4e-4f18-8803-1fde5b921f9f";

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;
type Rng = UnwrapErr<getrandom::SysRng>;

fn main() -> Outcome<()> {
    let seconds = std::env::args()
        .nth(1)
        .map_or(Ok(0.6), |text| text.parse())?;
    let watch = Stopwatch::new(seconds);
    let mut rates = Map::new();
    let kinds = [
        ("v3", SessionKind::X3dh),
        ("v4", SessionKind::Pqxdh),
        ("v4_spqr", SessionKind::PqxdhWithRatchet),
    ];
    for (label, kind) in kinds {
        rates.insert(format!("{label}_setups"), set_ups(kind, true, watch)?);
        rates.insert(
            format!("{label}_setups_no_one_time"),
            set_ups(kind, false, watch)?,
        );
        rates.insert(format!("{label}_prekey_sets"), pre_key_sets(kind, watch)?);
        for (size, bytes) in [("256", 256), ("4096", 4096)] {
            let plaintext = vec![7; bytes];
            let (encrypt, decrypt) = one_way(kind, &plaintext, watch)?;
            rates.insert(format!("{label}_encrypt_{size}"), encrypt);
            rates.insert(format!("{label}_decrypt_{size}"), decrypt);
            let ping_pong = ping_pong(kind, &plaintext, watch)?;
            rates.insert(format!("{label}_pingpong_{size}"), ping_pong);
        }
    }
    for (size, bytes) in [("256", 256), ("4096", 4096)] {
        let (encrypt, decrypt) = group(&vec![7; bytes], watch)?;
        rates.insert(format!("group_encrypt_{size}"), encrypt);
        rates.insert(format!("group_decrypt_{size}"), decrypt);
    }
    println!("{:#}", Value::Object(rates));
    Ok(())
}

struct Party {
    device: Device,
    store: MemoryStore,
    rng: Rng,
}

impl Party {
    fn new(name: &str, kind: SessionKind) -> Outcome<Self> {
        let mut rng = UnwrapErr(getrandom::SysRng);
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
fn set_ups(kind: SessionKind, has_one_time: bool, mut watch: Stopwatch) -> Outcome<Value> {
    while watch.goes_on() {
        let (mut alice, mut bob) = (Party::new(ALICE, kind)?, Party::new(BOB, kind)?);
        let bundle = bob.bundle(has_one_time)?;
        let (to_alice, to_bob) = (alice.address(), bob.address());
        watch.measure(1, || {
            alice.start(&to_bob, &bundle)?;
            let first = alice.encrypt(&to_bob, &[7; 32])?;
            bob.decrypt(&to_alice, &first)
        })?;
    }
    Ok(watch.rate())
}

fn pre_key_sets(kind: SessionKind, mut watch: Stopwatch) -> Outcome<Value> {
    let mut party = Party::new(ALICE, kind)?;
    while watch.goes_on() {
        watch.measure(16, || {
            for _ in 0..16 {
                party.bundle(true)?;
            }
            Ok(())
        })?;
    }
    Ok(watch.rate())
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
fn one_way(kind: SessionKind, plaintext: &[u8], watch: Stopwatch) -> Outcome<(Value, Value)> {
    let (mut alice, mut bob) = acquainted(kind)?;
    let (to_alice, to_bob) = (alice.address(), bob.address());
    let (mut encrypting, mut decrypting) = (watch, watch);
    while encrypting.goes_on() || decrypting.goes_on() {
        let mut sent = Vec::with_capacity(200);
        encrypting.measure(200, || {
            for _ in 0..200 {
                sent.push(alice.encrypt(&to_bob, plaintext)?);
            }
            Ok(())
        })?;
        decrypting.measure(200, || {
            for ciphertext in &sent {
                bob.decrypt(&to_alice, ciphertext)?;
            }
            Ok(())
        })?;
    }
    Ok((encrypting.rate(), decrypting.rate()))
}

/// Messages to and fro: a step of the ratchet each.
fn ping_pong(kind: SessionKind, plaintext: &[u8], mut watch: Stopwatch) -> Outcome<Value> {
    let (mut alice, mut bob) = acquainted(kind)?;
    let (to_alice, to_bob) = (alice.address(), bob.address());
    while watch.goes_on() {
        watch.measure(200, || {
            for _ in 0..100 {
                let there = alice.encrypt(&to_bob, plaintext)?;
                bob.decrypt(&to_alice, &there)?;
                let back = bob.encrypt(&to_alice, plaintext)?;
                alice.decrypt(&to_bob, &back)?;
            }
            Ok(())
        })?;
    }
    Ok(watch.rate())
}

/// One sender's messages to a group: encrypting and decrypting apart.
fn group(plaintext: &[u8], watch: Stopwatch) -> Outcome<(Value, Value)> {
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
        let mut sent = Vec::with_capacity(200);
        encrypting.measure(200, || {
            for _ in 0..200 {
                let (store, rng) = (&mut alice.store, &mut alice.rng);
                sent.push(
                    alice
                        .device
                        .encrypt_for_group(store, group, plaintext, rng)?,
                );
            }
            Ok(())
        })?;
        decrypting.measure(200, || {
            for message in &sent {
                bob.device
                    .decrypt_from_group(&mut bob.store, &from, message)?;
            }
            Ok(())
        })?;
    }
    Ok((encrypting.rate(), decrypting.rate()))
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
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = text.split(' ').next().ok_or("schedstat is empty")?;
    Ok(first.parse::<f64>()? / 1e9)
}
