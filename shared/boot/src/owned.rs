//! Rows of a store that belongs to this process alone. What is so stands in memory; a thread of its own brings it to the
//! disk, in the order it was written and several writes at a time.
//!
//! A write is answered when it holds in memory. What must not happen before a write is on the disk (a paid call, a post,
//! the end of the program) waits for [`Owned::settled`] first, and events are told to watchers once they are stored; so a
//! process that dies leaves what an earlier moment of it would have left, and nothing outside has seen more. The state
//! folder's lock is what makes this right; where others write too it would be wrong. Rows about the work of a moment never go
//! to the disk: whoever did that work is this process.

mod rows;
mod thread;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use engine::error::{Error, ErrorKind, Result};
use engine::model::{Event, RunKey};
use engine::ports::{Change, Clock, Key, Page, Range, Store, Versioned};
use futures::channel::mpsc::UnboundedReceiver;
use futures::channel::oneshot;

pub use rows::{Batch, Rows};
pub use thread::StoreThread;

/// More writes than this that are not on the disk, and the next one waits until they are.
const MOST_UNSTORED: u64 = 5_000;

/// What reads rows from the disk, and is told when some wait to be stored.
#[async_trait]
pub trait Disk: Send + Sync {
    /// As [`Store::read`].
    async fn read(&self, keys: Vec<Key>) -> Result<Vec<Option<Versioned>>>;
    /// As [`Store::list`].
    async fn list(&self, range: Range, from: Option<String>, limit: usize) -> Result<Page>;
    /// Something waits to be stored where nothing did, or somebody waits for it.
    fn wake(&self);
}

/// A store whose rows this process alone writes.
pub struct Owned<D = StoreThread> {
    rows: Arc<Mutex<Rows>>,
    disk: D,
    clock: Arc<dyn Clock>,
    /// Held by whoever reads memory from the disk: those who come meanwhile find what he has read.
    reads_memory: futures::lock::Mutex<()>,
}

impl Owned {
    /// Keeps the rows of `store`, with a thread for it; `rows` are of an empty disk if there is nothing in the store. Kind `Storage`
    /// if no thread can be started.
    pub(crate) fn new(rows: Rows, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Result<Self> {
        let rows = Arc::new(Mutex::new(rows));
        let disk = StoreThread::start(store, Arc::clone(&rows))?;
        Ok(Self::over(rows, disk, clock))
    }
}

impl<D: Disk> Owned<D> {
    /// Keeps rows that `disk` reads and that somebody takes from `rows` to store them; what lasts a moment ends by `clock`.
    pub fn over(rows: Arc<Mutex<Rows>>, disk: D, clock: Arc<dyn Clock>) -> Self {
        Self { rows, disk, clock, reads_memory: Default::default() }
    }

    /// Waits until everything written so far is on the disk. Kind `Storage` if it cannot be brought there; then nothing is
    /// written or read any more.
    pub async fn settled(&self) -> Result<()> {
        let Some(stored) = self.rows().when_stored()? else { return Ok(()) };
        self.disk.wake();
        answered(stored).await
    }

    /// Waits for the day on which nothing can be stored any more, and says why. A program has no reason to live on.
    pub async fn broken(&self) -> Error {
        let breaks = self.rows().when_broken();
        breaks.await.unwrap_or_else(|_| ended())
    }

    /// Every event of every run from now on, once it is stored.
    pub fn watch(&self) -> UnboundedReceiver<(RunKey, Event)> {
        self.rows().watch()
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        lock(&self.rows)
    }

    /// Takes rows that nobody has asked for yet from the disk into memory.
    async fn load(&self, keys: impl Iterator<Item = &Key> + Clone + Send) -> Result<()> {
        loop {
            let (missing, generation) = {
                let rows = self.rows();
                rows.check()?;
                (rows.unknown(keys.clone()), rows.generation())
            };
            if missing.is_empty() {
                return Ok(());
            }
            let fresh = self.disk.read(missing.clone()).await?;
            // Rows that were forgotten meanwhile may have been written before that: what was read is too old.
            self.rows().learn(missing, fresh, generation);
        }
    }
}

#[async_trait]
impl<D: Disk> Store for Owned<D> {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>> {
        loop {
            self.load(keys.iter()).await?;
            if let Some(found) = self.rows().read(keys) {
                return Ok(found);
            }
        }
    }

    async fn write(&self, changes: &[Change]) -> Result<()> {
        // What the disk would refuse is refused now, for later it could not be undone.
        let bytes = store::check(changes)?;
        if self.rows().unstored() > MOST_UNSTORED {
            self.settled().await?;
        }
        loop {
            self.load(changes.iter().map(|change| &change.key)).await?;
            let now_ms = self.clock.now_ms();
            let (outcome, begins_to_wait) = {
                let mut rows = self.rows();
                let waited = rows.has_waiting();
                (rows.write(changes, bytes, now_ms), !waited && rows.has_waiting())
            };
            // The work of a moment wakes nobody, and whoever knows of some of it finds the rest.
            if begins_to_wait {
                self.disk.wake();
            }
            if let Some(outcome) = outcome {
                return outcome;
            }
        }
    }

    async fn list(&self, range: &Range, from: Option<&str>, limit: usize) -> Result<Page> {
        let mut one_reads = None;
        if from.is_none() {
            if let Some(page) = self.rows().list(range, limit)? {
                return Ok(page);
            }
            if let Range::Memory(..) = range {
                one_reads = Some(self.reads_memory.lock().await);
                if let Some(page) = self.rows().list(range, limit)? {
                    return Ok(page);
                }
            }
        }
        let remembered = self.rows().remembered();
        self.settled().await?;
        let generation = self.rows().generation();
        let page = self.disk.list(range.clone(), from.map(str::to_owned), limit).await?;
        let (keys, found): (Vec<Key>, Vec<Versioned>) = page.rows.into_iter().unzip();
        self.rows().learn(keys.clone(), found.into_iter().map(Some).collect(), generation);
        let found = self.read(&keys).await?;
        if one_reads.is_some() {
            let listed = (keys.clone(), page.next.clone());
            self.rows().keep_listing(range, limit, listed, (remembered, generation));
        }
        let rows = keys.into_iter().zip(found).filter_map(|(key, row)| Some((key, row?))).collect();
        Ok(Page { rows, next: page.next })
    }
}

fn lock(rows: &Mutex<Rows>) -> MutexGuard<'_, Rows> {
    rows.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answered<T>(reply: oneshot::Receiver<Result<T>>) -> Result<T> {
    reply.await.unwrap_or_else(|_| Err(ended()))
}

fn ended() -> Error {
    Error::new(ErrorKind::Storage, "the store's thread has ended")
}

/// What a caller waits for.
type Reply<T> = oneshot::Sender<Result<T>>;

#[cfg(test)]
mod tests;
