//! Passwords as they are typed, and as they are kept.

use std::fmt;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// The shortest password that is taken while it is the only factor, in code points of its NFC form (NIST SP 800-63B-4
/// §3.1.1.2: each counts as one character).
pub const PASSWORD_CHARACTERS_MIN: usize = 15;
/// The longest password that is read at all, so that hashing cannot be made slow on purpose.
pub const PASSWORD_BYTES_MAX: usize = 1_024;

/// A password in clear: normalized to NFC, never trimmed, folded or cut (ASVS V6.2.8), at most [`PASSWORD_BYTES_MAX`].
pub struct Password(Zeroizing<String>);

/// Why a password is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordProblem {
    /// Shorter than [`PASSWORD_CHARACTERS_MIN`].
    #[error(
        "a password has at least {PASSWORD_CHARACTERS_MIN} characters; a sentence of four or five words is easy to keep in mind"
    )]
    TooShort,
    /// Longer than [`PASSWORD_BYTES_MAX`].
    #[error("a password has at most {PASSWORD_BYTES_MAX} bytes")]
    TooLong,
}

impl Password {
    /// Reads a password that is presented to be verified.
    ///
    /// # Errors
    /// [`PasswordProblem::TooLong`]; a short one is no error here, it is just wrong.
    pub fn presented(raw: &str) -> Result<Self, PasswordProblem> {
        // Checked before the work of normalizing: NFC grows a text at most threefold.
        if raw.len() > PASSWORD_BYTES_MAX {
            return Err(PasswordProblem::TooLong);
        }
        let mut text = Zeroizing::new(String::with_capacity(raw.len() * 3));
        text.extend(raw.nfc());
        match text.len() {
            length if length > PASSWORD_BYTES_MAX => Err(PasswordProblem::TooLong),
            _ => Ok(Self(text)),
        }
    }

    /// Reads a password that is to be set.
    ///
    /// # Errors
    /// A [`PasswordProblem`] whose text may be shown to the user.
    pub fn chosen(raw: &str) -> Result<Self, PasswordProblem> {
        let password = Self::presented(raw)?;
        match password.0.chars().count() {
            length if length < PASSWORD_CHARACTERS_MIN => Err(PasswordProblem::TooShort),
            _ => Ok(password),
        }
    }

    /// The bytes to hash.
    pub fn expose(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

/// A hashed password as a PHC string, with its algorithm and costs.
#[derive(Clone)]
pub struct PasswordHash(Zeroizing<String>);

impl PasswordHash {
    /// Takes a PHC string over, from the hasher or from the store.
    pub fn from_phc(phc: String) -> Self {
        Self(Zeroizing::new(phc))
    }

    /// The PHC string. It is a secret: whoever has it can guess at leisure.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::{Password, PasswordProblem};

    #[test]
    fn asvs_v6_2_8_is_kept_as_typed_but_for_nfc() {
        let composed = Password::chosen(" Ünïcode PASSPHRASE ").unwrap();
        let decomposed = Password::chosen(" U\u{308}ni\u{308}code PASSPHRASE ").unwrap();
        assert_eq!(composed.expose(), decomposed.expose());
        assert!(composed.expose().starts_with(b" "), "never trimmed");
    }

    #[test]
    fn length_is_counted_from_15_characters_to_1024_bytes() {
        assert_eq!(
            Password::chosen("fourteen chars").unwrap_err(),
            PasswordProblem::TooShort
        );
        assert!(Password::chosen("fifteen chars 1").is_ok());
        // Three bytes each.
        assert_eq!(
            Password::chosen(&"水".repeat(14)).unwrap_err(),
            PasswordProblem::TooShort
        );
        assert!(Password::chosen(&"水".repeat(15)).is_ok());
        assert!(Password::chosen(&"x".repeat(1_024)).is_ok());
        assert_eq!(
            Password::chosen(&"x".repeat(1_025)).unwrap_err(),
            PasswordProblem::TooLong
        );
        assert!(Password::presented("short").is_ok());
    }

    #[test]
    fn a_text_that_nfc_grows_past_the_bound_is_refused() {
        // U+0958 is 3 bytes and decomposes to 6 in NFC.
        assert_eq!(
            Password::presented(&"\u{958}".repeat(341)).unwrap_err(),
            PasswordProblem::TooLong
        );
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(
            format!("{:?}", Password::presented("hunter2").unwrap()),
            "[redacted]"
        );
    }
}
