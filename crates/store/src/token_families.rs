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
    Digest, ExchangeSubject, FamilyId, FamilyRevoked, RefreshAnswer, RefreshTokenDigests,
    SealedBytes, SessionId, Timestamp, TokenFamily,
};

statements! {
    INSERT_FAMILY = "INSERT INTO token_families (tenant_id, id, session_id, client_id, selector_digest, generation, digest,
            issued_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    // In one statement, so that answer and family are of one moment; the answer is looked for only by whom it was given to.
    FIND_EXCHANGE_SUBJECT = concat!("SELECT CASE WHEN f.previous_digest = $3 THEN (
                SELECT a.sealed FROM refresh_answers a
                WHERE a.tenant_id = f.tenant_id AND a.family_id = f.id AND a.generation = f.generation - 1
            ) END, ", family_columns!("f."), ", ", session_columns!("s."), ", ", user_columns!("u."),
        " FROM token_families f
            JOIN sessions s ON s.tenant_id = f.tenant_id AND s.id = f.session_id
            JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
        WHERE f.tenant_id = $1 AND f.selector_digest = $2");
    ROTATE_FAMILY = "UPDATE token_families
        SET generation = generation + 1, previous_digest = digest, digest = $4, rotated_at = $5
        WHERE tenant_id = $1 AND id = $2 AND generation = $3 AND revoked_at IS NULL AND expires_at > $5
        RETURNING generation";
    KEEP_ANSWER = "INSERT INTO refresh_answers (tenant_id, family_id, generation, sealed, erase_at)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (tenant_id, family_id) DO UPDATE
            SET generation = excluded.generation, sealed = excluded.sealed, erase_at = excluded.erase_at";
    ERASE_ANSWERS = "DELETE FROM refresh_answers WHERE tenant_id = $1 AND erase_at <= $2";
    ERASE_ANSWER_OF = "DELETE FROM refresh_answers WHERE tenant_id = $1 AND family_id = $2";
    REVOKE_FAMILY = concat!("UPDATE token_families SET revoked_at = $3, revoke_reason = $4
        WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL
        RETURNING ", family_columns!(""));
    DELETE_FAMILIES_OF_SESSION = "DELETE FROM token_families WHERE tenant_id = $1 AND session_id = $2";
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
            Value::from(family.selector.0.as_slice()),
            Value::from(family.generation),
            Value::from(family.digest.0.as_slice()),
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
        presented: RefreshTokenDigests,
    ) -> Result<Option<ExchangeSubject>, Error> {
        let RefreshTokenDigests { selector, token } = presented;
        let values = vec![
            Value::from(selector.0.as_slice()),
            Value::from(token.0.as_slice()),
        ];
        let read = |row: &mut Row| read_subject(row, &token);
        self.find(&FIND_EXCHANGE_SUBJECT, values, read).await
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

fn read_subject(row: &mut Row, presented: &Digest) -> Result<ExchangeSubject, Error> {
    let sealed: Option<Vec<u8>> = row.get(0)?;
    let family = read_family_from(row, 1)?;
    Ok(ExchangeSubject {
        age: family.age_of(presented),
        answer: sealed.map(SealedBytes),
        family,
        session: read_session_from(row, 13)?,
        user: read_user_from(row, 29)?,
    })
}

fn read_family_from(row: &mut Row, first: usize) -> Result<TokenFamily, Error> {
    let revoked_at: Option<Timestamp> = row.get(first + 10)?;
    let revoked = match revoked_at {
        Some(at) => Some(FamilyRevoked {
            at,
            reason: row.named(first + 11)?,
        }),
        None => None,
    };
    Ok(TokenFamily {
        id: row.get(first)?,
        session_id: row.get(first + 1)?,
        client_id: row.get(first + 2)?,
        selector: row.get(first + 3)?,
        generation: row.get(first + 4)?,
        digest: row.get(first + 5)?,
        previous: row.get(first + 6)?,
        issued_at: row.get(first + 7)?,
        rotated_at: row.get(first + 8)?,
        expires_at: row.get(first + 9)?,
        revoked,
    })
}
