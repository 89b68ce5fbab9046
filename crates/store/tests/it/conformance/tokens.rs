//! The denylist, the epoch of a tenant's sessions, and the figures.

use super::scenarios;
use crate::support::{read, write};
use keyward_model::{
    Digest, EndReason, Ended, Id, PageRequest, SessionId, Timestamp, TokenId, TokenKind,
    TokenUsage, TokenUse, UsageDay, UserId,
};
use keyward_store::{Housekeeping, TenantScope};
use keyward_testkit::{TestDatabase, new_session, new_tenant, new_user, unsaved_session};

scenarios!(
    a_token_is_admitted_until_it_stands_on_the_denylist,
    all_sessions_end_by_one_write,
    an_assertion_is_used_once_also_by_many_at_once,
    the_denylist_is_pruned_of_what_is_over,
    figures_add_up_by_day_kind_and_client,
);

async fn admits(
    database: &TestDatabase,
    scope: &TenantScope,
    session: SessionId,
    token: TokenId,
) -> bool {
    read(database, scope, async move |tx| {
        tx.admits_token(session, token).await
    })
    .await
}

async fn a_token_is_admitted_until_it_stands_on_the_denylist(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await;
    let session = new_session(&database, &scope, user.id).await;
    let (denied, other): (TokenId, TokenId) = (database.mint(), database.mint());
    assert!(admits(&database, &scope, session.id, denied).await);
    let expires_at = session.expires_at;
    write(&database, &scope, async move |tx| {
        assert!(tx.deny_access_token(denied, expires_at).await?);
        assert!(!tx.deny_access_token(denied, expires_at).await?, "it is");
        Ok(())
    })
    .await;
    assert!(!admits(&database, &scope, session.id, denied).await);
    assert!(admits(&database, &scope, session.id, other).await);
    let unknown = database.mint();
    assert!(!admits(&database, &scope, unknown, other).await);
}

/// What each statement that asks whether a session lives says of it.
async fn is_live(
    database: &TestDatabase,
    scope: &TenantScope,
    (user, session): (UserId, SessionId),
) -> [bool; 4] {
    let (now, token) = (database.now(), database.mint());
    let page = PageRequest::new(Some(200), None);
    let held = database
        .store
        .write::<_, keyward_store::Error, _>(scope, async move |tx| {
            Ok(tx.hold_session(user, session, now).await?.is_some())
        });
    let held = held.await.unwrap();
    let [own, active, admitted] = read(database, scope, async move |tx| {
        let own = tx.list_live_sessions(user, now, page).await?;
        let active = tx.list_active_sessions(now, page).await?;
        let is_it = |found: &keyward_model::Session| found.id == session;
        Ok([
            own.items.iter().any(is_it),
            active.items.iter().any(is_it),
            tx.admits_token(session, token).await?,
        ])
    })
    .await;
    [held, own, active, admitted]
}

async fn all_sessions_end_by_one_write(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let (other_scope, _) = new_tenant(&database, "other").await;
    let (user, other) = (
        new_user(&database, &scope).await,
        new_user(&database, &other_scope).await,
    );
    let session = new_session(&database, &scope, user.id).await;
    let elsewhere = new_session(&database, &other_scope, other.id).await;
    let (ids, at) = ((user.id, session.id), database.now());
    assert_eq!(is_live(&database, &scope, ids).await, [true; 4]);
    for expected in [1, 2] {
        let epoch = write(&database, &scope, async move |tx| {
            tx.end_all_sessions(at).await
        });
        assert_eq!(epoch.await, Some(expected));
        assert_eq!(is_live(&database, &scope, ids).await, [false; 4]);
    }
    let there = (other.id, elsewhere.id);
    assert_eq!(is_live(&database, &other_scope, there).await, [true; 4]);
    let found = read(&database, &scope, async move |tx| {
        tx.find_session(session.id).await
    });
    let reason = EndReason::AllRevoked;
    assert_eq!(found.await.unwrap().ended, Some(Ended { at, reason }));
    let next = unsaved_session(&database, user.id);
    let (inserted, at) = (next.clone(), database.now());
    write(&database, &scope, async move |tx| {
        tx.insert_session(&inserted).await?;
        let reason = EndReason::RevokedByUser;
        let end = Ended { at, reason };
        assert_eq!(tx.end_session(session.id, end).await?, None, "it is over");
        let ended = tx.end_sessions_of_user(inserted.user_id, Some(inserted.id), end);
        assert!(ended.await?.is_empty(), "they are over");
        Ok(())
    })
    .await;
    let ids = (user.id, next.id);
    assert_eq!(is_live(&database, &scope, ids).await, [true; 4]);
}

async fn an_assertion_is_used_once_also_by_many_at_once(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let (digest, until) = (Digest([3; 32]), database.now().plus_seconds(60));
    let redeem = async || {
        let redeemed = database
            .store
            .redeem_client_assertion(&scope, digest, until);
        redeemed.await.unwrap()
    };
    let at_once = futures_util::future::join_all((0..32).map(|_| redeem()));
    let redeemed = at_once
        .await
        .into_iter()
        .filter(|redeemed| *redeemed)
        .count();
    assert_eq!(redeemed, 1);
    let other = Digest([4; 32]);
    write(&database, &scope, async move |tx| {
        assert!(!tx.redeem_client_assertion(digest, until).await?);
        assert!(tx.redeem_client_assertion(other, until).await?);
        // A token of the same bytes is something else.
        tx.deny_access_token(Id::from_uuid(uuid::Uuid::nil()), until)
            .await
    })
    .await;
}

async fn the_denylist_is_pruned_of_what_is_over(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let end = |seconds| Timestamp::from_micros(0).plus_seconds(seconds);
    let tokens: [TokenId; 4] = [(); 4].map(|()| database.mint());
    write(&database, &scope, async move |tx| {
        for (token, seconds) in tokens.into_iter().zip([10, 11, 12, 13]) {
            assert!(tx.deny_access_token(token, end(seconds)).await?);
        }
        assert_eq!(tx.prune_denylist(end(12), 2).await?, 2);
        assert_eq!(tx.prune_denylist(end(12), 2).await?, 1);
        assert_eq!(tx.prune_denylist(end(12), 2).await?, 0);
        assert!(
            !tx.deny_access_token(tokens[3], end(13)).await?,
            "it is there"
        );
        assert!(
            tx.deny_access_token(tokens[0], end(10)).await?,
            "it is gone"
        );
        Ok(())
    })
    .await;
}

async fn figures_add_up_by_day_kind_and_client(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let client = Some(database.mint());
    let figure = |day, kind, client, uses: &[TokenUse]| {
        let mut usage = TokenUsage::nothing(UsageDay(day), kind, client);
        uses.iter().for_each(|what| usage.count(*what));
        usage
    };
    let (access, refresh) = (TokenKind::Access, TokenKind::Refresh);
    let all = [
        TokenUse::Issued,
        TokenUse::Refreshed,
        TokenUse::Revoked,
        TokenUse::Introspected,
    ];
    for _ in 0..2 {
        let what = Housekeeping::CountTokens(vec![
            figure(900, access, None, &all),
            figure(900, access, client, &[TokenUse::Introspected]),
            figure(901, refresh, None, &[TokenUse::Issued]),
        ]);
        database.store.housekeeping(&scope, what).await.unwrap();
    }
    let twice = |uses: &[TokenUse]| [uses, uses].concat();
    read(&database, &scope, async move |tx| {
        let listed = tx.list_token_usage((UsageDay(900), UsageDay(900))).await?;
        let expected = [
            figure(900, access, None, &twice(&all)),
            figure(900, access, client, &twice(&[TokenUse::Introspected])),
        ];
        assert_eq!(listed, expected);
        let listed = tx.list_token_usage((UsageDay(0), UsageDay(9_999))).await?;
        assert_eq!(listed.len(), 3);
        Ok(())
    })
    .await;
    write(&database, &scope, async move |tx| {
        // 400 days on, what is older goes.
        tx.add_token_usage(&figure(1_301, access, None, &[TokenUse::Issued]))
            .await?;
        let listed = tx.list_token_usage((UsageDay(0), UsageDay(9_999))).await?;
        let days: Vec<i64> = listed.iter().map(|usage| usage.day.0).collect();
        assert_eq!(days, [901, 1_301]);
        Ok(())
    })
    .await;
}
