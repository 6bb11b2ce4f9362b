//! Content in a folder: one file per content, named by the digest of its bytes.
//!
//! `<folder>/<tenant>/<digest>`, with the tenant's name hashed, so no name from outside is ever part of a path. A file
//! is written beside its place, flushed and then renamed, so a reader sees all of it or nothing. Reading verifies the
//! digest.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind as IoErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use engine::error::{Error, ErrorKind, Result};
use engine::model::{ContentRef, TenantId};
use engine::ports::ContentStore;

/// Content in a folder.
#[derive(Clone, Debug)]
pub struct Files {
    folder: PathBuf,
}

impl Files {
    /// Content in `folder`, which is made if it is not there.
    pub fn open(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).map_err(|error| failed("the content folder cannot be made", error))?;
        Ok(Self { folder: folder.to_owned() })
    }

    fn of_tenant(&self, tenant: &TenantId) -> PathBuf {
        self.folder.join(&blake3::hash(tenant.as_str().as_bytes()).to_hex()[..32])
    }
}

#[async_trait]
impl ContentStore for Files {
    async fn put(&self, tenant: &TenantId, bytes: &[u8]) -> Result<ContentRef> {
        let digest = blake3::hash(bytes).to_hex();
        let folder = self.of_tenant(tenant);
        let place = folder.join(digest.as_str());
        if fs::read(&place).is_ok_and(|stored| stored == bytes) {
            return Ok(ContentRef::new(digest));
        }
        write(&folder, &place, bytes).map_err(|error| failed("content cannot be stored", error))?;
        Ok(ContentRef::new(digest))
    }

    async fn get(&self, tenant: &TenantId, content: &ContentRef) -> Result<Vec<u8>> {
        let absent = || Error::new(ErrorKind::NotFound, "there is no such content");
        if !is_digest(content.as_str()) {
            return Err(absent());
        }
        let bytes = match fs::read(self.of_tenant(tenant).join(content.as_str())) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == IoErrorKind::NotFound => return Err(absent()),
            Err(error) => return Err(failed("content cannot be read", error)),
        };
        if blake3::hash(&bytes).to_hex().as_str() != content.as_str() {
            return Err(Error::new(ErrorKind::Storage, "stored content is damaged: hand it in again")
                .with("content", content));
        }
        Ok(bytes)
    }
}

fn write(folder: &Path, place: &Path, bytes: &[u8]) -> std::io::Result<()> {
    static WRITES: AtomicU64 = AtomicU64::new(0);
    fs::create_dir_all(folder)?;
    let number = WRITES.fetch_add(1, Ordering::Relaxed);
    let beside = folder.join(format!("{}-{number}.part", std::process::id()));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, place)?;
        sync_folder(folder)
    })();
    if written.is_err() {
        // The error that matters is the first one.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// Makes the names in a folder as durable as the files; not every system can, or needs to.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn failed(what: &str, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Storage, what).because(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::block_on;

    #[test]
    fn keeps_the_contract() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::open(&folder.path().join("deep/content")).unwrap();
        block_on(engine::contract::content_contract(&files)).unwrap();
    }

    #[test]
    fn damage_is_found_and_repaired_by_storing_again() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::open(folder.path()).unwrap();
        let tenant = TenantId::new("owner");
        let content = block_on(files.put(&tenant, b"words")).unwrap();
        let place = files.of_tenant(&tenant).join(content.as_str());
        fs::write(&place, b"w").unwrap();
        assert_eq!(block_on(files.get(&tenant, &content)).unwrap_err().kind(), ErrorKind::Storage);
        block_on(files.put(&tenant, b"words")).unwrap();
        assert_eq!(block_on(files.get(&tenant, &content)).unwrap(), b"words");
        let names: Vec<_> = fs::read_dir(files.of_tenant(&tenant)).unwrap().collect();
        assert_eq!(names.len(), 1, "nothing is left beside the content");
    }

    #[test]
    fn survives_a_new_process() {
        let folder = tempfile::tempdir().unwrap();
        let tenant = TenantId::new("../../owner");
        let content = block_on(Files::open(folder.path()).unwrap().put(&tenant, b"words")).unwrap();
        let again = Files::open(folder.path()).unwrap();
        assert_eq!(block_on(again.get(&tenant, &content)).unwrap(), b"words");
    }

    #[test]
    fn an_unusable_folder_is_said_so() {
        let folder = tempfile::tempdir().unwrap();
        let taken = folder.path().join("file");
        fs::write(&taken, b"").unwrap();
        assert_eq!(Files::open(&taken).unwrap_err().kind(), ErrorKind::Storage);
    }
}
