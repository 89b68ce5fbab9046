//! `/v1/admin/users`

pub(in crate::endpoints) mod create;
pub(in crate::endpoints) mod list;
pub(in crate::endpoints) mod one;
pub(in crate::endpoints) mod status;

use crate::bodies::UserBody;
use crate::version::Versioned;
use axum::Json;
use keyward_model::{Role, User};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
