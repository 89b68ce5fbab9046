//! One session: the Double Ratchet's state between two devices (signal.org/docs, Double Ratchet, §3 and §5), as a value.
//!
//! A session that failed to open a message has to be thrown away and loaded again: only whoever got the plaintext keeps it.
//! [`crate::SessionRecord`] does that.

mod receiving;
mod stored;

use core::mem;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::ciphertext::Ciphertext;
use crate::handshake::{Agreed, Initiated};
use crate::keys::{KeyError, KeyPair, PublicKey};
use crate::policy::{Due, Policy, SessionKind};
use crate::ratchet::{Chain, MessageKeys, RootKey};
use crate::secret::discard;
use crate::spqr::{Direction, MessageSalt, Spqr, SpqrError};
use crate::symmetric;
use crate::wire::{Parties, PreKeyMessageParts, SessionMessage, SessionMessageParts, Version};
use receiving::{ReceivingChain, ReceivingChains};
pub(crate) use stored::stored_set_up;

/// How long a session that was never answered can be used for sending: 30 days.
const UNACKNOWLEDGED_SECONDS_MAX: u64 = 30 * 24 * 60 * 60;

/// Why a session does not seal or open a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The MAC does not hold, or the message is of another session.
    #[error("the message does not belong to this session, or was changed")]
    Invalid,
    /// A message with this key was opened before.
    #[error("the message was opened before, or is too old")]
    Duplicate,
    /// More than 25 000 messages are missing before it.
    #[error("too many messages are missing before this one")]
    TooFarAhead,
    /// The message is bound to other addresses.
    #[error("the message is meant for other addresses")]
    OtherAddresses,
    /// The session was never answered, and is too old to go on.
    #[error("the session was never answered and is too old")]
    Unacknowledged,
    /// There are no numbers left in the chain.
    #[error("the session is used up")]
    Exhausted,
    /// The stored session cannot be read.
    #[error("the stored session cannot be read")]
    Corrupt,
    /// There is no session to use.
    #[error("there is no session with this device")]
    NoSession,
}

/// An agreement that fails is of a key that no peer has.
impl From<KeyError> for SessionError {
    fn from(_: KeyError) -> Self {
        Self::Invalid
    }
}

impl From<SpqrError> for SessionError {
    fn from(error: SpqrError) -> Self {
        match error {
            SpqrError::KeyUsed => Self::Duplicate,
            SpqrError::TooFarAhead => Self::TooFarAhead,
            SpqrError::Exhausted => Self::Exhausted,
            SpqrError::Corrupt => Self::Corrupt,
            _ => Self::Invalid,
        }
    }
}

/// What a session keeps of its beginning.
#[derive(Debug, Clone)]
pub(crate) struct SetUp {
    pub(crate) version: Version,
    /// The initiator's ephemeral key: a session's name, with the version.
    pub(crate) base_key: PublicKey,
    pub(crate) local_identity: PublicKey,
    pub(crate) remote_identity: PublicKey,
    pub(crate) local_registration_id: u32,
    pub(crate) remote_registration_id: u32,
    /// Seconds since 1970.
    pub(crate) created_at: u64,
}

/// What the messages carry until the other side has answered.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) pre_key_id: Option<u32>,
    pub(crate) signed_pre_key_id: u32,
    pub(crate) kem: Option<(u32, Vec<u8>)>,
}

/// The state. Secrets show as `…`.
#[derive(Debug)]
pub(crate) struct Session {
    set_up: SetUp,
    pending: Option<Pending>,
    /// Messages sealed and opened.
    messages: u32,
    root: RootKey,
    /// Our newest ratchet pair; none when the other side's key is newer: then the next message brings a new one of ours.
    pair: Option<KeyPair>,
    /// The chain of our newest pair; none before the first answer of who was written to.
    sending: Option<Chain>,
    previous_counter: u32,
    /// The other side's newest ratchet key.
    their_key: Option<PublicKey>,
    receiving: ReceivingChains,
    /// The stored post-quantum ratchet, read when it is needed.
    pq_ratchet: Option<Zeroizing<Vec<u8>>>,
}

impl Session {
    /// The session of who writes first: one ratchet step is taken at once.
    pub(crate) fn initiated(
        set_up: SetUp,
        initiated: Initiated,
        their_key: PublicKey,
        pending: Pending,
        kind: SessionKind,
    ) -> Self {
        let (root, chain) = initiated.agreed.root.step(&initiated.pair_agreed);
        Self {
            set_up,
            pending: Some(pending),
            messages: 0,
            root,
            pair: Some(initiated.pair),
            sending: Some(chain),
            previous_counter: 0,
            their_key: Some(their_key),
            receiving: ReceivingChains::default(),
            pq_ratchet: start_pq_ratchet(&initiated.agreed, kind, Direction::Initiator),
        }
    }

    /// The session of who was written to: the signed pre-key is the first ratchet pair, and nothing is sent on it.
    pub(crate) fn responded(
        set_up: SetUp,
        agreed: Agreed,
        signed_pre_key: KeyPair,
        kind: SessionKind,
    ) -> Self {
        Self {
            set_up,
            pending: None,
            messages: 0,
            pq_ratchet: start_pq_ratchet(&agreed, kind, Direction::Responder),
            root: agreed.root,
            pair: Some(signed_pre_key),
            sending: None,
            previous_counter: 0,
            their_key: None,
            receiving: ReceivingChains::default(),
        }
    }

    /// How it began.
    pub(crate) fn set_up(&self) -> &SetUp {
        &self.set_up
    }

    /// Whether the other side has yet to answer.
    pub(crate) fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    /// How strong it is.
    pub(crate) fn kind(&self) -> SessionKind {
        match (self.set_up.version, &self.pq_ratchet) {
            (Version::V3, _) => SessionKind::X3dh,
            (Version::V4, None) => SessionKind::Pqxdh,
            (Version::V4, Some(_)) => SessionKind::PqxdhWithRatchet,
        }
    }

    /// Whether `key` is the ratchet key that our newest messages carry.
    pub(crate) fn is_sending_with(&self, key: &PublicKey) -> bool {
        self.sending.is_some() && self.pair.as_ref().is_some_and(|pair| pair.public() == key)
    }

    /// Why it should be replaced, if so.
    pub(crate) fn due(&self, policy: &Policy, now_seconds: u64) -> Option<Due> {
        let age_seconds = now_seconds.saturating_sub(self.set_up.created_at);
        if age_seconds >= u64::from(policy.session_lifetime_hours) * 3600 {
            return Some(Due::Lifetime);
        }
        (self.messages >= policy.rotation_threshold_messages).then_some(Due::Messages)
    }

    /// Whether it may seal messages: not when it waits for its first answer since more than 30 days.
    pub(crate) fn is_usable(&self, now_seconds: u64) -> bool {
        let age_seconds = now_seconds.saturating_sub(self.set_up.created_at);
        !self.is_pending() || age_seconds <= UNACKNOWLEDGED_SECONDS_MAX
    }

    /// Seals a message. `addresses` binds it to its two ends as long as the other side has not answered; only
    /// with the post-quantum ratchet, as clients before it did not.
    pub(crate) fn seal(
        &mut self,
        plaintext: &[u8],
        addresses: Option<[u8; 36]>,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Ciphertext, SessionError> {
        let (pq_ratchet, salt) = self.send_pq(&mut &mut *rng)?;
        self.begin_sending(rng)?;
        let (Some(pair), Some(chain)) = (&self.pair, &mut self.sending) else {
            return Err(SessionError::NoSession);
        };
        let counter = chain.index();
        let seed = chain.next_seed().ok_or(SessionError::Exhausted)?;
        let keys = MessageKeys::derive(&seed, salt_bytes(&salt));
        let is_bound = self.is_pending() && self.kind() == SessionKind::PqxdhWithRatchet;
        let parts = SessionMessageParts {
            version: self.set_up.version,
            ratchet_key: *pair.public(),
            counter,
            previous_counter: self.previous_counter,
            ciphertext: symmetric::encrypt(&keys.cipher_key(), &keys.iv(), plaintext),
            pq_ratchet,
            addresses: addresses.filter(|_| is_bound),
        };
        let parties = Parties {
            sender: &self.set_up.local_identity,
            receiver: &self.set_up.remote_identity,
        };
        let message = parts.seal(keys.mac_key(), parties);
        self.messages = self.messages.saturating_add(1);
        Ok(self.enclose(message))
    }

    /// Around a message: what sets the session up, until the other side has answered.
    fn enclose(&self, message: Vec<u8>) -> Ciphertext {
        let Some(pending) = &self.pending else {
            return Ciphertext::session(message);
        };
        let parts = PreKeyMessageParts {
            version: self.set_up.version,
            registration_id: self.set_up.local_registration_id,
            pre_key_id: pending.pre_key_id,
            signed_pre_key_id: pending.signed_pre_key_id,
            kem: pending
                .kem
                .as_ref()
                .map(|(id, bytes)| (*id, bytes.as_slice())),
            base_key: self.set_up.base_key,
            identity_key: self.set_up.local_identity,
            message,
        };
        Ciphertext::pre_key(parts.enclose())
    }

    /// A new pair of ours and its chain, if the other side's key is newer than our last (Double Ratchet §8.2: put off until it
    /// is needed).
    fn begin_sending(&mut self, rng: &mut (impl CryptoRng + ?Sized)) -> Result<(), SessionError> {
        if self.sending.is_some() {
            return Ok(());
        }
        let their_key = self.their_key.as_ref().ok_or(SessionError::NoSession)?;
        let pair = KeyPair::generate(rng);
        let (root, chain) = self.root.step(&pair.agree(their_key)?);
        self.root = root;
        self.pair = Some(pair);
        self.sending = Some(chain);
        Ok(())
    }

    /// Opens a message. `addresses` is what a message that is bound to its ends has to say.
    pub(crate) fn open(
        &mut self,
        message: &SessionMessage,
        addresses: Option<&[u8; 36]>,
    ) -> Result<Vec<u8>, SessionError> {
        if message.version != self.set_up.version {
            return Err(SessionError::Invalid);
        }
        self.begin_receiving(message)?;
        let chain = self.receiving.find(&message.ratchet_key);
        let seed = chain.ok_or(SessionError::Invalid)?.seed(message.counter)?;
        let salt = self.receive_pq(&message.pq_ratchet)?;
        let keys = MessageKeys::derive(&seed, salt_bytes(&salt));
        let parties = Parties {
            sender: &self.set_up.remote_identity,
            receiver: &self.set_up.local_identity,
        };
        if !message.is_mac_valid(keys.mac_key(), parties) {
            return Err(SessionError::Invalid);
        }
        check_addresses(message, addresses)?;
        let plaintext = symmetric::decrypt(&keys.cipher_key(), &keys.iv(), &message.ciphertext)
            .map_err(|_| SessionError::Invalid)?;
        self.pending = None;
        self.messages = self.messages.saturating_add(1);
        Ok(plaintext)
    }

    /// The chain of a ratchet key that was not seen before. There is none while the other side has not seen our newest.
    fn begin_receiving(&mut self, message: &SessionMessage) -> Result<(), SessionError> {
        if self.receiving.find(&message.ratchet_key).is_some() {
            return Ok(());
        }
        let pair = self.pair.take().ok_or(SessionError::Invalid)?;
        let (root, chain) = self.root.step(&pair.agree(&message.ratchet_key)?);
        self.root = root;
        self.their_key = Some(message.ratchet_key);
        self.receiving
            .push(ReceivingChain::begin(message.ratchet_key, chain));
        if let Some(sent) = self.sending.take() {
            // One less than the specification's PN; receivers do not rely on it.
            self.previous_counter = sent.index().saturating_sub(1);
        }
        Ok(())
    }

    fn send_pq(
        &mut self,
        rng: &mut impl CryptoRng,
    ) -> Result<(Option<Vec<u8>>, Option<MessageSalt>), SessionError> {
        let Some(stored) = &mut self.pq_ratchet else {
            return Ok((None, None));
        };
        let mut ratchet = Spqr::from_bytes(stored)?;
        let sent = ratchet.send(rng)?;
        discard(mem::replace(stored, ratchet.to_bytes()));
        Ok((Some(sent.message), Some(sent.key)))
    }

    /// The salt of a message's keys. A session has the post-quantum ratchet from its first message to its last, or never.
    fn receive_pq(&mut self, message: &[u8]) -> Result<Option<MessageSalt>, SessionError> {
        match &mut self.pq_ratchet {
            None if message.is_empty() => Ok(None),
            Some(stored) if !message.is_empty() => {
                let mut ratchet = Spqr::from_bytes(stored)?;
                let salt = ratchet.receive(message)?;
                discard(mem::replace(stored, ratchet.to_bytes()));
                Ok(salt)
            }
            _ => Err(SessionError::Invalid),
        }
    }
}

fn salt_bytes(salt: &Option<MessageSalt>) -> &[u8] {
    salt.as_ref().map_or(&[], |salt| salt.as_bytes())
}

fn start_pq_ratchet(
    agreed: &Agreed,
    kind: SessionKind,
    direction: Direction,
) -> Option<Zeroizing<Vec<u8>>> {
    let key = agreed.pq_key.as_ref()?;
    (kind == SessionKind::PqxdhWithRatchet).then(|| Spqr::new(key.expose(), direction).to_bytes())
}

/// A message that names its ends has to name ours. Only one whose MAC holds is asked.
fn check_addresses(
    message: &SessionMessage,
    expected: Option<&[u8; 36]>,
) -> Result<(), SessionError> {
    match (&message.addresses, expected) {
        (None, _) => Ok(()),
        (Some(named), Some(expected)) if named == expected => Ok(()),
        (Some(_), _) => Err(SessionError::OtherAddresses),
    }
}

#[cfg(test)]
mod tests;
