//! Counts of attempts at credentials.

use super::scenarios;
use crate::support::{read, write};
use keyward_model::{AttemptCount, AttemptLimit, Digest, Timestamp};
use keyward_store::{Error, Housekeeping, TenantScope, TenantTx};
use keyward_testkit::{TestDatabase, new_tenant};

scenarios!(
    what_is_kept_is_found_and_held_again,
    what_is_held_and_not_kept_is_as_if_nobody_had_looked,
    asvs_v6_3_1_of_many_at_once_as_many_are_counted_as_fit,
    counts_whose_time_is_over_are_pruned_oldest_first,
    a_count_without_an_end_stays_until_it_is_forgotten,
    counts_ask_for_no_event,
);

const LIMIT: AttemptLimit = AttemptLimit {
    attempts_max: 5,
    window_seconds: 900,
};
const ONE: Digest = Digest([1; 32]);
const OTHER: Digest = Digest([2; 32]);

fn counted(now: Timestamp, times: usize) -> AttemptCount {
    let mut count = AttemptCount::default();
    (0..times).for_each(|_| count.count(LIMIT, now));
    count
}

async fn what_is_kept_is_found_and_held_again(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let now = database.now();
    write(&database, &scope, async move |tx| {
        let none = [AttemptCount::default(), AttemptCount::default()];
        assert_eq!(tx.find_attempts(&[ONE, OTHER]).await?, none);
        assert_eq!(tx.hold_attempts(&[ONE, OTHER], now).await?, none);
        tx.keep_attempts(OTHER, &counted(now, 3), Some(now)).await
    })
    .await;
    let found = [AttemptCount::default(), counted(now, 3)];
    let expected = found.clone();
    let seen = read(&database, &scope, async move |tx| {
        tx.find_attempts(&[ONE, OTHER]).await
    });
    assert_eq!(seen.await, expected);
    write(&database, &scope, async move |tx| {
        // In the order in which they are asked for.
        let [one, other] = found;
        assert_eq!(tx.hold_attempts(&[OTHER, ONE], now).await?, [other, one]);
        Ok(())
    })
    .await;
}

async fn what_is_held_and_not_kept_is_as_if_nobody_had_looked(database: TestDatabase) {
    let (scope, tenant) = new_tenant(&database, "tenant").await;
    let (before, now) = (database.rows_of_tenant(tenant.id).await, database.now());
    let refused = database
        .store
        .write(&scope, async move |tx: &mut TenantTx<'_>| {
            tx.hold_attempts(&[ONE, OTHER], now).await?;
            tx.keep_attempts(ONE, &counted(now, 1), None).await?;
            Err::<(), _>(Error::Unavailable("refused".to_owned()))
        });
    assert!(refused.await.is_err());
    assert_eq!(database.rows_of_tenant(tenant.id).await, before);
}

/// Counts an attempt if there is room in both windows.
async fn attempt(database: &TestDatabase, scope: &TenantScope, digests: [Digest; 2]) -> bool {
    let now = database.now();
    let counting = database
        .store
        .write(scope, async move |tx: &mut TenantTx<'_>| {
            let mut held = tx.hold_attempts(&digests, now).await?;
            let full =
                |count: &AttemptCount| count.standing(LIMIT, now).retry_after_micros.is_some();
            if held.iter().any(full) {
                return Err(Error::Unavailable("too many".to_owned()));
            }
            for (digest, count) in digests.into_iter().zip(&mut held) {
                count.count(LIMIT, now);
                tx.keep_attempts(digest, count, None).await?;
            }
            Ok(())
        });
    match counting.await {
        Ok(()) => true,
        Err(Error::Unavailable(words)) if words == "too many" => false,
        Err(error) => panic!("{error}"),
    }
}

async fn asvs_v6_3_1_of_many_at_once_as_many_are_counted_as_fit(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    // Every one of them also counts in a window of its own, which has room; some of those are shared by two.
    let attempts =
        (0..60_u8).map(|nth| attempt(&database, &scope, [Digest([10 + nth / 2; 32]), ONE]));
    let counted = futures_util::future::join_all(attempts).await;
    assert_eq!(counted.iter().filter(|counted| **counted).count(), 5);
    let total = read(&database, &scope, async move |tx| {
        let own: Vec<Digest> = (0..30).map(|nth| Digest([10 + nth; 32])).collect();
        Ok((
            tx.find_attempts(&own).await?,
            tx.find_attempts(&[ONE]).await?,
        ))
    });
    let (own, shared) = total.await;
    assert_eq!(shared[0].failures(), 5);
    let own: i64 = own.iter().map(AttemptCount::failures).sum();
    assert_eq!(own, 5, "the refused are in none of the windows");
}

async fn counts_whose_time_is_over_are_pruned_oldest_first(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let now = database.now();
    write(&database, &scope, async move |tx| {
        for (digest, end) in [(ONE, now.plus_seconds(2)), (OTHER, now.plus_seconds(1))] {
            tx.hold_attempts(&[digest], end).await?;
            tx.keep_attempts(digest, &counted(now, 1), Some(end))
                .await?;
        }
        assert_eq!(tx.prune_attempts(now, 9).await?, 0);
        assert_eq!(tx.prune_attempts(now.plus_seconds(2), 1).await?, 1);
        let left = tx.find_attempts(&[ONE, OTHER]).await?;
        assert_eq!(left, [counted(now, 1), AttemptCount::default()]);
        assert_eq!(tx.prune_attempts(now.plus_seconds(2), 9).await?, 1);
        Ok(())
    })
    .await;
}

async fn a_count_without_an_end_stays_until_it_is_forgotten(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let now = database.now();
    write(&database, &scope, async move |tx| {
        tx.hold_attempts(&[ONE], now).await?;
        tx.keep_attempts(ONE, &counted(now, 4), None).await?;
        let ages = now.plus_seconds(1_000_000_000);
        assert_eq!(tx.prune_attempts(ages, 9).await?, 0);
        assert_eq!(tx.forget_attempts(ONE).await?, Some(counted(now, 4)));
        assert_eq!(tx.forget_attempts(ONE).await?, None);
        Ok(())
    })
    .await;
}

async fn counts_ask_for_no_event(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let now = database.now();
    let counting = database
        .store
        .write(&scope, async move |tx: &mut TenantTx<'_>| {
            tx.hold_attempts(&[ONE], now).await?;
            tx.keep_attempts(ONE, &counted(now, 1), Some(now)).await?;
            tx.hold_attempts(&[OTHER], now).await?;
            tx.forget_attempts(OTHER).await?;
            tx.prune_attempts(now, 9).await?;
            Ok::<_, Error>(())
        });
    counting.await.unwrap();
    // Bookkeeping beside it is not disturbed either.
    let touching = Housekeeping::TouchSessions(vec![]);
    database.store.housekeeping(&scope, touching).await.unwrap();
}
