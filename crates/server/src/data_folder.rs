//! The data folder: who holds it, and the root key in it.

use keyward_crypto::{mint_root_key, root_key_from_text, root_key_to_text};
use keyward_model::{Random, RootKeySecret};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Where a restore puts things until it is done, in the data folder: that may be the root of a volume.
const RESTORING: &str = "restoring";
/// In there from the beginning: the data folder was empty when the restore began.
const BEGAN: &str = "began-in-an-empty-folder";
/// What [`RESTORING`] is called, for the moment that it takes to remove it, once its contents are in place.
const DONE: &str = "restoring.done";
/// What may be in a folder that counts as empty.
const NOT_DATA: [&str; 6] = [
    LOCK_NAME,
    "lost+found",
    RESTORING,
    DONE,
    SOCKET_NAME,
    "operator.sock.new",
];

/// What whoever uses the folder holds.
const LOCK_NAME: &str = "keyward.lock";

/// The operators' socket in a data folder.
pub(crate) const SOCKET_NAME: &str = "operator.sock";

/// An existing data folder.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
}

/// The right to change what is in a data folder; given up when dropped, also by a killed process.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

/// A data folder that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct DataFolderError(String);

impl DataFolderError {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }
}

impl DataFolder {
    /// The folder, which must exist and hold no half of a restore.
    pub(crate) fn existing(path: &Path) -> Result<Self, DataFolderError> {
        let folder = Self {
            path: path.to_owned(),
        };
        if !path.is_dir() {
            return Err(DataFolderError(format!(
                "there is no data folder at {}: start `keyward serve` once, or name another with --data",
                path.display()
            )));
        }
        match folder.restoring().exists() {
            false => Ok(folder),
            true => Err(DataFolderError(format!(
                "{} is being restored, or its restore was cut off: run `keyward restore` again",
                path.display()
            ))),
        }
    }

    /// The folder for a restore, made if it is not there: it may hold nothing but what a restore that was cut off left.
    pub(crate) fn for_restore(path: &Path) -> Result<Self, DataFolderError> {
        make(path)?;
        let folder = Self {
            path: path.to_owned(),
        };
        let failed = |error| DataFolderError(format!("cannot read {}: {error}", path.display()));
        let cut_off = folder.restoring().join(BEGAN).exists();
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let known = NOT_DATA.iter().any(|known| name == *known);
            if !known && !cut_off {
                return Err(DataFolderError(format!(
                    "{} is not empty ({} is in it): a restore overwrites nothing; name another folder with --data, or move \
                     this one away",
                    path.display(),
                    name.display()
                )));
            }
        }
        Ok(folder)
    }

    /// The folder, made with mode 0700 if it is not there.
    pub(crate) fn create(path: &Path) -> Result<Self, DataFolderError> {
        make(path)?;
        Self::existing(path)
    }

    /// Where a restore puts things until it is done.
    pub(crate) fn restoring(&self) -> PathBuf {
        self.path.join(RESTORING)
    }

    /// Empties the place where a restore puts things, and takes back what one that was cut off had put in place.
    pub(crate) fn begin_restore(&self) -> Result<Self, DataFolderError> {
        let staging = self.restoring();
        let begin = || -> std::io::Result<()> {
            if staging.join(BEGAN).exists() {
                // Since then nobody has served this folder, so whatever else is in it came from the same restore.
                remove_if_there(&self.database())?;
                remove_if_there(&self.root_key())?;
            }
            remove_dir_if_there(&staging)?;
            DirBuilder::new().mode(0o700).create(&staging)?;
            File::create_new(staging.join(BEGAN))?.sync_all()?;
            File::open(&staging)?.sync_all()?;
            File::open(&self.path)?.sync_all()
        };
        begin().map_err(|error| {
            DataFolderError(format!("cannot make {}: {error}", staging.display()))
        })?;
        Ok(Self { path: staging })
    }

    /// Puts what was restored in place. Until its last step the folder is refused by everything but another restore.
    pub(crate) fn end_restore(&self, staged: &Self) -> Result<(), DataFolderError> {
        let (done, log) = (self.path.join(DONE), staged.path.join("keyward.db-wal"));
        if log.exists() {
            return Err(DataFolderError(format!(
                "{} was not folded back into its database: run the restore again",
                log.display()
            )));
        }
        let end = || -> std::io::Result<()> {
            remove_dir_if_there(&done)?;
            std::fs::rename(staged.root_key(), self.root_key())?;
            std::fs::rename(staged.database(), self.database())?;
            File::open(&self.path)?.sync_all()?;
            std::fs::rename(&staged.path, &done)?;
            File::open(&self.path)?.sync_all()?;
            remove_dir_if_there(&done)
        };
        end().map_err(|error| {
            DataFolderError(format!(
                "cannot move what was restored into {}: {error}",
                self.path.display()
            ))
        })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the folder for this process.
    pub(crate) fn lock(&self) -> Result<FolderLock, DataFolderError> {
        let path = self.path.join(LOCK_NAME);
        let failed = |error| DataFolderError(format!("cannot lock {}: {error}", path.display()));
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(FolderLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(DataFolderError(format!(
                "another keyward uses the data folder {}: stop it first, or name another folder with --data",
                self.path.display()
            ))),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }

    /// Whether somebody holds the folder at this path just now.
    pub(crate) fn is_held(path: &Path) -> bool {
        let file = File::open(path.join(LOCK_NAME));
        file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// Where SQLite keeps its file.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("keyward.db")
    }

    /// Where operators are served.
    pub(crate) fn operator_socket(&self) -> PathBuf {
        self.path.join(SOCKET_NAME)
    }

    /// Where the root key is.
    pub(crate) fn root_key(&self) -> PathBuf {
        self.path.join("root.key")
    }

    /// The root key; `None` when there is no file.
    pub(crate) fn read_root_key(&self) -> Result<Option<RootKeySecret>, DataFolderError> {
        read_root_key(&self.root_key())
    }

    /// Makes a root key and keeps it, durably, before anything is sealed under it.
    pub(crate) fn write_root_key(
        &self,
        random: &dyn Random,
    ) -> Result<RootKeySecret, DataFolderError> {
        let secret = mint_root_key(random);
        self.keep_root_key(&secret)?;
        Ok(secret)
    }

    /// Keeps a root key, durably, where there is none.
    pub(crate) fn keep_root_key(&self, secret: &RootKeySecret) -> Result<(), DataFolderError> {
        let path = self.root_key();
        // Written beside and linked when it is whole: a crash leaves no half key, and an existing one is never replaced.
        let draft = self.path.join("root.key.new");
        let write = || -> std::io::Result<()> {
            let mut options = OpenOptions::new();
            let mut file = options
                .create(true)
                .truncate(true)
                .write(true)
                .mode(0o600)
                .open(&draft)?;
            file.write_all(root_key_to_text(secret).as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_all()?;
            std::fs::hard_link(&draft, &path)?;
            std::fs::remove_file(&draft)?;
            File::open(&self.path)?.sync_all()
        };
        write()
            .map_err(|error| DataFolderError(format!("cannot write {}: {error}", path.display())))
    }

    /// Takes a root key away under which nothing was sealed.
    pub(crate) fn remove_root_key(&self) -> Result<(), DataFolderError> {
        let path = self.root_key();
        std::fs::remove_file(&path)
            .map_err(|error| DataFolderError(format!("cannot remove {}: {error}", path.display())))
    }

    /// Whether the folder is for its owner alone.
    pub(crate) fn is_private(&self) -> bool {
        std::fs::metadata(&self.path)
            .is_ok_and(|metadata| metadata.permissions().mode() & 0o077 == 0)
    }
}

/// The root key in a file that is its owner's alone; `None` when there is no file.
pub(crate) fn read_root_key(path: &Path) -> Result<Option<RootKeySecret>, DataFolderError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(DataFolderError(format!(
                "cannot read {}: {error}",
                path.display()
            )));
        }
    };
    let failed =
        |error: std::io::Error| DataFolderError(format!("cannot read {}: {error}", path.display()));
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(DataFolderError(format!(
            "others may read the root key: run `chmod 600 {}`, and rotate the key if they did",
            path.display()
        )));
    }
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text).map_err(failed)?;
    let unusable = |error| {
        DataFolderError(format!(
            "{} holds no root key ({error}): bring it back from your backup or another node",
            path.display()
        ))
    };
    root_key_from_text(&text).map(Some).map_err(unusable)
}

fn make(path: &Path) -> Result<(), DataFolderError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| {
            DataFolderError(format!(
                "cannot make the data folder {}: {error}",
                path.display()
            ))
        })
}

fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn remove_dir_if_there(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::DataFolder;
    use crate::ambient::SystemRandom;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn asvs_v13_3_1_the_root_key_is_for_its_owner_alone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::create(&parent.path().join("data")).unwrap();
        assert!(folder.read_root_key().unwrap().is_none());
        let made = folder.write_root_key(&SystemRandom::default()).unwrap();
        assert_eq!(
            folder.read_root_key().unwrap().unwrap().expose(),
            made.expose()
        );
        let mode =
            |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(&folder.root_key()), mode(&parent.path().join("data"))),
            (0o600, 0o700)
        );
        std::fs::set_permissions(folder.root_key(), PermissionsExt::from_mode(0o640)).unwrap();
        assert!(
            folder
                .read_root_key()
                .unwrap_err()
                .to_string()
                .contains("chmod 600")
        );
    }

    #[test]
    fn one_process_at_a_time_holds_the_folder() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::create(parent.path()).unwrap();
        let held = folder.lock().unwrap();
        assert!(
            folder
                .lock()
                .unwrap_err()
                .to_string()
                .contains("another keyward")
        );
        drop(held);
        folder.lock().unwrap();
    }
}
