//! A PostgreSQL server for one run of tests or benchmarks. It is made from nothing and gone afterwards.

mod accounts;
mod install;
mod keeper;

pub(crate) use install::find_or_install;

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use accounts::Account;
use keeper::Keeper;

const SUPERUSER: &str = "super";
const READY_SECONDS_MAX: &str = "60";
/// Another process can take the free port between our look and the server's start.
const START_TRIES: usize = 3;

/// Why PostgreSQL cannot be used here: the reason that the skipped tests are reported with.
pub(crate) type Unavailable = String;

/// Whether what is committed would survive a power cut.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Durability {
    /// It would not: tests need not wait for the disk.
    None,
    /// It would: what a benchmark measures.
    Full,
}

/// The server's programs and the account that they run under.
pub(crate) struct Installation {
    programs: PathBuf,
    /// PostgreSQL refuses to run as root. `None`: as whoever runs this.
    account: Option<Account>,
}

/// A running server. Dropping it stops the server and removes its files.
pub(crate) struct ThrowAwayPostgres {
    installation: Installation,
    folder: PathBuf,
    password: String,
    port: u16,
    _keeper: Keeper,
}

impl ThrowAwayPostgres {
    pub(crate) fn start(
        installation: Installation,
        durability: Durability,
    ) -> Result<Self, Unavailable> {
        let folder = make_folder(&installation)?;
        let keeper = Keeper::start(&installation, &folder)
            .map_err(|error| format!("its keeper does not start: {error}"))?;
        let mut server = Self {
            password: random_hex()?,
            installation,
            folder,
            port: 0,
            _keeper: keeper,
        };
        server.make_cluster()?;
        server.start_postmaster(durability)?;
        println!("PostgreSQL runs at 127.0.0.1:{} for this run", server.port);
        Ok(server)
    }

    /// As superuser; the tests make their own roles and databases.
    pub(crate) fn url(&self) -> String {
        format!(
            "postgres://{SUPERUSER}:{}@127.0.0.1:{}/postgres",
            self.password, self.port
        )
    }

    fn make_cluster(&self) -> Result<(), Unavailable> {
        let password_file = self.folder.join("password");
        write_private(&password_file, &self.password, &self.installation)
            .map_err(|error| format!("{}: {error}", password_file.display()))?;
        let mut command = self.installation.program("initdb", &self.folder);
        command
            .args(["-A", "scram-sha-256", "-U", SUPERUSER, "-E", "UTF8"])
            .args(["--locale=C.UTF-8", "--no-sync", "--no-instructions"])
            .arg("--pwfile")
            .arg(&password_file)
            .arg("-D")
            .arg(self.folder.join("data"));
        self.run_logged("initdb", command)
    }

    fn start_postmaster(&mut self, durability: Durability) -> Result<(), Unavailable> {
        let mut result = Ok(());
        for _ in 0..START_TRIES {
            self.port = free_port()?;
            let options = format!(
                "-p {} -k '{}' -c listen_addresses=127.0.0.1 -c max_connections=200 {}",
                self.port,
                self.folder.display(),
                durability.options()
            );
            let mut command = self.installation.program("pg_ctl", &self.folder);
            command
                .args(["start", "-w", "-s", "-t", READY_SECONDS_MAX, "-o", &options])
                .arg("-D")
                .arg(self.folder.join("data"))
                .arg("-l")
                .arg(self.folder.join("server.log"));
            result = self.run_logged("pg_ctl start", command);
            if result.is_ok() {
                break;
            }
        }
        result
    }

    /// What the programs print is shown only when they fail. It goes through a file, as the server would keep a pipe
    /// open.
    fn run_logged(&self, name: &str, mut command: Command) -> Result<(), Unavailable> {
        let log_path = self.folder.join("setup.log");
        let describe = |error: std::io::Error| format!("{name}: {error}");
        let log = File::create(&log_path).map_err(describe)?;
        command
            .stdout(log.try_clone().map_err(describe)?)
            .stderr(log);
        let status = command.status().map_err(describe)?;
        if status.success() {
            return Ok(());
        }
        let server_log = fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
        let log = fs::read_to_string(&log_path).unwrap_or_default();
        Err(format!(
            "{name} failed: {} {}",
            log.trim(),
            server_log.trim()
        ))
    }
}

impl Durability {
    fn options(self) -> &'static str {
        match self {
            Self::None => "-c fsync=off -c synchronous_commit=off -c full_page_writes=off",
            Self::Full => "",
        }
    }
}

impl Installation {
    /// A program of the server, under the server's account, without the caller's `PG…` settings: they could point it
    /// at another cluster.
    fn program(&self, name: &str, folder: &Path) -> Command {
        let mut command = Command::new(self.programs.join(name));
        self.prepare(&mut command, folder);
        command
    }

    fn prepare(&self, command: &mut Command, folder: &Path) {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(&name);
            }
        }
        command.env("LC_ALL", "C.UTF-8");
        command.current_dir(folder).stdin(Stdio::null());
        if let Some(account) = &self.account {
            account.apply(command);
        }
    }

    fn give(&self, path: &Path) -> std::io::Result<()> {
        match &self.account {
            Some(account) => chown(path, Some(account.user), Some(account.group)),
            None => Ok(()),
        }
    }
}

fn make_folder(installation: &Installation) -> Result<PathBuf, Unavailable> {
    let folder =
        std::env::temp_dir().join(format!("keyward-test-postgres-{}", &random_hex()?[..12]));
    fs::DirBuilder::new()
        .mode(0o700)
        .create(&folder)
        .and_then(|()| installation.give(&folder))
        .map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

fn write_private(path: &Path, text: &str, installation: &Installation) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    installation.give(path)
}

fn random_hex() -> Result<String, Unavailable> {
    let mut bytes = [0; 24];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(|error| format!("/dev/urandom: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn free_port() -> Result<u16, Unavailable> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| format!("no free loopback port: {error}"))
}
