use super::world::{KINDS, OneTime, acquainted, strangers};
use crate::session::SessionError;
use crate::{Ciphertext, CiphertextKind, DeviceError, HandshakeError, SessionKind, WireError};

#[test]
fn every_changed_byte_is_refused_and_changes_nothing() {
    for kind in KINDS {
        let (mut alice, mut bob) = acquainted(kind);
        let sent = alice.encrypt(&bob.address(), b"text");
        let before = bob.stored();
        for at in 0..sent.body.len() {
            for flipped in [1, 0x80] {
                let mut changed = sent.clone();
                changed.body[at] ^= flipped;
                // The first byte's low half is under the MAC too.
                assert!(
                    bob.try_decrypt(&alice.address(), &changed).is_err(),
                    "byte {at}"
                );
            }
        }
        assert_eq!(bob.stored(), before);
        assert_eq!(bob.decrypt(&alice.address(), &sent), b"text");
        assert_eq!(
            bob.try_decrypt(&alice.address(), &sent).err(),
            Some(DeviceError::Session(SessionError::Duplicate))
        );
    }
}

#[test]
fn cut_off_and_lengthened_messages_are_refused() {
    let (mut alice, mut bob) = acquainted(SessionKind::PqxdhWithRatchet);
    let sent = alice.encrypt(&bob.address(), b"text");
    for length in 0..sent.body.len() {
        let cut = Ciphertext {
            kind: sent.kind,
            body: sent.body[..length].to_vec(),
        };
        assert!(bob.try_decrypt(&alice.address(), &cut).is_err());
    }
    let mut longer = sent;
    longer.body.push(0);
    assert!(bob.try_decrypt(&alice.address(), &longer).is_err());
}

#[test]
fn other_versions_are_refused() {
    let (mut alice, mut bob) = acquainted(SessionKind::X3dh);
    let mut sent = alice.encrypt(&bob.address(), b"text");
    assert_eq!(sent.body[0], 0x34);
    sent.body[0] = 0x24;
    assert_eq!(
        bob.try_decrypt(&alice.address(), &sent).err(),
        Some(DeviceError::Wire(WireError::Version(2)))
    );
    sent.body[0] = 0x44;
    assert_eq!(
        bob.try_decrypt(&alice.address(), &sent).err(),
        Some(DeviceError::Session(SessionError::Invalid))
    );
}

#[test]
fn bad_signatures_in_a_bundle_are_refused() {
    let (mut alice, mut bob) = strangers(SessionKind::PqxdhWithRatchet);
    let good = bob.bundle(OneTime::Both);
    let mut bad = good.clone();
    bad.signed_pre_key.signature[5] ^= 1;
    let refused = |error| Err(DeviceError::Handshake(error));
    assert_eq!(
        alice.start(&bob.address(), &bad),
        refused(HandshakeError::SignedPreKeySignature)
    );
    let mut bad = good.clone();
    if let Some(kem) = &mut bad.kem_pre_key {
        kem.signature.pop();
    }
    assert_eq!(
        alice.start(&bob.address(), &bad),
        refused(HandshakeError::KemPreKeySignature)
    );
    assert_eq!(alice.stored().len(), 0);
    assert!(alice.start(&bob.address(), &good).is_ok());
}

#[test]
fn a_message_without_a_session_is_refused() {
    let (mut alice, mut bob) = acquainted(SessionKind::X3dh);
    let sent = alice.encrypt(&bob.address(), b"text");
    let (_, mut stranger) = strangers(SessionKind::X3dh);
    assert_eq!(
        stranger.try_decrypt(&alice.address(), &sent).err(),
        Some(DeviceError::Session(SessionError::NoSession))
    );
    let mislabelled = Ciphertext {
        kind: CiphertextKind::PreKey,
        body: sent.body,
    };
    assert!(bob.try_decrypt(&alice.address(), &mislabelled).is_err());
}
