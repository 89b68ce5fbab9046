use super::{Session, SessionError, SetUp};
use crate::fixture::rng;
use crate::handshake::Agreed;
use crate::keys::KeyPair;
use crate::policy::SessionKind;
use crate::ratchet::RootKey;
use crate::secret::Secret;
use crate::spqr::SpqrError;
use crate::wire::Version;

fn responded(kind: SessionKind) -> Session {
    let pair = KeyPair::generate(&mut rng(1));
    let set_up = SetUp {
        version: Version::V4,
        base_key: *pair.public(),
        local_identity: *pair.public(),
        remote_identity: *pair.public(),
        local_registration_id: 1,
        remote_registration_id: 2,
        created_at: 0,
    };
    let secret = || Secret::from_slice(&[1; 32]).expect("32 bytes");
    let agreed = Agreed {
        root: RootKey(secret()),
        pq_key: Some(secret()),
    };
    Session::responded(set_up, agreed, pair, kind)
}

#[test]
fn a_session_has_the_post_quantum_ratchet_in_every_message_or_in_none() {
    let mut without = responded(SessionKind::Pqxdh);
    let mut with = responded(SessionKind::PqxdhWithRatchet);
    assert_eq!(without.kind(), SessionKind::Pqxdh);
    assert!(matches!(without.receive_pq(&[]), Ok(None)));
    assert_eq!(without.receive_pq(&[1]).err(), Some(SessionError::Invalid));
    assert_eq!(with.receive_pq(&[]).err(), Some(SessionError::Invalid));
}

#[test]
fn what_the_post_quantum_ratchet_refuses_is_told_as_the_session_tells_it() {
    for (refused, told) in [
        (SpqrError::KeyUsed, SessionError::Duplicate),
        (SpqrError::TooFarAhead, SessionError::TooFarAhead),
        (SpqrError::Exhausted, SessionError::Exhausted),
        (SpqrError::Corrupt, SessionError::Corrupt),
        (SpqrError::Malformed, SessionError::Invalid),
        (SpqrError::NotAuthentic, SessionError::Invalid),
        (SpqrError::EpochUnknown, SessionError::Invalid),
    ] {
        assert_eq!(SessionError::from(refused), told);
    }
}
