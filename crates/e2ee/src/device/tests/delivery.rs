use super::world::{KINDS, Party, acquainted, pass};
use crate::session::SessionError;
use crate::{Ciphertext, DeviceError, SessionKind};
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};

#[test]
fn a_gap_of_a_thousand_messages_is_bridged_both_ways() {
    for kind in KINDS {
        let (mut alice, mut bob) = acquainted(kind);
        let held: Vec<_> = (0..1000)
            .map(|_| alice.encrypt(&bob.address(), b"held"))
            .collect();
        pass(&mut alice, &mut bob, b"after the gap");
        for ciphertext in held.iter().rev().step_by(7) {
            assert_eq!(bob.decrypt(&alice.address(), ciphertext), b"held");
        }
        pass(&mut bob, &mut alice, b"answer");
        pass(&mut alice, &mut bob, b"new chain");
        assert_eq!(bob.decrypt(&alice.address(), &held[1]), b"held");
    }
}

#[test]
fn the_limits_hold() {
    let (mut alice, mut bob) = acquainted(SessionKind::X3dh);
    let mut held = Vec::new();
    for _ in 0..25_002 {
        held.push(alice.encrypt(&bob.address(), b"x"));
    }
    assert_eq!(
        bob.try_decrypt(&alice.address(), &held[25_001]).err(),
        Some(DeviceError::Session(SessionError::TooFarAhead))
    );
    assert_eq!(bob.decrypt(&alice.address(), &held[25_000]), b"x");
    assert_eq!(bob.decrypt(&alice.address(), &held[25_001]), b"x");
    assert_eq!(bob.decrypt(&alice.address(), &held[23_000]), b"x");
    assert_eq!(
        bob.try_decrypt(&alice.address(), &held[22_999]).err(),
        Some(DeviceError::Session(SessionError::Duplicate)),
        "given up: only the newest 2000 are kept"
    );
}

#[test]
fn five_chains_are_kept() {
    let (mut alice, mut bob) = acquainted(SessionKind::X3dh);
    let mut held = Vec::new();
    for _ in 0..6 {
        held.push(alice.encrypt(&bob.address(), b"late"));
        pass(&mut alice, &mut bob, b"in time");
        pass(&mut bob, &mut alice, b"answer");
    }
    assert!(bob.try_decrypt(&alice.address(), &held[0]).is_err());
    assert_eq!(bob.decrypt(&alice.address(), &held[1]), b"late");
}

/// What happens next in a conversation.
#[derive(Debug, Clone)]
enum Step {
    Send { by_alice: bool },
    Deliver { to_alice: bool, which: usize },
    Lose { to_alice: bool, which: usize },
    Replay { to_alice: bool, which: usize },
    Tamper { to_alice: bool, which: usize },
    Restart { by_alice: bool },
}

fn step() -> impl Strategy<Value = Step> {
    let aimed = || (any::<bool>(), any::<usize>());
    prop_oneof![
        8 => any::<bool>().prop_map(|by_alice| Step::Send { by_alice }),
        8 => aimed().prop_map(|(to_alice, which)| Step::Deliver { to_alice, which }),
        1 => aimed().prop_map(|(to_alice, which)| Step::Lose { to_alice, which }),
        1 => aimed().prop_map(|(to_alice, which)| Step::Replay { to_alice, which }),
        1 => aimed().prop_map(|(to_alice, which)| Step::Tamper { to_alice, which }),
        1 => any::<bool>().prop_map(|by_alice| Step::Restart { by_alice }),
    ]
}

/// How many turns a message may be under way. A chain takes two turns at least and five are kept, so what is later may
/// rightly be refused; such messages are lost here.
const TURNS_MAX: u32 = 8;

/// A message, what was sealed in it, and in which turn.
type Sent = (Ciphertext, Vec<u8>, u32);

/// One direction: what is under way, and what has arrived.
#[derive(Default)]
struct Direction {
    under_way: Vec<Sent>,
    arrived: Vec<Ciphertext>,
}

impl Direction {
    fn take(&mut self, which: usize) -> Option<Sent> {
        let count = self.under_way.len();
        (count > 0).then(|| self.under_way.remove(which % count))
    }
}

struct Talk {
    alice: Party,
    bob: Party,
    to_alice: Direction,
    to_bob: Direction,
    sent: u32,
    turn: u32,
    is_alices_turn: bool,
}

impl Talk {
    fn receiving(&mut self, to_alice: bool) -> (&mut Party, crate::Address, &mut Direction) {
        if to_alice {
            let from = self.bob.address();
            (&mut self.alice, from, &mut self.to_alice)
        } else {
            let from = self.alice.address();
            (&mut self.bob, from, &mut self.to_bob)
        }
    }

    fn sending(&mut self, by_alice: bool) -> (&mut Party, &mut Party, &mut Direction) {
        if by_alice {
            (&mut self.alice, &mut self.bob, &mut self.to_bob)
        } else {
            (&mut self.bob, &mut self.alice, &mut self.to_alice)
        }
    }

    fn take(&mut self, step: Step) -> Result<(), proptest::test_runner::TestCaseError> {
        match step {
            Step::Send { by_alice } => {
                self.sent += 1;
                self.turn += u32::from(self.is_alices_turn != by_alice);
                self.is_alices_turn = by_alice;
                let turn = self.turn;
                for direction in [&mut self.to_alice, &mut self.to_bob] {
                    direction
                        .under_way
                        .retain(|sent| sent.2 + TURNS_MAX >= turn);
                }
                let text = self.sent.to_be_bytes().to_vec();
                let (from, to, direction) = self.sending(by_alice);
                let ciphertext = from.encrypt(&to.address(), &text);
                direction.under_way.push((ciphertext, text, turn));
            }
            Step::Deliver { to_alice, which } => {
                let (party, from, direction) = self.receiving(to_alice);
                if let Some((ciphertext, text, _)) = direction.take(which) {
                    let opened = party.try_decrypt(&from, &ciphertext);
                    prop_assert_eq!(opened.expect("opens").plaintext.to_vec(), text);
                    direction.arrived.push(ciphertext);
                }
            }
            Step::Lose { to_alice, which } => {
                self.receiving(to_alice).2.take(which);
            }
            Step::Replay { to_alice, which } => {
                let (party, from, direction) = self.receiving(to_alice);
                let count = direction.arrived.len();
                if count > 0 {
                    let before = party.stored();
                    let again = party.try_decrypt(&from, &direction.arrived[which % count]);
                    prop_assert!(again.is_err());
                    prop_assert_eq!(party.stored(), before);
                }
            }
            Step::Tamper { to_alice, which } => {
                let (party, from, direction) = self.receiving(to_alice);
                if let Some((ciphertext, _, _)) = direction.under_way.first() {
                    let mut changed = ciphertext.clone();
                    // Within the last bytes of a session message all is under the MAC.
                    let at = changed.body.len() - 1 - which % 8;
                    changed.body[at] ^= 1;
                    let before = party.stored();
                    if changed.kind == crate::CiphertextKind::Session {
                        prop_assert!(party.try_decrypt(&from, &changed).is_err());
                        prop_assert_eq!(party.stored(), before);
                    }
                }
            }
            Step::Restart { by_alice } => {
                let (from, to, _) = self.sending(by_alice);
                let bundle = to.bundle(super::world::OneTime::Both);
                from.start(&to.address(), &bundle).expect("starts");
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(48))]

    /// Whatever is lost, late, repeated, changed or begun anew: what arrives opens, once.
    #[test]
    fn what_arrives_opens_once(
        kind in 0..3_usize,
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let (alice, bob) = acquainted(KINDS[kind]);
        let mut talk = Talk {
            alice,
            bob,
            to_alice: Direction::default(),
            to_bob: Direction::default(),
            sent: 0,
            turn: 0,
            is_alices_turn: true,
        };
        for step in steps {
            talk.take(step)?;
        }
    }
}
