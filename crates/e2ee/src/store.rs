//! Where a client keeps what it has to keep: bytes by slot, changed all together or not at all.

use std::collections::BTreeMap;
use std::convert::Infallible;

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::address::Address;
use crate::keys::PublicKey;
use crate::secret::discard;

/// What is kept under one name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// The sessions with a device ([`crate::SessionRecord`]).
    Session(Address),
    /// The identity key that is trusted for an account's name: 33 bytes.
    Identity(String),
    /// A one-time pre-key ([`crate::PreKey`]).
    PreKey(u32),
    /// A signed pre-key ([`crate::SignedPreKey`]).
    SignedPreKey(u32),
    /// A pre-key of the KEM ([`crate::KemPreKey`]).
    KemPreKey(u32),
    /// That a first message with this base key came without any one-time key: another one is a replay. To be removed with
    /// the signed pre-key.
    UsedBaseKey {
        /// The signed pre-key that the message named.
        signed_pre_key_id: u32,
        /// Its base key.
        base_key: PublicKey,
    },
    /// What is known of a device's key in a group ([`crate::group::SenderKeyRecord`]).
    SenderKey {
        /// The device.
        sender: Address,
        /// The group.
        distribution_id: Uuid,
    },
    /// Our own key in a group ([`crate::group::SendingKey`]).
    SendingKey(Uuid),
    /// The newest member list of a group ([`crate::group::membership::Membership`]).
    Membership(Uuid),
    /// The newest device list of an account ([`crate::device_list::DeviceList`]).
    DeviceList(String),
    /// What a person said about an account's identity key ([`crate::fingerprint::Verification`]).
    Verification(String),
}

/// One change of a slot.
#[derive(Clone, PartialEq, Eq)]
pub enum Change {
    /// Keep these bytes in the slot's place.
    Put(Slot, Zeroizing<Vec<u8>>),
    /// Forget the slot, and wipe its bytes.
    Remove(Slot),
}

/// The bytes are secret: only the slot shows.
impl core::fmt::Debug for Change {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Put(slot, _) => write!(formatter, "Put({slot:?}, …)"),
            Self::Remove(slot) => write!(formatter, "Remove({slot:?})"),
        }
    }
}

/// A client's storage. It has to be private to the device: it holds the secrets of every session.
pub trait Store {
    /// Why it could not be read or written.
    type Error;

    /// The bytes of a slot, if there are any.
    ///
    /// # Errors
    /// The storage's own.
    fn load(&self, slot: &Slot) -> Result<Option<Zeroizing<Vec<u8>>>, Self::Error>;

    /// Makes all changes or, with an error, none. They have to be durable before a plaintext is shown or a ciphertext sent.
    ///
    /// # Errors
    /// The storage's own.
    fn commit(&mut self, changes: Vec<Change>) -> Result<(), Self::Error>;
}

/// A storage that is gone with the process.
#[derive(Clone, Default)]
pub struct MemoryStore(BTreeMap<Slot, Zeroizing<Vec<u8>>>);

impl MemoryStore {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The slots that hold something.
    pub fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.0.keys()
    }
}

impl core::fmt::Debug for MemoryStore {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

impl Store for MemoryStore {
    type Error = Infallible;

    fn load(&self, slot: &Slot) -> Result<Option<Zeroizing<Vec<u8>>>, Infallible> {
        Ok(self.0.get(slot).cloned())
    }

    fn commit(&mut self, changes: Vec<Change>) -> Result<(), Infallible> {
        for change in changes {
            let before = match change {
                Change::Put(slot, bytes) => self.0.insert(slot, bytes),
                Change::Remove(slot) => self.0.remove(&slot),
            };
            if let Some(before) = before {
                discard(before);
            }
        }
        Ok(())
    }
}
