use super::{
    Agreements, FIELD_PRIME, KeyError, KeyPair, LOW_ORDER, PreparedKey, PrivateKey, PublicKey,
};
use crate::fixture::{rng, unhex};
use rand_core::CryptoRng;

fn wire(coordinate: &[u8; 32]) -> Vec<u8> {
    [&[5], coordinate.as_slice()].concat()
}

#[test]
fn it_is_x25519_of_rfc_7748() {
    // §5.2, the first vector of the function itself.
    let scalar = unhex("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4");
    let point = unhex("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
    let product = unhex("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
    let private = PrivateKey::from_bytes(&scalar).expect("private key");
    let public = PublicKey::from_bytes(&[&[5], point.as_slice()].concat()).expect("public key");
    let agreed = private.agree(&public).expect("agreement");
    assert_eq!(agreed.as_slice(), product);
}

#[test]
fn both_sides_agree() {
    let mut rng = rng(1);
    let (alice, bob) = (KeyPair::generate(&mut rng), KeyPair::generate(&mut rng));
    let secret = alice.agree(bob.public()).expect("agreement");
    assert_eq!(secret, bob.agree(alice.public()).expect("agreement"));
    assert_ne!(*secret, [0; 32]);
}

#[test]
fn low_order_keys_are_refused_and_would_agree_on_zero() {
    let private = PrivateKey::generate(&mut rng(2));
    for coordinate in &LOW_ORDER {
        assert_eq!(
            PublicKey::from_bytes(&wire(coordinate)),
            Err(KeyError::LowOrder)
        );
        let unchecked = PublicKey::of_point(&curve25519_dalek::MontgomeryPoint(*coordinate));
        assert_eq!(private.agree(&unchecked), Err(KeyError::LowOrder));
    }
}

#[test]
fn non_canonical_keys_are_refused() {
    let mut last = FIELD_PRIME;
    last[0] -= 2;
    assert!(PublicKey::from_bytes(&wire(&last)).is_ok());
    for above in 0..=18 {
        let mut coordinate = FIELD_PRIME;
        coordinate[0] += above;
        assert_eq!(
            PublicKey::from_bytes(&wire(&coordinate)),
            Err(KeyError::NonCanonical)
        );
    }
    let mut top_bit = [9; 32];
    top_bit[31] |= 0x80;
    assert_eq!(
        PublicKey::from_bytes(&wire(&top_bit)),
        Err(KeyError::NonCanonical)
    );
}

#[test]
fn other_lengths_and_types_are_refused() {
    let key = KeyPair::generate(&mut rng(3));
    let bytes = key.public().as_bytes();
    assert_eq!(PublicKey::from_bytes(bytes), Ok(*key.public()));
    assert_eq!(PublicKey::from_bytes(&bytes[..32]), Err(KeyError::Length));
    assert_eq!(PublicKey::from_bytes(&[]), Err(KeyError::Length));
    let mut other = *bytes;
    other[0] = 4;
    assert_eq!(PublicKey::from_bytes(&other), Err(KeyError::Type));
}

#[test]
fn secrets_do_not_show() {
    let pair = KeyPair::generate(&mut rng(4));
    let shown = format!("{pair:?}");
    assert!(shown.contains("PrivateKey(…)"), "{shown}");
}

#[test]
fn the_edwards_way_gives_what_the_ladder_gives() {
    let mut rng = rng(5);
    let mut ways = [0, 0];
    for _ in 0..64 {
        let private = PrivateKey::generate(&mut rng);
        let public = any_coordinate(&mut rng);
        ways[usize::from(PreparedKey::new(&public).edwards().is_some())] += 1;
        assert_eq!(
            *private.agree(&public).expect("agreement"),
            public.coordinate().mul_clamped(*private.expose()).0
        );
    }
    assert!(ways[0] > 10 && ways[1] > 10, "both ways occur: {ways:?}");
}

#[test]
fn private_keys_are_equal_only_when_all_bytes_are() {
    let bytes = *PrivateKey::generate(&mut rng(11)).expose();
    let key = PrivateKey::from_bytes(&bytes).expect("private key");
    assert!(key == PrivateKey::from_bytes(&bytes).expect("private key"));
    for at in 0..32 {
        let mut other = bytes;
        // Not one of the bits that are always set or never.
        other[at] ^= 0x08;
        assert!(key != PrivateKey::from_bytes(&other).expect("private key"));
    }
}

/// Half of them are on the twist.
fn any_coordinate(rng: &mut impl CryptoRng) -> PublicKey {
    let mut bytes = *PrivateKey::generate(rng).public_key().as_bytes();
    bytes[1] ^= 2;
    PublicKey::from_bytes(&bytes).expect("a coordinate below p")
}

#[test]
fn agreements_made_at_once_are_those_made_one_by_one() {
    let mut rng = rng(6);
    for count in 0..20 {
        let new = [(); 2].map(|()| PrivateKey::generate(&mut rng));
        let mut agreements = Agreements::default();
        let mut expected = Vec::new();
        for _ in 0..count {
            let (private, public) = (PrivateKey::generate(&mut rng), any_coordinate(&mut rng));
            agreements.add(&private, &PreparedKey::new(&public));
            expected.push(public.coordinate().mul_clamped(*private.expose()).0);
        }
        let (secrets, pairs) = agreements.secrets(new.clone()).expect("agreements");
        assert!(secrets.iter().map(|secret| **secret).eq(expected));
        assert_eq!(pairs, new.map(KeyPair::from_private));
    }
}

#[test]
fn an_agreement_on_zero_is_refused_among_others() {
    let mut rng = rng(7);
    for coordinate in &LOW_ORDER {
        let low = PublicKey::of_point(&curve25519_dalek::MontgomeryPoint(*coordinate));
        let mut agreements = Agreements::default();
        for key in [any_coordinate(&mut rng), low, any_coordinate(&mut rng)] {
            agreements.add(&PrivateKey::generate(&mut rng), &PreparedKey::new(&key));
        }
        let refusal = agreements.secrets([]).map(|_| ()).expect_err("zero");
        assert_eq!(refusal, KeyError::LowOrder);
    }
}
