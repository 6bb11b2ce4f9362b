//! The provider's own books: every call, and what it charges for it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use engine::model::{NanoUsd, Usage};
use serde::{Deserialize, Serialize};

use super::fault::Call;

/// One call in the books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BillLine {
    /// Its number, from 1.
    pub number: u64,
    /// When it was booked, in milliseconds since 1970, by the machine's clock.
    #[serde(default)]
    pub at_ms: u64,
    /// The agent.
    pub agent: String,
    /// The item's id, or `-`.
    pub item: String,
    /// The model.
    pub model: String,
    /// A digest of everything that was sent: equal requests have equal digests.
    pub request: String,
    /// How it ended: `answer`, `tools`, `missing input <name>`, or the fault.
    pub outcome: String,
    /// Whether it is charged.
    pub billed: bool,
    /// The tokens charged, none if it is not billed.
    pub usage: Usage,
    /// What is charged; `None` if the model has no price.
    pub cost_nano_usd: Option<i64>,
}

/// All calls of a provider. With a file, each line is on it before the answer is sent, so the books outlive both sides.
#[derive(Debug, Default)]
pub struct Bill {
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    numbered: u64,
    calls: BTreeMap<(String, String), u64>,
    lines: Vec<BillLine>,
    file: Option<File>,
}

impl Bill {
    /// Books that are also written to a file, a JSON object a line, after what it already holds.
    pub fn in_file(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { books: Mutex::new(Books { file: Some(file), ..Books::default() }) })
    }

    /// Reads a file of books; a last line that was not finished is left out.
    pub fn read(path: &Path) -> io::Result<Vec<BillLine>> {
        let text = std::fs::read_to_string(path)?;
        Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<BillLine> {
        self.books().lines.clone()
    }

    /// What all calls so far cost.
    pub fn total(&self) -> NanoUsd {
        self.books().lines.iter().filter_map(|line| line.cost_nano_usd).map(NanoUsd).sum()
    }

    /// How many calls each agent made.
    pub fn calls_by_agent(&self) -> BTreeMap<String, u64> {
        let mut calls = BTreeMap::new();
        for line in &self.books().lines {
            *calls.entry(line.agent.clone()).or_default() += 1;
        }
        calls
    }

    pub(super) fn number(&self, agent: &str, item: &str, model: &str) -> Call {
        let mut books = self.books();
        books.numbered += 1;
        let nth = books.calls.entry((agent.to_owned(), item.to_owned())).or_default();
        *nth += 1;
        let nth = *nth;
        Call {
            number: books.numbered,
            agent: agent.to_owned(),
            item: item.to_owned(),
            nth,
            model: model.to_owned(),
        }
    }

    /// Books a line. A file that cannot be written would make the books wrong without a word, so it is an error.
    pub(super) fn book(&self, mut line: BillLine) -> io::Result<()> {
        line.at_ms = now_ms();
        let mut books = self.books();
        if let Some(file) = &mut books.file {
            let mut text = serde_json::to_string(&line)?;
            text.push('\n');
            file.write_all(text.as_bytes())?;
        }
        books.lines.push(line);
        Ok(())
    }

    /// Charges so much more for a call, or less, than was booked for it: its answer came to be another one on its way.
    pub(crate) fn correct(
        &self,
        (agent, item): (&str, &str),
        model: &str,
        by_nano_usd: i64,
    ) -> io::Result<()> {
        let number = self.books().numbered;
        self.book(BillLine {
            number,
            at_ms: 0,
            agent: agent.to_owned(),
            item: item.to_owned(),
            model: model.to_owned(),
            request: String::new(),
            outcome: "corrected".to_owned(),
            billed: true,
            usage: Usage::default(),
            cost_nano_usd: Some(by_nano_usd),
        })
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[expect(clippy::disallowed_methods, reason = "the provider lives outside the simulated world")]
fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
