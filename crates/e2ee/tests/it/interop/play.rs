//! Who plays what with whom.

use crate::interop::install;
use crate::interop::peer::Software::{self, Official, Ours};
use crate::interop::scenarios;
use crate::interop::stage::Stage;

/// How sessions are set up, as `create` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    V3X3dh,
    V4Pqxdh,
    V4Spqr,
}

impl Profile {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::V3X3dh => "v3-x3dh",
            Self::V4Pqxdh => "v4-pqxdh",
            Self::V4Spqr => "v4-spqr",
        }
    }

    /// The first byte of every message of a session.
    pub(crate) fn version_byte(self) -> u8 {
        match self {
            Self::V3X3dh => 0x34,
            Self::V4Pqxdh | Self::V4Spqr => 0x44,
        }
    }
}

/// Every scenario of two peers: Alice, who opens, and Bob, who answers; Carol runs what Alice runs.
pub(crate) fn play(profile: Profile, opener: Software, answerer: Software) {
    let Some(mut stage) = set_up(profile, opener, answerer) else {
        return;
    };
    scenarios::EVERY.iter().for_each(|(name, scenario)| {
        stage.checks.begin(name);
        let result = scenario(&mut stage);
        stage.checks.end(result);
    });
    stage.checks.finish();
}

/// How far a receiver follows a counter.
pub(crate) fn play_limits(profile: Profile, opener: Software, answerer: Software) {
    let Some(mut stage) = set_up(profile, opener, answerer) else {
        return;
    };
    stage.checks.begin("limits");
    let result =
        scenarios::limits::jumps(&mut stage).and_then(|()| scenarios::groups::jumps(&mut stage));
    stage.checks.end(result);
    stage.checks.finish();
}

/// Peers of unlike profiles: the one that asks for more refuses the other.
pub(crate) fn play_downgrades(newest: Software, old: Software) {
    let pairs = [
        (Ours, Profile::V4Pqxdh, newest, Profile::V4Spqr),
        (old, Profile::V4Pqxdh, Ours, Profile::V4Spqr),
        (old, Profile::V3X3dh, Ours, Profile::V4Pqxdh),
        (Ours, Profile::V3X3dh, Ours, Profile::V4Spqr),
        (old, Profile::V4Pqxdh, newest, Profile::V4Spqr),
    ];
    for (opener, offered, answerer, asked) in pairs {
        let Some(mut stage) = set_up(asked, opener, answerer) else {
            return;
        };
        let name = format!("{} opens to {}", offered.name(), asked.name());
        stage.checks.begin(&name);
        let result = scenarios::downgrade::refused(&mut stage, offered, asked);
        stage.checks.end(result);
        stage.checks.finish();
    }
}

fn set_up(profile: Profile, opener: Software, answerer: Software) -> Option<Stage> {
    let needs_node = [opener, answerer]
        .iter()
        .any(|software| matches!(software, Official(_)));
    if needs_node && !install::is_possible() {
        return None;
    }
    Some(Stage::new(profile, opener, answerer))
}
