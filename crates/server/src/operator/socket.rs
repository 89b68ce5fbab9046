//! The operators' Unix socket in the data folder. The account at its other end is the operator, by the word of the kernel.

use crate::data_folder::{DataFolder, DataFolderError, SOCKET_NAME};
use crate::listener::{Peer, Socket};
use keyward_api::OperatorPeer;
use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tokio::net::{UnixListener, UnixStream};

/// How long the path of a socket may be, in bytes.
const PATH_BYTES_MAX: usize = 107;

/// A socket that operators are served on. Its file goes with it.
#[derive(Debug)]
pub(crate) struct OperatorSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl OperatorSocket {
    /// Listens in a data folder whose lock the caller holds: a socket that is found there is what a killed server left.
    ///
    /// It is bound under another name and renamed when it is for its owner alone, so that nobody else can connect to it
    /// in between, and nobody finds the place empty.
    pub(crate) fn bind(folder: &DataFolder) -> Result<Self, DataFolderError> {
        let path = folder.operator_socket();
        let draft = path.with_extension("sock.new");
        let bound = || -> std::io::Result<UnixListener> {
            match std::fs::remove_file(&draft) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let listener = UnixListener::bind(Short::of(&draft)?.path())?;
            std::fs::set_permissions(&draft, PermissionsExt::from_mode(0o600))?;
            std::fs::rename(&draft, &path)?;
            Ok(listener)
        };
        let listener = bound().map_err(|error| {
            DataFolderError::new(format!(
                "cannot listen on the operator socket {}: {error}",
                path.display()
            ))
        })?;
        Ok(Self { listener, path })
    }
}

/// Connects to the server of a data folder; none, when no server takes connections there.
pub(crate) async fn connect(folder: &Path) -> std::io::Result<Option<UnixStream>> {
    let path = folder.join(SOCKET_NAME);
    let short = match Short::of(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        short => short?,
    };
    match UnixStream::connect(short.path()).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => Ok(None),
            _ => Err(error),
        },
    }
}

/// A path that the system takes for a socket: it may have 107 bytes, and data folders stand deeper than that.
struct Short {
    path: PathBuf,
    _folder: Option<File>,
}

impl Short {
    fn of(path: &Path) -> std::io::Result<Self> {
        let (folder, name) = match (path.parent(), path.file_name()) {
            (Some(folder), Some(name)) if path.as_os_str().len() > PATH_BYTES_MAX => (folder, name),
            _ => {
                return Ok(Self {
                    path: path.to_owned(),
                    _folder: None,
                });
            }
        };
        let folder = File::open(folder)?;
        let through = format!("/proc/self/fd/{}", folder.as_raw_fd());
        Ok(Self {
            path: Path::new(&through).join(name),
            _folder: Some(folder),
        })
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for OperatorSocket {
    fn drop(&mut self) {
        // If it is gone already, so much the better.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Socket for OperatorSocket {
    type Stream = UnixStream;

    async fn accept(&self) -> std::io::Result<(UnixStream, Peer)> {
        let (stream, _) = self.listener.accept().await?;
        let number = stream.peer_cred()?.uid();
        let name = account_name(
            number,
            &std::fs::read_to_string("/etc/passwd").unwrap_or_default(),
        );
        Ok((stream, Peer::Account(OperatorPeer { name })))
    }
}

/// An account as the audit log calls it. Its name is that of `/etc/passwd`; where other sources name accounts, the number
/// says which it is.
pub(crate) fn account_name(number: u32, passwd: &str) -> String {
    let fields = |line: &str| -> Option<(String, u32)> {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        Some((name, fields.nth(1)?.parse().ok()?))
    };
    let mut known = passwd.lines().filter_map(fields);
    match known.find(|(_, known)| *known == number) {
        Some((name, _)) => format!("uid {number} ({name})"),
        None => format!("uid {number}"),
    }
}

#[cfg(test)]
mod tests {
    use super::account_name;

    #[test]
    fn an_account_has_its_number_and_the_name_that_the_system_gives_it() {
        let passwd =
            "root:x:0:0:root:/root:/bin/sh\n# a comment\nada:x:1000:1000::/home/ada:/bin/sh\n";
        assert_eq!(account_name(0, passwd), "uid 0 (root)");
        assert_eq!(account_name(1_000, passwd), "uid 1000 (ada)");
        assert_eq!(account_name(7, passwd), "uid 7");
    }
}
