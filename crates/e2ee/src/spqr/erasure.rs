//! The erasure code that lets a long value arrive in whichever messages get through.
//!
//! A value of 32 × N bytes is read as 2-byte big-endian elements; element i is the value of polynomial i mod 16 at x = i div 16.
//! Chunk k holds the 16 polynomials' values at x = k: those below N are the value itself, and any N of them decode it.

use super::field::{Multiplier, invert, multiply};
use std::borrow::Cow;

/// Bytes of a chunk.
pub(super) const CHUNK_BYTES: usize = 32;
const ELEMENTS: usize = CHUNK_BYTES / 2;
/// A stored chunk: its index, big-endian, and its bytes.
const RECORD_BYTES: usize = 2 + CHUNK_BYTES;

/// One piece of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk {
    pub(super) index: u16,
    pub(super) bytes: [u8; CHUNK_BYTES],
}

/// A value being sent, chunk by chunk, as long as the other side needs more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Encoder {
    value: Vec<u8>,
    next: u16,
}

impl Encoder {
    /// `value`: a multiple of 32 bytes.
    pub(super) fn new(value: Vec<u8>) -> Self {
        Self { value, next: 0 }
    }

    /// Resumes where an earlier one stopped. `None` unless the value has exactly `length` bytes.
    pub(super) fn resume(value: Vec<u8>, next: u16, length: usize) -> Option<Self> {
        (value.len() == length).then_some(Self { value, next })
    }

    /// The next chunk. After 65,536 of them they begin anew.
    pub(super) fn next_chunk(&mut self) -> Chunk {
        let index = self.next;
        self.next = index.wrapping_add(1);
        let start = usize::from(index) * CHUNK_BYTES;
        let plain = self.value.get(start..).and_then(<[u8]>::first_chunk);
        let bytes = plain.copied().unwrap_or_else(|| self.extra_chunk(index));
        Chunk { index, bytes }
    }

    pub(super) fn value(&self) -> &[u8] {
        &self.value
    }

    pub(super) fn next(&self) -> u16 {
        self.next
    }

    fn extra_chunk(&self, index: u16) -> [u8; CHUNK_BYTES] {
        let (plain, _) = self.value.as_chunks::<CHUNK_BYTES>();
        let points: Vec<Chunk> = (0..).zip(plain).map(Chunk::from).collect();
        Interpolation::of_value(&points).at(index)
    }
}

/// A value being received: the distinct chunks so far, never more than are needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decoder {
    needed: usize,
    records: Vec<u8>,
}

impl Decoder {
    /// For a value of `length` bytes, a multiple of 32.
    pub(super) fn new(length: usize) -> Self {
        Self {
            needed: length / CHUNK_BYTES,
            records: Vec::new(),
        }
    }

    /// Resumes with the [`Self::records`] of an earlier one. `None` when they are not of that form, not distinct, or so many that the
    /// value would have been complete.
    pub(super) fn resume(length: usize, records: Vec<u8>) -> Option<Self> {
        let decoder = Self {
            needed: length / CHUNK_BYTES,
            records,
        };
        let count = decoder.records.len() / RECORD_BYTES;
        let whole = decoder.records.len() == count * RECORD_BYTES && count < decoder.needed;
        let indices: Vec<u16> = decoder.indices().collect();
        let distinct = (1..)
            .zip(&indices)
            .all(|(next, index)| !indices[next..].contains(index));
        (whole && distinct).then_some(decoder)
    }

    /// The value, should this chunk complete it. Changes nothing, so that a value that proves false can be left out.
    pub(super) fn completed_by(&self, chunk: &Chunk) -> Option<Vec<u8>> {
        if self.has(chunk.index) || self.records.len() / RECORD_BYTES + 1 < self.needed {
            return None;
        }
        let points: Vec<Chunk> = self.chunks().chain([*chunk]).collect();
        Some(decode(&points))
    }

    /// Keeps a chunk, unless it is there already or enough are.
    pub(super) fn add(&mut self, chunk: &Chunk) {
        if self.has(chunk.index) || self.records.len() / RECORD_BYTES >= self.needed {
            return;
        }
        self.records.extend_from_slice(&chunk.index.to_be_bytes());
        self.records.extend_from_slice(&chunk.bytes);
    }

    /// The chunks as stored.
    pub(super) fn records(&self) -> &[u8] {
        &self.records
    }

    fn has(&self, index: u16) -> bool {
        self.indices().any(|known| known == index)
    }

    fn indices(&self) -> impl Iterator<Item = u16> {
        let (records, _) = self.records.as_chunks::<RECORD_BYTES>();
        records
            .iter()
            .map(|record| u16::from_be_bytes([record[0], record[1]]))
    }

    fn chunks(&self) -> impl Iterator<Item = Chunk> {
        let (records, _) = self.records.as_chunks::<RECORD_BYTES>();
        records.iter().map(|record| {
            let mut bytes = [0; CHUNK_BYTES];
            bytes.copy_from_slice(&record[2..]);
            Chunk {
                index: u16::from_be_bytes([record[0], record[1]]),
                bytes,
            }
        })
    }
}

impl From<(u16, &[u8; CHUNK_BYTES])> for Chunk {
    fn from((index, bytes): (u16, &[u8; CHUNK_BYTES])) -> Self {
        Self {
            index,
            bytes: *bytes,
        }
    }
}

/// The value of as many bytes as the points have.
fn decode(points: &[Chunk]) -> Vec<u8> {
    let mut interpolation = None;
    let mut value = Vec::with_capacity(points.len() * CHUNK_BYTES);
    for index in (0..u16::MAX).take(points.len()) {
        let known = points.iter().find(|point| point.index == index);
        let bytes = known.map_or_else(
            || {
                interpolation
                    .get_or_insert_with(|| Interpolation::new(points))
                    .at(index)
            },
            |point| point.bytes,
        );
        value.extend_from_slice(&bytes);
    }
    value
}

/// Lagrange interpolation through points with distinct x.
struct Interpolation<'a> {
    points: &'a [Chunk],
    /// For each point the inverse of the product of its distances to the others.
    weights: Cow<'static, [u16]>,
}

impl<'a> Interpolation<'a> {
    fn new(points: &'a [Chunk]) -> Self {
        let weight = |point: &Chunk| {
            let others = points.iter().filter(|other| other.index != point.index);
            invert(others.fold(1, |product, other| {
                multiply(product, point.index ^ other.index)
            }))
        };
        let weights = points.iter().map(weight).collect();
        Self { points, weights }
    }

    /// Through points whose x count up from 0. Those of the ratchet's own values have their weights ready.
    fn of_value(points: &'a [Chunk]) -> Self {
        let weights: &'static [u16] = match points.len() {
            3 => &const { weights::<3>() },
            5 => &const { weights::<5>() },
            30 => &const { weights::<30>() },
            36 => &const { weights::<36>() },
            _ => return Self::new(points),
        };
        let weights = Cow::Borrowed(weights);
        Self { points, weights }
    }

    /// The 16 polynomials' values at an x that is not one of the points'.
    fn at(&self, x: u16) -> [u8; CHUNK_BYTES] {
        let mut sums = [0_u16; ELEMENTS];
        for ((point, weight), others) in self.points.iter().zip(&*self.weights).zip(self.others(x))
        {
            let multiplier = Multiplier::new(multiply(others, *weight));
            for (sum, element) in sums.iter_mut().zip(point.bytes.as_chunks::<2>().0) {
                *sum ^= multiplier.times(u16::from_be_bytes(*element));
            }
        }
        let mut bytes = [0; CHUNK_BYTES];
        for (place, sum) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(sums) {
            *place = sum.to_be_bytes();
        }
        bytes
    }

    /// For each point the product of the distances from x to the others: those before it times those after it.
    fn others(&self, x: u16) -> Vec<u16> {
        let mut products = Vec::with_capacity(self.points.len());
        let mut before = 1;
        for point in self.points {
            products.push(before);
            before = multiply(before, x ^ point.index);
        }
        let mut after = 1;
        for (product, point) in products.iter_mut().zip(self.points).rev() {
            *product = multiply(*product, after);
            after = multiply(after, x ^ point.index);
        }
        products
    }
}

/// The weights of the points 0 to N - 1.
const fn weights<const N: usize>() -> [u16; N] {
    let mut weights = [1; N];
    let mut point = 0;
    while point < N {
        let mut other = 0;
        while other < N {
            if other != point {
                weights[point] = multiply(weights[point], (point ^ other) as u16);
            }
            other += 1;
        }
        weights[point] = invert(weights[point]);
        point += 1;
    }
    weights
}

#[cfg(test)]
mod tests;
