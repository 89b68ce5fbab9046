//! Calling cargo from a program that cargo itself started.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Variables that cargo sets for one package; inherited, they would describe `xtask` to whatever runs below it.
const PACKAGE_VARIABLES: [&str; 4] = [
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CARGO_BIN_",
    "CARGO_CRATE_",
];

/// The root of the workspace that this program was started for.
///
/// The variable of the run comes first: with a shared target folder the program may have been compiled for another
/// clone of the same workspace.
pub(crate) fn workspace_root() -> PathBuf {
    let manifest_folder = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest_folder
        .parent()
        .map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// The cargo that started this program, in the workspace's root.
pub(crate) fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(workspace_root());
    forget_package(&mut command);
    command
}

/// Takes the variables away that describe `xtask`.
pub(crate) fn forget_package(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if PACKAGE_VARIABLES
            .iter()
            .any(|prefix| name_text.starts_with(prefix))
        {
            command.env_remove(&name);
        }
    }
}
