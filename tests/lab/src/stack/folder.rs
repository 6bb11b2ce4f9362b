//! Where a stack keeps what it knows of itself: `target/stack/<name>`, with its logs, the record of calls and the ids of
//! its processes. Whoever runs the stack holds the folder's lock; a lock nobody holds is one whose owner is gone.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Result;
use super::deploy::LeftOut;
use super::group::{kill_group, wait_until_gone};
use super::processes::processes;
use crate::binary::target_folder;

const STATUS: &str = "stack.json";
const RUNNING: &str = "running.json";
const LOCK_TRIES: u32 = 10;
const LOCK_EACH: Duration = Duration::from_millis(10);

/// The folder of a stack.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    lock: Option<File>,
}

/// What others need to know of a stack that is up.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Status {
    /// The process that runs it.
    pub owner: u32,
    /// The API's address.
    pub api_url: String,
    /// AWS's address, through the gateway.
    pub aws_url: String,
    /// A key of the API that may do everything.
    pub key: String,
    /// Its table.
    pub table: String,
    /// What of the template the emulator was not given.
    pub left_out: Vec<LeftOut>,
}

/// The process groups of a stack, for whoever finds it without its owner.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Running {
    owner: u32,
    groups: Vec<u32>,
}

impl Folder {
    /// The folder of that name, whether or not there is a stack. Errors: a name that is none.
    pub fn of(name: &str) -> Result<Self> {
        let is_name = !name.is_empty()
            && name.len() <= 40
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if !is_name {
            return Err(format!("`{name}` is no name for a stack: use a to z, 0 to 9 and hyphens").into());
        }
        Ok(Self { path: target_folder()?.join("stack").join(name), lock: None })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes it over, and ends and removes what a stack without an owner left. Errors: its owner lives.
    pub(crate) fn own(&mut self) -> Result<()> {
        if !self.try_own()? {
            return Err(format!("the stack in {} is up already", self.path.display()).into());
        }
        Ok(())
    }

    /// The same; `false` if its owner lives.
    pub(crate) fn try_own(&mut self) -> Result<bool> {
        if !self.lock()? {
            return Ok(false);
        }
        self.end_leftovers();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            if path.is_dir() { fs::remove_dir_all(&path)? } else { fs::remove_file(&path)? }
        }
        Ok(true)
    }

    /// Removes it, with its logs. It must be owned.
    pub(crate) fn remove(&self) -> Result<()> {
        Ok(fs::remove_dir_all(&self.path)?)
    }

    /// Whether somebody runs this stack.
    pub fn is_owned(&self) -> Result<bool> {
        if !self.lock_path().exists() {
            return Ok(false);
        }
        let lock = File::open(self.lock_path())?;
        Ok(lock.try_lock_shared().is_err())
    }

    /// What its owner says, once it is up.
    pub fn status(&self) -> Option<Status> {
        serde_json::from_slice(&fs::read(self.path.join(STATUS)).ok()?).ok()
    }

    pub(crate) fn write_status(&self, status: &Status) -> Result<()> {
        self.write(STATUS, status)
    }

    /// Notes whom to end should the owner vanish.
    pub(crate) fn write_running(&self, groups: &[u32]) -> Result<()> {
        self.write(RUNNING, &Running { owner: std::process::id(), groups: groups.to_vec() })
    }

    /// The process that runs it, if it lives.
    pub(crate) fn owner(&self) -> Option<u32> {
        let owner = self.running().owner;
        (owner != 0 && self.is_owned().unwrap_or(false)).then_some(owner)
    }

    /// Processes of this stack that run, whoever started them.
    pub fn processes(&self) -> Vec<super::Process> {
        let marks = [format!("{}/", self.path.display()), format!("{} ", self.path.display())];
        let all = processes();
        let marked = |process: &&super::Process| marks.iter().any(|mark| process.command.contains(mark));
        let groups: Vec<u32> = self
            .running()
            .groups
            .into_iter()
            // An id may belong to a stranger by now; a group of ours shows this folder in some command line.
            .filter(|group| {
                all.iter().filter(|process| process.group == *group).any(|process| marked(&process))
            })
            .collect();
        all.into_iter().filter(|process| groups.contains(&process.group)).collect()
    }

    fn end_leftovers(&self) {
        let mut groups: Vec<u32> = self.processes().into_iter().map(|process| process.group).collect();
        groups.dedup();
        for group in groups {
            kill_group(group);
            wait_until_gone(group);
        }
    }

    fn running(&self) -> Running {
        let bytes = fs::read(self.path.join(RUNNING)).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    fn lock_path(&self) -> PathBuf {
        self.path.with_extension("lock")
    }

    fn lock(&mut self) -> Result<bool> {
        fs::create_dir_all(&self.path)?;
        let lock = File::create(self.lock_path())?;
        // Whoever only asks whether it is held holds it too, for a moment.
        for _ in 0..LOCK_TRIES {
            if lock.try_lock().is_ok() {
                self.lock = Some(lock);
                return Ok(true);
            }
            std::thread::sleep(LOCK_EACH);
        }
        Ok(false)
    }

    /// A whole file or none, for this user only: a key is in it.
    fn write<T: Serialize>(&self, name: &str, what: &T) -> Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(&self.path)?;
        serde_json::to_writer_pretty(&mut file, what)?;
        file.persist(self.path.join(name))?;
        Ok(())
    }
}
