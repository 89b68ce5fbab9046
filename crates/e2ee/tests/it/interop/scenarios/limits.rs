//! How much a receiver keeps and how far it goes.

use crate::interop::play::Profile;
use crate::interop::stage::{Side, Stage, text};

const KEPT_KEYS_MAX: usize = 2_000;
const JUMPS_MAX: usize = 25_000;

/// A receiver keeps 2,000 keys of a chain and forgets the oldest first.
pub(crate) fn kept_keys(stage: &mut Stage) -> Result<(), String> {
    stage.establish()?;
    for from in Side::BOTH {
        let at = from.other();
        let messages = stage.send_numbered(from, KEPT_KEYS_MAX + 51)?;
        let last = messages.len() - 1;
        let opens = stage.opens(at, &messages[last], &text(last));
        stage
            .checks
            .that(&format!("message {last} of {from:?} opens"), opens);
        for number in [0, 49] {
            let result = stage.open(at, &messages[number]);
            let what = format!("message {number} of {from:?}, whose key is forgotten");
            stage.checks.refused(&what, &result);
        }
        for number in [50, last - 1] {
            let opens = stage.opens(at, &messages[number], &text(number));
            let what = format!("message {number} of {from:?} opens, whose key is kept");
            stage.checks.that(&what, opens);
        }
    }
    Ok(())
}

/// A message some 25,000 ahead is followed, one further not. The post-quantum chain counts on when the ratchet turns, and from 1:
/// with it the last to be followed is one earlier.
pub(crate) fn jumps(stage: &mut Stage) -> Result<(), String> {
    stage.establish()?;
    let last = match stage.profile {
        Profile::V4Spqr => JUMPS_MAX - 1,
        Profile::V3X3dh | Profile::V4Pqxdh => JUMPS_MAX,
    };
    // The next counter expected is that of the first message.
    let messages = stage.send_numbered(Side::Alice, JUMPS_MAX + 2)?;
    let far = stage.open(Side::Bob, &messages[JUMPS_MAX + 1]);
    stage
        .checks
        .refused("a message more than 25,000 ahead", &far);
    for number in [last, last + 1] {
        let opens = stage.opens(Side::Bob, &messages[number], &text(number));
        let what = format!("message {number} opens, with as many missing or with one more known");
        stage.checks.that(&what, opens);
    }
    Ok(())
}
