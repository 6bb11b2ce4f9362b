//! A journal: what one process has written, from the moment it is told so until the table has it.
//!
//! A line per write: a checksum, the write's number, and its changes as JSON. Numbers rise by one. A line is in the operating
//! system's hands when [`Journal::append`] returns, and survives the end of the process, however it ends. What stands behind the first
//! line that is not whole was never answered, or was lost with the power; it is cut off.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use engine::error::{Error, ErrorKind, Result};
use engine::ports::{Becomes, Change, Expect, Key, Row};

use crate::dynamo::{check, check_row, check_rows};

const CHECKSUM_DIGITS: usize = 16;

/// What a journal stands on.
pub trait Paper: Send {
    /// All bytes.
    fn bytes(&mut self) -> io::Result<Vec<u8>>;
    /// Puts bytes behind all others.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Leaves the first so many bytes.
    fn cut(&mut self, bytes: u64) -> io::Result<()>;
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
}

/// Whole rows that become so, or go, together.
#[derive(Debug)]
pub struct Entry(Vec<u8>);

impl Entry {
    /// Those of the changes that stay, as they stand in a journal. Errors: whatever the table would refuse whatever it holds: kind
    /// `Internal` for more than 100 changes or a key twice, `InvalidInput` for a name that is too long, `TooLarge` for a row or for
    /// rows that are too large together.
    pub fn of(changes: &[Change], stays: impl Fn(&Change) -> bool) -> Result<Self> {
        check(changes)?;
        let mut json = b"[".to_vec();
        for change in changes.iter().filter(|change| stays(change)) {
            json.extend_from_slice(if json.len() > 1 { b",[" } else { b"[" });
            write(&mut json, &change.key)?;
            json.push(b',');
            let before = json.len();
            match &change.to {
                Becomes::Row(row) => write(&mut json, row)?,
                Becomes::Gone | Becomes::Same => write(&mut json, &())?,
            }
            check_row(json.len() - before)?;
            json.push(b',');
            write(&mut json, &change.due_ms)?;
            json.push(b']');
        }
        json.push(b']');
        check_rows(json.len())?;
        Ok(Self(json))
    }

    /// How large it is.
    pub fn bytes(&self) -> usize {
        self.0.len()
    }
}

/// What a journal holds of a write.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The number of the write.
    pub number: u64,
    /// What it made of each row.
    pub changes: Vec<Change>,
    /// How large its entry is.
    pub bytes: usize,
}

/// The journal of a process that owns its rows.
pub struct Journal {
    paper: Box<dyn Paper>,
    bytes: u64,
}

impl Journal {
    /// Opens a journal's file, and makes it if it is not there. Errors: as [`Journal::on`].
    pub fn open(path: &Path) -> Result<(Self, Vec<Written>)> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(path);
        Self::on(Box::new(file.map_err(|error| failed("the journal cannot be opened", error))?))
    }

    /// A journal, and all it holds; what is not whole at its end is cut off. Errors: kind `Storage` if it cannot be read or cut, or if
    /// what it holds is not of this version.
    pub fn on(mut paper: Box<dyn Paper>) -> Result<(Self, Vec<Written>)> {
        let all = paper.bytes().map_err(|error| failed("the journal cannot be read", error))?;
        let mut written: Vec<Written> = Vec::new();
        let mut whole = 0;
        for line in all.split_inclusive(|byte| *byte == b'\n') {
            let Some((number, json)) = parts(line) else { break };
            if written.last().is_some_and(|last| last.number.checked_add(1) != Some(number)) {
                break;
            }
            written.push(Written { number, changes: changes(json)?, bytes: json.len() });
            whole += line.len() as u64;
        }
        if whole < all.len() as u64 {
            paper.cut(whole).map_err(|error| failed("the journal cannot be cut", error))?;
        }
        Ok((Self { paper, bytes: whole }, written))
    }

    /// Writes down what is written. Kind `Storage` if it cannot be; then nothing may be appended any more.
    pub fn append(&mut self, number: u64, entry: &Entry) -> Result<()> {
        let mut line = Vec::with_capacity(CHECKSUM_DIGITS + 24 + entry.0.len());
        line.resize(CHECKSUM_DIGITS, 0);
        line.extend_from_slice(format!(" {number} ").as_bytes());
        line.extend_from_slice(&entry.0);
        let (place, summed) = line.split_at_mut(CHECKSUM_DIGITS);
        place.copy_from_slice(&checksum(summed));
        line.push(b'\n');
        self.paper.append(&line).map_err(|error| {
            failed(&format!("what was decided cannot be stored in the state folder: {error}"), error)
        })?;
        self.bytes += line.len() as u64;
        Ok(())
    }

    /// Forgets everything: the table has it. Kind `Storage` if that cannot be done.
    pub fn clear(&mut self) -> Result<()> {
        self.paper.cut(0).map_err(|error| failed("the journal cannot be cut", error))?;
        self.bytes = 0;
        Ok(())
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

fn changes(json: &[u8]) -> Result<Vec<Change>> {
    let changes: Vec<(Key, Option<Row>, Option<u64>)> = serde_json::from_slice(json).map_err(|error| {
        Error::new(ErrorKind::Storage, "the journal holds rows of another version of this program")
            .because(error)
    })?;
    let change = |(key, row, due_ms): (Key, Option<Row>, _)| {
        let to = row.map_or(Becomes::Gone, Becomes::Row);
        Change { key, expect: Expect::Anything, to, due_ms }
    };
    Ok(changes.into_iter().map(change).collect())
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

fn failed(what: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::Storage, what).because(error)
}
