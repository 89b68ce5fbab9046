//! `keyward backup --to FILE`, `keyward backup verify FILE`

use super::report;
use crate::ambient::SystemClock;
use crate::archive::{self, Archive, Manifest};
use crate::command_line::{Backup, BackupVerify, Global};
use crate::config::Config;
use crate::data_folder::{DataFolder, read_root_key};
use crate::failure::Failure;
use keyward_model::{Clock, RootKeySecret};
use keyward_service::RootKey;
use keyward_store::{copy_sqlite, examine_sqlite};
use serde_json::{Value, json};
use std::fs::File;
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// How the drafts begin that stand beside a backup until it is whole.
const DRAFT: &str = ".keyward-backup-";

pub(super) async fn run(config: &Config, what: Backup, global: &Global) -> Result<(), Failure> {
    let (line, object) = match (what.verify, what.to) {
        (Some(BackupVerify::Verify { file, root_key }), _) => {
            off_thread(move || verify(&file, root_key.as_deref())).await?
        }
        (None, Some(file)) => {
            let folder = folder_of_sqlite(config)?;
            off_thread(move || back_up(&folder, &file, what.with_root_key)).await?
        }
        (None, None) => return Err(Failure::Usage("--to FILE is needed".to_owned())),
    };
    report(global, &line, object)
}

fn folder_of_sqlite(config: &Config) -> Result<DataFolder, Failure> {
    match config.database.url.get() {
        None => Ok(DataFolder::existing(&config.data)?),
        Some(_) => Err(Failure::Failed(
            "the data is in PostgreSQL, which has tools of its own for this: see \"Backup on PostgreSQL\" in \
             docs/operations.md"
                .to_owned(),
        )),
    }
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Failure::of)?
}

fn back_up(
    folder: &DataFolder,
    file: &Path,
    with_root_key: bool,
) -> Result<(String, Value), Failure> {
    let target = Target::new(file)?;
    let root_key = folder.read_root_key()?.ok_or_else(|| {
        Failure::Failed(format!(
            "there is no root key at {}",
            folder.root_key().display()
        ))
    })?;
    let created_at = SystemClock::start().now();
    let mut copy = target.draft()?;
    copy_sqlite(&folder.database(), copy.path())?;
    let facts = examine_sqlite(copy.path())?;
    if facts.root_key_id != id_of(&root_key)? {
        return Err(Failure::Failed(format!(
            "{} is not the key that the database was sealed under",
            folder.root_key().display()
        )));
    }
    let manifest = Manifest::of(copy.as_file_mut(), facts, created_at, with_root_key)?;
    let draft = target.draft()?;
    archive::write(draft.as_file(), &manifest, copy.as_file_mut(), &root_key)
        .map_err(Failure::of)?;
    drop(copy);
    // What was written is read once more: only what comes back whole gets its name.
    let written = archive::unpack(draft.path(), &mut std::io::sink()).map_err(Failure::of)?;
    written.check_tag(&root_key).map_err(Failure::of)?;
    target.keep(draft)?;
    let mut line = format!("Backed up to {}: {}.", file.display(), summary(&manifest));
    line.push_str(&match with_root_key {
        true => "\nThe root key is inside: whoever has this file has everything.".to_owned(),
        false => format!(
            "\nThe root key is not inside, and without it the backup is of no use: keep a copy of {} in another place.",
            folder.root_key().display()
        ),
    });
    Ok((line, object("backed_up", file, &manifest)))
}

fn verify(file: &Path, root_key: Option<&Path>) -> Result<(String, Value), Failure> {
    let given = root_key.map(required_root_key).transpose()?;
    let mut copy = Target::beside(file)?.draft()?;
    let archive = archive::unpack(file, copy.as_file_mut()).map_err(Failure::of)?;
    let key = examine(&archive, copy.path(), given.as_ref())?;
    let vouched = match key {
        Some(_) => "made under this root key and not changed since",
        None => "whole; with --root-key FILE it is checked too that nobody changed it",
    };
    let line = format!(
        "The backup is good ({vouched}): {}.",
        summary(&archive.manifest)
    );
    let mut object = object("good", file, &archive.manifest);
    object["authenticated"] = json!(key.is_some());
    Ok((line, object))
}

/// Examines what came out of an archive; gives the root key that vouches for it, if one was inside or given.
pub(super) fn examine<'a>(
    archive: &'a Archive,
    database: &Path,
    given: Option<&'a RootKeySecret>,
) -> Result<Option<&'a RootKeySecret>, Failure> {
    let facts = examine_sqlite(database)?;
    if facts != archive.manifest.facts() {
        return Err(Failure::Failed(
            "the backup's manifest does not describe its database".to_owned(),
        ));
    }
    for key in [given, archive.root_key()].into_iter().flatten() {
        let found = id_of(key)?;
        if found != facts.root_key_id {
            return Err(Failure::Failed(format!(
                "the backup needs the root key {}, and {found} is given",
                facts.root_key_id
            )));
        }
        archive.check_tag(key).map_err(Failure::of)?;
    }
    Ok(given.or(archive.root_key()))
}

pub(super) fn required_root_key(path: &Path) -> Result<RootKeySecret, Failure> {
    let missing = || Failure::Failed(format!("there is no root key at {}", path.display()));
    read_root_key(path)?.ok_or_else(missing)
}

fn id_of(root_key: &RootKeySecret) -> Result<String, Failure> {
    RootKey::new(root_key)
        .map(|key| key.id().to_string())
        .map_err(Failure::of)
}

pub(super) fn summary(manifest: &Manifest) -> String {
    format!(
        "{} tenants, {} users, {} sessions and {} audit events as of {}, {} bytes, migration {}",
        manifest.tenants,
        manifest.users,
        manifest.sessions,
        manifest.audit_events,
        manifest.created_at,
        manifest.database_bytes,
        manifest.migration
    )
}

fn object(status: &str, file: &Path, manifest: &Manifest) -> Value {
    json!({ "status": status, "file": file, "manifest": manifest })
}

/// The place of a backup: nothing has its name before it is whole and was checked.
struct Target {
    file: PathBuf,
    folder: PathBuf,
}

impl Target {
    fn new(file: &Path) -> Result<Self, Failure> {
        if file.symlink_metadata().is_ok() {
            return Err(Failure::Failed(format!(
                "{} is there already, and a backup overwrites nothing",
                file.display()
            )));
        }
        Self::beside(file)
    }

    fn beside(file: &Path) -> Result<Self, Failure> {
        let folder = match file.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let target = Self {
            file: file.to_owned(),
            folder: folder.to_owned(),
        };
        target.sweep();
        Ok(target)
    }

    /// Removes the drafts of commands that were killed. Those that are in use are locked.
    fn sweep(&self) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else {
            return;
        };
        for entry in entries.flatten() {
            let is_draft = entry.file_name().to_string_lossy().starts_with(DRAFT);
            if is_draft && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
                // It takes space, and no more: what cannot be removed is left.
                let _ = std::fs::remove_file(entry.path());
            }
        }
    }

    /// An empty file for its owner alone, which goes away again unless it is kept.
    fn draft(&self) -> Result<NamedTempFile, Failure> {
        let failed = |error| {
            Failure::Failed(format!(
                "cannot write in {}: {error}",
                self.folder.display()
            ))
        };
        let draft = tempfile::Builder::new()
            .prefix(DRAFT)
            .tempfile_in(&self.folder)
            .map_err(failed)?;
        draft.as_file().lock().map_err(failed)?;
        Ok(draft)
    }

    fn keep(&self, draft: NamedTempFile) -> Result<(), Failure> {
        draft.persist_noclobber(&self.file).map_err(|error| {
            Failure::Failed(format!(
                "cannot make {}: {}",
                self.file.display(),
                error.error
            ))
        })?;
        Ok(File::open(&self.folder)?.sync_all()?)
    }
}
