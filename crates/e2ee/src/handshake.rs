//! The agreement that a session starts from: X3DH and PQXDH (signal.org/docs), with the labels of the wire.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::kdf::hkdf;
use crate::keys::{
    Agreements, IdentityKeyPair, KeyError, KeyPair, PreparedKey, PrivateKey, PublicKey,
    SharedSecret,
};
use crate::policy::SessionKind;
use crate::prekeys::{KemPreKey, PreKey, PreKeyBundle, SignedPreKey};
use crate::ratchet::RootKey;
use crate::secret::Secret;
use crate::wire::PreKeyMessage;
use crate::xeddsa::Verifier;

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
    let base = PrivateKey::generate(rng);
    let encapsulated = match &bundle.kem_pre_key {
        Some(kem) if kind > SessionKind::X3dh => Some((kem.id, kem.key.encapsulate(rng)?)),
        _ => None,
    };
    let ratchet = PrivateKey::generate(rng);
    let mut agreements = Agreements::default();
    agreements.add(&ratchet, &signed);
    agreements.add(own.key_pair().private(), &signed);
    agreements.add(&base, &identity);
    agreements.add(&base, &signed);
    if let Some((_, one_time)) = &bundle.pre_key {
        agreements.add(&base, &PreparedKey::new(one_time));
    }
    let (mut secrets, [base, pair]) = agreements.secrets([base, ratchet])?;
    let pair_agreed = secrets.remove(0);
    let mut secret = Joined::of(&secrets);
    let kem = encapsulated.map(|(id, (ciphertext, encapsulated))| {
        secret.push(&encapsulated);
        (id, ciphertext)
    });
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
    let verifier = Verifier::new(identity).ok_or(HandshakeError::SignedPreKeySignature)?;
    if !verifier.is_valid(signed.key.as_bytes(), &signed.signature) {
        return Err(HandshakeError::SignedPreKeySignature);
    }
    match &bundle.kem_pre_key {
        Some(kem) if kind > SessionKind::X3dh => verifier
            .is_valid(kem.key.as_bytes(), &kem.signature)
            .then_some(())
            .ok_or(HandshakeError::KemPreKeySignature),
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
    let identity = PreparedKey::new(&message.identity_key);
    let signed = pre_keys.signed.pair.private();
    let mut agreements = Agreements::default();
    agreements.add(signed, &identity);
    agreements.add(own.key_pair().private(), &base);
    agreements.add(signed, &base);
    if let Some(one_time) = &pre_keys.one_time {
        agreements.add(one_time.pair.private(), &base);
    }
    let (secrets, []) = agreements.secrets([])?;
    let mut secret = Joined::of(&secrets);
    if let (Some(key), Some((_, ciphertext))) = (&pre_keys.kem, &message.kem) {
        secret.push(&key.pair.decapsulate(ciphertext)?);
    }
    Ok(secret.derive(kind))
}

/// The agreements, one after the other behind the prefix of X3DH §2.2.
struct Joined(Zeroizing<Vec<u8>>);

impl Joined {
    fn of(secrets: &[SharedSecret]) -> Self {
        let mut joined = Self(Zeroizing::new(Vec::with_capacity(SECRET_CAPACITY)));
        joined.0.extend_from_slice(&[0xff; 32]);
        for secret in secrets {
            joined.push(secret);
        }
        joined
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
