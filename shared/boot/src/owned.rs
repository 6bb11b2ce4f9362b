//! Rows of a store that belongs to this process alone, kept in memory as they were last read or written. The state
//! folder's lock is what makes this right; where others write too it would be wrong.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use engine::error::Result;
use engine::ports::{Becomes, Change, Expect, Key, Page, Range, Store, Versioned};

/// More rows than this are forgotten and read again.
const MOST: usize = 20_000;

/// A store whose rows this process alone writes.
pub(crate) struct Owned {
    store: Arc<dyn Store>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    rows: BTreeMap<Key, Option<Versioned>>,
    /// Counts writes, so that a read that was under way during one is not kept.
    writes: u64,
}

impl Owned {
    /// Keeps what is read from and written to `store`.
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, known: Mutex::default() }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for Owned {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>> {
        let (missing, writes) = {
            let known = self.known();
            let missing: Vec<Key> =
                keys.iter().filter(|key| !known.rows.contains_key(*key)).cloned().collect();
            (missing, known.writes)
        };
        let read = if missing.is_empty() { Vec::new() } else { self.store.read(&missing).await? };
        let fresh: BTreeMap<Key, Option<Versioned>> = missing.into_iter().zip(read).collect();
        let mut known = self.known();
        if known.writes == writes {
            known.rows.extend(fresh.clone());
        }
        let answer =
            keys.iter().map(|key| known.rows.get(key).or(fresh.get(key)).cloned().flatten()).collect();
        if known.rows.len() > MOST {
            known.rows.clear();
        }
        Ok(answer)
    }

    async fn write(&self, changes: &[Change]) -> Result<()> {
        let written = self.store.write(changes).await;
        let mut known = self.known();
        known.writes += 1;
        for change in changes {
            let version = match change.expect {
                Expect::Absent => Some(1),
                Expect::Version(version) => Some(version + 1),
                Expect::Anything => None,
            };
            match (&change.to, version) {
                // Whether it happened is not known, or which version it made.
                _ if written.is_err() => drop(known.rows.remove(&change.key)),
                (Becomes::Row(_), None) => drop(known.rows.remove(&change.key)),
                // Events are only ever listed.
                (Becomes::Row(_), Some(_)) if matches!(change.key, Key::Event(..)) => {
                    known.rows.remove(&change.key);
                }
                (Becomes::Row(row), Some(version)) => {
                    known.rows.insert(change.key.clone(), Some(Versioned { row: row.clone(), version }));
                }
                (Becomes::Gone, _) => drop(known.rows.insert(change.key.clone(), None)),
                (Becomes::Same, _) => {}
            }
        }
        written
    }

    async fn list(&self, range: &Range, from: Option<&str>, limit: usize) -> Result<Page> {
        self.store.list(range, from, limit).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::memory::MemoryStore;
    use engine::memory::virtual_time::{Executor, VirtualTime};

    #[test]
    fn it_behaves_as_the_store_it_keeps() {
        let store = Arc::new(Owned::new(Arc::new(MemoryStore::default())));
        let verdict = Executor::new(VirtualTime::new(0), 1)
            .block_on(async move { engine::contract::store_contract(store.as_ref()).await });
        assert_eq!(verdict, Some(Ok(())));
    }
}
