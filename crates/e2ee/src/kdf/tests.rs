use super::{hkdf, hkdf_pieces, hmac};
use crate::fixture::unhex;

#[test]
fn hkdf_gives_the_first_example_of_rfc_5869() {
    let okm = hkdf::<42>(
        &unhex("000102030405060708090a0b0c"),
        &[0x0b; 22],
        &unhex("f0f1f2f3f4f5f6f7f8f9"),
    );
    let expected =
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
    assert_eq!(okm.as_slice(), unhex(expected));
}

#[test]
fn an_empty_salt_is_32_zero_bytes_and_pieces_are_joined() {
    // RFC 5869 appendix A.3 has no salt and no info.
    let okm = hkdf::<42>(&[], &[0x0b; 22], &[]);
    let expected =
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8";
    assert_eq!(okm.as_slice(), unhex(expected));
    assert_eq!(okm, hkdf::<42>(&[0; 32], &[0x0b; 22], &[]));
    assert_eq!(
        okm,
        hkdf_pieces::<42>(&[], &[&[0x0b; 10], &[0x0b; 12]], &[])
    );
}

#[test]
fn hmac_gives_the_second_example_of_rfc_4231() {
    let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    let mac = hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
    assert_eq!(mac.as_slice(), unhex(expected));
}
