//! Accounts, and what sign-in asks of them.

use super::scenarios;
use crate::support::{hash, insert, read, write};
use keyward_model::{
    DisplayName, EmailAddress, Page, PageRequest, PasswordHash, Role, SignInSubject, User,
    UserFilter, UserStatus,
};
use keyward_store::TenantScope;
use keyward_testkit::{TestDatabase, new_tenant, new_user, unsaved_user};

scenarios!(
    an_account_is_made_and_found,
    an_address_has_one_account_in_a_tenant,
    users_are_listed_oldest_first_page_by_page,
    a_profile_changes_only_at_the_version_that_was_seen,
    a_sign_in_subject_is_found_by_its_address_in_any_case,
    a_sign_in_is_admitted_only_as_it_was_verified,
    a_hash_is_upgraded_only_for_the_same_password,
    a_password_is_changed_only_from_the_one_that_was_verified,
);

async fn an_account_is_made_and_found(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let mut user = unsaved_user(&database);
    user.name = None;
    user.role = Role::Administrator;
    user.status = UserStatus::Disabled;
    user.version = 7;
    let made = user.clone();
    let inserted = write(&database, &scope, async move |tx| {
        tx.insert_user(&made, Some(&hash())).await
    })
    .await;
    assert_eq!(inserted.as_ref(), Some(&user));
    let (id, unknown) = (user.id, database.mint());
    let found = read(&database, &scope, async move |tx| {
        Ok((tx.find_user(id).await?, tx.find_user(unknown).await?))
    })
    .await;
    assert_eq!(found, (Some(user), None));
}

async fn an_address_has_one_account_in_a_tenant(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let (elsewhere, _) = new_tenant(&database, "elsewhere").await;
    let user = new_user(&database, &scope).await;
    let mut second = unsaved_user(&database);
    second.email = user.email.as_given().to_uppercase().parse().unwrap();
    let same = second.clone();
    let inserted = write(&database, &scope, async move |tx| {
        assert!(tx.insert_user(&same, Some(&hash())).await?.is_none());
        // No failed statement: the transaction goes on.
        tx.find_user(same.id).await
    })
    .await;
    assert_eq!(inserted, None);
    write(&database, &elsewhere, async move |tx| {
        insert(tx, &second).await
    })
    .await;
}

async fn users_are_listed_oldest_first_page_by_page(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let mut users = Vec::new();
    for _ in 0..5 {
        users.push(new_user(&database, &scope).await);
    }
    let mut seen: Vec<Vec<User>> = Vec::new();
    let mut request = PageRequest::new(Some(2), None);
    loop {
        let page: Page<User> = read(&database, &scope, async move |tx| {
            tx.list_users(&UserFilter::default(), request).await
        })
        .await;
        seen.push(page.items);
        let Some(next) = page.next else { break };
        request = PageRequest::new(Some(2), Some(next));
    }
    assert_eq!(seen, [&users[..2], &users[2..4], &users[4..]]);
}

async fn a_profile_changes_only_at_the_version_that_was_seen(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await;
    let (id, unknown) = (user.id, database.mint());
    let name: DisplayName = "Grace Hopper".parse().unwrap();
    let given = name.clone();
    let changed = write(&database, &scope, async move |tx| {
        let changed = tx.change_profile(id, 1, Some(&given)).await?;
        assert_eq!(
            tx.change_profile(id, 1, None).await?,
            None,
            "a stale version"
        );
        assert_eq!(tx.change_profile(unknown, 1, None).await?, None);
        Ok(changed)
    })
    .await;
    let expected = User {
        name: Some(name),
        version: 2,
        ..user
    };
    assert_eq!(changed.as_ref(), Some(&expected));
    let cleared = write(&database, &scope, async move |tx| {
        tx.change_profile(id, 2, None).await
    });
    assert_eq!(cleared.await.unwrap().name, None);
}

async fn a_sign_in_subject_is_found_by_its_address_in_any_case(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await;
    let shouted: EmailAddress = user.email.as_given().to_uppercase().parse().unwrap();
    let found = subject(&database, &scope, shouted).await.unwrap();
    assert_eq!(found.user_id, user.id);
    assert_eq!(found.status, UserStatus::Active);
    assert_eq!(found.password_version, 1);
    assert_eq!(found.password_hash.unwrap().expose(), "$fixture$");
    let unknown = subject(&database, &scope, "nobody@example.org".parse().unwrap());
    assert!(unknown.await.is_none());
}

async fn a_sign_in_is_admitted_only_as_it_was_verified(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await;
    let id = database.id_literal(user.id);
    let verified = subject(&database, &scope, user.email.clone())
        .await
        .unwrap();
    let now = database.now();
    let admit = async |subject: SignInSubject| {
        let address = Some("192.0.2.9".to_owned());
        write(&database, &scope, async move |tx| {
            tx.admit_sign_in(&subject, now, address).await
        })
        .await
    };
    let expected = User {
        last_sign_in_at: Some(now),
        last_sign_in_address: Some("192.0.2.9".into()),
        ..user
    };
    assert_eq!(admit(verified.clone()).await, Some(expected));
    database
        .admin_sql(&format!(
            "UPDATE users SET status = 'disabled' WHERE id = {id}"
        ))
        .await;
    assert_eq!(admit(verified.clone()).await, None, "disabled meanwhile");
    database
        .admin_sql(&format!(
            "UPDATE users SET status = 'active', password_version = 2 WHERE id = {id}"
        ))
        .await;
    assert_eq!(
        admit(verified.clone()).await,
        None,
        "another password meanwhile"
    );
    let mut unknown = verified;
    unknown.user_id = database.mint();
    assert_eq!(admit(unknown).await, None);
}

async fn a_hash_is_upgraded_only_for_the_same_password(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await;
    let verified = subject(&database, &scope, user.email.clone())
        .await
        .unwrap();
    let mut stale = verified.clone();
    stale.password_version = 0;
    write(&database, &scope, async move |tx| {
        let better = PasswordHash::from_phc("$better$".into());
        assert!(tx.upgrade_password_hash(&verified, &better).await?);
        let worse = PasswordHash::from_phc("$worse$".into());
        assert!(!tx.upgrade_password_hash(&stale, &worse).await?);
        Ok(())
    })
    .await;
    let kept = subject(&database, &scope, user.email).await.unwrap();
    assert_eq!(kept.password_hash.unwrap().expose(), "$better$");
    assert_eq!(kept.password_version, 1, "the same password");
}

async fn a_password_is_changed_only_from_the_one_that_was_verified(database: TestDatabase) {
    let (scope, _) = new_tenant(&database, "tenant").await;
    let user = new_user(&database, &scope).await;
    let id = user.id;
    write(&database, &scope, async move |tx| {
        let verified = tx.find_sign_in_subject_of(id).await?.unwrap();
        let new = PasswordHash::from_phc("$new$".into());
        let changed = tx.change_password(&verified, &new).await?.unwrap();
        assert_eq!(changed.version, user.version + 1);
        let late = PasswordHash::from_phc("$late$".into());
        assert_eq!(tx.change_password(&verified, &late).await?, None);
        let kept = tx.find_sign_in_subject_of(id).await?.unwrap();
        assert_eq!(kept.password_hash.unwrap().expose(), "$new$");
        assert_eq!(kept.password_version, verified.password_version + 1);
        Ok(())
    })
    .await;
}

async fn subject(
    database: &TestDatabase,
    scope: &TenantScope,
    email: EmailAddress,
) -> Option<SignInSubject> {
    read(database, scope, async move |tx| {
        tx.find_sign_in_subject(&email).await
    })
    .await
}
