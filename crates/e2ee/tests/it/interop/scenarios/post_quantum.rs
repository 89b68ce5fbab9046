//! The post-quantum ratchet over several epochs, with and without loss.

use crate::interop::play::Profile;
use crate::interop::stage::{Side, Stage, text};
use crate::interop::wire::{self, PostQuantum};

/// Which pieces the key's sender sends in an epoch of a conversation without loss, and how many of each: the official library's
/// own, as between two of them.
const OF_KEY_SENDER: [(u8, usize); 4] = [(1, 3), (2, 29), (3, 7), (4, 4)];
/// And the other side.
const OF_ENCAPSULATOR: [(u8, usize); 4] = [(0, 3), (5, 30), (0, 6), (6, 5)];
/// From which number on a piece of the key is none of the value itself, but computed from all of it.
const KEY_PIECES: u64 = 36;

/// One message each way at a time: the same pieces in the same order, whoever is who.
pub(crate) fn epochs(stage: &mut Stage) -> Result<(), String> {
    if stage.profile != Profile::V4Spqr {
        return Ok(());
    }
    stage.establish()?;
    let mut sent: [Vec<PostQuantum>; 2] = [Vec::new(), Vec::new()];
    for turn in 0..280 {
        let from = Side::BOTH[turn % 2];
        let message = stage.send(from, &text(turn))?;
        sent[turn % 2].extend(wire::post_quantum(&message.body));
        if !stage.opens(from.other(), &message, &text(turn)) {
            return Err(format!("message {turn} does not open"));
        }
    }
    for epoch in [2, 3] {
        let key_sender = Side::BOTH[usize::from(epoch == 2)];
        for side in Side::BOTH {
            let found = pieces(&sent[usize::from(side == Side::Bob)], epoch);
            let expected = match side == key_sender {
                true => OF_KEY_SENDER,
                false => OF_ENCAPSULATOR,
            };
            let what = format!("pieces that {side:?} sends in epoch {epoch}");
            stage.checks.same(&what, found, expected.to_vec());
        }
    }
    let last = sent[0].last().map_or(0, |piece| piece.epoch);
    stage
        .checks
        .same("the epoch after 140 round trips", last, 4);
    Ok(())
}

/// Many messages at a time, of which few arrive: the values come out of pieces that are none of their own bytes.
pub(crate) fn bursts(stage: &mut Stage) -> Result<(), String> {
    if stage.profile != Profile::V4Spqr {
        return Ok(());
    }
    stage.establish()?;
    let (mut arrived, mut opened, mut computed, mut epoch) = (0, 0, 0, 0);
    for turn in 0..120 {
        let from = Side::BOTH[turn % 2];
        for number in 0..20 {
            let message = stage.send(from, &text(number))?;
            if stage.random.percent(80) {
                continue;
            }
            arrived += 1;
            opened += usize::from(stage.opens(from.other(), &message, &text(number)));
            let Some(piece) = wire::post_quantum(&message.body) else {
                continue;
            };
            epoch = epoch.max(piece.epoch);
            computed += usize::from(piece.chunk.is_some_and(|chunk| chunk >= KEY_PIECES));
        }
    }
    stage
        .checks
        .same(&format!("all {arrived} that arrived open"), opened, arrived);
    let what = format!("{computed} pieces were computed ones, and epoch {epoch} was reached");
    stage.checks.that(&what, computed > 20 && epoch >= 4);
    Ok(())
}

/// The pieces of an epoch: of what kind, and how many one after the other.
fn pieces(sent: &[PostQuantum], epoch: u64) -> Vec<(u8, usize)> {
    let of_epoch: Vec<&PostQuantum> = sent.iter().filter(|piece| piece.epoch == epoch).collect();
    of_epoch
        .chunk_by(|left, right| left.kind == right.kind)
        .map(|run| (run[0].kind, run.len()))
        .collect()
}
