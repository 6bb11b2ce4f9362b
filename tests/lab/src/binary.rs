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
pub(crate) fn build_assay(release: bool) -> Result<PathBuf, Box<dyn std::error::Error + Send + Sync>> {
    Ok(build_all(release)?.join("assay"))
}

/// Builds every binary and says where they are. Everything, so that features are those of every other build and nothing is
/// built twice.
pub(crate) fn build_all(release: bool) -> Result<PathBuf, Box<dyn std::error::Error + Send + Sync>> {
    build(release, &["--bins".to_owned()])
}

/// The embedding model's file.
pub(crate) const EMBEDDING_MODEL: &str = "infra/embedding/all-minilm-l6-v2.safetensors";

/// Builds an example as everything is built here, and says where it is.
pub(crate) fn build_example(name: &str) -> Result<PathBuf, Box<dyn std::error::Error + Send + Sync>> {
    Ok(build(false, &["--example".to_owned(), name.to_owned()])?.join("examples").join(name))
}

/// Builds an example as functions are built for deployment, and says where it is.
pub(crate) fn build_example_for_deployment(
    name: &str,
) -> Result<PathBuf, Box<dyn std::error::Error + Send + Sync>> {
    Ok(build(true, &["--example".to_owned(), name.to_owned()])?.join("examples").join(name))
}

/// Builds these binaries as they are deployed, and says where they are.
pub(crate) fn build_for_deployment(
    names: &[String],
) -> Result<PathBuf, Box<dyn std::error::Error + Send + Sync>> {
    let named: Vec<String> = names.iter().flat_map(|name| ["--bin".to_owned(), name.clone()]).collect();
    build(true, &named)
}

fn build(release: bool, which: &[String]) -> Result<PathBuf, Box<dyn std::error::Error + Send + Sync>> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root()).args(["build", "--quiet", "--workspace"]).args(which);
    if release {
        cargo.arg("--release");
    }
    // What cargo tells this process of itself; a build script that reads it would be run anew.
    for (name, _) in std::env::vars_os() {
        let of_cargo = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(of_cargo) {
            cargo.env_remove(name);
        }
    }
    if !cargo.status()?.success() {
        return Err("the binaries could not be built".into());
    }
    Ok(target_folder()?.join(if release { "release" } else { "debug" }))
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
