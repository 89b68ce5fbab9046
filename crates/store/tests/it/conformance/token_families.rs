//! Families of refresh tokens: what the store does to them is what [`TokenFamily`] says.

use super::scenarios;
use crate::support::{read, write};
use keyward_model::{
    Digest, ExchangeSubject, FamilyEnd, FamilyRevoked, Random, RefreshAnswer, RefreshTokenDigests,
    SealedBytes, TokenAge, TokenFamily, repeats_until,
};
use keyward_store::TenantScope;
use keyward_testkit::{TestDatabase, new_session, new_tenant, new_user, unsaved_token_family};
use std::iter::repeat;
use std::time::Duration;

scenarios!(
    a_family_rotates_as_its_type_says,
    only_what_was_seen_is_rotated,
    a_revoked_family_stays_revoked,
    answers_are_erased_at_their_time,
    a_family_goes_with_its_session,
);

async fn a_family_rotates_as_its_type_says(database: TestDatabase) {
    let (scope, mut family) = new_family(&database).await;
    let mut digests = vec![family.digest];
    for _ in 0..5 {
        let now = database.clock.advance(Duration::from_secs(3));
        let (next, answer) = (digest(&database), answer(&database));
        assert!(rotate(&database, &scope, &family, next, &answer).await);
        family = family.rotated(next, now);
        digests.push(next);
        let ages = [TokenAge::Current, TokenAge::Previous];
        let ages = ages.into_iter().chain(repeat(TokenAge::Older));
        for (presented, age) in digests.iter().rev().zip(ages) {
            let found = find(&database, &scope, &family, *presented).await.unwrap();
            assert_eq!((&found.family, found.age), (&family, age));
            // The answer is there for the one that was exchanged last.
            let kept = (age == TokenAge::Previous).then(|| answer.sealed.clone());
            assert_eq!(found.answer, kept);
            assert_eq!(found.session.id, family.session_id);
            assert_eq!(found.session.user_id, found.user.id);
        }
    }
    let unknown = TokenFamily {
        selector: digest(&database),
        ..family
    };
    let found = find(&database, &scope, &unknown, unknown.digest).await;
    assert!(found.is_none());
}

async fn only_what_was_seen_is_rotated(database: TestDatabase) {
    let (scope, seen) = new_family(&database).await;
    let answer = answer(&database);
    let (next, late) = (digest(&database), digest(&database));
    assert!(rotate(&database, &scope, &seen, next, &answer).await);
    let now = seen.rotated(next, answer.given_at);
    assert!(!rotate(&database, &scope, &seen, late, &answer).await);
    let found = find(&database, &scope, &seen, next).await.unwrap();
    assert_eq!((&found.family, found.age), (&now, TokenAge::Current));
    let lost = find(&database, &scope, &seen, late).await.unwrap();
    assert_eq!((lost.age, lost.answer), (TokenAge::Older, None));
    let over = RefreshAnswer {
        given_at: seen.expires_at,
        ..answer
    };
    assert!(!rotate(&database, &scope, &now, late, &over).await);
}

async fn a_revoked_family_stays_revoked(database: TestDatabase) {
    let (scope, family) = new_family(&database).await;
    let (next, answer) = (digest(&database), answer(&database));
    assert!(rotate(&database, &scope, &family, next, &answer).await);
    let at = database.now();
    let [reused, given_back] =
        [FamilyEnd::Reused, FamilyEnd::Revoked].map(|reason| FamilyRevoked { at, reason });
    let expected = TokenFamily {
        revoked: Some(reused),
        ..family.rotated(next, answer.given_at)
    };
    let revoked = revoke(&database, &scope, &family, reused).await;
    assert_eq!(revoked.as_ref(), Some(&expected));
    let again = revoke(&database, &scope, &family, given_back).await;
    assert_eq!(again, None);
    let late = digest(&database);
    assert!(!rotate(&database, &scope, &expected, late, &answer).await);
    let found = find(&database, &scope, &family, family.digest)
        .await
        .unwrap();
    assert_eq!((found.family, found.answer), (expected, None));
}

async fn answers_are_erased_at_their_time(database: TestDatabase) {
    let (scope, family) = new_family(&database).await;
    let answer = answer(&database);
    let next = digest(&database);
    assert!(rotate(&database, &scope, &family, next, &answer).await);
    let until = repeats_until(answer.given_at);
    for (now, kept) in [(until.plus_micros(-1), true), (until, false)] {
        // It needs no event.
        write(&database, &scope, async move |tx| {
            tx.erase_refresh_answers(now).await
        })
        .await;
        let found = find(&database, &scope, &family, family.digest)
            .await
            .unwrap();
        assert_eq!(found.answer.is_some(), kept);
    }
}

async fn a_family_goes_with_its_session(database: TestDatabase) {
    let (scope, family) = new_family(&database).await;
    let next = digest(&database);
    assert!(rotate(&database, &scope, &family, next, &answer(&database)).await);
    let found = find(&database, &scope, &family, next).await.unwrap();
    let after = found.session.expires_at.plus_micros(1);
    let deleted = write(&database, &scope, async move |tx| {
        tx.delete_expired_sessions(after, 10).await
    });
    assert_eq!(deleted.await, 1);
    for table in ["token_families", "refresh_answers"] {
        let tenant = database.id_literal(scope.tenant_id());
        let query = format!("SELECT COUNT(*) FROM {table} WHERE tenant_id = {tenant}");
        assert_eq!(database.admin_count(&query).await, 0, "{table}");
    }
}

async fn new_family(database: &TestDatabase) -> (TenantScope, TokenFamily) {
    let (scope, _) = new_tenant(database, "tenant").await;
    let user = new_user(database, &scope).await;
    let session = new_session(database, &scope, user.id).await;
    let family = unsaved_token_family(database, session.id);
    let kept = family.clone();
    write(database, &scope, async move |tx| {
        tx.insert_token_family(&kept).await
    })
    .await;
    (scope, family)
}

fn digest(database: &TestDatabase) -> Digest {
    let mut bytes = [0; 32];
    database.random.fill(&mut bytes);
    Digest(bytes)
}

fn answer(database: &TestDatabase) -> RefreshAnswer {
    RefreshAnswer {
        given_at: database.now(),
        sealed: SealedBytes(digest(database).0.to_vec()),
    }
}

async fn rotate(
    database: &TestDatabase,
    scope: &TenantScope,
    family: &TokenFamily,
    next: Digest,
    answer: &RefreshAnswer,
) -> bool {
    let (family, answer) = (family.clone(), answer.clone());
    write(database, scope, async move |tx| {
        tx.rotate_token_family(&family, next, &answer).await
    })
    .await
}

async fn revoke(
    database: &TestDatabase,
    scope: &TenantScope,
    family: &TokenFamily,
    end: FamilyRevoked,
) -> Option<TokenFamily> {
    let id = family.id;
    write(database, scope, async move |tx| {
        tx.revoke_token_family(id, end).await
    })
    .await
}

async fn find(
    database: &TestDatabase,
    scope: &TenantScope,
    family: &TokenFamily,
    token: Digest,
) -> Option<ExchangeSubject> {
    let selector = family.selector;
    read(database, scope, async move |tx| {
        let presented = RefreshTokenDigests { selector, token };
        tx.find_exchange_subject(presented).await
    })
    .await
}
