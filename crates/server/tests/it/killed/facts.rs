//! What was acknowledged under a load, and whether it still holds.

use crate::instance::Instance;
use crate::process::Server;
use std::collections::HashMap;
use std::fmt;

/// The last thing that was acknowledged of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UserFact {
    Active,
    Disabled,
    /// A change was asked for and its answer never came: either is right.
    Unknown,
}

/// The last thing that was acknowledged of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionFact {
    Live,
    Over,
    /// As of a user.
    Unknown,
}

/// What one client, or all of them, had acknowledged: users by id, sessions by access token.
#[derive(Debug, Default)]
pub(super) struct Facts {
    users: HashMap<String, UserFact>,
    sessions: HashMap<String, SessionFact>,
    /// Sessions of earlier rounds, live and over, whose tokens would be too old to tell by now.
    settled: (usize, usize),
}

impl Facts {
    pub(super) fn user(&mut self, id: &str, fact: UserFact) {
        self.users.insert(id.to_owned(), fact);
    }

    pub(super) fn session(&mut self, token: &str, fact: SessionFact) {
        self.sessions.insert(token.to_owned(), fact);
    }

    pub(super) fn count(&self) -> usize {
        self.users.len() + self.sessions.len()
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.users.extend(other.users);
        self.sessions.extend(other.sessions);
    }

    /// Keeps no more than the count of sessions that were checked: access tokens live for five minutes.
    pub(super) fn settle_sessions(&mut self) {
        let (live, over) = &mut self.settled;
        for (_, fact) in self.sessions.drain() {
            *live += usize::from(fact == SessionFact::Live);
            *over += usize::from(fact == SessionFact::Over);
        }
    }

    /// Holds all of it against what the server and its database say now.
    pub(super) fn check(&self, instance: &Instance, server: &Server) {
        let id = match instance.postgres_urls() {
            Some(_) => "id::text",
            None => {
                "lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4)
                       || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21))"
            }
        };
        let statuses: HashMap<String, String> = instance
            .sql(&format!("SELECT {id}, status FROM users"))
            .into_iter()
            .map(|row| (row[0].clone().unwrap(), row[1].clone().unwrap()))
            .collect();
        for (id, fact) in &self.users {
            let status = statuses.get(id).map(String::as_str);
            match fact {
                UserFact::Active => assert_eq!(status, Some("active"), "{id}"),
                UserFact::Disabled => assert_eq!(status, Some("disabled"), "{id}"),
                UserFact::Unknown => assert!(status.is_some(), "{id}"),
            }
        }
        for (token, fact) in &self.sessions {
            let expected = match fact {
                SessionFact::Live => 200,
                SessionFact::Over => 401,
                SessionFact::Unknown => continue,
            };
            let answer = server.get_as(token, "/v1/session");
            assert_eq!(answer.status, expected, "{answer:?}");
        }
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_kind = |kind| self.users.values().filter(|fact| **fact == kind).count();
        let (live, over) = self.settled;
        write!(
            formatter,
            "{} users ({} of them disabled), {live} live sessions, {over} ended ones",
            self.users.len(),
            of_kind(UserFact::Disabled),
        )
    }
}
