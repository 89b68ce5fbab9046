//! All sessions with one device: the one in use and those before it (signal.org/docs, Sesame, §3).

use prost::Message;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::ciphertext::Ciphertext;
use crate::keys::PublicKey;
use crate::policy::SessionKind;
use crate::secret::wipe_vec;
use crate::session::{Session, SessionError, stored_set_up};
use crate::wire::{SessionMessage, Version};

/// The most sessions kept beside the one in use; beyond, the oldest is given up.
pub const ARCHIVED_SESSIONS_MAX: usize = 40;

/// The form's version.
const FORM: u32 = 1;

/// The sessions with one device, as a value. Each session stays the bytes it is stored as until it is needed, so that
/// forty archived ones cost a copy.
#[derive(Clone, PartialEq, prost::Message)]
struct StoredRecord {
    #[prost(uint32, tag = "1")]
    form: u32,
    #[prost(bytes = "vec", optional, tag = "2")]
    current: Option<Vec<u8>>,
    /// Newest first.
    #[prost(bytes = "vec", repeated, tag = "3")]
    archived: Vec<Vec<u8>>,
}

/// The sessions with one device: a value to load, act on and store.
///
/// An operation that fails leaves it as it was.
pub struct SessionRecord(StoredRecord);

/// What a message held, and which session opened it.
pub(crate) struct Opened {
    pub(crate) plaintext: Zeroizing<Vec<u8>>,
    pub(crate) remote_identity: PublicKey,
    pub(crate) kind: SessionKind,
}

/// The stored record has bytes that are none of its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored sessions cannot be read")]
pub struct StoredRecordError;

impl SessionRecord {
    /// No sessions.
    #[must_use]
    pub fn empty() -> Self {
        Self(StoredRecord {
            form: FORM,
            current: None,
            archived: Vec::new(),
        })
    }

    /// Reads what [`Self::to_bytes`] gave. The sessions in it are read when they are needed.
    ///
    /// # Errors
    /// [`StoredRecordError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StoredRecordError> {
        let record = Self(StoredRecord::decode(bytes).map_err(|_| StoredRecordError)?);
        let is_whole = record.0.form == FORM && record.0.archived.len() <= ARCHIVED_SESSIONS_MAX;
        is_whole.then_some(record).ok_or(StoredRecordError)
    }

    /// The form to keep, with the secrets of all sessions.
    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.encode_to_vec())
    }

    /// Whether there is a session in use.
    #[must_use]
    pub fn has_current(&self) -> bool {
        self.0.current.is_some()
    }

    /// How many sessions are kept beside the one in use.
    #[must_use]
    pub fn archived_count(&self) -> usize {
        self.0.archived.len()
    }

    /// Puts the session in use aside: it still opens messages, and the next message to send needs a new one.
    pub fn archive_current(&mut self) {
        if let Some(current) = self.0.current.take() {
            self.0.archived.insert(0, current);
        }
        for given_up in self.0.archived.iter_mut().skip(ARCHIVED_SESSIONS_MAX) {
            wipe_vec(given_up);
        }
        self.0.archived.truncate(ARCHIVED_SESSIONS_MAX);
    }

    /// The session in use.
    pub(crate) fn current(&self) -> Result<Session, SessionError> {
        Session::from_bytes(self.0.current.as_ref().ok_or(SessionError::NoSession)?)
    }

    /// Takes a new session into use and archives the one before.
    pub(crate) fn push(&mut self, session: Session) {
        self.archive_current();
        self.put_current(session);
    }

    fn put_current(&mut self, session: Session) {
        if let Some(before) = &mut self.0.current {
            wipe_vec(before);
        }
        self.0.current = Some(core::mem::take(&mut *session.into_bytes()));
    }

    /// Seals a message with `session`, which is [`Self::current`].
    pub(crate) fn seal(
        &mut self,
        mut session: Session,
        plaintext: &[u8],
        addresses: Option<[u8; 36]>,
        rng: &mut (impl CryptoRng + ?Sized),
    ) -> Result<Ciphertext, SessionError> {
        let ciphertext = session.seal(plaintext, addresses, rng)?;
        self.put_current(session);
        Ok(ciphertext)
    }

    /// Opens a message with the session in use, or with the first archived one that does: that one is in use then (Sesame
    /// §3.4).
    pub(crate) fn open(
        &mut self,
        message: &SessionMessage,
        addresses: Option<&[u8; 36]>,
    ) -> Result<Opened, SessionError> {
        let mut refusal = SessionError::NoSession;
        let stored = self.0.current.iter().map(|bytes| (None, bytes));
        let archived = self.0.archived.iter().enumerate();
        let opened = stored
            .chain(archived.map(|(index, bytes)| (Some(index), bytes)))
            .find_map(
                |(index, bytes)| match open_with(bytes, message, addresses) {
                    Ok(opened) => Some((index, opened)),
                    Err(error) => {
                        refusal = weightier(refusal, error);
                        None
                    }
                },
            );
        let (index, (plaintext, session)) = opened.ok_or(refusal)?;
        let opened = Opened {
            plaintext,
            remote_identity: session.set_up().remote_identity,
            kind: session.kind(),
        };
        if let Some(index) = index {
            self.promote(index);
        }
        self.put_current(session);
        Ok(opened)
    }

    /// Takes the session of that beginning into use, if there is one: a first message that came again must not build
    /// another.
    pub(crate) fn promote_begun_by(&mut self, version: Version, base_key: &PublicKey) -> bool {
        let is_it = |bytes: &Vec<u8>| {
            stored_set_up(bytes)
                .is_ok_and(|set_up| set_up.version == version && set_up.base_key == *base_key)
        };
        if self.0.current.as_ref().is_some_and(is_it) {
            return true;
        }
        let found = self.0.archived.iter().position(is_it);
        if let Some(index) = found {
            self.promote(index);
        }
        found.is_some()
    }

    fn promote(&mut self, index: usize) {
        if index < self.0.archived.len() {
            let promoted = self.0.archived.remove(index);
            self.archive_current();
            self.0.current = Some(promoted);
        }
    }
}

fn open_with(
    stored: &[u8],
    message: &SessionMessage,
    addresses: Option<&[u8; 36]>,
) -> Result<(Zeroizing<Vec<u8>>, Session), SessionError> {
    let mut session = Session::from_bytes(stored)?;
    let plaintext = Zeroizing::new(session.open(message, addresses)?);
    Ok((plaintext, session))
}

/// Which of two refusals says more: that no session fits says least.
fn weightier(one: SessionError, other: SessionError) -> SessionError {
    match (one, other) {
        (SessionError::NoSession, other) => other,
        (SessionError::Invalid, other) if other != SessionError::NoSession => other,
        (one, _) => one,
    }
}

impl Drop for SessionRecord {
    fn drop(&mut self) {
        for stored in self.0.current.iter_mut().chain(&mut self.0.archived) {
            wipe_vec(stored);
        }
    }
}

impl core::fmt::Debug for SessionRecord {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter
            .debug_struct("SessionRecord")
            .field("has_current", &self.has_current())
            .field("archived_count", &self.archived_count())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
