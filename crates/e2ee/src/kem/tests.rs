use super::{KEM_CIPHERTEXT_BYTES, KEM_PUBLIC_KEY_BYTES, KemKeyPair, KemPublicKey};
use crate::fixture::rng;
use crate::keys::KeyError;
use libcrux_ml_kem::{kyber1024, mlkem1024};

#[test]
fn both_sides_get_the_secret() {
    let mut rng = rng(1);
    let pair = KemKeyPair::generate(&mut rng);
    let kept = KemKeyPair::from_bytes(pair.expose(), pair.public().as_bytes()).expect("kept");
    let (ciphertext, secret) = pair.public().encapsulate(&mut rng).expect("key");
    assert_eq!(ciphertext.len(), KEM_CIPHERTEXT_BYTES);
    assert_eq!(pair.public().as_bytes().len(), KEM_PUBLIC_KEY_BYTES);
    assert_eq!(kept.decapsulate(&ciphertext), Ok(secret.clone()));
    let mut tampered = ciphertext;
    tampered[700] ^= 1;
    assert_ne!(kept.decapsulate(&tampered), Ok(secret));
}

#[test]
fn it_is_kyber_1024_in_both_directions() {
    let mut rng = rng(2);
    let ours = KemKeyPair::generate(&mut rng);
    let their_view = mlkem1024::MlKem1024PublicKey::try_from(&ours.public().as_bytes()[1..])
        .expect("a key of 1568 bytes");
    let (ciphertext, secret) = kyber1024::encapsulate(&their_view, [7; 32]);
    let wire = [&[8], ciphertext.as_slice().as_slice()].concat();
    assert_eq!(*ours.decapsulate(&wire).expect("ciphertext"), secret);

    let theirs = kyber1024::generate_key_pair([9; 64]);
    let wire = [&[8], theirs.pk().as_slice()].concat();
    let public = KemPublicKey::from_bytes(&wire).expect("their key is one of ours");
    let (ciphertext, secret) = public.encapsulate(&mut rng).expect("key");
    let ciphertext =
        mlkem1024::MlKem1024Ciphertext::try_from(&ciphertext[1..]).expect("ciphertext");
    assert_eq!(
        kyber1024::decapsulate(theirs.private_key(), &ciphertext),
        *secret
    );
}

#[test]
fn what_is_no_key_is_refused() {
    let mut rng = rng(3);
    let pair = KemKeyPair::generate(&mut rng);
    let good = pair.public().as_bytes();
    assert_eq!(KemPublicKey::from_bytes(&[]), Err(KeyError::Length));
    assert_eq!(
        KemPublicKey::from_bytes(&good[..1568]),
        Err(KeyError::Length)
    );
    let mut other = good.to_vec();
    other[0] = 7;
    assert_eq!(KemPublicKey::from_bytes(&other), Err(KeyError::Type));
    let mut unreduced = good.to_vec();
    unreduced[1..4].fill(0xff);
    assert_eq!(KemPublicKey::from_bytes(&unreduced), Err(KeyError::Kem));
    assert_eq!(pair.decapsulate(&good[..9]), Err(KeyError::Length));
    assert!(KemKeyPair::from_bytes(&pair.expose()[1..], good).is_err());
}

#[test]
fn secrets_do_not_show() {
    let shown = format!("{:?}", KemKeyPair::generate(&mut rng(4)));
    assert!(
        shown.starts_with("KemKeyPair { public: KemPublicKey("),
        "{shown}"
    );
}
