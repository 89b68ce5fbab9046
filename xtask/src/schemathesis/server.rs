//! A debug `keyward` with the demo tenant, for one run.

use crate::cargo::{cargo, workspace_root};
use crate::failure::{Context, Failure};
use crate::stopwatch::Stopwatch;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// Of the demo tenant's administrator; it guards nothing.
pub(super) const PASSWORD: &str = "schemathesis signs in with this";
/// How long the server may take to come up.
const START_WAIT: Duration = Duration::from_secs(60);

/// A server that runs. Dropping it ends it and removes its data.
pub(super) struct Server {
    child: Child,
    folder: PathBuf,
    pub(super) url: String,
}

impl Server {
    /// Builds and starts one whose data is in `folder`, which is made anew.
    pub(super) fn start(folder: PathBuf) -> Result<Self, Failure> {
        let built = cargo()
            .args(["build", "--quiet", "--package", "keyward-server"])
            .status()
            .context("building the server")?;
        if !built.success() {
            return Err(Failure::new("the server does not compile"));
        }
        // A run that was killed may have left one.
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).context(format!("making {}", folder.display()))?;
        let greeting = folder.join("greeting");
        let child = command(&folder, &greeting)?
            .spawn()
            .context("starting the server")?;
        let mut server = Self {
            child,
            folder,
            url: String::new(),
        };
        server.url = server.wait_for_url(&greeting)?;
        Ok(server)
    }

    /// What it has logged as errors.
    pub(super) fn errors(&self) -> Result<Vec<String>, Failure> {
        let log =
            fs::read_to_string(self.folder.join("log")).context("reading the server's log")?;
        let is_error = |line: &&str| line.contains("\"ERROR\"") || line.contains("panicked");
        Ok(log.lines().filter(is_error).map(str::to_owned).collect())
    }

    /// Whether it has not ended by itself.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    fn wait_for_url(&mut self, greeting: &Path) -> Result<String, Failure> {
        let stopwatch = Stopwatch::start();
        while stopwatch.elapsed() < START_WAIT && self.is_alive() {
            let text = fs::read_to_string(greeting).unwrap_or_default();
            let rest = text.split_once("is ready at ").map(|(_, rest)| rest);
            if let Some((url, _)) = rest.and_then(|rest| rest.split_once(' ')) {
                return Ok(url.to_owned());
            }
            sleep(Duration::from_millis(20));
        }
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        Err(Failure::new(format!("the server did not start: {log}")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, and there is no one left to tell.
        drop(self.child.kill());
        drop(self.child.wait());
        drop(fs::remove_dir_all(&self.folder));
    }
}

fn command(folder: &Path, greeting: &Path) -> Result<Command, Failure> {
    let file = |path: &Path| File::create(path).context(format!("making {}", path.display()));
    let mut command = Command::new(workspace_root().join("target/debug/keyward"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KEYWARD_") {
            command.env_remove(name);
        }
    }
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(folder.join("data"))
        .env("KEYWARD_DEMO_ADMIN_PASSWORD", PASSWORD)
        .env("KEYWARD_LOG_FORMAT", "json")
        // What is refused for its number is not looked at.
        .env("KEYWARD_RATE_LIMIT_NETWORK_REQUESTS_PER_MINUTE", "0")
        .env("KEYWARD_RATE_LIMIT_SESSION_REQUESTS_PER_MINUTE", "0")
        .stdin(Stdio::null())
        .stdout(file(greeting)?)
        .stderr(file(&folder.join("log"))?);
    Ok(command)
}
