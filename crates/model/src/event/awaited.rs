//! Which answers wait until every node knows.

use super::Event;
use crate::EndReason;

impl Event {
    /// Whether the answer to whoever asked for this waits until no node goes by what was before.
    ///
    /// What somebody *asked* to be changed, and what memory may say otherwise about, does: above all every right that was ended
    /// on request. What ends by itself, is renewed, or is done by a job does not: nobody was told that it is over.
    pub fn is_awaited(&self) -> bool {
        match self {
            // A host or a name that led nowhere is somebody's now, or the other way round.
            Self::TenantCreated { .. }
            | Self::TenantHostAdded { .. }
            | Self::TenantHostRemoved { .. }
            | Self::PublishableKeyDisabled { .. }
            | Self::PublishableKeyDeleted { .. }
            | Self::TenantSuspended { .. }
            | Self::TenantResumed { .. }
            | Self::TenantDeletionScheduled { .. }
            | Self::TenantDeletionCancelled { .. }
            // What every node must forget of the tenant stands in the feed, which is about to be deleted with it.
            | Self::TenantPurgeBegun { .. }
            | Self::TenantRestored { .. }
            | Self::SettingsChanged { .. }
            | Self::SigningKeyRevoked { .. }
            | Self::UserChanged { .. }
            | Self::UserDisabled { .. }
            | Self::UserEnabled { .. }
            | Self::UserDeletionScheduled { .. }
            | Self::UserRestored { .. }
            | Self::UserErased { .. }
            | Self::InvitationAccepted { .. }
            | Self::ProfileChanged { .. }
            | Self::PasswordChanged { .. }
            | Self::AccessTokenRevoked { .. }
            | Self::AllSessionsRevoked { .. }
            // What a client may do, and by which secret, memory knows.
            | Self::OAuthClientChanged { .. }
            | Self::OAuthClientSecretRotated { .. }
            | Self::OAuthClientDisabled { .. }
            | Self::OAuthClientDeleted { .. }
            // Whoever shows a token again that was used may be a thief: the session is over, everywhere, once they are told.
            | Self::RefreshTokenReused { .. } => true,
            // An eviction comes with a sign-in: nobody asked for that end, or was told of it.
            Self::SessionRevoked { reason, .. } => *reason != EndReason::Evicted,
            Self::TenantDeletionPostponed { .. }
            | Self::SigningKeyCreated { .. }
            | Self::SigningKeyRotated { .. }
            | Self::SigningKeyRetired { .. }
            | Self::PublishableKeyCreated { .. }
            | Self::PublishableKeyEnabled { .. }
            | Self::OAuthClientCreated { .. }
            | Self::OAuthClientEnabled { .. }
            | Self::UserRegistered { .. }
            | Self::RegistrationRefused { .. }
            | Self::UserCreated { .. }
            | Self::UserDeletionPostponed { .. }
            | Self::UserInvited { .. }
            | Self::InvitationRefused
            | Self::SignInRefused { .. }
            | Self::PasswordRefused { .. }
            // What is counted is the database's, and memory says nothing of it.
            | Self::UserLocked { .. }
            | Self::UserUnlocked { .. }
            | Self::KnownDeviceForgotten { .. }
            // It only makes the user's last sign-in another.
            | Self::SessionOpened { .. }
            | Self::SessionRefreshed { .. }
            | Self::SessionsPruned { .. }
            | Self::JobCancelled { .. }
            | Self::JobRetried { .. }
            | Self::JobDied { .. }
            | Self::AccessDenied { .. }
            | Self::OperatorRead { .. } => false,
        }
    }
}
