//! Refresh tokens: opaque to the client, known to the store by digests only.
//!
//! `kwr_`, then the selector, which all tokens of a family share and which finds it, then what each token has for itself. So
//! the store knows a family's tokens of any age for what they are and has to keep none of them.

use crate::seal::{SealError, SealingKey};
use crate::{opaque, sha256};
use aws_lc_rs::aead::AES_256_GCM;
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use keyward_model::{FamilyId, Random, RefreshTokenDigests, RefreshTokenSecret};
use zeroize::Zeroizing;

/// What a refresh token starts with.
const PREFIX: &str = "kwr_";
/// Length of the selector: 144 bits, which nobody guesses.
const SELECTOR_BYTES: usize = 18;
/// Length of prefix and selector as text.
const SELECTOR_END: usize = PREFIX.len() + SELECTOR_BYTES / 3 * 4;
/// Length of the whole of it as text.
const TEXT_BYTES: usize = SELECTOR_END + opaque::RANDOM_CHARACTERS;
/// What answers' keys are derived under; nothing else is derived with this salt.
const ANSWER_LABEL: &[u8] = b"keyward refresh answer v1";

/// A refresh token of the right form.
#[derive(Debug)]
pub struct RefreshToken(RefreshTokenSecret);

impl RefreshToken {
    /// The first of a family: `kwr_`, 24 characters of base64url for the 144 random bits of the family's selector, and 43 for
    /// the token's own 256 (ASVS V7.2.3).
    pub fn mint(random: &dyn Random) -> Self {
        let mut selector = Zeroizing::new(String::with_capacity(SELECTOR_END));
        selector.push_str(PREFIX);
        opaque::append_random::<SELECTOR_BYTES>(&mut selector, random);
        Self(opaque::mint(&selector, random))
    }

    /// What a caller presents; none if it has another form.
    pub fn parse(presented: RefreshTokenSecret) -> Option<Self> {
        let text = presented.expose();
        let has_form = text.len() == TEXT_BYTES && text.starts_with(PREFIX) && text.is_ascii();
        has_form.then_some(Self(presented))
    }

    /// The one that follows in its family: the same selector, and 256 new random bits.
    #[must_use]
    pub fn next(&self, random: &dyn Random) -> Self {
        Self(opaque::mint(self.selector(), random))
    }

    /// What the store knows it by. No salt and no stretching: nobody guesses 144 bits, nor 256 (ASVS V6.5.2).
    pub fn digests(&self) -> RefreshTokenDigests {
        RefreshTokenDigests {
            selector: sha256(self.selector().as_bytes()),
            token: sha256(self.0.expose().as_bytes()),
        }
    }

    /// Its text, for whom it is issued to.
    pub fn into_secret(self) -> RefreshTokenSecret {
        self.0
    }

    /// With the prefix.
    fn selector(&self) -> &str {
        self.0.expose().get(..SELECTOR_END).unwrap_or_default()
    }
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
    token: &RefreshToken,
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
    let key = Salt::new(HKDF_SHA256, ANSWER_LABEL).extract(token.0.expose().as_bytes());
    let info = [info.as_slice()];
    let derived = key
        .expand(&info, &AES_256_GCM)
        .map_err(|_| SealError::BadKeyLength)?;
    Ok(SealingKey::derived(family_id.uuid(), derived.into()))
}

#[cfg(test)]
mod tests {
    use super::{RefreshToken, TokenHolder, refresh_answer_key};
    use crate::fixture::{Counting, Filled};
    use crate::{Place, SealError, open, seal, sha256};
    use keyward_model::{Id, RefreshTokenSecret};
    use std::collections::BTreeSet;

    #[test]
    fn asvs_v7_2_3_tokens_carry_256_random_bits_and_differ() {
        let token = RefreshToken::mint(&Filled(0xff));
        assert_eq!(
            token.0.expose(),
            "kwr___________________________________________________________________8"
        );
        let random = Counting::default();
        let many: BTreeSet<String> = (0..1_000)
            .map(|_| RefreshToken::mint(&random).0.expose().to_owned())
            .collect();
        assert_eq!(many.len(), 1_000);
        assert!(
            many.iter()
                .all(|text| text.len() == 71 && text.starts_with("kwr_"))
        );
    }

    #[test]
    fn the_tokens_of_a_family_share_their_selector_and_nothing_else() {
        let random = Counting::default();
        let first = RefreshToken::mint(&random);
        let (next, stranger) = (first.next(&random), RefreshToken::mint(&random));
        let [first_text, next_text] = [&first, &next].map(|token| token.0.expose());
        assert_eq!(next_text.len(), first_text.len());
        assert_eq!(next_text[..28], first_text[..28]);
        assert_ne!(next_text[28..], first_text[28..]);
        assert_eq!(next.digests().selector, first.digests().selector);
        assert_ne!(next.digests().token, first.digests().token);
        assert_ne!(stranger.digests().selector, first.digests().selector);
    }

    #[test]
    fn the_digests_cover_the_selector_and_the_whole_text() {
        let token = RefreshToken::mint(&Filled(7));
        let (digests, text) = (token.digests(), token.0.expose().as_bytes());
        assert_eq!(digests.token, sha256(text));
        assert_eq!(digests.selector, sha256(&text[..28]));
    }

    #[test]
    fn a_text_of_another_form_is_no_token() {
        let good = RefreshToken::mint(&Filled(7)).0.expose().to_owned();
        let (shorter, longer) = (good[..70].to_owned(), format!("{good}A"));
        let other = good.replace("kwr_", "kwx_");
        // As long, with a character of two bytes across the selector's end.
        let odd = format!("{}\u{e9}{}", &good[..27], &good[29..]);
        assert_eq!(odd.len(), good.len());
        let parse = |text: &str| RefreshToken::parse(RefreshTokenSecret::new(text.to_owned()));
        assert!(parse(&good).is_some());
        for text in ["", "kwr_", &shorter, &longer, &other, &odd] {
            assert!(parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn an_answer_opens_for_the_holder_of_its_token_alone() {
        let token = RefreshToken::mint(&Filled(7));
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
        let other = RefreshToken::mint(&Filled(8));
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
            format!("{:?}", RefreshToken::mint(&Filled(7))),
            "RefreshToken([redacted])"
        );
    }
}
