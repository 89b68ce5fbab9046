use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

use super::{Fingerprint, FingerprintError, Party, Trust, VERSION, Verification};
use crate::fixture::rng;
use crate::keys::{IdentityKeyPair, PublicKey};

fn key(seed: u64) -> PublicKey {
    *IdentityKeyPair::generate(&mut rng(seed)).public()
}

fn number(local: (&[u8], &PublicKey), remote: (&[u8], &PublicKey)) -> Fingerprint {
    let party = |(id, identity_key)| Party { id, identity_key };
    Fingerprint::with_iterations(VERSION, 10, party(local), party(remote)).expect("a number")
}

#[test]
fn both_sides_show_the_same_and_scan_each_other() {
    let (alice, bob) = (key(1), key(2));
    let at_alice = number((b"alice", &alice), (b"bob", &bob));
    let at_bob = number((b"bob", &bob), (b"alice", &alice));
    assert_eq!(at_alice.display(), at_bob.display());
    assert_eq!(at_alice.display().len(), 60);
    assert!(
        at_alice
            .display()
            .bytes()
            .all(|digit| digit.is_ascii_digit())
    );
    assert_eq!(at_alice.matches(&at_bob.scannable()), Ok(true));
    assert_eq!(at_bob.matches(&at_alice.scannable()), Ok(true));
    assert_eq!(at_alice.matches(&at_alice.scannable()), Ok(false));
}

#[test]
fn every_part_enters_the_number() {
    let (alice, bob, mallory) = (key(1), key(2), key(3));
    let honest = number((b"alice", &alice), (b"bob", &bob));
    for other in [
        number((b"bob", &mallory), (b"alice", &alice)),
        number((b"bob", &bob), (b"alice", &mallory)),
        number((b"bobby", &bob), (b"alice", &alice)),
        number((b"bob", &bob), (b"alina", &alice)),
    ] {
        assert_eq!(honest.matches(&other.scannable()), Ok(false));
        assert_ne!(honest.display(), other.display());
    }
    let usual = Fingerprint::new(
        Party {
            id: b"alice",
            identity_key: &alice,
        },
        Party {
            id: b"bob",
            identity_key: &bob,
        },
    );
    assert_ne!(usual, honest, "the iterations count");
}

#[test]
fn another_version_is_an_error_and_no_mismatch() {
    let (alice, bob) = (key(1), key(2));
    let party = |id, identity_key| Party { id, identity_key };
    let make = |version| {
        let (local, remote) = (party(b"a", &alice), party(b"b", &bob));
        Fingerprint::with_iterations(version, 2, local, remote).expect("a number")
    };
    let error = FingerprintError::Version { theirs: 1, ours: 2 };
    assert_eq!(make(2).matches(&make(1).scannable()), Err(error));
    assert_eq!(make(1).display(), make(2).display());
    for iterations in [0, 1, 1_000_001] {
        let (local, remote) = (party(b"a", &alice), party(b"b", &bob));
        let made = Fingerprint::with_iterations(2, iterations, local, remote);
        assert_eq!(made, Err(FingerprintError::Iterations));
    }
}

#[test]
fn what_is_no_code_is_an_error() {
    let (alice, bob) = (key(1), key(2));
    let number = number((b"a", &alice), (b"b", &bob));
    let code = number.scannable();
    for bytes in [
        &b""[..],
        b"\x08\x02",
        b"\xff\xff",
        &code[..40],
        &code[..code.len() - 1],
    ] {
        let scanned = number.matches(bytes);
        assert_eq!(scanned, Err(FingerprintError::Malformed), "{bytes:?}");
    }
}

#[test]
fn a_change_of_a_verified_key_is_told() {
    let (first, second, third) = (key(1), key(2), key(3));
    let mut peer = Verification::first_seen(first, 10);
    assert_eq!(peer.trust(), Trust::Unverified);
    assert!(peer.verify(&first, 20));
    assert_eq!(
        (peer.trust(), peer.verified_at_seconds()),
        (Trust::Verified, Some(20))
    );
    assert_eq!(peer.observe(&first, 30), None);
    assert_eq!(peer.trust(), Trust::Verified);
    let change = peer.observe(&second, 40).expect("a change");
    assert_eq!(
        (change.before, change.now, change.was_verified),
        (first, second, true)
    );
    assert_eq!(peer.trust(), Trust::VerificationLost);
    assert_eq!((*peer.key(), peer.since_seconds()), (second, 40));
    assert_eq!(peer.verified_at_seconds(), None);
    let again = peer.observe(&third, 50).expect("a change");
    assert!(!again.was_verified);
    assert_eq!(
        peer.trust(),
        Trust::VerificationLost,
        "a second change hides no loss"
    );
    assert!(
        !peer.verify(&first, 60),
        "the number was of a key that is gone"
    );
    assert_eq!(peer.trust(), Trust::VerificationLost);
    assert_eq!(Verification::from_bytes(&peer.to_bytes()), Ok(peer.clone()));
    assert!(peer.verify(&third, 70));
    assert_eq!(peer.trust(), Trust::Verified);
    assert_eq!(Verification::from_bytes(&peer.to_bytes()), Ok(peer.clone()));
    peer.unverify();
    assert_eq!(peer.trust(), Trust::Unverified);
    assert!(!peer.observe(&first, 80).expect("a change").was_verified);
    assert_eq!(peer.trust(), Trust::Unverified);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_read_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        let (alice, bob) = (key(1), key(2));
        let number = number((b"a", &alice), (b"b", &bob));
        prop_assert!(number.matches(&bytes) != Ok(true));
        let read = Verification::from_bytes(&bytes);
        if let Ok(read) = read {
            prop_assert_eq!(Verification::from_bytes(&read.to_bytes()), Ok(read.clone()));
        }
    }
}
