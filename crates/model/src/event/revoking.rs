//! What services must refuse that verify access tokens themselves.

use super::Event;
use crate::Revoked;

impl Event {
    /// What counts no more from this event on, in the words of a token.
    ///
    /// This is less than what every node forgets: a sign-in makes memory read a user again, and revokes nothing. What ends by
    /// its time alone is in the token itself (`exp`). A role is in no token; with a role the user's sessions end.
    pub fn revokes(&self) -> Option<Revoked> {
        match self {
            Self::SessionRevoked { session, .. } => Some(Revoked::Session(session.id)),
            Self::RefreshTokenReused { family, .. } => Some(Revoked::Session(family.session_id)),
            Self::AccessTokenRevoked { token_id, .. } => Some(Revoked::Token(*token_id)),
            Self::UserDisabled { after, .. } | Self::UserDeletionScheduled { after, .. } => {
                Some(Revoked::User(after.id))
            }
            Self::UserErased { user } => Some(Revoked::User(user.id)),
            Self::AllSessionsRevoked { tenant_id, .. } => Some(Revoked::Tenant(*tenant_id)),
            Self::TenantSuspended { after, .. } | Self::TenantDeletionScheduled { after, .. } => {
                Some(Revoked::Tenant(after.id))
            }
            Self::TenantPurgeBegun { tenant } => Some(Revoked::Tenant(tenant.id)),
            // Its sessions end without a record of each.
            Self::TenantRestored {
                tenant_id,
                restored,
            } => restored.sessions_ended.map(|_| Revoked::Tenant(*tenant_id)),
            Self::SigningKeyRevoked { key, .. } => Some(Revoked::SigningKey(key.id)),
            Self::TenantCreated { .. }
            | Self::TenantResumed { .. }
            | Self::TenantDeletionPostponed { .. }
            | Self::TenantDeletionCancelled { .. }
            | Self::TenantHostAdded { .. }
            | Self::TenantHostRemoved { .. }
            | Self::SigningKeyCreated { .. }
            | Self::SigningKeyRotated { .. }
            // It is kept until the last token that it signed is over.
            | Self::SigningKeyRetired { .. }
            | Self::PublishableKeyCreated { .. }
            | Self::PublishableKeyEnabled { .. }
            | Self::PublishableKeyDisabled { .. }
            | Self::PublishableKeyDeleted { .. }
            // What a client may do stands in no access token.
            | Self::OAuthClientCreated { .. }
            | Self::OAuthClientChanged { .. }
            | Self::OAuthClientSecretRotated { .. }
            | Self::OAuthClientEnabled { .. }
            | Self::OAuthClientDisabled { .. }
            | Self::OAuthClientDeleted { .. }
            | Self::UserRegistered { .. }
            | Self::RegistrationRefused { .. }
            | Self::UserCreated { .. }
            | Self::UserChanged { .. }
            | Self::UserEnabled { .. }
            | Self::UserDeletionPostponed { .. }
            | Self::UserRestored { .. }
            | Self::UserInvited { .. }
            | Self::InvitationAccepted { .. }
            | Self::InvitationRefused
            | Self::SettingsChanged { .. }
            | Self::ProfileChanged { .. }
            | Self::SignInRefused { .. }
            // Each session that ends by it has a record of its own.
            | Self::PasswordChanged { .. }
            | Self::PasswordRefused { .. }
            | Self::UserLocked { .. }
            | Self::UserUnlocked { .. }
            | Self::KnownDeviceForgotten { .. }
            | Self::SessionOpened { .. }
            | Self::SessionRefreshed { .. }
            | Self::SessionsPruned { .. }
            | Self::JobCancelled { .. }
            | Self::JobRetried { .. }
            | Self::JobDied { .. }
            | Self::AccessDenied { .. }
            | Self::OperatorRead { .. } => None,
        }
    }
}
