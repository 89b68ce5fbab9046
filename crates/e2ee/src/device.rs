//! One device of ours: what it starts, seals and opens, out of a [`Store`] and back into it.
//!
//! Each operation loads what it needs, acts on values and commits all changes at once; when it fails, nothing was
//! changed. The caller sees to it that operations on one store come one after the other.

mod error;
mod groups;
mod responding;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::address::{Address, address_binding};
use crate::ciphertext::{Ciphertext, CiphertextKind};
use crate::handshake::initiate;
use crate::keys::{IdentityKeyPair, PublicKey};
use crate::policy::{Due, Policy, SessionKind};
use crate::prekeys::PreKeyBundle;
use crate::record::SessionRecord;
use crate::secret::discard;
use crate::session::{Pending, Session, SessionError, SetUp};
use crate::store::{Change, Slot, Store};
use crate::wire::{PreKeyMessage, SessionMessage, Version};
pub use error::{DeviceError, PreKeyKind};
pub use groups::Prepared;

/// The time and the randomness that an operation uses.
pub struct Moment<'a, R: ?Sized> {
    /// Seconds since 1970.
    pub now_seconds: u64,
    /// A cryptographically secure generator.
    pub rng: &'a mut R,
}

/// Who we are.
#[derive(Debug, Clone)]
pub struct Device {
    /// Where others reach us. Give accounts UUIDs as names: only these are bound to the first messages.
    pub address: Address,
    /// The account's identity.
    pub identity: IdentityKeyPair,
    /// The registration id, 14 bits.
    pub registration_id: u32,
    /// What we accept and start.
    pub policy: Policy,
}

/// What the user or the application should hear of. None of it is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The first time that this account showed its identity; it is trusted from now on. Compare safety numbers.
    FirstIdentity(PublicKey),
    /// The other side began a new session. With `replaces_another` the user should see that the session was reset.
    NewSession {
        /// Whether there was one before, which is archived now.
        replaces_another: bool,
    },
    /// The other side could not open a message of ours, so the session was put aside: a fresh one is to be started with a new
    /// bundle, and the user should see that the session was reset.
    SessionReset,
    /// A fresh session should be started with a new bundle.
    FreshSessionDue(Due),
}

/// A sealed message.
#[derive(Debug)]
pub struct Encrypted {
    /// To be sent.
    pub ciphertext: Ciphertext,
    /// What to hear of.
    pub notices: Vec<Notice>,
}

/// An opened message.
pub struct Decrypted {
    /// What was sealed.
    pub plaintext: Zeroizing<Vec<u8>>,
    /// What to hear of.
    pub notices: Vec<Notice>,
}

impl core::fmt::Debug for Decrypted {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter
            .debug_struct("Decrypted")
            .field("notices", &self.notices)
            .finish_non_exhaustive()
    }
}

/// What an operation on one remote device has loaded.
struct Loaded {
    record: SessionRecord,
    /// The identity that is trusted for the remote account.
    trusted: Option<PublicKey>,
}

impl Device {
    /// Starts a session with a device out of its bundle; the session before, if any, is archived. Nothing is sent yet: the
    /// next [`Self::encrypt`] uses it.
    ///
    /// # Errors
    /// A signature that does not hold, an identity that is not the trusted one, a bundle too weak for the policy, storage.
    pub fn start_session<S: Store>(
        &self,
        store: &mut S,
        remote: &Address,
        bundle: &PreKeyBundle,
        moment: Moment<'_, impl CryptoRng + ?Sized>,
    ) -> Result<Vec<Notice>, DeviceError<S::Error>> {
        let mut loaded = load(store, remote)?;
        let mut notices = Vec::new();
        let mut changes = trust(&loaded, remote, &bundle.identity_key, &mut notices)?;
        let kind = self.kind_for(bundle);
        self.check_strength(kind)?;
        let initiated = initiate(&self.identity, bundle, kind, moment.rng)?;
        let set_up = SetUp {
            version: version_of(kind),
            base_key: initiated.base_key,
            local_identity: *self.identity.public(),
            remote_identity: bundle.identity_key,
            local_registration_id: self.registration_id,
            remote_registration_id: bundle.registration_id,
            created_at: moment.now_seconds,
        };
        let pending = Pending {
            pre_key_id: bundle.pre_key.map(|(id, _)| id),
            signed_pre_key_id: bundle.signed_pre_key.id,
            kem: initiated.kem.clone(),
        };
        let their_key = bundle.signed_pre_key.key;
        let session = Session::initiated(set_up, initiated, their_key, pending, kind);
        loaded.record.push(session);
        changes.push(put_record(remote, &loaded.record));
        commit(store, changes)?;
        Ok(notices)
    }

    /// Seals a message for a device with which there is a session.
    ///
    /// # Errors
    /// No session to use (start one with a bundle), one too weak for the policy, storage.
    pub fn encrypt<S: Store>(
        &self,
        store: &mut S,
        remote: &Address,
        plaintext: &[u8],
        moment: Moment<'_, impl CryptoRng + ?Sized>,
    ) -> Result<Encrypted, DeviceError<S::Error>> {
        let mut loaded = load(store, remote)?;
        let session = loaded.record.current()?;
        // A session with an identity that is no longer trusted is as good as none.
        if loaded.trusted.as_ref() != Some(&session.set_up().remote_identity) {
            return Err(SessionError::NoSession.into());
        }
        if !session.is_usable(moment.now_seconds) {
            return Err(SessionError::Unacknowledged.into());
        }
        self.check_strength(session.kind())?;
        let due = session.due(&self.policy, moment.now_seconds);
        let addresses = address_binding(&self.address, remote);
        let ciphertext = loaded
            .record
            .seal(session, plaintext, addresses, moment.rng)?;
        commit(store, vec![put_record(remote, &loaded.record)])?;
        Ok(Encrypted {
            ciphertext,
            notices: due.map(Notice::FreshSessionDue).into_iter().collect(),
        })
    }

    /// Opens a message of a device. One-time keys are forgotten only now that it did open.
    ///
    /// # Errors
    /// A message that is malformed, changed, opened before or of no session; an identity that is not the trusted one; an
    /// unknown pre-key; a session too weak for the policy; storage. Nothing has changed then.
    pub fn decrypt<S: Store>(
        &self,
        store: &mut S,
        remote: &Address,
        ciphertext: &Ciphertext,
        now_seconds: u64,
    ) -> Result<Decrypted, DeviceError<S::Error>> {
        match ciphertext.kind {
            CiphertextKind::Session => {
                let message = SessionMessage::from_bytes(&ciphertext.body)?;
                let loaded = load(store, remote)?;
                self.open_with_record(store, remote, loaded, &message)
            }
            CiphertextKind::PreKey => {
                let message = PreKeyMessage::from_bytes(&ciphertext.body)?;
                self.open_pre_key_message(store, remote, &message, now_seconds)
            }
        }
    }

    /// Trusts `identity` for an account from now on, whatever was trusted before: only after the user agreed. Sessions with
    /// the identity before are not used any more.
    ///
    /// # Errors
    /// Storage.
    pub fn accept_identity<S: Store>(
        &self,
        store: &mut S,
        name: &str,
        identity: &PublicKey,
    ) -> Result<(), DeviceError<S::Error>> {
        commit(store, vec![put_identity(name, identity)])
    }

    /// Puts the session with a device aside, so that the next message starts a fresh one with a new bundle.
    ///
    /// # Errors
    /// Storage.
    pub fn archive_session<S: Store>(
        &self,
        store: &mut S,
        remote: &Address,
    ) -> Result<(), DeviceError<S::Error>> {
        let mut loaded = load(store, remote)?;
        loaded.record.archive_current();
        commit(store, vec![put_record(remote, &loaded.record)])
    }

    /// What to do when a device tells that it could not open a message of ours that carried `ratchet_key` (a
    /// [`DecryptionError`](crate::decryption_error::DecryptionError)): puts the session aside if it is still the one in use, which is
    /// told as [`Notice::SessionReset`]. The message is to be sent again either way, on a fresh session if so.
    ///
    /// # Errors
    /// Storage, or a session that cannot be read.
    pub fn reset_after_decryption_error<S: Store>(
        &self,
        store: &mut S,
        remote: &Address,
        ratchet_key: &PublicKey,
    ) -> Result<Option<Notice>, DeviceError<S::Error>> {
        let mut loaded = load(store, remote)?;
        if !loaded.record.has_current() || !loaded.record.current()?.is_sending_with(ratchet_key) {
            return Ok(None);
        }
        loaded.record.archive_current();
        commit(store, vec![put_record(remote, &loaded.record)])?;
        Ok(Some(Notice::SessionReset))
    }

    fn open_with_record<S: Store>(
        &self,
        store: &mut S,
        remote: &Address,
        mut loaded: Loaded,
        message: &SessionMessage,
    ) -> Result<Decrypted, DeviceError<S::Error>> {
        let addresses = address_binding(remote, &self.address);
        let opened = loaded.record.open(message, addresses.as_ref())?;
        let presented = opened.remote_identity;
        match loaded.trusted {
            Some(trusted) if trusted == presented => {}
            trusted => return Err(DeviceError::IdentityChanged { trusted, presented }),
        }
        self.check_strength(opened.kind)?;
        commit(store, vec![put_record(remote, &loaded.record)])?;
        Ok(Decrypted {
            plaintext: opened.plaintext,
            notices: Vec::new(),
        })
    }

    /// The strongest that the bundle allows, up to what the policy prefers.
    fn kind_for(&self, bundle: &PreKeyBundle) -> SessionKind {
        match bundle.kem_pre_key {
            Some(_) => self.policy.preferred,
            None => SessionKind::X3dh,
        }
    }

    fn check_strength<E>(&self, kind: SessionKind) -> Result<(), DeviceError<E>> {
        let minimum = self.policy.minimum;
        (kind >= minimum)
            .then_some(())
            .ok_or(DeviceError::TooWeak { kind, minimum })
    }
}

fn version_of(kind: SessionKind) -> Version {
    match kind {
        SessionKind::X3dh => Version::V3,
        SessionKind::Pqxdh | SessionKind::PqxdhWithRatchet => Version::V4,
    }
}

fn load<S: Store>(store: &S, remote: &Address) -> Result<Loaded, DeviceError<S::Error>> {
    let slot = Slot::Session(remote.clone());
    let record = match store.load(&slot).map_err(DeviceError::Store)? {
        Some(bytes) => {
            let record = SessionRecord::from_bytes(&bytes)?;
            discard(bytes);
            record
        }
        None => SessionRecord::empty(),
    };
    let slot = Slot::Identity(remote.name().to_owned());
    let trusted = match store.load(&slot).map_err(DeviceError::Store)? {
        Some(bytes) => Some(PublicKey::from_bytes(&bytes).map_err(|_| DeviceError::Corrupt)?),
        None => None,
    };
    Ok(Loaded { record, trusted })
}

fn commit<S: Store>(store: &mut S, changes: Vec<Change>) -> Result<(), DeviceError<S::Error>> {
    store.commit(changes).map_err(DeviceError::Store)
}

/// Trust on first use: an identity that was never seen is kept, another one than the kept is an error.
fn trust<E>(
    loaded: &Loaded,
    remote: &Address,
    presented: &PublicKey,
    notices: &mut Vec<Notice>,
) -> Result<Vec<Change>, DeviceError<E>> {
    match loaded.trusted {
        Some(trusted) if trusted == *presented => Ok(Vec::new()),
        None => {
            notices.push(Notice::FirstIdentity(*presented));
            Ok(vec![put_identity(remote.name(), presented)])
        }
        trusted => Err(DeviceError::IdentityChanged {
            trusted,
            presented: *presented,
        }),
    }
}

fn put_identity(name: &str, identity: &PublicKey) -> Change {
    let bytes = Zeroizing::new(identity.as_bytes().to_vec());
    Change::Put(Slot::Identity(name.to_owned()), bytes)
}

fn put_record(remote: &Address, record: &SessionRecord) -> Change {
    Change::Put(Slot::Session(remote.clone()), record.to_bytes())
}

#[cfg(test)]
mod tests;
