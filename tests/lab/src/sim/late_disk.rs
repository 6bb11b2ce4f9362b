//! The disk of a laptop: the journal of boot's rows, and the store they are brought to late and in virtual time. A process that
//! is killed leaves its journal, sometimes with half a line of what it was about to write.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use boot::{Batch, Disk, Owned, Rows};
use engine::error::Result;
use engine::memory::{MemoryStore, SeededRandom};
use engine::ports::{Clock, Key, Page, Random as _, Range, Store as _, Versioned};
use store::Journal;

/// A batch waits up to so long, and takes up to so long: fast, slow, nearly full. Drawn for each process.
const LATEST_MS: [u64; 3] = [5, 50, 1_500];

/// What brings the rows of one process to its disk.
#[derive(Clone)]
pub(super) struct LateDisk {
    rows: Arc<Mutex<Rows>>,
    store: Arc<MemoryStore>,
    clock: Arc<dyn Clock>,
    random: Arc<SeededRandom>,
    latest_ms: u64,
}

/// The bytes of a journal, which outlive processes.
pub(super) type Sheet = Arc<Mutex<Vec<u8>>>;

/// Half of the last line once more, as of a process that was killed while it wrote.
fn tear(sheet: &Sheet) {
    let mut bytes = sheet.lock().unwrap_or_else(PoisonError::into_inner);
    let end = bytes.len().saturating_sub(1);
    let last = bytes[..end].iter().rposition(|byte| *byte == b'\n').map_or(0, |line| line + 1);
    bytes.extend_from_within(last..last + (end - last) / 2);
}

impl LateDisk {
    /// The disk as a new process finds it.
    pub(super) async fn open(
        store: Arc<MemoryStore>,
        sheet: Sheet,
        clock: Arc<dyn Clock>,
        random: SeededRandom,
    ) -> Result<Self> {
        let latest_ms = LATEST_MS[(random.next_u64() % 3) as usize];
        if random.next_u64().is_multiple_of(2) {
            tear(&sheet);
        }
        let stored = boot::stored(store.as_ref()).await?;
        let rows = Rows::open(Journal::on(Box::new(sheet))?, stored, store.all_rows().is_empty())?;
        Ok(Self { rows: Arc::new(Mutex::new(rows)), store, clock, random: Arc::new(random), latest_ms })
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
                let mut outcome = Ok(());
                for changes in batch.transactions() {
                    // A slow disk: much is written meanwhile.
                    self.clock.sleep(self.random.next_u64() % self.latest_ms).await;
                    outcome = outcome.and(self.store.write(&changes).await);
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
