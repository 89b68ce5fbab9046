use std::collections::BTreeMap;

use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

use super::{DeviceList, DeviceListChange, DeviceListError};
use crate::address::DeviceId;
use crate::fixture::rng;
use crate::keys::IdentityKeyPair;

const NOW: u64 = 1_790_000_000;

fn device(number: u32) -> DeviceId {
    DeviceId::new(number).expect("a device id")
}

fn devices(list: &[(u32, u32)]) -> BTreeMap<DeviceId, u32> {
    let devices = list.iter();
    devices
        .map(|(id, registration_id)| (device(*id), *registration_id))
        .collect()
}

struct Account {
    identity: IdentityKeyPair,
    first: DeviceList,
}

impl Account {
    fn new() -> Self {
        let identity = IdentityKeyPair::generate(&mut rng(1));
        let list = devices(&[(1, 100), (2, 200)]);
        let first = DeviceList::sign_first("alice", &list, &identity, NOW, &mut rng(2));
        Self {
            identity,
            first: first.expect("a list"),
        }
    }

    fn next(&self, list: &[(u32, u32)]) -> DeviceList {
        let next = self
            .first
            .sign_next(&devices(list), &self.identity, NOW + 1, &mut rng(3));
        next.expect("a list")
    }

    fn forged(&self, change: impl FnOnce(&mut super::Fields), signer: &IdentityKeyPair) -> Vec<u8> {
        let mut fields = super::Fields::new("alice", 2, NOW, &devices(&[(1, 100)]));
        change(&mut fields);
        super::sign(super::DOMAIN, &fields, signer, &mut rng(4))
    }

    fn take(&self, signed: &[u8]) -> Result<DeviceListChange, DeviceListError> {
        let mut known = self.first.clone();
        let taken = known.advance(signed);
        if taken.is_err() {
            assert_eq!(known, self.first, "a refused list changes nothing");
        }
        taken
    }
}

#[test]
fn a_peer_takes_the_list_on_the_identity_keys_word() {
    let account = Account::new();
    let key = account.identity.public();
    let seen = DeviceList::verify("alice", account.first.signed(), key).expect("a list");
    assert_eq!(seen, account.first);
    assert_eq!((seen.account(), seen.version()), ("alice", 1));
    assert_eq!(seen.devices(), &devices(&[(1, 100), (2, 200)]));
    let addresses: Vec<String> = seen
        .addresses()
        .map(|address| address.to_string())
        .collect();
    assert_eq!(addresses, ["alice.1", "alice.2"]);
    assert_eq!(DeviceList::from_bytes(&seen.to_bytes()), Ok(seen));
}

#[test]
fn a_newer_list_says_what_changed() {
    let account = Account::new();
    let next = account.next(&[(1, 101), (3, 300)]);
    assert_eq!(next.version(), 2);
    let change = account.take(next.signed()).expect("newer");
    assert_eq!(change.added, [device(3)]);
    assert_eq!(change.removed, [device(2)]);
    assert_eq!(change.registered_anew, [device(1)]);
    let same = account.next(&[(1, 100), (2, 200)]);
    assert_eq!(account.take(same.signed()), Ok(DeviceListChange::default()));
    assert_eq!(
        account.take(account.first.signed()),
        Ok(DeviceListChange::default())
    );
    let skipped = account.forged(|fields| fields.version = 9, &account.identity);
    assert!(account.take(&skipped).is_ok());
}

#[test]
fn a_server_adds_no_device() {
    let account = Account::new();
    let mallory = IdentityKeyPair::generate(&mut rng(9));
    let forged = account.forged(|_| (), &mallory);
    assert_eq!(account.take(&forged), Err(DeviceListError::Signature));
    let good = account.next(&[(1, 100), (3, 300)]).signed().to_vec();
    for place in 0..good.len() {
        let mut changed = good.clone();
        changed[place] ^= 1;
        assert!(account.take(&changed).is_err(), "byte {place}");
        assert!(account.take(&good[..place]).is_err(), "{place} bytes");
    }
    let next = account
        .first
        .sign_next(&devices(&[(1, 1)]), &mallory, NOW, &mut rng(3));
    assert_eq!(next, Err(DeviceListError::Signature));
}

#[test]
fn an_old_and_a_second_list_are_refused() {
    let account = Account::new();
    let mut known = account.next(&[(1, 100)]);
    let back = known.advance(account.first.signed());
    assert_eq!(back, Err(DeviceListError::Rollback));
    let other = account.next(&[(1, 100), (7, 700)]);
    assert_eq!(known.advance(other.signed()), Err(DeviceListError::Fork));
    assert_eq!(known, account.next(&[(1, 100)]));
}

#[test]
fn another_accounts_list_is_refused() {
    let account = Account::new();
    let other = account.forged(
        |fields| "bob".clone_into(&mut fields.account),
        &account.identity,
    );
    assert_eq!(account.take(&other), Err(DeviceListError::OtherAccount));
}

#[test]
fn lists_that_break_a_rule_are_refused() {
    let account = Account::new();
    let cases: [fn(&mut super::Fields); 7] = [
        |fields| fields.version = 0,
        |fields| fields.devices.clear(),
        |fields| fields.devices.push(fields.devices[0].clone()),
        |fields| fields.devices[0].id = 0,
        |fields| fields.devices[0].id = 128,
        |fields| fields.devices[0].registration_id = 0x4000,
        |fields| {
            fields.devices.insert(
                0,
                super::DeviceFields {
                    id: 2,
                    registration_id: 1,
                },
            )
        },
    ];
    for (number, change) in cases.into_iter().enumerate() {
        let forged = account.forged(change, &account.identity);
        let refused = Err(DeviceListError::Malformed);
        assert_eq!(account.take(&forged), refused, "case {number}");
    }
    for name in [String::new(), "n".repeat(257)] {
        let list = devices(&[(1, 1)]);
        let made = DeviceList::sign_first(&name, &list, &account.identity, NOW, &mut rng(2));
        assert!(made.is_err());
    }
    let none = DeviceList::sign_first("a", &devices(&[]), &account.identity, NOW, &mut rng(2));
    assert_eq!(none, Err(DeviceListError::Malformed));
}

/// A field that nobody knows may follow, and not without end.
#[test]
fn a_list_is_bounded() {
    let account = Account::new();
    let padded = |length: u32| {
        // Field 15 of bytes, its length in four bytes of varint.
        let digit = |shift: u32| ((length >> shift) & 0x7f) as u8 | 0x80;
        let header = [0x7a, digit(0), digit(7), digit(14), digit(21) & 0x7f];
        let padding = vec![0; length as usize];
        [account.next(&[(1, 1)]).signed(), &header, &padding].concat()
    };
    assert!(account.take(&padded(1 << 19)).is_ok());
    let refused = account.take(&padded(1 << 20));
    assert_eq!(refused, Err(DeviceListError::Malformed));
}

#[test]
fn a_list_grows_old() {
    let list = Account::new().first;
    assert!(!list.is_stale(60, NOW + 60));
    assert!(list.is_stale(60, NOW + 61));
    assert!(!list.is_stale(60, 0), "a clock that was set back");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_change_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let account = Account::new();
        let mut known = account.first.clone();
        prop_assert!(known.advance(&bytes).is_err());
        prop_assert!(DeviceList::from_bytes(&bytes).is_err());
        prop_assert_eq!(known, account.first);
    }
}

/// Found by fuzzing: whoever passes a list on can put something around it.
#[test]
fn what_nobody_signed_is_neither_kept_nor_passed_on() {
    let account = Account::new();
    let first = account.first.signed();
    let next = account.next(&[(1, 100)]);
    // An unknown field before the known ones, and one behind them.
    for stuffed in [[&[0x28, 7], first].concat(), [first, &[0x28, 7]].concat()] {
        let seen = DeviceList::verify("alice", &stuffed, account.identity.public());
        assert_eq!(seen, Ok(account.first.clone()));
    }
    let mut known = account.first.clone();
    known
        .advance(&[next.signed(), &[0x28, 7]].concat())
        .expect("the next");
    assert_eq!(known, next);
}
