//! The cryptography of Keyward: password hashing, token minting and digests, sealing, signing keys and access tokens.
//!
//! What it is not: no primitive is written here, argon2 and aws-lc-rs have them all. Nothing waits, reads a clock, draws
//! randomness of its own or keeps state; nothing decides who may do what. Hashing a password takes milliseconds by the dozen,
//! so callers give it a thread of its own.
//!
//! Invariants:
//! - all randomness comes from the given [`keyward_model::Random`], but for the secret number of an ECDSA signature, which
//!   nobody outside of the library may ever see; all time comes from the given [`keyward_model::Timestamp`];
//! - secrets are compared in constant time, wiped when dropped and never shown by `Debug` (ASVS V11.2.4);
//! - what is sealed opens only with its own key and in its own place, or not at all (ASVS V11.3.3);
//! - no claim of a token is believed before its signature holds, and no key is taken from a token (ASVS V9.1.1, V9.1.3); what
//!   is read before that only finds the key to verify with;
//! - an error says what kind of refusal it is, never a byte of what was refused.

mod access_token;
mod backup_tag;
mod base64url;
mod breach_digest;
mod client_assertion;
mod client_secret;
mod device_token;
mod digest;
#[cfg(test)]
mod fixture;
mod invitation;
mod jose_header;
mod opaque;
mod password;
mod password_strength;
mod private_key;
mod refresh;
mod request_digest;
mod root_key;
mod seal;
mod signing;
mod subkey;
mod token_verifier;

pub use access_token::{AccessClaims, TokenProblem};
pub use backup_tag::{backup_tag, is_backup_tag};
pub use breach_digest::{BREACH_DIGEST_BYTES, breach_digest};
pub use client_assertion::{
    AssertionClaims, AssertionProblem, client_id_of_assertion, verify_client_assertion,
    verify_client_key,
};
pub use client_secret::{client_secret_digest, is_same_digest, mint_client_secret};
pub use device_token::{device_token_digest, mint_device_token};
pub use digest::{Sha256, sha256};
pub use invitation::{invitation_digest, mint_invitation};
pub use password::{CostProblem, HashCost, HashError, HashMemory, PasswordHasher, Verdict};
pub use password_strength::{Guessable, check_strength};
pub use private_key::mint_private_key;
pub use refresh::{RefreshToken, TokenHolder, refresh_answer_key};
pub use request_digest::{AttemptDigestKey, RequestDigestKey};
pub use root_key::{root_key_from_text, root_key_to_text};
pub use seal::{
    Place, SealError, SealingKey, mint_root_key, mint_tenant_key, open, seal, sealed_key_id,
};
pub use signing::{SigningError, TokenSigner, public_jwk};
pub use token_verifier::{TokenVerifier, key_id_of};
