//! Everything that can happen. One variant per act; what is recorded, told and forgotten follows from it alone.

mod attempts;
mod awaited;
mod description;
mod jobs;
mod oauth_clients;
mod publishable_keys;
mod revoking;
mod sessions;
mod signing_keys;
mod tenants;
mod users;

pub use description::{Description, Facts, Outcome, Removal, Target};

use crate::{
    ConcurrentSessions, EmailAddress, EndReason, FamilyId, HostName, Job, JobId, KnownDeviceId,
    OAuthClient, PublishableKey, Session, SessionId, SigningKey, SigningKeyId, Tenant, TenantId,
    Timestamp, TokenAge, TokenFamily, TokenId, User, UserId,
};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

/// An act that changed something, or that was refused and must be remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A tenant was made.
    TenantCreated {
        /// As it is now.
        tenant: Tenant,
    },
    /// A tenant's users are refused from now on.
    TenantSuspended {
        /// As it was.
        before: Tenant,
        /// As it is now.
        after: Tenant,
    },
    /// A suspended tenant's users are let in again.
    TenantResumed {
        /// As it was.
        before: Tenant,
        /// As it is now.
        after: Tenant,
    },
    /// A tenant will be deleted once its time of grace is over; its users are refused from now on.
    TenantDeletionScheduled {
        /// As it was.
        before: Tenant,
        /// As it is now.
        after: Tenant,
    },
    /// A tenant was brought back from a backup that would be deleted sooner than anybody could look at it: it has more time.
    TenantDeletionPostponed {
        /// As it was.
        before: Tenant,
        /// As it is now.
        after: Tenant,
    },
    /// A tenant that was to be deleted is what it was before.
    TenantDeletionCancelled {
        /// As it was.
        before: Tenant,
        /// As it is now.
        after: Tenant,
    },
    /// The time of grace is over: a tenant's rows are being deleted.
    TenantPurgeBegun {
        /// As it is now.
        tenant: Tenant,
    },
    /// A host name leads to the tenant.
    TenantHostAdded {
        /// Which tenant.
        tenant_id: TenantId,
        /// Which host.
        host: HostName,
    },
    /// A host name does not lead to the tenant any more.
    TenantHostRemoved {
        /// Which tenant.
        tenant_id: TenantId,
        /// Which host.
        host: HostName,
    },
    /// A tenant got a signing key.
    SigningKeyCreated {
        /// As it is now.
        key: SigningKey,
    },
    /// The tenant got a publishable key.
    PublishableKeyCreated {
        /// As it is now.
        key: PublishableKey,
    },
    /// A publishable key leads to the tenant again.
    PublishableKeyEnabled {
        /// As it is now.
        key: PublishableKey,
    },
    /// A publishable key leads nowhere any more.
    PublishableKeyDisabled {
        /// Whose it is.
        tenant_id: TenantId,
        /// As it is now.
        key: PublishableKey,
    },
    /// A publishable key was taken away.
    PublishableKeyDeleted {
        /// Whose it was.
        tenant_id: TenantId,
        /// As it was.
        key: PublishableKey,
    },
    /// The tenant got an OAuth client.
    OAuthClientCreated {
        /// As it is now.
        client: OAuthClient,
    },
    /// An OAuth client has another name, other rights or other keys.
    OAuthClientChanged {
        /// As it was.
        before: OAuthClient,
        /// As it is now.
        after: OAuthClient,
    },
    /// An OAuth client got another secret.
    OAuthClientSecretRotated {
        /// As it is now.
        client: OAuthClient,
        /// Until when the secret before counts.
        previous_until: Timestamp,
    },
    /// An OAuth client is let in again.
    OAuthClientEnabled {
        /// As it is now.
        client: OAuthClient,
    },
    /// An OAuth client is refused from now on.
    OAuthClientDisabled {
        /// As it is now.
        client: OAuthClient,
    },
    /// An OAuth client was taken away.
    OAuthClientDeleted {
        /// As it was.
        client: OAuthClient,
    },
    /// A signing key got a successor.
    SigningKeyRotated {
        /// The key that signs until its successor does, as it is now.
        key: SigningKey,
        /// Its successor.
        successor: SigningKey,
    },
    /// A signing key was revoked: its tokens count no more.
    SigningKeyRevoked {
        /// Whose it was.
        tenant_id: TenantId,
        /// As it is now.
        key: SigningKey,
        /// The key that signs.
        signing: SigningKeyId,
    },
    /// A signing key's time is over, and its private key is destroyed.
    SigningKeyRetired {
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
    /// An account was changed by somebody who governs it.
    UserChanged {
        /// As it was.
        before: User,
        /// As it is now.
        after: User,
    },
    /// An account may not be used any more; its sessions have ended.
    UserDisabled {
        /// As it was.
        before: User,
        /// As it is now.
        after: User,
    },
    /// A disabled account may be used again.
    UserEnabled {
        /// As it was.
        before: User,
        /// As it is now.
        after: User,
    },
    /// An account will be deleted once its time of grace is over; its sessions have ended.
    UserDeletionScheduled {
        /// As it was.
        before: User,
        /// As it is now.
        after: User,
    },
    /// An account was brought back from a backup that would be deleted sooner than anybody could look at it: it has more time.
    UserDeletionPostponed {
        /// As it was.
        before: User,
        /// As it is now.
        after: User,
    },
    /// An account that was to be deleted is what it was before.
    UserRestored {
        /// As it was.
        before: User,
        /// As it is now.
        after: User,
    },
    /// Somebody was given a token by which they set their password.
    UserInvited {
        /// As it is now.
        user: User,
        /// Until when it is good.
        expires_at: Timestamp,
    },
    /// An invited user set their password.
    InvitationAccepted {
        /// As it was.
        before: User,
        /// As it is now.
        after: User,
    },
    /// Somebody presented an invitation that is none, or no more.
    InvitationRefused,
    /// A user is gone, with everything that only they had.
    UserErased {
        /// As it was last.
        user: User,
    },
    /// A tenant set its durations.
    SettingsChanged {
        /// As it was.
        before: Tenant,
        /// As it is now.
        after: Tenant,
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
    /// Too many failures in a row closed an account's password to devices that are not known. It is said once.
    UserLocked {
        /// The account, if the address has one: one without is closed alike.
        user_id: Option<UserId>,
        /// The address that was given.
        email: EmailAddress,
        /// How many failed.
        failures: i64,
    },
    /// It is open again: an administrator said so, or the attempt that closed it was right after all.
    UserUnlocked {
        /// Whose.
        user_id: UserId,
        /// How many had failed.
        failures: i64,
    },
    /// Too many failures in a row on a device: it is known no longer.
    KnownDeviceForgotten {
        /// Whose it was.
        user_id: UserId,
        /// Which one.
        device_id: KnownDeviceId,
        /// How many failed.
        failures: i64,
    },
    /// A user signed in.
    SessionOpened {
        /// As it is now.
        session: Session,
        /// What other sessions the user had then.
        concurrent: ConcurrentSessions,
        /// Whether the password's hash was replaced by one of today's cost.
        hash_upgraded: bool,
    },
    /// A user set another password.
    PasswordChanged {
        /// As the account is now.
        user: User,
    },
    /// Somebody in a user's session showed a password that is not the user's.
    PasswordRefused {
        /// Whose session.
        user_id: UserId,
        /// Which one.
        session_id: SessionId,
    },
    /// A session was continued: its refresh token was exchanged for the next.
    SessionRefreshed {
        /// As it is now.
        session: Session,
        /// The family of the token.
        family_id: FamilyId,
        /// Which token of the family is good now.
        generation: i64,
    },
    /// A refresh token came that had been exchanged before: somebody has a copy, so its family is over.
    RefreshTokenReused {
        /// The family, as it is now.
        family: TokenFamily,
        /// Whose session it continued.
        user_id: UserId,
        /// Which token of the family it was.
        age: TokenAge,
    },
    /// A session was ended on request, or because it was no longer safe.
    SessionRevoked {
        /// As it is now.
        session: Session,
        /// Why.
        reason: EndReason,
    },
    /// One access token was revoked before its time; its session lives on.
    AccessTokenRevoked {
        /// Names the token.
        token_id: TokenId,
        /// The session that it rests on.
        session_id: SessionId,
        /// Whose it is.
        user_id: UserId,
        /// When it would have ended.
        expires_at: Timestamp,
    },
    /// Every session of the tenant was ended on request.
    AllSessionsRevoked {
        /// Which tenant.
        tenant_id: TenantId,
        /// What the sessions from now on carry.
        epoch: i64,
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
        /// What became of its sessions and invitations.
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
    /// The account has no password yet.
    Invited,
    /// The account is about to be deleted.
    Deleting,
    /// The account changed while the password was verified.
    ChangedMeanwhile,
    /// The user has as many sessions as there may be.
    TooManySessions,
}

/// What became of a tenant's sessions and invitations when it was brought back from a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// When the backup was made; not known of one that Keyward did not make.
    pub backup_created_at: Option<Timestamp>,
    /// How many sessions this record stands for; none when they were kept.
    pub sessions_ended: Option<u64>,
    /// How many invitations this record stands for.
    pub invitations_ended: u64,
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

impl Event {
    /// What the event says of itself.
    pub fn describe(&self) -> Description {
        match self {
            Self::TenantCreated { tenant } => tenants::created(tenant),
            Self::TenantSuspended { before, after } => tenants::suspended(before, after),
            Self::TenantResumed { before, after } => tenants::resumed(before, after),
            Self::TenantDeletionScheduled { before, after } => {
                tenants::deletion_scheduled(before, after)
            }
            Self::TenantDeletionPostponed { before, after } => tenants::postponed(before, after),
            Self::TenantDeletionCancelled { before, after } => {
                tenants::deletion_cancelled(before, after)
            }
            Self::TenantPurgeBegun { tenant } => tenants::purge_begun(tenant),
            Self::TenantHostAdded { tenant_id, host } => tenants::host_added(*tenant_id, host),
            Self::TenantHostRemoved { tenant_id, host } => tenants::host_removed(*tenant_id, host),
            Self::SigningKeyCreated { key } => signing_keys::created(key),
            Self::SigningKeyRotated { key, successor } => signing_keys::rotated(key, successor.id),
            Self::SigningKeyRevoked {
                tenant_id,
                key,
                signing,
            } => signing_keys::revoked(*tenant_id, key, *signing),
            Self::SigningKeyRetired { key } => signing_keys::retired(key),
            Self::UserRegistered { user } => users::registered(user),
            Self::UserCreated { user } => users::created(user),
            Self::UserChanged { before, after } => users::changed(before, after),
            Self::UserDisabled { before, after } => users::disabled(before, after),
            Self::UserEnabled { before, after } => users::enabled(before, after),
            Self::UserDeletionScheduled { before, after } => {
                users::deletion_scheduled(before, after)
            }
            Self::UserDeletionPostponed { before, after } => users::postponed(before, after),
            Self::UserRestored { before, after } => users::restored(before, after),
            Self::UserInvited { user, expires_at } => users::invited(user, *expires_at),
            Self::InvitationAccepted { before, after } => users::invitation_accepted(before, after),
            Self::InvitationRefused => users::invitation_refused(),
            Self::UserErased { user } => users::erased(user),
            Self::SettingsChanged { before, after } => tenants::settings_changed(before, after),
            Self::ProfileChanged { before, after } => users::profile_changed(before, after),
            Self::PublishableKeyCreated { key } => publishable_keys::created(key),
            Self::PublishableKeyEnabled { key } => publishable_keys::enabled(key),
            Self::PublishableKeyDisabled { tenant_id, key } => {
                publishable_keys::disabled(*tenant_id, key)
            }
            Self::PublishableKeyDeleted { tenant_id, key } => {
                publishable_keys::deleted(*tenant_id, key)
            }
            Self::SessionOpened {
                session,
                concurrent,
                hash_upgraded,
            } => sessions::opened(session, *concurrent, *hash_upgraded),
            Self::PasswordChanged { user } => users::password_changed(user),
            Self::PasswordRefused {
                user_id,
                session_id,
            } => users::password_refused(*user_id, *session_id),
            Self::SessionRevoked { session, reason } => sessions::revoked(session, *reason),
            Self::OAuthClientCreated { client } => oauth_clients::created(client),
            Self::OAuthClientChanged { before, after } => oauth_clients::changed(before, after),
            Self::OAuthClientSecretRotated {
                client,
                previous_until,
            } => oauth_clients::secret_rotated(client, *previous_until),
            Self::OAuthClientEnabled { client } => oauth_clients::enabled(client),
            Self::OAuthClientDisabled { client } => oauth_clients::disabled(client),
            Self::OAuthClientDeleted { client } => oauth_clients::deleted(client),
            Self::AccessTokenRevoked {
                token_id,
                session_id,
                user_id,
                expires_at,
            } => sessions::token_revoked(*token_id, (*session_id, *user_id), *expires_at),
            Self::AllSessionsRevoked { tenant_id, epoch } => {
                sessions::all_revoked(*tenant_id, *epoch)
            }
            Self::SessionRefreshed {
                session,
                family_id,
                generation,
            } => sessions::refreshed(session, *family_id, *generation),
            Self::RefreshTokenReused {
                family,
                user_id,
                age,
            } => sessions::token_reused(family, *user_id, *age),
            Self::SessionsPruned { job_id, count } => jobs::describe_pruned(*job_id, *count),
            Self::JobCancelled { job } => jobs::describe_cancelled(job),
            Self::JobRetried { job } => jobs::describe_retried(job),
            Self::JobDied { job, error } => jobs::describe_died(job, error),
            Self::RegistrationRefused { email } => users::registration_refused(email),
            Self::SignInRefused {
                user_id,
                email,
                reason,
            } => users::sign_in_refused(*user_id, email, *reason),
            Self::UserLocked {
                user_id,
                email,
                failures,
            } => attempts::locked(*user_id, email, *failures),
            Self::UserUnlocked { user_id, failures } => attempts::unlocked(*user_id, *failures),
            Self::KnownDeviceForgotten {
                user_id,
                device_id,
                failures,
            } => attempts::device_forgotten(*user_id, *device_id, *failures),
            Self::AccessDenied { denial } => denial.describe(),
            Self::TenantRestored {
                tenant_id,
                restored,
            } => tenants::restored(*tenant_id, *restored),
            Self::OperatorRead { subject } => operator_read(subject),
        }
    }
}

fn operator_read(subject: &'static str) -> Description {
    Description::success("operator.read", Target::of(subject))
}

impl AccessDenial {
    fn describe(&self) -> Description {
        let target = Target {
            kind: self.resource,
            id: self.target_id,
        };
        Description {
            outcome: Outcome::Denied,
            ..Description::success("access.denied", target)
        }
        .detail("action", json!(self.action))
    }
}
