use super::super::{Direction, EpochSecret, MessageSalt, SpqrError};
use super::{Chain, EPOCHS_MAX, JUMP_MAX, KEPT_MAX, KeptKeys, RECORD_BYTES};
use zeroize::Zeroizing;

fn pair() -> (Chain, Chain) {
    let initiator = Chain::new(&[7; 32], Direction::Initiator);
    (initiator, Chain::new(&[7; 32], Direction::Responder))
}

fn send(chain: &mut Chain, epoch: u64) -> (u32, [u8; 32]) {
    let sending = chain.next_sending(epoch).expect("an epoch for sending");
    let sent = (sending.index(), *sending.salt.as_bytes());
    chain.sent(sending);
    sent
}

fn receive(chain: &mut Chain, epoch: u64, index: u32) -> Result<[u8; 32], SpqrError> {
    let receiving = chain.next_receiving(epoch, index)?;
    let salt = *receiving.salt.as_bytes();
    chain.received(receiving);
    Ok(salt)
}

fn add_epoch(chains: &mut [&mut Chain], secret: u8) {
    for chain in chains {
        chain.add_epoch(&EpochSecret(Zeroizing::new([secret; 32])));
    }
}

#[test]
fn both_sides_have_the_same_keys_and_each_once() {
    let (mut alice, mut bob) = pair();
    let sent: Vec<_> = (0..4).map(|_| send(&mut alice, 0)).collect();
    assert_eq!(
        sent.iter().map(|(index, _)| *index).collect::<Vec<_>>(),
        [1, 2, 3, 4]
    );
    for position in [2, 0, 3, 1] {
        let (index, key) = sent[position];
        assert_eq!(receive(&mut bob, 0, index), Ok(key));
        assert_eq!(receive(&mut bob, 0, index), Err(SpqrError::KeyUsed));
    }
    assert!(bob.epochs()[0].kept.as_bytes().is_empty());
    let (index, key) = send(&mut bob, 0);
    assert_eq!((index, receive(&mut alice, 0, 1)), (1, Ok(key)));
    assert!(
        sent.iter().all(|(_, other)| *other != key),
        "each direction has keys of its own"
    );
}

#[test]
fn a_key_looked_at_is_not_used_up() {
    let (mut alice, mut bob) = pair();
    let (index, key) = send(&mut alice, 0);
    assert!(bob.next_receiving(0, index).is_ok());
    assert_eq!(receive(&mut bob, 0, index), Ok(key));
}

#[test]
fn a_jump_has_its_limit_and_the_oldest_kept_keys_go_first() {
    let (mut alice, mut bob) = pair();
    let keys: Vec<_> = (0..=JUMP_MAX).map(|_| send(&mut alice, 0).1).collect();
    assert_eq!(
        receive(&mut bob, 0, JUMP_MAX + 1),
        Err(SpqrError::TooFarAhead)
    );
    assert_eq!(
        receive(&mut bob, 0, JUMP_MAX),
        Ok(keys[JUMP_MAX as usize - 1])
    );
    let kept = KEPT_MAX as u32;
    assert_eq!(
        bob.epochs()[0].kept.as_bytes().len(),
        KEPT_MAX * RECORD_BYTES
    );
    let oldest = JUMP_MAX - kept;
    assert_eq!(
        receive(&mut bob, 0, oldest - 1),
        Err(SpqrError::KeyUsed),
        "given up"
    );
    assert_eq!(receive(&mut bob, 0, oldest), Ok(keys[oldest as usize - 1]));
    // Three more to come, of which one is kept: there is room for it now, and after that the oldest goes.
    for _ in 0..4 {
        send(&mut alice, 0);
    }
    assert!(receive(&mut bob, 0, JUMP_MAX + 2).is_ok());
    assert!(receive(&mut bob, 0, oldest + 1).is_ok());
    assert!(receive(&mut bob, 0, JUMP_MAX + 5).is_ok());
    assert_eq!(
        bob.epochs()[0].kept.as_bytes().len(),
        KEPT_MAX * RECORD_BYTES
    );
    assert_eq!(
        receive(&mut bob, 0, oldest + 2),
        Err(SpqrError::KeyUsed),
        "pushed out"
    );
    assert!(receive(&mut bob, 0, oldest + 3).is_ok());
}

#[test]
fn an_epoch_before_the_sending_one_can_still_be_received() {
    let (mut alice, mut bob) = pair();
    let late: Vec<_> = (0..2).map(|_| send(&mut bob, 0)).collect();
    add_epoch(&mut [&mut alice, &mut bob], 1);
    assert_eq!(alice.last_epoch(), 1);
    let (index, key) = send(&mut alice, 1);
    assert_eq!(receive(&mut bob, 1, index), Ok(key));
    assert_eq!(receive(&mut alice, 0, late[0].0), Ok(late[0].1));
    assert_eq!(
        alice.next_sending(0).err(),
        Some(SpqrError::EpochUnknown),
        "no more sending there"
    );
    add_epoch(&mut [&mut alice, &mut bob], 2);
    assert_eq!(alice.epochs().len(), 3);
    send(&mut alice, 2);
    assert_eq!((alice.first_epoch(), alice.epochs().len()), (1, 2));
    assert_eq!(
        receive(&mut alice, 0, late[1].0),
        Err(SpqrError::EpochUnknown)
    );
    assert_eq!(receive(&mut alice, 3, 1), Err(SpqrError::EpochUnknown));
}

#[test]
fn epochs_differ_by_their_secret() {
    let (mut alice, mut bob) = pair();
    add_epoch(&mut [&mut alice], 1);
    add_epoch(&mut [&mut bob], 2);
    let (index, key) = send(&mut alice, 1);
    assert_ne!(receive(&mut bob, 1, index), Ok(key));
}

#[test]
fn a_chain_ends_with_the_last_number() {
    let mut chain = Chain::new(&[7; 32], Direction::Initiator);
    for epoch in &mut chain.epochs {
        epoch.sending.as_mut().expect("for sending").count = u32::MAX;
        epoch.receiving.count = u32::MAX - 1;
    }
    assert_eq!(chain.next_sending(0).err(), Some(SpqrError::Exhausted));
    assert!(receive(&mut chain, 0, u32::MAX).is_ok());
    assert_eq!(receive(&mut chain, 0, u32::MAX), Err(SpqrError::KeyUsed));
}

#[test]
fn kept_keys_that_could_not_have_been_stored_are_not_taken() {
    let record = |index: u32| [&index.to_be_bytes()[..], &[1; 32]].concat();
    let kept =
        |records: &[Vec<u8>], end| KeptKeys::from_bytes(Zeroizing::new(records.concat()), end);
    assert!(kept(&[record(1), record(4)], 5).is_some());
    assert!(kept(&[record(4), record(1)], 5).is_none());
    assert!(kept(&[record(4), record(4)], 5).is_none());
    assert!(kept(&[record(1), record(5)], 5).is_none());
    assert!(kept(&[record(0)], 5).is_none());
    assert!(kept(&[record(1)[1..].to_vec()], 5).is_none());
    let many: Vec<_> = (1..=KEPT_MAX as u32 + 1).map(record).collect();
    assert!(kept(&many, 9_999).is_none());
    assert!(kept(&many[1..], 9_999).is_some());
}

#[test]
fn chains_that_could_not_have_been_stored_are_not_taken() {
    let epochs = |count: usize| {
        let (mut alice, _) = pair();
        (1..count).for_each(|_| add_epoch(&mut [&mut alice], 1));
        alice.epochs
    };
    let taken = |first, sending, count| {
        let root = Zeroizing::new([1; 32]);
        let chain = Chain::from_parts(Direction::Initiator, root, (first, sending), epochs(count));
        chain.is_some()
    };
    assert!(taken(3, 3, 1) && taken(3, 4, 2) && taken(3, 6, EPOCHS_MAX));
    assert!(!taken(3, 3, EPOCHS_MAX + 1), "too many");
    assert!(
        !taken(3, 2, 2) && !taken(3, 5, 2),
        "sending in none of them"
    );
    let end = u64::MAX / 2;
    assert!(taken(end - 1, end - 1, 2));
    assert!(!taken(end, end, 2) && !taken(u64::MAX, u64::MAX, 1));
}

#[test]
fn room_for_keys_is_made_at_once_and_no_place_grows() {
    // A vector that grows by itself takes more than it needs, and gives the old place back unwiped.
    let salt = MessageSalt(Zeroizing::new([1; 32]));
    let mut kept = KeptKeys::default();
    for (before, count) in [(0, 3), (3, 40), (40, KEPT_MAX)] {
        kept.reserve(count - before);
        for index in before..count {
            kept.push(index as u32 + 1, &salt);
        }
        assert_eq!(kept.0.capacity(), count * RECORD_BYTES);
    }
    let mut appended = KeptKeys::default();
    let mut later = KeptKeys::default();
    later.push(1, &salt);
    for count in 1..=3 {
        appended.append(&later);
        assert_eq!(appended.0.capacity(), count * RECORD_BYTES);
    }
}
