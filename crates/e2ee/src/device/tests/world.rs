//! Devices with stores of their own.

use crate::fixture::{SeededRng, rng};
use crate::{
    Address, Change, Ciphertext, Decrypted, Device, DeviceError, DeviceId, Encrypted,
    IdentityKeyPair, KemPreKey, KemPreKeyPublic, MemoryStore, Moment, Notice, Policy, PreKey,
    PreKeyBundle, SessionKind, SignedPreKey, SignedPreKeyPublic, Slot, Store,
};
use std::convert::Infallible;

pub(super) const ALICE: &str = "9d0652a3-dcc3-4d11-975f-74d61598733f";
pub(super) const BOB: &str = "796abedb-ca4e-4f18-8803-1fde5b921f9f";

pub(super) const KINDS: [SessionKind; 3] = [
    SessionKind::X3dh,
    SessionKind::Pqxdh,
    SessionKind::PqxdhWithRatchet,
];

pub(super) type Failure = DeviceError<Infallible>;

/// A device, its store, its clock and its randomness.
pub(super) struct Party {
    pub(super) device: Device,
    pub(super) store: MemoryStore,
    pub(super) now_seconds: u64,
    rng: SeededRng,
    next_id: u32,
}

/// Which one-time keys a bundle has.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum OneTime {
    Both,
    None,
}

impl Party {
    pub(super) fn new(name: &str, kind: SessionKind, seed: u64) -> Self {
        let mut rng = rng(seed);
        let device_id = DeviceId::new(1).expect("1 is a device id");
        Self {
            device: Device {
                address: Address::new(name, device_id),
                identity: IdentityKeyPair::generate(&mut rng),
                registration_id: 1234,
                policy: Policy::only(kind),
            },
            store: MemoryStore::new(),
            now_seconds: 1_700_000_000,
            rng,
            next_id: 1,
        }
    }

    pub(super) fn address(&self) -> Address {
        self.device.address.clone()
    }

    pub(super) fn bundle(&mut self, one_time: OneTime) -> PreKeyBundle {
        let id = self.next_id;
        self.next_id += 1;
        let identity = &self.device.identity;
        let signed = SignedPreKey::generate(id, identity, &mut self.rng);
        let pre_key = PreKey::generate(id, &mut self.rng);
        let mut kem = KemPreKey::generate(id, identity, &mut self.rng);
        if one_time == OneTime::None {
            kem = kem.as_last_resort();
        }
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
            pre_key: (one_time == OneTime::Both).then_some((id, *pre_key.pair.public())),
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

    pub(super) fn start(
        &mut self,
        remote: &Address,
        bundle: &PreKeyBundle,
    ) -> Result<Vec<Notice>, Failure> {
        let moment = Moment {
            now_seconds: self.now_seconds,
            rng: &mut self.rng,
        };
        self.device
            .start_session(&mut self.store, remote, bundle, moment)
    }

    pub(super) fn try_encrypt(
        &mut self,
        remote: &Address,
        plaintext: &[u8],
    ) -> Result<Encrypted, Failure> {
        let moment = Moment {
            now_seconds: self.now_seconds,
            rng: &mut self.rng,
        };
        self.device
            .encrypt(&mut self.store, remote, plaintext, moment)
    }

    pub(super) fn encrypt(&mut self, remote: &Address, plaintext: &[u8]) -> Ciphertext {
        self.try_encrypt(remote, plaintext)
            .expect("encrypts")
            .ciphertext
    }

    pub(super) fn try_decrypt(
        &mut self,
        remote: &Address,
        ciphertext: &Ciphertext,
    ) -> Result<Decrypted, Failure> {
        self.device
            .decrypt(&mut self.store, remote, ciphertext, self.now_seconds)
    }

    pub(super) fn decrypt(&mut self, remote: &Address, ciphertext: &Ciphertext) -> Vec<u8> {
        let opened = self.try_decrypt(remote, ciphertext).expect("decrypts");
        opened.plaintext.to_vec()
    }

    /// What the store holds, to see that nothing changed.
    pub(super) fn stored(&self) -> Vec<(Slot, Vec<u8>)> {
        let slots = self.store.slots();
        slots
            .map(|slot| {
                let bytes = self.store.load(slot).expect("memory").expect("listed");
                (slot.clone(), bytes.to_vec())
            })
            .collect()
    }
}

/// Alice and Bob, who do not know each other yet.
pub(super) fn strangers(kind: SessionKind) -> (Party, Party) {
    (Party::new(ALICE, kind, 1), Party::new(BOB, kind, 2))
}

/// Alice and Bob after a message and its answer.
pub(super) fn acquainted(kind: SessionKind) -> (Party, Party) {
    let (mut alice, mut bob) = strangers(kind);
    let bundle = bob.bundle(OneTime::Both);
    alice.start(&bob.address(), &bundle).expect("starts");
    pass(&mut alice, &mut bob, b"hello");
    pass(&mut bob, &mut alice, b"hello yourself");
    (alice, bob)
}

/// One message that arrives.
pub(super) fn pass(from: &mut Party, to: &mut Party, plaintext: &[u8]) {
    let ciphertext = from.encrypt(&to.address(), plaintext);
    assert_eq!(to.decrypt(&from.address(), &ciphertext), plaintext);
}
