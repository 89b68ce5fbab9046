//! The ratchet as it is stored: one protobuf message with a version.

use super::agreement::{CIPHERTEXT1_BYTES, Encapsulation, KEY_BYTES, KeyPair};
use super::authenticator::Authenticator;
use super::braid::{Braid, CIPHERTEXT2_AND_MAC_BYTES, HEADER_AND_MAC_BYTES, Phase};
use super::chain::{Chain, EpochChains, KeptKeys, Link};
use super::erasure::{Decoder, Encoder};
use super::{Direction, Spqr};
use prost::Message;
use std::collections::VecDeque;
use zeroize::{Zeroize, Zeroizing};

const VERSION: u32 = 1;

/// The whole. Which of the fields from `secret` on are there depends on the phase. Those that cross the wire are not wiped: it takes
/// longer than all else that is done here.
#[derive(Clone, PartialEq, Message, Zeroize)]
struct Record {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(bool, tag = "2")]
    responder: bool,
    #[prost(bytes = "vec", tag = "3")]
    next_root: Vec<u8>,
    #[prost(uint64, tag = "4")]
    first_epoch: u64,
    #[prost(uint64, tag = "5")]
    sending_epoch: u64,
    #[prost(message, repeated, tag = "6")]
    epochs: Vec<EpochRecord>,
    #[prost(bytes = "vec", tag = "7")]
    authenticator_root: Vec<u8>,
    #[prost(bytes = "vec", tag = "8")]
    authenticator_key: Vec<u8>,
    #[prost(uint64, tag = "9")]
    epoch: u64,
    #[prost(uint32, tag = "10")]
    phase: u32,
    /// Seed of the key pair, or the encapsulation's randomness.
    #[prost(bytes = "vec", tag = "11")]
    secret: Vec<u8>,
    #[prost(bytes = "vec", tag = "12")]
    #[zeroize(skip)]
    header: Vec<u8>,
    /// The value being sent in chunks, and the next chunk's index.
    #[prost(bytes = "vec", tag = "13")]
    #[zeroize(skip)]
    outgoing: Vec<u8>,
    #[prost(uint32, tag = "14")]
    outgoing_next: u32,
    /// The chunks received so far.
    #[prost(bytes = "vec", tag = "15")]
    #[zeroize(skip)]
    incoming: Vec<u8>,
    /// A value received whole, or sent whole and still needed.
    #[prost(bytes = "vec", tag = "16")]
    #[zeroize(skip)]
    whole: Vec<u8>,
}

/// One epoch's chains.
#[derive(Clone, PartialEq, Message, Zeroize)]
struct EpochRecord {
    #[prost(uint32, tag = "1")]
    sending_count: u32,
    /// Empty: no more sending in this epoch.
    #[prost(bytes = "vec", tag = "2")]
    sending_key: Vec<u8>,
    #[prost(uint32, tag = "3")]
    receiving_count: u32,
    #[prost(bytes = "vec", tag = "4")]
    receiving_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "5")]
    kept: Vec<u8>,
}

pub(super) fn to_bytes(spqr: &Spqr) -> Zeroizing<Vec<u8>> {
    let (root, key) = spqr.braid.authenticator.parts();
    let mut record = Zeroizing::new(Record {
        version: VERSION,
        responder: spqr.chain.direction() == Direction::Responder,
        next_root: spqr.chain.next_root().to_vec(),
        first_epoch: spqr.chain.first_epoch(),
        sending_epoch: spqr.chain.sending_epoch(),
        epochs: spqr.chain.epochs().iter().map(EpochRecord::from).collect(),
        authenticator_root: root.to_vec(),
        authenticator_key: key.to_vec(),
        epoch: spqr.braid.epoch,
        ..Record::default()
    });
    record.put_phase(&spqr.braid.phase);
    Zeroizing::new(record.encode_to_vec())
}

/// `None` when these bytes are not of a ratchet's record.
pub(super) fn from_bytes(bytes: &[u8]) -> Option<Spqr> {
    let mut record = Zeroizing::new(Record::decode(bytes).ok()?);
    if record.version != VERSION {
        return None;
    }
    let phase = record.take_phase()?;
    let chain = record.take_chain()?;
    let authenticator = Authenticator::from_parts(
        array(&record.authenticator_root)?,
        array(&record.authenticator_key)?,
    );
    // The epoch being agreed on is the one after the last, or the last when this side knows its secret before the other.
    let known = matches!(
        phase,
        Phase::Ct1Sampled { .. }
            | Phase::EkReceivedCt1Sampled { .. }
            | Phase::Ct1Acknowledged { .. }
            | Phase::Ct2Sampled { .. }
    );
    let last_epoch = record.epoch.checked_sub(u64::from(!known))?;
    let coherent = chain.last_epoch() == last_epoch && record.epoch > chain.sending_epoch();
    coherent.then_some(Spqr {
        chain,
        braid: Braid {
            epoch: record.epoch,
            authenticator,
            phase,
        },
    })
}

impl Record {
    fn put_phase(&mut self, phase: &Phase) {
        self.phase = number(phase);
        match phase {
            Phase::KeysUnsampled => {}
            Phase::KeysSampled { keys, header } => {
                self.put_keys(keys);
                self.put_outgoing(header);
            }
            Phase::HeaderSent {
                keys,
                vector,
                first,
            } => {
                self.put_keys(keys);
                self.put_outgoing(vector);
                self.incoming = first.records().to_vec();
            }
            Phase::Ct1Received {
                keys,
                vector,
                first,
            } => {
                self.put_keys(keys);
                self.put_outgoing(vector);
                self.whole.clone_from(first);
            }
            Phase::EkSentCt1Received {
                keys,
                first,
                second,
            } => {
                self.put_keys(keys);
                self.whole.clone_from(first);
                self.incoming = second.records().to_vec();
            }
            Phase::NoHeaderReceived { header } => self.incoming = header.records().to_vec(),
            Phase::HeaderReceived { header } => self.header = header.to_vec(),
            Phase::Ct1Sampled {
                encapsulation,
                first,
                vector,
            } => {
                self.put_encapsulation(encapsulation);
                self.put_outgoing(first);
                self.incoming = vector.records().to_vec();
            }
            Phase::EkReceivedCt1Sampled {
                encapsulation,
                first,
                vector,
            } => {
                self.put_encapsulation(encapsulation);
                self.put_outgoing(first);
                self.whole.clone_from(vector);
            }
            Phase::Ct1Acknowledged {
                encapsulation,
                first,
                vector,
            } => {
                self.put_encapsulation(encapsulation);
                self.whole.clone_from(first);
                self.incoming = vector.records().to_vec();
            }
            Phase::Ct2Sampled { second } => self.put_outgoing(second),
        }
    }

    fn put_keys(&mut self, keys: &KeyPair) {
        self.secret = keys.seed().to_vec();
    }

    fn put_encapsulation(&mut self, encapsulation: &Encapsulation) {
        self.secret = encapsulation.randomness().to_vec();
        self.header = encapsulation.header().to_vec();
    }

    fn put_outgoing(&mut self, encoder: &Encoder) {
        self.outgoing = encoder.value().to_vec();
        self.outgoing_next = u32::from(encoder.next());
    }

    fn take_phase(&mut self) -> Option<Phase> {
        Some(match self.phase {
            0 => Phase::KeysUnsampled,
            1 => Phase::KeysSampled {
                keys: self.keys()?,
                header: self.take_outgoing(HEADER_AND_MAC_BYTES)?,
            },
            2 => Phase::HeaderSent {
                keys: self.keys()?,
                vector: self.take_outgoing(KEY_BYTES)?,
                first: self.take_incoming(CIPHERTEXT1_BYTES)?,
            },
            3 => Phase::Ct1Received {
                keys: self.keys()?,
                vector: self.take_outgoing(KEY_BYTES)?,
                first: self.take_whole(CIPHERTEXT1_BYTES)?,
            },
            4 => Phase::EkSentCt1Received {
                keys: self.keys()?,
                first: self.take_whole(CIPHERTEXT1_BYTES)?,
                second: self.take_incoming(CIPHERTEXT2_AND_MAC_BYTES)?,
            },
            5 => Phase::NoHeaderReceived {
                header: self.take_incoming(HEADER_AND_MAC_BYTES)?,
            },
            6 => Phase::HeaderReceived {
                header: array(&self.header)?,
            },
            7 => Phase::Ct1Sampled {
                encapsulation: self.encapsulation()?,
                first: self.take_outgoing(CIPHERTEXT1_BYTES)?,
                vector: self.take_incoming(KEY_BYTES)?,
            },
            8 => Phase::EkReceivedCt1Sampled {
                encapsulation: self.encapsulation()?,
                first: self.take_outgoing(CIPHERTEXT1_BYTES)?,
                vector: self.take_whole(KEY_BYTES)?,
            },
            9 => Phase::Ct1Acknowledged {
                encapsulation: self.encapsulation()?,
                first: self.take_whole(CIPHERTEXT1_BYTES)?,
                vector: self.take_incoming(KEY_BYTES)?,
            },
            10 => Phase::Ct2Sampled {
                second: self.take_outgoing(CIPHERTEXT2_AND_MAC_BYTES)?,
            },
            _ => return None,
        })
    }

    fn keys(&self) -> Option<KeyPair> {
        array(&self.secret).map(KeyPair::from_seed)
    }

    fn encapsulation(&self) -> Option<Encapsulation> {
        let header = array(&self.header)?;
        Some(Encapsulation::from_parts(header, array(&self.secret)?))
    }

    fn take_outgoing(&mut self, length: usize) -> Option<Encoder> {
        let next = u16::try_from(self.outgoing_next).ok()?;
        Encoder::resume(std::mem::take(&mut self.outgoing), next, length)
    }

    fn take_incoming(&mut self, length: usize) -> Option<Decoder> {
        Decoder::resume(length, std::mem::take(&mut self.incoming))
    }

    fn take_whole(&mut self, length: usize) -> Option<Vec<u8>> {
        (self.whole.len() == length).then(|| std::mem::take(&mut self.whole))
    }

    fn take_chain(&mut self) -> Option<Chain> {
        let direction = if self.responder {
            Direction::Responder
        } else {
            Direction::Initiator
        };
        let epochs: Option<VecDeque<_>> = self.epochs.iter_mut().map(EpochRecord::take).collect();
        Chain::from_parts(
            direction,
            Zeroizing::new(array(&self.next_root)?),
            (self.first_epoch, self.sending_epoch),
            epochs?,
        )
    }
}

impl From<&EpochChains> for EpochRecord {
    fn from(chains: &EpochChains) -> Self {
        let sending = chains.sending.as_ref();
        Self {
            sending_count: sending.map_or(0, |link| link.count),
            sending_key: sending.map_or(Vec::new(), |link| link.key.to_vec()),
            receiving_count: chains.receiving.count,
            receiving_key: chains.receiving.key.to_vec(),
            kept: chains.kept.as_bytes().to_vec(),
        }
    }
}

impl EpochRecord {
    fn take(&mut self) -> Option<EpochChains> {
        let sending = if self.sending_key.is_empty() {
            None
        } else {
            Some(Link::new(self.sending_count, array(&self.sending_key)?))
        };
        let kept = Zeroizing::new(std::mem::take(&mut self.kept));
        Some(EpochChains {
            sending,
            receiving: Link::new(self.receiving_count, array(&self.receiving_key)?),
            kept: KeptKeys::from_bytes(kept, self.receiving_count)?,
        })
    }
}

/// A phase's number in the record: never to be changed.
fn number(phase: &Phase) -> u32 {
    match phase {
        Phase::KeysUnsampled => 0,
        Phase::KeysSampled { .. } => 1,
        Phase::HeaderSent { .. } => 2,
        Phase::Ct1Received { .. } => 3,
        Phase::EkSentCt1Received { .. } => 4,
        Phase::NoHeaderReceived { .. } => 5,
        Phase::HeaderReceived { .. } => 6,
        Phase::Ct1Sampled { .. } => 7,
        Phase::EkReceivedCt1Sampled { .. } => 8,
        Phase::Ct1Acknowledged { .. } => 9,
        Phase::Ct2Sampled { .. } => 10,
    }
}

fn array<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    bytes.try_into().ok()
}
