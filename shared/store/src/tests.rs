//! Every adapter against the engine's contract, on the embedded engine in memory and in a file.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use engine::contract;
use engine::error::ErrorKind;
use engine::limits::Rates;
use engine::memory::virtual_time::Executor;
use engine::memory::{Broken, Fault, MemoryStore, VirtualTime};
use engine::model::{AgentId, Counters, TakeId, TenantId};
use engine::ports::{
    Backend, Becomes, Cache, Change, Clock, Entry, Expect, Flight, Found, Generation, Key, Limits, Lookup,
    Range, Row, Store, Take,
};

use serde_json::json;

use crate::lite::{LiteCache, LiteLimits, LiteMemory};
use crate::{Dynamo, Embedded};

mod figures;
mod journal;
mod kill;
mod refusals;

/// The value of a future, with no runtime around it: nothing here may need one.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}

/// A clock that moves only when somebody sleeps.
struct Hands(AtomicU64);

impl Hands {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(1_790_000_000_000)))
    }
}

#[async_trait]
impl Clock for Hands {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    async fn sleep(&self, milliseconds: u64) {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

fn in_memory() -> Arc<Dynamo> {
    Arc::new(block_on(Embedded::memory().unwrap().store()).unwrap())
}

fn in_file(path: &Path) -> Arc<Dynamo> {
    Arc::new(block_on(Embedded::open(path).unwrap().store()).unwrap())
}

fn counters(value: u64) -> Row {
    Row::Counters(Counters { runs: [("complete".to_owned(), value)].into(), ..Counters::default() })
}

fn put(key: &Key, expect: Expect, row: Row) -> Change {
    Change { key: key.clone(), expect, to: Becomes::Row(row), due_ms: None }
}

#[test]
fn whoever_writes_alone_puts_whole_rows() {
    let table = block_on(Embedded::memory().unwrap().store()).unwrap().alone();
    let key = Key::Counters(TenantId::new("t"), 1);
    let due = Change { due_ms: Some(5), ..put(&key, Expect::Anything, counters(1)) };
    for (change, value) in [(due, 1), (put(&key, Expect::Anything, counters(2)), 2)] {
        block_on(table.write(&[change])).unwrap();
        let found = block_on(table.read(std::slice::from_ref(&key))).unwrap().pop().flatten().unwrap();
        assert_eq!((found.version, found.row), (1, counters(value)));
    }
    for number in [1, u64::MAX] {
        let row = Row::Journal(number);
        block_on(table.write(&[put(&Key::Journal, Expect::Anything, row.clone())])).unwrap();
        let found = block_on(table.read(&[Key::Journal])).unwrap().pop().flatten().unwrap();
        assert_eq!(found.row, row);
    }
    // What the first row said beside itself is gone with it.
    assert!(block_on(table.list(&Range::Due(10), None, 10)).unwrap().rows.is_empty());
    // Who expects a version is held to it.
    assert_eq!(
        block_on(table.write(&[put(&key, Expect::Version(2), counters(3))])).unwrap_err().kind(),
        ErrorKind::Conflict
    );
}

fn take(tenant: &str, number: usize) -> Take {
    Take {
        id: TakeId::new(format!("{tenant}/{number}")),
        tenant: TenantId::new(tenant),
        agent: AgentId::new("analysis_cartographer"),
        model: "sample".to_owned(),
        provider: "provider".to_owned(),
        input_tokens: 1,
        output_tokens: 1,
    }
}

#[test]
fn rows_in_memory_keep_the_contract() {
    block_on(contract::store_contract(&*in_memory())).unwrap();
}

#[test]
fn rows_in_a_file_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    block_on(contract::store_contract(&*in_file(&folder.path().join("rows.db")))).unwrap();
}

#[test]
fn cache_keeps_the_contract() {
    let clock = Hands::new();
    let cache = LiteCache::new(in_memory(), clock.clone());
    block_on(contract::cache_contract(&cache, &*clock)).unwrap();
}

#[test]
fn memory_keeps_the_contract() {
    block_on(contract::memory_contract(&LiteMemory::new(in_memory()))).unwrap();
}

#[test]
fn limits_keep_the_contract() {
    for per_minute in [1, 2, 7, 60] {
        let clock = Hands::new();
        let limits = LiteLimits::new(in_memory(), clock.clone(), contract::contract_rates(per_minute));
        block_on(contract::limits_contract(&limits, &*clock, per_minute as usize)).unwrap();
    }
}

#[test]
fn threads_share_one_limit() {
    const THREADS: usize = 4;
    const EACH: usize = 20;
    const LIMIT: u64 = 30;
    let (store, clock) = (in_memory(), Hands::new());
    let limits = LiteLimits::new(store, clock, Rates::requests_per_minute(1_000, LIMIT).unwrap());
    let ask = |thread: usize| {
        let takes = (0..EACH).map(|number| take(&format!("tenant {thread}"), number));
        takes.filter(|take| block_on(limits.take(take)).unwrap().allowed).count()
    };
    let admitted: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || ask(thread))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(admitted as u64, LIMIT);
}

#[test]
fn a_damaged_rate_admits_nothing_until_it_ends() {
    let (store, clock) = (in_memory(), Hands::new());
    let row = Row::Expiring { value: json!("nonsense"), expires_ms: clock.now_ms() + 700 };
    let key = Key::Rate("tenant/owner".to_owned());
    block_on(store.write(&[put(&key, Expect::Absent, row)])).unwrap();
    let limits = LiteLimits::new(store, clock.clone(), Rates::requests_per_minute(1, 1).unwrap());
    let ask = || block_on(limits.take(&take("owner", 1))).unwrap();
    let refused = ask();
    assert_eq!((refused.allowed, refused.retry_after_ms, refused.backend), (false, 700, Backend::Table));
    block_on(clock.sleep(700));
    assert!(ask().allowed);
}

#[test]
fn rates_of_nothing_are_refused() {
    let refused = Rates::requests_per_minute(1, 0).err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::Configuration);
}

#[test]
fn a_damaged_cache_entry_is_a_miss() {
    let (store, clock) = (in_memory(), Hands::new());
    let tenant = TenantId::new("owner");
    let cache = LiteCache::new(store.clone(), clock);
    let key = cache.entry_key(&tenant, "key");
    block_on(store.write(&[put(&key, Expect::Absent, counters(1))])).unwrap();
    let lookup = Lookup { keys: vec!["key".to_owned()], ..Lookup::default() };
    let look = || block_on(cache.look_up(&tenant, &lookup)).unwrap().found.remove(0);
    assert_eq!(look(), Found::Unreadable);
    let entry = Entry {
        value: Arc::from(*b"1"),
        fresh_ms: 1,
        grace_ms: 0,
        tags: Vec::new(),
        generation: Generation::default(),
        worth: 0,
    };
    block_on(cache.put(&tenant, "key", &entry)).unwrap();
    assert!(matches!(look(), Found::Held(held) if held.entry == entry));
}

#[test]
fn threads_lose_no_increment() {
    const THREADS: u64 = 4;
    const EACH: u64 = 25;
    let folder = tempfile::tempdir().unwrap();
    let store = in_file(&folder.path().join("rows.db"));
    let key = Key::Counters(TenantId::new("owner"), 0);
    let increment = || {
        let mut left = EACH;
        while left > 0 {
            let found = block_on(store.read(std::slice::from_ref(&key))).unwrap().remove(0);
            let (value, expect) = found.map_or((0, Expect::Absent), |versioned| {
                let Row::Counters(counters) = versioned.row else { panic!("another row") };
                (counters.runs["complete"], Expect::Version(versioned.version))
            });
            match block_on(store.write(&[put(&key, expect, counters(value + 1))])) {
                Ok(()) => left -= 1,
                Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict, "{error}"),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(increment);
        }
    });
    let found = block_on(store.read(&[key])).unwrap().remove(0).unwrap();
    assert_eq!(found.row, counters(THREADS * EACH));
    assert_eq!(found.version, THREADS * EACH);
}

#[test]
fn rows_are_there_after_opening_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.db");
    let key = Key::Counters(TenantId::new("owner"), 0);
    block_on(in_file(&path).write(&[put(&key, Expect::Absent, counters(1))])).unwrap();
    let again = in_file(&path);
    assert_eq!(block_on(again.read(&[key])).unwrap().remove(0).unwrap().row, counters(1));
}

#[test]
fn expired_rows_are_forgotten() {
    let embedded = Embedded::memory().unwrap();
    let store = block_on(embedded.store()).unwrap();
    let key = |name: &str| Key::Cache(TenantId::new("owner"), name.to_owned());
    let row = |expires_ms| Row::Expiring { value: json!("answer"), expires_ms };
    block_on(store.write(&[put(&key("old"), Expect::Absent, row(1_600_000_000_000))])).unwrap();
    block_on(store.write(&[put(&key("new"), Expect::Absent, row(32_000_000_000_000))])).unwrap();
    assert_eq!(embedded.forget_expired().unwrap(), 1);
    let left = block_on(store.read(&[key("old"), key("new")])).unwrap();
    assert!(left[0].is_none() && left[1].is_some());
}

#[test]
fn an_unusable_file_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.db");
    std::fs::write(&path, "this is no database, whatever its name says").unwrap();
    for path in [path, folder.path().join("missing/rows.db")] {
        let refused = Embedded::open(&path).err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::Storage);
        assert!(!refused.message().contains("rows.db"), "the message shows a path of the machine");
    }
}

#[test]
fn a_tenant_has_so_many_answers_in_rows_and_no_more() {
    let clock = Hands::new();
    let cache = LiteCache::new(in_memory(), clock.clone()).holding(8);
    let (tenant, other) = (TenantId::new("one"), TenantId::new("other"));
    let entry = |value: &str| Entry {
        value: value.as_bytes().into(),
        fresh_ms: 60_000,
        grace_ms: 0,
        tags: Vec::new(),
        generation: Generation::default(),
        worth: 0,
    };
    let key = |number: usize| format!("key {number}");
    block_on(cache.put(&other, "key 1", &entry("the other's"))).unwrap();
    for number in 0..100 {
        block_on(cache.put(&tenant, &key(number), &entry(&key(number)))).unwrap();
        let lookup = Lookup { keys: vec![key(number)], ..Lookup::default() };
        let found = block_on(cache.look_up(&tenant, &lookup)).unwrap().found;
        assert!(matches!(&found[..], [Found::Held(held)] if *held.entry.value == *key(number).as_bytes()));
    }
    let lookup = Lookup { keys: (0..100).map(key).collect(), ..Lookup::default() };
    let found = block_on(cache.look_up(&tenant, &lookup)).unwrap().found;
    let held = found.iter().filter(|found| matches!(found, Found::Held(_))).count();
    assert!(
        (5..=8).contains(&held) && found.iter().all(|found| !matches!(found, Found::Unreadable)),
        "{held}"
    );
    let lookup = Lookup { keys: vec![key(1)], ..Lookup::default() };
    assert!(matches!(block_on(cache.look_up(&other, &lookup)).unwrap().found[..], [Found::Held(_)]));
}

#[test]
fn of_two_answers_with_one_place_the_one_that_is_worth_more_stays_while_it_has_time() {
    let clock = Hands::new();
    let cache = LiteCache::new(in_memory(), clock.clone()).holding(1);
    let tenant = TenantId::new("one");
    // Whether an answer of that worth is there after it came so long after the first, which is worth 10 for a minute.
    let check = |worth: u64, after_ms: u64, purged: bool, expected: bool| {
        let put = |key: &str, worth: u64| {
            let generation = block_on(cache.look_up(&tenant, &Lookup::default())).unwrap().generation;
            let entry = Entry {
                value: key.as_bytes().into(),
                fresh_ms: 50_000,
                grace_ms: 10_000,
                tags: vec![format!("content:{key}")],
                generation,
                worth,
            };
            block_on(cache.put(&tenant, key, &entry)).unwrap();
        };
        block_on(cache.purge(&tenant, "content:other")).unwrap();
        put("first", 10);
        block_on(clock.sleep(after_ms));
        if purged {
            block_on(cache.purge(&tenant, "content:first")).unwrap();
        }
        put("other", worth);
        let lookup = Lookup { keys: vec!["other".to_owned()], ..Lookup::default() };
        let found = block_on(cache.look_up(&tenant, &lookup)).unwrap().found;
        assert_eq!(matches!(found[..], [Found::Held(_)]), expected, "{worth} after {after_ms} ms");
        block_on(clock.sleep(60_000));
    };
    check(10, 0, false, true);
    check(9, 0, false, false);
    check(4, 30_000, false, false);
    check(5, 30_000, false, true);
    check(0, 60_000, false, true);
    check(0, 0, true, true);
}

#[test]
fn nobody_waits_long_for_a_table_that_is_slow() {
    let time = VirtualTime::new(1_790_000_000_000);
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let slow = Arc::new(Broken::new(store, time.clone(), Fault::Slow(60_000)));
    let cache = LiteCache::new(slow, time.clone());
    let (tenant, began_ms) = (TenantId::new("one"), time.now_ms());
    let flight = Flight { holder: "one".to_owned(), holds_ms: 15_000 };
    let lookup = Lookup { keys: vec!["key".to_owned()], flight: Some(flight.clone()), since: None };
    Executor::new(time.clone(), 1)
        .block_on(async move {
            assert_eq!(cache.look_up(&tenant, &lookup).await.unwrap_err().kind(), ErrorKind::Timeout);
            assert_eq!(cache.lead(&tenant, "key", &flight).await.unwrap_err().kind(), ErrorKind::Timeout);
            assert_eq!(cache.release(&tenant, "key", "one").await.unwrap_err().kind(), ErrorKind::Timeout);
        })
        .unwrap();
    assert!(time.now_ms() - began_ms <= 3_000, "{} ms", time.now_ms() - began_ms);
}
