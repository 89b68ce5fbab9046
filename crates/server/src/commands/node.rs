//! `keyward node list`

use crate::command_line::{Global, Why};
use crate::config::Config;
use crate::failure::Failure;
use crate::operator::{Ask, ask};
use crate::output::print_page;

pub(super) async fn list(config: &Config, why: Why, global: &Global) -> Result<(), Failure> {
    let request = Ask::get("/operator/v1/nodes".to_owned(), why, "node list");
    let nodes = ask(config, global, request).await?;
    let columns = [
        "id",
        "name",
        "version",
        "engine",
        "started_at",
        "seen_milliseconds_ago",
    ];
    Ok(print_page(&nodes, &columns, global.json)?)
}
