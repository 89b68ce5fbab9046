//! What a token is worth, and every way in which several of them can meet.

mod exploration;

use super::{FamilyEnd, FamilyRevoked, TokenFamily, TokenWorth};
use crate::{Digest, Id, Timestamp};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(0).plus_seconds(seconds)
}

fn family() -> TokenFamily {
    TokenFamily {
        id: Id::from_uuid(uuid::Uuid::nil()),
        session_id: Id::from_uuid(uuid::Uuid::nil()),
        client_id: "first-party".to_owned(),
        digest: Digest([1; 32]),
        generation: 1,
        issued_at: at(0),
        rotated_at: None,
        expires_at: at(3_600),
        revoked: None,
    }
}

#[test]
fn asvs_v10_4_5_a_token_is_good_once_and_repeated_for_ten_seconds() {
    let first = family();
    assert_eq!(first.worth_of(1, at(5)), TokenWorth::Current);
    let second = first.rotated(Digest([2; 32]), at(5));
    assert_eq!((second.generation, second.digest), (2, Digest([2; 32])));
    assert_eq!(second.worth_of(2, at(5)), TokenWorth::Current);
    assert_eq!(second.worth_of(1, at(5)), TokenWorth::JustExchanged);
    let last = at(15).plus_micros(-1);
    assert_eq!(second.worth_of(1, last), TokenWorth::JustExchanged);
    assert_eq!(second.worth_of(1, at(15)), TokenWorth::Reused);
    let third = second.rotated(Digest([3; 32]), at(6));
    assert_eq!(third.worth_of(2, at(7)), TokenWorth::JustExchanged);
    assert_eq!(third.worth_of(1, at(7)), TokenWorth::Reused);
}

#[test]
fn asvs_v10_4_8_a_family_is_over_at_its_end_however_it_comes() {
    let expired = family();
    let last = at(3_600).plus_micros(-1);
    assert_eq!(expired.worth_of(1, last), TokenWorth::Current);
    assert_eq!(expired.worth_of(1, at(3_600)), TokenWorth::Over);
    let mut revoked = family().rotated(Digest([2; 32]), at(1));
    revoked.revoked = Some(FamilyRevoked {
        at: at(2),
        reason: FamilyEnd::Reused,
    });
    for generation in 1..=2 {
        assert_eq!(revoked.worth_of(generation, at(2)), TokenWorth::Over);
    }
}
