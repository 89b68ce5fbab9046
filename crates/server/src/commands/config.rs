//! `keyward config check`, `keyward config default`

use super::{Failure, report};
use crate::command_line::Global;
use crate::config::{Config, DEFAULT};
use serde_json::json;

/// The settings were read to get here, so they are right; says what they came to.
pub(super) fn check(config: &Config, global: &Global) -> Result<(), Failure> {
    let shown = format!("{config:#?}");
    report(
        global,
        &format!("{shown}\nThe settings are right."),
        json!({ "status": "ok", "settings": shown }),
    );
    Ok(())
}

pub(super) fn print_default() {
    print!("{DEFAULT}");
}
