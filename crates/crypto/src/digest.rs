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

#[cfg(test)]
mod tests {
    use super::sha256;

    #[test]
    fn asvs_v11_4_3_digests_are_sha_256() {
        let hex: String = sha256(b"abc")
            .0
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        // FIPS 180-4's example, as NIST publishes it.
        assert_eq!(
            hex,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
