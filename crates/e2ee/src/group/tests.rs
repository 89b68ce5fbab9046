use std::collections::BTreeSet;

use proptest::prelude::{Just, ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use proptest::strategy::Strategy;
use uuid::Uuid;

use super::{
    Distribution, GroupError, GroupMessage, Learned, Plan, RotationPolicy, RotationReason,
    SenderKeyRecord, SendingKey,
};
use crate::address::{Address, DeviceId};
use crate::fixture::{SeededRng, rng};

const GROUP: Uuid = Uuid::from_u128(0xd1d1_d1d1_7000_11eb_b32a_33b8_a8a4_87a6);
const NOW: u64 = 1_790_000_000;

fn address(name: &str, device_id: u32) -> Address {
    Address::new(name, DeviceId::new(device_id).expect("a device id"))
}

/// A sender, and a receiver that knows its key; both are stored and loaded, as an app does.
struct Pair {
    sender: SendingKey,
    receiver: SenderKeyRecord,
    rng: SeededRng,
}

impl Pair {
    fn new() -> Self {
        let mut rng = rng(1);
        let sender = SendingKey::generate(GROUP, NOW, &mut rng);
        let mut receiver = SenderKeyRecord::new(GROUP);
        let learned = receiver.learn(&travelled(&sender));
        assert_eq!(learned, Ok(Learned::New));
        Self {
            sender,
            receiver,
            rng,
        }
    }

    fn send(&mut self, text: &[u8]) -> Vec<u8> {
        self.sender = SendingKey::from_bytes(&self.sender.to_bytes()).expect("stored");
        self.sender.encrypt(text, &mut self.rng).expect("a message")
    }

    fn send_numbered(&mut self, count: u32) -> Vec<Vec<u8>> {
        (0..count)
            .map(|number| self.send(&number.to_be_bytes()))
            .collect()
    }

    fn open(&mut self, message: &[u8]) -> Result<Vec<u8>, GroupError> {
        self.receiver = SenderKeyRecord::from_bytes(&self.receiver.to_bytes()).expect("stored");
        self.receiver.decrypt(&GroupMessage::from_bytes(message)?)
    }

    fn learn(&mut self) -> Learned {
        let distribution = travelled(&self.sender);
        self.receiver.learn(&distribution).expect("the same group")
    }
}

/// The distribution message as it arrives.
fn travelled(sender: &SendingKey) -> Distribution {
    Distribution::from_bytes(&sender.distribution().to_bytes()).expect("a distribution message")
}

#[test]
fn what_a_member_sends_every_member_reads() {
    let mut pair = Pair::new();
    let mut other = SenderKeyRecord::new(GROUP);
    other.learn(&travelled(&pair.sender)).expect("learned");
    for text in [&b""[..], b"one", &[7; 1000]] {
        let message = pair.send(text);
        assert_eq!(pair.open(&message), Ok(text.to_vec()));
        let message = GroupMessage::from_bytes(&message).expect("a message");
        assert_eq!(message.distribution_id(), GROUP);
        assert_eq!(other.decrypt(&message), Ok(text.to_vec()));
    }
}

#[test]
fn who_joins_later_reads_from_then_on_only() {
    let mut pair = Pair::new();
    let before = pair.send(b"before");
    let mut late = SenderKeyRecord::new(GROUP);
    assert!(!late.is_known());
    let message = GroupMessage::from_bytes(&before).expect("a message");
    assert_eq!(late.decrypt(&message), Err(GroupError::NoSenderKey));
    late.learn(&travelled(&pair.sender)).expect("learned");
    assert!(late.is_known());
    assert_eq!(late.decrypt(&message), Err(GroupError::Duplicate));
    let after = pair.send(b"after");
    let message = GroupMessage::from_bytes(&after).expect("a message");
    assert_eq!(late.decrypt(&message), Ok(b"after".to_vec()));
}

#[test]
fn a_message_opens_once() {
    let mut pair = Pair::new();
    let messages = pair.send_numbered(3);
    assert!(pair.open(&messages[2]).is_ok());
    assert!(pair.open(&messages[0]).is_ok());
    for number in [0, 2] {
        assert_eq!(pair.open(&messages[number]), Err(GroupError::Duplicate));
    }
    assert!(pair.open(&messages[1]).is_ok());
}

#[test]
fn what_was_changed_on_the_way_is_refused_and_nothing_is_lost() {
    let mut pair = Pair::new();
    let message = pair.send(b"as it was sent");
    let before = pair.receiver.to_bytes();
    for place in 0..message.len() {
        let mut changed = message.clone();
        changed[place] ^= 0x10;
        assert!(pair.open(&changed).is_err(), "byte {place}");
        assert!(pair.open(&message[..place]).is_err(), "{place} bytes");
    }
    assert_eq!(pair.receiver.to_bytes(), before);
    assert_eq!(pair.open(&message), Ok(b"as it was sent".to_vec()));
}

#[test]
fn a_message_counts_only_under_its_senders_signature() {
    let mut pair = Pair::new();
    let mut forger = pair.sender.clone();
    // A member knows the chain, and not the signing key.
    forger.signing = crate::keys::SigningPair::new(crate::keys::KeyPair::generate(&mut rng(9)));
    let forged = forger.encrypt(b"from her", &mut rng(2)).expect("a message");
    assert_eq!(pair.open(&forged), Err(GroupError::Signature));
}

#[test]
fn a_signed_message_that_is_not_whole_moves_nothing() {
    let mut pair = Pair::new();
    let first = pair.send(b"first");
    let second = pair.send(b"second");
    let before = pair.receiver.to_bytes();
    // The sender itself signs nonsense.
    for (iteration, message) in [(1, &second), (0, &first)] {
        let fields = super::fields::GroupMessageFields {
            distribution_id: Some(GROUP.as_bytes().to_vec()),
            chain_id: Some(pair.sender.chain_id),
            iteration: Some(iteration),
            ciphertext: Some(vec![3; 17]),
        };
        let mut nonsense = super::with_version(&fields, 64);
        let signature = pair.sender.signing.sign(&nonsense, &mut pair.rng);
        nonsense.extend_from_slice(&signature);
        assert_eq!(pair.open(&nonsense), Err(GroupError::Padding));
        if iteration == 1 {
            assert_eq!(pair.receiver.to_bytes(), before);
        }
        assert!(pair.open(message).is_ok());
    }
}

#[test]
fn a_receiver_follows_25_000_messages_and_keeps_2_000() {
    let mut pair = Pair::new();
    let mut texts = Vec::new();
    for number in 0..25_002_u32 {
        let seed_only = !matches!(number, 0 | 22_999 | 23_000 | 24_999..);
        match seed_only {
            true => {
                pair.sender.chain.next_seed();
                texts.push(Vec::new());
            }
            false => texts.push(
                pair.sender
                    .encrypt(b"text", &mut pair.rng)
                    .expect("a message"),
            ),
        }
    }
    assert_eq!(pair.open(&texts[25_001]), Err(GroupError::TooFarAhead));
    assert!(pair.open(&texts[25_000]).is_ok());
    assert!(pair.open(&texts[25_001]).is_ok());
    assert!(pair.open(&texts[24_999]).is_ok());
    assert!(pair.open(&texts[23_000]).is_ok());
    assert_eq!(pair.open(&texts[22_999]), Err(GroupError::Duplicate));
    assert_eq!(pair.open(&texts[0]), Err(GroupError::Duplicate));
}

#[test]
fn the_last_number_of_a_chain_is_not_passed() {
    let mut pair = Pair::new();
    let secret = pair.sender.chain.secret().clone();
    pair.sender.chain = crate::ratchet::Chain::from_kept(secret, u32::MAX - 1);
    pair.learn();
    let last = pair.send(b"last");
    let after = pair.sender.encrypt(b"more", &mut pair.rng);
    assert_eq!(after, Err(GroupError::Exhausted));
    let mut receiver = SenderKeyRecord::new(GROUP);
    let mut distribution = travelled(&pair.sender);
    distribution.chain =
        crate::ratchet::Chain::from_kept(distribution.chain.secret().clone(), u32::MAX);
    receiver.learn(&distribution).expect("learned");
    let message = GroupMessage::from_bytes(&last).expect("a message");
    assert!(receiver.decrypt(&message).is_err());
}

#[test]
fn five_keys_of_a_sender_are_kept() {
    let mut pair = Pair::new();
    let mut late = vec![pair.send(b"late")];
    for _ in 0..4 {
        pair.sender.rotate(NOW, &mut pair.rng);
        assert_eq!(pair.learn(), Learned::New);
        late.push(pair.send(b"late"));
    }
    assert!(pair.open(&late[0]).is_ok());
    pair.sender.rotate(NOW, &mut pair.rng);
    pair.learn();
    assert_eq!(pair.open(&late[0]), Err(GroupError::NoSenderKey));
    assert!(pair.open(&late[1]).is_ok());
}

#[test]
fn who_left_reads_nothing_after_the_rotation() {
    let mut pair = Pair::new();
    pair.sender.rotate(NOW, &mut pair.rng);
    let message = pair.send(b"without you");
    assert_eq!(pair.open(&message), Err(GroupError::NoSenderKey));
}

#[test]
fn a_distribution_message_that_comes_again_turns_nothing_back() {
    let mut pair = Pair::new();
    let first = travelled(&pair.sender);
    let message = pair.send(b"once");
    pair.open(&message).expect("a text");
    assert_eq!(pair.receiver.learn(&first), Ok(Learned::Known));
    assert_eq!(pair.open(&message), Err(GroupError::Duplicate));
}

#[test]
fn another_key_under_the_same_id_takes_its_place() {
    let mut pair = Pair::new();
    let old = pair.send(b"old");
    let mut other = SendingKey::generate(GROUP, NOW, &mut rng(7));
    other.chain_id = pair.sender.chain_id;
    assert_eq!(
        pair.receiver.learn(&travelled(&other)),
        Ok(Learned::Replaced)
    );
    assert_eq!(pair.open(&old), Err(GroupError::Signature));
    pair.sender = other;
    let new = pair.send(b"new");
    assert_eq!(pair.open(&new), Ok(b"new".to_vec()));
}

#[test]
fn groups_do_not_mix() {
    let mut pair = Pair::new();
    let mut elsewhere = SenderKeyRecord::new(Uuid::from_u128(1));
    let learned = elsewhere.learn(&travelled(&pair.sender));
    assert_eq!(learned, Err(GroupError::OtherGroup));
    let message = pair.send(b"here");
    let message = GroupMessage::from_bytes(&message).expect("a message");
    assert_eq!(elsewhere.decrypt(&message), Err(GroupError::OtherGroup));
}

#[test]
fn a_plan_gives_the_key_to_who_lacks_it() {
    let mut sender = SendingKey::generate(GROUP, NOW, &mut rng(1));
    let policy = RotationPolicy::default();
    let (bob, carol) = (address("bob", 1), address("carol", 2));
    let both = BTreeSet::from([bob.clone(), carol.clone()]);
    let plan = sender.plan(&both, &policy, NOW).expect("a plan");
    assert_eq!(plan.rotate, None);
    assert_eq!(plan.give_to, [bob.clone(), carol.clone()]);
    sender.mark_given([bob.clone()]).expect("noted");
    let give_to = |sender: &SendingKey| sender.plan(&both, &policy, NOW).expect("a plan").give_to;
    assert_eq!(give_to(&sender), std::slice::from_ref(&carol));
    sender.mark_given([carol.clone()]).expect("noted");
    assert!(give_to(&sender).is_empty());
    sender.mark_lacking(&bob).expect("noted");
    assert_eq!(give_to(&sender), [bob]);
    let stored = SendingKey::from_bytes(&sender.to_bytes()).expect("stored");
    assert_eq!(give_to(&stored), give_to(&sender));
}

#[test]
fn a_key_is_rotated_on_leave_and_by_age_and_by_count() {
    let mut sender = SendingKey::generate(GROUP, NOW, &mut rng(1));
    let policy = RotationPolicy::default();
    let (bob, carol) = (address("bob", 1), address("carol", 1));
    let both = BTreeSet::from([bob.clone(), carol.clone()]);
    let only_bob = BTreeSet::from([bob.clone()]);
    let given = sender.mark_given([bob.clone(), carol]);
    given.expect("noted");
    let left = Plan {
        rotate: Some(RotationReason::Left),
        give_to: vec![bob],
    };
    assert_eq!(sender.plan(&only_bob, &policy, NOW), Ok(left));
    let week = NOW + 168 * 3600;
    let plan = |sender: &SendingKey, now| sender.plan(&both, &policy, now).expect("a plan");
    let reason = |sender: &SendingKey, now| plan(sender, now).rotate;
    assert_eq!(reason(&sender, week - 1), None);
    assert_eq!(reason(&sender, week), Some(RotationReason::Lifetime));
    assert_eq!(reason(&sender, 0), None, "a clock that was set back");
    for _ in 0..999 {
        sender.chain.next_seed();
    }
    assert_eq!(reason(&sender, NOW), None);
    sender.chain.next_seed();
    assert_eq!(reason(&sender, NOW), Some(RotationReason::Messages));
    assert_eq!(plan(&sender, NOW).give_to.len(), 2);
    sender.rotate(week, &mut rng(3));
    assert_eq!(reason(&sender, week), None);
    assert_eq!(plan(&sender, week).give_to.len(), 2);
}

#[test]
fn malformed_distribution_messages_are_refused() {
    let good = SendingKey::generate(GROUP, NOW, &mut rng(1))
        .distribution()
        .to_bytes();
    for length in 0..good.len() {
        assert!(
            Distribution::from_bytes(&good[..length]).is_err(),
            "{length} bytes"
        );
    }
    let with = |first: u8| [&[first], &good[1..]].concat();
    assert!(Distribution::from_bytes(&with(0x33)).is_ok());
    assert!(matches!(
        Distribution::from_bytes(&with(0x44)),
        Err(GroupError::Version(4))
    ));
    assert!(matches!(
        Distribution::from_bytes(&with(0x23)),
        Err(GroupError::Version(2))
    ));
    let mut low_order = good.clone();
    let key = good.len() - 32;
    low_order[key..].fill(0);
    assert!(matches!(
        Distribution::from_bytes(&low_order),
        Err(GroupError::Key(_))
    ));
}

#[test]
fn stored_state_that_is_not_whole_is_refused() {
    let mut pair = Pair::new();
    let messages = pair.send_numbered(3);
    pair.open(&messages[2]).expect("a text");
    for bytes in [pair.receiver.to_bytes(), pair.sender.to_bytes()] {
        for length in 0..bytes.len() {
            let cut = &bytes[..length];
            // Cut between two fields it may still be a record, and then one with less in it.
            if let Ok(record) = SenderKeyRecord::from_bytes(cut) {
                assert!(record.to_bytes().len() <= length.max(20));
            }
            assert!(SendingKey::from_bytes(cut).is_err() || length + 60 > bytes.len());
        }
    }
    let mut other_version = pair.receiver.to_bytes();
    other_version[1] = 2;
    let read = SenderKeyRecord::from_bytes(&other_version);
    assert_eq!(read.err(), Some(GroupError::Stored));
}

#[test]
fn secrets_are_not_shown() {
    let pair = Pair::new();
    let shown = format!(
        "{:?} {:?} {:?}",
        pair.sender,
        pair.receiver,
        pair.sender.distribution()
    );
    let secret = format!("{:?}", pair.sender.chain.secret().0.expose());
    assert!(!shown.contains(&secret[1..20]), "{shown}");
    assert!(shown.contains('…'), "{shown}");
}

/// An order in which 30 messages arrive, some twice, some never.
fn delivery() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(0..30_usize, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn in_any_order_each_message_opens_exactly_once(order in delivery()) {
        let mut pair = Pair::new();
        let messages = pair.send_numbered(30);
        let mut seen = BTreeSet::new();
        for number in order {
            let opened = pair.open(&messages[number]);
            if seen.insert(number) {
                let text = u32::try_from(number).expect("small").to_be_bytes();
                prop_assert_eq!(opened, Ok(text.to_vec()));
            } else {
                prop_assert_eq!(opened, Err(GroupError::Duplicate));
            }
        }
    }

    #[test]
    fn any_bytes_are_refused_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200), first in Just(0x33_u8)) {
        let mut pair = Pair::new();
        let before = pair.receiver.to_bytes();
        let mut versioned = bytes.clone();
        versioned.insert(0, first);
        for bytes in [&bytes, &versioned] {
            prop_assert!(pair.open(bytes).is_err());
            let _ = Distribution::from_bytes(bytes);
            let _ = SenderKeyRecord::from_bytes(bytes);
            let _ = SendingKey::from_bytes(bytes);
        }
        prop_assert_eq!(pair.receiver.to_bytes(), before);
    }
}

#[test]
fn chain_ids_have_31_bits_as_official_clients_draw_them() {
    let mut rng = rng(21);
    let ids = (0..40).map(|_| SendingKey::generate(GROUP, NOW, &mut rng).chain_id);
    let seen = ids.fold((0, u32::MAX), |(any, all), id| (any | id, all & id));
    assert_eq!(seen, (u32::MAX >> 1, 0));
}
