use super::{SIGNATURE_BYTES, sign, verify};
use crate::fixture::rng;
use crate::keys::KeyPair;

#[test]
fn what_was_signed_verifies_and_nothing_else_does() {
    let mut rng = rng(1);
    let mut signs = [0, 0];
    for round in 0..32 {
        let pair = KeyPair::generate(&mut rng);
        let other = KeyPair::generate(&mut rng);
        let message = vec![round; usize::from(round)];
        let signature = sign(pair.private(), &message, &mut rng);
        signs[usize::from(signature[63] >> 7)] += 1;
        assert!(verify(pair.public(), &message, &signature));
        assert!(!verify(other.public(), &message, &signature));
        assert!(!verify(pair.public(), b"another message", &signature));
        for byte in 0..SIGNATURE_BYTES {
            let mut changed = signature;
            changed[byte] ^= 1 << (byte % 8);
            assert!(!verify(pair.public(), &message, &changed), "byte {byte}");
        }
    }
    assert!(signs[0] > 5 && signs[1] > 5, "both signs occur: {signs:?}");
}

#[test]
fn signatures_are_randomised() {
    let mut rng = rng(2);
    let pair = KeyPair::generate(&mut rng);
    assert_ne!(
        sign(pair.private(), b"text", &mut rng),
        sign(pair.private(), b"text", &mut rng)
    );
}

#[test]
fn a_response_that_is_not_reduced_is_refused() {
    // L, the order of the base point, little-endian (RFC 8032 §5.1): s + L is the same scalar.
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut rng = rng(3);
    let pair = KeyPair::generate(&mut rng);
    let mut signature = sign(pair.private(), b"text", &mut rng);
    let mut carry = 0;
    for (byte, add) in signature[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = sum.to_le_bytes()[0];
        carry = sum >> 8;
    }
    assert!(!verify(pair.public(), b"text", &signature));
}

#[test]
fn other_lengths_are_refused() {
    let mut rng = rng(4);
    let pair = KeyPair::generate(&mut rng);
    let signature = sign(pair.private(), b"text", &mut rng);
    assert!(!verify(pair.public(), b"text", &[]));
    assert!(!verify(pair.public(), b"text", &signature[..63]));
    assert!(!verify(
        pair.public(),
        b"text",
        &[signature.as_slice(), &[0]].concat()
    ));
}
