//! SHA-256 (FIPS 180-4).

use keyward_model::Digest;

/// The SHA-256 digest of `bytes`, 32 bytes (ASVS V11.4.3).
///
/// Fit for tokens, which are long and random; a password takes [`crate::PasswordHasher`].
pub fn sha256(bytes: &[u8]) -> Digest {
    let mut digest = Digest([0; 32]);
    let made = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.0.copy_from_slice(made.as_ref());
    digest
}

/// SHA-256 of what comes in pieces.
pub struct Sha256(aws_lc_rs::digest::Context);

impl Sha256 {
    /// Of nothing yet.
    #[expect(
        clippy::new_without_default,
        reason = "a digest has no default, only a beginning"
    )]
    pub fn new() -> Self {
        Self(aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256))
    }

    /// Adds a piece.
    pub fn update(&mut self, piece: &[u8]) {
        self.0.update(piece);
    }

    /// The digest of all pieces.
    pub fn finish(self) -> Digest {
        let mut digest = Digest([0; 32]);
        digest.0.copy_from_slice(self.0.finish().as_ref());
        digest
    }
}

#[cfg(test)]
mod tests {
    use super::{Sha256, sha256};

    #[test]
    fn asvs_v11_4_3_digests_are_sha_256() {
        let hex = sha256(b"abc").hex();
        // FIPS 180-4's example, as NIST publishes it.
        assert_eq!(
            hex,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn pieces_make_the_digest_of_the_whole() {
        let mut digest = Sha256::new();
        digest.update(b"a");
        digest.update(b"bc");
        assert_eq!(digest.finish(), sha256(b"abc"));
    }
}
