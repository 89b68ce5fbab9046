use super::{
    Parties, PreKeyMessage, PreKeyMessageParts, SessionMessage, SessionMessageParts, Version,
    WireError,
};
use crate::fixture::rng;
use crate::keys::{KeyError, KeyPair, PublicKey};
use proptest::prelude::any;
use proptest::{prop_assert_eq, proptest};

fn key(seed: u64) -> PublicKey {
    *KeyPair::generate(&mut rng(seed)).public()
}

fn session_message(version: Version) -> Vec<u8> {
    let parts = SessionMessageParts {
        version,
        ratchet_key: key(1),
        counter: 0,
        previous_counter: 3,
        ciphertext: vec![9; 16],
        pq_ratchet: Some(vec![1, 1, 1, 0]),
        addresses: None,
    };
    let (sender, receiver) = (key(2), key(3));
    let parties = Parties {
        sender: &sender,
        receiver: &receiver,
    };
    parts.seal(&[5; 32], parties)
}

fn pre_key_message(version: Version, kem: Option<(u32, &[u8])>) -> Vec<u8> {
    let parts = PreKeyMessageParts {
        version,
        registration_id: 1234,
        pre_key_id: None,
        signed_pre_key_id: 5,
        kem,
        base_key: key(4),
        identity_key: key(2),
        message: session_message(version),
    };
    parts.enclose()
}

#[test]
fn a_session_message_is_laid_out_as_on_the_wire() {
    let bytes = session_message(Version::V4);
    // Version, then the fields in ascending order, a zero counter among them, then the MAC.
    assert_eq!(bytes[0], 0x44);
    assert_eq!(bytes[1..3], [0x0a, 33]);
    assert_eq!(bytes[36..40], [0x10, 0, 0x18, 3]);
    assert_eq!(bytes[40..42], [0x22, 16]);
    assert_eq!(bytes[58..64], [0x2a, 4, 1, 1, 1, 0]);
    assert_eq!(bytes.len(), 64 + 8);
    let read = SessionMessage::from_bytes(&bytes).expect("a message");
    assert_eq!((read.counter(), *read.ratchet_key()), (0, key(1)));
    let (sender, receiver) = (key(2), key(3));
    let parties = |sender, receiver| Parties { sender, receiver };
    assert!(read.is_mac_valid(&[5; 32], parties(&sender, &receiver)));
    assert!(!read.is_mac_valid(&[5; 32], parties(&receiver, &sender)));
    assert!(!read.is_mac_valid(&[6; 32], parties(&sender, &receiver)));
}

#[test]
fn version_4_has_a_kem_and_version_3_has_none() {
    let with_kem = pre_key_message(Version::V4, Some((6, &[8; 3])));
    let read = PreKeyMessage::from_bytes(&with_kem).expect("a message");
    assert_eq!(read.kem, Some((6, vec![8; 3])));
    assert_eq!((read.registration_id(), read.signed_pre_key_id), (1234, 5));
    let without = pre_key_message(Version::V4, None);
    assert_eq!(
        PreKeyMessage::from_bytes(&without).err(),
        Some(WireError::Malformed)
    );
    let old = pre_key_message(Version::V3, None);
    assert_eq!(old[0], 0x34);
    assert_eq!(
        PreKeyMessage::from_bytes(&old).expect("a message").kem,
        None
    );
}

#[test]
fn two_versions_in_one_message_are_refused() {
    let mut mixed = pre_key_message(Version::V3, None);
    mixed[0] = 0x44;
    assert_eq!(
        PreKeyMessage::from_bytes(&mixed).err(),
        Some(WireError::Malformed)
    );
}

#[test]
fn keys_in_messages_are_checked() {
    let mut low_order = session_message(Version::V4);
    low_order[4..36].fill(0);
    assert_eq!(
        SessionMessage::from_bytes(&low_order).err(),
        Some(WireError::Key(KeyError::LowOrder))
    );
    let mut other_type = session_message(Version::V4);
    other_type[3] = 7;
    assert_eq!(
        SessionMessage::from_bytes(&other_type).err(),
        Some(WireError::Key(KeyError::Type))
    );
}

#[test]
fn fields_that_are_not_known_are_skipped() {
    let bytes = session_message(Version::V4);
    let (fields, mac) = bytes.split_at(bytes.len() - 8);
    let longer = [fields, &[0x7a, 2, 1, 1], mac].concat();
    let read = SessionMessage::from_bytes(&longer).expect("a message");
    assert_eq!(read.ciphertext, [9; 16]);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = SessionMessage::from_bytes(&bytes);
        let _ = PreKeyMessage::from_bytes(&bytes);
    }

    #[test]
    fn no_change_of_a_message_makes_it_panic(at in any::<usize>(), to in any::<u8>()) {
        let mut bytes = pre_key_message(Version::V4, Some((6, &[8; 3])));
        let at = at % bytes.len();
        bytes[at] = to;
        let _ = PreKeyMessage::from_bytes(&bytes);
    }

    #[test]
    fn what_was_sealed_is_read(counter in any::<u32>(), ciphertext in proptest::collection::vec(any::<u8>(), 0..99)) {
        let (sender, receiver) = (key(2), key(3));
        let parts = SessionMessageParts {
            version: Version::V3,
            ratchet_key: key(1),
            counter,
            previous_counter: 0,
            ciphertext: ciphertext.clone(),
            pq_ratchet: None,
            addresses: None,
        };
        let parties = Parties { sender: &sender, receiver: &receiver };
        let read = SessionMessage::from_bytes(&parts.seal(&[5; 32], parties)).expect("a message");
        prop_assert_eq!((read.counter(), &read.ciphertext), (counter, &ciphertext));
        prop_assert_eq!(read.pq_ratchet.len(), 0);
    }
}
