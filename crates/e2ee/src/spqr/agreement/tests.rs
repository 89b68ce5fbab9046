use super::{Encapsulation, KeyPair};
use crate::fixture::rng;
use crate::spqr::SpqrError;

#[test]
fn only_the_vector_that_the_header_tells_of_is_taken() {
    let pair = KeyPair::generate(&mut rng(1));
    let encapsulation = Encapsulation::generate(pair.header(), &mut rng(2));
    let vector = pair.vector();
    assert_eq!(encapsulation.verify(&vector), Ok(()));
    for at in 0..vector.len() {
        let mut changed = vector.clone();
        changed[at] ^= 1;
        assert_eq!(
            encapsulation.verify(&changed),
            Err(SpqrError::NotAuthentic),
            "byte {at}"
        );
    }
    let other = KeyPair::generate(&mut rng(3)).vector();
    assert_eq!(encapsulation.verify(&other), Err(SpqrError::NotAuthentic));
}

#[test]
fn both_parts_of_the_ciphertext_give_the_secret() {
    let pair = KeyPair::generate(&mut rng(1));
    let encapsulation = Encapsulation::generate(pair.header(), &mut rng(2));
    let (first, secret) = encapsulation.first(7).expect("lengths are right");
    let second = encapsulation.second(&pair.vector()).expect("its vector");
    let decapsulated = |epoch, first: &[u8], second: &[u8]| pair.decapsulate(epoch, first, second);
    let same = decapsulated(7, &first, &second).expect("lengths are right");
    assert_eq!(same.0, secret.0);
    let other = decapsulated(8, &first, &second).expect("lengths are right");
    assert_ne!(other.0, secret.0, "of another epoch");
    assert!(decapsulated(7, &first[1..], &second).is_err());
    assert!(decapsulated(7, &first, &second[1..]).is_err());
}
