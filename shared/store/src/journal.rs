//! A journal: what one process has written, from the moment it is told so until the table has it.
//!
//! A line per write: a checksum, the write's number, and for each row its key, what it becomes and when it is due, as JSON
//! between tabs, which JSON has none of. Numbers rise by one. A line is in the operating system's hands when
//! [`Journal::append`] returns, and
//! survives the end of the process, however it ends. What stands behind the first line that is not whole was never answered, or was
//! lost with the power; it is cut off.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use engine::error::{Error, ErrorKind, Result};
use engine::ports::{Becomes, Change, Expect, Key, Row};

use crate::dynamo::{check, check_row, check_rows};

const CHECKSUM_DIGITS: usize = 16;

/// The waits before what could not be written is tried again: the disk may be full for a moment.
pub const RETRIES_MS: [u64; 4] = [10, 50, 200, 500];

/// What a journal stands on.
pub trait Paper: Send {
    /// All bytes.
    fn bytes(&mut self) -> io::Result<Vec<u8>>;
    /// Puts bytes behind all others.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Leaves the first so many bytes.
    fn cut(&mut self, bytes: u64) -> io::Result<()>;
    /// Waits until it is as it is also after a loss of power.
    fn sync(&mut self) -> io::Result<()>;
}

impl Paper for File {
    fn bytes(&mut self) -> io::Result<Vec<u8>> {
        self.seek(SeekFrom::Start(0))?;
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

/// In memory, for whoever simulates that a process ends and another goes on.
impl Paper for Arc<Mutex<Vec<u8>>> {
    fn bytes(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(())
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        let bytes = usize::try_from(bytes).map_err(io::Error::other)?;
        self.lock().unwrap_or_else(PoisonError::into_inner).truncate(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whole rows that become so, or go, together.
#[derive(Debug)]
pub struct Entry {
    text: Vec<u8>,
    sizes: Vec<usize>,
}

impl Entry {
    /// Those of the changes that stay, as they stand in a journal. Errors: whatever the table would refuse whatever it holds: kind
    /// `Internal` for more than 100 changes or a key twice, `InvalidInput` for a name that is too long, `TooLarge` for a row or for
    /// rows that are too large together.
    pub fn of(changes: &[Change], stays: impl Fn(&Change) -> bool) -> Result<Self> {
        check(changes)?;
        let mut text = Vec::new();
        let mut sizes = Vec::new();
        for change in changes.iter().filter(|change| stays(change)) {
            let before = text.len();
            write(&mut text, &change.key)?;
            text.push(b'\t');
            let body = text.len();
            match &change.to {
                Becomes::Row(row) => write(&mut text, row)?,
                Becomes::Gone | Becomes::Same => write(&mut text, &())?,
            }
            check_row(text.len() - body)?;
            text.push(b'\t');
            write(&mut text, &change.due_ms)?;
            text.push(b'\t');
            sizes.push(text.len() - before);
        }
        check_rows(text.len())?;
        // The last tab.
        text.pop();
        Ok(Self { text, sizes })
    }

    /// How large each change is that stays.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }
}

/// What a journal holds of a write.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The number of the write.
    pub number: u64,
    /// What it made of each row.
    pub changes: Vec<Change>,
    /// How large each of them is.
    pub sizes: Vec<usize>,
}

/// The journal of a process that owns its rows.
pub struct Journal {
    paper: Box<dyn Paper>,
    bytes: u64,
    cut_off: u64,
}

impl Journal {
    /// Opens a journal's file, and makes it if it is not there. Errors: as [`Journal::on`].
    pub fn open(path: &Path) -> Result<(Self, Vec<Written>)> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path);
        Self::on(Box::new(file.map_err(|error| failed("the journal cannot be opened", error))?))
    }

    /// A journal, and all it holds; what is not whole at its end is cut off. Errors: kind `Storage` if it cannot be read or cut,
    /// `Configuration` if it holds a row or a key that this version does not know.
    pub fn on(mut paper: Box<dyn Paper>) -> Result<(Self, Vec<Written>)> {
        let all = paper.bytes().map_err(|error| failed("the journal cannot be read", error))?;
        let mut written: Vec<Written> = Vec::new();
        let mut whole = 0;
        for line in all.split_inclusive(|byte| *byte == b'\n') {
            let Some((number, text)) = parts(line) else { break };
            if written.last().is_some_and(|last| last.number.checked_add(1) != Some(number)) {
                break;
            }
            let (changes, sizes) = changes(text)?.into_iter().unzip();
            written.push(Written { number, changes, sizes });
            whole += line.len() as u64;
        }
        let cut_off = all.len() as u64 - whole;
        if cut_off > 0 {
            paper.cut(whole).map_err(uncut)?;
            // Its numbers come again, so nothing of it may come back.
            paper.sync().map_err(unflushed)?;
        }
        Ok((Self { paper, bytes: whole, cut_off }, written))
    }

    /// Writes down what is written. If that fails it is tried again over three quarters of a second, in which the caller's
    /// thread stands still. Kind `Storage` if it cannot be; then it is not there, unless what was begun cannot be cut off.
    pub fn append(&mut self, number: u64, entry: &Entry) -> Result<()> {
        let mut line = vec![0; CHECKSUM_DIGITS];
        line.extend_from_slice(format!(" {number} ").as_bytes());
        line.extend_from_slice(&entry.text);
        let (place, summed) = line.split_at_mut(CHECKSUM_DIGITS);
        place.copy_from_slice(&checksum(summed));
        line.push(b'\n');
        let mut waits_ms = RETRIES_MS.iter();
        while let Err(error) = self.paper.append(&line) {
            // Part of it may be there.
            let is_cut = self.paper.cut(self.bytes).is_ok();
            let Some(wait_ms) = waits_ms.next().filter(|_| is_cut) else {
                let what = format!("what was decided cannot be stored in the state folder: {error}");
                return Err(failed(&what, error));
            };
            std::thread::sleep(Duration::from_millis(*wait_ms));
        }
        self.bytes += line.len() as u64;
        Ok(())
    }

    /// Forgets everything: the table has it. Kind `Storage` if that cannot be done.
    pub fn clear(&mut self) -> Result<()> {
        self.paper.cut(0).map_err(uncut)?;
        self.bytes = 0;
        Ok(())
    }

    /// Waits until it is as it is also after a loss of power. Kind `Storage` if that cannot be done.
    pub fn sync(&mut self) -> Result<()> {
        self.paper.sync().map_err(unflushed)
    }

    /// How many bytes were not whole when it was opened.
    pub fn cut_off(&self) -> u64 {
        self.cut_off
    }

    /// How large it is.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// The number and the changes of a line that is whole.
fn parts(line: &[u8]) -> Option<(u64, &[u8])> {
    let (sum, summed) = line.strip_suffix(b"\n")?.split_at_checked(CHECKSUM_DIGITS)?;
    if *sum != checksum(summed) {
        return None;
    }
    let rest = summed.strip_prefix(b" ")?;
    let end = rest.iter().position(|byte| *byte == b' ')?;
    Some((str::from_utf8(&rest[..end]).ok()?.parse().ok()?, &rest[end + 1..]))
}

/// The changes of a line, each with its size.
fn changes(text: &[u8]) -> Result<Vec<(Change, usize)>> {
    let parts: Vec<&[u8]> = text.split(|byte| *byte == b'\t').collect();
    let change = |parts: &[&[u8]]| {
        let [key, row, due_ms] = parts else { return Err(of_another_version()) };
        let size = key.len() + row.len() + due_ms.len() + parts.len();
        let row: Option<Row> = read(row)?;
        let to = row.map_or(Becomes::Gone, Becomes::Row);
        Ok((Change { key: read::<Key>(key)?, expect: Expect::Anything, to, due_ms: read(due_ms)? }, size))
    };
    parts.chunks(3).map(change).collect()
}

fn read<T: serde::de::DeserializeOwned>(json: &[u8]) -> Result<T> {
    serde_json::from_slice(json).map_err(|error| of_another_version().because(error))
}

fn of_another_version() -> Error {
    let what = "the state folder's journal holds rows of another version of this program; run that version on it once, and it \
                brings them where every version reads them";
    Error::new(ErrorKind::Configuration, what)
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_DIGITS] {
    let mut digits = [0; CHECKSUM_DIGITS];
    let hex = blake3::hash(bytes).to_hex();
    digits.copy_from_slice(&hex.as_bytes()[..CHECKSUM_DIGITS]);
    digits
}

fn write<T: serde::Serialize>(json: &mut Vec<u8>, value: &T) -> Result<()> {
    serde_json::to_writer(json, value)
        .map_err(|error| Error::new(ErrorKind::Internal, "a row cannot be written as JSON").because(error))
}

fn unflushed(error: io::Error) -> Error {
    failed("the journal cannot be flushed", error)
}

fn uncut(error: io::Error) -> Error {
    failed("the journal cannot be cut", error)
}

fn failed(what: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::Storage, what).because(error)
}
