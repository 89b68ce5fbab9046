//! The file that events are appended to (setting `events.file`): one CloudEvent a line, at least once, in the feed's order.
//!
//! What was written is on the disk before the feed's cursor moves. A crash in between writes the same lines again after the
//! next start, and may leave one that is cut; it is left as it is, on a line of its own, and comes again whole.

use crate::failure::Failure;
use keyward_service::Platform;
use keyward_service::feed::{DeliveryError, EVENTS_FILE, deliver_events};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::sleep;

/// How often is looked for new events.
const POLL: Duration = Duration::from_millis(500);
/// How long is waited after a failure, at most.
const RETRY_MAX: Duration = Duration::from_secs(30);

/// The file, opened again when it was renamed or removed, or when a signal says so.
#[derive(Debug)]
struct EventFile {
    path: PathBuf,
    open: Option<File>,
}

/// The task that appends to it.
#[derive(Debug)]
pub(crate) struct EventWriter {
    platform: Platform,
    file: Arc<Mutex<EventFile>>,
    hangup: Signal,
}

impl EventWriter {
    /// Opens the file, so that one that cannot be written is told at start.
    pub(crate) fn open(platform: &Platform, path: &Path) -> Result<Self, Failure> {
        let mut file = EventFile {
            path: path.to_owned(),
            open: None,
        };
        file.current().map_err(|error| {
            Failure::Failed(format!(
                "cannot append to {} (setting `events.file`): {error}",
                path.display()
            ))
        })?;
        Ok(Self {
            platform: platform.clone(),
            file: Arc::new(Mutex::new(file)),
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Appends what happens until `stop` says true; the batch that is being written is finished.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut failures = 0_u32;
        while !*stop.borrow() {
            let wait = match self.deliver().await {
                Ok(0) => POLL,
                Ok(_) => {
                    failures = 0;
                    continue;
                }
                Err(error) => {
                    tracing::warn!(%error, "events could not be appended to their file");
                    failures = (failures + 1).min(16);
                    POLL.saturating_mul(1 << failures).min(RETRY_MAX)
                }
            };
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                _ = self.hangup.recv() => self.lock().open = None,
                () = sleep(wait) => {}
            }
        }
    }

    async fn deliver(&self) -> Result<usize, DeliveryError> {
        let file = self.file.clone();
        deliver_events(
            &self.platform,
            EVENTS_FILE,
            async move |lines: Vec<String>| {
                let append = move || {
                    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                    file.append(&lines)
                };
                let appended = tokio::task::spawn_blocking(append).await;
                appended.unwrap_or_else(|_| Err(io::Error::other("the writer panicked")))
            },
        )
        .await
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, EventFile> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventFile {
    /// Appends lines and waits until they are on the disk. After a failure the file is opened anew, which ends a line that was
    /// cut.
    fn append(&mut self, lines: &[String]) -> io::Result<()> {
        let mut text = lines.join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        let written = self.current().and_then(|file| {
            file.write_all(text.as_bytes())?;
            file.sync_data()
        });
        if written.is_err() {
            self.open = None;
        }
        written
    }

    /// The file at the path: the one that is open, or that which log rotation put in its place.
    fn current(&mut self) -> io::Result<&mut File> {
        let kept = self.open.take().filter(|file| self.is_at_path(file));
        let file = match kept {
            Some(file) => file,
            None => open(&self.path)?,
        };
        Ok(self.open.insert(file))
    }

    fn is_at_path(&self, file: &File) -> bool {
        let identity = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        match (std::fs::metadata(&self.path), file.metadata()) {
            (Ok(there), Ok(here)) => identity(there) == identity(here),
            _ => false,
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let mut file = options
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    // A new name is only as durable as its folder.
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        File::open(folder)?.sync_all()?;
    }
    if ends_within_a_line(&mut file)? {
        file.write_all(b"\n")?;
    }
    Ok(file)
}

fn ends_within_a_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0_u8; 1];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

#[cfg(test)]
mod tests {
    use super::EventFile;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn lines(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_renamed_file_is_left_alone_and_a_new_one_begun() {
        let folder = tempfile::tempdir().unwrap();
        let (path, rotated) = (folder.path().join("events"), folder.path().join("events.1"));
        let mut file = EventFile {
            path: path.clone(),
            open: None,
        };
        file.append(&lines(&["one", "two"])).unwrap();
        file.append(&[]).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::rename(&path, &rotated).unwrap();
        file.append(&lines(&["three"])).unwrap();
        assert_eq!(fs::read_to_string(&rotated).unwrap(), "one\ntwo\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
        fs::remove_file(&path).unwrap();
        file.append(&lines(&["four"])).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "four\n");
    }

    #[test]
    fn a_line_that_was_cut_stands_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events");
        fs::write(&path, "one\ntw").unwrap();
        let mut file = EventFile {
            path: path.clone(),
            open: None,
        };
        file.append(&lines(&["two"])).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntw\ntwo\n");
    }

    #[test]
    fn what_is_no_regular_file_is_refused() {
        let mut file = EventFile {
            path: "/dev/null".into(),
            open: None,
        };
        assert!(file.append(&lines(&["one"])).is_err());
    }
}
