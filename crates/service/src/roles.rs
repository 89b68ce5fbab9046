//! The roles of the fixed table.

use crate::cx::{Cx, TenantWide};
use crate::outcome::Disclosed;
use keyward_model::Role;
use keyward_policy::{Action, Denied};

/// The roles that a user of the tenant can have. What each may do is [`keyward_policy::actions_of`].
///
/// # Errors
/// [`Denied`].
pub fn list_roles(cx: &Cx) -> Result<Vec<Role>, Denied> {
    let permit = cx.permit(Action::ListRoles, &TenantWide)?;
    Ok(cx.give(Disclosed::new(permit, Role::ALL.to_vec())))
}
