//! A peer that offers less than is asked for.

use crate::interop::play::Profile;
use crate::interop::stage::{Side, Stage};

/// Alice offers less than Bob asks: Bob refuses her message, and whoever asks refuses the other's bundle.
pub(crate) fn refused(stage: &mut Stage, offered: Profile, asked: Profile) -> Result<(), String> {
    stage.alice.create(offered)?;
    stage.bob.create(asked)?;
    let mut bundle = stage.bob.bundle(true)?;
    if offered == Profile::V3X3dh {
        bundle
            .as_object_mut()
            .expect("an object")
            .remove("pqPreKey");
    }
    stage.alice.process_bundle(&stage.bob.address, &bundle)?;
    let message = stage.send(Side::Alice, b"less")?;
    let result = stage.open(Side::Bob, &message);
    stage.checks.refused("the weaker session", &result);
    if offered == Profile::V3X3dh {
        let bundle = stage.alice.bundle(true)?;
        let result = stage.bob.process_bundle(&stage.alice.address, &bundle);
        stage
            .checks
            .refused("a bundle without post-quantum key", &result);
    }
    Ok(())
}
