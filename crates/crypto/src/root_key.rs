//! The root key as one line of a file.

use crate::seal::{KEY_BYTES, SealError};
use crate::{base64url, sha256};
use keyward_model::RootKeySecret;
use zeroize::Zeroizing;

/// What the line starts with: what it is, and the version of its form.
const PREFIX: &str = "keyward-root-key-v1:";
/// [`PREFIX`], 43 characters of base64url, a colon and 8 hexadecimal digits.
const TEXT_BYTES: usize = 72;

/// The root key as the line that its file holds, without a line break:
/// `keyward-root-key-v1:<base64url of 32 bytes>:<8 hexadecimal digits>`.
///
/// The digits are the start of the SHA-256 of what is before them. They only find slips: a line that was cut short or
/// mistyped would otherwise be another key, found out when nothing opens any more.
pub fn root_key_to_text(key: &RootKeySecret) -> Zeroizing<String> {
    // As long as it gets: a text that grows leaves an unwiped copy behind.
    let mut text = Zeroizing::new(String::with_capacity(TEXT_BYTES));
    text.push_str(PREFIX);
    base64url::append(&mut text, key.expose());
    let checksum = checksum(&text);
    text.push(':');
    text.push_str(&checksum);
    text
}

/// Reads what [`root_key_to_text`] wrote; white space around it is no matter.
///
/// # Errors
/// - [`SealError::OtherVersion`]: the line does not start with `keyward-root-key-v1:`;
/// - [`SealError::Malformed`]: it is cut short, mistyped or not base64url;
/// - [`SealError::BadKeyLength`]: the key has not 32 bytes.
pub fn root_key_from_text(text: &str) -> Result<RootKeySecret, SealError> {
    let line = text.trim();
    let rest = line.strip_prefix(PREFIX).ok_or(SealError::OtherVersion)?;
    let (encoded, given) = rest.rsplit_once(':').ok_or(SealError::Malformed)?;
    if checksum(&line[..PREFIX.len() + encoded.len()]) != given {
        return Err(SealError::Malformed);
    }
    let key = base64url::decode(encoded)
        .map(RootKeySecret::new)
        .ok_or(SealError::Malformed)?;
    match key.expose().len() {
        KEY_BYTES => Ok(key),
        _ => Err(SealError::BadKeyLength),
    }
}

fn checksum(text: &str) -> String {
    sha256(text.as_bytes()).0[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{TEXT_BYTES, root_key_from_text, root_key_to_text};
    use crate::fixture::Filled;
    use crate::{SealError, mint_root_key};
    use keyward_model::RootKeySecret;

    #[test]
    fn text_comes_back_whatever_white_space_is_around() {
        let key = mint_root_key(&Filled(0xab));
        let text = root_key_to_text(&key);
        assert_eq!(text.len(), TEXT_BYTES);
        let back = root_key_from_text(&format!("\u{feff} \r\n{}\n", text.as_str()));
        assert_eq!(
            back.unwrap_err(),
            SealError::OtherVersion,
            "a byte order mark is no white space"
        );
        let back = root_key_from_text(&format!(" \r\n{}\r\n", text.as_str())).unwrap();
        assert_eq!(back.expose(), key.expose());
    }

    #[test]
    fn the_form_never_changes() {
        // Checked with: printf keyward-root-key-v1:AAAA… | sha256sum
        let text = root_key_to_text(&mint_root_key(&Filled(0)));
        let zeros = "A".repeat(43);
        assert_eq!(
            text.as_str(),
            format!("keyward-root-key-v1:{zeros}:d5787f0b")
        );
    }

    #[test]
    fn a_text_cut_short_or_mistyped_is_refused() {
        let text = root_key_to_text(&mint_root_key(&Filled(0xab)));
        for length in 0..text.len() {
            assert!(
                root_key_from_text(&text[..length]).is_err(),
                "cut to {length}"
            );
        }
        for position in 0..text.len() {
            let mut mistyped = text.as_bytes().to_vec();
            mistyped[position] = if mistyped[position] == b'x' {
                b'y'
            } else {
                b'x'
            };
            let mistyped = String::from_utf8(mistyped).unwrap();
            assert!(
                root_key_from_text(&mistyped).is_err(),
                "mistyped at {position}"
            );
        }
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        let short = root_key_to_text(&RootKeySecret::new(vec![1; 31]));
        assert_eq!(
            root_key_from_text(&short).unwrap_err(),
            SealError::BadKeyLength
        );
        assert_eq!(
            root_key_from_text("keyward-root-key-v2:x").unwrap_err(),
            SealError::OtherVersion
        );
        assert_eq!(root_key_from_text("").unwrap_err(), SealError::OtherVersion);
    }
}
