//! Base64url without padding (RFC 4648 §5, RFC 7515 §2), strict when read: one text for each sequence of bytes.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Appends `bytes` to `text`.
pub(crate) fn append(text: &mut String, bytes: &[u8]) {
    URL_SAFE_NO_PAD.encode_string(bytes, text);
}

/// `bytes` as text.
pub(crate) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The bytes of `text`; `None` for other characters, padding or set bits behind the last byte.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn each_sequence_of_bytes_has_one_text() {
        assert_eq!(encode(&[0xff, 0xef]), "_-8");
        assert_eq!(decode("_-8"), Some(vec![0xff, 0xef]));
        for other in ["_-8=", "_-9", "/+8", "_-8\n", " _-8", "_", "_-8."] {
            assert_eq!(decode(other), None, "{other:?}");
        }
    }
}
