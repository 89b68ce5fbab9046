//! What one message carries of the post-quantum ratchet.
//!
//! `01`, epoch as a varint, index as a varint, type byte, and for types with a chunk its index as a varint and 32 bytes. Bytes
//! after that are ignored, so that a later version may add to it.

use super::SpqrError;
use super::erasure::{CHUNK_BYTES, Chunk};

/// The only version.
pub(super) const VERSION: u8 = 1;
/// Version, two varints of at most 10 and 5 bytes, type, a varint of at most 3 bytes and a chunk.
const BYTES_MAX: usize = 1 + 10 + 5 + 1 + 3 + CHUNK_BYTES;

/// One message of the ratchet: which key its carrier is encrypted with, and a piece of the key agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// The epoch that its sender is busy agreeing on, from 1. Its key is of the epoch before.
    pub(super) epoch: u64,
    /// Which key of that chain, from 1; 0 = none yet (of a peer that is still negotiating).
    pub(super) index: u32,
    pub(super) payload: Payload,
}

/// The piece of the key agreement (ML-KEM Braid, message types).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Payload {
    /// Nothing to send, or nothing to send yet.
    Nothing,
    /// Of the encapsulation key's header and its MAC.
    Header(Chunk),
    /// Of the encapsulation key's vector.
    Key(Chunk),
    /// The same, and the whole first ciphertext has arrived.
    KeyAcknowledging(Chunk),
    /// The whole first ciphertext has arrived.
    Acknowledgement,
    /// Of the first part of the ciphertext.
    Ciphertext1(Chunk),
    /// Of the second part of the ciphertext and the MAC over both.
    Ciphertext2(Chunk),
}

impl Payload {
    fn parts(&self) -> (u8, Option<&Chunk>) {
        match self {
            Self::Nothing => (0, None),
            Self::Header(chunk) => (1, Some(chunk)),
            Self::Key(chunk) => (2, Some(chunk)),
            Self::KeyAcknowledging(chunk) => (3, Some(chunk)),
            Self::Acknowledgement => (4, None),
            Self::Ciphertext1(chunk) => (5, Some(chunk)),
            Self::Ciphertext2(chunk) => (6, Some(chunk)),
        }
    }
}

impl Message {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(BYTES_MAX);
        let (kind, chunk) = self.payload.parts();
        bytes.push(VERSION);
        put_varint(&mut bytes, self.epoch);
        put_varint(&mut bytes, u64::from(self.index));
        bytes.push(kind);
        if let Some(chunk) = chunk {
            put_varint(&mut bytes, u64::from(chunk.index));
            bytes.extend_from_slice(&chunk.bytes);
        }
        bytes
    }

    /// # Errors
    /// [`SpqrError::Missing`] for no bytes at all, [`SpqrError::OtherVersion`], [`SpqrError::Malformed`].
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, SpqrError> {
        let (&version, mut rest) = bytes.split_first().ok_or(SpqrError::Missing)?;
        if version != VERSION {
            return Err(SpqrError::OtherVersion);
        }
        let epoch = take_varint(&mut rest)?;
        let index = u32::try_from(take_varint(&mut rest)?).map_err(|_| SpqrError::Malformed)?;
        let (&kind, mut rest) = rest.split_first().ok_or(SpqrError::Malformed)?;
        let payload = match kind {
            0 => Payload::Nothing,
            1 => Payload::Header(take_chunk(&mut rest)?),
            2 => Payload::Key(take_chunk(&mut rest)?),
            3 => Payload::KeyAcknowledging(take_chunk(&mut rest)?),
            4 => Payload::Acknowledgement,
            5 => Payload::Ciphertext1(take_chunk(&mut rest)?),
            6 => Payload::Ciphertext2(take_chunk(&mut rest)?),
            _ => return Err(SpqrError::Malformed),
        };
        if epoch == 0 {
            return Err(SpqrError::Malformed);
        }
        Ok(Self {
            epoch,
            index,
            payload,
        })
    }
}

fn put_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Seven bits a byte, least significant first, at most 64 bits.
fn take_varint(rest: &mut &[u8]) -> Result<u64, SpqrError> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, tail) = rest.split_first().ok_or(SpqrError::Malformed)?;
        *rest = tail;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return Err(SpqrError::Malformed);
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(SpqrError::Malformed)
}

fn take_chunk(rest: &mut &[u8]) -> Result<Chunk, SpqrError> {
    let index = u16::try_from(take_varint(rest)?).map_err(|_| SpqrError::Malformed)?;
    let (bytes, tail) = rest
        .split_first_chunk::<CHUNK_BYTES>()
        .ok_or(SpqrError::Malformed)?;
    *rest = tail;
    Ok(Chunk {
        index,
        bytes: *bytes,
    })
}

#[cfg(test)]
mod tests;
