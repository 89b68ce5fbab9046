//! A document and an identity key's signature over it: what device lists and member lists travel as.
//!
//! The signature goes over a domain and the document's bytes as they came, so nothing depends on how protobuf is written, and
//! no signature of one kind serves as another. A domain begins with a letter and the keys that identities sign with a type byte
//! below 0x20, so neither can be taken for a key's signature.

use prost::Message;
use rand_core::CryptoRng;
use sha2::{Digest, Sha256};

use crate::keys::{IdentityKeyPair, PublicKey};

/// The most bytes of a signed document: a thousand members with room to spare.
const SIGNED_BYTES_MAX: usize = 1 << 20;

/// SHA-256 of a document's bytes: its name in a history.
pub(crate) type DocumentDigest = [u8; 32];

#[derive(Clone, PartialEq, prost::Message)]
struct SignedFields {
    #[prost(bytes = "vec", tag = "1")]
    document: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    signature: Vec<u8>,
}

/// A document whose signature has not been checked: nothing in it can be believed.
pub(crate) struct Signed(SignedFields);

/// Why there is no document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignedError {
    Malformed,
    Signature,
}

/// Signs `document`, and gives the bytes that travel.
pub(crate) fn sign(
    domain: &[u8],
    document: &impl Message,
    signer: &IdentityKeyPair,
    rng: &mut (impl CryptoRng + ?Sized),
) -> Vec<u8> {
    let document = document.encode_to_vec();
    let signature = signer.sign(&[domain, &document].concat(), rng).to_vec();
    let fields = SignedFields {
        document,
        signature,
    };
    fields.encode_to_vec()
}

impl Signed {
    /// Reads the bytes that travel.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, SignedError> {
        if bytes.len() > SIGNED_BYTES_MAX {
            return Err(SignedError::Malformed);
        }
        let fields = SignedFields::decode(bytes).map_err(|_| SignedError::Malformed)?;
        Ok(Self(fields))
    }

    /// The document, when `signer` signed it under `domain`.
    pub(crate) fn verify<T: Message + Default>(
        &self,
        domain: &[u8],
        signer: &PublicKey,
    ) -> Result<T, SignedError> {
        let signed = [domain, &self.0.document].concat();
        if !signer.is_signature_valid(&signed, &self.0.signature) {
            return Err(SignedError::Signature);
        }
        T::decode(self.0.document.as_slice()).map_err(|_| SignedError::Malformed)
    }

    /// What the document says before anybody vouches for it: only to find out who should.
    pub(crate) fn peek<T: Message + Default>(&self) -> Result<T, SignedError> {
        T::decode(self.0.document.as_slice()).map_err(|_| SignedError::Malformed)
    }

    /// The bytes that travel, written anew: of what else came around document and signature nothing is kept or passed on, since
    /// nobody signed it.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.0.encode_to_vec()
    }

    /// The document's name.
    pub(crate) fn digest(&self) -> DocumentDigest {
        Sha256::digest(&self.0.document).into()
    }
}

#[cfg(test)]
mod tests;
