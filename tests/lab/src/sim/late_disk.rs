//! The disk of a laptop: boot's rows of one process, stored late and in virtual time. A process that is killed takes what was
//! not stored with it.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use boot::{Batch, Disk, Owned, Rows};
use engine::error::Result;
use engine::memory::{MemoryStore, SeededRandom};
use engine::ports::{Clock, Key, Page, Random as _, Range, Store as _, Versioned};

use super::ports::Log;

/// A batch waits up to so long, and takes up to so long: fast, slow, nearly full. Drawn for each process.
const LATEST_MS: [u64; 3] = [5, 50, 1_500];

/// What brings the rows of one process to its disk.
#[derive(Clone)]
pub(super) struct LateDisk {
    rows: Arc<Mutex<Rows>>,
    store: Arc<MemoryStore>,
    log: Arc<Log>,
    clock: Arc<dyn Clock>,
    random: Arc<SeededRandom>,
    latest_ms: u64,
}

impl LateDisk {
    pub(super) fn new(
        store: Arc<MemoryStore>,
        log: Arc<Log>,
        clock: Arc<dyn Clock>,
        random: SeededRandom,
    ) -> Self {
        let latest_ms = LATEST_MS[(random.next_u64() % 3) as usize];
        let rows = if store.all_rows().is_empty() { Rows::of_empty_disk() } else { Rows::default() };
        Self { rows: Arc::new(Mutex::new(rows)), store, log, clock, random: Arc::new(random), latest_ms }
    }

    /// The store of the process.
    pub(super) fn owned(&self) -> Owned<Self> {
        Owned::over(self.rows.clone(), self.clone(), self.clock.clone())
    }

    /// Stores batch after batch until the process dies.
    pub(super) async fn store_for_ever(&self) {
        loop {
            self.clock.sleep(1 + self.random.next_u64() % self.latest_ms).await;
            while let Some(batch) = self.next() {
                let changes = batch.changes();
                // A slow disk: much is written meanwhile.
                self.clock.sleep(self.random.next_u64() % self.latest_ms).await;
                let outcome = self.store.write(&changes).await;
                if outcome.is_ok() {
                    self.log.note(&changes);
                }
                self.rows.lock().unwrap_or_else(PoisonError::into_inner).batch_ended(&batch, outcome);
            }
        }
    }

    fn next(&self) -> Option<Batch> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).take_batch()
    }
}

#[async_trait]
impl Disk for LateDisk {
    async fn read(&self, keys: Vec<Key>) -> Result<Vec<Option<Versioned>>> {
        self.store.read(&keys).await
    }

    async fn list(&self, range: Range, from: Option<String>, limit: usize) -> Result<Page> {
        self.store.list(&range, from.as_deref(), limit).await
    }

    fn wake(&self) {}
}
