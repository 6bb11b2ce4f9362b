use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use engine::memory::{MemoryStore, VirtualTime};
use engine::model::{ContentRef, Counters, MemoryRecord, RunId, TenantId};
use engine::ports::{Becomes, Expect, Row};

use super::*;

mod journal;

fn wait<T>(work: impl Future<Output = T>) -> T {
    futures::executor::block_on(work)
}

const NOW_MS: u64 = 1_000_000;

/// The bytes of a journal.
type Sheet = Arc<Mutex<Vec<u8>>>;

/// Keeps the rows of a store and of its journal, at a moment that does not pass.
fn open(store: Arc<dyn Store>, sheet: &Sheet, is_new: bool) -> Owned {
    let journal = Journal::on(Box::new(sheet.clone())).unwrap();
    wait(Owned::open(journal, store, is_new, VirtualTime::new(NOW_MS))).unwrap()
}

/// Keeps the rows of a store without a journal.
fn over(store: Arc<dyn Store>) -> Owned {
    open(store, &Sheet::default(), false)
}

/// The same of a store in which there is nothing yet.
fn over_empty(store: Arc<dyn Store>) -> Owned {
    open(store, &Sheet::default(), true)
}

/// What a store holds, but for how far a journal has come.
fn rows_in(store: &MemoryStore) -> Vec<(Key, Row)> {
    store.all_rows().into_iter().filter(|(key, _)| *key != Key::Journal).collect()
}

fn key(number: u32) -> Key {
    Key::Counters(TenantId::new("a"), number)
}

fn row(value: u64) -> Row {
    Row::Counters(Counters { runs: [("complete".to_owned(), value)].into(), ..Counters::default() })
}

fn put(number: u32, expect: Expect, value: u64) -> Change {
    Change { key: key(number), expect, to: Becomes::Row(row(value)), due_ms: None }
}

#[test]
fn it_behaves_as_the_store_it_keeps() {
    let owned = over(Arc::new(MemoryStore::default()));
    assert_eq!(wait(engine::contract::store_contract(&owned)), Ok(()));
    let table = wait(store::Embedded::memory().unwrap().store()).unwrap();
    let owned = over(Arc::new(table.alone()));
    assert_eq!(wait(engine::contract::store_contract(&owned)), Ok(()));
    let owned = over_empty(Arc::new(MemoryStore::default()));
    assert_eq!(wait(engine::contract::store_contract(&owned)), Ok(()));
}

/// A store that can be stopped, and remembers every state it was in.
#[derive(Default)]
struct Disk {
    store: MemoryStore,
    states: Mutex<Vec<Vec<(Key, Row)>>>,
    writes: Mutex<()>,
    full: AtomicBool,
    panics: AtomicBool,
    lists: AtomicUsize,
    takes: AtomicUsize,
}

#[async_trait]
impl Store for Disk {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>> {
        self.store.read(keys).await
    }

    async fn write(&self, changes: &[Change]) -> Result<()> {
        let _open = self.writes.lock().unwrap();
        assert!(!self.panics.load(Ordering::SeqCst), "a panic of the store, as the test wants it");
        if self.full.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Configuration, "the disk is gone"));
        }
        std::thread::sleep(std::time::Duration::from_millis(self.takes.load(Ordering::SeqCst) as u64));
        wait(self.store.write(changes))?;
        self.states.lock().unwrap().push(rows_in(&self.store));
        Ok(())
    }

    async fn list(&self, range: &Range, from: Option<&str>, limit: usize) -> Result<Page> {
        self.lists.fetch_add(1, Ordering::SeqCst);
        self.store.list(range, from, limit).await
    }
}

/// However many ask for the same memory at once, it is read once, and again when something was remembered.
#[test]
fn memory_is_read_from_the_disk_once() {
    let disk = Arc::new(Disk::default());
    let owned = over(disk.clone());
    let tenant = |name: &str| TenantId::new(name);
    let remember = |of: &str, run: &str| {
        let (run_id, record) = (RunId::new(run), Default::default());
        let record = MemoryRecord {
            run_id: run_id.clone(),
            created_ms: 1,
            content: ContentRef::new(run),
            sketch: None,
            record,
        };
        let key = Key::Memory(tenant(of), run_id);
        let to = Becomes::Row(Row::Memory(record));
        wait(owned.write(&[Change { key, expect: Expect::Anything, to, due_ms: None }])).unwrap();
    };
    let list = async |of: &str, before: Option<&str>, limit: usize| {
        let page = owned.list(&Range::Memory(tenant(of), before.map(RunId::new)), None, limit).await.unwrap();
        let run = |(key, _): &(Key, Versioned)| match key {
            Key::Memory(_, run) => run.to_string(),
            key => panic!("{key:?}"),
        };
        (page.rows.iter().map(run).collect::<Vec<_>>(), page.next.is_some())
    };
    let check_up_to =
        |limit, (of, before): (&str, Option<&str>), runs: &[&str], has_more: bool, lists: usize| {
            let several = wait(futures::future::join_all((0..5).map(|_| list(of, before, limit))));
            let expected = (runs.iter().map(|run| (*run).to_owned()).collect::<Vec<_>>(), has_more);
            assert!(several.iter().all(|found| *found == expected), "{several:?}");
            assert_eq!(disk.lists.load(Ordering::SeqCst), lists);
        };
    let check = |of: &str, before: Option<&str>, runs: &[&str], has_more: bool, lists: usize| {
        check_up_to(2, (of, before), runs, has_more, lists);
    };
    check("a", None, &[], false, 1);
    remember("a", "r1");
    remember("a", "r2");
    check("a", None, &["r2", "r1"], false, 2);
    remember("b", "r9");
    check("a", None, &["r2", "r1"], false, 2);
    check("a", Some("r2"), &["r2", "r1"], false, 3);
    remember("a", "r3");
    check("a", None, &["r3", "r2"], true, 4);
    check("b", None, &["r9"], false, 5);
    // Only what was read to its end says what is there up to another limit.
    check_up_to(3, ("b", None), &["r9"], false, 5);
    check_up_to(1, ("b", None), &["r9"], false, 5);
    check_up_to(3, ("a", None), &["r3", "r2", "r1"], false, 6);
    check_up_to(4, ("a", None), &["r3", "r2", "r1"], false, 6);
    check_up_to(2, ("a", None), &["r3", "r2"], true, 6);
    check_up_to(1, ("a", None), &["r3"], true, 7);
    check_up_to(3, ("a", Some("r3")), &["r3", "r2", "r1"], false, 8);
    // What is written makes all of them void.
    remember("a", "r4");
    check_up_to(4, ("a", None), &["r4", "r3", "r2", "r1"], false, 9);
    check_up_to(1, ("a", None), &["r4"], true, 10);
    check_up_to(2, ("a", None), &["r4", "r3"], true, 11);
}

/// A store that counts how often it is read.
#[derive(Default)]
struct Counting {
    store: MemoryStore,
    reads: AtomicUsize,
}

#[async_trait]
impl Store for Counting {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.store.read(keys).await
    }

    async fn write(&self, changes: &[Change]) -> Result<()> {
        self.store.write(changes).await
    }

    async fn list(&self, range: &Range, from: Option<&str>, limit: usize) -> Result<Page> {
        self.store.list(range, from, limit).await
    }
}

/// In a new state folder no row is read from the disk, until there is too much to keep.
#[test]
fn an_empty_disk_is_not_read() {
    let disk = Arc::new(Counting::default());
    let owned = over_empty(disk.clone());
    let put = |number: u32| wait(owned.write(&[put(number, Expect::Absent, u64::from(number))])).unwrap();
    let found = |number: u32| wait(owned.read(&[key(number)])).unwrap()[0].clone().map(|found| found.row);
    assert_eq!(found(1), None);
    put(1);
    assert_eq!(found(1), Some(row(1)));
    (2..15_000).for_each(put);
    assert_eq!((found(1), found(15_000)), (Some(row(1)), None));
    assert_eq!(disk.reads.load(Ordering::SeqCst), 0);
    wait(owned.settled()).unwrap();
    (15_000..25_000).for_each(put);
    assert_eq!((found(1), found(25_000)), (Some(row(1)), None));
    assert!(disk.reads.load(Ordering::SeqCst) >= 2, "what was forgotten is on the disk alone");
}

#[test]
fn the_disk_is_always_as_memory_was_at_some_moment() {
    let disk = Arc::new(Disk::default());
    let owned = over(disk.clone());
    let mut moments: Vec<Vec<(Key, Row)>> = vec![Vec::new()];
    for round in 0..200u64 {
        // Two rows that always change together.
        let changes = [put(0, Expect::Anything, round), put(1 + (round % 7) as u32, Expect::Anything, round)];
        wait(owned.write(&changes)).unwrap();
        moments.push(owned.rows().rows());
        if round % 10 == 9 {
            wait(owned.settled()).unwrap();
        }
    }
    let states = disk.states.lock().unwrap();
    assert!(states.len() >= 20);
    assert!(states.iter().all(|state| moments.contains(state)));
    assert_eq!(states.last(), moments.last());
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the thread waits in real time")]
fn the_store_is_told_when_somebody_waits_and_else_when_it_is_quiet() {
    let disk = Arc::new(Disk::default());
    let owned = over(disk.clone());
    wait(owned.read(&[key(0), key(1)])).unwrap();
    let closed = disk.writes.lock().unwrap();
    let write = |value| wait(owned.write(&[put(0, Expect::Anything, value)])).unwrap();
    (0..50).for_each(write);
    let found = wait(owned.read(&[key(0)])).unwrap();
    assert_eq!(found[0].as_ref().map(|found| &found.row), Some(&row(49)), "memory knows at once");
    let mut settled = Box::pin(owned.settled());
    assert!(futures::FutureExt::now_or_never(&mut settled).is_none(), "nothing is in the store yet");
    drop(closed);
    wait(settled).unwrap();
    let states = disk.states.lock().unwrap().len();
    assert!(states <= 3, "{states} writes for fifty");
    assert_eq!(rows_in(&disk.store), [(key(0), row(49))]);
    // What is written without a pause goes there together, and once for each time that they took longer than a pause.
    let began = std::time::Instant::now();
    (50..100).for_each(write);
    until(|| rows_in(&disk.store) == [(key(0), row(99))]);
    let most = 1 + began.elapsed().as_millis() / thread::QUIET.as_millis();
    let states = (disk.states.lock().unwrap().len() - states) as u128;
    assert!(states <= most, "{states} writes for fifty");
}

fn until(mut holds: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if holds() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    panic!("not within ten seconds");
}

#[test]
fn what_was_written_is_stored_before_the_program_ends() {
    let disk = Arc::new(Disk::default());
    let owned = over(disk.clone());
    wait(owned.write(&[put(0, Expect::Absent, 1)])).unwrap();
    drop(owned);
    assert_eq!(rows_in(&disk.store), [(key(0), row(1))]);
}

/// Nothing is written or read any more, and everybody who waits is told.
fn check_broken(owned: &Owned, why: &str) {
    let refused = |outcome: Result<()>| {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert!(error.message().contains(why), "{error}");
    };
    refused(wait(owned.settled()));
    refused(Err(wait(owned.broken())));
    refused(wait(owned.write(&[put(1, Expect::Absent, 1)])));
    refused(wait(owned.read(&[key(0)])).map(drop));
    refused(wait(owned.list(&Range::Due(u64::MAX), None, 10)).map(drop));
}

#[test]
fn what_the_disk_would_refuse_is_refused_at_once() {
    let owned = over(Arc::new(MemoryStore::default()));
    let long = Change { key: Key::Rate("r".repeat(3_000)), ..put(0, Expect::Anything, 1) };
    let large = |bytes: usize| Row::Expiring { value: "x".repeat(bytes).into(), expires_ms: 0 };
    let change = |number: u32, bytes: usize| Change {
        key: Key::Rate(number.to_string()),
        expect: Expect::Anything,
        to: Becomes::Row(large(bytes)),
        due_ms: None,
    };
    let together: Vec<Change> = (0..20).map(|number| change(number, 300_000)).collect();
    for (changes, expected) in [
        (vec![long], ErrorKind::InvalidInput),
        (vec![change(0, 500_000)], ErrorKind::TooLarge),
        (together, ErrorKind::TooLarge),
    ] {
        assert_eq!(wait(owned.write(&changes)).unwrap_err().kind(), expected);
    }
    wait(owned.settled()).unwrap();
}

/// Three threads move amounts between rows; on the disk the sum never changes.
#[test]
fn a_batch_is_whole_whoever_writes() {
    const ROWS: u32 = 6;
    let disk = Arc::new(Disk::default());
    let owned = Arc::new(over(disk.clone()));
    let all: Vec<Change> = (0..ROWS).map(|number| put(number, Expect::Absent, 100)).collect();
    wait(owned.write(&all)).unwrap();
    let amount = |row: &Row| match row {
        Row::Counters(counters) => counters.runs["complete"],
        _ => 0,
    };
    std::thread::scope(|scope| {
        for thread in 0..3u64 {
            let owned = owned.clone();
            scope.spawn(move || {
                let random = engine::memory::SeededRandom::new(thread);
                let draw = || (engine::ports::Random::next_u64(&random) % u64::from(ROWS)) as u32;
                for round in 0..200 {
                    if round % 9 == thread {
                        wait(owned.settled()).unwrap();
                    }
                    let (from, to) = (draw(), draw());
                    if from == to {
                        continue;
                    }
                    let found = wait(owned.read(&[key(from), key(to)])).unwrap();
                    let [Some(left), Some(right)] = &found[..] else { panic!("rows are gone") };
                    let Some(less) = amount(&left.row).checked_sub(1) else { continue };
                    let changes = [
                        put(from, Expect::Version(left.version), less),
                        put(to, Expect::Version(right.version), amount(&right.row) + 1),
                    ];
                    match wait(owned.write(&changes)) {
                        Ok(()) => {}
                        Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict),
                    }
                }
            });
        }
    });
    wait(owned.settled()).unwrap();
    let states = disk.states.lock().unwrap();
    assert!(states.len() > 10, "{} batches", states.len());
    for state in states.iter() {
        assert_eq!(state.iter().map(|(_, row)| amount(row)).sum::<u64>(), 100 * u64::from(ROWS));
    }
}

#[test]
fn a_forgotten_row_is_a_new_one_to_whoever_holds_it() {
    let owned = over(Arc::new(MemoryStore::default()));
    wait(owned.write(&[put(0, Expect::Absent, 1)])).unwrap();
    let held = wait(owned.read(&[key(0)])).unwrap()[0].clone().unwrap();
    for number in 1..30_000u32 {
        wait(owned.write(&[put(number, Expect::Anything, 0)])).unwrap();
        if number % 1_000 == 0 {
            wait(owned.settled()).unwrap();
        }
    }
    assert!(owned.rows().rows().len() < 25_000);
    let conflict = wait(owned.write(&[put(0, Expect::Version(held.version), 2)])).unwrap_err();
    assert_eq!(conflict.kind(), ErrorKind::Conflict);
    assert_eq!(wait(owned.read(&[key(0)])).unwrap()[0].as_ref().map(|found| &found.row), Some(&held.row));
}

/// What a process does at this moment is known to it alone, and for as long as it holds.
#[test]
fn a_moment_is_never_on_the_disk() {
    let disk = Arc::new(Disk::default());
    let owned = over(disk.clone());
    let flight = |number: u64| Key::Flight(TenantId::new("a"), number.to_string());
    let until = |expires_ms| Becomes::Row(Row::Expiring { value: "holder".into(), expires_ms });
    let lead = |number, expect, expires_ms| Change {
        key: flight(number),
        expect,
        to: until(expires_ms),
        due_ms: None,
    };
    // Rows of both kinds in one write are there or not there together.
    let both = [lead(0, Expect::Absent, NOW_MS + 1), put(0, Expect::Absent, 1)];
    wait(owned.write(&both)).unwrap();
    assert_eq!(wait(owned.write(&both)).unwrap_err().kind(), ErrorKind::Conflict);
    let taken = [lead(0, Expect::Absent, NOW_MS + 1), put(1, Expect::Absent, 1)];
    assert_eq!(wait(owned.write(&taken)).unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(wait(owned.read(&[key(1)])).unwrap(), [None]);
    wait(owned.settled()).unwrap();
    let stored: Vec<Key> = rows_in(&disk.store).into_iter().map(|(key, _)| key).collect();
    assert_eq!(stored, [key(0)]);
    // Those that have ended are forgotten, however many there were.
    for number in 1..60_000 {
        wait(owned.write(&[lead(number, Expect::Absent, NOW_MS)])).unwrap();
    }
    assert!(owned.rows().rows().len() <= 20_002, "{}", owned.rows().rows().len());
    assert!(wait(owned.read(&[flight(0)])).unwrap()[0].is_some());
    // Those that have not ended are all known, and what is looked through to forget some grows with them.
    for number in 100_000..150_000 {
        wait(owned.write(&[lead(number, Expect::Absent, NOW_MS + 1)])).unwrap();
    }
    for number in 100_000..150_000 {
        let conflict = wait(owned.write(&[lead(number, Expect::Absent, NOW_MS + 1)])).unwrap_err();
        assert_eq!(conflict.kind(), ErrorKind::Conflict);
    }
    assert_eq!(disk.states.lock().unwrap().len(), 1);
}
