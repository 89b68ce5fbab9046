use super::super::SpqrError;
use super::super::erasure::Chunk;
use super::{Message, Payload};
use proptest::prelude::{Strategy, any, prop_oneof, proptest};

fn payload() -> impl Strategy<Value = Payload> {
    let chunk =
        || (any::<u16>(), any::<[u8; 32]>()).prop_map(|(index, bytes)| Chunk { index, bytes });
    prop_oneof![
        proptest::strategy::Just(Payload::Nothing),
        proptest::strategy::Just(Payload::Acknowledgement),
        chunk().prop_map(Payload::Header),
        chunk().prop_map(Payload::Key),
        chunk().prop_map(Payload::KeyAcknowledging),
        chunk().prop_map(Payload::Ciphertext1),
        chunk().prop_map(Payload::Ciphertext2),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        epoch in 1..u64::MAX,
        index: u32,
        payload in payload(),
        surplus in proptest::collection::vec(any::<u8>(), 0..9),
    ) {
        let message = Message { epoch, index, payload };
        let mut bytes = message.to_bytes();
        assert!(bytes.len() <= super::BYTES_MAX);
        for length in 1..bytes.len() {
            assert_eq!(Message::from_bytes(&bytes[..length]), Err(SpqrError::Malformed));
        }
        bytes.extend(surplus);
        assert_eq!(Message::from_bytes(&bytes), Ok(message));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = Message::from_bytes(&bytes);
    }
}

#[test]
fn the_layout_is_the_one_on_the_wire() {
    let chunk = Chunk {
        index: 300,
        bytes: [7; 32],
    };
    let message = Message {
        epoch: 3,
        index: 129,
        payload: Payload::Ciphertext1(chunk),
    };
    let mut expected = vec![1, 3, 0x81, 1, 5, 0xac, 2];
    expected.extend([7; 32]);
    assert_eq!(message.to_bytes(), expected);
}

#[test]
fn what_no_sender_writes_is_refused() {
    let refused: [(&[u8], SpqrError); 9] = [
        (&[], SpqrError::Missing),
        (&[0, 1, 1, 0], SpqrError::OtherVersion),
        (&[2, 1, 1, 0], SpqrError::OtherVersion),
        (&[1, 0, 1, 0], SpqrError::Malformed),
        (&[1, 1, 1, 7], SpqrError::Malformed),
        (
            &[1, 1, 0xff, 0xff, 0xff, 0xff, 0x1f, 0],
            SpqrError::Malformed,
        ),
        (
            &[
                1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 1, 0,
            ],
            SpqrError::Malformed,
        ),
        (
            &[
                1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1, 1, 0,
            ],
            SpqrError::Malformed,
        ),
        (&[1, 1, 1, 0x81], SpqrError::Malformed),
    ];
    for (bytes, error) in refused {
        assert_eq!(Message::from_bytes(bytes), Err(error), "{bytes:?}");
    }
    let mut index_too_high = vec![1, 1, 1, 1, 0x80, 0x80, 4];
    index_too_high.extend([0; 32]);
    assert_eq!(
        Message::from_bytes(&index_too_high),
        Err(SpqrError::Malformed)
    );
}
