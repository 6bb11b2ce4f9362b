use std::sync::atomic::{AtomicBool, Ordering};

use engine::memory::MemoryStore;
use engine::model::{Counters, TenantId};
use engine::ports::{Becomes, Expect, Row};

use super::*;

fn wait<T>(work: impl Future<Output = T>) -> T {
    futures::executor::block_on(work)
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
    let owned = Owned::new(Arc::new(MemoryStore::default())).unwrap();
    assert_eq!(wait(engine::contract::store_contract(&owned)), Ok(()));
}

/// A store that can be stopped, and remembers every state it was in.
#[derive(Default)]
struct Disk {
    store: MemoryStore,
    states: Mutex<Vec<Vec<(Key, Row)>>>,
    writes: Mutex<()>,
    full: AtomicBool,
}

#[async_trait]
impl Store for Disk {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>> {
        self.store.read(keys).await
    }

    async fn write(&self, changes: &[Change]) -> Result<()> {
        let _open = self.writes.lock().unwrap();
        if self.full.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Configuration, "the disk is gone"));
        }
        wait(self.store.write(changes))?;
        self.states.lock().unwrap().push(self.store.all_rows());
        Ok(())
    }

    async fn list(&self, range: &Range, from: Option<&str>, limit: usize) -> Result<Page> {
        self.store.list(range, from, limit).await
    }
}

#[test]
fn the_disk_is_always_as_memory_was_at_some_moment() {
    let disk = Arc::new(Disk::default());
    let owned = Owned::new(disk.clone()).unwrap();
    let mut moments: Vec<Vec<(Key, Row)>> = vec![Vec::new()];
    for round in 0..200u64 {
        // Two rows that always change together.
        let changes = [put(0, Expect::Anything, round), put(1 + (round % 7) as u32, Expect::Anything, round)];
        wait(owned.write(&changes)).unwrap();
        moments.push(owned.rows().rows());
    }
    wait(owned.settled()).unwrap();
    let states = disk.states.lock().unwrap();
    assert!(states.iter().all(|state| moments.contains(state)));
    assert_eq!(states.last(), moments.last());
}

#[test]
fn writes_go_to_the_disk_together_and_settled_waits_for_them() {
    let disk = Arc::new(Disk::default());
    let owned = Owned::new(disk.clone()).unwrap();
    wait(owned.read(&[key(0), key(1)])).unwrap();
    let closed = disk.writes.lock().unwrap();
    for value in 0..50 {
        wait(owned.write(&[put(0, Expect::Anything, value)])).unwrap();
    }
    let found = wait(owned.read(&[key(0)])).unwrap();
    assert_eq!(found[0].as_ref().map(|found| &found.row), Some(&row(49)), "memory knows at once");
    let mut settled = Box::pin(owned.settled());
    assert!(futures::FutureExt::now_or_never(&mut settled).is_none(), "nothing is on the disk yet");
    drop(closed);
    wait(settled).unwrap();
    let states = disk.states.lock().unwrap();
    assert!(states.len() <= 3, "{} writes for fifty", states.len());
    assert_eq!(states.last(), Some(&vec![(key(0), row(49))]));
}

#[test]
fn what_was_written_is_stored_before_the_program_ends() {
    let disk = Arc::new(Disk::default());
    let owned = Owned::new(disk.clone()).unwrap();
    wait(owned.write(&[put(0, Expect::Absent, 1)])).unwrap();
    drop(owned);
    assert_eq!(disk.store.all_rows(), [(key(0), row(1))]);
}

#[test]
fn nothing_goes_on_without_a_disk() {
    let disk = Arc::new(Disk::default());
    let owned = Owned::new(disk.clone()).unwrap();
    disk.full.store(true, Ordering::SeqCst);
    wait(owned.write(&[put(0, Expect::Absent, 1)])).unwrap();
    let refused = |outcome: Result<()>| outcome.unwrap_err().kind();
    assert_eq!(refused(wait(owned.settled())), ErrorKind::Configuration);
    assert_eq!(refused(wait(owned.write(&[put(1, Expect::Absent, 1)]))), ErrorKind::Configuration);
    assert_eq!(refused(wait(owned.read(&[key(0)])).map(drop)), ErrorKind::Configuration);
    assert_eq!(disk.store.all_rows(), []);
}

#[test]
fn a_forgotten_row_is_a_new_one_to_whoever_holds_it() {
    let owned = Owned::new(Arc::new(MemoryStore::default())).unwrap();
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
