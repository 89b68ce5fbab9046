//! What can go wrong in the store, as its callers need to tell it apart.

use std::fmt;

/// A failure of the store. Its text is for logs, never for clients.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be reached, is full, or is too busy. Trying again later may help.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// Two transactions got in each other's way; the same request may be sent again at once.
    #[error("the transaction lost against another one: {0}")]
    Retry(String),
    /// COMMIT was sent and its answer never came: the change may or may not stand.
    #[error("the outcome of a commit is unknown: {0}")]
    OutcomeUnknown(String),
    /// A unique, foreign-key or check constraint refused a row.
    #[error("constraint {constraint} refused a row")]
    Conflict {
        /// The constraint's name where the engine gives one, else its columns.
        constraint: String,
    },
    /// A stored value is not of its form.
    #[error("corrupt value in {statement}, column {column}, row {row}")]
    Corrupt {
        /// The statement that read it.
        statement: &'static str,
        /// The column's position in the statement's list, from 0.
        column: usize,
        /// The first id in the row, where it has one.
        row: String,
    },
    /// The session that a change is made in has ended, or its user is disabled.
    #[error("the session has ended")]
    SessionOver,
    /// The OAuth client that makes a change was disabled or taken away.
    #[error("the client is not active any more")]
    ClientOver,
    /// The job that a change is made in was claimed by another worker, or has ended.
    #[error("the claim of the job was lost")]
    ClaimLost,
    /// The job that a change is made in is to stop.
    #[error("the job was cancelled")]
    JobCancelled,
    /// The request was done before under the same idempotency key: its answer is known.
    #[error("the request was done before")]
    DoneBefore,
    /// Whoever makes a change has another role than when the request began.
    #[error("the caller's role was changed meanwhile")]
    RoleChanged,
    /// A closure or statement broke a rule of this crate: a fault in Keyward, found by its first test.
    #[error("misuse of the store: {0}")]
    Misuse(Misuse),
    /// The database refused a statement for another reason.
    #[error("statement {statement} failed: {reason}")]
    Statement {
        /// The statement's name.
        statement: &'static str,
        /// The engine's words.
        reason: String,
    },
    /// The database is not as this binary needs it: migrations, roles, files.
    #[error("{0}")]
    Unfit(String),
}

/// How the store was misused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misuse {
    /// Something other than SQL was awaited inside a closure.
    ForeignAwait,
    /// Rows changed and no event was recorded.
    Unrecorded,
    /// A statement failed and the closure returned `Ok` all the same.
    Poisoned,
    /// A reading closure ran a statement that changes rows.
    WriteInRead,
    /// An operator's scope was used without an event that tells of it.
    OperatorUnrecorded,
}

impl fmt::Display for Misuse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ForeignAwait => "a closure awaited something other than SQL",
            Self::Unrecorded => "rows changed without an event",
            Self::Poisoned => "a closure went on after a statement had failed",
            Self::WriteInRead => "a statement that changes rows ran in a read",
            Self::OperatorUnrecorded => "an operator's scope was used without an event",
        })
    }
}

impl Error {
    pub(crate) fn unavailable(reason: impl fmt::Display) -> Self {
        Self::Unavailable(reason.to_string())
    }

    /// The failure of a batch, for each of those that were in it.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::OutcomeUnknown(reason) => Self::OutcomeUnknown(reason.clone()),
            other => Self::Unavailable(other.to_string()),
        }
    }

    pub(crate) fn unfit(reason: impl fmt::Display) -> Self {
        Self::Unfit(reason.to_string())
    }
}
