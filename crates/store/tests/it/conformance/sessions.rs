//! Sessions from sign-in to their end, and the refresh tokens that continue them.

use super::scenarios;
use crate::support::{read, try_write, write};
use keyward_model::{
    ConcurrentSessions, Device, EndReason, Ended, Page, PageRequest, Role, Session, SessionId,
    SessionUser, Timestamp, UserId,
};
use keyward_store::{Error, Housekeeping, TenantScope};
use keyward_testkit::{
    TestDatabase, new_session, new_tenant, new_user, unsaved_session, unsaved_token_family,
};

scenarios!(
    a_session_is_found_alone_and_with_its_user,
    a_session_needs_its_user_and_a_token_its_session,
    live_sessions_are_listed_oldest_first_page_by_page,
    only_live_sessions_are_listed,
    a_session_is_held_only_while_it_and_its_user_are_good,
    a_session_is_ended_once_and_only_while_it_lives,
    all_sessions_of_a_user_are_ended_but_the_kept_one,
    sessions_beyond_the_maximum_are_evicted_by_priority_and_age,
    sessions_of_a_tenant_are_ended_piece_by_piece,
    a_touch_never_moves_backwards_and_never_wakes_an_ended_session,
    a_refresh_token_is_kept_as_its_digest,
);

async fn a_session_is_found_alone_and_with_its_user(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await;
    let full = new_session(&database, &scope, user.id).await;
    let mut bare = unsaved_session(&database, user.id);
    (bare.address, bare.user_agent, bare.device) = (None, None, Device::default());
    let (to_insert, unknown) = (bare.clone(), database.mint());
    write(&database, &scope, async move |tx| {
        tx.insert_session(&to_insert).await
    })
    .await;
    for session in [full, bare] {
        let id = session.id;
        let found = read(&database, &scope, async move |tx| {
            Ok((tx.find_session(id).await?, tx.find_session_user(id).await?))
        })
        .await;
        let user = user.clone();
        let both = SessionUser {
            session: session.clone(),
            user,
        };
        assert_eq!(found, (Some(session), Some(both)));
    }
    read(&database, &scope, async move |tx| {
        assert_eq!(tx.find_session(unknown).await?, None);
        assert_eq!(tx.find_session_user(unknown).await?, None);
        Ok(())
    })
    .await;
}

async fn a_session_needs_its_user_and_a_token_its_session(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let session = unsaved_session(&database, database.mint());
    let token = unsaved_token_family(&database, session.id);
    let refused = try_write(&database, &scope, async move |tx| {
        tx.insert_session(&session).await
    });
    assert!(matches!(refused.await, Err(Error::Conflict { .. })));
    let refused = try_write(&database, &scope, async move |tx| {
        tx.insert_token_family(&token).await
    });
    assert!(matches!(refused.await, Err(Error::Conflict { .. })));
}

async fn live_sessions_are_listed_oldest_first_page_by_page(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let (user, other) = (
        new_user(&database, &scope).await,
        new_user(&database, &scope).await,
    );
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(new_session(&database, &scope, user.id).await);
        new_session(&database, &scope, other.id).await;
    }
    let first = live(&database, &scope, user.id, PageRequest::new(Some(2), None)).await;
    assert_eq!(first.items, sessions[..2]);
    let request = PageRequest::new(Some(2), first.next);
    let second = live(&database, &scope, user.id, request).await;
    assert_eq!(
        (second.items.as_slice(), second.next),
        (&sessions[2..], None)
    );
}

async fn only_live_sessions_are_listed(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await;
    let idle = new_session(&database, &scope, user.id).await;
    let mut old = unsaved_session(&database, user.id);
    old.expires_at = database.now().plus_seconds(1_000);
    let to_insert = old.clone();
    write(&database, &scope, async move |tx| {
        tx.insert_session(&to_insert).await
    })
    .await;
    let ended = new_session(&database, &scope, user.id).await;
    end(&database, &scope, ended.id).await.unwrap();
    let every = PageRequest::new(None, None);
    let page = live(&database, &scope, user.id, every).await;
    assert_eq!(page.items, [idle.clone(), old.clone()], "but the ended one");
    database.clock.set(old.expires_at.plus_micros(-1));
    assert_eq!(live(&database, &scope, user.id, every).await.items.len(), 2);
    database.clock.set(old.expires_at);
    let page = live(&database, &scope, user.id, every).await;
    assert_eq!(page.items, std::slice::from_ref(&idle), "it has an end");
    database.clock.set(idle.idles_out_at().plus_micros(-1));
    assert_eq!(live(&database, &scope, user.id, every).await.items.len(), 1);
    database.clock.set(idle.idles_out_at());
    assert!(
        live(&database, &scope, user.id, every)
            .await
            .items
            .is_empty()
    );
}

async fn a_session_is_held_only_while_it_and_its_user_are_good(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await;
    let other = new_user(&database, &scope).await;
    let session = new_session(&database, &scope, user.id).await;
    let ended = new_session(&database, &scope, user.id).await;
    end(&database, &scope, ended.id).await.unwrap();
    let (id, unknown, now) = (session.id, database.mint(), database.now());
    let hold = async |user: UserId, id: SessionId, now: Timestamp| {
        // It is no change, so that it asks for no event.
        let held = database
            .store
            .write(&scope, async move |tx| tx.hold_session(user, id, now).await);
        held.await.unwrap()
    };
    assert_eq!(hold(user.id, id, now).await, Some(Role::Member));
    assert!(hold(other.id, id, now).await.is_none(), "another user's");
    assert!(hold(user.id, ended.id, now).await.is_none(), "ended");
    assert!(hold(user.id, unknown, now).await.is_none());
    let idle = session.idles_out_at();
    assert!(hold(user.id, id, idle.plus_micros(-1)).await.is_some());
    assert!(hold(user.id, id, idle).await.is_none(), "nobody came");
    assert!(
        hold(user.id, id, session.expires_at).await.is_none(),
        "its time is over"
    );
    let literal = database.id_literal(user.id);
    database
        .admin_sql(&format!(
            "UPDATE users SET status = 'disabled' WHERE id = {literal}"
        ))
        .await;
    assert!(
        hold(user.id, id, now).await.is_none(),
        "its user is disabled"
    );
    assert_eq!(
        find(&database, &scope, id).await,
        session,
        "nothing changed"
    );
}

async fn a_session_is_ended_once_and_only_while_it_lives(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await;
    let session = new_session(&database, &scope, user.id).await;
    let idle = new_session(&database, &scope, user.id).await;
    let at = database.now();
    let ended = end(&database, &scope, session.id).await.unwrap();
    let expected = Session {
        ended: Some(Ended {
            at,
            reason: EndReason::SignedOut,
        }),
        version: 2,
        ..session
    };
    assert_eq!(ended, expected);
    assert_eq!(end(&database, &scope, session.id).await, None);
    let found = find(&database, &scope, session.id).await;
    assert_eq!(found, expected, "as it was ended first");
    assert_eq!(end(&database, &scope, database.mint()).await, None);
    database.clock.set(idle.idles_out_at());
    assert_eq!(
        end(&database, &scope, idle.id).await,
        None,
        "time had ended it"
    );
    assert_eq!(find(&database, &scope, idle.id).await, idle);
}

async fn sessions_beyond_the_maximum_are_evicted_by_priority_and_age(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let (user, other) = (
        new_user(&database, &scope).await,
        new_user(&database, &scope).await,
    );
    new_session(&database, &scope, other.id).await;
    let mut sessions = Vec::new();
    for (priority, address) in [
        (5, Some("192.0.2.1")),
        (0, Some("192.0.2.2")),
        (0, None),
        (5, Some("192.0.2.2")),
        (9, Some("192.0.2.3")),
    ] {
        let mut session = unsaved_session(&database, user.id);
        session.device.priority = priority;
        session.address = address.map(str::to_owned);
        let to_insert = session.clone();
        write(&database, &scope, async move |tx| {
            tx.insert_session(&to_insert).await
        })
        .await;
        sessions.push(session.id);
    }
    let ended = new_session(&database, &scope, user.id).await;
    end(&database, &scope, ended.id).await.unwrap();
    let now = database.now();
    let count = async |address: Option<&'static str>| {
        read(&database, &scope, async move |tx| {
            tx.count_live_sessions(user.id, now, address).await
        })
        .await
    };
    let counted = |sessions, other_addresses| ConcurrentSessions {
        sessions,
        other_addresses,
    };
    assert_eq!(count(Some("192.0.2.2")).await, counted(5, 2));
    assert_eq!(count(None).await, counted(5, 3));
    let evict = async |kept_max: i64| {
        let evicted = write(&database, &scope, async move |tx| {
            tx.evict_sessions(user.id, kept_max, now).await
        });
        let mut ids = Vec::new();
        for session in evicted.await {
            let reason = EndReason::Evicted;
            assert_eq!(session.ended, Some(Ended { at: now, reason }));
            ids.push(session.id);
        }
        ids.sort();
        ids
    };
    assert!(evict(5).await.is_empty());
    assert_eq!(evict(4).await, [sessions[1]], "the oldest of the lowest");
    assert_eq!(evict(2).await, [sessions[0], sessions[2]]);
    assert_eq!(count(None).await, counted(2, 2));
    database
        .clock
        .set(unsaved_session(&database, user.id).idles_out_at());
    let later = database.now();
    let idle = read(&database, &scope, async move |tx| {
        tx.count_live_sessions(user.id, later, None).await
    });
    assert_eq!(idle.await, counted(0, 0), "time ended the others");
}

async fn all_sessions_of_a_user_are_ended_but_the_kept_one(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let (user, other) = (
        new_user(&database, &scope).await,
        new_user(&database, &scope).await,
    );
    let foreign = new_session(&database, &scope, other.id).await;
    let mut old = unsaved_session(&database, user.id);
    old.expires_at = old.created_at.plus_micros(1);
    let (past, to_insert) = (old.id, old);
    write(&database, &scope, async move |tx| {
        tx.insert_session(&to_insert).await
    })
    .await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(new_session(&database, &scope, user.id).await.id);
    }
    end(&database, &scope, ids[0]).await.unwrap();
    let end_all = async |kept: Option<SessionId>| {
        let reason = EndReason::RevokedByUser;
        let (user, at) = (user.id, database.now());
        let mut ended = write(&database, &scope, async move |tx| {
            tx.end_sessions_of_user(user, kept, Ended { at, reason })
                .await
        })
        .await;
        ended.sort_by_key(|session| session.id);
        for session in &ended {
            assert_eq!(session.ended, Some(Ended { at, reason }));
            assert_eq!(session.version, 2);
        }
        ended.iter().map(|session| session.id).collect::<Vec<_>>()
    };
    assert_eq!(end_all(Some(ids[1])).await, ids[2..], "those that it ended");
    assert!(find(&database, &scope, ids[1]).await.ended.is_none());
    assert_eq!(end_all(None).await, [ids[1]]);
    assert!(end_all(None).await.is_empty());
    assert_eq!(find(&database, &scope, foreign.id).await, foreign);
    assert!(
        find(&database, &scope, past).await.ended.is_none(),
        "time had ended it"
    );
}

async fn sessions_of_a_tenant_are_ended_piece_by_piece(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let (elsewhere, _) = new_tenant(&database, "elsewhere").await;
    let stranger = new_user(&database, &elsewhere).await;
    let foreign = new_session(&database, &elsewhere, stranger.id).await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let user = new_user(&database, &scope).await;
        for _ in 0..2 {
            ids.push(new_session(&database, &scope, user.id).await.id);
        }
    }
    end(&database, &scope, ids[1]).await.unwrap();
    // Over by time, and ended all the same.
    database
        .clock
        .set(database.now().plus_seconds(100 * 24 * 3_600));
    let end = Ended {
        at: database.now(),
        reason: EndReason::Restored,
    };
    let piece = async |after| {
        let act = async move |tx: &mut keyward_store::TenantTx<'_>| {
            tx.end_sessions_after(after, 2, end).await
        };
        let mut piece = write(&database, &scope, act).await;
        piece.sort();
        piece
    };
    assert_eq!(piece(None).await, [ids[0], ids[2]]);
    assert_eq!(piece(Some(ids[2])).await, [ids[3]]);
    assert!(piece(Some(ids[3])).await.is_empty());
    assert!(
        piece(None).await.is_empty(),
        "ended sessions stay as they are"
    );
    let id = ids[0];
    let ended = read(&database, &scope, async move |tx| tx.find_session(id).await).await;
    assert_eq!(ended.unwrap().ended, Some(end));
    let id = foreign.id;
    let other = read(&database, &elsewhere, async move |tx| {
        tx.find_session(id).await
    })
    .await;
    assert_eq!(other.unwrap().ended, None, "another tenant's");
}

async fn a_touch_never_moves_backwards_and_never_wakes_an_ended_session(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await;
    let session = new_session(&database, &scope, user.id).await;
    let (id, start) = (session.id, session.last_active_at);
    let touch = async |seconds: i64| {
        let what = Housekeeping::TouchSessions(vec![(id, start.plus_seconds(seconds))]);
        database.store.housekeeping(&scope, what).await.unwrap();
        find(&database, &scope, id).await
    };
    let touched = touch(60).await;
    assert_eq!(touched.last_active_at, start.plus_seconds(60));
    assert_eq!(touched.version, session.version, "no change of the session");
    let seen = start.plus_seconds(70);
    write(&database, &scope, async move |tx| {
        tx.touch_session(id, seen).await
    })
    .await;
    let touched = Session {
        last_active_at: seen,
        ..touched
    };
    assert_eq!(touch(30).await, touched);
    let ended = end(&database, &scope, id).await.unwrap();
    assert_eq!(touch(90).await, ended);
}

async fn a_refresh_token_is_kept_as_its_digest(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await;
    let session = new_session(&database, &scope, user.id).await;
    let token = unsaved_token_family(&database, session.id);
    let kept = token.clone();
    write(&database, &scope, async move |tx| {
        tx.insert_token_family(&kept).await
    })
    .await;
    let literal = database.id_literal(token.id);
    let rows = database
        .admin_rows(&format!(
            "SELECT digest, issued_at, expires_at FROM token_families WHERE id = {literal}"
        ))
        .await;
    let digest: String = token
        .digest
        .0
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let stored: Vec<String> = rows.into_iter().flatten().flatten().collect();
    assert_eq!(stored[0].trim_start_matches("\\x"), digest);
    assert_eq!(stored[1], token.issued_at.micros().to_string());
    assert_eq!(stored[2], token.expires_at.micros().to_string());
    let mut twin = unsaved_token_family(&database, session.id);
    twin.selector = token.selector;
    let refused = try_write(&database, &scope, async move |tx| {
        tx.insert_token_family(&twin).await
    });
    assert!(
        matches!(refused.await, Err(Error::Conflict { .. })),
        "a selector is one family's"
    );
}

async fn live(
    database: &TestDatabase,
    scope: &TenantScope,
    user: UserId,
    page: PageRequest,
) -> Page<Session> {
    let now = database.now();
    read(database, scope, async move |tx| {
        tx.list_live_sessions(user, now, page).await
    })
    .await
}

async fn end(database: &TestDatabase, scope: &TenantScope, id: SessionId) -> Option<Session> {
    let end = Ended {
        at: database.now(),
        reason: EndReason::SignedOut,
    };
    write(database, scope, async move |tx| {
        tx.end_session(id, end).await
    })
    .await
}

async fn find(database: &TestDatabase, scope: &TenantScope, id: SessionId) -> Session {
    read(database, scope, async move |tx| tx.find_session(id).await)
        .await
        .unwrap()
}
