//! Refresh tokens: opaque to the client, known to the store by their digest only.

use crate::seal::{SealError, SealingKey};
use crate::{opaque, sha256};
use aws_lc_rs::aead::AES_256_GCM;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use keyward_model::{Digest, FamilyId, Random, RefreshTokenSecret};

/// What a refresh token starts with.
const PREFIX: &str = "kwr_";
/// What answers' keys are derived under; nothing else is derived with this salt.
const ANSWER_LABEL: &[u8] = b"keyward refresh answer v1";

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

/// Whose request it is that a refresh token came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenHolder<'a> {
    /// The client.
    pub client_id: &'a str,
    /// What the client calls its device, if it says so.
    pub device_fingerprint: Option<&'a str>,
}

/// The key that the answer to an exchange of `token` is sealed under: HKDF-SHA-256 (RFC 5869) of the token, for its family
/// and holder. So only who has the token that was exchanged, and is the client that did it, can open the answer; whoever has
/// the database cannot.
///
/// # Errors
/// None that a caller could bring about: [`SealError::BadKeyLength`] if the library refuses its own lengths.
pub fn refresh_answer_key(
    token: &RefreshTokenSecret,
    family_id: FamilyId,
    holder: TokenHolder<'_>,
) -> Result<SealingKey, SealError> {
    let mut info = family_id.uuid().as_bytes().to_vec();
    for part in [Some(holder.client_id), holder.device_fingerprint] {
        // Behind its length, and nothing is another than the empty text.
        let length = part.map_or(u64::MAX, |part| part.len() as u64);
        info.extend_from_slice(&length.to_be_bytes());
        info.extend_from_slice(part.unwrap_or_default().as_bytes());
    }
    let key = Salt::new(HKDF_SHA256, ANSWER_LABEL).extract(token.expose().as_bytes());
    let info = [info.as_slice()];
    let derived = key
        .expand(&info, &AES_256_GCM)
        .map_err(|_| SealError::BadKeyLength)?;
    Ok(SealingKey::derived(family_id.uuid(), derived.into()))
}

#[cfg(test)]
mod tests {
    use super::{TokenHolder, mint_refresh_token, refresh_answer_key, refresh_token_digest};
    use crate::fixture::{Counting, Filled};
    use crate::{Place, SealError, open, seal, sha256};
    use keyward_model::Id;
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
    fn an_answer_opens_for_the_holder_of_its_token_alone() {
        let token = mint_refresh_token(&Filled(7));
        let family = |byte| Id::from_uuid(uuid::Uuid::from_bytes([byte; 16]));
        let holder = |client_id, device_fingerprint| TokenHolder {
            client_id,
            device_fingerprint,
        };
        let place = Place {
            tenant_id: Id::from_uuid(uuid::Uuid::nil()),
            table: "refresh_answers",
            column: "sealed",
            row: family(1).uuid(),
        };
        let key = |token, id, holder| refresh_answer_key(token, id, holder).unwrap();
        let mine = key(&token, family(1), holder("app", Some("phone")));
        let sealed = seal(&mine, place, b"answer", &Filled(9)).unwrap();
        let again = key(&token, family(1), holder("app", Some("phone")));
        assert_eq!(open(&again, place, &sealed).unwrap().as_slice(), b"answer");
        let other = mint_refresh_token(&Filled(8));
        for stranger in [
            key(&other, family(1), holder("app", Some("phone"))),
            key(&token, family(1), holder("web", Some("phone"))),
            key(&token, family(1), holder("app", Some("tablet"))),
            key(&token, family(1), holder("app", Some(""))),
            key(&token, family(1), holder("app", None)),
        ] {
            let opened = open(&stranger, place, &sealed);
            assert_eq!(opened.unwrap_err(), SealError::NotAuthentic);
        }
        let elsewhere = key(&token, family(2), holder("app", Some("phone")));
        let opened = open(&elsewhere, place, &sealed);
        assert_eq!(opened.unwrap_err(), SealError::OtherKey);
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(
            format!("{:?}", mint_refresh_token(&Filled(7))),
            "[redacted]"
        );
    }
}
