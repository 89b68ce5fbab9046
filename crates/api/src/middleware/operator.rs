//! Letting an operator in: who they are is the listener's word, why they come is their own.

use super::asked::Asked;
use super::presented::no_such_tenant;
use crate::admitted::Context;
use crate::declaration::Declaration;
use crate::problem::{Code, Problem};
use crate::state::Api;
use axum::http::HeaderMap;
use keyward_model::{Principal, Route, Slug, TenantStatus};
use keyward_policy::{Action, Permission, may_ever};
use keyward_service::tenants::TenantError;
use keyward_service::{Cx, InstanceCx};

/// The header in which operators say why they act.
pub(crate) const REASON: &str = "operator-reason";
/// How long a reason may be, in characters.
const REASON_CHARACTERS_MAX: usize = 200;

/// Who is at the other end, as whoever took the connection found out: the account behind a Unix socket, or the holder of
/// the operator token. A request without one is nobody's.
#[derive(Debug, Clone)]
pub struct OperatorPeer {
    /// For the audit log, for instance `uid 0 (root)`.
    pub name: String,
}

/// Finds out who asks and why, and makes the context of the act: of the tenant that the path names, or of the instance.
pub(super) async fn admit(
    api: &Api,
    declaration: &Declaration,
    asked: &Asked,
) -> Result<Context, Problem> {
    let action = declaration.action;
    let principal = Principal::Operator {
        name: peer_of(api, asked)?.name,
        reason: reason_of(&asked.head.headers, declaration)?,
    };
    if !may_ever(&principal, action) {
        return Err(Problem::new(Code::Forbidden));
    }
    let client = asked.client.clone();
    let scope = match slug_of(declaration, asked)? {
        Some(slug) => {
            let scope = api.platform.operator_scope(Route::Slug(slug)).await?;
            let scope = scope.ok_or_else(no_such_tenant)?;
            allow_in_status(scope.status(), declaration)?;
            Some(scope)
        }
        None => (action == Action::CreateTenant).then(|| api.platform.scope_for_new_tenant()),
    };
    match scope {
        Some(scope) => {
            let cx = Cx::begin(&api.platform, (scope, principal), client, action).await?;
            Ok(Context::Tenant(cx))
        }
        None => {
            let cx = InstanceCx::begin(&api.platform, principal, client, action);
            let cx = cx.map_err(|_| Problem::new(Code::Forbidden))?;
            Ok(Context::Instance(cx))
        }
    }
}

/// Of a tenant whose rows are being deleted nothing can be changed: what a change needs may be gone already. Deleting it goes on.
fn allow_in_status(status: TenantStatus, declaration: &Declaration) -> Result<(), Problem> {
    let changes = declaration.method != "GET" && declaration.action != Action::DeleteTenant;
    match status == TenantStatus::Purging && changes {
        true => Err(TenantError::WrongStatus(status).into()),
        false => Ok(()),
    }
}

/// Who asks, on the listener's word. Each request of a network is counted as a try until it turns out to be an operator's: one
/// too many is refused whatever it holds, else a right guess among many would still be let in. The socket has no network.
fn peer_of(api: &Api, asked: &Asked) -> Result<OperatorPeer, Problem> {
    let tries = &api.operator_tries;
    let standing = tries.take_from_network(&asked.client, asked.now);
    if let Some(wait) = standing.and_then(|standing| standing.retry_after()) {
        return Err(Problem::new(Code::RateLimited).with_retry_after(wait));
    }
    let Some(peer) = asked.head.extensions.get::<OperatorPeer>() else {
        tracing::warn!("a request to the operator plane held no right token");
        return Err(Problem::new(Code::Unauthenticated));
    };
    tries.give_back_to_network(&asked.client);
    Ok(peer.clone())
}

/// The tenant that the path names, if the endpoint is about one.
fn slug_of(declaration: &Declaration, asked: &Asked) -> Result<Option<Slug>, Problem> {
    if !declaration.path.contains("{slug}") {
        return Ok(None);
    }
    let slug = asked.parameters.get("slug");
    let slug = slug.and_then(|slug| slug.parse().ok());
    slug.map(Some).ok_or_else(no_such_tenant)
}

/// Why the operator acts. Who changes something must say it; who only looks may leave it at the action's name.
fn reason_of(headers: &HeaderMap, declaration: &Declaration) -> Result<String, Problem> {
    let mut given = headers.get_all(REASON).iter();
    let Some(value) = given.next() else {
        return match declaration.action.permission() == Permission::Read
            || declaration.method == "GET"
        {
            true => Ok(declaration.action.name().to_owned()),
            false => Err(Problem::new(Code::OperatorReasonMissing)),
        };
    };
    let text = std::str::from_utf8(value.as_bytes()).map(str::trim);
    match (text, given.next()) {
        (Ok(text), None) if is_reason(text) => Ok(text.to_owned()),
        _ => Err(Problem::new(Code::InvalidOperatorReason)),
    }
}

/// Whether it is 1 to 200 characters that can be printed on one line.
fn is_reason(text: &str) -> bool {
    (1..=REASON_CHARACTERS_MAX).contains(&text.chars().count())
        && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::is_reason;

    #[test]
    fn asvs_v16_4_1_a_reason_is_a_line_that_can_be_printed() {
        assert!(is_reason("ticket 4711: Überprüfung"));
        assert!(is_reason(&"ü".repeat(200)));
        for bad in ["", "two\nlines", "\u{1b}[2J", &"x".repeat(201)] {
            assert!(!is_reason(bad), "{bad:?}");
        }
    }
}
