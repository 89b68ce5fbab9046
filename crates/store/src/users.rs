//! Users and their password hashes.

use crate::columns::user_columns;
use crate::error::Error;
use crate::row::Row;
use crate::statement::statements;
use crate::transaction::TenantTx;
use crate::value::Value;
use keyward_model::{
    DisplayName, EmailAddress, Page, PageRequest, PasswordHash, SignInSubject, Timestamp, User,
    UserId,
};
use uuid::Uuid;

statements! {
    FIND_USER = concat!("SELECT ", user_columns!(""), " FROM users WHERE tenant_id = $1 AND id = $2");
    LIST_USERS = concat!("SELECT ", user_columns!(""), " FROM users WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3");
    FIND_SIGN_IN_SUBJECT = "SELECT id, status, password_hash, password_version
        FROM users WHERE tenant_id = $1 AND email_canonical = $2";
    INSERT_USER = concat!("INSERT INTO users (tenant_id, id, email, email_canonical, name, role, status, password_hash,
            password_version, created_at, version)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10)
        ON CONFLICT (tenant_id, email_canonical) DO NOTHING
        RETURNING ", user_columns!(""));
    CHANGE_PROFILE = concat!("UPDATE users SET name = $4, version = version + 1
        WHERE tenant_id = $1 AND id = $2 AND version = $3
        RETURNING ", user_columns!(""));
    ADMIT_SIGN_IN = concat!("UPDATE users SET last_sign_in_at = $4, last_sign_in_address = $5
        WHERE tenant_id = $1 AND id = $2 AND password_version = $3 AND status = 'active'
        RETURNING ", user_columns!(""));
    UPGRADE_PASSWORD_HASH = "UPDATE users SET password_hash = $4
        WHERE tenant_id = $1 AND id = $2 AND password_version = $3";
}

impl TenantTx<'_> {
    /// A user.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn find_user(&mut self, id: UserId) -> Result<Option<User>, Error> {
        self.find(&FIND_USER, vec![Value::from(id)], read_user)
            .await
    }

    /// The users, oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn list_users(&mut self, page: PageRequest) -> Result<Page<User>, Error> {
        let after = page.after.map_or(Uuid::nil(), |cursor| cursor.uuid());
        let values = vec![Value::from(after), Value::Integer(page.limit() as i64 + 1)];
        Ok(Page::from_rows(
            self.list(&LIST_USERS, values, read_user).await?,
            page,
            |user| user.id,
        ))
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

    /// Makes an account; none when its address has one already.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn insert_user(
        &mut self,
        user: &User,
        hash: &PasswordHash,
    ) -> Result<Option<User>, Error> {
        let values = vec![
            Value::from(user.id),
            Value::from(user.email.as_given()),
            Value::from(user.email.canonical()),
            Value::from(user.name.as_ref().map(DisplayName::to_string)),
            Value::name_of(&user.role),
            Value::name_of(&user.status),
            Value::from(hash.expose()),
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
        let name = Value::from(name.map(DisplayName::to_string));
        self.find(
            &CHANGE_PROFILE,
            vec![Value::from(id), Value::from(version), name],
            read_user,
        )
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
        email: row.parsed(first + 1)?,
        name: row.parsed_or_null(first + 2)?,
        role: row.named(first + 3)?,
        status: row.named(first + 4)?,
        created_at: row.get(first + 5)?,
        last_sign_in_at: row.get(first + 6)?,
        last_sign_in_address: row.get(first + 7)?,
        version: row.get(first + 8)?,
    })
}

fn read_sign_in_subject(row: &mut Row) -> Result<SignInSubject, Error> {
    Ok(SignInSubject {
        user_id: row.get(0)?,
        status: row.named(1)?,
        password_hash: PasswordHash::from_phc(row.get(2)?),
        password_version: row.get(3)?,
    })
}
