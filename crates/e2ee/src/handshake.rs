//! The agreement that a session starts from: X3DH and PQXDH (signal.org/docs), with the labels of the wire.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::kdf::hkdf;
use crate::keys::{IdentityKeyPair, KeyError, KeyPair, PreparedKey, PublicKey, SharedSecret};
use crate::policy::SessionKind;
use crate::prekeys::{KemPreKey, PreKey, PreKeyBundle, SignedPreKey};
use crate::ratchet::RootKey;
use crate::secret::Secret;
use crate::wire::PreKeyMessage;
use crate::xeddsa;

const X3DH_LABEL: &[u8] = b"WhisperText";
const PQXDH_LABEL: &[u8] = b"WhisperText_X25519_SHA-256_CRYSTALS-KYBER-1024";

/// Room for the prefix, four agreements and the KEM's secret.
const SECRET_CAPACITY: usize = 6 * 32;

/// Why a bundle or a first message sets up no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The signature over the signed pre-key is not the identity's.
    #[error("the signature over the signed pre-key does not hold")]
    SignedPreKeySignature,
    /// The signature over the KEM pre-key is not the identity's.
    #[error("the signature over the post-quantum pre-key does not hold")]
    KemPreKeySignature,
    /// A key is refused.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// What both sides have after the agreement.
pub(crate) struct Agreed {
    pub(crate) root: RootKey,
    /// What the post-quantum ratchet starts from; version 4 only.
    pub(crate) pq_key: Option<Secret>,
}

/// What the side that writes first has after the agreement.
pub(crate) struct Initiated {
    pub(crate) agreed: Agreed,
    pub(crate) base_key: PublicKey,
    /// Id and ciphertext for the other side; version 4 only.
    pub(crate) kem: Option<(u32, Vec<u8>)>,
    /// Our first ratchet pair, and its agreement with the signed pre-key, the other side's first ratchet key.
    pub(crate) pair: KeyPair,
    pub(crate) pair_agreed: SharedSecret,
}

/// Checks the bundle and agrees with it; also makes the first ratchet pair, whose agreement is with the same key.
pub(crate) fn initiate(
    own: &IdentityKeyPair,
    bundle: &PreKeyBundle,
    kind: SessionKind,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Result<Initiated, HandshakeError> {
    let identity = PreparedKey::new(&bundle.identity_key);
    check_signatures(&identity, bundle, kind)?;
    let signed = PreparedKey::new(&bundle.signed_pre_key.key);
    let base = KeyPair::generate(rng);
    let mut secret = Joined::new();
    secret.push(&own.key_pair().private().agree_prepared(&signed)?);
    secret.push(&base.private().agree_prepared(&identity)?);
    secret.push(&base.private().agree_prepared(&signed)?);
    if let Some((_, one_time)) = &bundle.pre_key {
        secret.push(&base.agree(one_time)?);
    }
    let mut kem = None;
    if let (Some(pre_key), true) = (&bundle.kem_pre_key, kind > SessionKind::X3dh) {
        let (ciphertext, encapsulated) = pre_key.key.encapsulate(rng)?;
        secret.push(&encapsulated);
        kem = Some((pre_key.id, ciphertext));
    }
    let pair = KeyPair::generate(rng);
    let pair_agreed = pair.private().agree_prepared(&signed)?;
    Ok(Initiated {
        agreed: secret.derive(kind),
        base_key: *base.public(),
        kem,
        pair,
        pair_agreed,
    })
}

fn check_signatures(
    identity: &PreparedKey,
    bundle: &PreKeyBundle,
    kind: SessionKind,
) -> Result<(), HandshakeError> {
    let signed = &bundle.signed_pre_key;
    if !xeddsa::verify_prepared(identity, signed.key.as_bytes(), &signed.signature) {
        return Err(HandshakeError::SignedPreKeySignature);
    }
    match &bundle.kem_pre_key {
        Some(kem) if kind > SessionKind::X3dh => {
            xeddsa::verify_prepared(identity, kem.key.as_bytes(), &kem.signature)
                .then_some(())
                .ok_or(HandshakeError::KemPreKeySignature)
        }
        _ => Ok(()),
    }
}

/// The pre-keys that a first message names.
pub(crate) struct NamedPreKeys {
    pub(crate) signed: SignedPreKey,
    pub(crate) one_time: Option<PreKey>,
    pub(crate) kem: Option<KemPreKey>,
}

/// The other side's half of [`initiate`].
pub(crate) fn respond(
    own: &IdentityKeyPair,
    message: &PreKeyMessage,
    pre_keys: &NamedPreKeys,
    kind: SessionKind,
) -> Result<Agreed, HandshakeError> {
    let base = PreparedKey::new(&message.base_key);
    let mut secret = Joined::new();
    secret.push(&pre_keys.signed.pair.agree(&message.identity_key)?);
    secret.push(&own.key_pair().private().agree_prepared(&base)?);
    secret.push(&pre_keys.signed.pair.private().agree_prepared(&base)?);
    if let Some(one_time) = &pre_keys.one_time {
        secret.push(&one_time.pair.private().agree_prepared(&base)?);
    }
    if let (Some(key), Some((_, ciphertext))) = (&pre_keys.kem, &message.kem) {
        secret.push(&key.pair.decapsulate(ciphertext)?);
    }
    Ok(secret.derive(kind))
}

/// The agreements, one after the other behind the prefix of X3DH §2.2.
struct Joined(Zeroizing<Vec<u8>>);

impl Joined {
    fn new() -> Self {
        let mut joined = Zeroizing::new(Vec::with_capacity(SECRET_CAPACITY));
        joined.extend_from_slice(&[0xff; 32]);
        Self(joined)
    }

    fn push(&mut self, secret: &SharedSecret) {
        self.0.extend_from_slice(secret.as_slice());
    }

    /// The first chain, bytes 32 to 64, belongs to the responder's signed pre-key: nobody sends on it, because who answers
    /// has a newer key from us by then.
    fn derive(&self, kind: SessionKind) -> Agreed {
        if kind == SessionKind::X3dh {
            let derived = hkdf::<64>(&[], &self.0, X3DH_LABEL);
            return Agreed {
                root: RootKey(Secret::of_derived(&derived, 0)),
                pq_key: None,
            };
        }
        let derived = hkdf::<96>(&[], &self.0, PQXDH_LABEL);
        Agreed {
            root: RootKey(Secret::of_derived(&derived, 0)),
            pq_key: Some(Secret::of_derived(&derived, 64)),
        }
    }
}
