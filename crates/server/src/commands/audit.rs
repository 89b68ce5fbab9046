//! `keyward audit list`

use super::{operator, page_of, scope_of};
use crate::command_line::{Global, InTenant};
use crate::config::Config;
use crate::failure::Failure;
use crate::instance::{Access, Instance};
use crate::output::print_page;
use keyward_model::{AuditEvent, AuditFilter};
use keyward_policy::Action;
use keyward_service::audit::list_audit_events;
use serde_json::{Value, json};

pub(super) async fn list(config: &Config, what: InTenant, global: &Global) -> Result<(), Failure> {
    let instance = Instance::open(config, Access::Look).await?;
    let scope = scope_of(&instance, &what.tenant).await?;
    let cx = instance
        .begin(
            scope,
            operator(what.why, "audit list"),
            Action::ReadAuditEvents,
        )
        .await?;
    let events = list_audit_events(&cx, AuditFilter::default(), page_of(&what.page)?)
        .await
        .map_err(Failure::of)?;
    let next = events.next.map(|cursor| cursor.to_string());
    let items: Vec<Value> = events
        .items
        .iter()
        .map(if global.json { whole } else { summary })
        .collect();
    print_page(
        &items,
        &[
            "occurred_at",
            "type",
            "outcome",
            "actor",
            "target",
            "address",
        ],
        next,
        global.json,
    );
    Ok(())
}

fn whole(event: &AuditEvent) -> Value {
    json!({ "id": event.id, "public": event.public, "personal": event.personal })
}

fn summary(event: &AuditEvent) -> Value {
    let public = |name: &str| event.public.get(name).cloned().unwrap_or_default();
    let named = |value: Value, name: Option<&str>| {
        let name = name.or(value["id"].as_str()).unwrap_or_default();
        format!("{} {name}", value["type"].as_str().unwrap_or_default())
            .trim_end()
            .to_owned()
    };
    let operator = event
        .personal
        .get("operator")
        .and_then(|operator| operator["name"].as_str());
    json!({
        "occurred_at": public("occurred_at"),
        "type": public("type"),
        "outcome": public("outcome"),
        "actor": named(public("actor"), operator),
        "target": named(public("target"), None),
        "address": event.personal.get("address"),
    })
}
