//! Invitations, and how a deleted user is gone.

use super::scenarios;
use crate::support::{hash, read, write};
use keyward_model::{Digest, Invitation, KeptContent, OnceRequest, User, UserId, UserStatus};
use keyward_store::TenantScope;
use keyward_testkit::{
    TestDatabase, new_session, new_tenant, new_user, unsaved_token_family, unsaved_user,
};

scenarios!(
    an_invitation_is_good_once_and_for_its_time,
    a_new_invitation_voids_the_former,
    a_voided_invitation_is_none,
    all_invitations_of_a_tenant_are_voided_in_pieces,
    only_who_is_invited_is_activated,
    a_user_is_held_without_a_change,
    a_due_user_is_erased_with_all_that_was_theirs,
    who_is_not_due_is_not_erased,
);

async fn invited(database: &TestDatabase, scope: &TenantScope) -> User {
    let mut user = unsaved_user(database);
    user.status = UserStatus::Invited;
    let to_insert = user.clone();
    write(database, scope, async move |tx| {
        assert!(tx.insert_user(&to_insert, None).await?.is_some());
        Ok(())
    })
    .await;
    user
}

fn invitation(database: &TestDatabase, user_id: UserId, digest: u8) -> Invitation {
    Invitation {
        user_id,
        digest: Digest([digest; 32]),
        created_at: database.now(),
        expires_at: database.now().plus_seconds(60),
    }
}

async fn an_invitation_is_good_once_and_for_its_time(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = invited(&database, &scope).await;
    let given = invitation(&database, user.id, 1);
    let (id, now) = (user.id, database.now());
    write(&database, &scope, async move |tx| {
        tx.replace_invitation(&given).await?;
        let other = Digest([2; 32]);
        assert_eq!(tx.find_invited_user(given.digest, now).await?, Some(id));
        assert_eq!(tx.find_invited_user(other, now).await?, None);
        assert!(!tx.redeem_invitation(other, now).await?);
        let late = given.expires_at;
        assert_eq!(tx.find_invited_user(given.digest, late).await?, None);
        assert!(!tx.redeem_invitation(given.digest, late).await?);
        assert!(tx.redeem_invitation(given.digest, now).await?);
        assert!(!tx.redeem_invitation(given.digest, now).await?, "once");
        assert_eq!(tx.find_invited_user(given.digest, now).await?, None);
        Ok(())
    })
    .await;
}

async fn a_new_invitation_voids_the_former(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = invited(&database, &scope).await;
    let (first, second) = (
        invitation(&database, user.id, 1),
        invitation(&database, user.id, 2),
    );
    let (id, now) = (user.id, database.now());
    write(&database, &scope, async move |tx| {
        tx.replace_invitation(&first).await?;
        tx.replace_invitation(&second).await?;
        assert!(!tx.redeem_invitation(first.digest, now).await?);
        assert_eq!(tx.find_invited_user(second.digest, now).await?, Some(id));
        Ok(())
    })
    .await;
}

async fn a_voided_invitation_is_none(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = invited(&database, &scope).await;
    let given = invitation(&database, user.id, 1);
    let now = database.now();
    write(&database, &scope, async move |tx| {
        tx.replace_invitation(&given).await?;
        assert!(tx.void_invitation(given.user_id).await?);
        assert!(!tx.void_invitation(given.user_id).await?);
        assert_eq!(tx.find_invited_user(given.digest, now).await?, None);
        Ok(())
    })
    .await;
}

async fn all_invitations_of_a_tenant_are_voided_in_pieces(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let mut given = Vec::new();
    for digest in 1..=3 {
        let user = invited(&database, &scope).await;
        given.push(invitation(&database, user.id, digest));
    }
    // Over by this clock, which is another than that of the backup.
    given[0].expires_at = given[0].created_at;
    let now = database.now();
    write(&database, &scope, async move |tx| {
        for one in &given {
            tx.replace_invitation(one).await?;
        }
        assert_eq!(tx.void_invitations(2).await?, 2);
        assert_eq!(tx.void_invitations(2).await?, 1);
        assert_eq!(tx.void_invitations(2).await?, 0);
        for one in &given {
            assert_eq!(tx.find_invited_user(one.digest, now).await?, None);
        }
        Ok(())
    })
    .await;
}

async fn only_who_is_invited_is_activated(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = invited(&database, &scope).await;
    let active = new_user(&database, &scope).await.id;
    let (id, email) = (user.id, user.email.clone());
    let activated = write(&database, &scope, async move |tx| {
        assert_eq!(tx.invite_user(active).await?, None);
        assert_eq!(tx.activate_user(active, &hash(), None).await?, None);
        assert_eq!(tx.invite_user(id).await?.unwrap().version, 2);
        let name = "Grace Hopper".parse().unwrap();
        let activated = tx.activate_user(id, &hash(), Some(&name)).await?;
        assert_eq!(tx.activate_user(id, &hash(), None).await?, None, "once");
        assert_eq!(tx.invite_user(id).await?, None);
        let subject = tx.find_sign_in_subject(&email).await?.unwrap();
        assert_eq!(subject.password_hash.unwrap().expose(), hash().expose());
        assert_eq!(subject.password_version, 2);
        Ok(activated)
    })
    .await;
    let expected = User {
        name: Some("Grace Hopper".parse().unwrap()),
        status: UserStatus::Active,
        version: 3,
        ..user
    };
    assert_eq!(activated, Some(expected));
    let other = invited(&database, &scope).await;
    let id = other.id;
    let kept = write(&database, &scope, async move |tx| {
        tx.activate_user(id, &hash(), None).await
    });
    assert_eq!(
        kept.await.unwrap().name,
        other.name,
        "as it was said before"
    );
}

async fn a_user_is_held_without_a_change(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await;
    let (id, unknown) = (user.id, database.mint());
    let held = database.store.write(&scope, async move |tx| {
        let held = (tx.hold_user(id).await?, tx.hold_user(unknown).await?);
        Ok::<_, keyward_store::Error>((held, tx.find_user(id).await?))
    });
    assert_eq!(held.await.unwrap(), ((true, false), Some(user)));
}

async fn a_due_user_is_erased_with_all_that_was_theirs(database: TestDatabase) {
    let (scope, tenant) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await;
    let session = new_session(&database, &scope, user.id).await;
    let token = unsaved_token_family(&database, session.id);
    let other = new_user(&database, &scope).await;
    let others_session = new_session(&database, &scope, other.id).await;
    let given = invitation(&database, user.id, 1);
    let (id, now) = (user.id, database.now());
    let others = other.id;
    let erased = write(&database, &scope, async move |tx| {
        tx.insert_token_family(&token).await?;
        tx.replace_invitation(&given).await?;
        // What was answered about them, to them, and about and to somebody else.
        for (made, to) in [(id, others), (others, id), (others, others)] {
            let once = OnceRequest {
                principal: format!("user:{to}"),
                route: format!("POST /{made}"),
                key: "key".parse().unwrap(),
                digest: Digest([7; 32]),
                expires_at: now.plus_seconds(60),
            };
            tx.claim_idempotency_key(&once, now).await?;
            let (made, body) = (made.uuid(), Some("{}".to_owned()));
            tx.keep_answer(&once, &KeptContent { made, body }).await?;
        }
        tx.schedule_user_deletion(id, now).await?;
        let erased = tx.erase_user(id, now).await?;
        assert_eq!(tx.erase_user(id, now).await?, None, "once");
        Ok(erased)
    })
    .await;
    assert_eq!(erased.unwrap().id, id);
    let left = database.rows_of_tenant(tenant.id).await;
    for (table, rows) in left {
        let expected = match table.as_str() {
            "users" | "sessions" | "idempotency_keys" => 1,
            "token_families" | "invitations" => 0,
            _ => continue,
        };
        assert_eq!(rows.len(), expected, "{table}");
    }
    let found = read(&database, &scope, async move |tx| {
        tx.find_session(others_session.id).await
    });
    assert!(found.await.is_some());
}

async fn who_is_not_due_is_not_erased(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let id = new_user(&database, &scope).await.id;
    let (unknown, now) = (database.mint(), database.now());
    write(&database, &scope, async move |tx| {
        assert_eq!(tx.erase_user(id, now).await?, None, "nobody deleted them");
        tx.schedule_user_deletion(id, now.plus_seconds(1)).await?;
        assert_eq!(tx.erase_user(id, now).await?, None, "not yet");
        assert_eq!(tx.erase_user(unknown, now).await?, None);
        assert!(tx.find_user(id).await?.is_some());
        Ok(())
    })
    .await;
}
