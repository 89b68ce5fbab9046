//! A compiler that builds for WebAssembly: rustup's own, or Debian's beside the system.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{TARGET, step};

/// Debian's newest Rust and its source; the libraries that it needs are named by these.
const PACKAGES: [&str; 3] = ["rustc-web", "libstd-rust-web-dev", "rust-web-src"];
/// Randomness comes from JavaScript's `crypto`.
const FLAGS: &str = "--cfg getrandom_backend=\"wasm_js\"";

pub(super) enum Toolchain {
    /// The one that runs this program has the target installed.
    Own,
    /// Debian's, unpacked: its `usr`, and a linker.
    Unpacked { usr: PathBuf, linker: PathBuf },
}

impl Toolchain {
    /// `Err` says why there is none.
    pub(super) fn find_or_unpack(folder: &Path) -> Result<Self, String> {
        let sysroot = step(Command::new("rustc").args(["--print", "sysroot"]))?;
        let libraries = Path::new(sysroot.trim()).join("lib/rustlib");
        if libraries.join(TARGET).join("lib").exists() {
            return Ok(Self::Own);
        }
        let linker = find_linker(&libraries)?;
        let root = folder.join("toolchain");
        if !root.exists() {
            unpack(folder, &root)?;
        }
        let usr = root.join("usr");
        Ok(Self::Unpacked { usr, linker })
    }

    /// Makes a build one for WebAssembly.
    pub(super) fn apply(&self, build: &mut Command) {
        build.args(["--target", TARGET]).env("RUSTFLAGS", FLAGS);
        let Self::Unpacked { usr, linker } = self else {
            return;
        };
        let libraries = library_folders(usr);
        build
            .arg("-Zbuild-std=std,panic_abort")
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTC", usr.join("bin/rustc"))
            .env("LD_LIBRARY_PATH", libraries)
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    }
}

fn library_folders(usr: &Path) -> String {
    let llvm = fs::read_dir(usr.join("lib"))
        .into_iter()
        .flatten()
        .flatten();
    let llvm = llvm.filter(|entry| entry.file_name().to_string_lossy().starts_with("llvm-"));
    let mut folders: Vec<String> = llvm
        .map(|entry| entry.path().join("lib").display().to_string())
        .collect();
    folders.push(usr.join("lib/x86_64-linux-gnu").display().to_string());
    folders.join(":")
}

/// rustup's linker, as Debian's compiler brings none.
fn find_linker(libraries: &Path) -> Result<PathBuf, String> {
    let hosts = fs::read_dir(libraries).map_err(|error| error.to_string())?;
    let linkers = hosts.flatten().map(|host| host.path().join("bin/rust-lld"));
    let found = linkers.into_iter().find(|linker| linker.exists());
    found.ok_or_else(|| "the Rust tool chain has no rust-lld".to_owned())
}

/// Fetches the packages and lays them out below `root`, which appears only when it is whole.
fn unpack(folder: &Path, root: &Path) -> Result<(), String> {
    let debs = folder.join("debs");
    fs::create_dir_all(&debs).map_err(|error| error.to_string())?;
    println!(
        "fetching Debian's Rust for WebAssembly into {}",
        root.display()
    );
    let mut fetch = Command::new("apt-get");
    fetch.arg("download").args(PACKAGES).args(companions()?);
    step(fetch.current_dir(&debs))?;
    let unfinished = folder.join(format!("unfinished-{}", std::process::id()));
    for deb in fs::read_dir(&debs)
        .map_err(|error| error.to_string())?
        .flatten()
    {
        step(
            Command::new("dpkg")
                .arg("-x")
                .arg(deb.path())
                .arg(&unfinished),
        )?;
    }
    fs::remove_dir_all(&debs).map_err(|error| error.to_string())?;
    fs::rename(&unfinished, root).map_err(|error| error.to_string())
}

/// The shared libraries that the newest `rustc-web` needs: the compiler's own and LLVM.
fn companions() -> Result<Vec<String>, String> {
    let standard = dependency("libstd-rust-web-dev", "libstd-rust-web-")?;
    let llvm = dependency(&standard, "libllvm")?;
    Ok(vec![standard, llvm])
}

/// The package that `package`'s newest version depends on whose name begins so.
fn dependency(package: &str, beginning: &str) -> Result<String, String> {
    let shown = step(Command::new("apt-cache").args(["show", "--no-all-versions", package]))?;
    let depends = shown
        .lines()
        .find_map(|line| line.strip_prefix("Depends: "));
    let names = depends.unwrap_or_default().split(", ");
    let names = names.filter_map(|dependency| dependency.split_whitespace().next());
    let found = names.into_iter().find(|name| name.starts_with(beginning));
    found
        .map(str::to_owned)
        .ok_or_else(|| format!("{package} is not known here; `apt-get update` may help"))
}
