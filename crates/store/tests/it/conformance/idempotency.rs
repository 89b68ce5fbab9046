//! Requests that are done once.

use super::scenarios;
use crate::support::write;
use keyward_model::{Digest, KeptAnswer, KeptContent, OnceRequest};
use keyward_testkit::{TestDatabase, new_tenant};

scenarios!(
    a_key_is_taken_once_and_its_answer_kept,
    keys_of_others_and_for_other_routes_are_other_keys,
    a_key_is_free_again_after_its_time,
    a_key_that_is_given_back_is_free,
    keys_are_pruned_oldest_first_when_their_time_is_over,
    keys_ask_for_no_event,
);

fn request(database: &TestDatabase) -> OnceRequest {
    OnceRequest {
        principal: "user:1".into(),
        route: "POST /things".into(),
        key: "key".parse().unwrap(),
        digest: Digest([7; 32]),
        expires_at: database.now().plus_seconds(60),
    }
}

async fn a_key_is_taken_once_and_its_answer_kept(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let (once, now) = (request(&database), database.now());
    let id = database.mint::<()>().uuid();
    write(&database, &scope, async move |tx| {
        assert_eq!(tx.find_kept_answer(&once, now).await?, None);
        assert!(tx.claim_idempotency_key(&once, now).await?);
        assert!(!tx.claim_idempotency_key(&once, now).await?);
        for content in [KeptContent::Whole("{}".into()), KeptContent::Secret(id)] {
            tx.keep_answer(&once, &content).await?;
            let digest = once.digest;
            let kept = KeptAnswer { digest, content };
            assert_eq!(tx.find_kept_answer(&once, now).await?, Some(kept));
        }
        Ok(())
    })
    .await;
}

async fn keys_of_others_and_for_other_routes_are_other_keys(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let (once, now) = (request(&database), database.now());
    let mut others = [once.clone(), once.clone(), once.clone()];
    others[0].principal = "user:2".into();
    others[1].route = "POST /others".into();
    others[2].key = "KEY".parse().unwrap();
    write(&database, &scope, async move |tx| {
        assert!(tx.claim_idempotency_key(&once, now).await?);
        for other in &others {
            assert!(tx.claim_idempotency_key(other, now).await?, "{other:?}");
        }
        Ok(())
    })
    .await;
}

async fn a_key_is_free_again_after_its_time(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let (once, now) = (request(&database), database.now());
    write(&database, &scope, async move |tx| {
        tx.claim_idempotency_key(&once, now).await?;
        tx.keep_answer(&once, &KeptContent::Whole("{}".into()))
            .await?;
        let last = once.expires_at.plus_micros(-1);
        assert!(tx.find_kept_answer(&once, last).await?.is_some());
        assert!(!tx.claim_idempotency_key(&once, last).await?);
        let late = once.expires_at;
        assert_eq!(tx.find_kept_answer(&once, late).await?, None);
        assert!(tx.claim_idempotency_key(&once, late).await?);
        Ok(())
    })
    .await;
}

async fn a_key_that_is_given_back_is_free(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let (once, now) = (request(&database), database.now());
    write(&database, &scope, async move |tx| {
        tx.claim_idempotency_key(&once, now).await?;
        tx.release_idempotency_key(&once).await?;
        assert!(tx.claim_idempotency_key(&once, now).await?);
        Ok(())
    })
    .await;
}

async fn keys_are_pruned_oldest_first_when_their_time_is_over(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let now = database.now();
    let requests = [60, 61, 62].map(|seconds| OnceRequest {
        route: format!("POST /things/{seconds}"),
        expires_at: now.plus_seconds(seconds),
        ..request(&database)
    });
    write(&database, &scope, async move |tx| {
        for once in &requests {
            assert!(tx.claim_idempotency_key(once, now).await?);
            tx.keep_answer(once, &KeptContent::Whole("{}".into()))
                .await?;
        }
        let kept = requests[0].expires_at.plus_micros(-1);
        assert_eq!(tx.prune_idempotency_keys(kept, 9).await?, 0);
        let late = requests[1].expires_at;
        assert_eq!(tx.prune_idempotency_keys(late, 1).await?, 1);
        assert_eq!(tx.find_kept_answer(&requests[0], now).await?, None);
        assert!(tx.find_kept_answer(&requests[1], now).await?.is_some());
        assert_eq!(tx.prune_idempotency_keys(late, 9).await?, 1);
        assert_eq!(tx.find_kept_answer(&requests[1], now).await?, None);
        assert!(tx.find_kept_answer(&requests[2], now).await?.is_some());
        Ok(())
    })
    .await;
}

async fn keys_ask_for_no_event(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let (once, now) = (request(&database), database.now());
    let claimed = database.store.write(&scope, async move |tx| {
        tx.claim_idempotency_key(&once, now).await?;
        tx.keep_answer(&once, &KeptContent::Whole("{}".into()))
            .await?;
        tx.release_idempotency_key(&once).await?;
        tx.claim_idempotency_key(&once, now).await?;
        let pruned = tx.prune_idempotency_keys(once.expires_at, 9).await?;
        assert_eq!(pruned, 1);
        Ok(())
    });
    let claimed: Result<(), keyward_store::Error> = claimed.await;
    claimed.unwrap();
}
