//! Finds PostgreSQL's server programs, or installs them from Debian's packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::accounts::{Account, is_root};
use super::{Installation, Unavailable};

const DEBIAN_FOLDER: &str = "/usr/lib/postgresql";
const PROGRAMS: [&str; 3] = ["initdb", "pg_ctl", "postgres"];

/// Debian starts a service when its package is installed, unless this policy says no. The trap removes it on Ctrl-C
/// too; a policy of the machine's own is left alone.
const INSTALL_SCRIPT: &str = r"
set -e
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
  trap 'rm -f $policy' EXIT
  trap 'exit 130' HUP INT TERM
  printf '#!/bin/sh\nexit 101\n' > $policy
  chmod 755 $policy
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
apt-get -q install -y --no-install-recommends postgresql
";

/// The newest installed server; on a fresh Debian or Ubuntu machine, the one that it installs.
pub(crate) fn find_or_install() -> Result<Installation, Unavailable> {
    let programs = match find_programs() {
        Some(programs) => programs,
        None => install()?,
    };
    let account = if is_root() {
        let found = Account::find_for_server();
        Some(
            found
                .ok_or("it does not run as root, and there is no account `postgres` or `nobody`")?,
        )
    } else {
        None
    };
    Ok(Installation { programs, account })
}

fn install() -> Result<PathBuf, Unavailable> {
    if !is_root() {
        return Err("it is not installed, and only root can install it".into());
    }
    if find_in_path("apt-get").is_none() {
        return Err("it is not installed, and there is no apt-get to install it with".into());
    }
    println!("installing Debian's package `postgresql` (apt-get update, apt-get install)");
    let status = Command::new("sh")
        .args(["-c", INSTALL_SCRIPT])
        .stdin(Stdio::null())
        .status()
        .map_err(|error| format!("it is not installed, and sh does not start: {error}"))?;
    if !status.success() {
        return Err("it is not installed, and apt-get could not install it".into());
    }
    find_programs().ok_or_else(|| "its package holds no server programs".into())
}

fn find_programs() -> Option<PathBuf> {
    let versions = fs::read_dir(DEBIAN_FOLDER).into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .filter(|(_, folder)| has_programs(folder))
        .max_by_key(|(version, _)| *version);
    match newest {
        Some((_, folder)) => Some(folder),
        None => find_in_path("initdb").filter(|folder| has_programs(folder)),
    }
}

fn has_programs(folder: &Path) -> bool {
    PROGRAMS.iter().all(|name| folder.join(name).is_file())
}

/// The real folder of a program: what is in `PATH` may be a link, without its siblings beside it.
fn find_in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .filter_map(|folder| fs::canonicalize(folder.join(program)).ok())
        .find_map(|file| file.parent().map(Path::to_path_buf))
}
