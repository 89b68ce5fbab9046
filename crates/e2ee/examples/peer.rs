//! A peer for tests of any implementation against this one: one JSON object per line in, one answer per line out, all byte
//! strings in lower-case hexadecimal.
//!
//! `{"id": …, "cmd": "create", …}` is answered by `{"id": …, "ok": true, …}` or `{"id": …, "error": "…"}`.

#[path = "peer/answers.rs"]
mod answers;
#[path = "peer/fields.rs"]
mod fields;
#[path = "peer/groups.rs"]
mod groups;
#[path = "peer/identity.rs"]
mod identity;
#[path = "peer/safety.rs"]
mod safety;
#[path = "peer/sessions.rs"]
mod sessions;
#[path = "peer/state.rs"]
mod state;

use std::io::{BufRead, Write};

use serde_json::{Value, json};

use answers::{Answer, Failure};
use fields::Fields;
use state::Peer;

fn main() -> std::io::Result<()> {
    let mut peer = None;
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let answer = answer_line(&mut peer, &line);
        writeln!(output, "{answer}")?;
        output.flush()?;
    }
    Ok(())
}

fn answer_line(peer: &mut Option<Peer>, line: &str) -> Value {
    let Ok(request) = serde_json::from_str::<Value>(line) else {
        return json!({ "id": null, "error": "the line is not JSON" });
    };
    let id = request["id"].clone();
    match run(peer, &Fields::of(&request)) {
        Ok(Value::Object(mut answer)) => {
            answer.insert("id".to_owned(), id);
            answer.insert("ok".to_owned(), Value::Bool(true));
            Value::Object(answer)
        }
        Ok(_) => json!({ "id": id, "ok": true }),
        Err(Failure(error)) => json!({ "id": id, "error": error }),
    }
}

fn run(peer: &mut Option<Peer>, request: &Fields<'_>) -> Answer {
    let command = request.command()?;
    if command == "create" {
        let created = Peer::create(request)?;
        let answer = created.introduce();
        *peer = Some(created);
        return Ok(answer);
    }
    let peer = peer
        .as_mut()
        .ok_or_else(|| Failure::new("create a peer first"))?;
    match command {
        "bundle" => sessions::bundle(peer, request),
        "processBundle" => sessions::process_bundle(peer, request),
        "encrypt" => sessions::encrypt(peer, request),
        "decrypt" => sessions::decrypt(peer, request),
        "archive" => sessions::archive(peer, request),
        "acceptIdentity" => identity::accept_identity(peer, request),
        "sign" => identity::sign(peer, request),
        "verify" => identity::verify(request),
        "skdm" => groups::skdm(peer, request),
        "processSkdm" => groups::process_skdm(peer, request),
        "rotateSenderKey" => groups::rotate_sender_key(peer, request),
        "groupEncrypt" => groups::group_encrypt(peer, request),
        "groupDecrypt" => groups::group_decrypt(peer, request),
        "fingerprint" => safety::fingerprint(peer, request),
        "compare" => safety::compare(peer, request),
        "decryptionError" => safety::decryption_error(request),
        "readDecryptionError" => safety::read_decryption_error(request),
        other => Err(Failure(format!("unknown command {other}"))),
    }
}
