//! Users and their password hashes.

use crate::columns::user_columns;
use crate::error::Error;
use crate::row::Row;
use crate::statement::statements;
use crate::transaction::TenantTx;
use crate::value::Value;
use keyward_model::{
    DisplayName, EmailAddress, Page, PageRequest, PasswordHash, SignInSubject, Timestamp, User,
    UserFilter, UserId,
};
use uuid::Uuid;

statements! {
    FIND_USER = concat!("SELECT ", user_columns!(""), " FROM users WHERE tenant_id = $1 AND id = $2");
    LIST_USERS = concat!("SELECT ", user_columns!(""), " FROM users
        WHERE tenant_id = $1 AND id > $2 AND (role = $3 OR $3 = '') AND (status = $4 OR $4 = '')
        ORDER BY id LIMIT $5");
    SEARCH_USERS = concat!("SELECT ", user_columns!(""), " FROM users
        WHERE tenant_id = $1 AND id > $2 AND (role = $3 OR $3 = '') AND (status = $4 OR $4 = '')
            AND ((email_canonical >= $6 AND email_canonical < $7) OR name_folded LIKE $8 ESCAPE '\\')
        ORDER BY id LIMIT $5");
    SEARCH_USERS_BY_EMAIL = concat!("SELECT ", user_columns!(""), " FROM users
        WHERE tenant_id = $1 AND id > $2 AND (role = $3 OR $3 = '') AND (status = $4 OR $4 = '')
            AND email_canonical >= $6 AND email_canonical < $7
        ORDER BY id LIMIT $5");
    FIND_SIGN_IN_SUBJECT = "SELECT id, status, password_hash, password_version
        FROM users WHERE tenant_id = $1 AND email_canonical = $2";
    FIND_SIGN_IN_SUBJECT_OF = "SELECT id, status, password_hash, password_version
        FROM users WHERE tenant_id = $1 AND id = $2";
    CHANGE_PASSWORD = concat!("UPDATE users SET password_hash = $4, password_version = password_version + 1,
            version = version + 1
        WHERE tenant_id = $1 AND id = $2 AND password_version = $3 AND status = 'active'
        RETURNING ", user_columns!(""));
    INSERT_USER = concat!("INSERT INTO users (tenant_id, id, email, email_canonical, name, name_folded, role, status,
            password_hash, password_version, created_at, version)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1, $10, $11)
        ON CONFLICT (tenant_id, email_canonical) DO NOTHING
        RETURNING ", user_columns!(""));
    CHANGE_PROFILE = concat!("UPDATE users SET name = $4, name_folded = $5, version = version + 1
        WHERE tenant_id = $1 AND id = $2 AND version = $3
        RETURNING ", user_columns!(""));
    CHANGE_USER = concat!("UPDATE users SET email = $4, email_canonical = $5, name = $6, name_folded = $7, role = $8,
            version = version + 1
        WHERE tenant_id = $1 AND id = $2 AND version = $3
        RETURNING ", user_columns!(""));
    DISABLE_USER = concat!("UPDATE users SET status = 'disabled', version = version + 1
        WHERE tenant_id = $1 AND id = $2 AND status IN ('active', 'invited')
        RETURNING ", user_columns!(""));
    ENABLE_USER = concat!("UPDATE users
        SET status = CASE WHEN password_hash = '' THEN 'invited' ELSE 'active' END, version = version + 1
        WHERE tenant_id = $1 AND id = $2 AND status = 'disabled'
        RETURNING ", user_columns!(""));
    SCHEDULE_USER_DELETION = concat!("UPDATE users
        SET status_before_deletion = status, status = 'deleting', deletes_at = $3, version = version + 1
        WHERE tenant_id = $1 AND id = $2 AND status <> 'deleting'
        RETURNING ", user_columns!(""));
    RESCHEDULE_USER_DELETION = concat!("UPDATE users SET deletes_at = $3, version = version + 1
        WHERE tenant_id = $1 AND id = $2 AND status = 'deleting'
        RETURNING ", user_columns!(""));
    LIST_USER_DELETIONS_BEFORE = concat!("SELECT ", user_columns!(""), " FROM users
        WHERE tenant_id = $1 AND status = 'deleting' AND deletes_at < $2
        ORDER BY id LIMIT $3");
    RESTORE_USER = concat!("UPDATE users
        SET status = status_before_deletion, status_before_deletion = NULL, deletes_at = NULL, version = version + 1
        WHERE tenant_id = $1 AND id = $2 AND status = 'deleting'
        RETURNING ", user_columns!(""));
    HOLD_DUE_USER = concat!("UPDATE users SET version = version + 1
        WHERE tenant_id = $1 AND id = $2 AND status = 'deleting' AND deletes_at <= $3
        RETURNING ", user_columns!(""));
    DELETE_TOKEN_FAMILIES_OF_USER = "DELETE FROM token_families
        WHERE tenant_id = $1 AND session_id IN (SELECT id FROM sessions WHERE tenant_id = $1 AND user_id = $2)";
    DELETE_SESSIONS_OF_USER = "DELETE FROM sessions WHERE tenant_id = $1 AND user_id = $2";
    DELETE_USER = "DELETE FROM users WHERE tenant_id = $1 AND id = $2";
    FIND_OTHER_ADMINISTRATOR = "SELECT id FROM users
        WHERE tenant_id = $1 AND id <> $2 AND role = 'administrator' AND status = 'active'
        ORDER BY id LIMIT 1";
    ADMIT_SIGN_IN = concat!("UPDATE users SET last_sign_in_at = $4, last_sign_in_address = $5
        WHERE tenant_id = $1 AND id = $2 AND password_version = $3 AND status = 'active'
        RETURNING ", user_columns!(""));
    UPGRADE_PASSWORD_HASH = "UPDATE users SET password_hash = $4
        WHERE tenant_id = $1 AND id = $2 AND password_version = $3";
}

/// What stands for the hash of a user without a password. The column is `NOT NULL`, which SQLite cannot loosen; no PHC
/// string is empty.
const NO_PASSWORD: &str = "";

impl TenantTx<'_> {
    /// A user.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn find_user(&mut self, id: UserId) -> Result<Option<User>, Error> {
        self.find(&FIND_USER, vec![Value::from(id)], read_user)
            .await
    }

    /// The users that match, oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn list_users(
        &mut self,
        filter: &UserFilter,
        page: PageRequest,
    ) -> Result<Page<User>, Error> {
        let after = page.after.map_or(Uuid::nil(), |cursor| cursor.uuid());
        let any = || Value::from("");
        let mut values = vec![
            Value::from(after),
            filter.role.as_ref().map_or_else(any, Value::name_of),
            filter.status.as_ref().map_or_else(any, Value::name_of),
            Value::Integer(page.limit() as i64 + 1),
        ];
        let statement = match &filter.query {
            None => &LIST_USERS,
            Some(query) => {
                let from = query.folded();
                values.extend([Value::from(from), Value::from(end_of_prefix(from))]);
                match query.is_address() {
                    true => &SEARCH_USERS_BY_EMAIL,
                    false => {
                        values.push(Value::from(pattern_of_part(from)));
                        &SEARCH_USERS
                    }
                }
            }
        };
        let rows = self.list(statement, values, read_user).await?;
        Ok(Page::from_rows(rows, page, |user| user.id))
    }

    /// What sign-in needs to know of the account with an address.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn find_sign_in_subject(
        &mut self,
        email: &EmailAddress,
    ) -> Result<Option<SignInSubject>, Error> {
        self.find(
            &FIND_SIGN_IN_SUBJECT,
            vec![Value::from(email.canonical())],
            read_sign_in_subject,
        )
        .await
    }

    /// The same of one account.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn find_sign_in_subject_of(
        &mut self,
        id: UserId,
    ) -> Result<Option<SignInSubject>, Error> {
        let values = vec![Value::from(id)];
        self.find(&FIND_SIGN_IN_SUBJECT_OF, values, read_sign_in_subject)
            .await
    }

    /// Makes an account; none when its address has one already. Without a hash no password is right.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn insert_user(
        &mut self,
        user: &User,
        hash: Option<&PasswordHash>,
    ) -> Result<Option<User>, Error> {
        let values = vec![
            Value::from(user.id),
            Value::from(user.email.as_given()),
            Value::from(user.email.canonical()),
            Value::from(user.name.as_ref().map(DisplayName::to_string)),
            Value::from(user.name.as_ref().map(DisplayName::folded)),
            Value::name_of(&user.role),
            Value::name_of(&user.status),
            Value::from(hash.map_or(NO_PASSWORD, PasswordHash::expose)),
            Value::from(user.created_at),
            Value::from(user.version),
        ];
        self.find(&INSERT_USER, values, read_user).await
    }

    /// Changes the name; none when the user is gone or was changed since `version`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn change_profile(
        &mut self,
        id: UserId,
        version: i64,
        name: Option<&DisplayName>,
    ) -> Result<Option<User>, Error> {
        let values = vec![
            Value::from(id),
            Value::from(version),
            Value::from(name.map(DisplayName::to_string)),
            Value::from(name.map(DisplayName::folded)),
        ];
        self.find(&CHANGE_PROFILE, values, read_user).await
    }

    /// Makes address, name and role those of `user`; none when the user is gone or was changed since `user.version`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Conflict`] when the address has another account.
    pub async fn change_user(&mut self, user: &User) -> Result<Option<User>, Error> {
        let values = vec![
            Value::from(user.id),
            Value::from(user.version),
            Value::from(user.email.as_given()),
            Value::from(user.email.canonical()),
            Value::from(user.name.as_ref().map(DisplayName::to_string)),
            Value::from(user.name.as_ref().map(DisplayName::folded)),
            Value::name_of(&user.role),
        ];
        self.find(&CHANGE_USER, values, read_user).await
    }

    /// Disables an active or invited user; none when there is none. Their sessions are ended apart, after this: the row
    /// stays locked, so that no sign-in slips in between.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn disable_user(&mut self, id: UserId) -> Result<Option<User>, Error> {
        self.find(&DISABLE_USER, vec![Value::from(id)], read_user)
            .await
    }

    /// Enables a disabled user, who is invited still if there is no password; none when there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn enable_user(&mut self, id: UserId) -> Result<Option<User>, Error> {
        self.find(&ENABLE_USER, vec![Value::from(id)], read_user)
            .await
    }

    /// Notes that a user is to be deleted at `deletes_at`; none when there is none, or it is noted already. As with
    /// [`TenantTx::disable_user`], their sessions are ended after this.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn schedule_user_deletion(
        &mut self,
        id: UserId,
        deletes_at: Timestamp,
    ) -> Result<Option<User>, Error> {
        let values = vec![Value::from(id), Value::from(deletes_at)];
        self.find(&SCHEDULE_USER_DELETION, values, read_user).await
    }

    /// Has a user who is to be deleted go at another moment; none when there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn reschedule_user_deletion(
        &mut self,
        id: UserId,
        deletes_at: Timestamp,
    ) -> Result<Option<User>, Error> {
        let values = vec![Value::from(id), Value::from(deletes_at)];
        self.find(&RESCHEDULE_USER_DELETION, values, read_user)
            .await
    }

    /// At most `limit` users who are to be deleted before `moment`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn list_user_deletions_before(
        &mut self,
        moment: Timestamp,
        limit: i64,
    ) -> Result<Vec<User>, Error> {
        let values = vec![Value::from(moment), Value::from(limit)];
        self.list(&LIST_USER_DELETIONS_BEFORE, values, read_user)
            .await
    }

    /// Makes a user who was to be deleted what they were before; none when there is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn restore_user(&mut self, id: UserId) -> Result<Option<User>, Error> {
        self.find(&RESTORE_USER, vec![Value::from(id)], read_user)
            .await
    }

    /// Deletes a user whose time of grace is over at `now`, with everything that only they had; none when there is no such
    /// user, for instance since the deletion was taken back.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn erase_user(&mut self, id: UserId, now: Timestamp) -> Result<Option<User>, Error> {
        let due = vec![Value::from(id), Value::from(now)];
        let Some(user) = self.find(&HOLD_DUE_USER, due, read_user).await? else {
            return Ok(None);
        };
        self.void_invitation(id).await?;
        self.forget_answers_of(id).await?;
        self.forget_known_devices(id).await?;
        for statement in [
            &DELETE_TOKEN_FAMILIES_OF_USER,
            &DELETE_SESSIONS_OF_USER,
            &DELETE_USER,
        ] {
            self.run(statement, vec![Value::from(id)]).await?;
        }
        Ok(Some(user))
    }

    /// An active administrator besides one, if the tenant has any. Only under [`TenantTx::hold_tenant`] does the answer
    /// still hold at the commit.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_other_administrator(&mut self, id: UserId) -> Result<Option<UserId>, Error> {
        let values = vec![Value::from(id)];
        self.find(&FIND_OTHER_ADMINISTRATOR, values, |row| row.get(0))
            .await
    }

    /// Notes a sign-in, if the account is still active and its password the one that was verified. The row stays locked
    /// until the session stands, so whoever disables the account meanwhile waits and then ends that session too.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn admit_sign_in(
        &mut self,
        subject: &SignInSubject,
        now: Timestamp,
        address: Option<String>,
    ) -> Result<Option<User>, Error> {
        let values = vec![
            Value::from(subject.user_id),
            Value::from(subject.password_version),
            Value::from(now),
            Value::from(address),
        ];
        self.find(&ADMIT_SIGN_IN, values, read_user).await
    }

    /// Gives a user another password; none when it, or the user's status, is not what it was when it was verified.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn change_password(
        &mut self,
        subject: &SignInSubject,
        hash: &PasswordHash,
    ) -> Result<Option<User>, Error> {
        let values = vec![
            Value::from(subject.user_id),
            Value::from(subject.password_version),
            Value::from(hash.expose()),
        ];
        self.find(&CHANGE_PASSWORD, values, read_user).await
    }

    /// Replaces the hash of the same password by one of today's cost; false when the password changed meanwhile.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn upgrade_password_hash(
        &mut self,
        subject: &SignInSubject,
        hash: &PasswordHash,
    ) -> Result<bool, Error> {
        let values = vec![
            Value::from(subject.user_id),
            Value::from(subject.password_version),
            Value::from(hash.expose()),
        ];
        Ok(self.run(&UPGRADE_PASSWORD_HASH, values).await?.changed == 1)
    }
}

pub(crate) fn read_user(row: &mut Row) -> Result<User, Error> {
    read_user_from(row, 0)
}

/// Reads a user whose columns begin at `first`.
pub(crate) fn read_user_from(row: &mut Row, first: usize) -> Result<User, Error> {
    Ok(User {
        id: row.get(first)?,
        email: EmailAddress::from_stored(row.get(first + 1)?)
            .ok_or_else(|| row.corrupt(first + 1))?,
        name: row.parsed_or_null(first + 2)?,
        role: row.named(first + 3)?,
        status: row.named(first + 4)?,
        created_at: row.get(first + 5)?,
        last_sign_in_at: row.get(first + 6)?,
        last_sign_in_address: row.get(first + 7)?,
        deletes_at: row.get(first + 8)?,
        version: row.get(first + 9)?,
    })
}

fn read_sign_in_subject(row: &mut Row) -> Result<SignInSubject, Error> {
    let hash: String = row.get(2)?;
    Ok(SignInSubject {
        user_id: row.get(0)?,
        status: row.named(1)?,
        password_hash: (hash != NO_PASSWORD).then(|| PasswordHash::from_phc(hash)),
        password_version: row.get(3)?,
    })
}

/// The least text that is greater than all that begin with `prefix`, in the order of bytes: that of `email_canonical` on
/// both engines.
fn end_of_prefix(prefix: &str) -> String {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            characters.push(next);
            break;
        }
    }
    characters.into_iter().collect()
}

/// The LIKE pattern of texts with `part` in them, in which nothing of `part` is a wildcard.
fn pattern_of_part(part: &str) -> String {
    let mut pattern = String::with_capacity(part.len() + 2);
    pattern.push('%');
    for character in part.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::{end_of_prefix, pattern_of_part};

    #[test]
    fn the_end_of_a_prefix_is_greater_than_all_that_begin_with_it() {
        for prefix in ["a", "ada@", "\u{7f}", "\u{d7ff}", "é", "a\u{10ffff}"] {
            let end = end_of_prefix(prefix);
            assert!(end.as_str() > prefix, "{prefix:?}");
            assert!(!end.starts_with(prefix), "{prefix:?}");
            assert!(end > format!("{prefix}zzz"), "{prefix:?}");
        }
        assert_eq!(end_of_prefix("ada"), "adb");
    }

    #[test]
    fn wildcards_are_taken_literally() {
        assert_eq!(pattern_of_part("50%_\\"), "%50\\%\\_\\\\%");
    }
}
