//! How a session is kept: versioned protobuf, the secrets of it wiped behind the conversion.

use core::mem;

use prost::Message;
use zeroize::{Zeroize, Zeroizing};

use super::receiving::{ReceivingChain, ReceivingChains};
use super::{Pending, Session, SessionError, SetUp};
use crate::kept_keys::KeptKeys;
use crate::keys::{KeyPair, PrivateKey, PublicKey};
use crate::ratchet::{Chain, ChainSecret, RootKey};
use crate::secret::{Secret, wipe_vec};
use crate::wire::Version;

/// The form's version.
const FORM: u32 = 1;

#[derive(Clone, PartialEq, prost::Message)]
struct StoredSession {
    #[prost(uint32, tag = "1")]
    form: u32,
    #[prost(message, optional, tag = "2")]
    set_up: Option<StoredSetUp>,
    #[prost(message, optional, tag = "3")]
    pending: Option<StoredPending>,
    #[prost(uint32, tag = "4")]
    messages: u32,
    #[prost(bytes = "vec", tag = "5")]
    root: Vec<u8>,
    #[prost(bytes = "vec", tag = "6")]
    pair_private: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    pair_public: Vec<u8>,
    #[prost(message, optional, tag = "8")]
    sending: Option<StoredChain>,
    #[prost(uint32, tag = "9")]
    previous_counter: u32,
    #[prost(bytes = "vec", optional, tag = "10")]
    their_key: Option<Vec<u8>>,
    #[prost(message, repeated, tag = "11")]
    receiving: Vec<StoredChain>,
    #[prost(bytes = "vec", optional, tag = "12")]
    pq_ratchet: Option<Vec<u8>>,
}

/// Only what finds a session by its name: the rest is skipped.
#[derive(Clone, PartialEq, prost::Message)]
struct StoredBeginning {
    #[prost(message, optional, tag = "2")]
    set_up: Option<StoredSetUp>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredSetUp {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(bytes = "vec", tag = "2")]
    base_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    local_identity: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    remote_identity: Vec<u8>,
    #[prost(uint32, tag = "5")]
    local_registration_id: u32,
    #[prost(uint32, tag = "6")]
    remote_registration_id: u32,
    #[prost(uint64, tag = "7")]
    created_at: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredPending {
    #[prost(uint32, optional, tag = "1")]
    pre_key_id: Option<u32>,
    #[prost(uint32, tag = "2")]
    signed_pre_key_id: u32,
    #[prost(uint32, optional, tag = "3")]
    kem_pre_key_id: Option<u32>,
    #[prost(bytes = "vec", tag = "4")]
    kem_ciphertext: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct StoredChain {
    /// Empty for the sending chain: that is the pair's.
    #[prost(bytes = "vec", tag = "1")]
    key: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    secret: Vec<u8>,
    #[prost(uint32, tag = "3")]
    index: u32,
    #[prost(bytes = "vec", tag = "4")]
    kept: Vec<u8>,
}

impl Session {
    /// The form to keep, with its secrets. What is big moves and is not copied.
    pub(crate) fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        let mut stored = StoredSession {
            form: FORM,
            set_up: Some(StoredSetUp::of(&self.set_up)),
            pending: self.pending.map(StoredPending::of),
            messages: self.messages,
            root: self.root.0.expose().to_vec(),
            pair_private: bytes_of(&self.pair, |pair| pair.private().expose()),
            pair_public: bytes_of(&self.pair, |pair| pair.public().as_bytes()),
            sending: self.sending.as_ref().map(StoredChain::of),
            previous_counter: self.previous_counter,
            their_key: self.their_key.map(|key| key.as_bytes().to_vec()),
            receiving: self
                .receiving
                .into_iter()
                .map(StoredChain::of_receiving)
                .collect(),
            pq_ratchet: self.pq_ratchet.map(|mut bytes| mem::take(&mut *bytes)),
        };
        let bytes = Zeroizing::new(stored.encode_to_vec());
        stored.wipe();
        bytes
    }

    /// Reads what [`Self::to_bytes`] gave.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, SessionError> {
        let mut stored = StoredSession::decode(bytes).map_err(|_| SessionError::Corrupt)?;
        let session = stored.take_session();
        stored.wipe();
        session.ok_or(SessionError::Corrupt)
    }
}

/// How a stored session began, without reading the rest.
pub(crate) fn stored_set_up(bytes: &[u8]) -> Result<SetUp, SessionError> {
    StoredBeginning::decode(bytes)
        .ok()
        .and_then(|stored| stored.set_up?.read())
        .ok_or(SessionError::Corrupt)
}

fn bytes_of<const N: usize>(
    pair: &Option<KeyPair>,
    half: impl Fn(&KeyPair) -> &[u8; N],
) -> Vec<u8> {
    pair.as_ref()
        .map(|pair| half(pair).to_vec())
        .unwrap_or_default()
}

impl StoredSession {
    fn take_session(&mut self) -> Option<Session> {
        if self.form != FORM {
            return None;
        }
        let receiving = self.receiving.iter_mut().map(StoredChain::take_receiving);
        Some(Session {
            set_up: self.set_up.as_ref()?.read()?,
            pending: self.pending.take().map(StoredPending::read),
            messages: self.messages,
            root: RootKey(Secret::from_slice(&self.root)?),
            pair: read_pair(&self.pair_private, &self.pair_public)?,
            sending: match &self.sending {
                Some(stored) => Some(stored.read_chain()?),
                None => None,
            },
            previous_counter: self.previous_counter,
            their_key: match &self.their_key {
                Some(bytes) => Some(PublicKey::from_bytes(bytes).ok()?),
                None => None,
            },
            receiving: ReceivingChains::from_stored(receiving.collect::<Option<_>>()?)?,
            pq_ratchet: self.pq_ratchet.take().map(Zeroizing::new),
        })
    }

    fn wipe(&mut self) {
        self.root.zeroize();
        self.pair_private.zeroize();
        for chain in self.sending.iter_mut().chain(&mut self.receiving) {
            chain.secret.zeroize();
            wipe_vec(&mut chain.kept);
        }
        if let Some(pq_ratchet) = &mut self.pq_ratchet {
            wipe_vec(pq_ratchet);
        }
    }
}

/// None for a broken pair, `Some(None)` for no pair.
#[expect(
    clippy::option_option,
    reason = "the two are told apart by the next line of the only caller"
)]
fn read_pair(private: &[u8], public: &[u8]) -> Option<Option<KeyPair>> {
    if private.is_empty() && public.is_empty() {
        return Some(None);
    }
    let private = PrivateKey::from_bytes(private).ok()?;
    let public = PublicKey::from_bytes(public).ok()?;
    Some(Some(KeyPair::from_kept(private, public)))
}

impl StoredSetUp {
    fn of(set_up: &SetUp) -> Self {
        Self {
            version: match set_up.version {
                Version::V3 => 3,
                Version::V4 => 4,
            },
            base_key: set_up.base_key.as_bytes().to_vec(),
            local_identity: set_up.local_identity.as_bytes().to_vec(),
            remote_identity: set_up.remote_identity.as_bytes().to_vec(),
            local_registration_id: set_up.local_registration_id,
            remote_registration_id: set_up.remote_registration_id,
            created_at: set_up.created_at,
        }
    }

    fn read(&self) -> Option<SetUp> {
        Some(SetUp {
            version: match self.version {
                3 => Version::V3,
                4 => Version::V4,
                _ => return None,
            },
            base_key: PublicKey::from_bytes(&self.base_key).ok()?,
            local_identity: PublicKey::from_bytes(&self.local_identity).ok()?,
            remote_identity: PublicKey::from_bytes(&self.remote_identity).ok()?,
            local_registration_id: self.local_registration_id,
            remote_registration_id: self.remote_registration_id,
            created_at: self.created_at,
        })
    }
}

impl StoredPending {
    fn of(pending: Pending) -> Self {
        let (id, ciphertext) = pending.kem.unzip();
        Self {
            pre_key_id: pending.pre_key_id,
            signed_pre_key_id: pending.signed_pre_key_id,
            kem_pre_key_id: id,
            kem_ciphertext: ciphertext.unwrap_or_default(),
        }
    }

    fn read(self) -> Pending {
        Pending {
            pre_key_id: self.pre_key_id,
            signed_pre_key_id: self.signed_pre_key_id,
            kem: self.kem_pre_key_id.map(|id| (id, self.kem_ciphertext)),
        }
    }
}

impl StoredChain {
    fn of(chain: &Chain) -> Self {
        Self {
            key: Vec::new(),
            secret: chain.secret().0.expose().to_vec(),
            index: chain.index(),
            kept: Vec::new(),
        }
    }

    fn of_receiving(chain: ReceivingChain) -> Self {
        Self {
            key: chain.key.as_bytes().to_vec(),
            kept: chain.kept.into_stored(),
            ..Self::of(&chain.chain)
        }
    }

    fn read_chain(&self) -> Option<Chain> {
        let secret = ChainSecret(Secret::from_slice(&self.secret)?);
        Some(Chain::from_kept(secret, self.index))
    }

    fn take_receiving(&mut self) -> Option<ReceivingChain> {
        Some(ReceivingChain {
            key: PublicKey::from_bytes(&self.key).ok()?,
            chain: self.read_chain()?,
            kept: KeptKeys::from_stored(mem::take(&mut self.kept))?,
        })
    }
}

#[cfg(test)]
mod tests;
