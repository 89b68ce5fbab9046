//! HKDF-SHA256 (RFC 5869) and HMAC-SHA256 (RFC 2104), the only key derivations of the protocol.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// HKDF-SHA256: `N` bytes (at most 8160) out of `ikm`. An empty `salt` stands for 32 zero bytes (RFC 5869 §2.2).
#[must_use]
pub fn hkdf<const N: usize>(salt: &[u8], ikm: &[u8], info: &[u8]) -> Zeroizing<[u8; N]> {
    hkdf_pieces(salt, &[ikm], &[info])
}

/// [`hkdf`] of input and info that come in pieces, as if they were joined.
#[must_use]
pub fn hkdf_pieces<const N: usize>(
    salt: &[u8],
    ikm: &[&[u8]],
    info: &[&[u8]],
) -> Zeroizing<[u8; N]> {
    const { assert!(N <= 255 * 32, "RFC 5869 §2.3") };
    let mut extract = hkdf::HkdfExtract::<Sha256>::new(Some(salt));
    for piece in ikm {
        extract.input_ikm(piece);
    }
    let (_, expand): (_, Hkdf<Sha256>) = extract.finalize();
    let mut output = Zeroizing::new([0; N]);
    // The length was checked at compile time, which is the only error there is.
    let _ = expand.expand_multi_info(info, output.as_mut_slice());
    output
}

/// HMAC-SHA256 over `pieces`, as if they were joined: 32 bytes.
#[must_use]
pub fn hmac(key: &[u8], pieces: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut output = Zeroizing::new([0; 32]);
    // HMAC takes keys of any length (RFC 2104 §2): the error cannot happen.
    if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) {
        for piece in pieces {
            mac.update(piece);
        }
        output.copy_from_slice(&mac.finalize().into_bytes());
    }
    output
}

#[cfg(test)]
mod tests;
