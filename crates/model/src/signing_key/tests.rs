//! States by their times, and the promise: no token outlives the publication of its key, whatever the order of events.

use super::{
    SigningAlgorithm, SigningKey, SigningKeyState, SigningKeysAt, Succession, TOKEN_LEEWAY_SECONDS,
};
use crate::{Id, Timestamp};
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::{collection, proptest};
use uuid::Uuid;

const TTL: i64 = 300;
const PROPAGATION: i64 = 600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(0).plus_seconds(seconds)
}

fn key(number: u128, signs_from: i64) -> SigningKey {
    SigningKey {
        id: Id::from_uuid(Uuid::from_u128(number)),
        algorithm: SigningAlgorithm::EdDsa,
        public_key: vec![],
        sealed_private_key: None,
        created_at: at(signs_from),
        signs_from: at(signs_from),
        token_ttl_seconds: TTL,
        published_until: None,
        revoked_at: None,
        version: 1,
    }
}

/// The keys after a rotation at `now`, as the use case does it.
fn rotate(keys: &mut Vec<SigningKey>, now: i64, ttl: i64) -> bool {
    let Some(last) = SigningKeysAt::new(keys, at(now)).last().cloned() else {
        panic!("no key is the last");
    };
    if last.signs_from > at(now) {
        return false;
    }
    let successor = SigningKey {
        created_at: at(now),
        token_ttl_seconds: ttl,
        ..key(keys.len() as u128, now + PROPAGATION)
    };
    let closed = keys.iter_mut().find(|key| key.id == last.id).unwrap();
    closed.published_until = Some(last.end_of_publication(successor.signs_from, ttl));
    keys.push(successor);
    true
}

fn revoke(keys: &mut Vec<SigningKey>, index: usize, now: i64, ttl: i64) {
    let target = keys[index].clone();
    if !target.is_published(at(now)) {
        return;
    }
    let succession = SigningKeysAt::new(keys, at(now)).succession(&target);
    let heir = match succession {
        Succession::Promoted(heir) | Succession::Reopened(heir) => Some(heir.id),
        Succession::Unchanged | Succession::New => None,
    };
    let (promoted, new) = (
        matches!(succession, Succession::Promoted(_)),
        succession == Succession::New,
    );
    keys[index].revoked_at = Some(at(now));
    if let Some(heir) = keys.iter_mut().find(|key| Some(key.id) == heir) {
        match promoted {
            true => heir.signs_from = at(now),
            false => *heir = heir.reopened(at(now)),
        }
    }
    if new {
        let new = SigningKey {
            token_ttl_seconds: ttl,
            ..key(keys.len() as u128, now)
        };
        keys.push(new);
    }
}

/// Signs as a sign-in does: the key, and when the token expires.
fn sign(keys: &mut [SigningKey], now: i64, ttl: i64) -> (usize, Timestamp) {
    let id = SigningKeysAt::new(keys, at(now)).signing().unwrap().id;
    let index = keys.iter().position(|key| key.id == id).unwrap();
    let key = &mut keys[index];
    if key.published_until.is_none() {
        key.token_ttl_seconds = key.token_ttl_seconds.max(ttl);
    }
    (index, key.token_expires_at(at(now), ttl))
}

#[test]
fn a_key_goes_through_its_states_by_the_clock_alone() {
    let mut keys = vec![key(0, 0)];
    assert!(rotate(&mut keys, 1_000, TTL));
    let states = |now| {
        let keys_at = SigningKeysAt::new(&keys, at(now));
        [keys_at.state_of(&keys[0]), keys_at.state_of(&keys[1])]
    };
    use SigningKeyState::{Published, Retired, Retiring, Signing};
    assert_eq!(states(1_000), [Signing, Published]);
    assert_eq!(states(1_599), [Signing, Published]);
    assert_eq!(states(1_600), [Retiring, Signing]);
    let end = 1_600 + TTL + TOKEN_LEEWAY_SECONDS;
    assert_eq!(states(end - 1), [Retiring, Signing]);
    assert_eq!(states(end), [Retired, Signing]);
    let published = |now| SigningKeysAt::new(&keys, at(now)).published().count();
    assert_eq!(
        (published(1_000), published(end - 1), published(end)),
        (2, 2, 1)
    );
}

#[test]
fn a_second_rotation_waits_for_the_first() {
    let mut keys = vec![key(0, 0)];
    assert!(rotate(&mut keys, 1_000, TTL));
    assert!(!rotate(&mut keys, 1_599, TTL));
    assert!(rotate(&mut keys, 1_600, TTL));
    assert_eq!(keys.len(), 3);
}

#[test]
fn the_end_follows_the_longest_tokens() {
    let mut long = key(0, 0);
    long.token_ttl_seconds = 3_600;
    let end = long.end_of_publication(at(10), TTL);
    assert_eq!(end, at(10 + 3_600 + TOKEN_LEEWAY_SECONDS), "lowered since");
    let end = key(0, 0).end_of_publication(at(10), 3_600);
    assert_eq!(end, at(10 + 3_600 + TOKEN_LEEWAY_SECONDS), "raised since");
}

#[test]
fn a_token_is_cut_where_its_key_ends() {
    let mut keys = vec![key(0, 0)];
    rotate(&mut keys, 0, TTL);
    let end = keys[0].published_until.unwrap();
    let expires = keys[0].token_expires_at(at(500), 36_000);
    assert_eq!(expires, end.plus_seconds(-TOKEN_LEEWAY_SECONDS));
    let expires = keys[1].token_expires_at(at(600), 36_000);
    assert_eq!(expires, at(600 + TTL), "not lengthened yet");
}

#[test]
fn whoever_signs_after_a_revocation() {
    let mut keys = vec![key(0, 0)];
    assert_eq!(
        SigningKeysAt::new(&keys, at(5)).succession(&keys[0]),
        Succession::New,
        "the only one"
    );
    rotate(&mut keys, 0, TTL);
    let early = SigningKeysAt::new(&keys, at(5));
    let late = SigningKeysAt::new(&keys, at(700));
    assert_eq!(early.succession(&keys[0]), Succession::Promoted(&keys[1]));
    assert_eq!(early.succession(&keys[1]), Succession::Reopened(&keys[0]));
    assert_eq!(late.succession(&keys[0]), Succession::Unchanged, "retiring");
    assert_eq!(late.succession(&keys[1]), Succession::New, "signing");
}

#[test]
fn a_request_older_than_the_revocation_that_it_waited_for_finds_a_key() {
    let mut keys = vec![key(0, 0)];
    revoke(&mut keys, 0, 100, TTL);
    let signing = SigningKeysAt::new(&keys, at(99)).signing().unwrap();
    assert_eq!(signing.id, keys[1].id);
    assert_eq!(
        SigningKeysAt::new(&keys, at(100)).state_of(&keys[0]),
        SigningKeyState::Revoked
    );
}

/// What can happen to a tenant's keys.
#[derive(Debug, Clone)]
enum Act {
    Rotate,
    Revoke(usize),
    Lifetime(i64),
    Sign,
}

fn acts() -> impl Strategy<Value = Vec<(i64, Act)>> {
    let act = prop_oneof![
        2 => Just(Act::Rotate),
        1 => (0_usize..3).prop_map(Act::Revoke),
        1 => (1_i64..5_000).prop_map(Act::Lifetime),
        5 => Just(Act::Sign),
    ];
    collection::vec((0_i64..900, act), 1..60)
}

proptest! {
    #[test]
    fn no_token_outlives_the_publication_of_its_key(acts in acts()) {
        let (mut keys, mut now, mut ttl) = (vec![key(0, 0)], 0, TTL);
        let mut tokens = Vec::new();
        for (pause, act) in acts {
            now += pause;
            match act {
                Act::Rotate => drop(rotate(&mut keys, now, ttl)),
                Act::Revoke(back) if back < keys.len() => {
                    let index = keys.len() - 1 - back;
                    revoke(&mut keys, index, now, ttl);
                }
                Act::Revoke(_) => {}
                Act::Lifetime(other) => ttl = other,
                Act::Sign => tokens.push(sign(&mut keys, now, ttl)),
            }
            let open = keys.iter().filter(|key| key.revoked_at.is_none() && key.published_until.is_none());
            assert_eq!(open.count(), 1, "one key has no successor: {keys:#?}");
            assert!(SigningKeysAt::new(&keys, at(now)).signing().is_some());
            let signing = keys.iter().filter(|key| {
                SigningKeysAt::new(&keys, at(now)).state_of(key) == SigningKeyState::Signing
            });
            assert_eq!(signing.count(), 1);
        }
        for (index, expires_at) in tokens {
            let key = &keys[index];
            let last_moment = expires_at.plus_seconds(TOKEN_LEEWAY_SECONDS).plus_micros(-1);
            assert!(key.revoked_at.is_some() || key.is_published(last_moment), "{key:#?}");
        }
    }
}
