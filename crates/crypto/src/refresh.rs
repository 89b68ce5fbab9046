//! Refresh tokens: opaque to the client, known to the store by their digest only.

use crate::{opaque, sha256};
use keyward_model::{Digest, Random, RefreshTokenSecret};

/// What a refresh token starts with.
const PREFIX: &str = "kwr_";

/// Makes a refresh token: `kwr_` and 43 characters of base64url for 256 random bits (ASVS V7.2.3).
pub fn mint_refresh_token(random: &dyn Random) -> RefreshTokenSecret {
    opaque::mint(PREFIX, random)
}

/// The SHA-256 of the whole text, by which the store knows the token.
///
/// No salt and no stretching: nobody guesses 256 bits (ASVS V6.5.2).
pub fn refresh_token_digest(token: &RefreshTokenSecret) -> Digest {
    sha256(token.expose().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{mint_refresh_token, refresh_token_digest};
    use crate::fixture::{Counting, Filled};
    use crate::sha256;
    use std::collections::BTreeSet;

    /// The prefix and 43 characters of base64url.
    const TEXT_BYTES: usize = 47;

    #[test]
    fn asvs_v7_2_3_tokens_carry_256_random_bits_and_differ() {
        let token = mint_refresh_token(&Filled(0xff));
        assert_eq!(
            token.expose(),
            "kwr___________________________________________8"
        );
        let random = Counting::default();
        let many: BTreeSet<String> = (0..1_000)
            .map(|_| mint_refresh_token(&random).expose().to_owned())
            .collect();
        assert_eq!(many.len(), 1_000);
        assert!(
            many.iter()
                .all(|text| text.len() == TEXT_BYTES && text.starts_with("kwr_"))
        );
    }

    #[test]
    fn the_digest_covers_the_whole_text() {
        let token = mint_refresh_token(&Filled(7));
        let digest = refresh_token_digest(&token);
        assert_eq!(digest, sha256(token.expose().as_bytes()));
        assert_ne!(digest, sha256(&token.expose().as_bytes()[4..]));
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(
            format!("{:?}", mint_refresh_token(&Filled(7))),
            "[redacted]"
        );
    }
}
