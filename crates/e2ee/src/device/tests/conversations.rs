use super::world::{KINDS, OneTime, Party, acquainted, pass, strangers};
use crate::session::SessionError;
use crate::{
    CiphertextKind, DeviceError, Notice, PreKeyKind, SessionKind, SessionRecord, Slot, Store,
};

#[test]
fn a_first_message_and_its_answers_pass_with_every_kind() {
    for kind in KINDS {
        for one_time in [OneTime::Both, OneTime::None] {
            let (mut alice, mut bob) = strangers(kind);
            let bundle = bob.bundle(one_time);
            alice.start(&bob.address(), &bundle).expect("starts");
            for text in [&b"one"[..], b"two", b""] {
                pass(&mut alice, &mut bob, text);
            }
            for _ in 0..4 {
                pass(&mut bob, &mut alice, b"answer");
                pass(&mut alice, &mut bob, b"again");
                pass(&mut alice, &mut bob, &[7; 4096]);
            }
        }
    }
}

#[test]
fn messages_have_the_sizes_of_the_wire() {
    for (kind, first, answer) in [
        (SessionKind::X3dh, 144..150, 66),
        (SessionKind::Pqxdh, 1715..1725, 66),
        (SessionKind::PqxdhWithRatchet, 1795..1803, 105),
    ] {
        let (mut alice, mut bob) = strangers(kind);
        let bundle = bob.bundle(OneTime::Both);
        alice.start(&bob.address(), &bundle).expect("starts");
        let sent = alice.encrypt(&bob.address(), b"thirteen byte");
        assert_eq!(sent.kind, CiphertextKind::PreKey);
        assert!(
            first.contains(&sent.body.len()),
            "{kind:?} {}",
            sent.body.len()
        );
        bob.decrypt(&alice.address(), &sent);
        let sent = bob.encrypt(&alice.address(), b"nine byte");
        assert_eq!(sent.kind, CiphertextKind::Session);
        // The answerer of a ratchet has no chunk to send yet.
        assert!(sent.body.len() <= answer, "{kind:?} {}", sent.body.len());
    }
}

#[test]
fn one_time_keys_are_gone_only_after_the_message_opened() {
    let (mut alice, mut bob) = strangers(SessionKind::PqxdhWithRatchet);
    let bundle = bob.bundle(OneTime::Both);
    alice.start(&bob.address(), &bundle).expect("starts");
    let sent = alice.encrypt(&bob.address(), b"text");
    let mut tampered = sent.clone();
    // The end of the message: its MAC, before three fields of the set-up.
    let at = tampered.body.len() - 1569 - 20;
    tampered.body[at] ^= 1;
    let before = bob.stored();
    assert!(bob.try_decrypt(&alice.address(), &tampered).is_err());
    assert_eq!(bob.stored(), before);
    bob.decrypt(&alice.address(), &sent);
    assert_eq!(bob.store.load(&Slot::PreKey(1)), Ok(None));
    assert_eq!(bob.store.load(&Slot::KemPreKey(1)), Ok(None));
    assert!(
        bob.store
            .load(&Slot::SignedPreKey(1))
            .expect("memory")
            .is_some()
    );
}

#[test]
fn a_one_time_key_serves_once() {
    let (mut alice, mut bob) = strangers(SessionKind::PqxdhWithRatchet);
    let mut carol = Party::new("carol", SessionKind::PqxdhWithRatchet, 3);
    let bundle = bob.bundle(OneTime::Both);
    alice.start(&bob.address(), &bundle).expect("starts");
    carol.start(&bob.address(), &bundle).expect("starts");
    pass(&mut alice, &mut bob, b"first");
    let late = carol.encrypt(&bob.address(), b"second");
    assert_eq!(
        bob.try_decrypt(&carol.address(), &late).err(),
        Some(DeviceError::UnknownPreKey {
            kind: PreKeyKind::OneTime,
            id: 1
        })
    );
}

#[test]
fn last_resort_keys_stay_and_refuse_a_replay() {
    let (mut alice, mut bob) = strangers(SessionKind::PqxdhWithRatchet);
    let bundle = bob.bundle(OneTime::None);
    alice.start(&bob.address(), &bundle).expect("starts");
    let first = alice.encrypt(&bob.address(), b"text");
    bob.decrypt(&alice.address(), &first);
    assert!(
        bob.store
            .load(&Slot::KemPreKey(1))
            .expect("memory")
            .is_some()
    );
    // Even when the session itself is forgotten.
    let slot = Slot::Session(alice.address());
    bob.store
        .commit(vec![crate::Change::Remove(slot)])
        .expect("memory");
    assert_eq!(
        bob.try_decrypt(&alice.address(), &first).err(),
        Some(DeviceError::ReplayedFirstMessage)
    );
}

#[test]
fn only_a_first_message_without_any_one_time_key_leaves_a_mark() {
    for (curve, kem, marks) in [
        (OneTime::Both, OneTime::Both, 0),
        (OneTime::Both, OneTime::None, 0),
        (OneTime::None, OneTime::Both, 0),
        (OneTime::None, OneTime::None, 1),
    ] {
        let (mut alice, mut bob) = strangers(SessionKind::PqxdhWithRatchet);
        let mut bundle = bob.bundle(kem);
        bundle.pre_key = bob.bundle(curve).pre_key;
        alice.start(&bob.address(), &bundle).expect("starts");
        pass(&mut alice, &mut bob, b"text");
        let is_mark = |slot: &&Slot| matches!(slot, Slot::UsedBaseKey { .. });
        assert_eq!(bob.store.slots().filter(is_mark).count(), marks);
    }
}

#[test]
fn until_the_answer_every_message_sets_up_the_same_session() {
    let (mut alice, mut bob) = strangers(SessionKind::PqxdhWithRatchet);
    let bundle = bob.bundle(OneTime::Both);
    alice.start(&bob.address(), &bundle).expect("starts");
    let sent: Vec<_> = (0..3)
        .map(|index| alice.encrypt(&bob.address(), &[index]))
        .collect();
    for index in [2, 0, 1] {
        assert_eq!(sent[index].kind, CiphertextKind::PreKey);
        assert_eq!(
            bob.decrypt(&alice.address(), &sent[index]),
            [sent_byte(index)]
        );
    }
    assert_eq!(record(&bob, &alice).archived_count(), 0);
    assert_eq!(
        bob.try_decrypt(&alice.address(), &sent[1]).err(),
        Some(DeviceError::Session(SessionError::Duplicate))
    );
    pass(&mut bob, &mut alice, b"answer");
    assert_eq!(
        alice.encrypt(&bob.address(), b"x").kind,
        CiphertextKind::Session
    );
}

fn sent_byte(index: usize) -> u8 {
    index.to_le_bytes()[0]
}

fn record(party: &Party, other: &Party) -> SessionRecord {
    let slot = Slot::Session(other.address());
    let bytes = party.store.load(&slot).expect("memory").expect("a record");
    SessionRecord::from_bytes(&bytes).expect("a record")
}

#[test]
fn crossed_set_ups_come_together() {
    for kind in KINDS {
        let (mut alice, mut bob) = strangers(kind);
        let (for_alice, for_bob) = (bob.bundle(OneTime::Both), alice.bundle(OneTime::Both));
        alice.start(&bob.address(), &for_alice).expect("starts");
        bob.start(&alice.address(), &for_bob).expect("starts");
        let from_alice = alice.encrypt(&bob.address(), b"from alice");
        let from_bob = bob.encrypt(&alice.address(), b"from bob");
        assert_eq!(bob.decrypt(&alice.address(), &from_alice), b"from alice");
        assert_eq!(alice.decrypt(&bob.address(), &from_bob), b"from bob");
        assert_eq!(record(&alice, &bob).archived_count(), 1);
        for _ in 0..3 {
            pass(&mut alice, &mut bob, b"to bob");
            pass(&mut bob, &mut alice, b"to alice");
        }
        let last = alice.encrypt(&bob.address(), b"settled");
        assert_eq!(last.kind, CiphertextKind::Session);
        assert_eq!(bob.decrypt(&alice.address(), &last), b"settled");
    }
}

#[test]
fn an_archived_session_still_opens_and_is_promoted() {
    let (mut alice, mut bob) = acquainted(SessionKind::PqxdhWithRatchet);
    let late = alice.encrypt(&bob.address(), b"late");
    let bundle = bob.bundle(OneTime::Both);
    alice.start(&bob.address(), &bundle).expect("starts");
    let opened = {
        let sent = alice.encrypt(&bob.address(), b"new session");
        bob.try_decrypt(&alice.address(), &sent).expect("opens")
    };
    let notice = Notice::NewSession {
        replaces_another: true,
    };
    assert_eq!(opened.notices, [notice]);
    assert_eq!(bob.decrypt(&alice.address(), &late), b"late");
    pass(&mut bob, &mut alice, b"on the old one again");
}

#[test]
fn a_session_that_was_put_aside_seals_no_more_and_still_opens() {
    let (mut alice, mut bob) = acquainted(SessionKind::X3dh);
    let late = bob.encrypt(&alice.address(), b"late");
    let archived = alice
        .device
        .archive_session(&mut alice.store, &bob.address());
    assert_eq!(archived, Ok(()));
    assert_eq!(
        alice.try_encrypt(&bob.address(), b"x").err(),
        Some(DeviceError::Session(SessionError::NoSession))
    );
    assert_eq!(alice.decrypt(&bob.address(), &late), b"late");
    pass(&mut alice, &mut bob, b"in use again");
}

#[test]
fn a_message_of_an_archived_session_that_comes_again_is_told_as_such() {
    let (mut alice, mut bob) = acquainted(SessionKind::PqxdhWithRatchet);
    let old = alice.encrypt(&bob.address(), b"old");
    bob.decrypt(&alice.address(), &old);
    for _ in 0..2 {
        let bundle = bob.bundle(OneTime::Both);
        alice.start(&bob.address(), &bundle).expect("starts");
        pass(&mut alice, &mut bob, b"on a new session");
    }
    assert_eq!(
        bob.try_decrypt(&alice.address(), &old).err(),
        Some(DeviceError::Session(SessionError::Duplicate))
    );
}

#[test]
fn forty_sessions_are_kept_beside_the_one_in_use() {
    let (mut alice, mut bob) = acquainted(SessionKind::X3dh);
    let oldest = alice.encrypt(&bob.address(), b"of the first session");
    let mut second = None;
    for round in 0..41 {
        let bundle = bob.bundle(OneTime::Both);
        alice.start(&bob.address(), &bundle).expect("starts");
        pass(&mut alice, &mut bob, b"new");
        if round == 0 {
            second = Some(alice.encrypt(&bob.address(), b"of the second"));
        }
    }
    assert_eq!(record(&bob, &alice).archived_count(), 40);
    assert_eq!(
        bob.try_decrypt(&alice.address(), &oldest).err(),
        Some(DeviceError::Session(SessionError::Invalid))
    );
    let second = second.expect("sealed in the first round");
    assert_eq!(bob.decrypt(&alice.address(), &second), b"of the second");
}
