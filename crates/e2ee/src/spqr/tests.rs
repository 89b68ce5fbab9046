use super::braid::Phase;
use super::message::{Message, Payload};
use super::{Direction, Sent, Spqr, SpqrError};
use crate::fixture::{SeededRng, rng};
use proptest::prelude::{ProptestConfig, any, prop, proptest};
use rand_core::{CryptoRng, Rng};
use std::collections::BTreeSet;

/// Two parties and what is under way between them.
struct Pair {
    parties: [Spqr; 2],
    /// By receiver.
    under_way: [Vec<Sent>; 2],
    numbers: SeededRng,
    keys_seen: BTreeSet<[u8; 32]>,
}

impl Pair {
    fn new(seed: u64) -> Self {
        let mut numbers = rng(seed);
        let mut pq_key = [0; 32];
        numbers.fill_bytes(&mut pq_key);
        Self {
            parties: [
                Spqr::new(&pq_key, Direction::Initiator),
                Spqr::new(&pq_key, Direction::Responder),
            ],
            under_way: [Vec::new(), Vec::new()],
            numbers,
            keys_seen: BTreeSet::new(),
        }
    }

    fn below(&mut self, end: usize) -> usize {
        (self.numbers.next_u64() % end as u64) as usize
    }

    /// Stores and loads, as happens around each message.
    fn store(&mut self, party: usize) {
        let bytes = self.parties[party].to_bytes();
        let loaded = Spqr::from_bytes(&bytes).expect("what was stored");
        assert_eq!(loaded.to_bytes(), bytes);
        self.parties[party] = loaded;
    }

    fn send(&mut self, party: usize) {
        let sent = send(&mut self.parties[party], &mut self.numbers);
        assert!(self.keys_seen.insert(*sent.key.as_bytes()), "a key twice");
        self.store(party);
        self.under_way[1 - party].push(sent);
    }

    /// Delivers one, then the same again, which must be refused.
    fn deliver(&mut self, party: usize, position: usize) {
        let sent = self.under_way[party].swap_remove(position);
        let epoch = Message::from_bytes(&sent.message).expect("a message").epoch;
        match self.parties[party].receive(&sent.message) {
            Ok(salt) => assert_eq!(
                salt.expect("a key").as_bytes(),
                sent.key.as_bytes(),
                "the same key on both sides"
            ),
            Err(error) => {
                assert_eq!(error, SpqrError::EpochUnknown);
                assert!(
                    epoch + 1 < self.parties[party].epoch(),
                    "only of an epoch long over"
                );
            }
        }
        self.store(party);
        self.refuse(party, &sent.message);
    }

    fn refuse(&mut self, party: usize, message: &[u8]) -> SpqrError {
        let before = self.parties[party].to_bytes();
        let error = self.parties[party].receive(message).expect_err("refused");
        assert_eq!(
            before,
            self.parties[party].to_bytes(),
            "an error changes nothing"
        );
        error
    }

    /// One of many things that a network does.
    fn turn(&mut self, choice: u8, loss_percent: usize) {
        let party = usize::from(choice & 1);
        if choice & 2 == 0 || self.under_way[party].is_empty() {
            self.send(party);
            return;
        }
        let count = self.under_way[party].len();
        // Mostly in order, sometimes far from it.
        let position = if choice & 0x1c == 0 {
            self.below(count)
        } else {
            0
        };
        if self.below(100) < loss_percent {
            self.under_way[party].remove(position);
        } else {
            self.deliver(party, position);
        }
        if count > 40 {
            self.under_way[party].clear();
        }
    }
}

fn send(party: &mut Spqr, rng: &mut impl CryptoRng) -> Sent {
    party.send(rng).expect("a ratchet that is not used up")
}

/// A ping-pong without loss; gives for each epoch how many round trips it took.
fn round_trips(pair: &mut Pair, count: usize) -> Vec<usize> {
    let mut per_epoch = vec![0; 1];
    for _ in 0..count {
        for party in [0, 1] {
            pair.send(party);
            pair.deliver(1 - party, 0);
        }
        per_epoch.resize(pair.parties[0].epoch() as usize, 0);
        *per_epoch.last_mut().expect("an epoch") += 1;
    }
    per_epoch
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn both_sides_agree_whatever_the_network_does(
        seed: u64,
        loss_percent in 0_usize..60,
        choices in proptest::collection::vec(any::<u8>(), 300..1500),
    ) {
        let mut pair = Pair::new(seed);
        for choice in choices {
            pair.turn(choice, loss_percent);
        }
        let [first, second] = pair.parties.each_ref().map(Spqr::epoch);
        assert!(first.abs_diff(second) <= 1);
    }

    #[test]
    fn any_bytes_are_refused_or_taken_without_harm(
        seed: u64,
        turns in 0_usize..200,
        bytes in proptest::collection::vec(any::<u8>(), 0..60),
    ) {
        let mut pair = Pair::new(seed);
        round_trips(&mut pair, turns);
        for party in [0, 1] {
            let mut message = pair.parties[party].epoch().to_be_bytes()[7..].to_vec();
            message.insert(0, 1);
            message.extend(&bytes);
            for message in [&bytes, &message] {
                let before = pair.parties[party].to_bytes();
                if pair.parties[party].receive(message).is_err() {
                    assert_eq!(before, pair.parties[party].to_bytes());
                }
                let after = pair.parties[party].to_bytes();
                assert!(Spqr::from_bytes(&after).is_ok());
            }
        }
    }

    #[test]
    fn any_stored_bytes_are_refused_or_give_a_ratchet_that_works(
        seed: u64,
        turns in 0_usize..100,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut pair = Pair::new(seed);
        round_trips(&mut pair, turns);
        let mut bytes = pair.parties[0].to_bytes().to_vec();
        for (position, byte) in changes {
            let position = position.index(bytes.len());
            bytes[position] = byte;
        }
        if let Ok(mut spqr) = Spqr::from_bytes(&bytes) {
            for _ in 0..3 {
                let _ = spqr.send(&mut pair.numbers);
                let sent = send(&mut pair.parties[1], &mut pair.numbers);
                let _ = spqr.receive(&sent.message);
            }
        }
    }
}

#[test]
fn an_epoch_takes_as_many_round_trips_as_its_values_have_chunks() {
    let mut pair = Pair::new(1);
    let per_epoch = round_trips(&mut pair, 500);
    assert!(per_epoch.len() > 10, "{per_epoch:?}");
    let steady = &per_epoch[1..per_epoch.len() - 1];
    assert!(
        steady.iter().all(|count| (43..=44).contains(count)),
        "{per_epoch:?}"
    );
}

#[test]
fn epochs_go_on_through_heavy_loss() {
    let mut pair = Pair::new(2);
    for _ in 0..1_500 {
        for party in [0, 1] {
            pair.send(party);
            if pair.below(100) < 70 {
                pair.under_way[1 - party].clear();
            } else {
                pair.deliver(1 - party, 0);
            }
        }
    }
    assert!(pair.parties[0].epoch() > 8, "{:?}", pair.parties[0]);
}

#[test]
fn a_side_that_only_listens_stays_where_it_is() {
    let mut pair = Pair::new(3);
    for _ in 0..100 {
        pair.send(0);
        pair.deliver(1, 0);
    }
    assert_eq!(pair.parties[0].epoch(), 1);
    assert!(pair.parties[1].to_bytes().len() < 1_000);
}

#[test]
fn a_false_piece_of_any_value_ends_the_agreement_and_not_in_a_false_key() {
    let kinds: [fn(&Payload) -> bool; 5] = [
        |payload| matches!(payload, Payload::Header(_)),
        |payload| matches!(payload, Payload::Key(_)),
        |payload| matches!(payload, Payload::KeyAcknowledging(_)),
        |payload| matches!(payload, Payload::Ciphertext1(_)),
        |payload| matches!(payload, Payload::Ciphertext2(_)),
    ];
    for kind in kinds {
        let mut pair = Pair::new(4);
        let mut refused = 0;
        let mut changed = false;
        for turn in 0..200 {
            let party = turn % 2;
            let mut sent = send(&mut pair.parties[party], &mut pair.numbers);
            let payload = Message::from_bytes(&sent.message)
                .expect("a message")
                .payload;
            if kind(&payload) && !changed {
                *sent.message.last_mut().expect("a chunk") ^= 1;
                changed = true;
            }
            let before = pair.parties[1 - party].to_bytes();
            match pair.parties[1 - party].receive(&sent.message) {
                Ok(salt) => assert_eq!(salt.expect("a key").as_bytes(), sent.key.as_bytes()),
                Err(error) => {
                    assert_eq!(error, SpqrError::NotAuthentic);
                    assert_eq!(before, pair.parties[1 - party].to_bytes());
                    refused += 1;
                }
            }
        }
        assert!(changed && refused > 0);
        assert_eq!(pair.parties.each_ref().map(Spqr::epoch), [1, 1]);
    }
}

#[test]
fn another_set_up_agrees_on_nothing() {
    let mut pair = Pair::new(5);
    let mut stranger = Spqr::new(&[9; 32], Direction::Initiator);
    let mut refused = 0;
    for _ in 0..5 {
        let sent = send(&mut stranger, &mut pair.numbers);
        match pair.parties[1].receive(&sent.message) {
            Ok(salt) => assert_ne!(salt.expect("a key").as_bytes(), sent.key.as_bytes()),
            Err(error) => {
                assert_eq!(error, SpqrError::NotAuthentic);
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "a header of another's");
}

#[test]
fn epochs_that_cannot_be_are_refused() {
    let mut pair = Pair::new(6);
    round_trips(&mut pair, 100);
    for party in [0, 1] {
        let epoch = pair.parties[party].epoch();
        for (false_epoch, index) in [(epoch + 1, 1), (epoch + 2, 1), (u64::MAX, 1), (1, 1)] {
            let message = Message {
                epoch: false_epoch,
                index,
                payload: Payload::Nothing,
            };
            let error = pair.refuse(party, &message.to_bytes());
            assert_eq!(error, SpqrError::EpochUnknown, "{false_epoch}");
        }
        let far = Message {
            epoch,
            index: 60_000,
            payload: Payload::Nothing,
        };
        assert_eq!(pair.refuse(party, &far.to_bytes()), SpqrError::TooFarAhead);
    }
}

#[test]
fn a_message_without_key_is_only_for_the_beginning() {
    let mut pair = Pair::new(7);
    let sent = send(&mut pair.parties[0], &mut pair.numbers);
    let mut negotiating = Message::from_bytes(&sent.message).expect("a message");
    negotiating.index = 0;
    let negotiating = negotiating.to_bytes();
    for _ in 0..2 {
        let salt = pair.parties[1].receive(&negotiating);
        assert!(matches!(salt, Ok(None)));
    }
    let salt = pair.parties[1].receive(&sent.message);
    assert!(matches!(salt, Ok(Some(_))));
    assert_eq!(pair.refuse(1, &negotiating), SpqrError::NoKey);
    assert_eq!(pair.refuse(1, &[]), SpqrError::Missing);
}

#[test]
fn nothing_secret_is_printed() {
    let mut pair = Pair::new(8);
    let sent = send(&mut pair.parties[0], &mut pair.numbers);
    assert_eq!(format!("{:?}", sent.key), "MessageSalt(redacted)");
    assert_eq!(format!("{:?}", pair.parties[0]), "Spqr { epoch: 1, .. }");
}

#[test]
fn a_stored_ratchet_is_small() {
    let mut pair = Pair::new(9);
    let mut largest = 0;
    for _ in 0..300 {
        round_trips(&mut pair, 1);
        for party in &pair.parties {
            largest = largest.max(party.to_bytes().len());
        }
    }
    assert!(largest < 3_000, "{largest}");
}

#[test]
fn a_stored_ratchet_goes_on_as_one_that_was_never_stored() {
    let new = || [Direction::Initiator, Direction::Responder].map(|side| Spqr::new(&[3; 32], side));
    let load = |party: &Spqr| Spqr::from_bytes(&party.to_bytes()).expect("what was stored");
    let (mut whole, mut stored) = (new(), new());
    let (mut numbers, mut again) = (rng(9), rng(9));
    for turn in 0..300 {
        let (from, to) = (turn % 2, 1 - turn % 2);
        let sent = send(&mut whole[from], &mut numbers);
        stored = [load(&stored[0]), load(&stored[1])];
        let resent = send(&mut stored[from], &mut again);
        assert_eq!(resent.message, sent.message, "turn {turn}");
        assert_eq!(resent.key.as_bytes(), sent.key.as_bytes(), "turn {turn}");
        for party in [&mut whole[to], &mut stored[to]] {
            party.receive(&sent.message).expect("received");
        }
    }
    assert!(whole[0].epoch() > 3);
}

#[test]
fn a_key_that_is_whole_before_its_answer_arrived_is_kept_and_used() {
    let mut pair = Pair::new(11);
    round_trips(&mut pair, 4);
    // What the responder sends is lost for as long as the key takes.
    for _ in 0..60 {
        pair.send(0);
        pair.deliver(1, 0);
        pair.send(1);
        pair.under_way[0].clear();
    }
    let phase = &pair.parties[1].braid.phase;
    assert!(matches!(phase, Phase::EkReceivedCt1Sampled { .. }));
    // The rest of the epoch is 960 bytes and 160, in chunks of 32, and an acknowledgement.
    let per_epoch = round_trips(&mut pair, 38);
    assert_eq!(pair.parties[0].epoch(), 2, "{per_epoch:?}");
}

#[test]
fn a_stored_ratchet_whose_halves_are_of_different_epochs_is_refused() {
    let mut pair = Pair::new(12);
    round_trips(&mut pair, 6);
    let [initiator, responder] = pair.parties;
    let refused =
        |spqr: &Spqr| Spqr::from_bytes(&spqr.to_bytes()).err() == Some(SpqrError::Corrupt);
    assert!(!refused(&initiator) && !refused(&responder));
    let mut further = initiator;
    further.braid.epoch += 1;
    assert!(refused(&further), "of an epoch without secret");
    // The responder knows the first epoch's secret, and may not send with it before the initiator does.
    let mut ahead = responder;
    let sending = ahead.chain.next_sending(1).expect("a known epoch");
    ahead.chain.sent(sending);
    assert!(refused(&ahead), "sending in the epoch that is agreed on");
}
