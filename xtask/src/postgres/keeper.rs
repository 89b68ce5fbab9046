//! Sees to it that the server never outlives the run, however the run ends.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::Installation;

/// Waits until the pipe's other end is closed, which the kernel does also for a process that was killed.
const SCRIPT: &str = r#"
cat >/dev/null
"$1/pg_ctl" stop -m immediate -s -w -D "$2/data"
cd /
rm -rf "$2"
"#;

/// A small process of its own beside the server. It holds one end of a pipe; when ours closes (drop, error, Ctrl-C,
/// kill), it stops the server and removes its folder.
pub(super) struct Keeper(Child);

impl Keeper {
    pub(super) fn start(installation: &Installation, folder: &Path) -> std::io::Result<Self> {
        let mut command = Command::new("sh");
        installation.prepare(&mut command, folder);
        command
            .args(["-c", SCRIPT, "keeper"])
            .arg(&installation.programs)
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // Ctrl-C goes to the whole process group, and must not end the one who clears up after it.
        command.process_group(0).spawn().map(Self)
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // There is no one left to tell: the worst case is a folder left in the temporary folder.
        drop(self.0.wait());
    }
}
