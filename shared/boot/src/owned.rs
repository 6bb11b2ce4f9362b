//! Rows of a store that belongs to this process alone. What is so stands in memory; a thread of its own brings it to the
//! disk, in the order it was written and several writes at a time.
//!
//! A write is answered when it holds in memory. What must not happen before a write is on the disk (a paid call, a post,
//! the end of the program) waits for [`Owned::settled`] first; then a process that dies leaves what an earlier moment of
//! it would have left, and nothing outside has seen more. The state folder's lock is what makes this right; where others
//! write too it would be wrong.

mod rows;
mod thread;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use engine::error::{Error, ErrorKind, Result};
use engine::ports::{Change, Key, Page, Range, Store, Versioned};
use futures::channel::oneshot;

use rows::Rows;
use thread::{Job, StoreThread};

/// A store whose rows this process alone writes.
pub struct Owned {
    rows: Arc<Mutex<Rows>>,
    thread: StoreThread,
}

impl Owned {
    /// Keeps the rows of `store`. Kind `Storage` if no thread can be started.
    pub(crate) fn new(store: Arc<dyn Store>) -> Result<Self> {
        let rows = Arc::new(Mutex::new(Rows::default()));
        let thread = StoreThread::start(store, rows.clone())?;
        Ok(Self { rows, thread })
    }

    /// Waits until everything written so far is on the disk. Kind `Storage` if it cannot be brought there; then nothing is
    /// written or read any more.
    pub async fn settled(&self) -> Result<()> {
        let Some(stored) = self.rows().when_stored()? else { return Ok(()) };
        self.thread.wake();
        stored.await.unwrap_or_else(|_| Err(ended()))
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        lock(&self.rows)
    }

    /// Takes rows that nobody has asked for yet from the disk into memory.
    async fn load(&self, keys: impl Iterator<Item = &Key> + Clone) -> Result<()> {
        loop {
            let (missing, generation) = {
                let rows = self.rows();
                rows.check()?;
                (rows.unknown(keys.clone()), rows.generation())
            };
            if missing.is_empty() {
                return Ok(());
            }
            let fresh = self.thread.ask(|reply| Job::Read(missing.clone(), reply)).await?;
            // Rows that were forgotten meanwhile may have been written before that: what was read is too old.
            self.rows().learn(missing, fresh, generation);
        }
    }
}

#[async_trait]
impl Store for Owned {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>> {
        loop {
            self.load(keys.iter()).await?;
            if let Some(found) = self.rows().read(keys) {
                return Ok(found);
            }
        }
    }

    async fn write(&self, changes: &[Change]) -> Result<()> {
        let sizes = rows::sizes(changes)?;
        loop {
            self.load(changes.iter().map(|change| &change.key)).await?;
            if let Some(outcome) = self.rows().write(changes, sizes) {
                self.thread.wake();
                return outcome;
            }
        }
    }

    async fn list(&self, range: &Range, from: Option<&str>, limit: usize) -> Result<Page> {
        if from.is_none()
            && let Some(page) = self.rows().list(range, limit)
        {
            return Ok(page);
        }
        self.settled().await?;
        let (range, from) = (range.clone(), from.map(str::to_owned));
        let generation = self.rows().generation();
        let page = self.thread.ask(|reply| Job::List(range, from, limit, reply)).await?;
        let (keys, found): (Vec<Key>, Vec<Versioned>) = page.rows.into_iter().unzip();
        self.rows().learn(keys.clone(), found.into_iter().map(Some).collect(), generation);
        let found = self.read(&keys).await?;
        let rows = keys.into_iter().zip(found).filter_map(|(key, row)| Some((key, row?))).collect();
        Ok(Page { rows, next: page.next })
    }
}

fn lock(rows: &Mutex<Rows>) -> MutexGuard<'_, Rows> {
    rows.lock().unwrap_or_else(PoisonError::into_inner)
}

fn ended() -> Error {
    Error::new(ErrorKind::Storage, "the store's thread has ended")
}

/// What a caller waits for.
type Reply<T> = oneshot::Sender<Result<T>>;

#[cfg(test)]
mod tests;
