//! `keyward breach-list build`

use super::report;
use crate::command_line::{BreachListBuild, Global};
use crate::failure::Failure;
use keyward_service::passwords::{BreachSource, build_breach_list};
use serde_json::json;
use std::fs::{File, OpenOptions};
use std::io::BufReader;
use std::os::unix::fs::OpenOptionsExt;

/// What is read at once.
const BUFFER_BYTES: usize = 1 << 20;

/// Makes the list beside its place and puts it there when it is whole: a server that has the old one open goes on with it.
pub(super) fn build(what: &BreachListBuild, global: &Global) -> Result<(), Failure> {
    let (from, to) = (what.from.display(), what.to.display());
    let input = File::open(&what.from)
        .map_err(|error| Failure::Failed(format!("cannot read {from}: {error}")))?;
    let source = match what.plain {
        true => BreachSource::Plain,
        false => BreachSource::Sha1,
    };
    let mut unfinished = what.to.clone().into_os_string();
    unfinished.push(".unfinished");
    let mut output = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o644)
        .open(&unfinished)
        .map_err(|error| Failure::Failed(format!("cannot make {to}: {error}")))?;
    let input = BufReader::with_capacity(BUFFER_BYTES, input);
    let built = build_breach_list(input, &mut output, (source, what.seen_min));
    let count = match built {
        Ok(count) => {
            std::fs::rename(&unfinished, &what.to)?;
            count
        }
        Err(error) => {
            let _ = std::fs::remove_file(&unfinished);
            return Err(Failure::Failed(format!("{from}: {error}")));
        }
    };
    let line = format!(
        "{to} has {count} passwords. Name it in passwords.breach_list_file, and start the server again."
    );
    report(
        global,
        &line,
        json!({ "file": what.to, "passwords": count }),
    )
}
