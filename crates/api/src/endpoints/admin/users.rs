//! `/v1/admin/users`

pub(in crate::endpoints) mod create;
pub(in crate::endpoints) mod invitation;
pub(in crate::endpoints) mod list;
pub(in crate::endpoints) mod one;
pub(in crate::endpoints) mod status;

use crate::bodies::UserBody;
use crate::once::Shown;
use crate::version::Versioned;
use axum::Json;
use keyward_model::{Role, User};
use keyward_service::invitations::IssuedInvitation;
use keyward_service::users::CreatedUser;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A user as administrators see them.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AdminUserBody {
    #[serde(flatten)]
    user: UserBody,
    /// When the user will be deleted for good; null unless the status is `deleting`.
    #[schema(format = "date-time")]
    deletes_at: Option<String>,
    /// Counts the account's changes; in quotes it is the entity tag for `If-Match`.
    version: i64,
}

/// A user.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AdminUserAnswer {
    /// As it is now.
    user: AdminUserBody,
}

/// A user who was made or invited.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatedUserAnswer {
    /// As it is now.
    user: AdminUserBody,
    /// How the user sets their password; null if they were given one. It is shown this once.
    invitation: Option<InvitationBody>,
}

/// An invitation, to be handed to the user.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InvitationBody {
    /// For `POST /v1/auth/invitation/accept`. Good for one use. A page of yours that takes it is best given it in a link's
    /// fragment, which no server sees or logs.
    token: String,
    /// Until when it is good; RFC 3339, UTC.
    #[schema(format = "date-time")]
    expires_at: String,
}

impl From<&IssuedInvitation> for InvitationBody {
    fn from(issued: &IssuedInvitation) -> Self {
        Self {
            token: issued.token.expose().to_owned(),
            expires_at: issued.expires_at.to_string(),
        }
    }
}

impl From<&CreatedUser> for CreatedUserAnswer {
    fn from(created: &CreatedUser) -> Self {
        Self {
            user: created.user.clone().into(),
            invitation: created.invitation.as_ref().map(InvitationBody::from),
        }
    }
}

impl Shown for CreatedUser {
    type Body = CreatedUserAnswer;

    fn body(&self) -> CreatedUserAnswer {
        self.into()
    }

    fn made(&self) -> Uuid {
        self.user.id.uuid()
    }

    fn shows_secret(&self) -> bool {
        self.invitation.is_some()
    }
}

/// What a user may do.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RoleName {
    /// Acts on what is its own.
    Member,
    /// Administers its tenant.
    Administrator,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Member => Self::Member,
            RoleName::Administrator => Self::Administrator,
        }
    }
}

impl From<User> for AdminUserBody {
    fn from(user: User) -> Self {
        Self {
            deletes_at: user.deletes_at.map(|moment| moment.to_string()),
            version: user.version,
            user: user.into(),
        }
    }
}

impl From<User> for AdminUserAnswer {
    fn from(user: User) -> Self {
        Self { user: user.into() }
    }
}

/// A user with their version as the entity tag.
pub(crate) fn versioned(user: User) -> Versioned<AdminUserAnswer> {
    Versioned(user.version, Json(user.into()))
}
