//! A backup as one file: a tar archive, so that any system can look into it without Keyward.
//!
//! Its members, in this order: `manifest.json`; `manifest.hmac`, which vouches for the manifest; `keyward.db`; and, where it
//! was asked for, `root.key`. The manifest comes first, so that what a file is can be told from its first kilobyte. Nothing
//! is compressed: what is sealed does not shrink, and the rest is for a tool of the operator's choice.

use keyward_crypto::{Sha256, backup_tag, is_backup_tag, root_key_from_text, root_key_to_text};
use keyward_model::{Digest, RootKeySecret, Timestamp};
use keyward_store::CopyFacts;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use tar::{Builder, Entry, EntryType, Header};
use zeroize::Zeroizing;

/// The version of the form that is written, and the only one that is read.
const FORMAT_VERSION: u32 = 1;
const MANIFEST: &str = "manifest.json";
const TAG: &str = "manifest.hmac";
const DATABASE: &str = "keyward.db";
const ROOT_KEY: &str = "root.key";
/// The longest member beside the database, in bytes.
const SMALL_BYTES_MAX: u64 = 64 * 1_024;
/// Two blocks of zeros end a tar archive.
const END_BYTES: u64 = 1_024;
const BLOCK_BYTES: u64 = 512;

/// What a backup says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    format: Format,
    format_version: u32,
    /// The version of the Keyward that made it.
    pub(crate) keyward_version: String,
    /// All that was committed before this moment is in it.
    pub(crate) created_at: Timestamp,
    engine: Engine,
    /// The last migration of the database.
    pub(crate) migration: String,
    /// The id of the root key that the database was sealed under.
    pub(crate) root_key_id: String,
    contains_root_key: bool,
    pub(crate) database_bytes: u64,
    database_sha256: String,
    pub(crate) tenants: u64,
    pub(crate) users: u64,
    pub(crate) sessions: u64,
    pub(crate) audit_events: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Format {
    #[serde(rename = "keyward-backup")]
    KeywardBackup,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Engine {
    Sqlite,
}

/// A backup that was read to its end.
pub(crate) struct Archive {
    pub(crate) manifest: Manifest,
    manifest_text: Vec<u8>,
    tag: Vec<u8>,
    root_key: Option<RootKeySecret>,
}

/// A file that is no backup, or no whole one.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    #[error("this is no backup of Keyward: {0}")]
    Foreign(String),
    #[error(
        "the backup is of format version {0}, which this Keyward does not know: use a newer one"
    )]
    Newer(u64),
    #[error("the backup is damaged or cut short: {0}")]
    Damaged(String),
    #[error(
        "the backup was not made under this root key, or was changed since: its manifest is not vouched for"
    )]
    NotVouchedFor,
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl Manifest {
    /// Describes a copy of a database. Leaves `database` at its start.
    pub(crate) fn of(
        database: &mut File,
        facts: CopyFacts,
        created_at: Timestamp,
        contains_root_key: bool,
    ) -> std::io::Result<Self> {
        database.seek(SeekFrom::Start(0))?;
        let mut sum = Summing::new(std::io::sink());
        std::io::copy(database, &mut sum)?;
        database.seek(SeekFrom::Start(0))?;
        let (database_bytes, digest) = sum.finish();
        Ok(Self {
            format: Format::KeywardBackup,
            format_version: FORMAT_VERSION,
            keyward_version: env!("CARGO_PKG_VERSION").to_owned(),
            created_at,
            engine: Engine::Sqlite,
            migration: facts.migration,
            root_key_id: facts.root_key_id,
            contains_root_key,
            database_bytes,
            database_sha256: digest.hex(),
            tenants: facts.tenants,
            users: facts.users,
            sessions: facts.sessions,
            audit_events: facts.audit_events,
        })
    }

    /// What an examination of the database must find again.
    pub(crate) fn facts(&self) -> CopyFacts {
        CopyFacts {
            migration: self.migration.clone(),
            root_key_id: self.root_key_id.clone(),
            tenants: self.tenants,
            users: self.users,
            sessions: self.sessions,
            audit_events: self.audit_events,
        }
    }
}

/// Writes a backup of `database` to `file`, durably.
pub(crate) fn write(
    file: &File,
    manifest: &Manifest,
    database: &mut File,
    root_key: &RootKeySecret,
) -> Result<(), ArchiveError> {
    let text = serde_json::to_vec_pretty(manifest).map_err(std::io::Error::from)?;
    let tag = backup_tag(root_key, &text).hex();
    let mut builder = Builder::new(file);
    append(
        &mut builder,
        manifest,
        (MANIFEST, text.len() as u64),
        &mut text.as_slice(),
    )?;
    append(
        &mut builder,
        manifest,
        (TAG, tag.len() as u64),
        &mut tag.as_bytes(),
    )?;
    append(
        &mut builder,
        manifest,
        (DATABASE, manifest.database_bytes),
        database,
    )?;
    if manifest.contains_root_key {
        let line = root_key_to_text(root_key);
        append(
            &mut builder,
            manifest,
            (ROOT_KEY, line.len() as u64),
            &mut line.as_bytes(),
        )?;
    }
    builder.into_inner()?.sync_all()?;
    Ok(())
}

fn append(
    builder: &mut Builder<&File>,
    manifest: &Manifest,
    (name, bytes): (&str, u64),
    content: &mut dyn Read,
) -> std::io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o600);
    header.set_size(bytes);
    header.set_mtime(u64::try_from(manifest.created_at.seconds()).unwrap_or_default());
    builder.append_data(&mut header, name, content)
}

/// Reads a backup to its end, puts its database into `database`, and checks every member against the manifest.
pub(crate) fn unpack(path: &Path, database: &mut dyn Write) -> Result<Archive, ArchiveError> {
    let file = File::open(path).map_err(|error| {
        std::io::Error::new(
            error.kind(),
            format!("cannot read {}: {error}", path.display()),
        )
    })?;
    let file_bytes = file.metadata()?.len();
    let mut tar = tar::Archive::new(file);
    let mut members = tar.entries()?;
    let mut end = 0;
    let mut next = |name: &str| -> Result<Entry<'_, File>, ArchiveError> {
        let found = members.next().transpose().map_err(damaged)?;
        let found = found.ok_or_else(|| damaged(format!("{name} is not in it")))?;
        if found.path_bytes() != name.as_bytes()
            || found.header().entry_type() != EntryType::Regular
        {
            return Err(damaged(format!("{name} is not where it should be")));
        }
        end = found.raw_file_position() + found.size().next_multiple_of(BLOCK_BYTES);
        Ok(found)
    };
    let manifest_text = read_small(&mut next(MANIFEST).map_err(foreign)?)?;
    let manifest = parse(&manifest_text)?;
    let tag = from_hex(&read_small(&mut next(TAG)?)?);
    read_database(&mut next(DATABASE)?, &manifest, database)?;
    let root_key = match manifest.contains_root_key {
        true => Some(read_root_key(&mut next(ROOT_KEY)?)?),
        false => None,
    };
    match end + END_BYTES == file_bytes {
        true => Ok(Archive {
            manifest,
            manifest_text,
            tag: tag.ok_or_else(|| damaged(format!("{TAG} is not of its form")))?,
            root_key,
        }),
        false => Err(damaged("it does not end where it should")),
    }
}

impl Archive {
    /// The root key that is inside, if it is.
    pub(crate) fn root_key(&self) -> Option<&RootKeySecret> {
        self.root_key.as_ref()
    }

    /// Checks that whoever wrote the manifest had this root key.
    pub(crate) fn check_tag(&self, root_key: &RootKeySecret) -> Result<(), ArchiveError> {
        match is_backup_tag(root_key, &self.manifest_text, &self.tag) {
            true => Ok(()),
            false => Err(ArchiveError::NotVouchedFor),
        }
    }
}

fn parse(text: &[u8]) -> Result<Manifest, ArchiveError> {
    let value: serde_json::Value = serde_json::from_slice(text).map_err(foreign)?;
    if value["format"] != "keyward-backup" {
        return Err(foreign("its manifest names another format"));
    }
    match value["format_version"].as_u64() {
        Some(version) if version > u64::from(FORMAT_VERSION) => Err(ArchiveError::Newer(version)),
        _ => serde_json::from_value(value).map_err(damaged),
    }
}

fn read_small(member: &mut Entry<'_, File>) -> Result<Vec<u8>, ArchiveError> {
    let mut bytes = Vec::new();
    let size = member.size();
    if size > SMALL_BYTES_MAX {
        return Err(damaged("a member is longer than it may be"));
    }
    member.read_to_end(&mut bytes).map_err(damaged)?;
    match bytes.len() as u64 == size {
        true => Ok(bytes),
        false => Err(damaged("it ends early")),
    }
}

fn read_database(
    member: &mut Entry<'_, File>,
    manifest: &Manifest,
    database: &mut dyn Write,
) -> Result<(), ArchiveError> {
    let mut sum = Summing::new(database);
    std::io::copy(member, &mut sum)?;
    let (bytes, digest) = sum.finish();
    if bytes != manifest.database_bytes {
        return Err(damaged(format!(
            "its database has {bytes} bytes, and {} were written",
            manifest.database_bytes
        )));
    }
    match digest.hex() == manifest.database_sha256 {
        true => Ok(()),
        false => Err(damaged(
            "the SHA-256 of its database is not that of the manifest",
        )),
    }
}

fn read_root_key(member: &mut Entry<'_, File>) -> Result<RootKeySecret, ArchiveError> {
    let bytes = Zeroizing::new(read_small(member)?);
    let text = std::str::from_utf8(&bytes).map_err(damaged)?;
    root_key_from_text(text).map_err(|error| damaged(format!("its root key: {error}")))
}

/// Sums up what passes through.
struct Summing<W> {
    inner: W,
    bytes: u64,
    digest: Sha256,
}

impl<W: Write> Summing<W> {
    fn new(inner: W) -> Self {
        Self {
            inner,
            bytes: 0,
            digest: Sha256::new(),
        }
    }

    fn finish(self) -> (u64, Digest) {
        (self.bytes, self.digest.finish())
    }
}

impl<W: Write> Write for Summing<W> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.digest.update(buffer.get(..count).unwrap_or_default());
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
    }
}

fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let byte = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(byte).collect()
}

fn damaged(reason: impl std::fmt::Display) -> ArchiveError {
    ArchiveError::Damaged(reason.to_string())
}

fn foreign(reason: impl std::fmt::Display) -> ArchiveError {
    ArchiveError::Foreign(reason.to_string())
}
