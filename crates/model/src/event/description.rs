//! What an event says of itself: the form in which it is recorded, told and forgotten.

use crate::{ClientId, Id, SessionId, TenantId, TokenId, UserId};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

/// How an act ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was tried and did not come about.
    Failure,
    /// It was not allowed.
    Denied,
}

impl Outcome {
    /// The name as it is recorded.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Denied => "denied",
        }
    }
}

impl std::str::FromStr for Outcome {
    type Err = ();
    fn from_str(name: &str) -> Result<Self, ()> {
        let known = [Self::Success, Self::Failure, Self::Denied];
        known
            .into_iter()
            .find(|outcome| outcome.name() == name)
            .ok_or(())
    }
}

/// What an event says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// The type, for instance `session.revoked`.
    pub kind: &'static str,
    /// How it ended.
    pub outcome: Outcome,
    /// What it was done to.
    pub target: Target,
    /// The version of the target after the act; readers of the feed keep the highest.
    pub entity_version: Option<i64>,
    /// What every node must forget.
    pub removal: Option<Removal>,
    /// What stays readable when personal data is erased.
    pub public: Facts,
    /// What names or describes a person.
    pub personal: Facts,
}

/// What an act was done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The kind, for instance `session`.
    pub kind: &'static str,
    /// Names it, if it has an id.
    pub id: Option<Uuid>,
}

/// What every node must drop from memory once the act is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// Everything that rests on one session.
    Session(SessionId),
    /// One access token; its session lives on.
    Token(TokenId),
    /// Everything that is known of one OAuth client.
    Client(ClientId),
    /// Everything that rests on one user.
    User(UserId),
    /// Everything that rests on one tenant.
    Tenant(TenantId),
}

impl Removal {
    /// Its two columns: the kind and the id.
    pub fn columns(self) -> (&'static str, Uuid) {
        match self {
            Self::Session(id) => ("session", id.uuid()),
            Self::Token(id) => ("token", id.uuid()),
            Self::Client(id) => ("client", id.uuid()),
            Self::User(id) => ("user", id.uuid()),
            Self::Tenant(id) => ("tenant", id.uuid()),
        }
    }

    /// Reads the two columns back; none of a kind that this version does not know.
    pub fn from_columns(kind: &str, id: Uuid) -> Option<Self> {
        match kind {
            "session" => Some(Self::Session(Id::from_uuid(id))),
            "token" => Some(Self::Token(Id::from_uuid(id))),
            "client" => Some(Self::Client(Id::from_uuid(id))),
            "user" => Some(Self::User(Id::from_uuid(id))),
            "tenant" => Some(Self::Tenant(Id::from_uuid(id))),
            _ => None,
        }
    }
}

/// JSON objects: the state before and after, and what else is to be said. Empty ones are left out of the record.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Before the act.
    pub before: Map<String, Value>,
    /// After the act.
    pub after: Map<String, Value>,
    /// Besides.
    pub details: Map<String, Value>,
}

impl Target {
    pub(super) fn one<K>(kind: &'static str, id: Id<K>) -> Self {
        let id = Some(id.uuid());
        Self { kind, id }
    }

    pub(super) fn of(kind: &'static str) -> Self {
        Self { kind, id: None }
    }
}

impl Description {
    pub(super) fn success(kind: &'static str, target: Target) -> Self {
        Self {
            kind,
            outcome: Outcome::Success,
            target,
            entity_version: None,
            removal: None,
            public: Facts::default(),
            personal: Facts::default(),
        }
    }

    pub(super) fn refusal(kind: &'static str, target: Target) -> Self {
        Self {
            outcome: Outcome::Failure,
            ..Self::success(kind, target)
        }
    }

    pub(super) fn version(mut self, version: i64) -> Self {
        self.entity_version = Some(version);
        self
    }

    pub(super) fn after(mut self, state: Value) -> Self {
        self.public.after = object(state);
        self
    }

    pub(super) fn detail(mut self, name: &str, value: Value) -> Self {
        self.public.details.insert(name.to_owned(), value);
        self
    }

    pub(super) fn personal_detail(mut self, name: &str, value: Value) -> Self {
        self.personal.details.insert(name.to_owned(), value);
        self
    }
}

/// The fields of a JSON object that say something.
pub(super) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .collect(),
        _ => Map::new(),
    }
}
