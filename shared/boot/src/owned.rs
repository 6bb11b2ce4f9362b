//! Rows of a store that belongs to this process alone. What is so stands in memory; a journal holds what was written; and a
//! thread of its own brings it to the store when there is little else to do, in the order it was written and many writes at a time.
//!
//! A write is answered when it holds in memory and stands in the journal, so whatever was answered outlives the process. After a
//! loss of power the newest writes may be missing; what is left is what an earlier moment would have left: the store is told with
//! each batch how far the journal has come in it, and a journal that does not begin there is of no use. The state folder's lock is
//! what makes this right; where others write too it would be wrong. Rows about the work of a moment are in neither: whoever did
//! that work is this process.

mod rows;
mod thread;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use engine::error::{Error, ErrorKind, Result};
use engine::model::{Event, RunKey};
use engine::ports::{Change, Clock, Key, Page, Range, Row, Store, Versioned};
use futures::channel::mpsc::UnboundedReceiver;
use futures::channel::oneshot;
use store::{Entry, Journal, Written};

pub use rows::{Batch, Rows};
pub use thread::StoreThread;

/// What reads rows from the store, and is told when some wait to be brought there.
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
    /// Keeps the rows of `store` and of its journal, with a thread to bring these there; `is_new` if there is nothing in the store. Kind
    /// `Storage` if the store or the journal cannot be used, or no thread can be started.
    pub(crate) async fn open(
        journal: (Journal, Vec<Written>),
        store: Arc<dyn Store>,
        is_new: bool,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let stored = if is_new { 0 } else { stored(store.as_ref()).await? };
        let rows = Arc::new(Mutex::new(Rows::open(journal, stored, is_new)?));
        let disk = StoreThread::start(store, Arc::clone(&rows))?;
        Ok(Self::over(rows, disk, clock))
    }
}

/// The number of the last write of a journal that is in a store; 0 for none.
pub async fn stored(store: &dyn Store) -> Result<u64> {
    Ok(match store.read(&[Key::Journal]).await?.pop().flatten() {
        Some(Versioned { row: Row::Journal(number), .. }) => number,
        _ => 0,
    })
}

impl<D: Disk> Owned<D> {
    /// Keeps rows that `disk` reads and that somebody takes from `rows` to store them; what lasts a moment ends by `clock`.
    pub fn over(rows: Arc<Mutex<Rows>>, disk: D, clock: Arc<dyn Clock>) -> Self {
        Self { rows, disk, clock, reads_memory: Default::default() }
    }

    /// Waits until everything written so far is in the store. Kind `Storage` if it cannot be brought there; then nothing is
    /// written or read any more.
    pub async fn settled(&self) -> Result<()> {
        let Some(stored) = self.rows().when_stored()? else { return Ok(()) };
        self.disk.wake();
        answered(stored).await
    }

    /// Waits for the day on which nothing can be kept any more, and says why. A program has no reason to live on.
    pub async fn broken(&self) -> Error {
        let breaks = self.rows().when_broken();
        breaks.await.unwrap_or_else(|_| ended())
    }

    /// Every event of every run from now on, once it is written.
    pub fn watch(&self) -> UnboundedReceiver<(RunKey, Event)> {
        self.rows().watch()
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        lock(&self.rows)
    }

    /// Takes rows that nobody has asked for yet from the store into memory.
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
        // What the store would refuse is refused now, for later it could not be undone.
        let entry = Entry::of(changes, rows::stays)?;
        while self.rows().is_full() {
            self.settled().await?;
        }
        loop {
            self.load(changes.iter().map(|change| &change.key)).await?;
            let now_ms = self.clock.now_ms();
            let (outcome, wakes) = {
                let mut rows = self.rows();
                let before = (rows.has_waiting(), rows.is_urgent());
                (rows.write(changes, &entry, now_ms), (rows.has_waiting(), rows.is_urgent()) != before)
            };
            // The work of a moment wakes nobody, and whoever knows of some of it finds the rest.
            if wakes {
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
