//! How sessions begin and go on.

use serde_json::json;

use crate::interop::play::Profile;
use crate::interop::stage::{Side, Stage};
use crate::interop::wire;

const FIRST: u64 = 3;
const LATER: u64 = 2;

pub(crate) fn with_one_time_key(stage: &mut Stage) -> Result<(), String> {
    stage.introduce(true)?;
    first_messages(stage)
}

pub(crate) fn without_one_time_key(stage: &mut Stage) -> Result<(), String> {
    stage.introduce(false)?;
    first_messages(stage)
}

/// Until Bob's first reply every message of Alice's sets the session up.
fn first_messages(stage: &mut Stage) -> Result<(), String> {
    for number in 1..=3 {
        let message = stage.send(Side::Alice, b"hello, Bob")?;
        let what = format!("message {number} is one that sets up");
        stage.checks.same(&what, message.kind, FIRST);
        let opens = stage.opens(Side::Bob, &message, b"hello, Bob");
        stage
            .checks
            .that(&format!("set-up message {number} opens"), opens);
    }
    let reply = stage.send(Side::Bob, b"hello, Alice")?;
    stage
        .checks
        .same("the reply is an ordinary message", reply.kind, LATER);
    let opens = stage.opens(Side::Alice, &reply, b"hello, Alice");
    stage.checks.that("the reply opens", opens);
    let message = stage.send(Side::Alice, b"again")?;
    stage
        .checks
        .same("after the reply messages are ordinary", message.kind, LATER);
    let opens = stage.opens(Side::Bob, &message, b"again");
    stage
        .checks
        .that("the message after the reply opens", opens);
    Ok(())
}

/// Carol gets the same bundle as Alice, from a server that hands it out twice.
pub(crate) fn one_time_key_serves_once(stage: &mut Stage) -> Result<(), String> {
    stage.fresh()?;
    let bundle = stage.bob.bundle(true)?;
    let bob = stage.bob.address.clone();
    stage.alice.process_bundle(&bob, &bundle)?;
    stage.carol.process_bundle(&bob, &bundle)?;
    stage.pass(Side::Alice, b"mine")?;
    let message = stage.carol.encrypt(&bob, b"mine too")?;
    let result = stage.bob.decrypt(&stage.carol.address, &message);
    stage
        .checks
        .refused("the second use of a one-time key", &result);
    stage.pass(Side::Alice, b"still mine")?;
    let bundle = stage.bob.bundle(false)?;
    stage.carol.process_bundle(&bob, &bundle)?;
    let message = stage.carol.encrypt(&bob, b"now mine")?;
    let opened = stage.bob.decrypt(&stage.carol.address, &message);
    stage.checks.same(
        "and opens with a bundle of her own",
        opened,
        Ok(b"now mine".to_vec()),
    );
    Ok(())
}

pub(crate) fn conversation(stage: &mut Stage) -> Result<(), String> {
    stage.establish()?;
    let mut opened = 0;
    for turn in 0..40 {
        let from = Side::BOTH[turn % 2];
        for number in 0..=turn % 3 {
            let text = format!("turn {turn}, message {number}");
            let message = stage.send(from, text.as_bytes())?;
            opened += usize::from(stage.opens(from.other(), &message, text.as_bytes()));
        }
    }
    stage.checks.same("all of 79 messages open", opened, 79);
    Ok(())
}

pub(crate) fn lengths(stage: &mut Stage) -> Result<(), String> {
    stage.establish()?;
    for length in [0, 1, 15, 16, 17, 255, 256, 4096, 65_536] {
        let text: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        for from in Side::BOTH {
            let message = stage.send(from, &text)?;
            let opens = stage.opens(from.other(), &message, &text);
            stage
                .checks
                .that(&format!("{length} bytes of {from:?} open"), opens);
        }
    }
    Ok(())
}

/// Version bytes, fields and lengths that were seen of the official library.
pub(crate) fn form(stage: &mut Stage) -> Result<(), String> {
    stage.introduce(true)?;
    let first = stage.send(Side::Alice, b"thirteen byte")?.body;
    let version = stage.profile.version_byte();
    stage
        .checks
        .same("version of a first message", first[0], version);
    let inner = wire::inner_of_first(&first);
    stage
        .checks
        .same("version of what it holds", first[inner.start], version);
    let fields = wire::message_fields(&first, inner);
    let numbers: Vec<u64> = fields.iter().map(|field| field.number).collect();
    // Ids are of one byte here; a registration id may have one or two.
    let (expected, lengths) = match stage.profile {
        Profile::V3X3dh => (vec![1, 2, 3, 4], 145..=148),
        Profile::V4Pqxdh => (vec![1, 2, 3, 4], 1720..=1726),
        Profile::V4Spqr => (vec![1, 2, 3, 4, 5, 6], 1798..=1805),
    };
    stage
        .checks
        .same("fields of what it holds", numbers, expected);
    let what = format!("a first message has {} bytes", first.len());
    stage.checks.that(&what, lengths.contains(&first.len()));
    let outer = wire::fields(&first, 1..first.len());
    let registration = outer.iter().find(|field| field.number == 5);
    stage.checks.same(
        "it names the registration of who opens",
        registration.map(|field| field.value.clone()),
        Some(wire::Value::Number(stage.alice.registration_id)),
    );
    stage.establish()?;
    let reply = stage.send(Side::Bob, b"nine byte")?.body;
    stage.checks.same("version of a reply", reply[0], version);
    let numbers: Vec<u64> = wire::message_fields(&reply, 0..reply.len())
        .iter()
        .map(|field| field.number)
        .collect();
    let expected = match stage.profile {
        Profile::V4Spqr => vec![1, 2, 3, 4, 5],
        _ => vec![1, 2, 3, 4],
    };
    stage.checks.same("fields of a reply", numbers, expected);
    let unknown = stage.alice.call("no such command", json!({}));
    stage
        .checks
        .refused("a command that does not exist", &unknown);
    Ok(())
}
