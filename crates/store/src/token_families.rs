//! Families of refresh tokens. What a presented token is worth is decided by [`TokenFamily::worth_of`]; here is what it is
//! decided of, and the compare-and-set by which what was decided becomes true, or not.

use crate::columns::{family_columns, session_columns, user_columns};
use crate::error::Error;
use crate::row::Row;
use crate::sessions::read_session_from;
use crate::statement::statements;
use crate::transaction::TenantTx;
use crate::users::read_user_from;
use crate::value::Value;
use keyward_model::{
    Digest, ExchangeSubject, FamilyId, FamilyRevoked, RefreshAnswer, SealedBytes, SessionId,
    Timestamp, TokenFamily,
};

statements! {
    INSERT_FAMILY = "INSERT INTO refresh_tokens (tenant_id, id, session_id, client_id, digest, generation, issued_at,
            expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    FIND_BY_CURRENT_TOKEN = concat!("SELECT f.generation, NULL, ", family_columns!("f."), ", ", session_columns!("s."), ", ",
            user_columns!("u."),
        " FROM refresh_tokens f
            JOIN sessions s ON s.tenant_id = f.tenant_id AND s.id = f.session_id
            JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
        WHERE f.tenant_id = $1 AND f.digest = $2");
    // In one statement, so that answer and generation are of one moment.
    FIND_BY_SPENT_TOKEN = concat!("SELECT t.generation, a.sealed, ", family_columns!("f."), ", ", session_columns!("s."), ", ",
            user_columns!("u."),
        " FROM spent_refresh_tokens t
            JOIN refresh_tokens f ON f.tenant_id = t.tenant_id AND f.id = t.family_id
            JOIN sessions s ON s.tenant_id = f.tenant_id AND s.id = f.session_id
            JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
            LEFT JOIN refresh_answers a ON a.tenant_id = t.tenant_id AND a.family_id = t.family_id
                AND a.generation = t.generation
        WHERE t.tenant_id = $1 AND t.digest = $2");
    ROTATE_FAMILY = "UPDATE refresh_tokens SET digest = $4, generation = generation + 1, rotated_at = $5
        WHERE tenant_id = $1 AND id = $2 AND generation = $3 AND revoked_at IS NULL AND expires_at > $5
        RETURNING generation";
    INSERT_SPENT_TOKEN = "INSERT INTO spent_refresh_tokens (tenant_id, digest, family_id, generation)
        VALUES ($1, $2, $3, $4)";
    KEEP_ANSWER = "INSERT INTO refresh_answers (tenant_id, family_id, generation, sealed, erase_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (tenant_id, family_id) DO UPDATE
            SET generation = excluded.generation, sealed = excluded.sealed, erase_at = excluded.erase_at";
    ERASE_ANSWERS = "DELETE FROM refresh_answers WHERE tenant_id = $1 AND erase_at <= $2";
    ERASE_ANSWER_OF = "DELETE FROM refresh_answers WHERE tenant_id = $1 AND family_id = $2";
    REVOKE_FAMILY = concat!("UPDATE refresh_tokens SET revoked_at = $3, revoke_reason = $4
        WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL
        RETURNING ", family_columns!(""));
    DELETE_FAMILIES_OF_SESSION = "DELETE FROM refresh_tokens WHERE tenant_id = $1 AND session_id = $2";
}

impl TenantTx<'_> {
    /// Keeps a new family.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Conflict`] when its session is gone.
    pub async fn insert_token_family(&mut self, family: &TokenFamily) -> Result<(), Error> {
        let values = vec![
            Value::from(family.id),
            Value::from(family.session_id),
            Value::from(family.client_id.as_str()),
            Value::from(family.digest.0.as_slice()),
            Value::from(family.generation),
            Value::from(family.issued_at),
            Value::from(family.expires_at),
        ];
        self.run(&INSERT_FAMILY, values).await.map(drop)
    }

    /// The family that a refresh token is or was of, with its session and user, live or not.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn find_exchange_subject(
        &mut self,
        digest: Digest,
    ) -> Result<Option<ExchangeSubject>, Error> {
        for statement in [&FIND_BY_CURRENT_TOKEN, &FIND_BY_SPENT_TOKEN] {
            let values = vec![Value::from(digest.0.as_slice())];
            let found = self.find(statement, values, read_subject).await?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Exchanges the token that `family` was seen with for `next`, and keeps the answer to it; false when the family is
    /// another by now.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn rotate_token_family(
        &mut self,
        family: &TokenFamily,
        next: Digest,
        answer: &RefreshAnswer,
    ) -> Result<bool, Error> {
        let values = vec![
            Value::from(family.id),
            Value::from(family.generation),
            Value::from(next.0.as_slice()),
            Value::from(answer.given_at),
        ];
        if self.run(&ROTATE_FAMILY, values).await?.rows.is_empty() {
            return Ok(false);
        }
        let spent = vec![
            Value::from(family.digest.0.as_slice()),
            Value::from(family.id),
            Value::from(family.generation),
        ];
        self.defer(&INSERT_SPENT_TOKEN, spent).await?;
        let kept = vec![
            Value::from(family.id),
            Value::from(family.generation),
            Value::from(answer.sealed.0.as_slice()),
            Value::from(keyward_model::repeats_until(answer.given_at)),
        ];
        self.defer(&KEEP_ANSWER, kept).await?;
        Ok(true)
    }

    /// Ends a family for good; none when it is not there or ended already.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn revoke_token_family(
        &mut self,
        id: FamilyId,
        end: FamilyRevoked,
    ) -> Result<Option<TokenFamily>, Error> {
        let values = vec![
            Value::from(id),
            Value::from(end.at),
            Value::name_of(&end.reason),
        ];
        let revoked = self
            .find(&REVOKE_FAMILY, values, |row| read_family_from(row, 0))
            .await?;
        if revoked.is_some() {
            self.run(&ERASE_ANSWER_OF, vec![Value::from(id)]).await?;
        }
        Ok(revoked)
    }

    /// Erases the answers to exchanges whose time is over at `now`. It is no change, and asks for no event.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn erase_refresh_answers(&mut self, now: Timestamp) -> Result<(), Error> {
        let erased = self.run(&ERASE_ANSWERS, vec![Value::from(now)]).await?;
        self.ledger().forget_changed(erased.changed);
        Ok(())
    }

    pub(crate) async fn delete_families_of(&mut self, id: SessionId) -> Result<(), Error> {
        self.run(&DELETE_FAMILIES_OF_SESSION, vec![Value::from(id)])
            .await
            .map(drop)
    }
}

fn read_subject(row: &mut Row) -> Result<ExchangeSubject, Error> {
    let sealed: Option<Vec<u8>> = row.get(1)?;
    Ok(ExchangeSubject {
        generation: row.get(0)?,
        answer: sealed.map(SealedBytes),
        family: read_family_from(row, 2)?,
        session: read_session_from(row, 12)?,
        user: read_user_from(row, 28)?,
    })
}

fn read_family_from(row: &mut Row, first: usize) -> Result<TokenFamily, Error> {
    let revoked_at: Option<Timestamp> = row.get(first + 8)?;
    let revoked = match revoked_at {
        Some(at) => Some(FamilyRevoked {
            at,
            reason: row.named(first + 9)?,
        }),
        None => None,
    };
    Ok(TokenFamily {
        id: row.get(first)?,
        session_id: row.get(first + 1)?,
        client_id: row.get(first + 2)?,
        digest: row.get(first + 3)?,
        generation: row.get(first + 4)?,
        issued_at: row.get(first + 5)?,
        rotated_at: row.get(first + 6)?,
        expires_at: row.get(first + 7)?,
        revoked,
    })
}
