//! Keys that are derived from the root key, one a use.

use aws_lc_rs::hmac;
use keyward_model::RootKeySecret;

/// Names a key's one use, so that nothing else is ever done with the same bytes; with the counter of RFC 5869 §2.3.
pub(crate) struct Label(pub(crate) &'static [u8]);

/// The key for one use: HKDF-SHA-256's first block of output for the root key, which is random already and needs no
/// extraction (RFC 5869 §3.3).
pub(crate) fn subkey(root_key: &RootKeySecret, label: &Label) -> hmac::Key {
    let root_key = hmac::Key::new(hmac::HMAC_SHA256, root_key.expose());
    hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&root_key, label.0).as_ref())
}
