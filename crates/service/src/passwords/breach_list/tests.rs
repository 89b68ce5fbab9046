//! Lists that are made, and looked into.

use super::{BreachList, BreachListError, BreachSource, build_breach_list};
use keyward_crypto::breach_digest;
use keyward_model::Password;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A file that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let file = format!("keyward-breach-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(file))
    }

    fn build(&self, input: &str, what: (BreachSource, u64)) -> Result<u64, BreachListError> {
        let mut output = File::create(&self.0)?;
        build_breach_list(input.as_bytes(), &mut output, what)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn password(text: &str) -> Password {
    Password::presented(text).unwrap()
}

fn hex(text: &str) -> String {
    let digest = breach_digest(&password(text));
    digest.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn open(path: &Path) -> BreachList {
    BreachList::open(path).unwrap()
}

#[test]
fn asvs_v6_2_12_a_list_has_what_it_was_made_of_and_nothing_else() {
    let scratch = Scratch::new("plain");
    let words: Vec<String> = (0..5_000)
        .map(|number| format!("leaked {number}"))
        .collect();
    let input = words.join("\r\n") + "\n\nleaked 7\n";
    assert_eq!(
        scratch.build(&input, (BreachSource::Plain, 0)).unwrap(),
        5_000
    );
    let list = open(&scratch.0);
    assert_eq!(list.count(), 5_000);
    for word in &words {
        assert!(list.contains(&password(word)).unwrap(), "{word}");
    }
    for number in 5_000..10_000 {
        let word = password(&format!("leaked {number}"));
        assert!(!list.contains(&word).unwrap());
    }
    assert!(!list.contains(&password("")).unwrap());
}

#[test]
fn digests_in_order_are_taken_with_how_often_they_were_seen() {
    let scratch = Scratch::new("sha1");
    let mut lines: Vec<String> = (0..100)
        .map(|number| format!("{}:{number}", hex(&number.to_string())))
        .collect();
    lines.sort();
    let input = lines.join("\r\n");
    assert_eq!(scratch.build(&input, (BreachSource::Sha1, 40)).unwrap(), 60);
    let list = open(&scratch.0);
    for number in 0..100 {
        let found = list.contains(&password(&number.to_string())).unwrap();
        assert_eq!(found, number >= 40);
    }
    let bare: String = lines
        .iter()
        .map(|line| line[..40].to_lowercase() + "\n")
        .collect();
    assert_eq!(scratch.build(&bare, (BreachSource::Sha1, 40)).unwrap(), 100);
}

#[test]
fn a_line_that_is_not_of_its_form_is_named() {
    let scratch = Scratch::new("bad");
    let good = hex("a");
    for (input, expected) in [
        (format!("{good}\n{}\n", &good[1..]), "line 2: not the SHA-1"),
        (format!("{good}0\n"), "line 1: not the SHA-1"),
        (format!("{}g:1\n", &good[..39]), "line 1: not the SHA-1"),
        (format!("{good}:many\n"), "line 1: not a number"),
        (
            "FF".repeat(20) + "\n" + &"00".repeat(20),
            "line 2: not in the order",
        ),
    ] {
        let refused = scratch.build(&input, (BreachSource::Sha1, 0)).unwrap_err();
        assert!(refused.to_string().starts_with(expected), "{refused}");
    }
}

#[test]
fn what_is_no_list_or_a_part_of_one_is_not_opened() {
    let scratch = Scratch::new("part");
    scratch
        .build("one\ntwo\nthree\n", (BreachSource::Plain, 0))
        .unwrap();
    let whole = std::fs::read(&scratch.0).unwrap();
    let mut other_magic = whole.clone();
    other_magic[7] = b'9';
    let longer = [whole.as_slice(), b"x"].concat();
    for bad in [
        &[][..],
        b"KWBREAC1",
        &whole[..whole.len() - 1],
        &longer,
        &other_magic,
    ] {
        let mut file = File::create(&scratch.0).unwrap();
        file.write_all(bad).unwrap();
        let refused = BreachList::open(&scratch.0).unwrap_err();
        assert!(matches!(refused, BreachListError::NotAList));
    }
    // An index that contradicts itself is an error, not a wrong answer.
    let mut lying = whole;
    let group = usize::from(u16::from_be_bytes([
        breach_digest(&password("one"))[0],
        breach_digest(&password("one"))[1],
    ]));
    lying[8 + group * 8..16 + group * 8].copy_from_slice(&u64::MAX.to_le_bytes());
    std::fs::write(&scratch.0, lying).unwrap();
    let refused = open(&scratch.0).contains(&password("one")).unwrap_err();
    assert!(matches!(refused, BreachListError::NotAList));
}
