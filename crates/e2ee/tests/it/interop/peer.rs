//! A process that speaks JSON lines: ours or the official library's.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::interop::play::Profile;
use crate::interop::{install, ours};

/// Which implementation a peer runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Software {
    Ours,
    /// A release of the official library.
    Official(&'static str),
}

impl Software {
    pub(crate) fn name(self) -> String {
        match self {
            Self::Ours => "ours".to_owned(),
            Self::Official(release) => format!("official {release}"),
        }
    }

    /// Keys of low order were accepted until some release between.
    pub(crate) fn refuses_weak_keys(self) -> bool {
        self != Self::Official("0.72.1")
    }

    /// The official library agrees with keys that are not in canonical form, as X25519 may (RFC 7748 §5). We refuse them.
    pub(crate) fn refuses_second_spellings(self) -> bool {
        self == Self::Ours
    }

    fn command(self) -> Command {
        match self {
            Self::Ours => Command::new(ours::peer()),
            Self::Official(release) => {
                let mut command = Command::new("node");
                command.arg("official.mjs").arg(release);
                command.current_dir(install::folder().expect("asked before"));
                command
            }
        }
    }
}

/// Whom a message is to or from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) name: &'static str,
    pub(crate) device_id: u8,
}

impl Address {
    pub(crate) fn json(&self) -> Value {
        json!({ "name": self.name, "deviceId": self.device_id })
    }
}

/// What `encrypt` answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) kind: u64,
    pub(crate) body: Vec<u8>,
}

/// One peer; its process ends with it.
pub(crate) struct Peer {
    pub(crate) software: Software,
    pub(crate) address: Address,
    /// As `create` answered last.
    pub(crate) identity_key: Vec<u8>,
    pub(crate) registration_id: u64,
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    last_id: u64,
}

impl Peer {
    pub(crate) fn start(software: Software, name: &'static str, device_id: u8) -> Self {
        let mut command = software.command();
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("the peer starts");
        Self {
            software,
            address: Address { name, device_id },
            identity_key: Vec::new(),
            registration_id: 0,
            input: process.stdin.take().expect("a pipe"),
            output: BufReader::new(process.stdout.take().expect("a pipe")),
            process,
            last_id: 0,
        }
    }

    /// Asks, and waits for the answer; an error that the peer answers is `Err`.
    pub(crate) fn call(&mut self, command: &str, mut request: Value) -> Result<Value, String> {
        self.last_id += 1;
        request["id"] = json!(self.last_id);
        request["cmd"] = json!(command);
        writeln!(self.input, "{request}").expect("the peer reads");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("the peer answers");
        assert!(!line.is_empty(), "the peer ended at {request}");
        let answer: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(answer["id"], json!(self.last_id), "{answer}");
        match answer.get("error") {
            Some(error) => Err(format!("{command}: {}", error.as_str().unwrap_or("?"))),
            None => {
                assert_eq!(answer["ok"], json!(true), "{answer}");
                Ok(answer)
            }
        }
    }

    /// Forgets everything and makes an identity.
    pub(crate) fn create(&mut self, profile: Profile) -> Result<(), String> {
        let request = json!({ "profile": profile.name(), "name": self.address.name,
            "deviceId": self.address.device_id });
        let answer = self.call("create", request)?;
        self.identity_key = bytes(&answer["identityKey"]);
        self.registration_id = answer["registrationId"].as_u64().expect("a number");
        Ok(())
    }

    pub(crate) fn bundle(&mut self, one_time: bool) -> Result<Value, String> {
        let answer = self.call("bundle", json!({ "oneTime": one_time }))?;
        Ok(answer["bundle"].clone())
    }

    pub(crate) fn process_bundle(
        &mut self,
        remote: &Address,
        bundle: &Value,
    ) -> Result<(), String> {
        let request = json!({ "remote": remote.json(), "bundle": bundle });
        self.call("processBundle", request).map(drop)
    }

    pub(crate) fn encrypt(
        &mut self,
        remote: &Address,
        plaintext: &[u8],
    ) -> Result<Message, String> {
        let request = json!({ "remote": remote.json(), "plaintext": hex(plaintext) });
        let answer = self.call("encrypt", request)?;
        Ok(Message {
            kind: answer["type"].as_u64().expect("a number"),
            body: bytes(&answer["body"]),
        })
    }

    pub(crate) fn decrypt(
        &mut self,
        remote: &Address,
        message: &Message,
    ) -> Result<Vec<u8>, String> {
        let Message { kind, body } = message;
        let request = json!({ "remote": remote.json(), "type": kind, "body": hex(body) });
        Ok(bytes(&self.call("decrypt", request)?["plaintext"]))
    }

    /// A command that answers a body.
    pub(crate) fn body(&mut self, command: &str, request: Value) -> Result<Vec<u8>, String> {
        Ok(bytes(&self.call(command, request)?["body"]))
    }

    pub(crate) fn accept_identity(&mut self, remote: &Address, key: &[u8]) -> Result<(), String> {
        let request = json!({ "remote": remote.json(), "identityKey": hex(key) });
        self.call("acceptIdentity", request).map(drop)
    }

    pub(crate) fn sign(&mut self, message: &[u8]) -> Result<Vec<u8>, String> {
        let answer = self.call("sign", json!({ "message": hex(message) }))?;
        Ok(bytes(&answer["signature"]))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string");
        text
    })
}

/// The bytes of a JSON text in hex.
pub(crate) fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().expect("a text in hex");
    assert!(text.len().is_multiple_of(2), "{text}");
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
    (0..text.len()).step_by(2).map(digit).collect()
}
