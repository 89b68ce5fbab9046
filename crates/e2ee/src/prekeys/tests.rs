use super::{KemPreKey, PreKey, SignedPreKey, StoredKeyError};
use crate::fixture::rng;
use crate::keys::IdentityKeyPair;

#[test]
fn what_is_kept_comes_back() {
    let mut rng = rng(1);
    let identity = IdentityKeyPair::generate(&mut rng);
    let key = PreKey::generate(7, &mut rng);
    let read = PreKey::from_bytes(&key.to_bytes()).expect("kept");
    assert_eq!((read.id, &read.pair), (7, &key.pair));

    let key = SignedPreKey::generate(8, &identity, &mut rng);
    let read = SignedPreKey::from_bytes(&key.to_bytes()).expect("kept");
    assert_eq!(
        (read.id, &read.pair, read.signature),
        (8, &key.pair, key.signature)
    );
    let public = key.pair.public().as_bytes();
    assert!(
        identity
            .public()
            .is_signature_valid(public, &read.signature)
    );

    let key = KemPreKey::generate(9, &identity, &mut rng).as_last_resort();
    let read = KemPreKey::from_bytes(&key.to_bytes()).expect("kept");
    assert_eq!(
        (read.id, read.is_last_resort, read.signature),
        (9, true, key.signature)
    );
    assert_eq!(read.pair.expose(), key.pair.expose());
    let public = key.pair.public().as_bytes();
    assert!(
        identity
            .public()
            .is_signature_valid(public, &read.signature)
    );
}

#[test]
fn what_was_not_kept_so_is_refused() {
    let mut rng = rng(2);
    let key = PreKey::generate(7, &mut rng).to_bytes();
    assert_eq!(
        SignedPreKey::from_bytes(&key).err(),
        Some(StoredKeyError),
        "unsigned"
    );
    assert_eq!(KemPreKey::from_bytes(&key).err(), Some(StoredKeyError));
    for length in 0..key.len() {
        assert!(PreKey::from_bytes(&key[..length]).is_err());
    }
}

#[test]
fn secrets_do_not_show() {
    let key = PreKey::generate(7, &mut rng(3));
    assert!(format!("{key:?}").contains("PrivateKey(…)"));
}
