//! What administrators ask of accounts: to find them, to change them, to keep them out.

use super::scenarios;
use crate::support::{hash, insert, read, try_write, write};
use keyward_model::{PageRequest, Role, User, UserFilter, UserId, UserStatus};
use keyward_store::{Error, TenantScope};
use keyward_testkit::{TestDatabase, new_tenant, new_user, unsaved_user};

scenarios!(
    users_are_found_by_the_beginning_of_their_address_and_any_part_of_their_name,
    what_stands_for_others_in_sql_stands_for_itself,
    users_are_filtered_by_role_and_status,
    a_search_is_paged_by_its_last_user,
    an_account_changes_only_at_the_version_that_was_seen,
    an_address_is_not_taken_over_from_another_account,
    a_user_is_disabled_and_enabled_once,
    whoever_has_no_password_is_invited_again_when_enabled,
    a_deletion_is_scheduled_once_and_taken_back,
    a_deletion_is_found_by_its_time_and_moved,
    another_administrator_is_an_active_one,
);

async fn insert_named(
    database: &TestDatabase,
    scope: &TenantScope,
    (email, name): (&str, &str),
) -> UserId {
    let mut user = unsaved_user(database);
    user.email = email.parse().unwrap();
    user.name = (!name.is_empty()).then(|| name.parse().unwrap());
    let id = user.id;
    write(database, scope, async move |tx| insert(tx, &user).await).await;
    id
}

fn query(text: &str) -> UserFilter {
    UserFilter {
        query: Some(text.parse().unwrap()),
        ..UserFilter::default()
    }
}

async fn found(database: &TestDatabase, scope: &TenantScope, filter: UserFilter) -> Vec<UserId> {
    let page = PageRequest::new(Some(200), None);
    let page = read(database, scope, async move |tx| {
        tx.list_users(&filter, page).await
    });
    page.await.items.into_iter().map(|user| user.id).collect()
}

async fn users_are_found_by_the_beginning_of_their_address_and_any_part_of_their_name(
    database: TestDatabase,
) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let mut ids = Vec::new();
    for user in [
        ("Ada@Example.org", "Ada Lovelace"),
        ("grace@example.org", "Grace Hopper"),
        ("adam@example.com", ""),
        ("z\u{e9}@example.org", "\u{c9}milie du Ch\u{e2}telet"),
    ] {
        ids.push(insert_named(&database, &scope, user).await);
    }
    for (text, expected) in [
        ("ada", vec![ids[0], ids[2]]),
        ("ADA@", vec![ids[0]]),
        ("ada@example.org", vec![ids[0]]),
        ("lace", vec![ids[0]]),
        ("a l", vec![ids[0]]),
        ("E HOP", vec![ids[1]]),
        // Composed or not, great or small.
        ("E\u{301}MILIE", vec![ids[3]]),
        ("Z\u{c9}@", vec![ids[3]]),
        ("example.org", vec![]),
        ("@example.org", vec![]),
        ("adb", vec![]),
    ] {
        assert_eq!(
            found(&database, &scope, query(text)).await,
            expected,
            "{text}"
        );
    }
}

async fn what_stands_for_others_in_sql_stands_for_itself(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let plain = insert_named(&database, &scope, ("a_b%c@example.org", "plain")).await;
    let percent = insert_named(&database, &scope, ("x@example.org", "100% sure")).await;
    let line = insert_named(
        &database,
        &scope,
        ("y@example.org", "snake_case \\ 'quoted'"),
    )
    .await;
    for (text, expected) in [
        ("%", vec![percent]),
        ("_", vec![line]),
        ("\\", vec![line]),
        ("\\_", vec![]),
        ("0% s", vec![percent]),
        ("e_c", vec![line]),
        ("s_re", vec![]),
        ("' OR 1=1 --", vec![]),
        ("'quoted'", vec![line]),
        ("a_b%", vec![plain]),
        ("aXb", vec![]),
    ] {
        assert_eq!(
            found(&database, &scope, query(text)).await,
            expected,
            "{text}"
        );
    }
}

async fn users_are_filtered_by_role_and_status(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let member = new_user(&database, &scope).await.id;
    let mut chief = unsaved_user(&database);
    chief.role = Role::Administrator;
    chief.status = UserStatus::Disabled;
    let id = chief.id;
    write(&database, &scope, async move |tx| insert(tx, &chief).await).await;
    let filter = |role, status| UserFilter {
        query: None,
        role,
        status,
    };
    for (role, status, expected) in [
        (Some(Role::Member), None, vec![member]),
        (Some(Role::Administrator), None, vec![id]),
        (None, Some(UserStatus::Disabled), vec![id]),
        (Some(Role::Member), Some(UserStatus::Disabled), vec![]),
        (None, Some(UserStatus::Invited), vec![]),
    ] {
        assert_eq!(
            found(&database, &scope, filter(role, status)).await,
            expected
        );
    }
    let mut both = query("ada");
    both.status = Some(UserStatus::Disabled);
    assert_eq!(found(&database, &scope, both).await, [id]);
}

async fn a_search_is_paged_by_its_last_user(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let mut expected = Vec::new();
    for number in 0..5 {
        let (email, other) = (format!("ada{number}@x.org"), format!("bob{number}@x.org"));
        expected.push(insert_named(&database, &scope, (&email, "")).await);
        insert_named(&database, &scope, (&other, "")).await;
    }
    for text in ["ada", "ada@"] {
        let text = text.replace('@', "4@");
        let mut seen = Vec::new();
        let mut request = PageRequest::new(Some(2), None);
        loop {
            let filter = query(&text);
            let page = read(&database, &scope, async move |tx| {
                tx.list_users(&filter, request).await
            })
            .await;
            assert!(page.items.len() <= 2);
            seen.extend(page.items.iter().map(|user| user.id));
            let Some(next) = page.next else { break };
            request = PageRequest::new(Some(2), Some(next));
        }
        match text.contains('@') {
            true => assert_eq!(seen, expected[4..]),
            false => assert_eq!(seen, expected),
        }
    }
}

async fn an_account_changes_only_at_the_version_that_was_seen(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await;
    let wanted = User {
        email: format!("new-{}", user.email.as_given()).parse().unwrap(),
        name: None,
        role: Role::Administrator,
        ..user
    };
    let (change, unknown) = (wanted.clone(), unsaved_user(&database));
    let changed = write(&database, &scope, async move |tx| {
        let changed = tx.change_user(&change).await?;
        assert_eq!(tx.change_user(&change).await?, None, "a stale version");
        assert_eq!(tx.change_user(&unknown).await?, None);
        Ok(changed)
    })
    .await;
    let expected = User {
        version: 2,
        ..wanted
    };
    assert_eq!(changed, Some(expected.clone()));
    let by_email = query(expected.email.as_given());
    assert_eq!(found(&database, &scope, by_email).await, [expected.id]);
    assert!(found(&database, &scope, query("lovelace")).await.is_empty());
}

async fn an_address_is_not_taken_over_from_another_account(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let first = new_user(&database, &scope).await;
    let mut second = new_user(&database, &scope).await;
    second.email = first.email.as_given().to_uppercase().parse().unwrap();
    let changed = try_write(&database, &scope, async move |tx| {
        tx.change_user(&second).await
    });
    assert!(matches!(changed.await, Err(Error::Conflict { .. })));
}

async fn a_user_is_disabled_and_enabled_once(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await;
    let (id, unknown) = (user.id, database.mint());
    let (disabled, enabled) = write(&database, &scope, async move |tx| {
        assert_eq!(tx.enable_user(id).await?, None, "it is active");
        let disabled = tx.disable_user(id).await?;
        assert_eq!(tx.disable_user(id).await?, None);
        let enabled = tx.enable_user(id).await?;
        assert_eq!(tx.enable_user(id).await?, None);
        assert_eq!(tx.disable_user(unknown).await?, None);
        assert_eq!(tx.enable_user(unknown).await?, None);
        Ok((disabled, enabled))
    })
    .await;
    let expected = User {
        status: UserStatus::Disabled,
        version: 2,
        ..user.clone()
    };
    assert_eq!(disabled, Some(expected));
    assert_eq!(enabled, Some(User { version: 3, ..user }));
}

async fn whoever_has_no_password_is_invited_again_when_enabled(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let mut user = unsaved_user(&database);
    user.status = UserStatus::Invited;
    let (id, email) = (user.id, user.email.clone());
    let enabled = write(&database, &scope, async move |tx| {
        assert!(tx.insert_user(&user, None).await?.is_some());
        let subject = tx.find_sign_in_subject(&email).await?.unwrap();
        assert!(subject.password_hash.is_none());
        let upgraded = tx.upgrade_password_hash(&subject, &hash()).await?;
        assert!(upgraded, "it is the sign-in that asks whether there is one");
        Ok(())
    });
    enabled.await;
    let literal = database.id_literal(id);
    let sql = format!("UPDATE users SET password_hash = '' WHERE id = {literal}");
    database.admin_sql(&sql).await;
    let enabled = write(&database, &scope, async move |tx| {
        tx.disable_user(id).await?;
        tx.enable_user(id).await
    });
    assert_eq!(enabled.await.unwrap().status, UserStatus::Invited);
}

async fn a_deletion_is_scheduled_once_and_taken_back(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await;
    let (id, unknown, now) = (user.id, database.mint(), database.now());
    for (before, version) in [(UserStatus::Active, 1), (UserStatus::Disabled, 4)] {
        let (deleting, restored) = write(&database, &scope, async move |tx| {
            assert_eq!(tx.restore_user(id).await?, None, "nothing to take back");
            let deleting = tx.schedule_user_deletion(id, now).await?;
            let again = tx.schedule_user_deletion(id, now.plus_seconds(9)).await?;
            assert_eq!(again, None, "the first moment stands");
            assert_eq!(tx.disable_user(id).await?, None);
            assert_eq!(tx.enable_user(id).await?, None);
            let restored = tx.restore_user(id).await?;
            assert_eq!(tx.restore_user(unknown).await?, None);
            assert_eq!(tx.schedule_user_deletion(unknown, now).await?, None);
            tx.disable_user(id).await?;
            Ok((deleting.unwrap(), restored.unwrap()))
        })
        .await;
        let expected = User {
            status: UserStatus::Deleting,
            deletes_at: Some(now),
            version: version + 1,
            ..user.clone()
        };
        assert_eq!(deleting, expected);
        let expected = User {
            status: before,
            version: version + 2,
            ..user.clone()
        };
        assert_eq!(restored, expected);
    }
}

async fn a_deletion_is_found_by_its_time_and_moved(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let (id, other) = (
        new_user(&database, &scope).await.id,
        new_user(&database, &scope).await.id,
    );
    let now = database.now();
    write(&database, &scope, async move |tx| {
        tx.schedule_user_deletion(id, now).await?;
        tx.schedule_user_deletion(other, now.plus_seconds(9))
            .await?;
        let found = tx.list_user_deletions_before(now, 10).await?;
        assert_eq!(found, [], "a moment is not before itself");
        let soon = now.plus_micros(1);
        let found = tx.list_user_deletions_before(soon, 10).await?;
        assert_eq!(found.iter().map(|user| user.id).collect::<Vec<_>>(), [id]);
        let late = now.plus_seconds(60);
        assert_eq!(tx.list_user_deletions_before(late, 10).await?.len(), 2);
        assert_eq!(tx.list_user_deletions_before(late, 1).await?.len(), 1);
        let moved = tx.reschedule_user_deletion(id, late).await?.unwrap();
        assert_eq!(moved.deletes_at, Some(late));
        assert_eq!(moved.version, found[0].version + 1);
        assert_eq!(tx.list_user_deletions_before(soon, 10).await?, []);
        tx.restore_user(id).await?;
        assert_eq!(tx.reschedule_user_deletion(id, late).await?, None);
        Ok(())
    })
    .await;
}

async fn another_administrator_is_an_active_one(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let mut chiefs = [unsaved_user(&database), unsaved_user(&database)];
    chiefs
        .iter_mut()
        .for_each(|chief| chief.role = Role::Administrator);
    let (one, other) = (chiefs[0].id, chiefs[1].id);
    new_user(&database, &scope).await;
    write(&database, &scope, async move |tx| {
        for chief in &chiefs {
            insert(tx, chief).await?;
        }
        assert_eq!(tx.find_other_administrator(one).await?, Some(other));
        assert_eq!(tx.find_other_administrator(other).await?, Some(one));
        tx.disable_user(other).await?;
        assert_eq!(tx.find_other_administrator(one).await?, None);
        assert_eq!(tx.find_other_administrator(other).await?, Some(one));
        Ok(())
    })
    .await;
}
