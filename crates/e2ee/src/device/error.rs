//! Why an operation of a device fails.

use crate::group::GroupError;
use crate::handshake::HandshakeError;
use crate::keys::PublicKey;
use crate::policy::SessionKind;
use crate::prekeys::StoredKeyError;
use crate::record::StoredRecordError;
use crate::session::SessionError;
use crate::wire::WireError;

/// The kinds of pre-keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreKeyKind {
    /// For one session.
    OneTime,
    /// Signed, for many.
    Signed,
    /// Of the KEM.
    Kem,
}

/// Why an operation failed. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError<E> {
    /// The storage failed.
    #[error("the storage failed")]
    Store(E),
    /// The bytes are no message.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The set-up of a session failed.
    #[error(transparent)]
    Handshake(#[from] HandshakeError),
    /// The session does not seal or open the message.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The account has another identity key than the trusted one. The user decides: then
    /// [`accept_identity`](crate::Device::accept_identity) and try again.
    #[error("the identity key of the other side has changed")]
    IdentityChanged {
        /// The one that is trusted; none for a session that was kept without it.
        trusted: Option<PublicKey>,
        /// The one that was shown.
        presented: PublicKey,
    },
    /// The message names a pre-key that is not here, or was used.
    #[error("the message names a pre-key that is not here: {kind:?} {id}")]
    UnknownPreKey {
        /// Its kind.
        kind: PreKeyKind,
        /// Its id.
        id: u32,
    },
    /// A first message that came before, without any one-time key.
    #[error("the first message of a session was used before")]
    ReplayedFirstMessage,
    /// The session is weaker than the policy allows.
    #[error("a session of kind {kind:?} is refused by the policy, which asks for {minimum:?}")]
    TooWeak {
        /// What it is.
        kind: SessionKind,
        /// What it has to be.
        minimum: SessionKind,
    },
    /// A message of a group, or a key for one, is refused.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// Something in the storage cannot be read.
    #[error("something in the storage cannot be read")]
    Corrupt,
}

impl<E> From<StoredRecordError> for DeviceError<E> {
    fn from(_: StoredRecordError) -> Self {
        Self::Corrupt
    }
}

impl<E> From<StoredKeyError> for DeviceError<E> {
    fn from(_: StoredKeyError) -> Self {
        Self::Corrupt
    }
}
