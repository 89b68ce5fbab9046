//! AES-256 in CBC mode with PKCS#7 padding (NIST SP 800-38A §6.2, RFC 5652 §6.3).
//!
//! It hides and does not protect: only what a MAC or a signature was checked over is given to [`decrypt`].

use aes::Aes256;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};

/// The ciphertext does not end in a padding, or is not a positive number of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the ciphertext is not whole")]
pub struct PaddingError;

/// `plaintext`, padded to the next multiple of 16 bytes and encrypted.
#[must_use]
pub fn encrypt(key: &[u8; 32], iv: &[u8; 16], plaintext: &[u8]) -> Vec<u8> {
    cbc::Encryptor::<Aes256>::new(key.into(), iv.into()).encrypt_padded_vec::<Pkcs7>(plaintext)
}

/// What [`encrypt`] was given.
///
/// # Errors
/// [`PaddingError`].
pub fn decrypt(key: &[u8; 32], iv: &[u8; 16], ciphertext: &[u8]) -> Result<Vec<u8>, PaddingError> {
    cbc::Decryptor::<Aes256>::new(key.into(), iv.into())
        .decrypt_padded_vec::<Pkcs7>(ciphertext)
        .map_err(|_| PaddingError)
}

#[cfg(test)]
mod tests;
