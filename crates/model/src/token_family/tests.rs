//! What a token is worth, and every way in which several of them can meet.

mod exploration;

use super::{FamilyEnd, FamilyRevoked, TokenAge, TokenFamily, TokenWorth};
use crate::{Digest, Id, Timestamp};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(0).plus_seconds(seconds)
}

fn family() -> TokenFamily {
    TokenFamily {
        id: Id::from_uuid(uuid::Uuid::nil()),
        session_id: Id::from_uuid(uuid::Uuid::nil()),
        client_id: "first-party".to_owned(),
        selector: Digest([0xaa; 32]),
        generation: 1,
        digest: Digest([1; 32]),
        previous: None,
        issued_at: at(0),
        rotated_at: None,
        expires_at: at(3_600),
        revoked: None,
    }
}

fn worth(family: &TokenFamily, token: u8, now: Timestamp) -> TokenWorth {
    family.worth_of(family.age_of(&Digest([token; 32])), now)
}

#[test]
fn asvs_v10_4_5_a_token_is_good_once_and_repeated_for_ten_seconds() {
    let first = family();
    assert_eq!(worth(&first, 1, at(5)), TokenWorth::Current);
    let second = first.rotated(Digest([2; 32]), at(5));
    assert_eq!((second.generation, second.digest), (2, Digest([2; 32])));
    assert_eq!(worth(&second, 2, at(5)), TokenWorth::Current);
    assert_eq!(worth(&second, 1, at(5)), TokenWorth::JustExchanged);
    let last = at(15).plus_micros(-1);
    assert_eq!(worth(&second, 1, last), TokenWorth::JustExchanged);
    assert_eq!(worth(&second, 1, at(15)), TokenWorth::Reused);
    let third = second.rotated(Digest([3; 32]), at(6));
    assert_eq!(worth(&third, 2, at(7)), TokenWorth::JustExchanged);
    assert_eq!(worth(&third, 1, at(7)), TokenWorth::Reused);
}

#[test]
fn what_has_the_selector_and_was_never_issued_is_the_work_of_somebody_who_had_a_token() {
    for family in [family(), family().rotated(Digest([2; 32]), at(5))] {
        assert_eq!(family.age_of(&Digest([9; 32])), TokenAge::Older);
        assert_eq!(worth(&family, 9, at(6)), TokenWorth::Reused);
    }
}

#[test]
fn asvs_v10_4_8_a_family_is_over_at_its_end_however_it_comes() {
    let expired = family();
    let last = at(3_600).plus_micros(-1);
    assert_eq!(worth(&expired, 1, last), TokenWorth::Current);
    assert_eq!(worth(&expired, 1, at(3_600)), TokenWorth::Over);
    let mut revoked = family().rotated(Digest([2; 32]), at(1));
    revoked.revoked = Some(FamilyRevoked {
        at: at(2),
        reason: FamilyEnd::Reused,
    });
    for token in 1..=3 {
        assert_eq!(worth(&revoked, token, at(2)), TokenWorth::Over);
    }
}
