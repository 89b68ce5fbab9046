//! The key agreement itself (ML-KEM Braid §2): epoch after epoch one side sends an ML-KEM encapsulation key in pieces, the other the
//! ciphertext, both at once where that is possible, and then they swap.
//!
//! The phases bear the names of the specification.

use super::agreement::{
    CIPHERTEXT1_BYTES, CIPHERTEXT2_BYTES, Encapsulation, HEADER_BYTES, KEY_BYTES, KeyPair,
};
use super::authenticator::{Authenticator, MAC_BYTES, verify};
use super::erasure::{Chunk, Decoder, Encoder};
use super::message::Payload;
use super::{Direction, EpochSecret, SpqrError};
use rand_core::CryptoRng;

/// Bytes of the header as it is sent.
pub(super) const HEADER_AND_MAC_BYTES: usize = HEADER_BYTES + MAC_BYTES;
/// Bytes of the ciphertext's second part as it is sent.
pub(super) const CIPHERTEXT2_AND_MAC_BYTES: usize = CIPHERTEXT2_BYTES + MAC_BYTES;

/// One side's state of the key agreement.
#[derive(Clone)]
pub(super) struct Braid {
    /// The epoch being agreed on, from 1.
    pub(super) epoch: u64,
    pub(super) authenticator: Authenticator,
    pub(super) phase: Phase,
}

/// How far an epoch is. The first five are of the side that sends the key, the others of the side that encapsulates.
#[derive(Clone)]
pub(super) enum Phase {
    KeysUnsampled,
    KeysSampled {
        keys: KeyPair,
        header: Encoder,
    },
    HeaderSent {
        keys: KeyPair,
        vector: Encoder,
        first: Decoder,
    },
    Ct1Received {
        keys: KeyPair,
        vector: Encoder,
        first: Vec<u8>,
    },
    EkSentCt1Received {
        keys: KeyPair,
        first: Vec<u8>,
        second: Decoder,
    },
    NoHeaderReceived {
        header: Decoder,
    },
    HeaderReceived {
        header: [u8; HEADER_BYTES],
    },
    Ct1Sampled {
        encapsulation: Encapsulation,
        first: Encoder,
        vector: Decoder,
    },
    EkReceivedCt1Sampled {
        encapsulation: Encapsulation,
        first: Encoder,
        vector: Vec<u8>,
    },
    Ct1Acknowledged {
        encapsulation: Encapsulation,
        first: Vec<u8>,
        vector: Decoder,
    },
    Ct2Sampled {
        second: Encoder,
    },
}

impl Braid {
    /// At the start. The initiator sends the first epoch's key.
    pub(super) fn new(pq_key: &[u8; 32], direction: Direction) -> Self {
        let phase = match direction {
            Direction::Initiator => Phase::KeysUnsampled,
            Direction::Responder => Phase::no_header_received(),
        };
        Self {
            epoch: 1,
            authenticator: Authenticator::new(pq_key),
            phase,
        }
    }

    /// The next piece to send, and the epoch's secret if this side begins to know it now. On an error nothing has changed.
    pub(super) fn send(
        &mut self,
        rng: &mut impl CryptoRng,
    ) -> Result<(Payload, Option<EpochSecret>), SpqrError> {
        let mut known = None;
        match &self.phase {
            Phase::KeysUnsampled => self.sample_keys(rng),
            Phase::HeaderReceived { header } => known = Some(self.encapsulate(*header, rng)?),
            _ => {}
        }
        let payload = match &mut self.phase {
            Phase::KeysSampled { header, .. } => Payload::Header(header.next_chunk()),
            Phase::HeaderSent { vector, .. } => Payload::Key(vector.next_chunk()),
            Phase::Ct1Received { vector, .. } => Payload::KeyAcknowledging(vector.next_chunk()),
            Phase::EkSentCt1Received { .. } => Payload::Acknowledgement,
            Phase::Ct1Sampled { first, .. } | Phase::EkReceivedCt1Sampled { first, .. } => {
                Payload::Ciphertext1(first.next_chunk())
            }
            Phase::Ct2Sampled { second } => Payload::Ciphertext2(second.next_chunk()),
            Phase::KeysUnsampled
            | Phase::NoHeaderReceived { .. }
            | Phase::HeaderReceived { .. }
            | Phase::Ct1Acknowledged { .. } => Payload::Nothing,
        };
        Ok((payload, known))
    }

    /// Takes in a piece that was sent in an epoch, and gives the epoch's secret if this side begins to know it now. Pieces of an
    /// earlier epoch or phase are passed over. On an error nothing has changed.
    ///
    /// # Errors
    /// [`SpqrError::EpochUnknown`] for an epoch that the other side cannot have reached; [`SpqrError::NotAuthentic`] when a value is
    /// complete and is not what its MAC or hash says.
    pub(super) fn receive(
        &mut self,
        epoch: u64,
        payload: &Payload,
    ) -> Result<Option<EpochSecret>, SpqrError> {
        if epoch < self.epoch {
            return Ok(None);
        }
        if epoch > self.epoch {
            return self.reach(epoch).map(|()| None);
        }
        match payload {
            Payload::Nothing => {}
            Payload::Header(chunk) => self.receive_header(chunk)?,
            Payload::Key(chunk) => self.receive_key(chunk)?,
            Payload::KeyAcknowledging(chunk) => {
                // Both in one: the acknowledgement must not stand when the chunk is refused.
                let before = self.phase.clone();
                let received = self
                    .receive_acknowledgement()
                    .and_then(|()| self.receive_key(chunk));
                received.inspect_err(|_| self.phase = before)?;
            }
            Payload::Acknowledgement => self.receive_acknowledgement()?,
            Payload::Ciphertext1(chunk) => self.receive_first(chunk),
            Payload::Ciphertext2(chunk) => return self.receive_second(chunk),
        }
        Ok(None)
    }

    /// The other side has finished this epoch: the next, in which this side sends the key.
    fn reach(&mut self, epoch: u64) -> Result<(), SpqrError> {
        let done = matches!(self.phase, Phase::Ct2Sampled { .. });
        if !done || epoch - self.epoch != 1 {
            return Err(SpqrError::EpochUnknown);
        }
        self.epoch = epoch;
        self.phase = Phase::KeysUnsampled;
        Ok(())
    }

    fn sample_keys(&mut self, rng: &mut impl CryptoRng) {
        let keys = KeyPair::generate(rng);
        let mut header = keys.header().to_vec();
        let mac = self.authenticator.header_mac(self.epoch, &header);
        header.extend_from_slice(&*mac);
        let header = Encoder::new(header);
        self.phase = Phase::KeysSampled { keys, header };
    }

    fn encapsulate(
        &mut self,
        header: [u8; HEADER_BYTES],
        rng: &mut impl CryptoRng,
    ) -> Result<EpochSecret, SpqrError> {
        let encapsulation = Encapsulation::generate(header, rng);
        let (first, secret) = encapsulation.first(self.epoch)?;
        self.authenticator = self.authenticator.updated(self.epoch, &secret);
        self.phase = Phase::Ct1Sampled {
            encapsulation,
            first: Encoder::new(first),
            vector: Decoder::new(KEY_BYTES),
        };
        Ok(secret)
    }

    fn receive_header(&mut self, chunk: &Chunk) -> Result<(), SpqrError> {
        let Phase::NoHeaderReceived { header: decoder } = &mut self.phase else {
            return Ok(());
        };
        let Some(value) = decoder.completed_by(chunk) else {
            decoder.add(chunk);
            return Ok(());
        };
        let (header, mac) = value
            .split_first_chunk::<HEADER_BYTES>()
            .ok_or(SpqrError::Malformed)?;
        verify(&self.authenticator.header_mac(self.epoch, header), mac)?;
        self.phase = Phase::HeaderReceived { header: *header };
        Ok(())
    }

    fn receive_key(&mut self, chunk: &Chunk) -> Result<(), SpqrError> {
        let (Phase::Ct1Sampled { vector, .. } | Phase::Ct1Acknowledged { vector, .. }) =
            &mut self.phase
        else {
            return Ok(());
        };
        let Some(value) = vector.completed_by(chunk) else {
            vector.add(chunk);
            return Ok(());
        };
        let next = match &self.phase {
            Phase::Ct1Sampled {
                encapsulation,
                first,
                ..
            } => {
                encapsulation.verify(&value)?;
                Phase::EkReceivedCt1Sampled {
                    encapsulation: encapsulation.clone(),
                    first: first.clone(),
                    vector: value,
                }
            }
            Phase::Ct1Acknowledged {
                encapsulation,
                first,
                ..
            } => {
                encapsulation.verify(&value)?;
                self.ciphertext2(encapsulation, first, &value)?
            }
            _ => return Ok(()),
        };
        self.phase = next;
        Ok(())
    }

    fn receive_acknowledgement(&mut self) -> Result<(), SpqrError> {
        let next = match &self.phase {
            Phase::Ct1Sampled {
                encapsulation,
                first,
                vector,
            } => Phase::Ct1Acknowledged {
                encapsulation: encapsulation.clone(),
                first: first.value().to_vec(),
                vector: vector.clone(),
            },
            Phase::EkReceivedCt1Sampled {
                encapsulation,
                first,
                vector,
            } => self.ciphertext2(encapsulation, first.value(), vector)?,
            _ => return Ok(()),
        };
        self.phase = next;
        Ok(())
    }

    fn ciphertext2(
        &self,
        encapsulation: &Encapsulation,
        first: &[u8],
        vector: &[u8],
    ) -> Result<Phase, SpqrError> {
        let mut second = encapsulation.second(vector)?.to_vec();
        let mac = self
            .authenticator
            .ciphertext_mac(self.epoch, first, &second);
        second.extend_from_slice(&*mac);
        let second = Encoder::new(second);
        Ok(Phase::Ct2Sampled { second })
    }

    fn receive_first(&mut self, chunk: &Chunk) {
        match &mut self.phase {
            Phase::KeysSampled { keys, .. } => {
                let mut first = Decoder::new(CIPHERTEXT1_BYTES);
                first.add(chunk);
                self.phase = Phase::HeaderSent {
                    vector: Encoder::new(keys.vector()),
                    keys: keys.clone(),
                    first,
                };
            }
            Phase::HeaderSent {
                keys,
                vector,
                first,
            } => match first.completed_by(chunk) {
                None => first.add(chunk),
                Some(value) => {
                    self.phase = Phase::Ct1Received {
                        keys: keys.clone(),
                        vector: vector.clone(),
                        first: value,
                    };
                }
            },
            _ => {}
        }
    }

    fn receive_second(&mut self, chunk: &Chunk) -> Result<Option<EpochSecret>, SpqrError> {
        match &mut self.phase {
            Phase::Ct1Received { keys, first, .. } => {
                let mut second = Decoder::new(CIPHERTEXT2_AND_MAC_BYTES);
                second.add(chunk);
                self.phase = Phase::EkSentCt1Received {
                    keys: keys.clone(),
                    first: std::mem::take(first),
                    second,
                };
                Ok(None)
            }
            Phase::EkSentCt1Received {
                keys,
                first,
                second,
            } => match second.completed_by(chunk) {
                None => {
                    second.add(chunk);
                    Ok(None)
                }
                Some(value) => {
                    let opened = open(&self.authenticator, self.epoch, (keys, first, &value))?;
                    self.finish(opened)
                }
            },
            _ => Ok(None),
        }
    }

    /// This side knows the epoch's secret: the next epoch, in which this side encapsulates.
    fn finish(
        &mut self,
        (authenticator, secret): (Authenticator, EpochSecret),
    ) -> Result<Option<EpochSecret>, SpqrError> {
        self.epoch = self.epoch.checked_add(1).ok_or(SpqrError::Exhausted)?;
        self.authenticator = authenticator;
        self.phase = Phase::no_header_received();
        Ok(Some(secret))
    }
}

impl Phase {
    fn no_header_received() -> Self {
        Self::NoHeaderReceived {
            header: Decoder::new(HEADER_AND_MAC_BYTES),
        }
    }
}

/// Decapsulates and checks the MAC over the whole ciphertext, which is keyed with the secret itself.
fn open(
    authenticator: &Authenticator,
    epoch: u64,
    (keys, first, second_and_mac): (&KeyPair, &[u8], &[u8]),
) -> Result<(Authenticator, EpochSecret), SpqrError> {
    let (second, mac) = second_and_mac
        .split_at_checked(CIPHERTEXT2_BYTES)
        .ok_or(SpqrError::Malformed)?;
    let secret = keys.decapsulate(epoch, first, second)?;
    let authenticator = authenticator.updated(epoch, &secret);
    verify(&authenticator.ciphertext_mac(epoch, first, second), mac)?;
    Ok((authenticator, secret))
}
