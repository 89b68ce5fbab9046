//! What an attacker on the way can do to messages.

use std::ops::Range;

use crate::interop::peer::{Address, Message};
use crate::interop::play::Profile;
use crate::interop::stage::{Side, Stage};
use crate::interop::wire;

/// The highest bit of an X25519 key does not enter an agreement (RFC 7748 §5), so the seven others are flipped.
fn flipped(message: &Message, at: usize) -> Message {
    let mut changed = message.clone();
    changed.body[at] ^= 1 << (at % 7);
    changed
}

pub(crate) fn tampering(stage: &mut Stage) -> Result<(), String> {
    stage.establish()?;
    for from in Side::BOTH {
        let message = stage.send(from, b"as it was sent")?;
        let at = from.other();
        let every: Vec<usize> = (0..message.body.len()).collect();
        let refused = count_refused(stage, at, &message, &every);
        let what =
            format!("a message of {from:?} with a bit changed, in each of its bytes, refused");
        stage.checks.same(&what, refused, every.len());
        let refused = (0..message.body.len())
            .filter(|length| refuses(stage, at, &cut(&message, *length)))
            .count();
        let what = format!("a message of {from:?} cut short, at each length, refused");
        stage.checks.same(&what, refused, message.body.len());
        let mut longer = message.clone();
        longer.body.push(0);
        let result = stage.open(at, &longer);
        stage.checks.refused("a message with a byte more", &result);
        let opens = stage.opens(at, &message, b"as it was sent");
        stage.checks.that(
            &format!("the message of {from:?} then opens unchanged"),
            opens,
        );
    }
    Ok(())
}

/// Only what is under the MAC or enters the secrets: the ids outside choose keys and are not authenticated.
pub(crate) fn tampering_with_first(stage: &mut Stage) -> Result<(), String> {
    stage.introduce(true)?;
    let message = stage.send(Side::Alice, b"as it was sent")?;
    let outer = wire::fields(&message.body, 1..message.body.len());
    let range = |number| wire::bytes_of(&outer, number).unwrap_or(0..0);
    let parts: [(&str, Range<usize>, usize); 4] = [
        ("base key", range(2), 1),
        ("identity key", range(3), 1),
        ("message inside", range(4), 1),
        ("post-quantum ciphertext", range(8), 97),
    ];
    for (what, range, step) in parts {
        if range.is_empty() {
            continue;
        }
        let places: Vec<usize> = range.step_by(step).collect();
        let refused = count_refused(stage, Side::Bob, &message, &places);
        let what = format!("{} changes of the {what} refused", places.len());
        stage.checks.same(&what, refused, places.len());
    }
    let versions = [0x04, 0x24, 0x54, 0x64, 0xf4];
    let refused = versions.iter().filter(|version| {
        let mut changed = message.clone();
        changed.body[0] = **version;
        refuses(stage, Side::Bob, &changed)
    });
    let refused = refused.count();
    stage
        .checks
        .same("other versions outside refused", refused, versions.len());
    let refused = (0..message.body.len())
        .step_by(29)
        .filter(|length| refuses(stage, Side::Bob, &cut(&message, *length)))
        .count();
    let expected = message.body.len().div_ceil(29);
    stage
        .checks
        .same("a first message cut short refused", refused, expected);
    let opens = stage.opens(Side::Bob, &message, b"as it was sent");
    stage
        .checks
        .that("the message then opens with its one-time key", opens);
    Ok(())
}

pub(crate) fn garbage(stage: &mut Stage) -> Result<(), String> {
    stage.establish()?;
    let mut refused = 0;
    for length in 0..200 {
        let mut body: Vec<u8> = (0..length).map(|_| stage.random.below(256) as u8).collect();
        if let Some(first) = body.first_mut().filter(|_| length % 2 == 0) {
            *first = stage.profile.version_byte();
        }
        for kind in [2, 3] {
            let body = body.clone();
            refused += usize::from(refuses(stage, Side::Bob, &Message { kind, body }));
        }
    }
    stage.checks.same("random bytes refused", refused, 400);
    let message = stage.send(Side::Alice, b"type")?;
    let body = message.body.clone();
    let wrong = stage.open(Side::Bob, &Message { kind: 3, body });
    stage
        .checks
        .refused("an ordinary message under the type of a first one", &wrong);
    let opens = stage.opens(Side::Bob, &message, b"type");
    stage.checks.that("the session is unharmed", opens);
    Ok(())
}

/// Versions with the post-quantum ratchet bind a first message to the addresses of both.
pub(crate) fn wrong_addresses(stage: &mut Stage) -> Result<(), String> {
    stage.introduce(true)?;
    let message = stage.send(Side::Alice, b"from Alice")?;
    let carol = stage.carol.address.clone();
    let other_device = Address {
        device_id: 9,
        ..stage.alice.address.clone()
    };
    if stage.profile == Profile::V4Spqr {
        for (sender, what) in [
            (carol, "a first message under another name"),
            (other_device, "a first message under another device"),
        ] {
            let result = stage.bob.decrypt(&sender, &message);
            stage.checks.refused(what, &result);
        }
    }
    let result = stage.carol.decrypt(&stage.alice.address, &message);
    stage
        .checks
        .refused("a first message that is for another", &result);
    let opens = stage.opens(Side::Bob, &message, b"from Alice");
    stage.checks.that("it opens for whom it is", opens);
    let reply = stage.send(Side::Bob, b"from Bob")?;
    let result = stage.carol.decrypt(&stage.bob.address, &reply);
    stage.checks.refused("a reply without a session", &result);
    let opens = stage.opens(Side::Alice, &reply, b"from Bob");
    stage.checks.that("the reply opens for whom it is", opens);
    Ok(())
}

fn count_refused(stage: &mut Stage, at: Side, message: &Message, places: &[usize]) -> usize {
    places
        .iter()
        .filter(|place| refuses(stage, at, &flipped(message, **place)))
        .count()
}

fn refuses(stage: &mut Stage, at: Side, message: &Message) -> bool {
    stage.open(at, message).is_err()
}

fn cut(message: &Message, length: usize) -> Message {
    Message {
        kind: message.kind,
        body: message.body[..length].to_vec(),
    }
}
