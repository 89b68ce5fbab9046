//! E-mail addresses, as given and as compared.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use unicode_normalization::UnicodeNormalization;

/// The longest address that is taken, in bytes (RFC 5321 §4.5.3.1.3: 256 with the angle brackets).
const EMAIL_BYTES_MAX: usize = 254;

/// An e-mail address: what the user typed, and the form that is compared and unique within a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct EmailAddress {
    given: String,
    canonical: String,
}

/// The text is no e-mail address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an e-mail address")]
pub struct InvalidEmail;

impl EmailAddress {
    /// As the user typed it, without the white space around it.
    pub fn as_given(&self) -> &str {
        &self.given
    }

    /// An address that was taken before and is read back from where it was kept: its grammar is not gone through again. What
    /// could not have been taken is still refused, as far as a glance tells.
    pub fn from_stored(given: String) -> Option<Self> {
        let (mailbox, host) = given.rsplit_once('@')?;
        let is_known = !mailbox.is_empty()
            && !host.is_empty()
            && given.len() <= EMAIL_BYTES_MAX
            && !given.chars().any(char::is_control)
            && given.trim().len() == given.len();
        is_known.then(|| Self {
            canonical: fold(&given),
            given,
        })
    }

    /// NFC and lower case: two users of a tenant never share it.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }
}

impl FromStr for EmailAddress {
    type Err = InvalidEmail;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let given = text.trim();
        let options = email_address::Options::default()
            .without_display_text()
            .without_domain_literal();
        let known = given.len() <= EMAIL_BYTES_MAX
            && !given.chars().any(char::is_control)
            && email_address::EmailAddress::parse_with_options(given, options).is_ok();
        if !known {
            return Err(InvalidEmail);
        }
        Ok(Self {
            given: given.to_owned(),
            canonical: fold(given),
        })
    }
}

/// NFC and lower case: the form in which texts are compared whatever their case. SQL never folds.
pub(crate) fn fold(text: &str) -> String {
    if text.is_ascii() {
        // To which the rest does nothing else, only slowly.
        return text.to_ascii_lowercase();
    }
    let lower = text.nfc().collect::<String>().to_lowercase();
    lower.nfc().collect()
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.given)
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = InvalidEmail;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl Serialize for EmailAddress {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.given)
    }
}

#[cfg(test)]
mod tests {
    use super::EmailAddress;

    #[test]
    fn addresses_that_differ_in_case_are_one() {
        let one: EmailAddress = " Ada@Example.org ".parse().unwrap();
        let other: EmailAddress = "ada@example.ORG".parse().unwrap();
        assert_eq!(one.canonical(), other.canonical());
        assert_eq!(one.as_given(), "Ada@Example.org");
    }

    #[test]
    fn what_was_stored_is_read_back_as_it_was() {
        for text in [
            "ada@example.org",
            "Ada@EXAMPLE.org",
            "\u{c9}lo\u{ef}se@ex\u{e4}mple.org",
            "\u{c9}lo@b.org",
        ] {
            let taken: EmailAddress = text.parse().unwrap();
            let stored = EmailAddress::from_stored(taken.as_given().to_owned());
            assert_eq!(stored, Some(taken), "{text}");
        }
        for corrupt in [
            "",
            "ada",
            "@example.org",
            "ada@",
            " ada@example.org",
            "a\u{7}@example.org",
        ] {
            assert_eq!(
                EmailAddress::from_stored(corrupt.to_owned()),
                None,
                "{corrupt:?}"
            );
        }
    }

    #[test]
    fn the_short_way_of_plain_letters_ends_where_the_long_one_does() {
        use unicode_normalization::UnicodeNormalization;
        let plain: String = (' '..='~').collect();
        let long: String = plain
            .nfc()
            .collect::<String>()
            .to_lowercase()
            .nfc()
            .collect();
        assert_eq!(super::fold(&plain), long);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "ada",
            "ada@",
            "@example.org",
            "a b@example.org",
            "Ada <ada@example.org>",
            "ada@exa\nmple.org",
        ] {
            assert!(text.parse::<EmailAddress>().is_err(), "{text:?}");
        }
        assert!(
            format!("{}@example.org", "a".repeat(300))
                .parse::<EmailAddress>()
                .is_err()
        );
    }
}
