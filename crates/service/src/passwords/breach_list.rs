//! A list of passwords that leaked, as a file that is looked into and never read whole.
//!
//! The file: [`MAGIC`], the number of entries before each of 65,536 groups and that of all (65,537 little-endian `u64`), then
//! the entries. A password's group is the first two bytes of its SHA-1; its entry the four that follow, in order within the
//! group. So a look-up is two reads of a few kilobytes, and of a list of a billion one good password in 280,000 is taken
//! for one of it: its user chooses another.

use keyward_crypto::{BREACH_DIGEST_BYTES, breach_digest};
use keyward_model::Password;
use std::fs::File;
use std::io::{self, BufRead, BufWriter, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// What such a file begins with; the number is that of its form.
const MAGIC: &[u8; 8] = b"KWBREAC1";
const GROUPS: usize = 65_536;
const ENTRY_BYTES: u64 = 4;
const INDEX_AT: u64 = MAGIC.len() as u64;
const ENTRIES_AT: u64 = INDEX_AT + (GROUPS as u64 + 1) * 8;

/// The digest of a password, as public lists have it.
type BreachDigest = [u8; BREACH_DIGEST_BYTES];

/// A list that was opened.
#[derive(Debug)]
pub struct BreachList {
    file: File,
    count: u64,
}

/// Why a list was not opened or made.
#[derive(Debug, thiserror::Error)]
pub enum BreachListError {
    /// The file is no list, or a part of one.
    #[error("not a list that `keyward breach-list build` made, or not all of it")]
    NotAList,
    /// A line is not of its form.
    #[error("line {line}: {problem}")]
    Line {
        /// Which, from 1.
        line: u64,
        /// What is wrong.
        problem: &'static str,
    },
    /// The file could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What the lines of a downloaded file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreachSource {
    /// SHA-1 in hexadecimal, in order, each with `:` and how often it was seen, or without.
    Sha1,
    /// Passwords, in any order.
    Plain,
}

impl BreachList {
    /// Opens a list.
    ///
    /// # Errors
    /// [`BreachListError::NotAList`], [`BreachListError::Io`].
    pub fn open(path: &Path) -> Result<Self, BreachListError> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut magic = [0; MAGIC.len()];
        let read = file.read_exact_at(&mut magic, 0);
        if length < ENTRIES_AT || read.is_err() || magic != *MAGIC {
            return Err(BreachListError::NotAList);
        }
        let count = read_number(&file, INDEX_AT + GROUPS as u64 * 8)?;
        let whole = count
            .checked_mul(ENTRY_BYTES)
            .and_then(|bytes| bytes.checked_add(ENTRIES_AT));
        match whole == Some(length) {
            true => Ok(Self { file, count }),
            false => Err(BreachListError::NotAList),
        }
    }

    /// How many passwords are on it.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether the password is on it.
    ///
    /// # Errors
    /// [`BreachListError::Io`]; [`BreachListError::NotAList`] if its parts contradict each other.
    pub fn contains(&self, password: &Password) -> Result<bool, BreachListError> {
        let (group, entry) = place_of(&breach_digest(password));
        let at = INDEX_AT + group as u64 * 8;
        let (from, to) = (
            read_number(&self.file, at)?,
            read_number(&self.file, at + 8)?,
        );
        if from > to || to > self.count {
            return Err(BreachListError::NotAList);
        }
        let bytes = usize::try_from((to - from) * ENTRY_BYTES);
        let mut entries = vec![0; bytes.map_err(|_| BreachListError::NotAList)?];
        let at = ENTRIES_AT + from * ENTRY_BYTES;
        self.file.read_exact_at(&mut entries, at)?;
        let (entries, _) = entries.as_chunks::<{ ENTRY_BYTES as usize }>();
        Ok(entries.binary_search(&entry).is_ok())
    }
}

/// Makes a list of a downloaded file's lines; how many passwords are on it. What was seen less often than `seen_min` is left
/// out. `output` is written from its beginning, and whole only if this succeeds.
///
/// # Errors
/// [`BreachListError::Line`], [`BreachListError::Io`].
pub fn build_breach_list(
    input: impl BufRead,
    output: &mut File,
    (source, seen_min): (BreachSource, u64),
) -> Result<u64, BreachListError> {
    output.set_len(0)?;
    output.seek(SeekFrom::Start(ENTRIES_AT))?;
    let mut writer = Writer {
        output: BufWriter::with_capacity(1 << 20, &mut *output),
        before: vec![0; GROUPS + 1],
        last: None,
    };
    match source {
        BreachSource::Sha1 => from_digests(input, seen_min, &mut writer)?,
        BreachSource::Plain => from_passwords(input, &mut writer)?,
    }
    let index = writer.finish()?;
    let count = index[GROUPS];
    let index: Vec<u8> = index.into_iter().flat_map(u64::to_le_bytes).collect();
    // Last: a file without it is no list.
    output.write_all_at(&index, INDEX_AT)?;
    output.write_all_at(MAGIC, 0)?;
    output.sync_all()?;
    Ok(count)
}

/// What takes entries in their order.
struct Writer<W: Write> {
    output: W,
    /// How many entries of each group, by the group that follows.
    before: Vec<u64>,
    last: Option<(usize, [u8; 4])>,
}

impl<W: Write> Writer<W> {
    /// Whether it came in order.
    fn add(&mut self, digest: &BreachDigest) -> io::Result<bool> {
        let place = place_of(digest);
        match self.last {
            Some(last) if place < last => return Ok(false),
            Some(last) if place == last => return Ok(true),
            _ => self.last = Some(place),
        }
        self.before[place.0 + 1] += 1;
        self.output.write_all(&place.1)?;
        Ok(true)
    }

    fn finish(mut self) -> io::Result<Vec<u64>> {
        self.output.flush()?;
        for group in 0..GROUPS {
            self.before[group + 1] += self.before[group];
        }
        Ok(self.before)
    }
}

fn from_digests<W: Write>(
    input: impl BufRead,
    seen_min: u64,
    writer: &mut Writer<W>,
) -> Result<(), BreachListError> {
    for (line, text) in (1..).zip(input.lines()) {
        let wrong = |problem| BreachListError::Line { line, problem };
        let text = text?;
        let (hex, seen) = text
            .trim_end()
            .split_once(':')
            .unwrap_or((text.trim_end(), ""));
        let digest = digest_of(hex).ok_or(wrong("not the SHA-1 of a password in hexadecimal"))?;
        let seen: u64 = match seen {
            "" => u64::MAX,
            number => number
                .parse()
                .map_err(|_| wrong("not a number behind the colon"))?,
        };
        if seen >= seen_min && !writer.add(&digest)? {
            return Err(wrong(
                "not in the order of the digests: sort the file first",
            ));
        }
    }
    Ok(())
}

fn from_passwords<W: Write>(
    input: impl BufRead,
    writer: &mut Writer<W>,
) -> Result<(), BreachListError> {
    let mut digests = Vec::new();
    for text in input.split(b'\n') {
        let text = text?;
        let text = String::from_utf8_lossy(text.strip_suffix(b"\r").unwrap_or(&text));
        // What is longer than a password may be nobody has.
        if let Ok(password) = Password::presented(&text)
            && !text.is_empty()
        {
            digests.push(breach_digest(&password));
        }
    }
    digests.sort_unstable();
    for digest in &digests {
        writer.add(digest)?;
    }
    Ok(())
}

fn place_of(digest: &BreachDigest) -> (usize, [u8; 4]) {
    let [one, two, three, four, five, six, ..] = *digest;
    let group = usize::from(u16::from_be_bytes([one, two]));
    (group, [three, four, five, six])
}

fn digest_of(hex: &str) -> Option<BreachDigest> {
    let (pairs, []) = hex.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let mut digest = [0; BREACH_DIGEST_BYTES];
    if pairs.len() != digest.len() {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(pairs) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    Some(digest)
}

fn read_number(file: &File, at: u64) -> io::Result<u64> {
    let mut bytes = [0; 8];
    file.read_exact_at(&mut bytes, at)?;
    Ok(u64::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests;
