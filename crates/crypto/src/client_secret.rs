//! Secrets of OAuth clients: opaque to the client, known to the store by their digest only.

use crate::{opaque, sha256};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use keyward_model::{ClientSecret, Digest, Random};

/// What a client's secret starts with.
const PREFIX: &str = "kwc_";

/// Makes a client's secret: `kwc_` and 43 characters of base64url for 256 random bits.
pub fn mint_client_secret(random: &dyn Random) -> ClientSecret {
    opaque::mint(PREFIX, random)
}

/// The SHA-256 of the whole text, by which the store knows the secret. No salt and no stretching: nobody guesses 256 bits, and
/// whoever asks about tokens shows it with each request.
pub fn client_secret_digest(secret: &ClientSecret) -> Digest {
    sha256(secret.expose().as_bytes())
}

/// Whether two digests are the same; compared in constant time (ASVS V11.2.4).
pub fn is_same_digest(one: &Digest, other: &Digest) -> bool {
    verify_slices_are_equal(&one.0, &other.0).is_ok()
}

#[cfg(test)]
mod tests {
    use super::{client_secret_digest, is_same_digest, mint_client_secret};
    use crate::fixture::Filled;
    use crate::sha256;

    #[test]
    fn asvs_v11_5_1_a_secret_carries_256_random_bits_and_is_known_by_all_of_its_text() {
        let secret = mint_client_secret(&Filled(0xff));
        let text = "kwc___________________________________________8";
        assert_eq!(secret.expose(), text);
        assert_eq!(client_secret_digest(&secret), sha256(text.as_bytes()));
        assert_eq!(format!("{secret:?}"), "[redacted]");
    }

    #[test]
    fn asvs_v11_2_4_a_digest_is_the_same_or_is_not() {
        let digest = sha256(b"kwc_");
        assert!(is_same_digest(&digest, &sha256(b"kwc_")));
        for byte in [0, 31] {
            let mut other = digest;
            other.0[byte] ^= 1;
            assert!(!is_same_digest(&digest, &other));
        }
    }
}
