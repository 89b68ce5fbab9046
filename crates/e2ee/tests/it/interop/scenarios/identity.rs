//! Sessions that cross, end, or change hands.

use crate::interop::stage::{Side, Stage};

/// Both open a session at once; both of the first messages open and one conversation goes on.
pub(crate) fn crossed(stage: &mut Stage) -> Result<(), String> {
    for bob_replies_first in [true, false] {
        stage.fresh()?;
        let (of_alice, of_bob) = (stage.alice.bundle(true)?, stage.bob.bundle(true)?);
        stage.alice.process_bundle(&stage.bob.address, &of_bob)?;
        stage.bob.process_bundle(&stage.alice.address, &of_alice)?;
        let from_alice = stage.send(Side::Alice, b"from Alice")?;
        let late = stage.send(Side::Alice, b"late")?;
        let from_bob = stage.send(Side::Bob, b"from Bob")?;
        for (at, message, text) in [
            (Side::Bob, &from_alice, &b"from Alice"[..]),
            (Side::Alice, &from_bob, b"from Bob"),
        ] {
            let opens = stage.opens(at, message, text);
            stage.checks.that(&format!("opens for {at:?}"), opens);
        }
        let order = match bob_replies_first {
            true => [Side::Bob, Side::Alice],
            false => Side::BOTH,
        };
        for turn in 0..6 {
            let from = order[turn % 2];
            stage.pass(from, b"and on it goes")?;
        }
        stage.checks.that("six turns follow", true);
        let opens = stage.opens(Side::Bob, &late, b"late");
        stage
            .checks
            .that("a message of the session that was left opens", opens);
        let again = stage.open(Side::Bob, &from_alice);
        stage.checks.refused("a crossed message again", &again);
        stage.pass(Side::Alice, b"still there")?;
        stage.pass(Side::Bob, b"still there")?;
        stage.checks.that("the conversation is unharmed", true);
    }
    Ok(())
}

/// Alice puts her session away and opens another; what was under way still arrives.
pub(crate) fn reset(stage: &mut Stage) -> Result<(), String> {
    stage.establish()?;
    let before = stage.send(Side::Alice, b"before")?;
    let to_alice = stage.send(Side::Bob, b"to the old one")?;
    let remote = serde_json::json!({ "remote": stage.bob.address.json() });
    stage.alice.call("archive", remote)?;
    let result = stage.send(Side::Alice, b"no session");
    stage
        .checks
        .refused("to send with the session put away", &result);
    let bundle = stage.bob.bundle(true)?;
    stage.alice.process_bundle(&stage.bob.address, &bundle)?;
    let first = stage.send(Side::Alice, b"anew")?;
    stage
        .checks
        .same("the new session sets itself up", first.kind, 3);
    let opens = stage.opens(Side::Bob, &first, b"anew");
    stage.checks.that("the new session's message opens", opens);
    let opens = stage.opens(Side::Bob, &before, b"before");
    stage.checks.that("the old session's message opens", opens);
    let opens = stage.opens(Side::Alice, &to_alice, b"to the old one");
    stage
        .checks
        .that("what Bob sent to the old one opens", opens);
    for _ in 0..3 {
        stage.pass(Side::Bob, b"goes on")?;
        stage.pass(Side::Alice, b"goes on")?;
    }
    stage.checks.that("the conversation goes on", true);
    Ok(())
}

/// Bob loses his device and comes back with another identity under the same address.
pub(crate) fn change(stage: &mut Stage) -> Result<(), String> {
    stage.establish()?;
    let lost = stage.send(Side::Alice, b"to the old device")?;
    let old_key = stage.bob.identity_key.clone();
    stage.bob.create(stage.profile)?;
    let (alice, bob) = (stage.alice.address.clone(), stage.bob.address.clone());
    stage
        .checks
        .that("the identity is another", old_key != stage.bob.identity_key);
    let result = stage.open(Side::Bob, &lost);
    stage
        .checks
        .refused("what was for the old identity", &result);
    let bundle = stage.bob.bundle(true)?;
    let result = stage.alice.process_bundle(&bob, &bundle);
    stage
        .checks
        .refused("a bundle of a changed identity", &result);
    let of_alice = stage.alice.bundle(true)?;
    stage.bob.process_bundle(&alice, &of_alice)?;
    let first = stage.send(Side::Bob, b"it is me, Bob")?;
    let result = stage.open(Side::Alice, &first);
    stage
        .checks
        .refused("a first message of a changed identity", &result);
    let key = stage.bob.identity_key.clone();
    stage.alice.accept_identity(&bob, &key)?;
    let opens = stage.opens(Side::Alice, &first, b"it is me, Bob");
    stage.checks.that("once accepted, the message opens", opens);
    stage.pass(Side::Alice, b"welcome back")?;
    stage.pass(Side::Bob, b"thank you")?;
    let result = stage.alice.process_bundle(&bob, &bundle);
    stage
        .checks
        .same("once accepted, the bundle is taken", result, Ok(()));
    stage.pass(Side::Alice, b"and anew")?;
    stage.pass(Side::Bob, b"and back")?;
    stage.checks.that("both go on", true);
    Ok(())
}
