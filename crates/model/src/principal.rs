//! Who acts, and from where.

use crate::{ClientId, ClientRights, RequestId, Role, SessionId, TenantId, UserId};
use std::net::IpAddr;

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// Nobody that is known.
    Anonymous,
    /// A user with a live session.
    User {
        /// The tenant that the session is of.
        tenant_id: TenantId,
        /// Names the user.
        user_id: UserId,
        /// Names the session.
        session_id: SessionId,
        /// What the user may do.
        role: Role,
    },
    /// A program of the tenant, in its own name.
    OAuthClient {
        /// The tenant that it is of.
        tenant_id: TenantId,
        /// Names it.
        client_id: ClientId,
        /// What it may do with tokens that were not issued to it.
        rights: ClientRights,
    },
    /// Somebody who runs the instance: at its command line, on its operator socket, or with the operator token.
    Operator {
        /// The account at the operating system by number and name, or what the settings call the holder of the token.
        name: String,
        /// Why they act, in their own words or by the name of what they do.
        reason: String,
    },
    /// Keyward itself, for instance when it makes the demo tenant.
    System,
}

impl Principal {
    /// The kind as it is recorded.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::User { .. } => "user",
            Self::OAuthClient { .. } => "oauth_client",
            Self::Operator { .. } => "operator",
            Self::System => "system",
        }
    }

    /// The user, if it is one.
    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::User { user_id, .. } => Some(*user_id),
            _ => None,
        }
    }

    /// The session, if it acts in one.
    pub fn session_id(&self) -> Option<SessionId> {
        match self {
            Self::User { session_id, .. } => Some(*session_id),
            _ => None,
        }
    }
}

/// From where a request came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// The peer's address.
    pub address: Option<IpAddr>,
    /// Its `User-Agent`, cut to 512 bytes.
    pub user_agent: Option<String>,
    /// Names the request in logs, answers and audit records.
    pub request_id: RequestId,
}
