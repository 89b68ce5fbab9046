//! `keyward` as a child process. Its output goes to files: it can be looked at while it runs and never fills a pipe.

use crate::http::{self, Answer};
use serde_json::Value;
use std::io::Result;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a process may take to come up or to end, on a machine that runs other tests too.
const WAIT: Duration = Duration::from_secs(90);
const POLL: Duration = Duration::from_millis(2);

/// A process that was started. Dropping it kills it.
pub(crate) struct Process {
    child: Child,
    stdout: PathBuf,
    stderr: PathBuf,
}

/// What is left of a process.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The exit code; none when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A process that serves.
pub(crate) struct Server {
    process: Process,
    pub(crate) address: SocketAddr,
    /// From the start of the process to its first 200 on `/healthz`.
    pub(crate) healthy_after: Duration,
}

/// Wall time. The rule against it keeps ambient time out of the product; these tests watch real processes.
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "see the type")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

impl Process {
    /// Starts a command whose output goes to `<output>.out` and `<output>.err`.
    pub(crate) fn start(mut command: Command, output: PathBuf) -> Self {
        let (stdout, stderr) = (output.with_extension("out"), output.with_extension("err"));
        command.stdin(std::process::Stdio::null());
        command.stdout(std::fs::File::create(&stdout).unwrap());
        command.stderr(std::fs::File::create(&stderr).unwrap());
        Self {
            child: command.spawn().unwrap(),
            stdout,
            stderr,
        }
    }

    pub(crate) fn stdout(&self) -> String {
        std::fs::read_to_string(&self.stdout).unwrap()
    }

    pub(crate) fn stderr(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap()
    }

    /// Waits until it ends by itself.
    pub(crate) fn finish(mut self) -> Finished {
        let stopwatch = Stopwatch::start();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Finished {
                    code: status.code(),
                    stdout: self.stdout(),
                    stderr: self.stderr(),
                };
            }
            assert!(stopwatch.elapsed() < WAIT, "still runs: {}", self.stderr());
            sleep(POLL);
        }
    }

    /// Sends it a signal; the standard library has none but SIGKILL.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -s {name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &kill]).status().unwrap();
        assert!(status.success(), "{kill}");
    }

    /// Ends it as a crash does, if it has not ended by itself.
    pub(crate) fn kill9(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it serves. An end before that is a failure with its last words.
    pub(crate) fn into_server(mut self, stopwatch: &Stopwatch) -> Server {
        let address = loop {
            if let Some(address) = address_in(&self.stdout()) {
                break address;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", self.stderr());
            assert!(stopwatch.elapsed() < WAIT, "not ready: {}", self.stderr());
            sleep(POLL);
        };
        let mut server = Server {
            process: self,
            address,
            healthy_after: Duration::ZERO,
        };
        assert_eq!(server.get("/healthz").status, 200);
        server.healthy_after = stopwatch.elapsed();
        server
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None, None)
    }

    pub(crate) fn get_as(&self, token: &str, path: &str) -> Answer {
        self.send("GET", path, Some(token), None)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", path, None, Some(body))
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Answer {
        let text = http::request(method, path, token, body);
        self.exchange(text.as_bytes()).unwrap()
    }

    /// Sends bytes and reads the answer.
    pub(crate) fn exchange(&self, bytes: &[u8]) -> Result<Answer> {
        http::exchange(self.address, bytes)
    }

    /// What it has printed. All of the greeting is there once it serves.
    pub(crate) fn stdout(&self) -> String {
        self.process.stdout()
    }

    /// What it has logged.
    pub(crate) fn stderr(&self) -> String {
        self.process.stderr()
    }

    pub(crate) fn signal(&self, name: &str) {
        self.process.signal(name);
    }

    /// Ends it as a crash does: no time for anything.
    pub(crate) fn kill9(self) {
        self.process.kill9();
    }

    /// Asks it to end, and waits until it has.
    pub(crate) fn terminate(self) -> Finished {
        self.signal("TERM");
        self.finish()
    }

    /// Waits until it ends by itself.
    pub(crate) fn finish(self) -> Finished {
        self.process.finish()
    }
}

impl Finished {
    /// It went well; gives what it printed.
    pub(crate) fn expect_success(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout
    }

    /// It went well, and printed one JSON document and nothing else.
    pub(crate) fn expect_json(self) -> Value {
        let text = self.expect_success();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// It ended with this code, and its error says all of these.
    pub(crate) fn expect_failure(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in {self:?}");
        }
        assert!(!self.stderr.contains("panicked"), "{self:?}");
        assert!(!self.stdout.contains("is ready at"), "{self:?}");
    }
}

/// The address in the first line of a greeting that was printed whole.
fn address_in(stdout: &str) -> Option<SocketAddr> {
    let (_, rest) = stdout.split_once("is ready at http://")?;
    rest.split_once(' ')?.0.parse().ok()
}
