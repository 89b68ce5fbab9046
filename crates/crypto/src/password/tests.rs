//! Hashes that another implementation made, bounds of costs, and what is no hash.

use super::{CostProblem, HashCost, HashError, HashMemory, PasswordHasher, StoredHash, Verdict};
use crate::fixture::{Counting, Filled};
use keyward_model::{Password, PasswordHash};

const PASSWORD: &str = "correct horse battery staple";
/// Made by Python's argon2-cffi 25.1.0 from [`PASSWORD`] and sixteen `*` as salt.
const KNOWN: &str = "$argon2id$v=19$m=19456,t=2,p=1$KioqKioqKioqKioqKioqKg$TSGrd06pNeF8UEsQNFN1hmBp7w4o7nF16p18HLEBjew";
/// The same with fewer costs and two lanes.
const KNOWN_WEAK: &str = "$argon2id$v=19$m=64,t=1,p=2$KioqKioqKioqKioqKioqKg$uguzmNuFkIvYZMfoq8O0xBdXNizjC6Bcg6vrEpQhAsE";

fn hasher() -> PasswordHasher {
    PasswordHasher::new(HashCost::default(), &Counting::default()).unwrap()
}

fn password(text: &str) -> Password {
    Password::presented(text).unwrap()
}

fn verify(text: &str, phc: &str) -> Result<Verdict, HashError> {
    let hash = PasswordHash::from_phc(phc.to_owned());
    hasher().verify(&password(text), &hash, &mut HashMemory::new())
}

#[test]
fn another_implementation_agrees() {
    let made = hasher()
        .hash(&password(PASSWORD), &Filled(b'*'), &mut HashMemory::new())
        .unwrap();
    assert_eq!(made.expose(), KNOWN);
    assert_eq!(
        verify(PASSWORD, KNOWN),
        Ok(Verdict::Right { outdated: false })
    );
    assert_eq!(
        verify("Correct horse battery staple", KNOWN),
        Ok(Verdict::Wrong)
    );
}

#[test]
fn asvs_v11_4_2_costs_have_a_floor_and_weaker_hashes_are_outdated() {
    let floor = HashCost::default();
    assert_eq!(
        (floor.memory_kib, floor.iterations, floor.parallelism),
        (19_456, 2, 1)
    );
    let weak = HashCost {
        memory_kib: 19_455,
        ..floor
    };
    assert_eq!(weak.checked(), Err(CostProblem::BelowFloor));
    assert_eq!(
        HashCost {
            iterations: 1,
            ..floor
        }
        .checked(),
        Err(CostProblem::BelowFloor)
    );
    assert_eq!(
        HashCost {
            parallelism: 0,
            ..floor
        }
        .checked(),
        Err(CostProblem::BelowFloor)
    );
    let refused = PasswordHasher::new(weak, &Filled(1)).unwrap_err();
    assert_eq!(refused, HashError::Cost(CostProblem::BelowFloor));
    assert_eq!(
        verify(PASSWORD, KNOWN_WEAK),
        Ok(Verdict::Right { outdated: true })
    );
    assert_eq!(verify("wrong", KNOWN_WEAK), Ok(Verdict::Wrong));
}

#[test]
fn costs_have_a_ceiling() {
    let highest = HashCost {
        memory_kib: 1_048_576,
        iterations: 20,
        parallelism: 8,
    };
    assert_eq!(highest.checked(), Ok(highest));
    for beyond in [
        HashCost {
            memory_kib: 1_048_577,
            ..highest
        },
        HashCost {
            iterations: 21,
            ..highest
        },
        HashCost {
            parallelism: 9,
            ..highest
        },
    ] {
        assert_eq!(beyond.checked(), Err(CostProblem::AboveCeiling));
    }
}

#[test]
fn two_hashes_of_a_password_differ() {
    let (hasher, random, mut memory) = (hasher(), Counting::default(), HashMemory::new());
    let [one, other] = [(); 2].map(|()| {
        hasher
            .hash(&password(PASSWORD), &random, &mut memory)
            .unwrap()
    });
    assert_ne!(one.expose(), other.expose());
    let verdict = hasher.verify(&password(PASSWORD), &other, &mut memory);
    assert_eq!(verdict, Ok(Verdict::Right { outdated: false }));
}

#[test]
fn the_decoy_costs_what_a_new_hash_costs() {
    let cost = HashCost {
        memory_kib: 20_000,
        iterations: 3,
        parallelism: 2,
    };
    let hasher = PasswordHasher::new(cost, &Counting::default()).unwrap();
    assert_eq!(
        StoredHash::parse(&hasher.decoy).map(|stored| stored.cost),
        Ok(cost)
    );
    let mut memory = HashMemory::new();
    assert_eq!(
        hasher.verify_decoy(&password(PASSWORD), &mut memory),
        Ok(())
    );
    assert_eq!(memory.bytes(), 20_000 * 1_024);
}

#[test]
fn what_a_hash_left_in_memory_does_not_change_the_next() {
    let (hasher, mut memory) = (hasher(), HashMemory::new());
    let mut verify = |text, phc: &str| {
        let hash = PasswordHash::from_phc(phc.to_owned());
        hasher.verify(&password(text), &hash, &mut memory)
    };
    for _ in 0..2 {
        let right = Ok(Verdict::Right { outdated: false });
        assert_eq!(verify(PASSWORD, KNOWN), right);
        assert_eq!(verify("wrong", KNOWN), Ok(Verdict::Wrong));
        let outdated = Ok(Verdict::Right { outdated: true });
        assert_eq!(verify(PASSWORD, KNOWN_WEAK), outdated);
    }
}

#[test]
fn memory_is_taken_late_and_kept_only_as_large_as_a_new_hash_needs() {
    let (hasher, mut memory) = (hasher(), HashMemory::new());
    assert_eq!(memory.bytes(), 0);
    let ordinary = HashCost::default().memory_bytes();
    let known = PasswordHash::from_phc(KNOWN.to_owned());
    assert!(
        hasher
            .verify(&password(PASSWORD), &known, &mut memory)
            .is_ok()
    );
    assert_eq!(memory.bytes(), ordinary);
    let costly = PasswordHash::from_phc(KNOWN.replace("m=19456", "m=40000"));
    let verdict = hasher.verify(&password(PASSWORD), &costly, &mut memory);
    assert_eq!(verdict, Ok(Verdict::Wrong));
    assert!(memory.bytes() <= ordinary);
    memory.give_back();
    assert_eq!(memory.bytes(), 0);
}

#[test]
fn a_corrupt_or_costly_hash_is_an_error_before_any_work() {
    let cases = [
        (KNOWN, ""),
        (KNOWN, "$argon2id$v=19$m=64"),
        ("argon2id", "argon2i"),
        ("argon2id", "scrypt"),
        ("v=19", "v=16"),
        ("$v=19", ""),
        ("m=19456", "m=1048577"),
        ("t=2", "t=21"),
        ("p=1", "p=9"),
        ("p=1", "p=0"),
        ("t=2", "t=0"),
        ("m=19456", "m=7"),
        ("m=19456,", ""),
        ("p=1", "p=1,data=KioqKg"),
        ("t=2", "t=2,t=2"),
        ("$TSGrd06pNeF8UEsQNFN1hmBp7w4o7nF16p18HLEBjew", ""),
        (
            "TSGrd06pNeF8UEsQNFN1hmBp7w4o7nF16p18HLEBjew",
            "TSGrd06pNeF8UEsQNFN1",
        ),
    ];
    for (from, to) in cases {
        let phc = KNOWN.replace(from, to);
        assert_ne!(phc, KNOWN);
        assert_eq!(verify(PASSWORD, &phc), Err(HashError::Corrupt), "{phc}");
    }
}

#[test]
fn debug_shows_no_hash() {
    assert!(!format!("{:?}", hasher()).contains("argon2"));
}
