//! Everything that can happen. One variant per act; what is recorded, told and forgotten follows from it alone.

use crate::{EmailAddress, EndReason, Session, SessionId, SigningKey, Tenant, User, UserId};
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// An act that changed something, or that was refused and must be remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A tenant was made.
    TenantCreated {
        /// As it is now.
        tenant: Tenant,
    },
    /// A tenant got a signing key.
    SigningKeyCreated {
        /// As it is now.
        key: SigningKey,
    },
    /// Somebody made an account for themself.
    UserRegistered {
        /// As it is now.
        user: User,
    },
    /// Somebody tried to make an account for an address that has one.
    RegistrationRefused {
        /// The address.
        email: EmailAddress,
    },
    /// An account was made for somebody.
    UserCreated {
        /// As it is now.
        user: User,
    },
    /// A user changed what others see of them.
    ProfileChanged {
        /// As it was.
        before: User,
        /// As it is now.
        after: User,
    },
    /// A sign-in was refused.
    SignInRefused {
        /// The account, if the address has one.
        user_id: Option<UserId>,
        /// The address that was given.
        email: EmailAddress,
        /// Why; the client is never told.
        reason: SignInFailure,
    },
    /// A user signed in.
    SessionOpened {
        /// As it is now.
        session: Session,
    },
    /// A session was ended on request.
    SessionRevoked {
        /// As it is now.
        session: Session,
        /// Why.
        reason: EndReason,
    },
    /// Policy said no.
    AccessDenied {
        /// What was to be done, on what.
        denial: AccessDenial,
    },
    /// An operator looked into the tenant.
    OperatorRead {
        /// At what: `users`, `audit_events`.
        subject: &'static str,
        /// Why, in their own words or by the command's name.
        reason: String,
    },
}

/// Why a sign-in was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignInFailure {
    /// No account has the address.
    UnknownUser,
    /// The password is another.
    WrongPassword,
    /// The account is disabled.
    Disabled,
    /// The account changed while the password was verified.
    ChangedMeanwhile,
}

/// What policy refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessDenial {
    /// The action's name.
    pub action: &'static str,
    /// The kind of thing it was to be done on.
    pub resource: &'static str,
}

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
    /// Everything that rests on one user.
    User(UserId),
}

impl Removal {
    /// Its two columns: the kind and the id.
    pub fn columns(self) -> (&'static str, Uuid) {
        match self {
            Self::Session(id) => ("session", id.uuid()),
            Self::User(id) => ("user", id.uuid()),
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

/// What the audit log calls an account: the split of a [`User`] into its public and its personal fields.
#[derive(Debug)]
struct Account<'a>(&'a User);

impl Event {
    /// What the event says of itself.
    pub fn describe(&self) -> Description {
        match self {
            Self::TenantCreated { tenant } => describe_tenant(tenant),
            Self::SigningKeyCreated { key } => describe_signing_key(key),
            Self::UserRegistered { user } => describe_new_user("user.registered", user),
            Self::UserCreated { user } => describe_new_user("user.created", user),
            Self::ProfileChanged { before, after } => describe_profile_change(before, after),
            Self::SessionOpened { session } => describe_session("session.opened", session),
            Self::SessionRevoked { session, reason } => describe_end(session, *reason),
            Self::RegistrationRefused { email } => {
                refusal("user.registration_refused", Target::of("user"))
                    .personal_detail("email", json!(email))
            }
            Self::SignInRefused {
                user_id,
                email,
                reason,
            } => refusal(
                "user.sign_in_refused",
                Target {
                    kind: "user",
                    id: user_id.map(UserId::uuid),
                },
            )
            .detail("reason", json!(reason))
            .personal_detail("email", json!(email)),
            Self::AccessDenied { denial } => Description {
                outcome: Outcome::Denied,
                ..Description::success("access.denied", Target::of(denial.resource))
            }
            .detail("action", json!(denial.action)),
            Self::OperatorRead { subject, reason } => {
                Description::success("operator.read", Target::of(subject))
                    .detail("reason", json!(reason))
            }
        }
    }
}

fn describe_tenant(tenant: &Tenant) -> Description {
    Description::success(
        "tenant.created",
        Target {
            kind: "tenant",
            id: Some(tenant.id.uuid()),
        },
    )
    .version(tenant.version)
    .after(json!({
        "slug": tenant.slug,
        "issuer": tenant.issuer,
        "status": tenant.status,
        "settings": tenant.settings,
    }))
}

fn describe_signing_key(key: &SigningKey) -> Description {
    Description::success(
        "signing_key.created",
        Target {
            kind: "signing_key",
            id: Some(key.id.uuid()),
        },
    )
    .version(key.version)
    .after(json!({ "algorithm": key.algorithm }))
}

fn describe_new_user(kind: &'static str, user: &User) -> Description {
    let mut description = Description::success(
        kind,
        Target {
            kind: "user",
            id: Some(user.id.uuid()),
        },
    )
    .version(user.version)
    .after(Account(user).public());
    description.personal.after = object(Account(user).personal());
    description
}

fn describe_profile_change(before: &User, after: &User) -> Description {
    let mut description = Description::success(
        "user.profile_changed",
        Target {
            kind: "user",
            id: Some(after.id.uuid()),
        },
    )
    .version(after.version);
    description.personal.before = object(Account(before).personal());
    description.personal.after = object(Account(after).personal());
    description
}

fn describe_session(kind: &'static str, session: &Session) -> Description {
    let mut description = Description::success(
        kind,
        Target {
            kind: "session",
            id: Some(session.id.uuid()),
        },
    )
    .version(session.version)
    .after(json!({
        "user_id": session.user_id,
        "expires_at": session.expires_at,
        "idle_seconds": session.idle_seconds,
    }));
    description.personal.after = object(json!({
        "device_name": session.device.name,
        "device_fingerprint": session.device.fingerprint,
    }));
    description
}

fn describe_end(session: &Session, reason: EndReason) -> Description {
    let mut description = Description::success(
        "session.revoked",
        Target {
            kind: "session",
            id: Some(session.id.uuid()),
        },
    )
    .version(session.version)
    .detail("reason", json!(reason))
    .detail("user_id", json!(session.user_id));
    description.removal = Some(Removal::Session(session.id));
    description
}

fn refusal(kind: &'static str, target: Target) -> Description {
    Description {
        outcome: Outcome::Failure,
        ..Description::success(kind, target)
    }
}

impl Account<'_> {
    fn public(&self) -> Value {
        json!({ "role": self.0.role, "status": self.0.status })
    }

    fn personal(&self) -> Value {
        json!({ "email": self.0.email, "name": self.0.name })
    }
}

impl Target {
    fn of(kind: &'static str) -> Self {
        Self { kind, id: None }
    }
}

impl Description {
    fn success(kind: &'static str, target: Target) -> Self {
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

    fn version(mut self, version: i64) -> Self {
        self.entity_version = Some(version);
        self
    }

    fn after(mut self, state: Value) -> Self {
        self.public.after = object(state);
        self
    }

    fn detail(mut self, name: &str, value: Value) -> Self {
        self.public.details.insert(name.to_owned(), value);
        self
    }

    fn personal_detail(mut self, name: &str, value: Value) -> Self {
        self.personal.details.insert(name.to_owned(), value);
        self
    }
}

/// The fields of a JSON object that say something.
fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .collect(),
        _ => Map::new(),
    }
}
