use super::{PaddingError, decrypt, encrypt};
use crate::fixture::unhex;

#[test]
fn it_is_aes_256_cbc_of_sp_800_38a() {
    // F.2.5: the first block; our padding adds another.
    let key = unhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
    let iv = unhex("000102030405060708090a0b0c0d0e0f");
    let key: [u8; 32] = key.try_into().expect("32 bytes");
    let iv: [u8; 16] = iv.try_into().expect("16 bytes");
    let plaintext = unhex("6bc1bee22e409f96e93d7e117393172a");
    let ciphertext = encrypt(&key, &iv, &plaintext);
    assert_eq!(ciphertext.len(), 32);
    assert_eq!(ciphertext[..16], unhex("f58c4c04d6e5f1ba779eabfb5f7bfbd6"));
    assert_eq!(decrypt(&key, &iv, &ciphertext), Ok(plaintext));
}

#[test]
fn every_length_comes_back() {
    for length in 0..70 {
        let plaintext = vec![7; length];
        let ciphertext = encrypt(&[1; 32], &[2; 16], &plaintext);
        assert_eq!(ciphertext.len(), (length / 16 + 1) * 16);
        assert_eq!(decrypt(&[1; 32], &[2; 16], &ciphertext), Ok(plaintext));
    }
}

#[test]
fn what_is_not_whole_is_refused() {
    assert_eq!(decrypt(&[1; 32], &[2; 16], &[]), Err(PaddingError));
    assert_eq!(decrypt(&[1; 32], &[2; 16], &[3; 15]), Err(PaddingError));
    assert_eq!(decrypt(&[1; 32], &[2; 16], &[3; 16]), Err(PaddingError));
}
