//! Two devices with stores of their own.

use crate::Numbers;
use keyward_e2ee::{
    Address, Change, Ciphertext, Device, DeviceId, IdentityKeyPair, KemPreKey, KemPreKeyPublic,
    MemoryStore, Moment, Policy, PreKey, PreKeyBundle, SessionKind, SignedPreKey,
    SignedPreKeyPublic, Slot, Store,
};
use std::sync::OnceLock;

/// The accounts' names: UUIDs, so that first messages name them.
pub const NAMES: [&str; 2] = [
    "9d0652a3-dcc3-4d11-975f-74d61598733f",
    "796abedb-ca4e-4f18-8803-1fde5b921f9f",
];
/// The kinds of sessions.
pub const KINDS: [SessionKind; 3] = [
    SessionKind::X3dh,
    SessionKind::Pqxdh,
    SessionKind::PqxdhWithRatchet,
];
/// Seconds since 1970.
pub const NOW: u64 = 1_700_000_000;

/// A device, its store and its randomness.
#[derive(Clone)]
pub struct Party {
    pub device: Device,
    pub store: MemoryStore,
    pub numbers: Numbers,
    next_id: u32,
}

impl Party {
    /// Without sessions; one of two names.
    pub fn new(name: usize, kind: SessionKind) -> Self {
        let mut numbers = Numbers(name as u64 + 1);
        Self {
            device: Device {
                address: address(name),
                identity: IdentityKeyPair::generate(&mut numbers),
                registration_id: 1234,
                policy: Policy::only(kind),
            },
            store: MemoryStore::new(),
            numbers,
            next_id: 1,
        }
    }

    /// New pre-keys, kept here, and what others get of them.
    pub fn bundle(&mut self, one_time: bool) -> PreKeyBundle {
        let id = self.next_id;
        self.next_id += 1;
        let identity = &self.device.identity;
        let signed = SignedPreKey::generate(id, identity, &mut self.numbers);
        let pre_key = PreKey::generate(id, &mut self.numbers);
        let kem = KemPreKey::generate(id, identity, &mut self.numbers);
        let kem = if one_time { kem } else { kem.as_last_resort() };
        let changes = vec![
            Change::Put(Slot::SignedPreKey(id), signed.to_bytes()),
            Change::Put(Slot::PreKey(id), pre_key.to_bytes()),
            Change::Put(Slot::KemPreKey(id), kem.to_bytes()),
        ];
        self.store.commit(changes).expect("memory");
        let has_kem = self.device.policy.preferred > SessionKind::X3dh;
        PreKeyBundle {
            registration_id: self.device.registration_id,
            device_id: self.device.address.device_id(),
            identity_key: *identity.public(),
            pre_key: one_time.then_some((id, *pre_key.pair.public())),
            signed_pre_key: SignedPreKeyPublic {
                id,
                key: *signed.pair.public(),
                signature: signed.signature.to_vec(),
            },
            kem_pre_key: has_kem.then(|| KemPreKeyPublic {
                id,
                key: kem.pair.public().clone(),
                signature: kem.signature.to_vec(),
            }),
        }
    }

    /// Starts a session; whether the bundle was taken.
    pub fn start(&mut self, remote: &Address, bundle: &PreKeyBundle) -> bool {
        let moment = Moment {
            now_seconds: NOW,
            rng: &mut self.numbers,
        };
        let started = self
            .device
            .start_session(&mut self.store, remote, bundle, moment);
        started.is_ok()
    }

    /// Seals, if there is a session.
    pub fn seal(&mut self, remote: &Address, plaintext: &[u8]) -> Option<Ciphertext> {
        let moment = Moment {
            now_seconds: NOW,
            rng: &mut self.numbers,
        };
        let sealed = self
            .device
            .encrypt(&mut self.store, remote, plaintext, moment);
        sealed.ok().map(|sealed| sealed.ciphertext)
    }

    /// Opens. When it does not open, the store is seen to be as it was.
    pub fn open(&mut self, remote: &Address, ciphertext: &Ciphertext) -> Option<Vec<u8>> {
        let before = self.stored();
        let opened = self
            .device
            .decrypt(&mut self.store, remote, ciphertext, NOW);
        if opened.is_err() {
            assert!(before == self.stored(), "an error changes nothing");
        }
        opened.ok().map(|opened| opened.plaintext.to_vec())
    }

    /// All that is stored.
    pub fn stored(&self) -> Vec<(Slot, Vec<u8>)> {
        let bytes = |slot: &Slot| self.store.load(slot).expect("memory").expect("listed");
        let slots = self.store.slots();
        slots
            .map(|slot| (slot.clone(), bytes(slot).to_vec()))
            .collect()
    }
}

/// The first device of an account.
pub fn address(name: usize) -> Address {
    Address::new(NAMES[name], DeviceId::new(1).expect("a device id"))
}

/// Two devices; the first has started a session with the second, and they have written so many messages by turns.
pub fn pair(kind: SessionKind, one_time: bool, turns: usize) -> [Party; 2] {
    let mut parties = [Party::new(0, kind), Party::new(1, kind)];
    let bundle = parties[1].bundle(one_time);
    assert!(parties[0].start(&address(1), &bundle));
    for turn in 0..turns {
        let from = turn % 2;
        let sealed = parties[from].seal(&address(1 - from), b"hello");
        let opened = parties[1 - from].open(&address(from), &sealed.expect("a session"));
        assert_eq!(opened.as_deref(), Some(&b"hello"[..]));
    }
    parties
}

/// Pairs to begin with: of each kind after the first answer, and with the post-quantum ratchet at points of three epochs more.
pub fn pairs() -> &'static [[Party; 2]] {
    static PAIRS: OnceLock<Vec<[Party; 2]>> = OnceLock::new();
    PAIRS.get_or_init(|| {
        let further = (1..26).map(|step| (SessionKind::PqxdhWithRatchet, step * 10 + step % 2));
        let beginnings = KINDS.into_iter().map(|kind| (kind, 3)).chain(further);
        beginnings
            .map(|(kind, turns)| pair(kind, true, turns))
            .collect()
    })
}

/// Who receives, and what it was sent: three messages, all to be opened.
pub struct Exchange {
    pub receiver: Party,
    pub messages: Vec<Ciphertext>,
}

/// By kind of session, with and without one-time keys, before and after the first reply.
pub fn exchanges() -> &'static [Exchange] {
    static EXCHANGES: OnceLock<Vec<Exchange>> = OnceLock::new();
    EXCHANGES.get_or_init(|| {
        let mut exchanges = Vec::new();
        for kind in KINDS {
            for (one_time, turns) in [(true, 0), (false, 0), (true, 3)] {
                let [mut sender, receiver] = pair(kind, one_time, turns);
                let seal = |_| sender.seal(&address(1), b"a message").expect("a session");
                let messages = (0..3).map(seal).collect();
                exchanges.push(Exchange { receiver, messages });
            }
        }
        exchanges
    })
}
