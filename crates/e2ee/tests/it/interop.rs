//! Our peer (`examples/peer.rs`) against the official library, in both roles: every claim of compatibility is a check here.
//!
//! The official library is a black box that node runs (`official.mjs`), pinned by `package-lock.json` and installed under
//! `target/` the first time. Where node or npm is missing, or the packages cannot be had, the tests say so and count as
//! skipped. The same scenarios also run between two of ours and between two official peers: the first needs no node, the second
//! shows that the checks ask for what the official library does.

mod checks;
mod install;
mod ours;
mod peer;
mod play;
mod random;
mod scenarios;
mod stage;
mod wire;

use peer::Software::{Official, Ours};
use play::{Profile, play, play_downgrades, play_limits};

/// The newest release: version 4 with the post-quantum ratchet.
const NEWEST: &str = "0.103.0";
/// The last release that still speaks version 3.
const OLD: &str = "0.72.1";

#[test]
fn ours_opens_v4_spqr_to_0_103_0() {
    play(Profile::V4Spqr, Ours, Official(NEWEST));
}

#[test]
fn ours_answers_v4_spqr_of_0_103_0() {
    play(Profile::V4Spqr, Official(NEWEST), Ours);
}

#[test]
fn ours_opens_v4_to_0_72_1() {
    play(Profile::V4Pqxdh, Ours, Official(OLD));
}

#[test]
fn ours_answers_v4_of_0_72_1() {
    play(Profile::V4Pqxdh, Official(OLD), Ours);
}

#[test]
fn ours_opens_v3_to_0_72_1() {
    play(Profile::V3X3dh, Ours, Official(OLD));
}

#[test]
fn ours_answers_v3_of_0_72_1() {
    play(Profile::V3X3dh, Official(OLD), Ours);
}

#[test]
fn ours_with_ours_v4_spqr() {
    play(Profile::V4Spqr, Ours, Ours);
}

#[test]
fn ours_with_ours_v4() {
    play(Profile::V4Pqxdh, Ours, Ours);
}

#[test]
fn ours_with_ours_v3() {
    play(Profile::V3X3dh, Ours, Ours);
}

#[test]
fn the_checks_hold_of_0_103_0_itself() {
    play(Profile::V4Spqr, Official(NEWEST), Official(NEWEST));
}

#[test]
fn the_checks_hold_of_0_72_1_itself() {
    play(Profile::V4Pqxdh, Official(OLD), Official(OLD));
    play(Profile::V3X3dh, Official(OLD), Official(OLD));
}

#[test]
fn nobody_is_talked_down_to_a_weaker_session() {
    play_downgrades(Official(NEWEST), Official(OLD));
}

#[test]
fn jumps_are_bounded_alike() {
    play_limits(Profile::V4Spqr, Ours, Official(NEWEST));
    play_limits(Profile::V4Spqr, Official(NEWEST), Ours);
}
