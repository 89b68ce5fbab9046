//! Sealing: AES-256-GCM (NIST SP 800-38D) in one fixed form, for everything that is kept secret at rest.
//!
//! The form: version (1 byte, `1`), key id (16), nonce (12), ciphertext (as long as the plaintext), tag (16).

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use keyward_model::{Random, RootKeySecret, SealedBytes, TenantId, TenantKeyId, TenantKeySecret};
use std::fmt;
use uuid::Uuid;
use zeroize::Zeroizing;

/// Length of a key of AES-256.
pub(crate) const KEY_BYTES: usize = 32;
const VERSION: u8 = 1;
/// Version and key id.
const HEADER_BYTES: usize = 17;
const TAG_BYTES: usize = 16;
/// What the id of a root key is derived under; no other use of the key has this label.
const ROOT_KEY_ID_LABEL: &[u8] = b"keyward root key id v1";

/// Where a sealed value lies. It opens nowhere else, so that nobody who can write to the database can move one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// Whose row it is.
    pub tenant_id: TenantId,
    /// The table's name.
    pub table: &'a str,
    /// The column's name.
    pub column: &'a str,
    /// The row's id.
    pub row: Uuid,
}

/// A key that seals and opens, and the id that it marks its work with.
///
/// Nonces are random, so one key may seal at most 2^32 times (NIST SP 800-38D §8.3); whoever seals more counts and
/// rotates. Keep it: preparing one costs more than using it.
pub struct SealingKey {
    id: Uuid,
    key: LessSafeKey,
}

/// Why nothing was sealed or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The text or bytes are not of their form, or the plaintext is longer than AES-GCM can seal (64 GiB).
    #[error("not of the form of sealed bytes or of a root key")]
    Malformed,
    /// They are of a form that this program does not know.
    #[error("sealed bytes or a root key of an unknown version")]
    OtherVersion,
    /// They were sealed with another key.
    #[error("sealed with another key")]
    OtherKey,
    /// They were changed, or belong to another place.
    #[error("sealed bytes that are not authentic in their place")]
    NotAuthentic,
    /// A key of another length than 32 bytes.
    #[error("a sealing key has 32 bytes")]
    BadKeyLength,
}

impl SealingKey {
    /// The root key. Its id follows from the key itself and reveals nothing of it: HMAC-SHA256 of a fixed label, in the form
    /// of a UUIDv8 (RFC 9562 §5.8).
    ///
    /// # Errors
    /// [`SealError::BadKeyLength`].
    pub fn root(secret: &RootKeySecret) -> Result<Self, SealError> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
        let mut id = [0_u8; 16];
        id.copy_from_slice(&hmac::sign(&key, ROOT_KEY_ID_LABEL).as_ref()[..16]);
        Self::prepare(
            uuid::Builder::from_custom_bytes(id).into_uuid(),
            secret.expose(),
        )
    }

    /// A tenant's key.
    ///
    /// # Errors
    /// [`SealError::BadKeyLength`].
    pub fn tenant(id: TenantKeyId, secret: &TenantKeySecret) -> Result<Self, SealError> {
        Self::prepare(id.uuid(), secret.expose())
    }

    /// The id that sealed bytes carry; see [`sealed_key_id`].
    pub fn key_id(&self) -> Uuid {
        self.id
    }

    /// One that was derived for a single use.
    pub(crate) fn derived(id: Uuid, key: UnboundKey) -> Self {
        let key = LessSafeKey::new(key);
        Self { id, key }
    }

    fn prepare(id: Uuid, secret: &[u8]) -> Result<Self, SealError> {
        let key = UnboundKey::new(&AES_256_GCM, secret).map_err(|_| SealError::BadKeyLength)?;
        Ok(Self {
            id,
            key: LessSafeKey::new(key),
        })
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SealingKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Seals `plaintext` for one place, under a fresh nonce.
///
/// # Errors
/// [`SealError::Malformed`]: the plaintext is longer than 64 GiB.
pub fn seal(
    key: &SealingKey,
    place: Place<'_>,
    plaintext: &[u8],
    random: &dyn Random,
) -> Result<SealedBytes, SealError> {
    let mut nonce = [0_u8; NONCE_LEN];
    random.fill(&mut nonce);
    let start = HEADER_BYTES + NONCE_LEN;
    // As long as it gets: plaintext is encrypted in here, and a buffer that grows would leave a copy of it behind.
    let mut sealed = Vec::with_capacity(start + plaintext.len() + TAG_BYTES);
    sealed.extend_from_slice(&header(key.id));
    sealed.extend_from_slice(&nonce);
    sealed.extend_from_slice(plaintext);
    let tag = key
        .key
        .seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(associated_data(key.id, place)),
            &mut sealed[start..],
        )
        .map_err(|_| SealError::Malformed)?;
    sealed.extend_from_slice(tag.as_ref());
    Ok(SealedBytes(sealed))
}

/// Opens what was sealed with `key` for `place`.
///
/// # Errors
/// [`SealError::Malformed`], [`SealError::OtherVersion`], [`SealError::OtherKey`], or [`SealError::NotAuthentic`] when
/// bytes or place are not those of the sealing; which of both is not told (ASVS V11.2.5).
pub fn open(
    key: &SealingKey,
    place: Place<'_>,
    sealed: &SealedBytes,
) -> Result<Zeroizing<Vec<u8>>, SealError> {
    if sealed_key_id(sealed)? != key.id {
        return Err(SealError::OtherKey);
    }
    let (nonce, ciphertext) = sealed.0[HEADER_BYTES..].split_at(NONCE_LEN);
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Malformed)?;
    let mut plaintext = Zeroizing::new(ciphertext.to_vec());
    let length = key
        .key
        .open_in_place(
            nonce,
            Aad::from(associated_data(key.id, place)),
            &mut plaintext,
        )
        .map_err(|_| SealError::NotAuthentic)?
        .len();
    plaintext.truncate(length);
    Ok(plaintext)
}

/// The id of the key that opens `sealed`. Nothing is authenticated yet: [`open`] does that.
///
/// # Errors
/// [`SealError::Malformed`] or [`SealError::OtherVersion`].
pub fn sealed_key_id(sealed: &SealedBytes) -> Result<Uuid, SealError> {
    match sealed.0.split_first() {
        None => Err(SealError::Malformed),
        Some((&VERSION, rest)) if rest.len() >= HEADER_BYTES - 1 + NONCE_LEN + TAG_BYTES => {
            Uuid::from_slice(&rest[..HEADER_BYTES - 1]).map_err(|_| SealError::Malformed)
        }
        Some((&VERSION, _)) => Err(SealError::Malformed),
        Some(_) => Err(SealError::OtherVersion),
    }
}

/// Makes a root key: 32 random bytes.
pub fn mint_root_key(random: &dyn Random) -> RootKeySecret {
    RootKeySecret::new(random_key(random))
}

/// Makes a tenant's key: 32 random bytes.
pub fn mint_tenant_key(random: &dyn Random) -> TenantKeySecret {
    TenantKeySecret::new(random_key(random))
}

fn random_key(random: &dyn Random) -> Vec<u8> {
    let mut bytes = vec![0_u8; KEY_BYTES];
    random.fill(&mut bytes);
    bytes
}

fn header(key_id: Uuid) -> [u8; HEADER_BYTES] {
    let mut header = [VERSION; HEADER_BYTES];
    header[1..].copy_from_slice(key_id.as_bytes());
    header
}

/// Header and place. Names carry their length, so that no two places have the same encoding.
fn associated_data(key_id: Uuid, place: Place<'_>) -> Vec<u8> {
    let mut data = header(key_id).to_vec();
    data.extend_from_slice(place.tenant_id.uuid().as_bytes());
    for name in [place.table, place.column] {
        data.extend_from_slice(&(name.len() as u64).to_be_bytes());
        data.extend_from_slice(name.as_bytes());
    }
    data.extend_from_slice(place.row.as_bytes());
    data
}

#[cfg(test)]
mod tests;
