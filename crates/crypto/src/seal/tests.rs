//! Sealing, and everything that must not open.

use super::{
    Place, SealError, SealingKey, mint_root_key, mint_tenant_key, open, seal, sealed_key_id,
};
use crate::fixture::{Counting, Filled, id};
use keyward_model::{RootKeySecret, SealedBytes, TenantKeySecret};
use proptest::prelude::any;
use proptest::sample::Index;
use std::collections::BTreeSet;

fn place() -> Place<'static> {
    Place {
        tenant_id: id(1),
        table: "signing_keys",
        column: "private_key",
        row: id::<keyward_model::SigningKey>(2).uuid(),
    }
}

fn key() -> SealingKey {
    SealingKey::tenant(id(3), &mint_tenant_key(&Filled(7))).unwrap()
}

fn sealed(plaintext: &[u8]) -> SealedBytes {
    seal(&key(), place(), plaintext, &Filled(9)).unwrap()
}

proptest::proptest! {
    #[test]
    fn what_is_sealed_opens(plaintext: Vec<u8>) {
        let sealed = seal(&key(), place(), &plaintext, &Filled(9)).unwrap();
        assert_eq!(sealed.0.len(), plaintext.len() + 45);
        assert_eq!(sealed_key_id(&sealed), Ok(key().key_id()));
        assert_eq!(*open(&key(), place(), &sealed).unwrap(), plaintext);
    }

    #[test]
    fn asvs_v11_2_5_any_flipped_bit_is_refused(plaintext: Vec<u8>, position in any::<Index>(), bit in 0..8_u8) {
        let mut changed = sealed(&plaintext);
        let position = position.index(changed.0.len());
        changed.0[position] ^= 1 << bit;
        let expected = match position {
            0 => SealError::OtherVersion,
            1..17 => SealError::OtherKey,
            _ => SealError::NotAuthentic,
        };
        assert_eq!(open(&key(), place(), &changed).unwrap_err(), expected);
    }

    #[test]
    fn bytes_that_nobody_sealed_are_refused(bytes: Vec<u8>) {
        assert!(open(&key(), place(), &SealedBytes(bytes)).is_err());
    }

    #[test]
    fn names_are_never_run_together(table: String, column: String, cut in any::<Index>()) {
        let joined = format!("{table}{column}");
        let cut = cut.index(joined.chars().count() + 1);
        let start: String = joined.chars().take(cut).collect();
        let end: String = joined.chars().skip(cut).collect();
        proptest::prop_assume!(start != table);
        let sealed = seal(&key(), Place { table: &table, column: &column, ..place() }, b"x", &Filled(9)).unwrap();
        let other = Place { table: &start, column: &end, ..place() };
        assert_eq!(open(&key(), other, &sealed).unwrap_err(), SealError::NotAuthentic);
    }
}

#[test]
fn the_form_never_changes() {
    // Made by Python's cryptography 50.0.2: AESGCM(b"\x07" * 32).encrypt(b"\x09" * 12, b"secret", associated data).
    let expected = concat!(
        "0101890a5dac96774bbcceb302099a8003090909090909090909090909",
        "54e0e7e6db8443f12ab99c0fa9b0211f2acfaed7a470",
    );
    let hex: String = sealed(b"secret")
        .0
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(hex, expected);
}

#[test]
fn asvs_v11_3_3_a_value_opens_only_in_its_place() {
    let sealed = sealed(b"secret");
    for elsewhere in [
        Place {
            tenant_id: id(9),
            ..place()
        },
        Place {
            table: "tenant_keys",
            ..place()
        },
        Place {
            column: "public_key",
            ..place()
        },
        Place {
            row: id::<keyward_model::SigningKey>(9).uuid(),
            ..place()
        },
        Place {
            table: place().column,
            column: place().table,
            ..place()
        },
    ] {
        assert_eq!(
            open(&key(), elsewhere, &sealed).unwrap_err(),
            SealError::NotAuthentic
        );
    }
    assert!(open(&key(), place(), &sealed).is_ok());
}

#[test]
fn another_key_opens_nothing() {
    let sealed = sealed(b"secret");
    let other = SealingKey::tenant(id(4), &mint_tenant_key(&Filled(7))).unwrap();
    assert_eq!(
        open(&other, place(), &sealed).unwrap_err(),
        SealError::OtherKey
    );
    let impostor = SealingKey::tenant(id(3), &mint_tenant_key(&Filled(8))).unwrap();
    assert_eq!(
        open(&impostor, place(), &sealed).unwrap_err(),
        SealError::NotAuthentic
    );
}

#[test]
fn bytes_cut_short_are_refused() {
    let sealed = sealed(b"");
    for length in 0..sealed.0.len() {
        let cut = SealedBytes(sealed.0[..length].to_vec());
        assert_eq!(
            open(&key(), place(), &cut).unwrap_err(),
            SealError::Malformed,
            "{length}"
        );
        assert_eq!(sealed_key_id(&cut), Err(SealError::Malformed));
    }
}

#[test]
fn every_sealing_has_a_nonce_of_its_own() {
    let random = Counting::default();
    let nonces: BTreeSet<Vec<u8>> = (0..1_000)
        .map(|_| seal(&key(), place(), b"", &random).unwrap().0[17..29].to_vec())
        .collect();
    assert_eq!(nonces.len(), 1_000);
}

#[test]
fn a_root_key_is_known_by_what_it_is() {
    let [one, same, other] =
        [1, 1, 2].map(|byte| SealingKey::root(&mint_root_key(&Filled(byte))).unwrap());
    assert_eq!(one.key_id(), same.key_id());
    assert_ne!(one.key_id(), other.key_id());
    assert_eq!(one.key_id().get_version_num(), 8);
    let sealed = seal(&one, place(), b"tenant key", &Filled(9)).unwrap();
    assert_eq!(
        open(&same, place(), &sealed).unwrap().as_slice(),
        b"tenant key"
    );
    assert_eq!(
        open(&other, place(), &sealed).unwrap_err(),
        SealError::OtherKey
    );
}

#[test]
fn keys_of_another_length_are_refused() {
    for length in [0, 16, 31, 33, 64] {
        let root = SealingKey::root(&RootKeySecret::new(vec![1; length]));
        assert_eq!(root.unwrap_err(), SealError::BadKeyLength);
        let tenant = SealingKey::tenant(id(3), &TenantKeySecret::new(vec![1; length]));
        assert_eq!(tenant.unwrap_err(), SealError::BadKeyLength);
    }
}

#[test]
fn debug_shows_the_id_alone() {
    let shown = format!("{:?}", key());
    assert_eq!(
        shown,
        format!("SealingKey {{ id: {}, .. }}", key().key_id())
    );
}
