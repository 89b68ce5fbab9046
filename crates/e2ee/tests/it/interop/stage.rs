//! The peers of one pairing, and the steps that scenarios are made of.

use crate::interop::checks::Checks;
use crate::interop::peer::{Message, Peer, Software};
use crate::interop::play::Profile;
use crate::interop::random::Random;

/// Ids of users are UUIDs: with other names the official library leaves out the addresses that it puts under the MAC.
const ALICE: &str = "9d0652a3-dcc3-4d11-975f-74d61598733f";
const BOB: &str = "6838237d-02f6-4098-b110-698253d15961";
const CAROL: &str = "796abedb-ca4e-4f18-8803-1fde5b921f9f";

pub(crate) struct Stage {
    pub(crate) profile: Profile,
    pub(crate) alice: Peer,
    pub(crate) bob: Peer,
    pub(crate) carol: Peer,
    pub(crate) checks: Checks,
    pub(crate) random: Random,
}

/// One of the two who talk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Alice,
    Bob,
}

impl Side {
    pub(crate) const BOTH: [Self; 2] = [Self::Alice, Self::Bob];

    pub(crate) fn other(self) -> Self {
        match self {
            Self::Alice => Self::Bob,
            Self::Bob => Self::Alice,
        }
    }
}

impl Stage {
    pub(crate) fn new(profile: Profile, opener: Software, answerer: Software) -> Self {
        let (from, to) = (opener.name(), answerer.name());
        let title = format!("{} {from} to {to}", profile.name());
        Self {
            profile,
            alice: Peer::start(opener, ALICE, 1),
            bob: Peer::start(answerer, BOB, 2),
            carol: Peer::start(opener, CAROL, 3),
            checks: Checks::new(title),
            random: Random::new(0x5eed),
        }
    }

    /// New identities, no sessions.
    pub(crate) fn fresh(&mut self) -> Result<(), String> {
        let peers = [&mut self.alice, &mut self.bob, &mut self.carol];
        peers
            .into_iter()
            .try_for_each(|peer| peer.create(self.profile))
    }

    /// Alice knows Bob's bundle; nothing is sent.
    pub(crate) fn introduce(&mut self, one_time: bool) -> Result<(), String> {
        self.fresh()?;
        let bundle = self.bob.bundle(one_time)?;
        self.alice.process_bundle(&self.bob.address, &bundle)
    }

    /// A session that both have used.
    pub(crate) fn establish(&mut self) -> Result<(), String> {
        self.introduce(true)?;
        self.pass(Side::Alice, b"first")?;
        self.pass(Side::Bob, b"reply")
    }

    pub(crate) fn send(&mut self, from: Side, text: &[u8]) -> Result<Message, String> {
        let (sender, receiver) = self.pair(from);
        sender.encrypt(&receiver.address, text)
    }

    /// As many messages as there are numbers, each with its number for a text.
    pub(crate) fn send_numbered(
        &mut self,
        from: Side,
        count: usize,
    ) -> Result<Vec<Message>, String> {
        (0..count)
            .map(|number| self.send(from, &text(number)))
            .collect()
    }

    pub(crate) fn open(&mut self, at: Side, message: &Message) -> Result<Vec<u8>, String> {
        let (receiver, sender) = self.pair(at);
        receiver.decrypt(&sender.address, message)
    }

    /// Whether the message opens and says what it should.
    pub(crate) fn opens(&mut self, at: Side, message: &Message, text: &[u8]) -> bool {
        self.open(at, message).is_ok_and(|opened| opened == text)
    }

    /// Sends and opens, as a step on the way to what is checked.
    pub(crate) fn pass(&mut self, from: Side, text: &[u8]) -> Result<(), String> {
        let message = self.send(from, text)?;
        match self.open(from.other(), &message)? == text {
            true => Ok(()),
            false => Err("a message changed on its way".to_owned()),
        }
    }

    /// The peer of a side, and the other one.
    pub(crate) fn pair(&mut self, side: Side) -> (&mut Peer, &mut Peer) {
        match side {
            Side::Alice => (&mut self.alice, &mut self.bob),
            Side::Bob => (&mut self.bob, &mut self.alice),
        }
    }
}

/// The text of a numbered message.
pub(crate) fn text(number: usize) -> Vec<u8> {
    format!("message {number}").into_bytes()
}
