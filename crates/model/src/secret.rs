//! Secrets: redacted in `Debug`, wiped when dropped, readable only by the word `expose`.

use std::fmt;
use std::marker::PhantomData;
use zeroize::Zeroizing;

/// A secret text of the kind `K`. It has no `PartialEq`: secrets are compared as digests, in constant time.
pub struct Secret<K> {
    text: Zeroizing<String>,
    kind: PhantomData<fn() -> K>,
}

/// Secret bytes of the kind `K`.
pub struct SecretBytes<K> {
    bytes: Zeroizing<Vec<u8>>,
    kind: PhantomData<fn() -> K>,
}

/// Marks [`AccessTokenSecret`].
#[derive(Debug)]
pub enum AccessToken {}
/// Marks [`RefreshTokenSecret`].
#[derive(Debug)]
pub enum RefreshToken {}
/// Marks [`RootKeySecret`].
#[derive(Debug)]
pub enum RootKey {}
/// Marks [`TenantKeySecret`].
#[derive(Debug)]
pub enum TenantKey {}
/// Marks [`PrivateKeySecret`].
#[derive(Debug)]
pub enum PrivateKey {}

/// An access token in clear, as the client holds it.
pub type AccessTokenSecret = Secret<AccessToken>;
/// A refresh token in clear, as the client holds it; stored as a [`crate::Digest`] only.
pub type RefreshTokenSecret = Secret<RefreshToken>;
/// An invitation's token in clear, as it is handed over; stored as a [`crate::Digest`] only.
pub type InvitationSecret = Secret<crate::Invitation>;
/// A known device's token in clear, as the client holds it; stored as a [`crate::Digest`] only.
pub type DeviceTokenSecret = Secret<crate::KnownDevice>;
/// The 32 bytes that all else is sealed under.
pub type RootKeySecret = SecretBytes<RootKey>;
/// The 32 bytes that one tenant's data is sealed under.
pub type TenantKeySecret = SecretBytes<TenantKey>;
/// The seed of a signing key.
pub type PrivateKeySecret = SecretBytes<PrivateKey>;

impl<K> Secret<K> {
    /// Takes the text over; the caller keeps no copy.
    pub fn new(text: String) -> Self {
        Self {
            text: Zeroizing::new(text),
            kind: PhantomData,
        }
    }

    /// The secret itself. Whoever calls this answers for where it goes.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl<K> SecretBytes<K> {
    /// Takes the bytes over; the caller keeps no copy.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self {
            bytes: Zeroizing::new(bytes),
            kind: PhantomData,
        }
    }

    /// The secret itself. Whoever calls this answers for where it goes.
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }
}

impl<K> Clone for Secret<K> {
    fn clone(&self) -> Self {
        Self {
            text: self.text.clone(),
            kind: PhantomData,
        }
    }
}

impl<K> fmt::Debug for Secret<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

impl<K> fmt::Debug for SecretBytes<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::{AccessTokenSecret, RootKeySecret};

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(
            format!("{:?}", AccessTokenSecret::new("eyJ".into())),
            "[redacted]"
        );
        assert_eq!(
            format!("{:?}", RootKeySecret::new(vec![7; 32])),
            "[redacted]"
        );
    }
}
