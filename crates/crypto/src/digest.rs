//! SHA-256 (FIPS 180-4) and how digests are compared.

use aws_lc_rs::constant_time::verify_slices_are_equal;
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

/// Whether two digests are the same, in a time that does not tell where they differ (ASVS V11.2.4).
pub fn digests_equal(a: &Digest, b: &Digest) -> bool {
    verify_slices_are_equal(&a.0, &b.0).is_ok()
}

#[cfg(test)]
mod tests {
    use super::{digests_equal, sha256};

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

    #[test]
    fn digests_differ_in_any_bit() {
        let one = sha256(b"abc");
        assert!(digests_equal(&one, &sha256(b"abc")));
        for bit in 0..256 {
            let mut other = one;
            other.0[bit / 8] ^= 1 << (bit % 8);
            assert!(!digests_equal(&one, &other));
        }
    }
}
