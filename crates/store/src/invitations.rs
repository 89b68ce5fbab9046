//! Invitations: at most one a user, known by the digest of its token.

use crate::columns::user_columns;
use crate::error::Error;
use crate::statement::statements;
use crate::transaction::TenantTx;
use crate::users::read_user;
use crate::value::Value;
use keyward_model::{Digest, DisplayName, Invitation, PasswordHash, Timestamp, User, UserId};

statements! {
    REPLACE_INVITATION = "INSERT INTO invitations (tenant_id, user_id, digest, created_at, expires_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (tenant_id, user_id) DO UPDATE
        SET digest = excluded.digest, created_at = excluded.created_at, expires_at = excluded.expires_at";
    FIND_INVITATION = "SELECT user_id FROM invitations
        WHERE tenant_id = $1 AND digest = $2 AND expires_at > $3";
    REDEEM_INVITATION = "DELETE FROM invitations
        WHERE tenant_id = $1 AND digest = $2 AND expires_at > $3";
    VOID_INVITATION = "DELETE FROM invitations WHERE tenant_id = $1 AND user_id = $2";
    VOID_INVITATIONS = "DELETE FROM invitations WHERE tenant_id = $1 AND user_id IN (
            SELECT user_id FROM invitations WHERE tenant_id = $1 ORDER BY user_id LIMIT $2)";
    INVITE_USER = concat!("UPDATE users SET version = version + 1
        WHERE tenant_id = $1 AND id = $2 AND status = 'invited'
        RETURNING ", user_columns!(""));
    ACTIVATE_USER = concat!("UPDATE users
        SET status = 'active', password_hash = $3, password_version = password_version + 1,
            name = COALESCE($4, name), name_folded = COALESCE($5, name_folded), version = version + 1
        WHERE tenant_id = $1 AND id = $2 AND status = 'invited'
        RETURNING ", user_columns!(""));
}

impl TenantTx<'_> {
    /// Keeps an invitation, in the place of the one that the user had.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Conflict`] when the user is gone.
    pub async fn replace_invitation(&mut self, invitation: &Invitation) -> Result<(), Error> {
        let values = vec![
            Value::from(invitation.user_id),
            Value::from(invitation.digest.0.as_slice()),
            Value::from(invitation.created_at),
            Value::from(invitation.expires_at),
        ];
        self.run(&REPLACE_INVITATION, values).await.map(drop)
    }

    /// Who is invited by a token that is good at `now`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn find_invited_user(
        &mut self,
        digest: Digest,
        now: Timestamp,
    ) -> Result<Option<UserId>, Error> {
        let values = vec![Value::from(digest.0.as_slice()), Value::from(now)];
        self.find(&FIND_INVITATION, values, |row| row.get(0)).await
    }

    /// Uses an invitation up; false when it is none that is good at `now`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn redeem_invitation(
        &mut self,
        digest: Digest,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let values = vec![Value::from(digest.0.as_slice()), Value::from(now)];
        Ok(self.run(&REDEEM_INVITATION, values).await?.changed == 1)
    }

    /// Makes the invitation of a user worthless, if there is one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn void_invitation(&mut self, user_id: UserId) -> Result<bool, Error> {
        let voided = self.run(&VOID_INVITATION, vec![Value::from(user_id)]);
        Ok(voided.await?.changed == 1)
    }

    /// Makes invitations of the tenant worthless, `count_max` at most, also those that are over by time: the clock of a restored
    /// database is not believed. How many; fewer than `count_max` were the last.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn void_invitations(&mut self, count_max: u32) -> Result<u64, Error> {
        let voided = self.run(&VOID_INVITATIONS, vec![Value::from(i64::from(count_max))]);
        Ok(voided.await?.changed)
    }

    /// Notes that a user without a password is invited once more; none when there is none. The row stays locked, so that
    /// nobody accepts the former invitation meanwhile.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn invite_user(&mut self, id: UserId) -> Result<Option<User>, Error> {
        self.find(&INVITE_USER, vec![Value::from(id)], read_user)
            .await
    }

    /// Gives an invited user their first password, and a name if they say one; none when nobody of the id is invited.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn activate_user(
        &mut self,
        id: UserId,
        hash: &PasswordHash,
        name: Option<&DisplayName>,
    ) -> Result<Option<User>, Error> {
        let values = vec![
            Value::from(id),
            Value::from(hash.expose()),
            Value::from(name.map(DisplayName::to_string)),
            Value::from(name.map(DisplayName::folded)),
        ];
        self.find(&ACTIVATE_USER, values, read_user).await
    }
}
