//! Rows of a store that belongs to this process alone, kept in memory as they were last read or written. The state
//! folder's lock is what makes this right; where others write too it would be wrong.

use std::collections::{BTreeMap, BTreeSet};
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
    /// The keys of each read under way that no write has touched meanwhile.
    reads: BTreeMap<u64, BTreeSet<Key>>,
    /// How many reads there were.
    read_count: u64,
    /// The keys that writes under way are about, each as often as there are such writes.
    writing: BTreeMap<Key, usize>,
}

impl Known {
    /// What a write is about is unknown while it is under way, and to reads that began before its end.
    fn touch(&mut self, changes: &[Change]) {
        for key in written(changes) {
            self.rows.remove(key);
            self.reads.values_mut().for_each(|keys| {
                keys.remove(key);
            });
        }
    }

    /// Keeps what a write that has succeeded left, but for rows another write is about.
    fn keep(&mut self, changes: &[Change]) {
        for change in changes.iter().filter(|change| !self.writing.contains_key(&change.key)) {
            let version = match change.expect {
                Expect::Absent => Some(1),
                Expect::Version(version) => Some(version + 1),
                Expect::Anything => None,
            };
            match (&change.to, version) {
                // Events are only ever listed.
                (Becomes::Row(_), Some(_)) if matches!(change.key, Key::Event(..)) => {}
                (Becomes::Row(row), Some(version)) => {
                    self.rows.insert(change.key.clone(), Some(Versioned { row: row.clone(), version }));
                }
                (Becomes::Gone, _) => drop(self.rows.insert(change.key.clone(), None)),
                (Becomes::Row(_), None) | (Becomes::Same, _) => {}
            }
        }
    }
}

fn written(changes: &[Change]) -> impl Iterator<Item = &Key> {
    changes.iter().filter(|change| change.to != Becomes::Same).map(|change| &change.key)
}

/// A write under way; whoever began it may drop it, and it may happen all the same.
struct Writing<'a> {
    owned: &'a Owned,
    changes: &'a [Change],
    /// It has succeeded.
    happened: bool,
}

impl<'a> Writing<'a> {
    fn begin(owned: &'a Owned, changes: &'a [Change]) -> Self {
        let mut known = owned.known();
        known.touch(changes);
        for key in written(changes) {
            *known.writing.entry(key.clone()).or_default() += 1;
        }
        Self { owned, changes, happened: false }
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let mut known = self.owned.known();
        known.touch(self.changes);
        for key in written(self.changes) {
            if let Some(count) = known.writing.get_mut(key) {
                *count -= 1;
                if *count == 0 {
                    known.writing.remove(key);
                }
            }
        }
        if self.happened {
            known.keep(self.changes);
        }
    }
}

/// A read under way.
struct Reading<'a> {
    owned: &'a Owned,
    number: u64,
}

impl<'a> Reading<'a> {
    fn begin(owned: &'a Owned, known: &mut Known, keys: &[Key]) -> Self {
        known.read_count += 1;
        let number = known.read_count;
        let free = keys.iter().filter(|key| !known.writing.contains_key(*key)).cloned().collect();
        known.reads.insert(number, free);
        Self { owned, number }
    }

    /// Ends the read: the keys whose rows may be kept.
    fn end(&self) -> BTreeSet<Key> {
        self.owned.known().reads.remove(&self.number).unwrap_or_default()
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.owned.known().reads.remove(&self.number);
    }
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
        let (mut rows, missing, reading) = {
            let mut known = self.known();
            let rows: BTreeMap<Key, Option<Versioned>> =
                keys.iter().filter_map(|key| Some((key.clone(), known.rows.get(key)?.clone()))).collect();
            let missing: Vec<Key> = keys.iter().filter(|key| !rows.contains_key(*key)).cloned().collect();
            let reading = Reading::begin(self, &mut known, &missing);
            (rows, missing, reading)
        };
        if !missing.is_empty() {
            let fresh = self.store.read(&missing).await?;
            let may_keep = reading.end();
            let mut known = self.known();
            if known.rows.len() > MOST {
                known.rows.clear();
            }
            for (key, row) in missing.into_iter().zip(fresh) {
                if may_keep.contains(&key) {
                    known.rows.insert(key.clone(), row.clone());
                }
                rows.insert(key, row);
            }
        }
        Ok(keys.iter().map(|key| rows.get(key).cloned().flatten()).collect())
    }

    async fn write(&self, changes: &[Change]) -> Result<()> {
        let mut writing = Writing::begin(self, changes);
        self.store.write(changes).await?;
        writing.happened = true;
        Ok(())
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

    /// Writes, and never says so.
    struct Silent(Arc<MemoryStore>);

    #[async_trait]
    impl Store for Silent {
        async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>> {
            self.0.read(keys).await
        }

        async fn write(&self, changes: &[Change]) -> Result<()> {
            self.0.write(changes).await?;
            std::future::pending().await
        }

        async fn list(&self, range: &Range, from: Option<&str>, limit: usize) -> Result<Page> {
            self.0.list(range, from, limit).await
        }
    }

    #[test]
    fn a_write_nobody_waited_for_is_seen() {
        let inner = Arc::new(MemoryStore::default());
        let owned = Owned::new(Arc::new(Silent(inner)));
        use engine::ports::Row;
        let key = Key::Counters(engine::model::TenantId::new("a"), 0);
        let change = Change {
            key: key.clone(),
            expect: Expect::Absent,
            to: Becomes::Row(Row::Counters(engine::model::Counters::default())),
            due_ms: None,
        };
        let rows = Executor::new(VirtualTime::new(0), 1).block_on(async move {
            let before = owned.read(std::slice::from_ref(&key)).await?;
            let changes = [change];
            let write = owned.write(&changes);
            let soon = futures::future::ready(());
            drop(futures::future::select(write, soon).await);
            let after = owned.read(&[key]).await?;
            Ok::<_, engine::error::Error>((before, after))
        });
        let (before, after) = rows.unwrap().unwrap();
        assert_eq!(before, [None]);
        assert_eq!(after[0].as_ref().map(|versioned| versioned.version), Some(1));
    }
}
