//! Sessions, and the refresh tokens that continue them.

use crate::columns::{session_columns, user_columns};
use crate::error::Error;
use crate::row::Row;
use crate::statement::statements;
use crate::transaction::TenantTx;
use crate::users::read_user_from;
use crate::value::Value;
use keyward_model::{
    ConcurrentSessions, Device, EndReason, Ended, Page, PageRequest, Removal, Session, SessionId,
    SessionUser, Timestamp, UserId,
};
use uuid::Uuid;

/// That a tenant has not ended all of its sessions since this one was opened.
macro_rules! of_this_epoch {
    () => {
        " AND epoch = (SELECT t.session_epoch FROM tenants t WHERE t.tenant_id = $1)"
    };
}

pub(crate) use of_this_epoch;

// Where a user's sessions are meant, the end is written with a plus: SQLite, which knows no sizes, would walk by it through
// those of the whole tenant.
statements! {
    FIND_SESSION = concat!("SELECT ", session_columns!(""), " FROM sessions WHERE tenant_id = $1 AND id = $2");
    FIND_SESSION_USER = concat!("SELECT ", session_columns!("s."), ", ", user_columns!("u."),
        " FROM sessions s JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
        WHERE s.tenant_id = $1 AND s.id = $2");
    LIST_LIVE_SESSIONS = concat!("SELECT ", session_columns!(""), " FROM sessions
        WHERE tenant_id = $1 AND user_id = $2 AND id > $3 AND ended_at IS NULL AND expires_at > $4
            AND last_active_at + idle_seconds * 1000000 > $4", of_this_epoch!(), "
        ORDER BY id LIMIT $5");
    LIST_ACTIVE_SESSIONS = concat!("SELECT ", session_columns!(""), " FROM sessions
        WHERE tenant_id = $1 AND id > $2 AND ended_at IS NULL AND expires_at > $3
            AND last_active_at + idle_seconds * 1000000 > $3", of_this_epoch!(), "
        ORDER BY id LIMIT $4");
    INSERT_SESSION = "INSERT INTO sessions (tenant_id, id, user_id, created_at, last_active_at, expires_at, idle_seconds,
            address, user_agent, device_name, device_fingerprint, device_priority, version, authenticated_at, country, epoch)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15,
            (SELECT t.session_epoch FROM tenants t WHERE t.tenant_id = $1))";
    END_SESSION = concat!("UPDATE sessions SET ended_at = $3, end_reason = $4, version = version + 1
        WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL AND expires_at > $3
            AND last_active_at + idle_seconds * 1000000 > $3", of_this_epoch!(), "
        RETURNING ", session_columns!(""));
    END_SESSIONS_OF_USER = concat!("UPDATE sessions SET ended_at = $4, end_reason = $5, version = version + 1
        WHERE tenant_id = $1 AND user_id = $2 AND id <> $3 AND ended_at IS NULL AND +expires_at > $4
            AND last_active_at + idle_seconds * 1000000 > $4", of_this_epoch!(), "
        RETURNING ", session_columns!(""));
    COUNT_LIVE_SESSIONS = concat!("SELECT COUNT(*), COUNT(DISTINCT CASE WHEN address <> $4 THEN address END) FROM sessions
        WHERE tenant_id = $1 AND user_id = $2 AND ended_at IS NULL AND +expires_at > $3
            AND last_active_at + idle_seconds * 1000000 > $3", of_this_epoch!());
    EVICT_SESSIONS = concat!("UPDATE sessions SET ended_at = $4, end_reason = 'evicted', version = version + 1
        WHERE tenant_id = $1 AND id IN (
            SELECT s.id FROM sessions s
            WHERE s.tenant_id = $1 AND s.user_id = $2 AND s.ended_at IS NULL AND +s.expires_at > $4
                AND s.last_active_at + s.idle_seconds * 1000000 > $4
                AND s.epoch = (SELECT t.session_epoch FROM tenants t WHERE t.tenant_id = $1)
            ORDER BY s.device_priority DESC, s.id DESC LIMIT 1000 OFFSET $3)
        RETURNING ", session_columns!(""));
    END_SESSIONS_AFTER = "UPDATE sessions SET ended_at = $4, end_reason = $5, version = version + 1
        WHERE tenant_id = $1 AND ended_at IS NULL AND id IN (
            SELECT s.id FROM sessions s WHERE s.tenant_id = $1 AND s.id > $2 AND s.ended_at IS NULL
            ORDER BY s.id LIMIT $3)
        RETURNING id";
    TOUCH_SESSION = "UPDATE sessions SET last_active_at = $3
        WHERE tenant_id = $1 AND id = $2 AND last_active_at < $3 AND ended_at IS NULL";
    LIST_EXPIRED_SESSIONS = "SELECT id FROM sessions WHERE tenant_id = $1 AND expires_at < $2
        ORDER BY expires_at LIMIT $3";
    DELETE_EXPIRED_SESSION = "DELETE FROM sessions WHERE tenant_id = $1 AND id = $2 AND expires_at < $3";
}

impl TenantTx<'_> {
    /// A session, live or not.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn find_session(&mut self, id: SessionId) -> Result<Option<Session>, Error> {
        self.find(&FIND_SESSION, vec![Value::from(id)], read_session)
            .await
    }

    /// A session, live or not, with its user.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn find_session_user(&mut self, id: SessionId) -> Result<Option<SessionUser>, Error> {
        let read = |row: &mut Row| {
            Ok(SessionUser {
                session: read_session(row)?,
                user: read_user_from(row, 16)?,
            })
        };
        self.find(&FIND_SESSION_USER, vec![Value::from(id)], read)
            .await
    }

    /// The sessions of a user that are live at `now`, oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn list_live_sessions(
        &mut self,
        user_id: UserId,
        now: Timestamp,
        page: PageRequest,
    ) -> Result<Page<Session>, Error> {
        let after = page.after.map_or(Uuid::nil(), |cursor| cursor.uuid());
        let values = vec![
            Value::from(user_id),
            Value::from(after),
            Value::from(now),
            Value::Integer(page.limit() as i64 + 1),
        ];
        let rows = self.list(&LIST_LIVE_SESSIONS, values, read_session).await?;
        Ok(Page::from_rows(rows, page, |session| session.id))
    }

    /// The sessions of the tenant that are live at `now`, whoever's they are, oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Corrupt`].
    pub async fn list_active_sessions(
        &mut self,
        now: Timestamp,
        page: PageRequest,
    ) -> Result<Page<Session>, Error> {
        let after = page.after.map_or(Uuid::nil(), |cursor| cursor.uuid());
        let values = vec![
            Value::from(after),
            Value::from(now),
            Value::Integer(page.limit() as i64 + 1),
        ];
        let rows = self
            .list(&LIST_ACTIVE_SESSIONS, values, read_session)
            .await?;
        Ok(Page::from_rows(rows, page, |session| session.id))
    }

    /// Keeps a new session.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Conflict`] when its user is gone.
    pub async fn insert_session(&mut self, session: &Session) -> Result<(), Error> {
        let values = vec![
            Value::from(session.id),
            Value::from(session.user_id),
            Value::from(session.created_at),
            Value::from(session.last_active_at),
            Value::from(session.expires_at),
            Value::from(session.idle_seconds),
            Value::from(session.address.clone()),
            Value::from(session.user_agent.clone()),
            Value::from(session.device.name.clone()),
            Value::from(session.device.fingerprint.clone()),
            Value::from(session.device.priority),
            Value::from(session.version),
            Value::from(session.authenticated_at),
            Value::from(session.country.map(String::from)),
        ];
        self.run(&INSERT_SESSION, values).await.map(drop)
    }

    /// Ends a session; none when it is not there or has ended already.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn end_session(
        &mut self,
        id: SessionId,
        end: Ended,
    ) -> Result<Option<Session>, Error> {
        let values = vec![
            Value::from(id),
            Value::from(end.at),
            Value::name_of(&end.reason),
        ];
        let ended = self.find(&END_SESSION, values, read_session).await?;
        if ended.is_none() {
            self.note_found_over(Removal::Session(id));
        }
        Ok(ended)
    }

    /// Ends every session of a user but `kept`; gives those that it ended.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn end_sessions_of_user(
        &mut self,
        user_id: UserId,
        kept: Option<SessionId>,
        end: Ended,
    ) -> Result<Vec<Session>, Error> {
        // No session has the nil id, so "but none" needs no second statement.
        let kept = kept.map_or(Uuid::nil(), SessionId::uuid);
        let values = vec![
            Value::from(user_id),
            Value::from(kept),
            Value::from(end.at),
            Value::name_of(&end.reason),
        ];
        let ended = self
            .list(&END_SESSIONS_OF_USER, values, read_session)
            .await?;
        if ended.is_empty() {
            self.note_found_over(Removal::User(user_id));
        }
        Ok(ended)
    }

    /// How many sessions of a user are live at `now`, and at how many addresses other than this. Whoever goes by it holds the
    /// user's row.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn count_live_sessions(
        &mut self,
        user_id: UserId,
        now: Timestamp,
        address: Option<&str>,
    ) -> Result<ConcurrentSessions, Error> {
        let values = vec![
            Value::from(user_id),
            Value::from(now),
            Value::from(address.unwrap_or_default()),
        ];
        let read = |row: &mut Row| {
            Ok(ConcurrentSessions {
                sessions: row.get(0)?,
                other_addresses: row.get(1)?,
            })
        };
        let counted = self.find(&COUNT_LIVE_SESSIONS, values, read).await?;
        Ok(counted.unwrap_or_default())
    }

    /// Ends the sessions of a user beyond `kept_max`: of the devices with the lowest priority first, of those the oldest; a
    /// thousand at once. Gives those that it ended.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn evict_sessions(
        &mut self,
        user_id: UserId,
        kept_max: i64,
        now: Timestamp,
    ) -> Result<Vec<Session>, Error> {
        let values = vec![
            Value::from(user_id),
            Value::from(kept_max),
            Value::from(now),
        ];
        self.list(&EVICT_SESSIONS, values, read_session).await
    }

    /// Ends the sessions of the tenant that come after `after` and have not ended, whoever's they are, in the order of
    /// their ids and `count_max` at most. Also those that are over by time: the clock of a restored database is not believed.
    /// Gives their ids; fewer than `count_max` were the last.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn end_sessions_after(
        &mut self,
        after: Option<SessionId>,
        count_max: u32,
        end: Ended,
    ) -> Result<Vec<SessionId>, Error> {
        let values = vec![
            Value::from(after.map_or(Uuid::nil(), SessionId::uuid)),
            Value::from(i64::from(count_max)),
            Value::from(end.at),
            Value::name_of(&end.reason),
        ];
        self.list(&END_SESSIONS_AFTER, values, |row| row.get(0))
            .await
    }

    /// Notes that a session was seen. Never moves backwards, never wakes an ended one.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn touch_session(&mut self, id: SessionId, now: Timestamp) -> Result<(), Error> {
        self.defer(&TOUCH_SESSION, vec![Value::from(id), Value::from(now)])
            .await
    }

    /// Deletes sessions that expired before a moment, oldest first, at most `limit`, with their refresh tokens; how many.
    /// One that ended before it expired goes with the others of its expiry.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn delete_expired_sessions(
        &mut self,
        expired_before: Timestamp,
        limit: i64,
    ) -> Result<u64, Error> {
        let values = vec![Value::from(expired_before), Value::from(limit)];
        let ids = self.list(&LIST_EXPIRED_SESSIONS, values, |row| {
            row.get::<SessionId>(0)
        });
        let mut deleted = 0;
        for id in ids.await? {
            self.delete_families_of(id).await?;
            let values = vec![Value::from(id), Value::from(expired_before)];
            deleted += self.run(&DELETE_EXPIRED_SESSION, values).await?.changed;
        }
        Ok(deleted)
    }
}

fn read_session(row: &mut Row) -> Result<Session, Error> {
    read_session_from(row, 0)
}

pub(crate) fn read_session_from(row: &mut Row, first: usize) -> Result<Session, Error> {
    let ended_at: Option<Timestamp> = row.get(first + 11)?;
    let ended = match ended_at {
        Some(at) => Some(Ended {
            at,
            reason: row.named::<EndReason>(first + 12)?,
        }),
        None => None,
    };
    Ok(Session {
        id: row.get(first)?,
        user_id: row.get(first + 1)?,
        created_at: row.get(first + 2)?,
        last_active_at: row.get(first + 3)?,
        expires_at: row.get(first + 4)?,
        idle_seconds: row.get(first + 5)?,
        address: row.get(first + 6)?,
        user_agent: row.get(first + 7)?,
        device: Device {
            name: row.get(first + 8)?,
            fingerprint: row.get(first + 9)?,
            priority: row.get(first + 10)?,
        },
        ended,
        version: row.get(first + 13)?,
        authenticated_at: row.get(first + 14)?,
        country: row.parsed_or_null(first + 15)?,
    })
}
