//! The digest by which lists of breached passwords name them.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use keyward_model::Password;

/// How long such a digest is.
pub const BREACH_DIGEST_BYTES: usize = 20;

/// SHA-1 of a password, as the public lists have it. It protects nothing here: it is a name to look up.
pub fn breach_digest(password: &Password) -> [u8; BREACH_DIGEST_BYTES] {
    let mut bytes = [0; BREACH_DIGEST_BYTES];
    let made = digest(&SHA1_FOR_LEGACY_USE_ONLY, password.expose());
    bytes.copy_from_slice(made.as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::breach_digest;
    use keyward_model::Password;

    #[test]
    fn asvs_v6_2_12_it_is_the_sha_1_of_the_public_lists() {
        let digest = breach_digest(&Password::presented("password").unwrap());
        let hex: String = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        assert_eq!(hex, "5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8");
    }
}
