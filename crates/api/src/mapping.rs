//! Every error of every use case, as the client sees it. Internal text stays here: it is logged once and never leaves.

use crate::problem::{Code, FieldError, Problem};
use keyward_model::UserStatus;
use keyward_policy::Denied;
use keyward_service::audit::AuditError;
use keyward_service::authentication::AuthenticationError;
use keyward_service::client_authentication::ClientAuthenticationError;
use keyward_service::instance_events::InstanceEventsError;
use keyward_service::invitations::AcceptInvitationError;
use keyward_service::jobs::JobsError;
use keyward_service::oauth_clients::OAuthClientError;
use keyward_service::own_password::OwnPasswordError;
use keyward_service::passwords::{ChoiceError, Guessable, WeakPassword};
use keyward_service::profile::ProfileError;
use keyward_service::publishable_keys::PublishableKeyError;
use keyward_service::refresh::RefreshError;
use keyward_service::registration::RegisterUserError;
use keyward_service::revocation::RevocationError;
use keyward_service::revocation_stream::{FollowError, HEARTBEAT};
use keyward_service::sessions::SessionError;
use keyward_service::settings::SettingsError;
use keyward_service::sign_in::SignInError;
use keyward_service::signing_keys::SigningKeyError;
use keyward_service::tenants::TenantError;
use keyward_service::token_usage::TokenUsageError;
use keyward_service::users::UserError;
use keyward_service::{HashingError, Refusal, StoreError};
use std::fmt::Display;

impl From<AuthenticationError> for Problem {
    fn from(error: AuthenticationError) -> Self {
        match error {
            AuthenticationError::NoSuchTenant => {
                Self::new(Code::NotFound).with_detail("no such tenant")
            }
            AuthenticationError::TenantSuspended => Self::new(Code::TenantSuspended),
            AuthenticationError::UnknownClient => Self::new(Code::InvalidClient),
            AuthenticationError::InvalidToken => Self::new(Code::InvalidToken),
            AuthenticationError::TooMany => Self::new(Code::RateLimited),
            AuthenticationError::Signing(error) => internal(error),
            AuthenticationError::Store(error) => error.into(),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unauthenticated => Self::new(Code::Unauthenticated),
            Refusal::Denied(_) => Self::new(Code::Forbidden),
            Refusal::ReauthenticationRequired => Self::new(Code::ReauthenticationRequired),
            Refusal::Store(error) => error.into(),
        }
    }
}

impl From<Denied> for Problem {
    fn from(_: Denied) -> Self {
        Self::new(Code::Forbidden)
    }
}

impl From<RegisterUserError> for Problem {
    fn from(error: RegisterUserError) -> Self {
        match error {
            RegisterUserError::EmailTaken => Self::new(Code::EmailTaken),
            RegisterUserError::TooManyAttempts(full) => Self::of_attempts(full),
            RegisterUserError::Choice(error) => refused_choice("/password", error),
            RegisterUserError::Denied(_) => Self::new(Code::Forbidden),
            RegisterUserError::Store(error) => error.into(),
        }
    }
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::InvalidCredentials => Self::new(Code::InvalidCredentials),
            SignInError::TooManySessions => Self::new(Code::TooManySessions),
            SignInError::TooManyAttempts(full) => Self::of_attempts(full),
            SignInError::Hashing(error) => error.into(),
            SignInError::Keyring(error) => internal(error),
            SignInError::Denied(_) => Self::new(Code::Forbidden),
            SignInError::Store(error) => error.into(),
        }
    }
}

impl From<FollowError> for Problem {
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::TooMany => Self::new(Code::RateLimited)
                .with_detail("there are too many streams")
                .with_retry_after(HEARTBEAT),
            FollowError::Stopping => Self::new(Code::Unavailable),
            FollowError::Over => Self::new(Code::InvalidClient),
            FollowError::Denied(_) => Self::new(Code::Forbidden),
            FollowError::Store(error) => error.into(),
        }
    }
}

impl Problem {
    /// What becomes of a password that its user shows once more, at `pointer` in the body. A wrong one is no 401: a client
    /// would take that for the end of its session, refresh it and try the same again.
    pub(crate) fn of_own_password(pointer: &str, error: OwnPasswordError) -> Self {
        match error {
            OwnPasswordError::WrongPassword => {
                Self::new(Code::InvalidBody).with_fields(vec![FieldError {
                    pointer: pointer.to_owned(),
                    code: "wrong",
                    detail: error.to_string(),
                }])
            }
            OwnPasswordError::TooManyAttempts(full) => Self::of_attempts(full),
            OwnPasswordError::Choice(error) => refused_choice("/new_password", error),
            OwnPasswordError::Changed => Self::new(Code::ChangedMeanwhile),
            OwnPasswordError::Hashing(error) => error.into(),
            OwnPasswordError::Keyring(error) => internal(error),
            OwnPasswordError::Denied(_) => Self::new(Code::Forbidden),
            OwnPasswordError::Store(error) => error.into(),
        }
    }
}

impl From<RefreshError> for Problem {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::InvalidToken => Self::new(Code::InvalidRefreshToken),
            RefreshError::Raced => Self::new(Code::ChangedMeanwhile),
            RefreshError::Keyring(error) => internal(error),
            RefreshError::Denied(_) => Self::new(Code::Forbidden),
            RefreshError::Store(error) => error.into(),
        }
    }
}

impl From<SessionError> for Problem {
    fn from(error: SessionError) -> Self {
        match error {
            // Somebody else's session is as if it did not exist.
            SessionError::NotFound | SessionError::Denied(_) => Self::new(Code::NotFound),
            SessionError::Store(error) => error.into(),
        }
    }
}

impl From<ProfileError> for Problem {
    fn from(error: ProfileError) -> Self {
        match error {
            ProfileError::NotFound | ProfileError::Denied(_) => Self::new(Code::NotFound),
            ProfileError::Changed => Self::new(Code::ChangedMeanwhile),
            ProfileError::Store(error) => error.into(),
        }
    }
}

impl From<UserError> for Problem {
    fn from(error: UserError) -> Self {
        match error {
            UserError::NotFound => Self::new(Code::NotFound),
            UserError::EmailTaken => Self::new(Code::EmailTaken),
            UserError::LastAdministrator => Self::new(Code::LastAdministrator),
            UserError::WrongStatus(status) => Self::new(Code::WrongStatus)
                .with_detail(format!("the user is {}", status_name(status))),
            UserError::OtherVersion => Self::new(Code::PreconditionFailed),
            UserError::Changed => Self::new(Code::ChangedMeanwhile),
            UserError::Choice(error) => refused_choice("/password", error),
            UserError::Denied(_) => Self::new(Code::Forbidden),
            UserError::Store(error) => error.into(),
        }
    }
}

impl From<AcceptInvitationError> for Problem {
    fn from(error: AcceptInvitationError) -> Self {
        match error {
            AcceptInvitationError::Invalid => Self::new(Code::InvalidInvitation),
            AcceptInvitationError::TooManyAttempts(full) => Self::of_attempts(full),
            AcceptInvitationError::Choice(error) => refused_choice("/password", error),
            AcceptInvitationError::Denied(_) => Self::new(Code::Forbidden),
            AcceptInvitationError::Store(error) => error.into(),
        }
    }
}

impl From<SettingsError> for Problem {
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::NotFound => Self::new(Code::NotFound),
            SettingsError::Invalid(problems) => {
                let fields = problems.into_iter().map(|problem| FieldError {
                    pointer: format!("/{}", problem.setting),
                    code: "invalid",
                    detail: problem.to_string(),
                });
                Self::new(Code::InvalidBody).with_fields(fields.collect())
            }
            SettingsError::OtherVersion => Self::new(Code::PreconditionFailed),
            SettingsError::Changed => Self::new(Code::ChangedMeanwhile),
            SettingsError::Denied(_) => Self::new(Code::Forbidden),
            SettingsError::Store(error) => error.into(),
        }
    }
}

impl From<AuditError> for Problem {
    fn from(error: AuditError) -> Self {
        match error {
            AuditError::Denied(_) => Self::new(Code::Forbidden),
            AuditError::Store(error) => error.into(),
        }
    }
}

impl From<SigningKeyError> for Problem {
    fn from(error: SigningKeyError) -> Self {
        match error {
            SigningKeyError::NotFound | SigningKeyError::Denied(_) => Self::new(Code::NotFound),
            SigningKeyError::UnderWay(signs_from) => {
                Self::new(Code::RotationUnderWay).with_detail(format!("it signs from {signs_from}"))
            }
            SigningKeyError::Changed => Self::new(Code::ChangedMeanwhile),
            SigningKeyError::Keyring(error) => internal(error),
            SigningKeyError::Store(error) => error.into(),
        }
    }
}

impl From<PublishableKeyError> for Problem {
    fn from(error: PublishableKeyError) -> Self {
        match error {
            PublishableKeyError::NotFound | PublishableKeyError::Denied(_) => {
                Self::new(Code::NotFound)
            }
            // The body was checked field by field; these two are what it was checked for.
            PublishableKeyError::TooManyOrigins | PublishableKeyError::InsecureOrigin(_) => {
                Self::new(Code::InvalidBody).with_detail(error.to_string())
            }
            PublishableKeyError::TooMany => {
                Self::new(Code::TooManyPublishableKeys).with_detail(error.to_string())
            }
            PublishableKeyError::Taken => internal(error),
            PublishableKeyError::Store(error) => error.into(),
        }
    }
}

impl From<ClientAuthenticationError> for Problem {
    fn from(error: ClientAuthenticationError) -> Self {
        match error {
            ClientAuthenticationError::InvalidClient => Self::new(Code::InvalidClient),
            ClientAuthenticationError::Tenant(error) => error.into(),
        }
    }
}

impl From<RevocationError> for Problem {
    fn from(error: RevocationError) -> Self {
        match error {
            RevocationError::UnsupportedTokenType => Self::new(Code::UnsupportedTokenType),
            RevocationError::Denied(_) => Self::new(Code::UnauthorizedClient),
            RevocationError::Authentication(error) => error.into(),
            RevocationError::Store(error) => error.into(),
        }
    }
}

impl From<OAuthClientError> for Problem {
    fn from(error: OAuthClientError) -> Self {
        match error {
            OAuthClientError::NotFound | OAuthClientError::Denied(_) => Self::new(Code::NotFound),
            OAuthClientError::WrongKeys => {
                let field = FieldError {
                    pointer: "/jwks".to_owned(),
                    code: "invalid",
                    detail: error.to_string(),
                };
                Self::new(Code::InvalidBody).with_fields(vec![field])
            }
            OAuthClientError::NoSecret => Self::new(Code::ClientHasNoSecret),
            OAuthClientError::TooMany => {
                Self::new(Code::TooManyClients).with_detail(error.to_string())
            }
            OAuthClientError::Taken => internal(error),
            OAuthClientError::OtherVersion => Self::new(Code::PreconditionFailed),
            OAuthClientError::Changed => Self::new(Code::ChangedMeanwhile),
            OAuthClientError::Store(error) => error.into(),
        }
    }
}

impl From<TokenUsageError> for Problem {
    fn from(error: TokenUsageError) -> Self {
        match error {
            TokenUsageError::Range => {
                let field = FieldError {
                    pointer: "/query/from".to_owned(),
                    code: "invalid",
                    detail: error.to_string(),
                };
                Self::new(Code::InvalidQuery).with_fields(vec![field])
            }
            TokenUsageError::Denied(_) => Self::new(Code::Forbidden),
            TokenUsageError::Store(error) => error.into(),
        }
    }
}

impl From<TenantError> for Problem {
    fn from(error: TenantError) -> Self {
        match error {
            TenantError::NotFound | TenantError::NoSuchHost | TenantError::Denied(_) => {
                Self::new(Code::NotFound)
            }
            TenantError::Store(error) => error.into(),
            TenantError::Choice(error) => refused_choice("/administrator/password", error),
            TenantError::Taken => Self::new(Code::TenantTaken),
            TenantError::HostTaken(_) => Self::new(Code::HostTaken).with_detail(error.to_string()),
            TenantError::WrongStatus(status) => Self::new(Code::WrongTenantStatus)
                .with_detail(format!("the tenant is {}", status.name())),
            TenantError::Changed => Self::new(Code::ChangedMeanwhile),
            // The base URL was parsed at start.
            TenantError::Issuer(_) | TenantError::Keyring(_) => internal(error),
        }
    }
}

impl From<JobsError> for Problem {
    fn from(error: JobsError) -> Self {
        match error {
            JobsError::NotFound => Self::new(Code::NotFound),
            JobsError::Ended
            | JobsError::NotDead
            | JobsError::Superseded
            | JobsError::NoWayBack => Self::new(Code::WrongJobState).with_detail(error.to_string()),
            JobsError::Denied(_) => Self::new(Code::Forbidden),
            JobsError::Store(error) => error.into(),
        }
    }
}

impl From<InstanceEventsError> for Problem {
    fn from(error: InstanceEventsError) -> Self {
        match error {
            InstanceEventsError::Denied(_) => Self::new(Code::Forbidden),
            InstanceEventsError::Store(error) => error.into(),
        }
    }
}

/// A password that was not taken, with the reason by which another is found.
fn refused_choice(pointer: &str, error: ChoiceError) -> Problem {
    let weak = match error {
        ChoiceError::Hashing(error) => return error.into(),
        ChoiceError::Weak(weak) => weak,
    };
    let code = match &weak {
        WeakPassword::Guessable(Guessable::Common) => "common",
        WeakPassword::Guessable(Guessable::Few { .. }) => "guessable",
        WeakPassword::Breached => "breached",
    };
    Problem::new(Code::InvalidBody).with_fields(vec![FieldError {
        pointer: pointer.to_owned(),
        code,
        detail: weak.to_string(),
    }])
}

impl From<HashingError> for Problem {
    fn from(error: HashingError) -> Self {
        match error {
            HashingError::Busy { retry_after } => {
                Self::new(Code::Unavailable).with_retry_after(retry_after)
            }
            // Nobody reads this answer.
            HashingError::Abandoned => Self::new(Code::Unavailable),
            HashingError::Hash(error) => internal(error),
            HashingError::Ended => internal(error),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Retry(_) | StoreError::OutcomeUnknown(_) => {
                tracing::warn!(%error, "the store could not serve a request");
                Self::new(Code::Unavailable)
            }
            StoreError::SessionOver => Self::new(Code::InvalidToken),
            StoreError::ClientOver => Self::new(Code::InvalidClient),
            // The gate gives the answer of then in its place.
            StoreError::DoneBefore => Self::new(Code::Unavailable),
            StoreError::RoleChanged => Self::new(Code::Forbidden),
            StoreError::Conflict { .. }
            | StoreError::Corrupt { .. }
            | StoreError::Misuse(_)
            | StoreError::ClaimLost
            | StoreError::JobCancelled
            | StoreError::Statement { .. }
            | StoreError::Unfit(_) => internal(error),
        }
    }
}

fn status_name(status: UserStatus) -> &'static str {
    match status {
        UserStatus::Active => "active",
        UserStatus::Disabled => "disabled",
        UserStatus::Invited => "invited",
        UserStatus::Deleting => "about to be deleted",
    }
}

fn internal(error: impl Display) -> Problem {
    tracing::error!(%error, "a request failed");
    Problem::new(Code::Internal)
}
