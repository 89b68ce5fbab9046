use super::world::{ALICE, BOB, KINDS, OneTime, Party, acquainted, pass, strangers};
use crate::decryption_error::{DecryptionError, MessageKind};
use crate::session::SessionError;
use crate::{DeviceError, Due, IdentityKeyPair, Notice, Policy, SessionKind, Slot, Store};

#[test]
fn a_changed_identity_is_an_error_until_it_is_accepted() {
    let (mut alice, mut bob) = acquainted(SessionKind::PqxdhWithRatchet);
    let mut reborn = Party::new(BOB, SessionKind::PqxdhWithRatchet, 99);
    let new_key = *reborn.device.identity.public();
    let changed = DeviceError::IdentityChanged {
        trusted: Some(*bob.device.identity.public()),
        presented: new_key,
    };
    let bundle = reborn.bundle(OneTime::Both);
    let before = alice.stored();
    assert_eq!(alice.start(&bob.address(), &bundle), Err(changed.clone()));
    let for_reborn = alice.bundle(OneTime::Both);
    let before_bundle = before;
    reborn.start(&alice.address(), &for_reborn).expect("starts");
    let sent = reborn.encrypt(&alice.address(), b"it is me");
    let before = alice.stored();
    assert_eq!(
        alice.try_decrypt(&bob.address(), &sent).err(),
        Some(changed)
    );
    assert_eq!(alice.stored(), before);
    assert!(before_bundle.len() < before.len());

    let from_the_old = bob.encrypt(&alice.address(), b"old");
    alice
        .device
        .accept_identity(&mut alice.store, BOB, &new_key)
        .expect("memory");
    assert_eq!(
        alice.try_encrypt(&bob.address(), b"x").err(),
        Some(DeviceError::Session(SessionError::NoSession)),
        "the session is with the identity before"
    );
    assert!(matches!(
        alice.try_decrypt(&bob.address(), &from_the_old).err(),
        Some(DeviceError::IdentityChanged { .. })
    ));
    assert_eq!(alice.decrypt(&bob.address(), &sent), b"it is me");
    pass(&mut alice, &mut reborn, b"welcome back");
}

#[test]
fn the_first_identity_is_trusted_and_told() {
    let (mut alice, mut bob) = strangers(SessionKind::X3dh);
    let bundle = bob.bundle(OneTime::Both);
    let notices = alice.start(&bob.address(), &bundle).expect("starts");
    assert_eq!(
        notices,
        [Notice::FirstIdentity(*bob.device.identity.public())]
    );
    let sent = alice.encrypt(&bob.address(), b"x");
    let opened = bob.try_decrypt(&alice.address(), &sent).expect("opens");
    let expected = [
        Notice::FirstIdentity(*alice.device.identity.public()),
        Notice::NewSession {
            replaces_another: false,
        },
    ];
    assert_eq!(opened.notices, expected);
}

#[test]
fn a_message_for_another_address_is_refused() {
    let (mut alice, mut bob) = strangers(SessionKind::PqxdhWithRatchet);
    let bundle = bob.bundle(OneTime::Both);
    alice.start(&bob.address(), &bundle).expect("starts");
    let sent = alice.encrypt(&bob.address(), b"text");
    let claimed = Party::new(
        "6838237d-02f6-4098-b110-698253d15961",
        SessionKind::Pqxdh,
        4,
    );
    assert_eq!(
        bob.try_decrypt(&claimed.address(), &sent).err(),
        Some(DeviceError::Session(SessionError::OtherAddresses))
    );
    assert_eq!(bob.decrypt(&alice.address(), &sent), b"text");
    assert_eq!(bob.address().name(), BOB);
    assert_eq!(alice.address().name(), ALICE);
}

#[test]
fn sessions_weaker_than_the_policy_are_refused() {
    let (mut alice, mut bob) = strangers(SessionKind::Pqxdh);
    bob.device.policy.minimum = SessionKind::PqxdhWithRatchet;
    let bundle = bob.bundle(OneTime::Both);
    alice.start(&bob.address(), &bundle).expect("starts");
    let sent = alice.encrypt(&bob.address(), b"x");
    let too_weak = Some(DeviceError::TooWeak {
        kind: SessionKind::Pqxdh,
        minimum: SessionKind::PqxdhWithRatchet,
    });
    assert_eq!(bob.try_decrypt(&alice.address(), &sent).err(), too_weak);
    alice.device.policy.minimum = SessionKind::PqxdhWithRatchet;
    assert_eq!(alice.try_encrypt(&bob.address(), b"x").err(), too_weak);

    let (mut alice, mut bob) = strangers(SessionKind::PqxdhWithRatchet);
    let mut bundle = bob.bundle(OneTime::Both);
    bundle.kem_pre_key = None;
    assert!(matches!(
        alice.start(&bob.address(), &bundle),
        Err(DeviceError::TooWeak {
            kind: SessionKind::X3dh,
            ..
        })
    ));
}

#[test]
fn a_session_says_when_it_has_served_long_enough() {
    let (mut alice, bob) = acquainted(SessionKind::X3dh);
    alice.now_seconds += 168 * 3600 - 1;
    let notices = alice
        .try_encrypt(&bob.address(), b"x")
        .expect("encrypts")
        .notices;
    assert_eq!(notices, []);
    alice.now_seconds += 1;
    let notices = alice
        .try_encrypt(&bob.address(), b"x")
        .expect("encrypts")
        .notices;
    assert_eq!(notices, [Notice::FreshSessionDue(Due::Lifetime)]);

    let (mut alice, mut bob) = acquainted(SessionKind::X3dh);
    for _ in 0..499 {
        pass(&mut alice, &mut bob, b"x");
        pass(&mut bob, &mut alice, b"x");
    }
    let notices = alice
        .try_encrypt(&bob.address(), b"x")
        .expect("encrypts")
        .notices;
    assert_eq!(notices, [Notice::FreshSessionDue(Due::Messages)]);
}

#[test]
fn a_session_that_is_not_answered_ends_after_30_days() {
    let (mut alice, mut bob) = strangers(SessionKind::X3dh);
    let bundle = bob.bundle(OneTime::Both);
    alice.start(&bob.address(), &bundle).expect("starts");
    alice.now_seconds += 30 * 24 * 3600;
    assert!(alice.try_encrypt(&bob.address(), b"x").is_ok());
    alice.now_seconds += 1;
    assert_eq!(
        alice.try_encrypt(&bob.address(), b"x").err(),
        Some(DeviceError::Session(SessionError::Unacknowledged))
    );
}

#[test]
fn a_decryption_error_resets_the_session_in_use_and_no_other() {
    let (mut alice, mut bob) = acquainted(SessionKind::PqxdhWithRatchet);
    let sent = alice.encrypt(&bob.address(), b"lost");
    let message = crate::SessionMessage::from_bytes(&sent.body).expect("a message");
    let other = *IdentityKeyPair::generate(&mut crate::fixture::rng(5)).public();
    let reset = |alice: &mut Party, key| {
        let remote = bob.device.address.clone();
        alice
            .device
            .reset_after_decryption_error(&mut alice.store, &remote, key)
    };
    assert_eq!(reset(&mut alice, &other), Ok(None));
    assert_eq!(
        reset(&mut alice, message.ratchet_key()),
        Ok(Some(Notice::SessionReset))
    );
    assert_eq!(reset(&mut alice, message.ratchet_key()), Ok(None));
    assert_eq!(
        alice.try_encrypt(&bob.address(), b"again").err(),
        Some(DeviceError::Session(SessionError::NoSession))
    );
    let bundle = bob.bundle(OneTime::Both);
    alice.start(&bob.address(), &bundle).expect("starts");
    pass(&mut alice, &mut bob, b"again");
}

#[test]
fn a_device_that_lost_its_sessions_comes_back_by_itself_and_visibly() {
    for kind in KINDS {
        let (mut alice, mut bob) = acquainted(kind);
        let slot = Slot::Session(alice.address());
        bob.store
            .commit(vec![crate::Change::Remove(slot)])
            .expect("memory");
        let lost = alice.encrypt(&bob.address(), b"lost");
        assert_eq!(
            bob.try_decrypt(&alice.address(), &lost).err(),
            Some(DeviceError::Session(SessionError::NoSession))
        );
        let device_id = alice.device.address.device_id();
        let complaint = DecryptionError::of_message(MessageKind::Session, &lost.body, 7, device_id);
        let complaint = complaint.expect("a message").to_plaintext_content();

        let complaint = DecryptionError::from_plaintext_content(&complaint).expect("a complaint");
        let key = complaint.ratchet_key.expect("of a session's message");
        let reset =
            alice
                .device
                .reset_after_decryption_error(&mut alice.store, &bob.address(), &key);
        assert_eq!(reset, Ok(Some(Notice::SessionReset)));
        let bundle = bob.bundle(OneTime::Both);
        alice.start(&bob.address(), &bundle).expect("starts");
        let again = alice.encrypt(&bob.address(), b"lost");
        let opened = bob.try_decrypt(&alice.address(), &again).expect("opens");
        assert_eq!(opened.plaintext.as_slice(), b"lost");
        assert!(matches!(opened.notices[..], [Notice::NewSession { .. }]));
        pass(&mut bob, &mut alice, b"here again");
    }
}

#[test]
fn without_pqxdh_a_bundles_kem_key_is_left_alone() {
    let (mut alice, mut bob) = strangers(SessionKind::PqxdhWithRatchet);
    alice.device.policy = Policy::only(SessionKind::X3dh);
    bob.device.policy.minimum = SessionKind::X3dh;
    let mut bundle = bob.bundle(OneTime::Both);
    if let Some(kem) = &mut bundle.kem_pre_key {
        kem.signature.clear();
    }
    alice.start(&bob.address(), &bundle).expect("starts");
    pass(&mut alice, &mut bob, b"of version 3");
    pass(&mut bob, &mut alice, b"the same");
    let kept = bob.store.load(&Slot::KemPreKey(1)).expect("memory");
    assert!(kept.is_some(), "nobody used it");
}
