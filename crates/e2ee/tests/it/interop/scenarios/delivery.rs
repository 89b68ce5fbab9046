//! Messages late, twice, out of order, or never.

use crate::interop::peer::Message;
use crate::interop::play::Profile;
use crate::interop::stage::{Side, Stage, text};
use crate::interop::wire;

pub(crate) fn reordering(stage: &mut Stage) -> Result<(), String> {
    stage.establish()?;
    for from in Side::BOTH {
        let mut batch: Vec<(usize, Message)> = stage
            .send_numbered(from, 20)?
            .into_iter()
            .enumerate()
            .collect();
        stage.random.shuffle(&mut batch);
        let opened = open_all(stage, from.other(), &batch);
        let what = format!("20 shuffled messages of {from:?} open");
        stage.checks.same(&what, opened, 20);
    }
    // Over several turns: what was held back opens long after its chain was left.
    let mut held = Vec::new();
    for turn in 0..4 {
        let from = Side::Alice;
        let late = stage.send(from, &text(turn))?;
        held.push((turn, late));
        stage.pass(from, b"on time")?;
        stage.pass(Side::Bob, b"turn")?;
    }
    held.reverse();
    let opened = open_all(stage, Side::Bob, &held);
    stage
        .checks
        .same("messages of four earlier turns open", opened, 4);
    Ok(())
}

/// The first to arrive is not the first that was sent.
pub(crate) fn first_messages_reordered(stage: &mut Stage) -> Result<(), String> {
    stage.introduce(true)?;
    let mut batch: Vec<(usize, Message)> = stage
        .send_numbered(Side::Alice, 8)?
        .into_iter()
        .enumerate()
        .collect();
    batch.rotate_left(5);
    let opened = open_all(stage, Side::Bob, &batch);
    stage
        .checks
        .same("8 set-up messages open from the sixth on", opened, 8);
    stage.pass(Side::Bob, b"reply")?;
    stage.pass(Side::Alice, b"and back")?;
    stage.checks.that("and the conversation goes on", true);
    Ok(())
}

pub(crate) fn replay(stage: &mut Stage) -> Result<(), String> {
    stage.introduce(true)?;
    let first = stage.send(Side::Alice, b"first")?;
    stage.open(Side::Bob, &first)?;
    let again = stage.open(Side::Bob, &first);
    stage.checks.refused("a first message again", &again);
    let reply = stage.send(Side::Bob, b"reply")?;
    stage.open(Side::Alice, &reply)?;
    for from in Side::BOTH {
        let messages = stage.send_numbered(from, 3)?;
        stage.open(from.other(), &messages[2])?;
        stage.open(from.other(), &messages[0])?;
        for seen in [0, 2] {
            let again = stage.open(from.other(), &messages[seen]);
            let what = format!("message {seen} of {from:?} again");
            stage.checks.refused(&what, &again);
        }
        let opens = stage.opens(from.other(), &messages[1], &text(1));
        stage
            .checks
            .that(&format!("what {from:?} sent between opens"), opens);
    }
    let again = stage.open(Side::Bob, &first);
    stage
        .checks
        .refused("a first message again, turns later", &again);
    let again = stage.open(Side::Alice, &reply);
    stage.checks.refused("a reply again, turns later", &again);
    stage.pass(Side::Alice, b"unharmed")?;
    stage.pass(Side::Bob, b"unharmed")?;
    stage.checks.that("the session is unharmed", true);
    Ok(())
}

pub(crate) fn gap(stage: &mut Stage) -> Result<(), String> {
    stage.establish()?;
    for from in Side::BOTH {
        let messages = stage.send_numbered(from, 1_001)?;
        let at = from.other();
        for (number, what) in [
            (1_000, "after a gap of 1,000"),
            (999, "last of the gap"),
            (0, "first of the gap"),
            (500, "middle of the gap"),
        ] {
            let opens = stage.opens(at, &messages[number], &text(number));
            stage
                .checks
                .that(&format!("message {what} of {from:?} opens"), opens);
        }
        let again = stage.open(at, &messages[500]);
        stage.checks.refused("one of the gap again", &again);
        stage.pass(at, b"turn")?;
        let opens = stage.opens(at, &messages[1], &text(1));
        stage.checks.that(
            &format!("one of the gap of {from:?} opens a turn later"),
            opens,
        );
    }
    Ok(())
}

/// A fifth is lost, a seventh comes much later; the post-quantum ratchet makes its epochs all the same.
pub(crate) fn loss(stage: &mut Stage) -> Result<(), String> {
    stage.establish()?;
    let mut late: Vec<(Side, usize, Message)> = Vec::new();
    let (mut sent, mut delivered, mut opened, mut epoch) = (0, 0, 0, 0);
    for turn in 0..120 {
        let from = Side::BOTH[turn % 2];
        for _ in 0..=stage.random.below(4) {
            let message = stage.send(from, &text(sent))?;
            epoch = epoch.max(wire::pq_epoch(&message.body));
            let number = sent;
            sent += 1;
            if stage.random.percent(20) {
                continue;
            }
            if stage.random.percent(15) {
                late.push((from.other(), number, message));
                continue;
            }
            delivered += 1;
            opened += usize::from(stage.opens(from.other(), &message, &text(number)));
        }
        if turn % 5 == 4 {
            stage.random.shuffle(&mut late);
            for (at, number, message) in late.drain(..) {
                delivered += 1;
                opened += usize::from(stage.opens(at, &message, &text(number)));
            }
        }
    }
    let what = format!("all that arrived of {sent} messages opens");
    stage.checks.same(&what, opened, delivered);
    match stage.profile {
        Profile::V4Spqr => {
            let what = format!("the post-quantum ratchet reached epoch {epoch}, at least 3");
            stage.checks.that(&what, epoch >= 3);
        }
        _ => stage.checks.same("no post-quantum ratchet", epoch, 0),
    }
    Ok(())
}

fn open_all(stage: &mut Stage, at: Side, messages: &[(usize, Message)]) -> usize {
    let opens = |(number, message): &&(usize, Message)| stage.opens(at, message, &text(*number));
    messages.iter().filter(opens).count()
}
