use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use uuid::Uuid;

use super::{Member, Members, Membership, MembershipChange, MembershipError, Role};
use crate::fixture::rng;
use crate::keys::{IdentityKeyPair, PublicKey};

const GROUP: Uuid = Uuid::from_u128(7);

fn identity(seed: u64) -> IdentityKeyPair {
    IdentityKeyPair::generate(&mut rng(seed))
}

fn member(identity: &IdentityKeyPair, role: Role) -> Member {
    let identity_key = *identity.public();
    Member { identity_key, role }
}

/// Alice, who founded the group, and Bob.
struct Group {
    alice: IdentityKeyPair,
    bob: IdentityKeyPair,
    mallory: IdentityKeyPair,
    first: Membership,
}

impl Group {
    fn new() -> Self {
        let (alice, bob, mallory) = (identity(1), identity(2), identity(3));
        let members = Members::from([
            ("alice".to_owned(), member(&alice, Role::Administrator)),
            ("bob".to_owned(), member(&bob, Role::Member)),
        ]);
        let first = Membership::found(GROUP, members, &alice, &mut rng(4)).expect("a group");
        Self {
            alice,
            bob,
            mallory,
            first,
        }
    }

    fn with(&self, name: &str, added: Member) -> Members {
        let mut members = self.first.members().clone();
        members.insert(name.to_owned(), added);
        members
    }

    fn with_mallory(&self) -> Members {
        self.with("mallory", member(&self.mallory, Role::Member))
    }

    fn without(&self, name: &str) -> Members {
        let mut members = self.first.members().clone();
        members.remove(name);
        members
    }

    fn change(
        &self,
        members: &Members,
        signer: &IdentityKeyPair,
    ) -> Result<(Membership, MembershipChange), MembershipError> {
        self.first.change(members, signer, &mut rng(5))
    }

    /// A list that the honest code would not make.
    fn forged(&self, change: impl FnOnce(&mut super::Fields), signer: &IdentityKeyPair) -> Vec<u8> {
        let mut fields = super::Fields {
            group_id: GROUP.as_bytes().to_vec(),
            version: 2,
            previous: self.first.digest().to_vec(),
            members: super::MemberFields::list(&self.with_mallory()),
            signer: "alice".to_owned(),
        };
        change(&mut fields);
        super::sign(super::DOMAIN, &fields, signer, &mut rng(6))
    }

    fn take(&self, signed: &[u8]) -> Result<MembershipChange, MembershipError> {
        let mut known = self.first.clone();
        let taken = known.advance(signed);
        if taken.is_err() {
            assert_eq!(known, self.first, "a refused list changes nothing");
        }
        taken
    }
}

#[test]
fn an_administrator_adds_and_everybody_sees_who() {
    let group = Group::new();
    let (next, change) = group
        .change(&group.with_mallory(), &group.alice)
        .expect("a list");
    assert_eq!(change.joined, ["mallory"]);
    assert_eq!((next.version(), next.members().len()), (2, 3));
    let mut of_bob = Membership::trust(GROUP, group.first.signed(), group.alice.public())
        .expect("the invitation");
    assert_eq!(of_bob.advance(next.signed()), Ok(change));
    assert_eq!(of_bob.digest(), next.digest());
    assert_eq!(
        of_bob.advance(next.signed()),
        Ok(MembershipChange::default())
    );
    assert_eq!(
        Membership::from_bytes(&of_bob.to_bytes()),
        Ok(of_bob.clone())
    );
    assert_eq!(of_bob.group_id(), GROUP);
}

#[test]
fn changes_are_told_apart() {
    let group = Group::new();
    let (_, change) = group
        .change(&group.without("bob"), &group.alice)
        .expect("a list");
    assert_eq!(change.left, ["bob"]);
    let rekeyed = group.with("bob", member(&group.mallory, Role::Member));
    let (_, change) = group.change(&rekeyed, &group.alice).expect("a list");
    assert_eq!(change.rekeyed, ["bob"]);
    let promoted = group.with("bob", member(&group.bob, Role::Administrator));
    let (next, change) = group.change(&promoted, &group.alice).expect("a list");
    assert_eq!(change.role_changed, ["bob"]);
    assert!(change.joined.is_empty() && change.left.is_empty() && change.rekeyed.is_empty());
    let (third, _) = next
        .change(&group.with_mallory(), &group.bob, &mut rng(8))
        .expect("who was made an administrator may change the list");
    assert_eq!(third.version(), 3);
}

#[test]
fn a_member_takes_out_itself_and_nobody_else() {
    let group = Group::new();
    let refused = Err(MembershipError::Signature);
    assert_eq!(group.change(&group.with_mallory(), &group.bob), refused);
    assert_eq!(
        group.change(&group.without("alice"), &group.bob),
        Err(MembershipError::Malformed)
    );
    let promoted = group.with("bob", member(&group.bob, Role::Administrator));
    assert_eq!(group.change(&promoted, &group.bob), refused);
    let mut swapped = group.without("bob");
    swapped.insert("mallory".to_owned(), member(&group.mallory, Role::Member));
    assert_eq!(group.change(&swapped, &group.bob), refused);
    let keys_and_roles = [
        (&group.mallory, Role::Administrator),
        (&group.alice, Role::Member),
        (&group.mallory, Role::Member),
    ];
    let carol = group.with("carol", member(&group.alice, Role::Administrator));
    let (four, _) = group
        .change(&carol, &group.alice)
        .expect("an administrator");
    for (key, role) in keys_and_roles {
        let mut leaving = four.members().clone();
        leaving.remove("bob");
        leaving.insert("carol".to_owned(), member(key, role));
        let change = four.change(&leaving, &group.bob, &mut rng(5));
        assert_eq!(change, refused, "and changes another one");
    }
    let (_, change) = group
        .change(&group.without("bob"), &group.bob)
        .expect("leaving");
    assert_eq!(change.left, ["bob"]);
}

#[test]
fn a_list_without_administrator_is_refused() {
    let group = Group::new();
    let refused = Err(MembershipError::Malformed);
    assert_eq!(group.change(&group.without("alice"), &group.alice), refused);
    assert_eq!(group.change(&Members::new(), &group.alice), refused);
}

#[test]
fn a_server_adds_nobody() {
    let group = Group::new();
    let refused = Err(MembershipError::Signature);
    assert_eq!(group.take(&group.forged(|_| (), &group.mallory)), refused);
    let unknown = group.forged(
        |fields| "mallory".clone_into(&mut fields.signer),
        &group.mallory,
    );
    assert_eq!(group.take(&unknown), refused);
    let made = group.change(&group.with_mallory(), &group.mallory);
    assert_eq!(made, Err(MembershipError::Signature));
    let good = group.forged(|_| (), &group.alice);
    assert!(group.take(&good).is_ok());
    for place in 0..good.len() {
        let mut changed = good.clone();
        changed[place] ^= 1;
        assert!(group.take(&changed).is_err(), "byte {place}");
    }
}

#[test]
fn an_old_a_skipped_and_a_second_version_are_refused() {
    let group = Group::new();
    let at_version = |version| group.forged(|fields| fields.version = version, &group.alice);
    for (version, error) in [
        (0, MembershipError::Malformed),
        (1, MembershipError::Fork),
        (3, MembershipError::Gap),
        (u64::MAX, MembershipError::Gap),
    ] {
        assert_eq!(group.take(&at_version(version)), Err(error), "{version}");
    }
    let elsewhere = group.forged(|fields| fields.previous = vec![1; 32], &group.alice);
    assert_eq!(group.take(&elsewhere), Err(MembershipError::Fork));
    let (mut next, _) = group
        .change(&group.with_mallory(), &group.alice)
        .expect("a list");
    let back = next.advance(group.first.signed());
    assert_eq!(back, Err(MembershipError::Rollback));
    let (other, _) = group
        .change(&group.without("bob"), &group.alice)
        .expect("a list");
    assert_eq!(next.advance(other.signed()), Err(MembershipError::Fork));
}

#[test]
fn another_groups_list_is_refused() {
    let group = Group::new();
    let other = group.forged(|fields| fields.group_id = vec![1; 16], &group.alice);
    assert_eq!(group.take(&other), Err(MembershipError::OtherGroup));
    let trusted = Membership::trust(
        Uuid::from_u128(8),
        group.first.signed(),
        group.alice.public(),
    );
    assert_eq!(trusted, Err(MembershipError::OtherGroup));
}

#[test]
fn an_invitation_counts_only_from_an_administrator_who_signed_it() {
    let group = Group::new();
    let trust = |key: &PublicKey| Membership::trust(GROUP, group.first.signed(), key);
    assert!(trust(group.alice.public()).is_ok());
    assert_eq!(trust(group.bob.public()), Err(MembershipError::Signature));
    let by_bob = group.forged(|fields| "bob".clone_into(&mut fields.signer), &group.bob);
    let trusted = Membership::trust(GROUP, &by_bob, group.bob.public());
    assert_eq!(trusted, Err(MembershipError::Signature));
    let as_alice = group.forged(|_| (), &group.mallory);
    let trusted = Membership::trust(GROUP, &as_alice, group.mallory.public());
    assert_eq!(trusted, Err(MembershipError::Signature));
    let members = group.first.members().clone();
    let founded = Membership::found(GROUP, members.clone(), &group.mallory, &mut rng(9));
    assert_eq!(founded, Err(MembershipError::Signature));
    let founded = Membership::found(GROUP, members, &group.bob, &mut rng(9));
    assert_eq!(founded, Err(MembershipError::Signature));
}

#[test]
fn lists_that_break_a_rule_are_refused() {
    let group = Group::new();
    let refused = Err(MembershipError::Malformed);
    let cases: [fn(&mut super::Fields); 6] = [
        |fields| fields.members.reverse(),
        |fields| fields.members.push(fields.members[2].clone()),
        |fields| fields.members[2].identity_key = vec![5; 33],
        |fields| fields.members[2].identity_key.truncate(32),
        |fields| fields.members[0].name.clear(),
        |fields| fields.members[2].name = "z".repeat(257),
    ];
    for (number, change) in cases.into_iter().enumerate() {
        // The second spelling of a key is one that cannot be read, too.
        let forged = group.forged(change, &group.alice);
        if number == 2 {
            assert!(group.take(&forged).is_ok() || group.take(&forged) == refused);
            continue;
        }
        assert_eq!(group.take(&forged), refused, "case {number}");
    }
    let crowd = |count: usize| {
        let alice = super::MemberFields::list(group.first.members()).swap_remove(0);
        let crowd = (0..count).map(|number| {
            let name = format!("member {number:04}");
            super::MemberFields {
                name,
                ..alice.clone()
            }
        });
        group.forged(|fields| fields.members = crowd.collect(), &group.alice)
    };
    assert!(group.take(&crowd(super::MEMBERS_MAX)).is_ok());
    assert_eq!(group.take(&crowd(super::MEMBERS_MAX + 1)), refused);
    assert_eq!(group.take(&vec![0; (1 << 20) + 1]), refused);
}

#[test]
fn another_documents_signature_does_not_serve() {
    let group = Group::new();
    let (next, _) = group
        .change(&group.with_mallory(), &group.alice)
        .expect("a list");
    let signed = crate::signed::Signed::from_bytes(next.signed()).expect("signed");
    let under = |domain: &[u8]| signed.verify::<super::Fields>(domain, group.alice.public());
    assert!(under(super::DOMAIN).is_ok());
    assert!(under(b"Keyward device list v1:").is_err());
    assert!(under(b"").is_err());
}

#[test]
fn stored_lists_that_are_not_whole_are_refused() {
    let stored = Group::new().first.to_bytes();
    for length in 0..stored.len() {
        let read = Membership::from_bytes(&stored[..length]);
        assert_eq!(read, Err(MembershipError::Stored), "{length} bytes");
    }
    let mut other = stored;
    other[1] = 2;
    assert_eq!(Membership::from_bytes(&other), Err(MembershipError::Stored));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_change_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let group = Group::new();
        let mut known = group.first.clone();
        prop_assert!(known.advance(&bytes).is_err());
        prop_assert!(Membership::trust(GROUP, &bytes, group.alice.public()).is_err());
        prop_assert!(Membership::from_bytes(&bytes).is_err());
        prop_assert_eq!(known, group.first);
    }
}

#[test]
fn what_nobody_signed_is_neither_kept_nor_passed_on() {
    let group = Group::new();
    let (next, _) = group
        .change(&group.with_mallory(), &group.alice)
        .expect("a list");
    let stuffed = |signed: &[u8]| [signed, &[0x28, 7]].concat();
    let mut known = Membership::trust(GROUP, &stuffed(group.first.signed()), group.alice.public())
        .expect("the invitation");
    assert_eq!(known, group.first);
    known.advance(&stuffed(next.signed())).expect("the next");
    assert_eq!(known, next);
}
