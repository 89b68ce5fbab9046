//! `GET /v1/admin/roles`

use crate::bodies::PageBody;
use crate::endpoint::Endpoint;
use crate::extract::Caller;
use crate::problem::Problem;
use axum::Json;
use axum::http::StatusCode;
use keyward_model::{Page, Role};
use keyward_policy::{Action, Rule, actions_of};
use keyward_service::roles::list_roles;
use serde::Serialize;
use utoipa::ToSchema;

/// A role of the fixed table.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoleBody {
    /// `member` or `administrator`.
    #[schema(value_type = String)]
    name: Role,
    /// Everything that users with this role may do.
    actions: Vec<RoleActionBody>,
}

/// Something that a role may do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RoleActionBody {
    /// As the audit log calls it.
    name: &'static str,
    /// The kind of thing that it is done on.
    resource: &'static str,
    /// `READ`, `WRITE`, `DELETE` or `ADMIN`.
    permission: String,
    /// `anyone`'s right, the `owner`'s on what is their own, or the `administrator`'s on all of the tenant.
    basis: &'static str,
}

pub(in crate::endpoints) fn endpoint() -> Endpoint {
    Endpoint::get("/v1/admin/roles", Action::ListRoles)
        .summary("Lists the roles, and what each may do.")
        .gives::<PageBody<RoleBody>>(StatusCode::OK)
        .handled_by(list)
}

async fn list(Caller(cx): Caller) -> Result<Json<PageBody<RoleBody>>, Problem> {
    let items = list_roles(&cx)?.into_iter().map(RoleBody::from).collect();
    Ok(Json(Page { items, next: None }.into()))
}

impl From<Role> for RoleBody {
    fn from(role: Role) -> Self {
        let actions = actions_of(role).into_iter().map(RoleActionBody::from);
        Self {
            name: role,
            actions: actions.collect(),
        }
    }
}

impl From<(Action, Rule)> for RoleActionBody {
    fn from((action, rule): (Action, Rule)) -> Self {
        Self {
            name: action.name(),
            resource: action.resource_kind(),
            permission: format!("{:?}", action.permission()).to_uppercase(),
            basis: match rule {
                Rule::Anyone => "anyone",
                Rule::Owner => "owner",
                Rule::Client(_) => "client",
                Rule::Administrator => "administrator",
                Rule::Operator => "operator",
            },
        }
    }
}
