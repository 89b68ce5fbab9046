//! A sender's own key in a group: what it encrypts with, who has it, and when it has served long enough.

use std::collections::BTreeSet;
use std::mem;

use prost::Message;
use rand_core::CryptoRng;
use uuid::Uuid;
use zeroize::{Zeroize, Zeroizing};

use crate::address::{Address, DeviceId};
use crate::keys::{KeyPair, PrivateKey, PublicKey, SigningPair};
use crate::ratchet::{Chain, ChainSecret};
use crate::secret::{SECRET_BYTES, Secret};
use crate::symmetric;
use crate::xeddsa::SIGNATURE_BYTES;

use super::fields::{GroupMessageFields, StoredAddress, StoredHolders, StoredSendingKey};
use super::{Distribution, GroupError, GroupKeys, with_version};

const STORED_VERSION: u32 = 1;

/// One's own chain in a group. Load, act, store.
#[derive(Debug, Clone)]
pub struct SendingKey {
    distribution_id: Uuid,
    pub(crate) chain_id: u32,
    pub(crate) chain: Chain,
    pub(super) signing: SigningPair,
    created_at_seconds: u64,
    /// Who has the key ([`StoredHolders`]), as stored: it is asked for before a message and not with each one.
    holders: Vec<u8>,
}

/// When a sender makes a new key by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotationPolicy {
    /// A key older than this is due (`SESSION_KEY_LIFETIME_HOURS`).
    pub lifetime_hours: u32,
    /// A key with this many messages is due (`SESSION_ROTATION_THRESHOLD`).
    pub threshold_messages: u32,
}

/// A week and a thousand messages.
impl Default for RotationPolicy {
    fn default() -> Self {
        Self {
            lifetime_hours: 168,
            threshold_messages: 1000,
        }
    }
}

/// Why a new key is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationReason {
    /// A device has the key that is no longer among the receivers.
    Left,
    /// The key is older than the policy's lifetime.
    Lifetime,
    /// The key has the policy's number of messages.
    Messages,
}

/// What to do before the next message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Make a new key first. `give_to` is then everybody.
    pub rotate: Option<RotationReason>,
    /// Who needs the distribution message.
    pub give_to: Vec<Address>,
}

impl SendingKey {
    /// A new key, which nobody has yet. `now_seconds` counts from the Unix epoch.
    pub fn generate(
        distribution_id: Uuid,
        now_seconds: u64,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Self {
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        rng.fill_bytes(secret.as_mut_slice());
        Self {
            distribution_id,
            // 31 bits, as official clients draw it.
            chain_id: rng.next_u32() >> 1,
            chain: Chain::begin(ChainSecret(Secret::of_derived(&secret, 0))),
            signing: SigningPair::new(KeyPair::generate(rng)),
            created_at_seconds: now_seconds,
            holders: Vec::new(),
        }
    }

    /// A new key in the place of this one: who left reads no further.
    pub fn rotate(&mut self, now_seconds: u64, rng: &mut (impl CryptoRng + ?Sized)) {
        *self = Self::generate(self.distribution_id, now_seconds, rng);
    }

    /// What a device needs to read from the next message on, and nothing before it.
    #[must_use]
    pub fn distribution(&self) -> Distribution {
        Distribution {
            distribution_id: self.distribution_id,
            chain_id: self.chain_id,
            chain: self.chain.clone(),
            signing_key: *self.signing.pair().public(),
        }
    }

    /// What is due before a message to `receivers`: all devices of the group's members but this one. They come from a verified
    /// [member list](super::membership) and verified [device lists](crate::device_list), never from the server's word alone.
    ///
    /// # Errors
    /// [`GroupError::Stored`].
    pub fn plan(
        &self,
        receivers: &BTreeSet<Address>,
        policy: &RotationPolicy,
        now_seconds: u64,
    ) -> Result<Plan, GroupError> {
        let holders = self.holders()?;
        let rotate = match holders.is_subset(receivers) {
            true => self.due(policy, now_seconds),
            false => Some(RotationReason::Left),
        };
        let has_it = |address: &&Address| rotate.is_none() && holders.contains(*address);
        let lacking = receivers.iter().filter(|address| !has_it(address));
        Ok(Plan {
            rotate,
            give_to: lacking.cloned().collect(),
        })
    }

    fn due(&self, policy: &RotationPolicy, now_seconds: u64) -> Option<RotationReason> {
        let age_seconds = now_seconds.saturating_sub(self.created_at_seconds);
        if age_seconds >= u64::from(policy.lifetime_hours) * 3600 {
            return Some(RotationReason::Lifetime);
        }
        (self.chain.index() >= policy.threshold_messages).then_some(RotationReason::Messages)
    }

    /// Notes who is sent the distribution message. Note it before sending: a device that may have the key counts.
    ///
    /// # Errors
    /// [`GroupError::Stored`].
    pub fn mark_given(
        &mut self,
        addresses: impl IntoIterator<Item = Address>,
    ) -> Result<(), GroupError> {
        let mut holders = self.holders()?;
        holders.extend(addresses);
        self.holders = StoredHolders::of(&holders);
        Ok(())
    }

    /// Notes that a device asks for the key again (its decryption error): the next [plan](Self::plan) gives it anew.
    ///
    /// # Errors
    /// [`GroupError::Stored`].
    pub fn mark_lacking(&mut self, address: &Address) -> Result<(), GroupError> {
        let mut holders = self.holders()?;
        holders.remove(address);
        self.holders = StoredHolders::of(&holders);
        Ok(())
    }

    fn holders(&self) -> Result<BTreeSet<Address>, GroupError> {
        let stored = StoredHolders::decode(self.holders.as_slice());
        let stored = stored.map_err(|_| GroupError::Stored)?;
        let holders = stored.addresses.iter().map(StoredAddress::to_address);
        holders.collect::<Option<_>>().ok_or(GroupError::Stored)
    }

    /// The message as it travels to everybody who has the key.
    ///
    /// # Errors
    /// [`GroupError::Exhausted`] after 2^32 - 1 messages.
    pub fn encrypt(
        &mut self,
        plaintext: &[u8],
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Vec<u8>, GroupError> {
        let iteration = self.chain.index();
        let seed = self.chain.next_seed().ok_or(GroupError::Exhausted)?;
        let keys = GroupKeys::derive(&seed);
        let fields = GroupMessageFields {
            distribution_id: Some(self.distribution_id.as_bytes().to_vec()),
            chain_id: Some(self.chain_id),
            iteration: Some(iteration),
            ciphertext: Some(symmetric::encrypt(
                &keys.cipher_key(),
                &keys.iv(),
                plaintext,
            )),
        };
        let mut message = with_version(&fields, SIGNATURE_BYTES);
        let signature = self.signing.sign(&message, rng);
        message.extend_from_slice(&signature);
        Ok(message)
    }

    /// The bytes to store: secret.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut stored = StoredSendingKey {
            version: STORED_VERSION,
            distribution_id: self.distribution_id.as_bytes().to_vec(),
            chain_id: self.chain_id,
            iteration: self.chain.index(),
            chain_key: self.chain.secret().0.expose().to_vec(),
            signing_private: self.signing.pair().private().expose().to_vec(),
            signing_public: self.signing.pair().public().as_bytes().to_vec(),
            signing_edwards: self.signing.edwards().to_vec(),
            created_at_seconds: self.created_at_seconds,
            holders: self.holders.clone(),
        };
        let bytes = Zeroizing::new(stored.encode_to_vec());
        stored.chain_key.zeroize();
        stored.signing_private.zeroize();
        bytes
    }

    /// Reads what [`SendingKey::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`GroupError::Stored`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, GroupError> {
        let mut stored = StoredSendingKey::decode(bytes).map_err(|_| GroupError::Stored)?;
        let read = Self::from_stored(&mut stored).ok_or(GroupError::Stored);
        stored.chain_key.zeroize();
        stored.signing_private.zeroize();
        read
    }

    fn from_stored(stored: &mut StoredSendingKey) -> Option<Self> {
        if stored.version != STORED_VERSION {
            return None;
        }
        let secret = ChainSecret(Secret::from_slice(&stored.chain_key)?);
        let private = PrivateKey::from_bytes(&stored.signing_private).ok()?;
        let public = PublicKey::from_bytes(&stored.signing_public).ok()?;
        let edwards = stored.signing_edwards.as_slice().try_into().ok()?;
        Some(Self {
            distribution_id: Uuid::from_slice(&stored.distribution_id).ok()?,
            chain_id: stored.chain_id,
            chain: Chain::from_kept(secret, stored.iteration),
            signing: SigningPair::from_kept(KeyPair::from_kept(private, public), edwards),
            created_at_seconds: stored.created_at_seconds,
            holders: mem::take(&mut stored.holders),
        })
    }
}

impl StoredHolders {
    fn of(holders: &BTreeSet<Address>) -> Vec<u8> {
        let addresses = holders.iter().map(StoredAddress::of).collect();
        Self { addresses }.encode_to_vec()
    }
}

impl StoredAddress {
    fn of(address: &Address) -> Self {
        Self {
            name: address.name().to_owned(),
            device_id: address.device_id().get().into(),
        }
    }

    fn to_address(&self) -> Option<Address> {
        let device_id = DeviceId::new(self.device_id).ok()?;
        Some(Address::new(&self.name, device_id))
    }
}
