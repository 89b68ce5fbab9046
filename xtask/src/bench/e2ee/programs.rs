//! The programs that are compared: how each is made and asked.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Map, Value};

use crate::cargo::{cargo, workspace_root};
use crate::failure::{Context, Failure};

/// What the official library needs beside itself, from the folder of the interop tests.
const NODE_FILES: [&str; 4] = [
    "package.json",
    "package-lock.json",
    "stores.mjs",
    "rates.mjs",
];

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Program {
    Ours,
    /// The last release that makes sessions of version 3.
    OfficialOld,
    OfficialNew,
    Vodozemac,
}

impl Program {
    pub(super) const ALL: [Self; 4] = [
        Self::Ours,
        Self::OfficialOld,
        Self::OfficialNew,
        Self::Vodozemac,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::OfficialOld => "official 0.72.1",
            Self::OfficialNew => "official 0.103.0",
            Self::Vodozemac => "vodozemac",
        }
    }
}

/// Where they lie when they are built.
pub(super) struct Programs {
    ours: PathBuf,
    vodozemac: PathBuf,
    node_folder: PathBuf,
}

impl Programs {
    /// `None` when cargo has said what does not compile.
    pub(super) fn build() -> Result<Option<Self>, Failure> {
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| workspace_root().join("target"), Into::into);
        let own = ["--package", "keyward-e2ee", "--example", "rates"];
        let vodozemac = [
            "--locked",
            "--manifest-path",
            "crates/e2ee/bench/Cargo.toml",
        ];
        if !build(&own, &target)? || !build(&vodozemac, &target)? {
            return Ok(None);
        }
        let node_folder = target.join("tmp/bench-e2ee");
        install(&node_folder)?;
        Ok(Some(Self {
            ours: target.join("release/examples/rates"),
            vodozemac: target.join("release/keyward-e2ee-bench"),
            node_folder,
        }))
    }

    /// Starts a program, which then waits to be asked.
    pub(super) fn start(&self, program: Program) -> Result<Asked, Failure> {
        let mut command = match program {
            Program::Ours => Command::new(&self.ours),
            Program::Vodozemac => Command::new(&self.vodozemac),
            Program::OfficialOld => self.official("0.72.1"),
            Program::OfficialNew => self.official("0.103.0"),
        };
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context(program.name())?;
        let gone = || {
            Failure::new(format!(
                "{} has no standard input or output",
                program.name()
            ))
        };
        Ok(Asked {
            program,
            input: child.stdin.take().ok_or_else(gone)?,
            output: BufReader::new(child.stdout.take().ok_or_else(gone)?),
            child,
        })
    }

    fn official(&self, release: &str) -> Command {
        let mut command = Command::new("node");
        command
            .current_dir(&self.node_folder)
            .args(["rates.mjs", release]);
        command
    }
}

/// A program that runs, and measures while it is asked and at no other time.
pub(super) struct Asked {
    program: Program,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Asked {
    pub(super) fn program(&self) -> Program {
        self.program
    }

    /// What ours can be asked for.
    pub(super) fn names(&mut self) -> Result<Vec<String>, Failure> {
        let answer = self.ask("names")?;
        serde_json::from_str(&answer).context(self.program.name())
    }

    /// The rates that come of the measurement `name`; none when the program has no such one.
    pub(super) fn measure(
        &mut self,
        name: &str,
        seconds: f64,
    ) -> Result<Vec<(String, f64)>, Failure> {
        let answer = self.ask(&format!("{seconds} {name}"))?;
        let rates: Map<String, Value> =
            serde_json::from_str(&answer).context(self.program.name())?;
        let rates = rates.into_iter();
        Ok(rates
            .filter_map(|(name, rate)| Some((name, rate.as_f64()?)))
            .collect())
    }

    fn ask(&mut self, request: &str) -> Result<String, Failure> {
        let name = self.program.name();
        writeln!(self.input, "{request}").context(name)?;
        let mut answer = String::new();
        match self.output.read_line(&mut answer).context(name)? {
            0 => Err(Failure::new(format!("{name} failed"))),
            _ => Ok(answer),
        }
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn build(arguments: &[&str], target: &Path) -> Result<bool, Failure> {
    let mut build = cargo();
    build.args(["build", "--release"]).args(arguments);
    build.arg("--target-dir").arg(target);
    let status = build.status().context("calling cargo build")?;
    Ok(status.success())
}

/// Installs the official library from the lock file of the interop tests, unless that was done from the same one.
fn install(folder: &Path) -> Result<(), Failure> {
    let sources = workspace_root().join("crates/e2ee/tests/it/interop");
    let is_installed = folder.join("node_modules").exists()
        && fs::read(folder.join("package-lock.json")).ok()
            == fs::read(sources.join("package-lock.json")).ok();
    fs::create_dir_all(folder).context(folder.display())?;
    for name in NODE_FILES {
        let source = sources.join(name);
        fs::copy(&source, folder.join(name)).context(source.display())?;
    }
    if is_installed {
        return Ok(());
    }
    let status = Command::new("npm")
        .current_dir(folder)
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .arg("--loglevel=error")
        .status();
    match status.context("calling npm")?.success() {
        true => Ok(()),
        false => {
            fs::remove_dir_all(folder.join("node_modules")).ok();
            Err(Failure::new("npm could not install the official library"))
        }
    }
}
