//! Opaque tokens: a prefix by which scanners for leaked secrets know them, and 256 random bits.

use crate::base64url;
use keyward_model::{Random, Secret};
use zeroize::Zeroizing;

/// Length of the random part: 256 bits, of which ASVS V7.2.3 asks 128.
const RANDOM_BYTES: usize = 32;
/// Length of the random part as text.
pub(crate) const RANDOM_CHARACTERS: usize = 43;

/// The prefix, and 43 characters of base64url for 256 random bits.
pub(crate) fn mint<K>(prefix: &str, random: &dyn Random) -> Secret<K> {
    // As long as it gets: a text that grows leaves an unwiped copy behind.
    let mut text = String::with_capacity(prefix.len() + RANDOM_CHARACTERS);
    text.push_str(prefix);
    append_random::<RANDOM_BYTES>(&mut text, random);
    Secret::new(text)
}

/// Appends so many random bytes as base64url, to a text with room for them.
pub(crate) fn append_random<const BYTES: usize>(text: &mut String, random: &dyn Random) {
    let mut bytes = Zeroizing::new([0_u8; BYTES]);
    random.fill(bytes.as_mut());
    base64url::append(text, bytes.as_ref());
}
