//! The command line under test, built if need be.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The `assay` binary of the profile this process was built with, built first.
///
/// # Panics
/// If it cannot be built: then nothing can be tested.
#[expect(clippy::expect_used, reason = "nothing can be tested without the binary")]
pub fn assay_binary() -> PathBuf {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| build_assay(false).expect("the command line can be built")).clone()
}

/// Builds the command line and says where it is.
pub(crate) fn build_assay(release: bool) -> Result<PathBuf, Box<dyn std::error::Error>> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root()).args(["build", "--quiet", "--workspace", "--bins"]);
    if release {
        cargo.arg("--release");
    }
    if !cargo.status()?.success() {
        return Err("the command line could not be built".into());
    }
    Ok(target_folder()?.join(if release { "release" } else { "debug" }).join("assay"))
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    root.ancestors().nth(2).unwrap_or(root).to_owned()
}

/// The folder cargo builds into.
pub(crate) fn target_folder() -> io::Result<PathBuf> {
    let this = std::env::current_exe()?;
    let profile = this.ancestors().find(|folder| folder.ends_with("debug") || folder.ends_with("release"));
    let target = profile.and_then(Path::parent).map(Path::to_owned);
    target.ok_or_else(|| io::Error::other("this binary lies in no target folder"))
}
