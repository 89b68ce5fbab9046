//! Writes inputs to begin with, for all targets: `seeds FOLDER`. They are messages, bundles and states as they should be, and
//! conversations in good order, so that the fuzzer does not have to find its way past signatures and MACs by itself.

// The instrumentation of the library calls into it.
use libfuzzer_sys as _;

use keyward_e2ee::CiphertextKind;
use keyward_e2ee_fuzz::samples::scene;
use keyward_e2ee_fuzz::spqr_arrivals;
use keyward_e2ee_fuzz::world::{KINDS, exchanges, pair, pairs};
use std::path::Path;
use std::{env, fs, io};

type Inputs = Vec<Vec<u8>>;

fn main() -> io::Result<()> {
    let folder = env::args_os().nth(1).expect("a folder");
    let all: [(&str, Inputs); 9] = [
        ("bundle", bundle()),
        ("group", vec![group()]),
        ("parsers", parsers()),
        ("session_message", session_message()),
        ("session_network", session_network()),
        ("spqr_network", spqr_network()),
        ("spqr_receive", spqr_receive()),
        ("spqr_state", spqr_state()),
        ("stored", stored()),
    ];
    for (target, inputs) in all {
        let corpus = Path::new(&folder).join(target).join("corpus");
        fs::create_dir_all(&corpus)?;
        for (number, input) in inputs.iter().enumerate() {
            fs::write(corpus.join(format!("seed-{number}")), input)?;
        }
    }
    Ok(())
}

/// Each thing that is changed, in each kind of bundle: the first byte overwritten by another.
fn bundle() -> Inputs {
    let changes = (0..6).flat_map(|what| (0..6).map(move |scene| (what, scene)));
    changes
        .map(|(what, scene)| vec![0, scene / 2, scene % 2, what, 0, 0, 0, 1, 2, 0x77])
        .collect()
}

/// Keys given out and rotated, messages delivered in order and late.
fn group() -> Vec<u8> {
    let mut steps = Vec::new();
    for _ in 0..3 {
        steps.extend([0, 1, 3, 3, 3]);
        for letter in [2, 0, 1] {
            steps.extend([5, 0, letter]);
        }
    }
    steps
}

/// Any sample may be changed anywhere.
fn parsers() -> Inputs {
    let samples = scene().samples.iter();
    samples.map(|sample| [&[0], &sample[..]].concat()).collect()
}

fn session_message() -> Inputs {
    let mut inputs = Vec::new();
    for (number, exchange) in exchanges().iter().enumerate() {
        for message in &exchange.messages {
            let kind = u8::from(message.kind == CiphertextKind::PreKey);
            let choices = [0, number as u8, 0x80 | kind];
            inputs.push([&choices[..], &message.body].concat());
        }
    }
    inputs
}

/// From every beginning: an orderly conversation, then sessions begun by both at once.
fn session_network() -> Inputs {
    let conversation = |beginning: usize| {
        let mut steps = vec![0, beginning as u8];
        for turn in 0..30 {
            let (from, to) = (turn % 2, 1 - turn % 2);
            steps.extend([from, to | 7 << 1, 0, turn / 2]);
        }
        steps.extend([3 << 1, 1 | 3 << 1 | 0x10, 0, 1, 1 | 7 << 1, 0, 15]);
        steps.extend([7 << 1, 0, 15, 4 << 1, 0, 1 | 7 << 1, 0, 16]);
        steps
    };
    (0..pairs().len()).map(conversation).collect()
}

/// By turns over some epochs; bursts; with loss.
fn spqr_network() -> Inputs {
    let exchange = |burst: u8, lost: bool| {
        let mut steps = Vec::new();
        for turn in 0..400 {
            let (from, to) = (turn % 2, 1 - turn % 2);
            steps.push(from as u8 | burst << 3);
            if lost && turn % 3 == 0 {
                steps.push(to as u8 | 1 << 1);
            }
            steps.push(to as u8 | 2 << 1 | burst << 3);
        }
        steps
    };
    vec![exchange(0, false), exchange(3, false), exchange(1, true)]
}

fn spqr_receive() -> Inputs {
    let arrivals = spqr_arrivals().iter().enumerate();
    arrivals
        .map(|(number, arrival)| [&[number as u8], &arrival.message[..]].concat())
        .collect()
}

fn spqr_state() -> Inputs {
    let arrivals = spqr_arrivals().iter().step_by(7);
    arrivals
        .map(|arrival| [&[0], &arrival.state[..]].concat())
        .collect()
}

fn stored() -> Inputs {
    let parties = KINDS.into_iter().flat_map(|kind| pair(kind, true, 3));
    let stored = parties.flat_map(|party| party.stored());
    stored
        .map(|(_, bytes)| [&[0, 0, 0], &bytes[..]].concat())
        .collect()
}
