use std::collections::BTreeSet;

use uuid::Uuid;

use crate::address::{Address, DeviceId};
use crate::device::{Device, DeviceError, Moment, Prepared};
use crate::fixture::{SeededRng, rng};
use crate::group::{GroupError, Learned, RotationPolicy, RotationReason};
use crate::keys::IdentityKeyPair;
use crate::policy::Policy;
use crate::store::{Change, MemoryStore, Slot, Store};

const GROUP: Uuid = Uuid::from_u128(7);
const NOW: u64 = 1_790_000_000;

struct Peer {
    device: Device,
    store: MemoryStore,
    rng: SeededRng,
}

impl Peer {
    fn new(name: &str, seed: u64) -> Self {
        let mut rng = rng(seed);
        let device = Device {
            address: Address::new(name, DeviceId::new(1).expect("a device id")),
            identity: IdentityKeyPair::generate(&mut rng),
            registration_id: 1,
            policy: Policy::default(),
        };
        Self {
            device,
            store: MemoryStore::new(),
            rng,
        }
    }

    fn prepare(&mut self, receivers: &[&Address], now_seconds: u64) -> Prepared {
        let receivers: BTreeSet<Address> = receivers.iter().copied().cloned().collect();
        let moment = Moment {
            now_seconds,
            rng: &mut self.rng,
        };
        let policy = RotationPolicy::default();
        let prepared =
            self.device
                .prepare_group_message(&mut self.store, GROUP, &receivers, &policy, moment);
        prepared.expect("prepared")
    }

    fn seal(&mut self, text: &[u8]) -> Vec<u8> {
        let message = self
            .device
            .encrypt_for_group(&mut self.store, GROUP, text, &mut self.rng);
        message.expect("a message")
    }

    fn learn(&mut self, sender: &Address, distribution: &[u8]) -> Learned {
        let learned = self
            .device
            .learn_sender_key(&mut self.store, sender, distribution);
        learned.expect("learned")
    }

    fn open(&mut self, sender: &Address, message: &[u8]) -> Option<Vec<u8>> {
        let opened = self
            .device
            .decrypt_from_group(&mut self.store, sender, message);
        opened.ok().map(|text| text.to_vec())
    }
}

fn addresses() -> [Address; 3] {
    ["alice", "bob", "carol"].map(|name| Peer::new(name, 0).device.address)
}

#[test]
fn who_lacks_the_key_is_told_once() {
    let [alice, bob, carol] = addresses();
    let (mut sender, mut receiver) = (Peer::new("alice", 1), Peer::new("bob", 2));
    let prepared = sender.prepare(&[&bob], NOW);
    assert_eq!(
        (prepared.rotated, &prepared.give_to[..]),
        (None, &[bob.clone()][..])
    );
    assert_eq!(receiver.learn(&alice, &prepared.distribution), Learned::New);
    assert_eq!(
        receiver.learn(&alice, &prepared.distribution),
        Learned::Known
    );
    let message = sender.seal(b"one");
    assert_eq!(receiver.open(&alice, &message), Some(b"one".to_vec()));
    assert_eq!(receiver.open(&alice, &message), None);
    assert!(sender.prepare(&[&bob], NOW).give_to.is_empty());
    assert_eq!(sender.prepare(&[&bob, &carol], NOW).give_to, [carol]);
}

#[test]
fn who_asks_gets_the_key_again() {
    let [_, bob, _] = addresses();
    let mut sender = Peer::new("alice", 1);
    let lacking = sender
        .device
        .sender_key_lacking(&mut sender.store, GROUP, &bob);
    assert_eq!(lacking, Ok(()), "there is no key yet");
    sender.prepare(&[&bob], NOW);
    let lacking = sender
        .device
        .sender_key_lacking(&mut sender.store, GROUP, &bob);
    assert_eq!(lacking, Ok(()));
    let again = sender.prepare(&[&bob], NOW);
    assert_eq!((again.rotated, again.give_to), (None, vec![bob]));
}

#[test]
fn whoever_left_reads_nothing_more() {
    let [alice, bob, carol] = addresses();
    let (mut sender, mut stays, mut leaves) = (
        Peer::new("alice", 1),
        Peer::new("bob", 2),
        Peer::new("carol", 3),
    );
    let first = sender.prepare(&[&bob, &carol], NOW);
    stays.learn(&alice, &first.distribution);
    leaves.learn(&alice, &first.distribution);
    let after = sender.prepare(&[&bob], NOW);
    assert_eq!(after.rotated, Some(RotationReason::Left));
    assert_eq!(after.give_to, std::slice::from_ref(&bob));
    stays.learn(&alice, &after.distribution);
    let message = sender.seal(b"without carol");
    assert_eq!(
        stays.open(&alice, &message),
        Some(b"without carol".to_vec())
    );
    assert_eq!(leaves.open(&alice, &message), None);
    let week = NOW + 168 * 3600;
    assert_eq!(
        sender.prepare(&[&bob], week).rotated,
        Some(RotationReason::Lifetime)
    );
    assert_eq!(sender.prepare(&[&bob], week).rotated, None);
}

#[test]
fn a_sender_counts_only_under_its_own_address() {
    let [alice, bob, carol] = addresses();
    let (mut sender, mut receiver) = (Peer::new("alice", 1), Peer::new("bob", 2));
    let prepared = sender.prepare(&[&bob], NOW);
    receiver.learn(&alice, &prepared.distribution);
    let message = sender.seal(b"mine");
    assert_eq!(receiver.open(&carol, &message), None);
    assert_eq!(receiver.open(&alice, &message), Some(b"mine".to_vec()));
}

#[test]
fn nothing_is_sealed_before_there_is_a_key() {
    let mut sender = Peer::new("alice", 1);
    let made = sender
        .device
        .encrypt_for_group(&mut sender.store, GROUP, b"early", &mut sender.rng);
    assert_eq!(made, Err(DeviceError::Group(GroupError::NoSenderKey)));
    let damaged = Change::Put(Slot::SendingKey(GROUP), vec![1].into());
    sender.store.commit(vec![damaged]).expect("memory");
    let made = sender
        .device
        .encrypt_for_group(&mut sender.store, GROUP, b"late", &mut sender.rng);
    assert_eq!(made, Err(DeviceError::Corrupt));
}

#[test]
fn a_key_made_anew_is_another() {
    let mut sender = Peer::new("alice", 1);
    let made = |made: Result<zeroize::Zeroizing<Vec<u8>>, _>| -> Vec<u8> {
        let made: Result<_, DeviceError<std::convert::Infallible>> = made;
        made.expect("a key").to_vec()
    };
    let mut draw = |rotates: bool| {
        let moment = Moment {
            now_seconds: NOW,
            rng: &mut sender.rng,
        };
        match rotates {
            true => made(
                sender
                    .device
                    .rotate_sender_key(&mut sender.store, GROUP, moment),
            ),
            false => made(sender.device.distribution(&mut sender.store, GROUP, moment)),
        }
    };
    let first = draw(false);
    assert_eq!(draw(false), first);
    let second = draw(true);
    assert_ne!(second, first);
    assert_eq!(draw(false), second);
}
