//! The registry: every action, the kind of thing it is done on, the permission it stands for, and who has it.

use Permission::{Admin, Delete, Read, Write};
use Rule::Operator;
use keyward_model::ClientRight;

/// Something that can be asked for. Each route and each use case names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Ask whether the server is alive or ready.
    ReadHealth,
    /// Read the description of the API.
    ReadApiDescription,
    /// Read a tenant's issuer metadata and public keys.
    ReadIssuerMetadata,
    /// Make an account for oneself.
    Register,
    /// Sign in.
    SignIn,
    /// Continue a session by its refresh token.
    RefreshSession,
    /// Set another password for oneself.
    ChangePassword,
    /// Prove anew who one is.
    Reauthenticate,
    /// Sign out of the session that one acts in.
    SignOut,
    /// Read the session that one acts in.
    ReadSession,
    /// List one's own sessions.
    ListSessions,
    /// End one of one's own sessions, the others, or all.
    RevokeSession,
    /// Read one's own profile.
    ReadProfile,
    /// Change one's own profile.
    ChangeProfile,
    /// Read the tenant's audit log.
    ReadAuditEvents,
    /// Make a publishable key.
    CreatePublishableKey,
    /// List the publishable keys.
    ListPublishableKeys,
    /// Let a publishable key name the tenant again.
    EnablePublishableKey,
    /// Let a publishable key name nobody.
    DisablePublishableKey,
    /// Take a publishable key away.
    DeletePublishableKey,
    /// Make a tenant.
    CreateTenant,
    /// Record that a tenant was brought back from a backup, and end the sessions that came back with it.
    RestoreTenant,
    /// List the tenants of the instance.
    ListTenants,
    /// List and search the users of a tenant.
    ListUsers,
    /// List the jobs of the instance.
    ListJobs,
    /// Read a job.
    ReadJob,
    /// Cancel a job.
    CancelJob,
    /// Have a job tried again that was given up.
    RetryJob,
    /// Give a job up that failed too often.
    EndJob,
    /// Delete sessions that ended long ago.
    PruneSessions,
    /// Delete kept answers whose time is over.
    PruneIdempotencyKeys,
    /// Delete counts of attempts that hold nobody back any more, and devices that are known no longer.
    PruneAttempts,
    /// Read the description of the operators' API.
    ReadOperatorApiDescription,
    /// Read a tenant, with its hosts and settings.
    ReadTenant,
    /// Read the log of the instance.
    ListInstanceEvents,
    /// Refuse a tenant's users.
    SuspendTenant,
    /// Let a suspended tenant's users in again.
    ResumeTenant,
    /// Make a host name lead to a tenant.
    AddTenantHost,
    /// Make a host name lead to a tenant no longer.
    RemoveTenantHost,
    /// Delete a tenant, after a time of grace.
    DeleteTenant,
    /// Take the deletion of a tenant back.
    CancelTenantDeletion,
    /// Delete a tenant's rows, once its time of grace is over.
    PurgeTenant,
    /// Look at the nodes that serve the instance.
    ListNodes,
    /// Tell events to the outside.
    DeliverEvents,
    /// Read the account of any user.
    ReadUser,
    /// Make an account for somebody.
    CreateUser,
    /// Change the account of any user.
    ChangeUser,
    /// Keep a user from signing in.
    DisableUser,
    /// Let a disabled user sign in again.
    EnableUser,
    /// Open an account again that too many failures closed to unknown devices.
    UnlockUser,
    /// Delete a user, after a time of grace.
    DeleteUser,
    /// Take the deletion of a user back.
    RestoreUser,
    /// List a tenant's signing keys with their states.
    ListSigningKeys,
    /// Make a tenant's next signing key.
    RotateSigningKey,
    /// Revoke a tenant's signing key at once.
    RevokeSigningKey,
    /// Destroy a signing key whose time is over.
    RetireSigningKey,
    /// Delete a user for good whose time of grace is over.
    EraseUser,
    /// Give somebody a link by which they set their first password.
    InviteUser,
    /// Set one's first password by such a link.
    AcceptInvitation,
    /// List the live sessions of any user.
    ListUserSessions,
    /// End the sessions of any user.
    RevokeUserSessions,
    /// End any session.
    RevokeAnySession,
    /// List the live sessions of the whole tenant.
    ListActiveSessions,
    /// End every session of the tenant.
    RevokeAllSessions,
    /// Make an OAuth client.
    CreateClient,
    /// List the OAuth clients.
    ListClients,
    /// Look at an OAuth client.
    ReadClient,
    /// Change an OAuth client.
    ChangeClient,
    /// Give an OAuth client another secret.
    RotateClientSecret,
    /// Let an OAuth client in again.
    EnableClient,
    /// Refuse an OAuth client.
    DisableClient,
    /// Take an OAuth client away.
    DeleteClient,
    /// Ask whether a token is good (RFC 7662).
    IntrospectToken,
    /// Revoke a token (RFC 7009).
    RevokeToken,
    /// Hear of revocations as they happen.
    FollowRevocations,
    /// Read how often tokens were issued, refreshed, revoked and asked about.
    ReadTokenUsage,
    /// Delete what the denylist holds of tokens that are over by themselves.
    PruneDenylist,
    /// List the roles, and what each may do.
    ListRoles,
    /// Read the tenant's settings.
    ReadSettings,
    /// Change the tenant's settings.
    ChangeSettings,
}

/// What an action does to its resource (AUTHZ-6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Looks.
    Read,
    /// Makes or changes.
    Write,
    /// Takes away.
    Delete,
    /// Governs others.
    Admin,
}

/// Who has a permission. The three roles are members, administrators of the tenant, and operators of the instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Everybody, known or not.
    Anyone,
    /// A signed-in user, on what is their own.
    Owner,
    /// An OAuth client of the tenant: on tokens that were issued to it, and with this right on others'.
    Client(ClientRight),
    /// An administrator of the tenant, and operators.
    Administrator,
    /// Operators of the instance, and Keyward itself.
    Operator,
}

impl Action {
    /// Every action.
    pub const ALL: &'static [Self] = &[
        Self::ReadHealth,
        Self::ReadApiDescription,
        Self::ReadIssuerMetadata,
        Self::Register,
        Self::SignIn,
        Self::RefreshSession,
        Self::ChangePassword,
        Self::Reauthenticate,
        Self::SignOut,
        Self::ReadSession,
        Self::ListSessions,
        Self::RevokeSession,
        Self::ReadProfile,
        Self::ChangeProfile,
        Self::ReadAuditEvents,
        Self::CreatePublishableKey,
        Self::ListPublishableKeys,
        Self::EnablePublishableKey,
        Self::DisablePublishableKey,
        Self::DeletePublishableKey,
        Self::CreateTenant,
        Self::RestoreTenant,
        Self::ListTenants,
        Self::ListUsers,
        Self::ListJobs,
        Self::ReadJob,
        Self::CancelJob,
        Self::RetryJob,
        Self::EndJob,
        Self::PruneSessions,
        Self::PruneIdempotencyKeys,
        Self::PruneAttempts,
        Self::ReadOperatorApiDescription,
        Self::ReadTenant,
        Self::ListInstanceEvents,
        Self::SuspendTenant,
        Self::ResumeTenant,
        Self::AddTenantHost,
        Self::RemoveTenantHost,
        Self::DeleteTenant,
        Self::CancelTenantDeletion,
        Self::PurgeTenant,
        Self::ListNodes,
        Self::DeliverEvents,
        Self::ReadUser,
        Self::CreateUser,
        Self::ChangeUser,
        Self::DisableUser,
        Self::EnableUser,
        Self::UnlockUser,
        Self::DeleteUser,
        Self::RestoreUser,
        Self::ListSigningKeys,
        Self::RotateSigningKey,
        Self::RevokeSigningKey,
        Self::RetireSigningKey,
        Self::EraseUser,
        Self::InviteUser,
        Self::AcceptInvitation,
        Self::ListUserSessions,
        Self::RevokeUserSessions,
        Self::RevokeAnySession,
        Self::ListActiveSessions,
        Self::RevokeAllSessions,
        Self::CreateClient,
        Self::ListClients,
        Self::ReadClient,
        Self::ChangeClient,
        Self::RotateClientSecret,
        Self::EnableClient,
        Self::DisableClient,
        Self::DeleteClient,
        Self::IntrospectToken,
        Self::RevokeToken,
        Self::FollowRevocations,
        Self::ReadTokenUsage,
        Self::PruneDenylist,
        Self::ListRoles,
        Self::ReadSettings,
        Self::ChangeSettings,
    ];

    /// The row of the registry: name, permission, rule. The part of the name before the dot is the kind of resource.
    fn entry(self) -> (&'static str, Permission, Rule) {
        match self {
            Self::ReadHealth => ("instance.read_health", Read, Rule::Anyone),
            Self::ReadApiDescription => ("instance.read_api_description", Read, Rule::Anyone),
            Self::ReadIssuerMetadata => ("tenant.read_issuer_metadata", Read, Rule::Anyone),
            Self::Register => ("user.register", Write, Rule::Anyone),
            Self::SignIn => ("session.open", Write, Rule::Anyone),
            Self::RefreshSession => ("session.refresh", Write, Rule::Anyone),
            Self::ChangePassword => ("user.change_password", Write, Rule::Owner),
            Self::Reauthenticate => ("session.reauthenticate", Write, Rule::Owner),
            Self::SignOut => ("session.sign_out", Delete, Rule::Owner),
            Self::ReadSession => ("session.read", Read, Rule::Owner),
            Self::ListSessions => ("session.list", Read, Rule::Owner),
            Self::RevokeSession => ("session.revoke", Delete, Rule::Owner),
            Self::ReadProfile => ("user.read_profile", Read, Rule::Owner),
            Self::ChangeProfile => ("user.change_profile", Write, Rule::Owner),
            Self::ReadAuditEvents => ("audit_event.list", Admin, Rule::Administrator),
            Self::CreatePublishableKey => ("publishable_key.create", Admin, Rule::Administrator),
            Self::ListPublishableKeys => ("publishable_key.list", Admin, Rule::Administrator),
            Self::EnablePublishableKey => ("publishable_key.enable", Admin, Rule::Administrator),
            Self::DisablePublishableKey => ("publishable_key.disable", Admin, Rule::Administrator),
            Self::DeletePublishableKey => ("publishable_key.delete", Admin, Rule::Administrator),
            Self::CreateTenant => ("tenant.create", Admin, Rule::Operator),
            Self::RestoreTenant => ("tenant.restore", Admin, Rule::Operator),
            Self::ListTenants => ("tenant.list", Admin, Rule::Operator),
            Self::ListJobs => ("job.list", Admin, Rule::Operator),
            Self::ReadJob => ("job.read", Admin, Rule::Operator),
            Self::CancelJob => ("job.cancel", Admin, Rule::Operator),
            Self::RetryJob => ("job.retry", Admin, Rule::Operator),
            Self::EndJob => ("job.end", Admin, Rule::Operator),
            Self::PruneSessions => ("session.prune", Delete, Rule::Operator),
            Self::PruneIdempotencyKeys => ("idempotency_key.prune", Delete, Operator),
            Self::PruneAttempts => ("attempt.prune", Delete, Rule::Operator),
            Self::ReadOperatorApiDescription => {
                ("instance.read_operator_api_description", Read, Operator)
            }
            Self::ReadTenant => ("tenant.read", Admin, Rule::Operator),
            Self::ListInstanceEvents => ("instance_event.list", Admin, Rule::Operator),
            Self::SuspendTenant => ("tenant.suspend", Admin, Rule::Operator),
            Self::ResumeTenant => ("tenant.resume", Admin, Rule::Operator),
            Self::AddTenantHost => ("tenant.add_host", Admin, Rule::Operator),
            Self::RemoveTenantHost => ("tenant.remove_host", Admin, Rule::Operator),
            Self::DeleteTenant => ("tenant.delete", Delete, Rule::Operator),
            Self::CancelTenantDeletion => ("tenant.cancel_deletion", Admin, Rule::Operator),
            Self::PurgeTenant => ("tenant.purge", Delete, Rule::Operator),
            Self::ListNodes => ("node.list", Admin, Rule::Operator),
            Self::DeliverEvents => ("event.deliver", Read, Rule::Operator),
            Self::ListUsers => ("user.list", Admin, Rule::Administrator),
            Self::ReadUser => ("user.read", Admin, Rule::Administrator),
            Self::CreateUser => ("user.create", Admin, Rule::Administrator),
            Self::ChangeUser => ("user.change", Admin, Rule::Administrator),
            Self::DisableUser => ("user.disable", Admin, Rule::Administrator),
            Self::EnableUser => ("user.enable", Admin, Rule::Administrator),
            Self::UnlockUser => ("user.unlock", Admin, Rule::Administrator),
            Self::DeleteUser => ("user.delete", Admin, Rule::Administrator),
            Self::RestoreUser => ("user.restore", Admin, Rule::Administrator),
            Self::ListSigningKeys => ("signing_key.list", Admin, Rule::Operator),
            Self::RotateSigningKey => ("signing_key.rotate", Admin, Rule::Operator),
            Self::RevokeSigningKey => ("signing_key.revoke", Admin, Rule::Operator),
            Self::RetireSigningKey => ("signing_key.retire", Delete, Rule::Operator),
            Self::EraseUser => ("user.erase", Delete, Rule::Operator),
            Self::InviteUser => ("user.invite", Admin, Rule::Administrator),
            Self::AcceptInvitation => ("user.accept_invitation", Write, Rule::Anyone),
            Self::ListUserSessions => ("session.list_of_user", Admin, Rule::Administrator),
            Self::RevokeUserSessions => ("session.revoke_of_user", Admin, Rule::Administrator),
            Self::RevokeAnySession => ("session.revoke_any", Admin, Rule::Administrator),
            Self::ListActiveSessions => ("session.list_active", Admin, Rule::Administrator),
            Self::RevokeAllSessions => ("session.revoke_all", Admin, Rule::Administrator),
            Self::CreateClient => ("oauth_client.create", Admin, Rule::Administrator),
            Self::ListClients => ("oauth_client.list", Admin, Rule::Administrator),
            Self::ReadClient => ("oauth_client.read", Admin, Rule::Administrator),
            Self::ChangeClient => ("oauth_client.change", Admin, Rule::Administrator),
            Self::RotateClientSecret => ("oauth_client.rotate_secret", Admin, Rule::Administrator),
            Self::EnableClient => ("oauth_client.enable", Admin, Rule::Administrator),
            Self::DisableClient => ("oauth_client.disable", Admin, Rule::Administrator),
            Self::DeleteClient => ("oauth_client.delete", Admin, Rule::Administrator),
            Self::IntrospectToken => (
                "token.introspect",
                Read,
                Rule::Client(ClientRight::Introspect),
            ),
            Self::RevokeToken => ("token.revoke", Delete, Rule::Client(ClientRight::Revoke)),
            Self::FollowRevocations => (
                "revocation.follow",
                Read,
                Rule::Client(ClientRight::FollowRevocations),
            ),
            Self::ReadTokenUsage => ("token.read_usage", Admin, Rule::Administrator),
            Self::PruneDenylist => ("token.prune_denylist", Delete, Rule::Operator),
            Self::ListRoles => ("role.list", Read, Rule::Administrator),
            Self::ReadSettings => ("tenant.read_settings", Admin, Rule::Administrator),
            Self::ChangeSettings => ("tenant.change_settings", Admin, Rule::Administrator),
        }
    }

    /// The name as it is recorded, `<resource>.<verb>`.
    pub fn name(self) -> &'static str {
        self.entry().0
    }

    /// The kind of thing that it is done on.
    pub fn resource_kind(self) -> &'static str {
        self.name().split_once('.').map_or("", |(kind, _)| kind)
    }

    /// What it does to it.
    pub fn permission(self) -> Permission {
        self.entry().1
    }

    /// Whether a tenant may ask that whoever does it has proven lately who they are (ASVS V7.5.1, V7.5.3): it changes who has
    /// which account or right, or what the tenant is guarded by.
    pub fn is_sensitive(self) -> bool {
        matches!(
            self,
            Self::CreateUser
                | Self::ChangeUser
                | Self::InviteUser
                | Self::DeleteUser
                | Self::CreateClient
                | Self::ChangeClient
                | Self::EnableClient
                | Self::RotateClientSecret
                | Self::RotateSigningKey
                | Self::RevokeSigningKey
                | Self::ChangeSettings
        )
    }

    /// Who may do it.
    pub fn rule(self) -> Rule {
        self.entry().2
    }
}

#[cfg(test)]
mod tests {
    use super::Action;
    use std::collections::HashSet;

    #[test]
    fn names_are_unique_and_of_the_form_resource_dot_verb() {
        let names: HashSet<_> = Action::ALL.iter().map(|action| action.name()).collect();
        assert_eq!(names.len(), Action::ALL.len());
        for name in names {
            let (kind, verb) = name.split_once('.').unwrap();
            assert!(!kind.is_empty() && !verb.is_empty(), "{name}");
        }
    }
}
