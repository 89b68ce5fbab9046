//! Known answers, recorded of the official library as a black box by `tests/it/interop/record.mjs`: keys and messages as its API
//! gives them, and its serialized records, in which the secrets that we derive have to be found.

use serde_json::Value;
use uuid::Uuid;

use crate::address::{Address, DeviceId};
use crate::ciphertext::{Ciphertext, CiphertextKind};
use crate::decryption_error::{DecryptionError, MessageKind};
use crate::device::Device;
use crate::fingerprint::{Fingerprint, Party};
use crate::fixture::{rng, unhex};
use crate::group::{Distribution, GroupMessage, SenderKeyRecord, SendingKey};
use crate::handshake::{NamedPreKeys, respond};
use crate::kem::KemKeyPair;
use crate::keys::{IdentityKeyPair, KeyPair, PrivateKey, PublicKey};
use crate::policy::{Policy, SessionKind};
use crate::prekeys::{KemPreKey, PreKey, SignedPreKey};
use crate::ratchet::Chain;
use crate::spqr::{Direction, Spqr};
use crate::store::{Change, MemoryStore, Slot, Store};
use crate::wire::{Parties, PreKeyMessage, SessionMessageParts, Version};

const NOW: u64 = 1_790_000_000;

/// What was recorded of both releases.
fn recorded() -> [Value; 2] {
    let texts = [
        include_str!("../tests/vectors/official-0.103.0.json"),
        include_str!("../tests/vectors/official-0.72.1.json"),
    ];
    texts.map(|text| serde_json::from_str(text).expect("JSON"))
}

/// All entries under a name, of both releases.
fn entries(name: &str) -> Vec<Value> {
    let entries = recorded().map(|record| record[name].as_array().cloned());
    entries.into_iter().flatten().flatten().collect()
}

fn bytes(entry: &Value, name: &str) -> Vec<u8> {
    unhex(entry[name].as_str().expect("a text in hex"))
}

fn number(entry: &Value, name: &str) -> u32 {
    let number = entry[name].as_u64().expect("a number");
    u32::try_from(number).expect("32 bits")
}

fn public(entry: &Value, name: &str) -> PublicKey {
    PublicKey::from_bytes(&bytes(entry, name)).expect("a public key")
}

fn pair(entry: &Value, name: &str) -> KeyPair {
    KeyPair::from_private(PrivateKey::from_bytes(&bytes(entry, name)).expect("a private key"))
}

fn address(entry: &Value) -> Address {
    let device_id = DeviceId::new(number(entry, "deviceId")).expect("a device id");
    Address::new(entry["name"].as_str().expect("a name"), device_id)
}

/// Whether the secret stands somewhere in what the official library stored.
fn holds(record: &[u8], secret: &[u8]) -> bool {
    record.windows(secret.len()).any(|window| window == secret)
}

#[test]
fn recorded_signatures_hold() {
    let entries = entries("signatures");
    assert_eq!(entries.len(), 16);
    for entry in &entries {
        let key = public(entry, "publicKey");
        assert_eq!(*pair(entry, "privateKey").public(), key);
        let (message, mut signature) = (bytes(entry, "message"), bytes(entry, "signature"));
        assert!(key.is_signature_valid(&message, &signature));
        signature[40] ^= 1;
        assert!(!key.is_signature_valid(&message, &signature));
    }
}

#[test]
fn recorded_agreements_are_ours() {
    for entry in entries("agreements") {
        let secret = pair(&entry, "privateKey").agree(&public(&entry, "publicKey"));
        assert_eq!(secret.expect("agreed").to_vec(), bytes(&entry, "secret"));
    }
}

/// Bob, as he was recorded.
struct Bob {
    device: Device,
    store: MemoryStore,
    pre_keys: NamedPreKeys,
}

impl Bob {
    fn of(entry: &Value, kind: SessionKind) -> Self {
        let bob = &entry["bob"];
        let signature = |key: &Value| bytes(key, "signature").try_into().expect("64 bytes");
        let signed = &bob["signedPreKey"];
        let signed = SignedPreKey {
            id: number(signed, "id"),
            pair: pair(signed, "privateKey"),
            signature: signature(signed),
        };
        let one_time = bob.get("preKey").map(|key| PreKey {
            id: number(key, "id"),
            pair: pair(key, "privateKey"),
        });
        let kem = bob.get("pqPreKey").map(|key| {
            let (secret, public) = (bytes(key, "secretKey"), bytes(key, "publicKey"));
            KemPreKey {
                id: number(key, "id"),
                pair: KemKeyPair::from_bytes(&secret, &public).expect("a KEM pair"),
                signature: signature(key),
                is_last_resort: false,
            }
        });
        let device = Device {
            address: address(bob),
            identity: IdentityKeyPair::from_key_pair(pair(bob, "identityPrivateKey")),
            registration_id: number(bob, "registrationId"),
            policy: Policy::only(kind),
        };
        let pre_keys = NamedPreKeys {
            signed,
            one_time,
            kem,
        };
        let mut store = MemoryStore::new();
        store.commit(pre_keys.to_changes()).expect("stored");
        Self {
            device,
            store,
            pre_keys,
        }
    }
}

impl NamedPreKeys {
    fn to_changes(&self) -> Vec<Change> {
        let signed = &self.signed;
        let mut changes = vec![Change::Put(
            Slot::SignedPreKey(signed.id),
            signed.to_bytes(),
        )];
        if let Some(key) = &self.one_time {
            changes.push(Change::Put(Slot::PreKey(key.id), key.to_bytes()));
        }
        if let Some(key) = &self.kem {
            changes.push(Change::Put(Slot::KemPreKey(key.id), key.to_bytes()));
        }
        changes
    }
}

fn set_ups() -> Vec<(Value, SessionKind)> {
    let [newest, old] = recorded();
    let of = |record: &Value, v4: SessionKind| {
        let entries = record["setUps"].as_array().cloned().unwrap_or_default();
        entries.into_iter().map(move |entry| {
            let is_v3 = entry["name"]
                .as_str()
                .is_some_and(|name| name.starts_with("v3"));
            let kind = if is_v3 { SessionKind::X3dh } else { v4 };
            (entry, kind)
        })
    };
    of(&newest, SessionKind::PqxdhWithRatchet)
        .chain(of(&old, SessionKind::Pqxdh))
        .collect()
}

#[test]
fn recorded_first_messages_open() {
    let set_ups = set_ups();
    assert_eq!(set_ups.len(), 6);
    for (entry, kind) in &set_ups {
        let mut bob = Bob::of(entry, *kind);
        let alice = address(&entry["alice"]);
        for at in [2, 1, 0] {
            let message = &entry["messages"][at];
            let kind = u64::from(number(message, "type"));
            let ciphertext = Ciphertext {
                kind: CiphertextKind::of_number(kind).expect("of a session"),
                body: bytes(message, "body"),
            };
            let opened = bob.device.decrypt(&mut bob.store, &alice, &ciphertext, NOW);
            let opened = opened.expect("a text").plaintext;
            assert_eq!(
                opened.to_vec(),
                bytes(message, "plaintext"),
                "{}",
                entry["name"]
            );
            let again = bob.device.decrypt(&mut bob.store, &alice, &ciphertext, NOW);
            assert!(again.is_err());
        }
    }
}

/// From Bob's keys and Alice's first message: the root and chain that Alice's record has after the set-up, the chain that Bob's
/// has after her third message, and the seed that it keeps of her first.
#[test]
fn secrets_of_a_set_up_stand_in_the_official_records() {
    for (entry, kind) in set_ups() {
        let name = &entry["name"];
        let bob = Bob::of(&entry, kind);
        let first = PreKeyMessage::from_bytes(&bytes(&entry["messages"][0], "body"));
        let first = first.expect("a first message");
        let agreed = respond(&bob.device.identity, &first, &bob.pre_keys, kind).expect("agreed");
        let ratchet_key = first.message().ratchet_key();
        let secret = bob.pre_keys.signed.pair.agree(ratchet_key).expect("agreed");
        let (root, mut chain) = agreed.root.step(&secret);
        let (at_alice, at_bob) = (bytes(&entry, "aliceRecord"), bytes(&entry, "bobRecord"));
        assert!(holds(&at_alice, root.0.expose()), "root of {name}");
        assert!(holds(&at_alice, chain_key(&chain)), "chain of {name}");
        let seed = chain.next_seed().expect("a seed");
        assert!(holds(&at_bob, seed.0.expose()), "kept seed of {name}");
        chain.next_seed();
        chain.next_seed();
        assert!(holds(&at_bob, chain_key(&chain)), "later chain of {name}");
        if kind == SessionKind::PqxdhWithRatchet {
            let pq_key = agreed.pq_key.expect("version 4");
            post_quantum_chain(pq_key.expose(), &first, &at_bob);
        }
    }
}

/// The post-quantum chain gives a key for the first message, which the official record keeps, too.
fn post_quantum_chain(pq_key: &[u8; 32], first: &PreKeyMessage, at_bob: &[u8]) {
    let mut spqr = Spqr::new(pq_key, Direction::Responder);
    let key = spqr
        .receive(&first.message().pq_ratchet)
        .expect("a message");
    let key = key.expect("a key for the message");
    assert!(
        holds(at_bob, key.as_bytes()),
        "post-quantum key of the first message"
    );
}

fn chain_key(chain: &Chain) -> &[u8; 32] {
    chain.secret().0.expose()
}

#[test]
fn messages_have_the_recorded_bytes() {
    let entries = entries("sessionMessages");
    assert_eq!(entries.len(), 6);
    for entry in entries {
        let pq_ratchet = bytes(&entry, "pqRatchet");
        let parts = SessionMessageParts {
            version: match number(&entry, "version") {
                3 => Version::V3,
                _ => Version::V4,
            },
            ratchet_key: public(&entry, "ratchetKey"),
            counter: number(&entry, "counter"),
            previous_counter: number(&entry, "previousCounter"),
            ciphertext: bytes(&entry, "ciphertext"),
            pq_ratchet: (!pq_ratchet.is_empty()).then_some(pq_ratchet),
            addresses: None,
        };
        let parties = Parties {
            sender: &public(&entry, "sender"),
            receiver: &public(&entry, "receiver"),
        };
        let sealed = parts.seal(&bytes(&entry, "macKey"), parties);
        assert_eq!(sealed, bytes(&entry, "body"));
    }
}

#[test]
fn recorded_group_messages_open_and_are_made_alike() {
    for record in recorded() {
        let entry = &record["senderKeys"];
        let group = entry["distributionId"].as_str().expect("an id");
        let group = Uuid::parse_str(group).expect("an id");
        let sent = bytes(entry, "distribution");
        let distribution = Distribution::from_bytes(&sent).expect("a distribution message");
        assert_eq!(distribution.to_bytes().to_vec(), sent);
        let mut receiver = SenderKeyRecord::new(group);
        receiver.learn(&distribution).expect("learned");
        let mut sender = SendingKey::generate(group, NOW, &mut rng(1));
        sender.chain_id = distribution.chain_id;
        sender.chain = distribution.chain.clone();
        for message in entry["messages"].as_array().expect("messages") {
            let (body, plaintext) = (bytes(message, "body"), bytes(message, "plaintext"));
            let read = GroupMessage::from_bytes(&body).expect("a message");
            assert_eq!(receiver.decrypt(&read), Ok(plaintext.clone()));
            let made = sender.encrypt(&plaintext, &mut rng(2)).expect("a message");
            // The signature has randomness in it.
            let signed = body.len() - 64;
            assert_eq!(made[..signed], body[..signed]);
        }
        let later = Distribution::from_bytes(&bytes(entry, "later")).expect("a later one");
        assert_eq!(chain_key(&later.chain), chain_key(&sender.chain));
        assert_eq!(later.chain.index(), 3);
        sender_chain_in_record(&distribution, &bytes(entry, "receiverRecord"));
    }
}

/// The official receiver opened the third message: it has the chain after it, and keeps the seeds of the two before.
fn sender_chain_in_record(distribution: &Distribution, record: &[u8]) {
    let mut chain = distribution.chain.clone();
    for _ in 0..2 {
        let seed = chain.next_seed().expect("a seed");
        assert!(holds(record, seed.0.expose()));
    }
    chain.next_seed();
    assert!(holds(record, chain_key(&chain)));
}

#[test]
fn recorded_safety_numbers_are_ours() {
    let entries = entries("fingerprints");
    assert_eq!(entries.len(), 8);
    for entry in entries {
        let (local_id, remote_id) = (bytes(&entry, "localId"), bytes(&entry, "remoteId"));
        let (local_key, remote_key) = (public(&entry, "localKey"), public(&entry, "remoteKey"));
        let local = Party {
            id: &local_id,
            identity_key: &local_key,
        };
        let remote = Party {
            id: &remote_id,
            identity_key: &remote_key,
        };
        let (version, iterations) = (number(&entry, "version"), number(&entry, "iterations"));
        let make = |local, remote| {
            Fingerprint::with_iterations(version, iterations, local, remote).expect("a number")
        };
        let made = make(local, remote);
        assert_eq!(made.display(), entry["display"].as_str().expect("digits"));
        assert_eq!(made.scannable(), bytes(&entry, "scannable"));
        let other_side = make(remote, local);
        assert_eq!(other_side.matches(&bytes(&entry, "scannable")), Ok(true));
        if (version, iterations) == (2, 5200) {
            assert_eq!(Fingerprint::new(local, remote), made);
        }
    }
}

#[test]
fn recorded_decryption_errors_are_ours() {
    for entry in entries("decryptionErrors") {
        let kind = match number(&entry, "type") {
            3 => MessageKind::PreKey,
            _ => MessageKind::Group,
        };
        let device_id = DeviceId::new(number(&entry, "deviceId")).expect("a device id");
        let timestamp = entry["timestamp"].as_u64().expect("a time");
        let original = bytes(&entry, "original");
        let made = DecryptionError::of_message(kind, &original, timestamp, device_id);
        let made = made.expect("a readable message");
        assert_eq!(made.to_bytes(), bytes(&entry, "body"));
        let content = bytes(&entry, "plaintextContent");
        assert_eq!(made.to_plaintext_content(), content);
        assert_eq!(DecryptionError::from_plaintext_content(&content), Ok(made));
    }
}
