//! The decision: a permit, or a denial.

use crate::action::{Action, Rule};
use keyward_model::{
    ClientId, ClientRight, ClientRights, Principal, Role, TenantId, TokenKind, UserId,
};
use std::fmt;

/// Proof that somebody was allowed to do something. Made by [`decide`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a permit belongs to the change or the answer that it allows"]
pub struct Permit {
    action: Action,
    basis: &'static str,
}

/// What an action is done on, as far as a decision looks at it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resource {
    /// The tenant that it is of; none for the instance itself.
    pub tenant_id: Option<TenantId>,
    /// The user that it is of, where it is somebody's.
    pub owner: Option<UserId>,
    /// What is to be known of it where it is a token.
    pub token: Option<TokenFacts>,
}

/// What a decision about a token looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenFacts {
    /// Its kind.
    pub kind: TokenKind,
    /// The client that it was issued to; none is Keyward's own sign-in.
    pub issued_to: Option<ClientId>,
}

/// Nothing allows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} is not allowed", action.name())]
pub struct Denied {
    /// What was asked for.
    pub action: Action,
}

impl Permit {
    /// What was allowed.
    pub fn action(&self) -> Action {
        self.action
    }
}

impl fmt::Display for Permit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} by {}", self.action.name(), self.basis)
    }
}

/// Decides whether `principal` may do `action` on `resource`.
///
/// # Errors
/// [`Denied`] when no rule allows it.
pub fn decide(principal: &Principal, action: Action, resource: Resource) -> Result<Permit, Denied> {
    let basis = match principal {
        // Of the instance itself a user gets what is for anyone; of another tenant, nothing.
        Principal::User { .. } if resource.tenant_id.is_none() => {
            (action.rule() == Rule::Anyone).then_some("anyone")
        }
        Principal::User { tenant_id, .. } if resource.tenant_id != Some(*tenant_id) => None,
        Principal::User { user_id, role, .. } => {
            basis_of_user(action.rule(), *role, resource.owner == Some(*user_id))
        }
        Principal::OAuthClient { tenant_id, .. } if resource.tenant_id != Some(*tenant_id) => None,
        Principal::OAuthClient {
            client_id, rights, ..
        } => basis_of_client(action.rule(), (*client_id, *rights), resource.token),
        Principal::Anonymous => (action.rule() == Rule::Anyone).then_some("anyone"),
        Principal::Operator { .. } => {
            matches!(action.rule(), Rule::Administrator | Rule::Operator).then_some("operator")
        }
        Principal::System => (action.rule() == Rule::Operator).then_some("system"),
    };
    basis
        .map(|basis| Permit { action, basis })
        .ok_or(Denied { action })
}

/// Whether there is any resource on which `principal` may do `action`; lets a route refuse before it does any work.
pub fn may_ever(principal: &Principal, action: Action) -> bool {
    let own = Resource {
        tenant_id: match principal {
            Principal::User { tenant_id, .. } | Principal::OAuthClient { tenant_id, .. } => {
                Some(*tenant_id)
            }
            _ => None,
        },
        owner: principal.user_id(),
        token: None,
    };
    decide(principal, action, own).is_ok()
}

fn basis_of_user(rule: Rule, role: Role, owns: bool) -> Option<&'static str> {
    match (rule, role) {
        (Rule::Anyone, _) => Some("anyone"),
        (Rule::Owner, _) => owns.then_some("owner"),
        (Rule::Administrator, Role::Administrator) => Some("administrator"),
        (Rule::Administrator, Role::Member) | (Rule::Operator | Rule::Client(_), _) => None,
    }
}

/// A client may ask about tokens at all, since any may turn out to be its own; of others' it needs the right, and of refresh tokens
/// one of their own (RFC 7662 §4: whoever asks about what it was shown is not to take one for the other).
fn basis_of_client(
    rule: Rule,
    (client_id, rights): (ClientId, ClientRights),
    token: Option<TokenFacts>,
) -> Option<&'static str> {
    let Rule::Client(right) = rule else {
        return None;
    };
    let Some(token) = token else {
        return match right {
            // It is about no single token.
            ClientRight::FollowRevocations => rights.has(right).then_some("right of the client"),
            _ => Some("client"),
        };
    };
    let needed = match (right, token.kind) {
        (ClientRight::Introspect, TokenKind::Refresh) => ClientRight::IntrospectRefreshTokens,
        (right, _) => right,
    };
    match token.issued_to == Some(client_id) {
        true => Some("client that it was issued to"),
        false => rights.has(needed).then_some("right of the client"),
    }
}

/// Everything that a role may do in its own tenant, with the rule by which it may.
pub fn actions_of(role: Role) -> Vec<(Action, Rule)> {
    Action::ALL
        .iter()
        .map(|action| (*action, action.rule()))
        .filter(|(_, rule)| basis_of_user(*rule, role, true).is_some())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{Resource, TokenFacts, decide, may_ever};
    use crate::action::{Action, Rule};
    use keyward_model::{
        ClientId, ClientRight, ClientRights, Id, Principal, Role, TenantId, TokenKind, UserId,
    };
    use uuid::Uuid;

    fn tenant(number: u128) -> TenantId {
        Id::from_uuid(Uuid::from_u128(number))
    }

    fn owner(number: u128) -> UserId {
        Id::from_uuid(Uuid::from_u128(number))
    }

    fn user(role: Role) -> Principal {
        let session_id = Id::from_uuid(Uuid::from_u128(3));
        Principal::User {
            tenant_id: tenant(1),
            user_id: owner(2),
            session_id,
            role,
        }
    }

    fn client_id(number: u128) -> ClientId {
        Id::from_uuid(Uuid::from_u128(number))
    }

    fn client(rights: ClientRights) -> Principal {
        Principal::OAuthClient {
            tenant_id: tenant(1),
            client_id: client_id(5),
            rights,
        }
    }

    fn token(kind: TokenKind, issued_to: Option<u128>) -> Resource {
        Resource {
            tenant_id: Some(tenant(1)),
            owner: Some(owner(2)),
            token: Some(TokenFacts {
                kind,
                issued_to: issued_to.map(client_id),
            }),
        }
    }

    #[test]
    fn asvs_v8_2_1_a_client_needs_the_right_for_tokens_of_others_and_one_of_its_own_for_refresh_tokens()
     {
        let (access, refresh) = (TokenKind::Access, TokenKind::Refresh);
        let may = |rights: &[ClientRight], action, resource| {
            let principal = client(rights.iter().copied().collect());
            decide(&principal, action, resource).is_ok()
        };
        let all = ClientRight::ALL;
        for action in [Action::IntrospectToken, Action::RevokeToken] {
            for kind in [access, refresh] {
                assert!(may(&[], action, token(kind, Some(5))), "its own");
                assert!(!may(&[], action, token(kind, None)));
                assert!(!may(&[], action, token(kind, Some(6))));
                assert!(may(&all, action, token(kind, Some(6))));
                let mut elsewhere = token(kind, Some(5));
                elsewhere.tenant_id = Some(tenant(7));
                assert!(!may(&all, action, elsewhere));
            }
        }
        let (ask, revoke) = (Action::IntrospectToken, Action::RevokeToken);
        assert!(may(&[ClientRight::Introspect], ask, token(access, None)));
        assert!(!may(&[ClientRight::Introspect], ask, token(refresh, None)));
        assert!(!may(
            &[ClientRight::Introspect],
            revoke,
            token(access, None)
        ));
        let refreshes = [ClientRight::IntrospectRefreshTokens];
        assert!(may(&refreshes, ask, token(refresh, None)));
        assert!(!may(&refreshes, ask, token(access, None)));
        assert!(may(&[ClientRight::Revoke], revoke, token(refresh, None)));
    }

    fn operator() -> Principal {
        Principal::Operator {
            name: "root".into(),
            reason: "test".into(),
        }
    }

    #[test]
    fn asvs_v8_2_1_the_whole_table_of_roles() {
        let own = Resource {
            tenant_id: Some(tenant(1)),
            owner: Some(owner(2)),
            token: None,
        };
        for &action in Action::ALL {
            let allowed = |principal| decide(&principal, action, own).is_ok();
            let rights = match action.rule() {
                Rule::Client(right) => [right].into_iter().collect(),
                _ => ClientRights::default(),
            };
            let row = [
                allowed(Principal::Anonymous),
                allowed(user(Role::Member)),
                allowed(user(Role::Administrator)),
                allowed(operator()),
                allowed(Principal::System),
                allowed(client(rights)),
            ];
            let expected = match action.rule() {
                Rule::Anyone => [true, true, true, false, false, false],
                Rule::Owner => [false, true, true, false, false, false],
                Rule::Administrator => [false, false, true, true, false, false],
                Rule::Operator => [false, false, false, true, true, false],
                Rule::Client(_) => [false, false, false, false, false, true],
            };
            assert_eq!(row, expected, "{}", action.name());
        }
    }

    #[test]
    fn asvs_v8_2_2_what_is_somebody_elses_is_denied() {
        let other = Resource {
            tenant_id: Some(tenant(1)),
            owner: Some(owner(9)),
            token: None,
        };
        let nobodys = Resource {
            tenant_id: Some(tenant(1)),
            owner: None,
            token: None,
        };
        for role in [Role::Member, Role::Administrator] {
            assert!(decide(&user(role), Action::RevokeSession, other).is_err());
            assert!(decide(&user(role), Action::RevokeSession, nobodys).is_err());
        }
    }

    #[test]
    fn asvs_v8_4_1_another_tenants_resource_is_denied_to_every_user() {
        let elsewhere = Resource {
            tenant_id: Some(tenant(7)),
            owner: Some(owner(2)),
            token: None,
        };
        for &action in Action::ALL {
            assert!(
                decide(&user(Role::Administrator), action, elsewhere).is_err(),
                "{}",
                action.name()
            );
        }
    }

    #[test]
    fn the_instance_itself_is_no_users_to_govern() {
        let instance = Resource {
            tenant_id: None,
            owner: Some(owner(2)),
            token: None,
        };
        for &action in Action::ALL {
            let allowed = decide(&user(Role::Administrator), action, instance).is_ok();
            assert_eq!(allowed, action.rule() == Rule::Anyone, "{}", action.name());
        }
    }

    #[test]
    fn a_route_can_refuse_early() {
        assert!(!may_ever(&Principal::Anonymous, Action::ReadSession));
        assert!(may_ever(&user(Role::Member), Action::ReadSession));
        assert!(!may_ever(&user(Role::Member), Action::ReadAuditEvents));
    }

    #[test]
    fn a_permit_says_why() {
        let own = Resource {
            tenant_id: Some(tenant(1)),
            owner: Some(owner(2)),
            token: None,
        };
        let permit = decide(&user(Role::Member), Action::ReadSession, own).unwrap();
        assert_eq!(permit.to_string(), "session.read by owner");
    }
}
