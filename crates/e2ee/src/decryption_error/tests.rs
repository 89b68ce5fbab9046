use proptest::prelude::{any, prop_assert_eq, proptest};

use super::{BYTES_MAX, DecryptionError, DecryptionErrorProblem, MessageKind};
use crate::address::DeviceId;
use crate::fixture::{rng, unhex};
use crate::keys::KeyPair;

fn error() -> DecryptionError {
    DecryptionError {
        ratchet_key: Some(*KeyPair::generate(&mut rng(1)).public()),
        timestamp_milliseconds: 1_790_000_000_123,
        device_id: DeviceId::new(5).expect("a device id"),
    }
}

/// As recorded of the official library, for a message of a group.
#[test]
fn it_is_written_as_official_clients_write_it() {
    let device_id = DeviceId::new(5).expect("a device id");
    let made =
        DecryptionError::of_message(MessageKind::Group, b"any", 1_790_000_000_123, device_id);
    let made = made.expect("a group's message is not read");
    assert_eq!(made.to_bytes(), unhex("10fbd8c1a28c341805"));
    assert_eq!(
        made.to_plaintext_content(),
        unhex("c0420910fbd8c1a28c34180580")
    );
    assert_eq!(made.ratchet_key, None);
}

#[test]
fn it_arrives() {
    for sent in [
        error(),
        DecryptionError {
            ratchet_key: None,
            ..error()
        },
    ] {
        assert_eq!(
            DecryptionError::from_bytes(&sent.to_bytes()),
            Ok(sent.clone())
        );
        let mut message = sent.to_plaintext_content();
        let read = |message: &[u8]| DecryptionError::from_plaintext_content(message);
        assert_eq!(read(&message), Ok(sent.clone()));
        message.extend_from_slice(&[0; 99]);
        assert_eq!(read(&message), Ok(sent), "padding");
    }
}

#[test]
fn nothing_else_travels_unencrypted() {
    let good = error().to_plaintext_content();
    let refused = Err(DecryptionErrorProblem);
    let read = |message: &[u8]| DecryptionError::from_plaintext_content(message);
    for length in 0..good.len() {
        assert_eq!(read(&good[..length]), refused, "{length} bytes");
    }
    // A content with a text in it (field 1).
    assert_eq!(read(&unhex("c00a0568656c6c6f80")), refused);
    assert_eq!(read(&unhex("c080")), refused);
    assert_eq!(read(&unhex("c0")), refused);
    assert_eq!(read(&[&good[..], &[1]].concat()), refused);
    assert_eq!(read(&[&[0xc1], &good[1..]].concat()), refused);
    assert_eq!(read(&[&good[..], &[0; 2000]].concat()), refused);
}

#[test]
fn bytes_that_are_none_are_refused() {
    for bytes in ["", "1801", "10ab", "0a01051001", "100118ff01", "10011800"] {
        let read = DecryptionError::from_bytes(&unhex(bytes));
        assert_eq!(read, Err(DecryptionErrorProblem), "{bytes}");
    }
    let of_length = |length: usize| {
        let good = error().to_bytes();
        let rest = length - good.len() - 3;
        let unknown = vec![0x22, (rest & 0x7f) as u8 | 0x80, (rest >> 7) as u8];
        [good, unknown, vec![0; rest]].concat()
    };
    assert!(DecryptionError::from_bytes(&of_length(BYTES_MAX)).is_ok());
    assert_eq!(
        DecryptionError::from_bytes(&of_length(BYTES_MAX + 1)),
        Err(DecryptionErrorProblem)
    );
}

#[test]
fn a_message_that_cannot_be_read_is_not_asked_for() {
    let device_id = DeviceId::new(5).expect("a device id");
    for kind in [MessageKind::Session, MessageKind::PreKey] {
        let made = DecryptionError::of_message(kind, b"any", 0, device_id);
        assert!(made.is_err());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        if let Ok(read) = DecryptionError::from_bytes(&bytes) {
            prop_assert_eq!(DecryptionError::from_bytes(&read.to_bytes()), Ok(read));
        }
        let _ = DecryptionError::from_plaintext_content(&bytes);
    }
}
