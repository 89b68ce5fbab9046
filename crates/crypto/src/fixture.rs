//! Randomness and a key pair that tests know beforehand.

use crate::{AccessClaims, sha256};
use keyward_model::{Id, PrivateKeySecret, Random, SigningKeyId};
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// Fills with one byte.
pub(crate) struct Filled(pub(crate) u8);

impl Random for Filled {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(self.0);
    }
}

/// Fills with the digests of a counter, never twice the same.
#[derive(Default)]
pub(crate) struct Counting(AtomicU64);

impl Random for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            chunk.copy_from_slice(&sha256(&count.to_be_bytes()).0[..chunk.len()]);
        }
    }
}

/// The public key of RFC 8037 appendix A.2, base64url.
pub(crate) const PUBLIC_KEY: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

/// The private key of RFC 7515 appendix A.3, base64url.
pub(crate) const P256_PRIVATE_KEY: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";

/// The point of its public key, base64url.
pub(crate) const P256_X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";

/// See [`P256_X`].
pub(crate) const P256_Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

/// The private key of RFC 7515 appendix A.3.
pub(crate) fn p256_private_key() -> PrivateKeySecret {
    PrivateKeySecret::new(crate::base64url::decode(P256_PRIVATE_KEY).unwrap())
}

/// The private key of RFC 8037 appendix A.1.
pub(crate) fn private_key() -> PrivateKeySecret {
    let seed = crate::base64url::decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
    PrivateKeySecret::new(seed)
}

/// `01890a5d-ac96-774b-bcce-b302099a80` and two hexadecimal digits.
pub(crate) fn id<K>(last: u8) -> Id<K> {
    Id::from_uuid(Uuid::from_u128(
        0x0189_0a5d_ac96_774b_bcce_b302_099a_8000 + u128::from(last),
    ))
}

/// The `kid` of [`PYJWT_TOKEN`].
pub(crate) fn signing_key_id() -> SigningKeyId {
    id(0x56)
}

/// The claims of [`PYJWT_TOKEN`].
pub(crate) fn claims() -> AccessClaims {
    AccessClaims {
        iss: "https://id.example/t/demo".to_owned(),
        sub: id(0x57),
        aud: "https://api.example".to_owned(),
        client_id: "web".to_owned(),
        sid: id(0x58),
        jti: id(0x59),
        iat: 1_800_000_000,
        exp: 1_800_000_300,
    }
}

/// What PyJWT 2.15.1 (with cryptography 50.0.2) makes of [`claims`] and [`private_key`].
pub(crate) const PYJWT_TOKEN: &str = concat!(
    "eyJhbGciOiJFZERTQSIsImtpZCI6IjAxODkwYTVkLWFjOTYtNzc0Yi1iY2NlLWIzMDIwOTlhODA1NiIsInR5cCI6ImF0",
    "K2p3dCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUvdC9kZW1vIiwic3ViIjoiMDE4OTBhNWQtYWM5Ni03NzRiLWJ",
    "jY2UtYjMwMjA5OWE4MDU3IiwiYXVkIjoiaHR0cHM6Ly9hcGkuZXhhbXBsZSIsImNsaWVudF9pZCI6IndlYiIsInNpZCI",
    "6IjAxODkwYTVkLWFjOTYtNzc0Yi1iY2NlLWIzMDIwOTlhODA1OCIsImp0aSI6IjAxODkwYTVkLWFjOTYtNzc0Yi1iY2N",
    "lLWIzMDIwOTlhODA1OSIsImlhdCI6MTgwMDAwMDAwMCwiZXhwIjoxODAwMDAwMzAwfQ.AIPSUXKKou4G5T_kcKOFB7OG",
    "Rtqru6Btee6nYjs6ReP8MpI-v4GHi4JiRauUEeyHEGlJ9HUixnXl-JR581tHAg",
);

/// What PyJWT 2.15.1 (with cryptography 50.0.2) makes of [`claims`] and [`p256_private_key`].
pub(crate) const PYJWT_ES256_TOKEN: &str = concat!(
    "eyJhbGciOiJFUzI1NiIsImtpZCI6IjAxODkwYTVkLWFjOTYtNzc0Yi1iY2NlLWIzMDIwOTlhODA1NiIsInR5cCI6ImF0",
    "K2p3dCJ9.eyJpc3MiOiJodHRwczovL2lkLmV4YW1wbGUvdC9kZW1vIiwic3ViIjoiMDE4OTBhNWQtYWM5Ni03NzRiLWJ",
    "jY2UtYjMwMjA5OWE4MDU3IiwiYXVkIjoiaHR0cHM6Ly9hcGkuZXhhbXBsZSIsImNsaWVudF9pZCI6IndlYiIsInNpZCI",
    "6IjAxODkwYTVkLWFjOTYtNzc0Yi1iY2NlLWIzMDIwOTlhODA1OCIsImp0aSI6IjAxODkwYTVkLWFjOTYtNzc0Yi1iY2N",
    "lLWIzMDIwOTlhODA1OSIsImlhdCI6MTgwMDAwMDAwMCwiZXhwIjoxODAwMDAwMzAwfQ.mECASHfOtu4w-agj6D0iYc-p",
    "UHVx1z8Uu_oqH6l-0zVBGK9_RUTCgh53z13JQsZiFWfgVisvEsc95841VQccKg",
);
