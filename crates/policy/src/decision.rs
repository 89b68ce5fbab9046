//! The decision: a permit, or a denial.

use crate::action::{Action, Rule};
use keyward_model::{Principal, Role, TenantId, UserId};
use std::fmt;

/// Proof that somebody was allowed to do something. Made by [`decide`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a permit belongs to the change or the answer that it allows"]
pub struct Permit {
    action: Action,
    basis: &'static str,
}

/// What an action is done on, as far as a decision looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource {
    /// The tenant that it is of; none for the instance itself.
    pub tenant_id: Option<TenantId>,
    /// The user that it is of, where it is somebody's.
    pub owner: Option<UserId>,
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
            Principal::User { tenant_id, .. } => Some(*tenant_id),
            _ => None,
        },
        owner: principal.user_id(),
    };
    decide(principal, action, own).is_ok()
}

fn basis_of_user(rule: Rule, role: Role, owns: bool) -> Option<&'static str> {
    match (rule, role) {
        (Rule::Anyone, _) => Some("anyone"),
        (Rule::Owner, _) => owns.then_some("owner"),
        (Rule::Administrator, Role::Administrator) => Some("administrator"),
        (Rule::Administrator, Role::Member) | (Rule::Operator, _) => None,
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
    use super::{Resource, decide, may_ever};
    use crate::action::{Action, Rule};
    use keyward_model::{Id, Principal, Role, TenantId, UserId};
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
        };
        for &action in Action::ALL {
            let allowed = |principal| decide(&principal, action, own).is_ok();
            let row = [
                allowed(Principal::Anonymous),
                allowed(user(Role::Member)),
                allowed(user(Role::Administrator)),
                allowed(operator()),
                allowed(Principal::System),
            ];
            let expected = match action.rule() {
                Rule::Anyone => [true, true, true, false, false],
                Rule::Owner => [false, true, true, false, false],
                Rule::Administrator => [false, false, true, true, false],
                Rule::Operator => [false, false, false, true, true],
            };
            assert_eq!(row, expected, "{}", action.name());
        }
    }

    #[test]
    fn asvs_v8_2_2_what_is_somebody_elses_is_denied() {
        let other = Resource {
            tenant_id: Some(tenant(1)),
            owner: Some(owner(9)),
        };
        let nobodys = Resource {
            tenant_id: Some(tenant(1)),
            owner: None,
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
        };
        let permit = decide(&user(Role::Member), Action::ReadSession, own).unwrap();
        assert_eq!(permit.to_string(), "session.read by owner");
    }
}
