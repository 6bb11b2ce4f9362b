//! The state folder: one owner at a time.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use engine::error::{Error, ErrorKind, Result};
use engine::model::RunKey;
use engine::ports::{Delivery, Post};
use fd_lock::{RwLock, RwLockWriteGuard};

/// A state folder that exists.
pub struct State {
    folder: PathBuf,
    lock: RwLock<File>,
}

impl State {
    /// Makes the folder if need be.
    pub fn open(folder: &Path) -> Result<Self> {
        let failed = |error: std::io::Error| {
            Error::new(
                ErrorKind::Configuration,
                format!("{} cannot be used as the state folder", folder.display()),
            )
            .with("cause", &error)
            .because(error)
        };
        fs::create_dir_all(folder).map_err(failed)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join("lock"))
            .map_err(failed)?;
        Ok(Self { folder: folder.to_owned(), lock: RwLock::new(lock) })
    }

    /// The folder.
    pub fn folder(&self) -> PathBuf {
        self.folder.clone()
    }

    /// Makes this process the folder's owner for as long as the guard lives; a process that dies gives it up.
    pub fn own(&mut self) -> Result<RwLockWriteGuard<'_, File>> {
        self.lock.try_write().map_err(|error| {
            let what = format!(
                "{} is in use by another assay process; wait for it, or give this one its own folder with --state",
                self.folder.display()
            );
            Error::new(ErrorKind::Conflict, what).because(error)
        })
    }
}

/// Posts go to a folder, one file a run.
pub struct BriefingFolder {
    folder: PathBuf,
    /// The last post that could not be made, and why.
    refused: Mutex<Option<(RunKey, String)>>,
}

impl BriefingFolder {
    /// Posts into `folder`, which is made when first needed.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, refused: Mutex::default() }
    }

    /// Why a run's post could not be made, if it was the last one that was tried.
    pub fn refused(&self, run: &RunKey) -> Option<String> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.as_ref().filter(|(of, _)| of == run).map(|(_, why)| why.clone())
    }
}

#[async_trait]
impl Delivery for BriefingFolder {
    fn channel(&self) -> &str {
        "briefings folder"
    }

    async fn post(&self, post: &Post) -> Result<String> {
        let name = format!("{}.txt", post.run.run);
        let path = self.folder.join(&name);
        let written = write_whole(&path, post.text.as_bytes());
        let why =
            written.as_ref().err().map(|error| format!("{} cannot be written ({error})", path.display()));
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = why.map(|why| (post.run.clone(), why));
        written.map_err(|error| {
            Error::new(ErrorKind::Storage, "the briefing could not be written").because(error)
        })?;
        Ok(name)
    }
}

/// Whether [`write_whole`] can write there, as far as that can be tried before there is anything to write. Makes no folder and
/// leaves nothing behind.
pub fn try_to_write(path: &Path) -> std::io::Result<()> {
    if path.is_dir() {
        return Err(std::io::ErrorKind::IsADirectory.into());
    }
    let here = Path::new(".");
    let mut folders = path.ancestors().skip(1).map(|it| if it.as_os_str().is_empty() { here } else { it });
    let nearest = folders.find(|folder| folder.exists()).unwrap_or(here);
    let part = nearest.join(format!("assay.{}.part", std::process::id()));
    File::create(&part)?;
    fs::remove_file(&part)
}

/// Writes a file whole or not at all.
pub fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        fs::create_dir_all(folder)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = File::create(&part).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&part, path));
    if renamed.is_err() {
        // Nothing half written stays behind; the first error is the one to tell.
        let _ = fs::remove_file(&part);
    }
    renamed
}
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn briefings_keep_the_contract_of_a_channel() {
        let folder = tempfile::tempdir().unwrap();
        let posts = || fs::read_dir(folder.path()).map_or(0, |files| files.count());
        let channel = BriefingFolder::new(folder.path().to_owned());
        let verdict = futures::executor::block_on(engine::contract::delivery_contract(&channel, posts));
        assert_eq!(verdict, Ok(()));
    }

    #[test]
    fn what_cannot_be_written_is_told_before_there_is_anything_to_write() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "words").unwrap();
        for good in ["new.md", "deep/deeper/new.md", "file"] {
            try_to_write(&folder.path().join(good)).unwrap();
        }
        assert!(try_to_write(folder.path()).is_err());
        assert!(try_to_write(&file.join("new.md")).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "words");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left");
    }
}
