use super::{SIGNED_BYTES_MAX, Signed, SignedError, SignedFields};
use prost::Message;

#[test]
fn the_longest_is_read_and_one_byte_more_is_not() {
    let of_length = |length: usize| {
        let mut fields = SignedFields {
            document: vec![0; length - 10],
            signature: Vec::new(),
        };
        fields
            .document
            .resize(2 * length - 10 - fields.encoded_len(), 0);
        fields.encode_to_vec()
    };
    let longest = of_length(SIGNED_BYTES_MAX);
    assert_eq!(longest.len(), SIGNED_BYTES_MAX);
    assert!(Signed::from_bytes(&longest).is_ok());
    let longer = of_length(SIGNED_BYTES_MAX + 1);
    assert_eq!(
        Signed::from_bytes(&longer).err(),
        Some(SignedError::Malformed)
    );
}
