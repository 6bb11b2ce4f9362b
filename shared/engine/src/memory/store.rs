//! Rows in memory, with the conflicts real stores have: of two transactions that overlap on a row, the later one is
//! cancelled.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::Mutex;
use std::task::Poll;

use async_trait::async_trait;

use super::lock;
use crate::error::{Error, ErrorKind, Result};
use crate::ports::{Becomes, Change, Expect, Key, Page, Range, Row, Store, Versioned};

/// Rows in memory.
#[derive(Default)]
pub struct MemoryStore(Mutex<State>);

#[derive(Default)]
struct State {
    rows: BTreeMap<Key, Stored>,
    due: BTreeSet<(u64, Key)>,
    busy: BTreeSet<Key>,
}

impl State {
    fn put(&mut self, key: &Key, becomes: Option<Stored>) {
        let due_ms = becomes.as_ref().and_then(|stored| stored.due_ms);
        let before = match becomes {
            Some(stored) => self.rows.insert(key.clone(), stored),
            None => self.rows.remove(key),
        };
        if let Some(due_ms) = before.and_then(|stored| stored.due_ms) {
            self.due.remove(&(due_ms, key.clone()));
        }
        self.due.extend(due_ms.map(|due_ms| (due_ms, key.clone())));
    }

    /// The rows of a listing, in the order of their places.
    fn rows_in<'a>(&'a self, range: &'a Range) -> Vec<(Place<'a>, &'a Stored)> {
        if let Range::Due(by_ms) = range {
            let due = self.due.iter().take_while(|(due_ms, _)| due_ms <= by_ms);
            return due
                .filter_map(|(due_ms, key)| Some(((Some(*due_ms), key), self.rows.get(key)?)))
                .collect();
        }
        let Some(least) = range.least() else { return Vec::new() };
        let rows = self.rows.range(least..).take_while(|(key, _)| range.spans(key));
        rows.filter(|(key, stored)| is_in(range, key, stored))
            .map(|(key, stored)| ((None, key), stored))
            .collect()
    }
}

#[derive(Clone)]
struct Stored {
    row: Row,
    version: u64,
    due_ms: Option<u64>,
}

impl MemoryStore {
    /// Every row with a due time, for checks that nothing is left behind.
    pub fn due_rows(&self) -> Vec<(Key, u64)> {
        lock(&self.0).due.iter().map(|(due_ms, key)| (key.clone(), *due_ms)).collect()
    }

    /// True while no transaction is under way.
    pub fn is_quiet(&self) -> bool {
        lock(&self.0).busy.is_empty()
    }

    /// Every row, for checks over the whole state.
    pub fn all_rows(&self) -> Vec<(Key, Row)> {
        lock(&self.0).rows.iter().map(|(key, stored)| (key.clone(), stored.row.clone())).collect()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>> {
        yield_once().await;
        let state = lock(&self.0);
        Ok(keys.iter().map(|key| state.rows.get(key).map(versioned)).collect())
    }

    async fn write(&self, changes: &[Change]) -> Result<()> {
        const MOST: usize = 100;
        let keys: BTreeSet<&Key> = changes.iter().map(|change| &change.key).collect();
        if keys.len() != changes.len() || changes.len() > MOST {
            return Err(Error::new(
                ErrorKind::Internal,
                "a transaction has at most 100 changes, no key twice",
            ));
        }
        let _under_way = UnderWay::begin(self, changes)?;
        yield_once().await;
        let mut state = lock(&self.0);
        for change in changes {
            let version = state.rows.get(&change.key).map(|stored| stored.version);
            let holds = match change.expect {
                Expect::Absent => version.is_none(),
                Expect::Version(expected) => version == Some(expected),
                Expect::Anything => true,
            };
            if !holds {
                return Err(Error::new(ErrorKind::Conflict, "a row is not as it was read"));
            }
        }
        for change in changes {
            match &change.to {
                Becomes::Same => {}
                Becomes::Gone => state.put(&change.key, None),
                Becomes::Row(row) => {
                    let version = state.rows.get(&change.key).map_or(0, |stored| stored.version) + 1;
                    let stored = Stored { row: row.clone(), version, due_ms: change.due_ms };
                    state.put(&change.key, Some(stored));
                }
            }
        }
        Ok(())
    }

    async fn list(&self, range: &Range, from: Option<&str>, limit: usize) -> Result<Page> {
        yield_once().await;
        let state = lock(&self.0);
        let descending = matches!(range, Range::Runs(_) | Range::Memory(..) | Range::ApiKeys(_));
        let mut rows = state.rows_in(range);
        if descending {
            rows.reverse();
        }
        // A page starts after the place where the last one ended, whatever has come or gone since.
        if let Some(from) = from {
            let (due_ms, key): (Option<u64>, Key) = serde_json::from_str(from).map_err(|error| {
                Error::new(ErrorKind::InvalidInput, "no page of this store").because(error)
            })?;
            rows.retain(
                |(place, _)| if descending { *place < (due_ms, &key) } else { *place > (due_ms, &key) },
            );
        }
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|(place, _)| serde_json::json!(place).to_string());
        Ok(Page {
            rows: rows.into_iter().map(|((_, key), stored)| (key.clone(), versioned(stored))).collect(),
            next,
        })
    }
}

/// Where a row stands in a listing.
type Place<'a> = (Option<u64>, &'a Key);

/// The rows of a transaction, while it is under way.
struct UnderWay<'a> {
    store: &'a MemoryStore,
    keys: Vec<Key>,
}

impl<'a> UnderWay<'a> {
    fn begin(store: &'a MemoryStore, changes: &[Change]) -> Result<Self> {
        let keys: Vec<Key> = changes.iter().map(|change| change.key.clone()).collect();
        let mut state = lock(&store.0);
        if keys.iter().any(|key| state.busy.contains(key)) {
            return Err(Error::new(ErrorKind::Conflict, "another transaction is under way on the same row"));
        }
        state.busy.extend(keys.iter().cloned());
        drop(state);
        Ok(Self { store, keys })
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.store.0);
        for key in &self.keys {
            state.busy.remove(key);
        }
    }
}

fn versioned(stored: &Stored) -> Versioned {
    Versioned { row: stored.row.clone(), version: stored.version }
}

/// Whether a row that stands among those of a listing is one of them.
fn is_in(range: &Range, key: &Key, stored: &Stored) -> bool {
    match (range, key, &stored.row) {
        (Range::Ledger(_, month), Key::Charge(call), _) => {
            crate::calendar::month_of(&call.step.run.run) == *month
        }
        (Range::Memory(_, last), Key::Memory(_, run), _) => last.as_ref().is_none_or(|last| run <= last),
        (Range::ApiKeys(tenant), _, Row::ApiKey(key)) => key.tenant == *tenant,
        (Range::ApiKeys(_), ..) => false,
        _ => true,
    }
}

/// Lets others run once, so that operations overlap as they do on a network.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::MemoryStore;
    use crate::contract;
    use crate::memory::virtual_time::{Executor, VirtualTime};
    use crate::memory::{
        MemoryCache, MemoryContent, MemoryDelivery, MemoryLimits, MemoryMemories, MemoryQueues, SeededRandom,
    };
    use crate::ports::{Message, Queue};
    use crate::recall::{Near, Sealed, SealingKey};

    #[async_trait::async_trait]
    impl contract::Consumer for MemoryQueues {
        async fn take(&self, queue: Queue) -> Vec<Message> {
            let received = std::iter::from_fn(|| self.receive(queue));
            received
                .map(|received| {
                    self.acknowledge(queue, received.receipt);
                    received.message
                })
                .collect()
        }
    }

    fn check<T: Send + 'static>(future: impl Future<Output = contract::Verdict<T>> + Send + 'static) {
        let verdict = Executor::new(VirtualTime::new(1_000_000), 1).block_on(future);
        if let Err(broken) = verdict.expect("the contract got stuck") {
            panic!("{broken}");
        }
    }

    #[test]
    fn every_port_in_memory_keeps_its_contract() {
        check(async { contract::store_contract(&MemoryStore::default()).await });
        check(async { contract::content_contract(&MemoryContent::default()).await });
        check(async { contract::memory_contract(&MemoryMemories::default()).await });
        let time = VirtualTime::new(1_000_000);
        let cache = MemoryCache::new(time.clone(), 10_000);
        let cache_time = time.clone();
        let verdict = Executor::new(time.clone(), 1)
            .block_on(async move { contract::cache_contract(&cache, cache_time.as_ref()).await });
        assert_eq!(verdict, Some(Ok(())));
        let (near_time, seal) = (time.clone(), SealingKey::from_text("secret"));
        let sealed = Sealed::new(
            Arc::new(MemoryCache::new(time.clone(), 10_000)),
            seal,
            Arc::new(SeededRandom::new(1)),
        );
        let near = Near::new(Arc::new(sealed), time.clone(), 100);
        let verdict = Executor::new(time.clone(), 1)
            .block_on(async move { contract::cache_contract(&near, near_time.as_ref()).await });
        assert_eq!(verdict, Some(Ok(())));
        let queues = MemoryQueues::new(time.clone(), 30_000, 5);
        let queues_time = time.clone();
        let verdict = Executor::new(time.clone(), 1)
            .block_on(async move { contract::queues_contract(&queues, &queues, queues_time.as_ref()).await });
        assert_eq!(verdict, Some(Ok(())));
        check(async {
            let delivery = MemoryDelivery::default();
            contract::delivery_contract(&delivery, || delivery.posts().len()).await
        });
        let limits = Arc::new(MemoryLimits::with(time.clone(), contract::contract_rates(10)));
        let limits_time = time.clone();
        let verdict = Executor::new(time, 1).block_on(async move {
            contract::limits_contract(limits.as_ref(), limits_time.as_ref(), 10).await
        });
        assert_eq!(verdict, Some(Ok(())));
    }
}
