//! End-to-end encryption for clients: sessions between two devices, sender keys for groups, safety numbers.
//!
//! What it is not: nothing here waits, reads a clock, draws randomness of its own, or knows of a server. Randomness
//! (`rng`) and time (`now`) are arguments. No cryptographic primitive is written here but XEdDSA, which is arithmetic on
//! `curve25519-dalek`. It is **not independently audited**.
//!
//! Invariants:
//! - secrets have types of their own, are wiped when dropped, compared in constant time and never shown by `Debug`;
//! - no input makes it panic or take unbounded memory;
//! - state is a value: load it, act, store it. Nothing changes before the message's MAC holds.

pub mod address;
mod ciphertext;
pub mod decryption_error;
mod device;
pub mod device_list;
pub mod fingerprint;
#[cfg(test)]
mod fixture;
pub mod group;
mod handshake;
pub mod kdf;
pub mod kem;
mod kept_keys;
pub mod keys;
#[cfg(test)]
mod known_answers;
mod policy;
mod prekeys;
mod ratchet;
mod record;
mod secret;
mod session;
mod signed;
pub mod spqr;
mod store;
pub mod symmetric;
mod wire;
pub mod xeddsa;

pub use address::{Address, AddressError, DeviceId, ServiceId};
pub use ciphertext::{Ciphertext, CiphertextKind};
pub use device::{Decrypted, Device, DeviceError, Encrypted, Moment, Notice, PreKeyKind, Prepared};
pub use handshake::HandshakeError;
pub use kem::{KemKeyPair, KemPublicKey};
pub use keys::{IdentityKeyPair, KeyError, KeyPair, PrivateKey, PublicKey};
pub use policy::{Due, Policy, SessionKind};
pub use prekeys::{
    KemPreKey, KemPreKeyPublic, PRE_KEY_ID_MAX, PreKey, PreKeyBundle, SignedPreKey,
    SignedPreKeyPublic, StoredKeyError,
};
pub use record::{ARCHIVED_SESSIONS_MAX, SessionRecord, StoredRecordError};
pub use session::SessionError;
pub use store::{Change, MemoryStore, Slot, Store};
pub use wire::{PreKeyMessage, SessionMessage, Version, WireError};

/// The examples of the guide compile and run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/e2ee.md")]
struct Guide;
