use super::{ENTRY_BYTES, KEPT_KEYS_MAX, KeptKeys};
use crate::ratchet::MessageSeed;
use crate::secret::Secret;

fn seed(byte: u8) -> MessageSeed {
    MessageSeed(Secret::from_slice(&[byte; 32]).expect("32 bytes"))
}

fn taken(kept: &mut KeptKeys, counter: u32) -> Option<u8> {
    kept.take(counter).map(|seed| seed.0.expose()[0])
}

#[test]
fn each_seed_is_given_out_once_in_any_order() {
    let mut kept = KeptKeys::default();
    for counter in [3, 5, 900, 70_000] {
        kept.push(counter, &seed(counter.to_le_bytes()[0]));
    }
    let mut kept = KeptKeys::from_stored(kept.as_bytes().to_vec()).expect("stored");
    assert_eq!(taken(&mut kept, 4), None);
    assert_eq!(taken(&mut kept, 900), Some(0x84));
    assert_eq!(taken(&mut kept, 900), None);
    assert_eq!(taken(&mut kept, 70_000), Some(0x70));
    assert_eq!(taken(&mut kept, 3), Some(3));
    assert_eq!(taken(&mut kept, 5), Some(5));
    assert!(kept.as_bytes().is_empty());
}

#[test]
fn the_oldest_are_given_up() {
    let mut kept = KeptKeys::default();
    for counter in 0..2003 {
        kept.push(counter, &seed(1));
    }
    assert_eq!(kept.as_bytes().len(), KEPT_KEYS_MAX * ENTRY_BYTES);
    assert_eq!(taken(&mut kept, 2), None);
    assert_eq!(taken(&mut kept, 3), Some(1));
}

#[test]
fn what_is_not_whole_is_refused() {
    assert!(KeptKeys::from_stored(vec![0; ENTRY_BYTES + 1]).is_none());
    assert!(KeptKeys::from_stored(vec![0; ENTRY_BYTES * (KEPT_KEYS_MAX + 1)]).is_none());
    let mut reversed = vec![0; ENTRY_BYTES * 2];
    reversed[0] = 1;
    assert!(KeptKeys::from_stored(reversed).is_none());
}

#[test]
fn a_place_that_is_too_small_is_left_for_a_new_one_and_never_grown() {
    // A vector that grows by itself takes more than it needs, and gives the old place back unwiped.
    let mut kept = KeptKeys::default();
    for count in 1..=50 {
        kept.push(count, &seed(1));
        assert_eq!(kept.0.capacity(), count as usize * ENTRY_BYTES);
    }
    kept.make_room(KEPT_KEYS_MAX - 50);
    let place = kept.0.as_ptr();
    for counter in 51..=2000 {
        kept.push(counter, &seed(1));
    }
    kept.make_room(7);
    assert_eq!(kept.len(), KEPT_KEYS_MAX - 7);
    kept.make_room(KEPT_KEYS_MAX + 7);
    assert_eq!(kept.len(), 0);
    assert_eq!(
        (kept.0.as_ptr(), kept.0.capacity()),
        (place, 2000 * ENTRY_BYTES)
    );
}
