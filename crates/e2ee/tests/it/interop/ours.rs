//! Where our peer is: the example that cargo builds beside the tests.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;
use std::{env, fs};

/// The executable, built when it is not there or older than what it is made of (`cargo test --test it` builds no examples).
pub(crate) fn peer() -> &'static Path {
    static PEER: OnceLock<PathBuf> = OnceLock::new();
    PEER.get_or_init(|| {
        let own = env::current_exe().expect("this program");
        let profile = own.parent().and_then(Path::parent).expect("target/debug");
        let peer = profile.join("examples/peer");
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let newest = [package.join("src"), package.join("examples")].map(|path| newest_in(&path));
        let is_current = fs::metadata(&peer)
            .is_ok_and(|found| newest.iter().all(|time| written(&found) >= *time));
        if !is_current {
            build(package, profile);
        }
        peer
    })
}

fn build(package: &Path, profile: &Path) {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .current_dir(package)
        .args(["build", "--example", "peer"]);
    if profile.ends_with("release") {
        command.arg("--release");
    }
    let status = command.status().expect("cargo starts");
    assert!(status.success(), "the peer does not compile");
}

fn newest_in(path: &Path) -> SystemTime {
    let metadata = fs::metadata(path).expect("a file of the package");
    if metadata.is_file() {
        return written(&metadata);
    }
    fs::read_dir(path)
        .expect("a folder")
        .map(|entry| newest_in(&entry.expect("an entry").path()))
        .max()
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

fn written(metadata: &fs::Metadata) -> SystemTime {
    metadata.modified().expect("a time")
}
