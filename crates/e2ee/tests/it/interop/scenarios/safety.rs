//! What people compare, and what devices tell each other when a message did not open.

use serde_json::{Value, json};

use crate::interop::peer::{bytes, hex};
use crate::interop::stage::{Side, Stage};

pub(crate) fn fingerprints(stage: &mut Stage) -> Result<(), String> {
    stage.fresh()?;
    let (of_alice, of_bob) = (
        (b"+14152222222".as_slice(), b"+14153333333".as_slice()),
        (&[0xa1_u8; 16][..], &[0xb0_u8; 16][..]),
    );
    for (version, (alice, bob)) in [(1, of_alice), (2, of_bob)] {
        for iterations in [2, 5200] {
            let extra = json!({ "version": version, "iterations": iterations });
            let at_alice = request(&extra, alice, bob, &stage.bob.identity_key);
            let at_bob = request(&extra, bob, alice, &stage.alice.identity_key);
            let shown = stage.alice.call("fingerprint", at_alice.clone())?;
            let seen = stage.bob.call("fingerprint", at_bob.clone())?;
            let named = |what: &str| format!("version {version}, {iterations} rounds: {what}");
            let digits = shown["display"].as_str().unwrap_or_default().to_owned();
            stage.checks.that(
                &named("60 digits"),
                digits.len() == 60 && digits.bytes().all(|byte| byte.is_ascii_digit()),
            );
            let same = shown["display"] == seen["display"];
            stage.checks.that(&named("both show the same"), same);
            for (side, own, scanned) in [
                (Side::Alice, &at_alice, &seen["scannable"]),
                (Side::Bob, &at_bob, &shown["scannable"]),
            ] {
                let matches = compare(stage, side, own, scanned)?;
                stage.checks.same(
                    &named(&format!("{side:?} scans and it matches")),
                    matches,
                    true,
                );
            }
            let own = compare(stage, Side::Alice, &at_alice, &shown["scannable"])?;
            stage
                .checks
                .same(&named("one's own code does not match"), own, false);
        }
    }
    defaults_and_mismatches(stage)
}

fn defaults_and_mismatches(stage: &mut Stage) -> Result<(), String> {
    let (alice, bob) = (&[1_u8; 16][..], &[2_u8; 16][..]);
    let plain = request(&json!({}), alice, bob, &stage.bob.identity_key);
    let mut full = plain.clone();
    full["version"] = json!(2);
    full["iterations"] = json!(5200);
    let (short, long) = (
        stage.alice.call("fingerprint", plain.clone())?,
        stage.alice.call("fingerprint", full)?,
    );
    stage.checks.that(
        "version 2 and 5,200 rounds unless told",
        short["scannable"] == long["scannable"] && short["display"] == long["display"],
    );
    let other_key = stage.carol.identity_key.clone();
    let wrong = request(&json!({}), bob, alice, &other_key);
    let scanned = stage.bob.call("fingerprint", wrong)?;
    let matches = compare(stage, Side::Alice, &plain, &scanned["scannable"])?;
    stage
        .checks
        .same("a key of somebody between does not match", matches, false);
    let other_version = json!({ "version": 1 });
    let old = request(&other_version, bob, alice, &stage.alice.identity_key);
    let scanned = stage.bob.call("fingerprint", old)?;
    let result = compare(stage, Side::Alice, &plain, &scanned["scannable"]);
    stage
        .checks
        .refused("to compare with another version", &result);
    let result = compare(stage, Side::Alice, &plain, &json!("ffff"));
    stage.checks.refused("a code that is none", &result);
    Ok(())
}

fn request(extra: &Value, local: &[u8], remote: &[u8], key: &[u8]) -> Value {
    let mut request = extra.clone();
    request["localId"] = json!(hex(local));
    request["remoteId"] = json!(hex(remote));
    request["remoteKey"] = json!(hex(key));
    request
}

fn compare(stage: &mut Stage, at: Side, own: &Value, other: &Value) -> Result<bool, String> {
    let mut request = own.clone();
    request["other"] = other.clone();
    let answer = stage.pair(at).0.call("compare", request)?;
    Ok(answer["matches"] == json!(true))
}

/// Sixteen identities a side: signatures carry the sign of the key's Edwards form, which half of the keys have set.
pub(crate) fn signatures(stage: &mut Stage) -> Result<(), String> {
    let mut valid = 0;
    let mut refused = 0;
    let mut signs = [0, 0];
    for round in 0..16_u8 {
        stage.fresh()?;
        for side in Side::BOTH {
            let message = vec![round; usize::from(round) * 7];
            let (signer, verifier) = stage.pair(side);
            let signature = signer.sign(&message)?;
            signs[usize::from(signature[63] >> 7)] += 1;
            let key = signer.identity_key.clone();
            let mut verify = |message: &[u8], signature: &[u8]| {
                let request = json!({ "publicKey": hex(&key), "message": hex(message),
                    "signature": hex(signature) });
                let answer = verifier.call("verify", request);
                answer.is_ok_and(|answer| answer["valid"] == json!(true))
            };
            valid += usize::from(verify(&message, &signature));
            for place in [0, 31, 32, 63] {
                let mut changed = signature.clone();
                changed[place] ^= 0x80;
                refused += usize::from(!verify(&message, &changed));
            }
            refused += usize::from(!verify(b"another message", &signature));
            refused += usize::from(!verify(&message, &signature[..63]));
        }
    }
    stage.checks.same("32 signatures hold", valid, 32);
    stage.checks.same("192 changed ones do not", refused, 192);
    let what = format!("both signs were seen, {} and {}", signs[0], signs[1]);
    stage
        .checks
        .that(&what, signs.iter().all(|count| *count > 0));
    Ok(())
}

/// The request to send a message again names the ratchet key that it came under.
pub(crate) fn decryption_errors(stage: &mut Stage) -> Result<(), String> {
    const TIMESTAMP: u64 = 1_790_000_000_123;
    stage.introduce(true)?;
    let first = stage.send(Side::Alice, b"first")?;
    stage.open(Side::Bob, &first)?;
    let reply = stage.send(Side::Bob, b"reply")?;
    stage.open(Side::Alice, &reply)?;
    let later = stage.send(Side::Alice, b"later")?;
    for (name, at, message) in [
        ("a first message", Side::Bob, &first),
        ("a reply", Side::Alice, &reply),
        ("a later message", Side::Bob, &later),
    ] {
        let request = json!({ "type": message.kind, "body": hex(&message.body),
            "timestamp": TIMESTAMP, "deviceId": 5 });
        let (reader, writer) = stage.pair(at);
        let theirs = reader.body("decryptionError", request.clone())?;
        let ours = writer.body("decryptionError", request)?;
        let seen = writer.call("readDecryptionError", json!({ "body": hex(&theirs) }))?;
        let back = reader.call("readDecryptionError", json!({ "body": hex(&ours) }))?;
        let key = bytes(&seen["ratchetKey"]);
        let holds = message.body.windows(33).any(|window| window == key);
        let is_same = ours == theirs;
        stage
            .checks
            .that(&format!("{name}: both write the same"), is_same);
        stage
            .checks
            .that(&format!("{name}: it names the ratchet key"), holds);
        for answer in [&seen, &back] {
            let facts = (&answer["timestamp"], &answer["deviceId"]);
            stage.checks.same(
                &format!("{name}: time and device arrive"),
                facts,
                (&json!(TIMESTAMP), &json!(5)),
            );
        }
    }
    let group = json!({ "type": 7, "body": "33", "timestamp": TIMESTAMP, "deviceId": 5 });
    let (alice, bob) = stage.pair(Side::Alice);
    let body = alice.body("decryptionError", group)?;
    let seen = bob.call("readDecryptionError", json!({ "body": hex(&body) }))?;
    let result = bob.call("readDecryptionError", json!({ "body": "ffff" }));
    stage.checks.that(
        "of a group's message it names no ratchet key",
        seen["ratchetKey"].is_null(),
    );
    stage.checks.refused("a request that is none", &result);
    Ok(())
}
