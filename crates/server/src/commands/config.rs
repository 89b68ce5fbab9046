//! `keyward config check`, `keyward config default`

use super::report;
use crate::command_line::Global;
use crate::config::{Config, DEFAULT};
use crate::failure::Failure;
use serde_json::json;

/// The settings were read to get here, so they are right; says what they came to.
pub(super) fn check(config: &Config, global: &Global) -> Result<(), Failure> {
    let shown = toml::to_string_pretty(config).map_err(Failure::of)?;
    report(
        global,
        &format!("{shown}\n# The settings are right."),
        json!({ "status": "ok", "settings": config }),
    )
}

pub(super) fn print_default(global: &Global) -> Result<(), Failure> {
    match global.json {
        false => print!("{DEFAULT}"),
        true => {
            let settings: toml::Table = DEFAULT.parse().map_err(Failure::of)?;
            println!("{}", json!(settings));
        }
    }
    Ok(())
}
