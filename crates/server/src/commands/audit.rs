//! `keyward audit list`, `keyward audit instance`

use super::{no_tenant, query_of, tenant_path};
use crate::command_line::{Global, InInstance, InTenant};
use crate::config::Config;
use crate::failure::Failure;
use crate::operator::{Ask, ask};
use crate::output::{items, print_page};
use serde_json::{Value, json};

pub(super) async fn list(config: &Config, what: InTenant, global: &Global) -> Result<(), Failure> {
    let path = tenant_path(&what.tenant, "/audit/events")? + &query_of(&what.page)?;
    let request = Ask::get(path, what.why, "audit list").or_say(no_tenant(&what.tenant));
    let events = ask(config, global, request).await?;
    let shown = match global.json {
        true => events,
        false => {
            let summaries: Vec<Value> = items(&events).iter().map(summary).collect();
            json!({ "items": summaries, "next_cursor": events["next_cursor"] })
        }
    };
    let columns = [
        "occurred_at",
        "type",
        "outcome",
        "actor",
        "target",
        "address",
    ];
    Ok(print_page(&shown, &columns, global.json)?)
}

pub(super) async fn instance(
    config: &Config,
    what: InInstance,
    global: &Global,
) -> Result<(), Failure> {
    let path = format!("/operator/v1/events{}", query_of(&what.page)?);
    let events = ask(config, global, Ask::get(path, what.why, "audit instance")).await?;
    let columns = ["occurred_at", "type", "actor", "reason", "tenant_id"];
    Ok(print_page(&events, &columns, global.json)?)
}

fn summary(event: &Value) -> Value {
    let public = |name: &str| event["public"][name].clone();
    let named = |value: Value, name: Option<&str>| {
        let name = name.or(value["id"].as_str()).unwrap_or_default();
        format!("{} {name}", value["type"].as_str().unwrap_or_default())
            .trim_end()
            .to_owned()
    };
    let operator = event["personal"]["operator"]["name"].as_str();
    json!({
        "occurred_at": public("occurred_at"),
        "type": public("type"),
        "outcome": public("outcome"),
        "actor": named(public("actor"), operator),
        "target": named(public("target"), None),
        "address": event["personal"]["address"],
    })
}
