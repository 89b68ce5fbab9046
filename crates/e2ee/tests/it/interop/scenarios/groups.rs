//! Sender keys: one message for many.

use serde_json::json;

use crate::interop::peer::{Address, Peer, hex};
use crate::interop::stage::{Side, Stage, text};

const GROUP: &str = "d1d1d1d1-7000-11eb-b32a-33b8a8a487a6";
const OTHER_GROUP: &str = "e2e2e2e2-7000-41eb-b32a-33b8a8a487a6";
const JUMPS_MAX: usize = 25_000;

/// Steps of a member, each one command.
struct Member<'a>(&'a mut Peer);

impl Member<'_> {
    fn skdm(&mut self, group: &str) -> Result<Vec<u8>, String> {
        self.0.body("skdm", json!({ "distributionId": group }))
    }

    fn rotate(&mut self) -> Result<Vec<u8>, String> {
        let request = json!({ "distributionId": GROUP });
        self.0.body("rotateSenderKey", request)
    }

    fn learn(&mut self, sender: &Address, skdm: &[u8]) -> Result<(), String> {
        let request = json!({ "sender": sender.json(), "body": hex(skdm) });
        self.0.call("processSkdm", request).map(drop)
    }

    fn send(&mut self, group: &str, text: &[u8]) -> Result<Vec<u8>, String> {
        let request = json!({ "distributionId": group, "plaintext": hex(text) });
        self.0.body("groupEncrypt", request)
    }

    fn send_numbered(&mut self, count: usize) -> Result<Vec<Vec<u8>>, String> {
        (0..count)
            .map(|number| self.send(GROUP, &text(number)))
            .collect()
    }

    fn open(&mut self, sender: &Address, body: &[u8]) -> Result<Vec<u8>, String> {
        let request = json!({ "sender": sender.json(), "body": hex(body) });
        let answer = self.0.call("groupDecrypt", request)?;
        Ok(crate::interop::peer::bytes(&answer["plaintext"]))
    }

    fn opens(&mut self, sender: &Address, body: &[u8], text: &[u8]) -> bool {
        self.open(sender, body).is_ok_and(|opened| opened == text)
    }
}

fn member(stage: &mut Stage, side: Side) -> Member<'_> {
    Member(stage.pair(side).0)
}

/// The address of a side's peer.
fn address(stage: &mut Stage, side: Side) -> Address {
    stage.pair(side).0.address.clone()
}

/// The two are in each other's group; the sender keys went over their session.
fn begin(stage: &mut Stage) -> Result<(), String> {
    stage.establish()?;
    for from in Side::BOTH {
        let skdm = member(stage, from).skdm(GROUP)?;
        let message = stage.send(from, &skdm)?;
        let arrived = stage.open(from.other(), &message)?;
        let sender = address(stage, from);
        member(stage, from.other()).learn(&sender, &arrived)?;
    }
    Ok(())
}

pub(crate) fn join(stage: &mut Stage) -> Result<(), String> {
    begin(stage)?;
    for from in Side::BOTH {
        let sender = address(stage, from);
        for number in 0..5 {
            let body = member(stage, from).send(GROUP, &text(number))?;
            let opens = member(stage, from.other()).opens(&sender, &body, &text(number));
            let what = format!("message {number} of {from:?} opens");
            stage.checks.that(&what, opens);
        }
        for length in [0, 1, 15, 16, 17, 4096] {
            let long = vec![0x5a; length];
            let body = member(stage, from).send(GROUP, &long)?;
            let opens = member(stage, from.other()).opens(&sender, &body, &long);
            stage
                .checks
                .that(&format!("{length} bytes of {from:?} open"), opens);
        }
        late_joiner(stage, from)?;
    }
    Ok(())
}

/// Carol comes later, and cannot read what was before.
fn late_joiner(stage: &mut Stage, from: Side) -> Result<(), String> {
    let sender = address(stage, from);
    let before = member(stage, from).send(GROUP, b"before")?;
    let result = Member(&mut stage.carol).open(&sender, &before);
    stage
        .checks
        .refused("who has no key of the sender", &result);
    let skdm = member(stage, from).skdm(GROUP)?;
    Member(&mut stage.carol).learn(&sender, &skdm)?;
    let result = Member(&mut stage.carol).open(&sender, &before);
    stage
        .checks
        .refused("who joined later a message of before", &result);
    let after = member(stage, from).send(GROUP, b"after")?;
    let opens = Member(&mut stage.carol).opens(&sender, &after, b"after");
    stage.checks.that("who joined later reads on", opens);
    let opens = member(stage, from.other()).opens(&sender, &after, b"after");
    stage.checks.that("who was there reads on too", opens);
    let opens = member(stage, from.other()).opens(&sender, &before, b"before");
    stage.checks.that("and what is late", opens);
    Ok(())
}

pub(crate) fn order(stage: &mut Stage) -> Result<(), String> {
    begin(stage)?;
    for from in Side::BOTH {
        let sender = address(stage, from);
        let at = from.other();
        let bodies = member(stage, from).send_numbered(20)?;
        let mut order: Vec<usize> = (0..20).collect();
        stage.random.shuffle(&mut order);
        let opened = order
            .iter()
            .filter(|number| member(stage, at).opens(&sender, &bodies[**number], &text(**number)))
            .count();
        stage.checks.same(
            &format!("20 shuffled messages of {from:?} open"),
            opened,
            20,
        );
        for number in [0, 19] {
            let result = member(stage, at).open(&sender, &bodies[number]);
            stage
                .checks
                .refused(&format!("message {number} of {from:?} again"), &result);
        }
        let body = member(stage, from).send(GROUP, b"as it was sent")?;
        let refused = (0..body.len())
            .filter(|place| {
                let mut changed = body.clone();
                changed[*place] ^= 1 << (place % 8);
                member(stage, at).open(&sender, &changed).is_err()
            })
            .count();
        let what = format!("a message of {from:?} with a bit changed, in each byte, refused");
        stage.checks.same(&what, refused, body.len());
        let refused = (0..body.len())
            .filter(|length| member(stage, at).open(&sender, &body[..*length]).is_err())
            .count();
        stage
            .checks
            .same("and cut short, at each length", refused, body.len());
        let other = address(stage, at);
        let result = member(stage, at).open(&other, &body);
        stage
            .checks
            .refused("it under another sender's name", &result);
        let opens = member(stage, at).opens(&sender, &body, b"as it was sent");
        stage.checks.that("it then opens unchanged", opens);
        let other_group = member(stage, from).skdm(OTHER_GROUP)?;
        let body = member(stage, from).send(OTHER_GROUP, b"elsewhere")?;
        let result = member(stage, at).open(&sender, &body);
        stage
            .checks
            .refused("a message of a group without its key", &result);
        member(stage, at).learn(&sender, &other_group)?;
        let opens = member(stage, at).opens(&sender, &body, b"elsewhere");
        stage.checks.that("each group has its own chain", opens);
    }
    Ok(())
}

pub(crate) fn limits(stage: &mut Stage) -> Result<(), String> {
    begin(stage)?;
    for from in Side::BOTH {
        let sender = address(stage, from);
        let at = from.other();
        let bodies = member(stage, from).send_numbered(2_051)?;
        for (number, opens_now) in [
            (1_000, true),
            (0, true),
            (999, true),
            (2_050, true),
            // 2,049 keys were kept beside those three that were used, of which the oldest went.
            (1, false),
            (2_049, true),
        ] {
            let opens = member(stage, at).opens(&sender, &bodies[number], &text(number));
            let verb = if opens_now { "opens" } else { "is forgotten" };
            let what = format!("message {number} of {from:?} {verb}");
            stage.checks.same(&what, opens, opens_now);
        }
    }
    Ok(())
}

/// A message 25,000 ahead is followed, one further not.
pub(crate) fn jumps(stage: &mut Stage) -> Result<(), String> {
    begin(stage)?;
    let sender = address(stage, Side::Alice);
    let bodies = member(stage, Side::Alice).send_numbered(JUMPS_MAX + 2)?;
    let number = JUMPS_MAX + 1;
    let far = member(stage, Side::Bob).open(&sender, &bodies[number]);
    stage
        .checks
        .refused("a group message more than 25,000 ahead", &far);
    let opens = member(stage, Side::Bob).opens(&sender, &bodies[JUMPS_MAX], &text(JUMPS_MAX));
    stage
        .checks
        .that("a group message 25,000 ahead opens", opens);
    Ok(())
}

/// Bob leaves Alice's group: her key changes, and only who stays learns the new one.
pub(crate) fn rotation(stage: &mut Stage) -> Result<(), String> {
    begin(stage)?;
    for from in Side::BOTH {
        let sender = address(stage, from);
        let at = from.other();
        let mut late = Vec::new();
        let first = member(stage, from).skdm(GROUP)?;
        Member(&mut stage.carol).learn(&sender, &first)?;
        late.push(member(stage, from).send(GROUP, b"of key 0")?);
        let rotated = member(stage, from).rotate()?;
        Member(&mut stage.carol).learn(&sender, &rotated)?;
        let body = member(stage, from).send(GROUP, b"without you")?;
        let result = member(stage, at).open(&sender, &body);
        stage
            .checks
            .refused("who left what follows the rotation", &result);
        let opens = Member(&mut stage.carol).opens(&sender, &body, b"without you");
        stage.checks.that("who stayed reads on", opens);
        // Four keys further the first is one of five, with a fifth it is forgotten.
        for key in 2..=4 {
            let rotated = member(stage, from).rotate()?;
            Member(&mut stage.carol).learn(&sender, &rotated)?;
            let text = format!("of key {key}");
            late.push(member(stage, from).send(GROUP, text.as_bytes())?);
        }
        let opens = Member(&mut stage.carol).opens(&sender, &late[0], b"of key 0");
        stage
            .checks
            .that("a late message of the fifth key from the last opens", opens);
        let second = member(stage, from).send(GROUP, b"of key 4 too")?;
        let rotated = member(stage, from).rotate()?;
        Member(&mut stage.carol).learn(&sender, &rotated)?;
        let body = member(stage, from).send(GROUP, b"of key 5")?;
        let opens = Member(&mut stage.carol).opens(&sender, &second, b"of key 4 too");
        stage
            .checks
            .that("what is late of the key before opens", opens);
        let opens = Member(&mut stage.carol).opens(&sender, &body, b"of key 5");
        stage.checks.that("the newest opens", opens);
        let result = Member(&mut stage.carol).open(&sender, &late[0]);
        stage
            .checks
            .refused("what was read and whose key is forgotten", &result);
        relearned(stage, from)?;
    }
    Ok(())
}

/// A distribution message that comes twice does not turn a chain back.
fn relearned(stage: &mut Stage, from: Side) -> Result<(), String> {
    let sender = address(stage, from);
    let at = from.other();
    let skdm = member(stage, from).skdm(GROUP)?;
    member(stage, at).learn(&sender, &skdm)?;
    let body = member(stage, from).send(GROUP, b"once")?;
    let opens = member(stage, at).opens(&sender, &body, b"once");
    stage.checks.that("who comes back reads on", opens);
    member(stage, at).learn(&sender, &skdm)?;
    let result = member(stage, at).open(&sender, &body);
    stage
        .checks
        .refused("a message again after its key came again", &result);
    for (what, bad) in [
        ("no bytes", Vec::new()),
        ("a cut one", skdm[..skdm.len() - 1].to_vec()),
        ("one of a later version", [&[0x44], &skdm[1..]].concat()),
    ] {
        let result = member(stage, at).learn(&sender, &bad);
        stage
            .checks
            .refused(&format!("{what} as distribution message"), &result);
    }
    Ok(())
}
