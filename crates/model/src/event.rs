//! Everything that can happen. One variant per act; what is recorded, told and forgotten follows from it alone.

mod description;
mod jobs;

use description::object;
pub use description::{Description, Facts, Outcome, Removal, Target};

use crate::{
    EmailAddress, EndReason, Job, JobId, Session, SigningKey, Tenant, TenantId, Timestamp, User,
    UserId,
};
use serde::Serialize;
use serde_json::{Value, json};
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
        /// Whether the password's hash was replaced by one of today's cost.
        hash_upgraded: bool,
    },
    /// A session was ended on request.
    SessionRevoked {
        /// As it is now.
        session: Session,
        /// Why.
        reason: EndReason,
    },
    /// Sessions that ended long ago were deleted.
    SessionsPruned {
        /// By which job.
        job_id: JobId,
        /// How many.
        count: u64,
    },
    /// Somebody did not want a job any more.
    JobCancelled {
        /// As it is now: cancelled, or about to be.
        job: Job,
    },
    /// A job that had been given up is tried again.
    JobRetried {
        /// As it is now.
        job: Job,
    },
    /// A job failed too often and was given up.
    JobDied {
        /// As it is now.
        job: Job,
        /// Why its last attempt failed, in a few words without secrets.
        error: String,
    },
    /// Policy said no.
    AccessDenied {
        /// What was to be done, on what.
        denial: AccessDenial,
    },
    /// The tenant's data was brought back from a backup: what happened since is not in it.
    TenantRestored {
        /// The tenant.
        tenant_id: TenantId,
        /// What became of its sessions.
        restored: Restored,
    },
    /// An operator looked into the tenant.
    OperatorRead {
        /// At what: `user`, `audit_event`.
        subject: &'static str,
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

/// What became of a tenant's sessions when it was brought back from a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// When the backup was made; not known of one that Keyward did not make.
    pub backup_created_at: Option<Timestamp>,
    /// How many sessions this record stands for; none when they were kept.
    pub sessions_ended: Option<u64>,
}

/// What policy refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessDenial {
    /// The action's name.
    pub action: &'static str,
    /// The kind of thing it was to be done on.
    pub resource: &'static str,
    /// Which one, where it was a single thing.
    pub target_id: Option<Uuid>,
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
            Self::SessionOpened {
                session,
                hash_upgraded,
            } => describe_session(session, *hash_upgraded),
            Self::SessionRevoked { session, reason } => describe_end(session, *reason),
            Self::SessionsPruned { job_id, count } => jobs::describe_pruned(*job_id, *count),
            Self::JobCancelled { job } => jobs::describe_cancelled(job),
            Self::JobRetried { job } => jobs::describe_retried(job),
            Self::JobDied { job, error } => jobs::describe_died(job, error),
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
                ..Description::success(
                    "access.denied",
                    Target {
                        kind: denial.resource,
                        id: denial.target_id,
                    },
                )
            }
            .detail("action", json!(denial.action)),
            Self::TenantRestored {
                tenant_id,
                restored,
            } => describe_restored(*tenant_id, *restored),
            Self::OperatorRead { subject } => {
                Description::success("operator.read", Target::of(subject))
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

fn describe_restored(tenant_id: TenantId, restored: Restored) -> Description {
    let target = Target {
        kind: "tenant",
        id: Some(tenant_id.uuid()),
    };
    let mut description = Description::success("tenant.restored", target)
        .detail("backup_created_at", json!(restored.backup_created_at))
        .detail("sessions_ended", json!(restored.sessions_ended))
        .detail("sessions_kept", json!(restored.sessions_ended.is_none()));
    description.removal = Some(Removal::Tenant(tenant_id));
    description
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
    description.removal = Some(Removal::User(after.id));
    description
}

fn describe_session(session: &Session, hash_upgraded: bool) -> Description {
    let mut description = Description::success(
        "session.opened",
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
    // The user's last sign-in is another now.
    description.removal = Some(Removal::User(session.user_id));
    match hash_upgraded {
        true => description.detail("password_hash_upgraded", json!(true)),
        false => description,
    }
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
    /// Every field of a user is in one of the two parts, or is named here as in neither: a new one does not compile
    /// until it is.
    fn parts(&self) -> (Value, Value) {
        let User {
            id: _,
            email,
            name,
            role,
            status,
            created_at: _,
            last_sign_in_at: _,
            last_sign_in_address: _,
            version: _,
        } = self.0;
        (
            json!({ "role": role, "status": status }),
            json!({ "email": email, "name": name }),
        )
    }

    fn public(&self) -> Value {
        self.parts().0
    }

    fn personal(&self) -> Value {
        self.parts().1
    }
}
