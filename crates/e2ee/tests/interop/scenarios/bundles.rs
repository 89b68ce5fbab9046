//! What a server could hand out instead of a peer's own keys.

use serde_json::{Value, json};

use crate::peer::{bytes, hex};
use crate::play::Profile;
use crate::stage::{Side, Stage};

pub fn bad_signatures(stage: &mut Stage) -> Result<(), String> {
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
            refused(stage, &format!("byte {place} of the signature of {key} changed"), &bad);
        }
        let cases = [
            ("another key under the signature", "publicKey", &other[key]["publicKey"]),
            ("the signature of another key", "signature", &other[key]["signature"]),
            ("the signature of another identity", "signature", &of_carol[key]["signature"]),
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
    stage.checks.same("takes the bundle as it was", result, Ok(()));
    stage.pass(Side::Alice, b"hello")
}

/// Keys whose agreement an attacker knows, and second spellings of keys.
pub fn weak_keys(stage: &mut Stage) -> Result<(), String> {
    stage.fresh()?;
    let good = stage.bob.bundle(true)?;
    if stage.alice.software.refuses_weak_keys() {
        for (what, key) in weak() {
            let mut bad = good.clone();
            bad["signedPreKey"]["publicKey"] = json!(hex(&key));
            bad["signedPreKey"]["signature"] = json!(hex(&stage.bob.sign(&key)?));
            refused(stage, &format!("{what} as signed pre-key, well signed"), &bad);
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
            refused(stage, &format!("a post-quantum key {what}, well signed"), &bad);
        }
    }
    let result = stage.alice.process_bundle(&stage.bob.address, &good);
    stage.checks.same("takes the bundle as it was", result, Ok(()));
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

/// Points of small order, and u-coordinates that are not reduced (RFC 7748 §6.1 and the prime 2^255 - 19).
fn weak() -> Vec<(&'static str, Vec<u8>)> {
    let prime_plus = |offset: u8| {
        let mut bytes = [0xff_u8; 32];
        bytes[0] = 0xed + offset;
        bytes[31] = 0x7f;
        bytes
    };
    let mut one = [0_u8; 32];
    one[0] = 1;
    let order_eight = [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ];
    let mut minus_one = prime_plus(0);
    minus_one[0] = 0xec;
    let cases = [
        ("zero", [0; 32]),
        ("one", one),
        ("a point of order eight", order_eight),
        ("minus one", minus_one),
        ("the prime for zero", prime_plus(0)),
        ("the prime and nine for nine", prime_plus(9)),
    ];
    let with_type = |key: [u8; 32]| [&[5], &key[..]].concat();
    cases
        .into_iter()
        .map(|(what, key)| (what, with_type(key)))
        .collect()
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
