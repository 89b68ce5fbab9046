//! Processes: pinned to a core, measured by the kernel, ended when they are dropped.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What `/proc/<pid>/stat` counts in, on every Linux that Keyward runs on.
const MICROS_PER_TICK: f64 = 10_000.0;
const SERVER_CORE: &str = "0";
/// The core of whoever asks.
pub(crate) const CLIENT_CORE: &str = "1";

/// A server on its core.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    /// From its start to its first right answer.
    pub(crate) started_in: Duration,
}

impl Server {
    pub(crate) fn hello() -> Self {
        let port = free_port();
        let mut command = pinned(&std::env::current_exe().unwrap(), SERVER_CORE);
        command.args(["hello", &port.to_string()]);
        Self::start(command, port, "GET /hello HTTP/1.1\r\nHost: x\r\n\r\n")
    }

    /// Keyward on a data folder, started until `request` is answered with 200.
    pub(crate) fn keyward(program: &Path, data: &Path, request: &str) -> Self {
        Self::keyward_with(program, data, request, &[])
    }

    /// The same with more in its environment.
    pub(crate) fn keyward_with(
        program: &Path,
        data: &Path,
        request: &str,
        environment: &[(&str, &str)],
    ) -> Self {
        let port = free_port();
        let mut command = pinned(program, SERVER_CORE);
        command
            .arg("serve")
            .envs(environment.iter().copied())
            .env("KEYWARD_DATA", data)
            .env("KEYWARD_LISTEN", format!("127.0.0.1:{port}"))
            .env("KEYWARD_PUBLIC_URL", "http://bench.invalid")
            .env("KEYWARD_DEMO_ADMIN_PASSWORD", super::seed::PASSWORD)
            // Counted as ever, but never too many: all clients are one network here.
            .env("KEYWARD_RATE_LIMIT_NETWORK_REQUESTS_PER_MINUTE", "60000000")
            .env("KEYWARD_RATE_LIMIT_NETWORK_BURST", "1000000")
            .env("KEYWARD_RATE_LIMIT_SESSION_REQUESTS_PER_MINUTE", "60000000")
            .env("KEYWARD_RATE_LIMIT_SESSION_BURST", "1000000");
        Self::start(command, port, request)
    }

    fn start(mut command: Command, port: u16, request: &str) -> Self {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let begun = Instant::now();
        let child = command.spawn().unwrap();
        let mut server = Self {
            child,
            port,
            started_in: Duration::ZERO,
        };
        while !super::client::answers(port, request) {
            let ended = server.child.try_wait().unwrap();
            assert!(ended.is_none(), "the server ended: {ended:?}");
            assert!(begun.elapsed() < Duration::from_secs(60), "no answer");
            std::thread::sleep(Duration::from_micros(500));
        }
        server.started_in = begun.elapsed();
        server
    }

    /// Processor time of all its threads so far, those that have ended too, in microseconds.
    pub(crate) fn cpu_micros(&self) -> f64 {
        cpu_micros(&self.child.id().to_string())
    }

    /// Its resident memory, in MB.
    pub(crate) fn resident_mb(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.unwrap().trim().trim_end_matches(" kB");
        kib.parse::<f64>().unwrap() * 1_024.0 / 1e6
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // With time to fold the write-ahead log back.
        let id = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

/// A command on one core.
pub(crate) fn pinned(program: &Path, core: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", core]).arg(program);
    command
}

/// Binds this very process to the client's core.
pub(crate) fn pin_client() {
    let id = std::process::id().to_string();
    let status = Command::new("taskset")
        .args(["-a", "-c", "-p", CLIENT_CORE, &id])
        .stdout(Stdio::null())
        .status();
    assert!(status.unwrap().success(), "taskset");
}

/// Processor time of a process in microseconds.
pub(crate) fn cpu_micros(process: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The command's name, in brackets, may hold anything; after it user and system time are the 12th and 13th word.
    let (_, words) = stat.rsplit_once(')').unwrap();
    let ticks = words.split_whitespace().skip(11).take(2);
    ticks.map(|word| word.parse::<f64>().unwrap()).sum::<f64>() * MICROS_PER_TICK
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
