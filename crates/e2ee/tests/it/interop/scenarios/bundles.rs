//! What a server could hand out instead of a peer's own keys.

use serde_json::{Value, json};

use crate::interop::peer::{bytes, hex};
use crate::interop::play::Profile;
use crate::interop::stage::{Side, Stage};

pub(crate) fn bad_signatures(stage: &mut Stage) -> Result<(), String> {
    stage.fresh()?;
    let good = stage.bob.bundle(true)?;
    let other = stage.bob.bundle(true)?;
    let of_carol = stage.carol.bundle(true)?;
    for key in signed_keys(stage.profile) {
        for place in [0, 31, 32, 62] {
            let mut bad = good.clone();
            let mut signature = bytes(&bad[key]["signature"]);
            signature[place] ^= 1;
            bad[key]["signature"] = json!(hex(&signature));
            refused(
                stage,
                &format!("byte {place} of the signature of {key} changed"),
                &bad,
            );
        }
        let cases = [
            (
                "another key under the signature",
                "publicKey",
                &other[key]["publicKey"],
            ),
            (
                "the signature of another key",
                "signature",
                &other[key]["signature"],
            ),
            (
                "the signature of another identity",
                "signature",
                &of_carol[key]["signature"],
            ),
            ("no signature", "signature", &json!("")),
        ];
        for (what, field, value) in cases {
            let mut bad = good.clone();
            bad[key][field] = value.clone();
            refused(stage, &format!("{what} of {key}"), &bad);
        }
    }
    let mut bad = good.clone();
    bad["identityKey"] = of_carol["identityKey"].clone();
    refused(stage, "another identity", &bad);
    let result = stage.alice.process_bundle(&stage.bob.address, &good);
    stage
        .checks
        .same("takes the bundle as it was", result, Ok(()));
    stage.pass(Side::Alice, b"hello")
}

/// Keys whose agreement an attacker knows, and second spellings of keys.
pub(crate) fn weak_keys(stage: &mut Stage) -> Result<(), String> {
    stage.fresh()?;
    let good = stage.bob.bundle(true)?;
    if stage.alice.software.refuses_weak_keys() {
        let second = match stage.alice.software.refuses_second_spellings() {
            true => second_spellings(),
            false => Vec::new(),
        };
        for (what, key) in low_order().into_iter().chain(second) {
            let mut bad = good.clone();
            bad["signedPreKey"]["publicKey"] = json!(hex(&key));
            bad["signedPreKey"]["signature"] = json!(hex(&stage.bob.sign(&key)?));
            refused(
                stage,
                &format!("{what} as signed pre-key, well signed"),
                &bad,
            );
            let mut bad = good.clone();
            bad["preKey"]["publicKey"] = json!(hex(&key));
            refused(stage, &format!("{what} as one-time key"), &bad);
            let mut bad = good.clone();
            bad["identityKey"] = json!(hex(&key));
            refused(stage, &format!("{what} as identity"), &bad);
        }
    }
    for (what, key) in malformed(&bytes(&good["signedPreKey"]["publicKey"])) {
        let mut bad = good.clone();
        bad["preKey"]["publicKey"] = json!(hex(&key));
        refused(stage, &format!("a one-time key {what}"), &bad);
    }
    if stage.profile != Profile::V3X3dh {
        let key = bytes(&good["pqPreKey"]["publicKey"]);
        for (what, key) in malformed(&key) {
            let mut bad = good.clone();
            bad["pqPreKey"]["publicKey"] = json!(hex(&key));
            bad["pqPreKey"]["signature"] = json!(hex(&stage.bob.sign(&key)?));
            refused(
                stage,
                &format!("a post-quantum key {what}, well signed"),
                &bad,
            );
        }
    }
    let result = stage.alice.process_bundle(&stage.bob.address, &good);
    stage
        .checks
        .same("takes the bundle as it was", result, Ok(()));
    Ok(())
}

fn signed_keys(profile: Profile) -> &'static [&'static str] {
    match profile {
        Profile::V3X3dh => &["signedPreKey"],
        Profile::V4Pqxdh | Profile::V4Spqr => &["signedPreKey", "pqPreKey"],
    }
}

fn refused(stage: &mut Stage, what: &str, bundle: &Value) {
    let result = stage.alice.process_bundle(&stage.bob.address, bundle);
    stage.checks.refused(what, &result);
}

/// Points of small order: what is agreed with them is known to everybody (RFC 7748 §6.1).
fn low_order() -> Vec<(&'static str, Vec<u8>)> {
    let mut one = [0_u8; 32];
    one[0] = 1;
    let order_eight = [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ];
    let cases = [
        ("zero", [0; 32]),
        ("one", one),
        ("a point of order eight", order_eight),
        ("minus one", prime_and(-1)),
        ("the prime for zero", prime_and(0)),
        ("the prime and one for one", prime_and(1)),
    ];
    cases.into_iter().map(with_type).collect()
}

/// A u-coordinate that is not below the prime names the point of a smaller one.
fn second_spellings() -> Vec<(&'static str, Vec<u8>)> {
    let mut high_bit = [0_u8; 32];
    high_bit[0] = 9;
    high_bit[31] = 0x80;
    let cases = [
        ("the prime and nine for nine", prime_and(9)),
        ("nine with the highest bit", high_bit),
    ];
    cases.into_iter().map(with_type).collect()
}

/// 2^255 - 19 and a little, little-endian.
fn prime_and(offset: i8) -> [u8; 32] {
    let mut bytes = [0xff_u8; 32];
    bytes[0] = 0xed_u8.wrapping_add_signed(offset);
    bytes[31] = 0x7f;
    bytes
}

fn with_type((what, key): (&'static str, [u8; 32])) -> (&'static str, Vec<u8>) {
    (what, [&[5], &key[..]].concat())
}

fn malformed(key: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut other_type = key.to_vec();
    other_type[0] = 0x42;
    vec![
        ("of no bytes", Vec::new()),
        ("that is short", key[..key.len() - 1].to_vec()),
        ("without its type", key[1..].to_vec()),
        ("of an unknown type", other_type),
    ]
}
