//! What a journal is for: whatever was answered is there when another process goes on, and it stays within its bounds.

use super::*;

/// A copy of what a journal and a store hold at a moment, in the order in which a process that dies leaves them.
fn copy(sheet: &Sheet, store: &MemoryStore) -> (Sheet, Arc<MemoryStore>) {
    let sheet = Sheet::new(Mutex::new(sheet.lock().unwrap().clone()));
    let to = |(key, row)| Change { key, expect: Expect::Anything, to: Becomes::Row(row), due_ms: None };
    let copy = MemoryStore::default();
    for change in store.all_rows().into_iter().map(to) {
        wait(copy.write(&[change])).unwrap();
    }
    (sheet, Arc::new(copy))
}

#[test]
fn whatever_was_answered_outlives_the_process() {
    const ROWS: u32 = 8;
    let (disk, sheet) = (Arc::new(Disk::default()), Sheet::default());
    let owned = open(disk.clone(), &sheet, true);
    let rows = |owned: &Owned| -> Vec<Option<Row>> {
        let found = wait(owned.read(&(0..ROWS).map(key).collect::<Vec<_>>())).unwrap();
        found.into_iter().map(|found| found.map(|found| found.row)).collect()
    };
    for round in 0..200u64 {
        let number = 1 + (round % 7) as u32;
        let second = match round % 5 {
            0 => Change { to: Becomes::Gone, ..put(number, Expect::Anything, 0) },
            _ => put(number, Expect::Anything, round),
        };
        wait(owned.write(&[put(0, Expect::Anything, round), second])).unwrap();
        if round % 10 == 9 {
            wait(owned.settled()).unwrap();
        }
        let (sheet, store) = copy(&sheet, &disk.store);
        // What stands behind a whole line is half a line of a write that was never answered.
        sheet.lock().unwrap().extend_from_slice(b"0123456789abcdef 9");
        let next = open(store.clone(), &sheet, false);
        assert_eq!(rows(&next), rows(&owned), "{round}");
        wait(next.write(&[put(0, Expect::Anything, 1_000 + round)])).unwrap();
        let (sheet, store) = copy(&sheet, &store);
        let last = open(store.clone(), &sheet, false);
        assert_eq!(rows(&last), rows(&next), "{round}, and once more");
        drop(last);
        assert_eq!(rows_in(&store).len(), rows(&next).iter().flatten().count());
        assert!(sheet.lock().unwrap().is_empty(), "the store has it all");
    }
}

/// After a loss of power the store, the journal or both may be of an earlier moment; what they make together was so at some moment,
/// and none before the store's.
#[test]
fn a_journal_that_does_not_begin_where_the_store_ends_is_of_no_use() {
    const WRITES: u32 = 6;
    let (disk, sheet) = (Arc::new(Disk::default()), Sheet::default());
    let owned = open(disk.clone(), &sheet, true);
    // Every write makes a row of its own and counts in one of all.
    let write = |owned: &Owned, number: u32| {
        let all = put(0, Expect::Anything, u64::from(number));
        wait(owned.write(&[all, put(number, Expect::Anything, u64::from(number))])).unwrap();
    };
    // How many writes there are; whatever they are, they are the first so many.
    let count = |found: Vec<Option<Row>>| {
        let count = found.iter().skip(1).take_while(|row| row.is_some()).count();
        let is_there = |number: usize| number > 0 && number <= count;
        let expected = (0..found.len()).map(|number| is_there(number).then(|| row(number as u64)));
        let mut expected: Vec<_> = expected.collect();
        expected[0] = (count > 0).then(|| row(count as u64));
        assert_eq!(found, expected);
        count
    };
    let rows = |store: &dyn Store| {
        let found = wait(store.read(&(0..=WRITES + 1).map(key).collect::<Vec<_>>())).unwrap();
        found.into_iter().map(|found| found.map(|found| found.row)).collect::<Vec<_>>()
    };
    let mut moments = vec![copy(&sheet, &disk.store)];
    for number in 1..=WRITES {
        write(&owned, number);
        moments.push(copy(&sheet, &disk.store));
        if number % 2 == 0 {
            wait(owned.settled()).unwrap();
            moments.push(copy(&sheet, &disk.store));
        }
    }
    let mut lost = 0;
    for (journal, _) in &moments {
        for (_, store) in &moments {
            let (sheet, store) = copy(journal, store);
            let stored = count(rows(store.as_ref()));
            let next = open(store.clone(), &sheet, false);
            let found = count(rows(&next));
            assert!(found >= stored, "{found} of {stored}");
            let held = Journal::on(Box::new(journal.clone())).unwrap().1;
            let fits = held.iter().map(|held| held.number).any(|number| number == stored as u64 + 1);
            assert_eq!(found > stored, fits, "{stored} stored");
            lost += usize::from(!fits && held.last().is_some_and(|last| last.number > stored as u64));
            // What is written then stands behind what was found, also after a kill.
            write(&next, found as u32 + 1);
            let (sheet, store) = copy(&sheet, &store);
            assert_eq!(count(rows(&open(store, &sheet, false))), found + 1);
        }
    }
    assert!(lost > 0, "no journal was of no use");
}

const LARGE_ROW_BYTES: usize = 300_000;

fn large(number: u32) -> Change {
    let row = Row::Expiring { value: "x".repeat(LARGE_ROW_BYTES).into(), expires_ms: 0 };
    Change { key: Key::Rate(number.to_string()), to: Becomes::Row(row), ..put(0, Expect::Anything, 0) }
}

/// However much is written without a pause, and nobody waits, it is brought to the store before the journal is full.
#[test]
#[expect(clippy::disallowed_methods, reason = "the thread waits in real time")]
fn a_large_journal_is_brought_to_the_store() {
    let (disk, sheet) = (Arc::new(Disk::default()), Sheet::default());
    let owned = open(disk.clone(), &sheet, true);
    let (mut written, mut last, mut longest) = (0, std::time::Instant::now(), std::time::Duration::ZERO);
    until(|| {
        longest = longest.max(last.elapsed());
        last = std::time::Instant::now();
        // It may take the thread a moment to begin, in which only little comes.
        wait(owned.write(&[put(0, Expect::Anything, 0)])).unwrap();
        if sheet.lock().unwrap().len() < (4 << 20) + LARGE_ROW_BYTES {
            wait(owned.write(&[large(written)])).unwrap();
            written += 1;
        }
        !disk.states.lock().unwrap().is_empty()
    });
    let is_large = written as usize * LARGE_ROW_BYTES > 3 << 20;
    assert!(is_large || longest > thread::QUIET / 2, "after {written}, {longest:?} apart at most");
}

/// However many write at once, a very large journal is waited for, and ends.
#[test]
fn a_very_large_journal_is_waited_for() {
    let (disk, sheet) = (Arc::new(Disk::default()), Sheet::default());
    let owned = open(disk.clone(), &sheet, true);
    disk.takes.store(4, Ordering::SeqCst);
    let closed = disk.writes.lock().unwrap();
    let most = Mutex::new(0);
    let write = |number: u32| {
        // Few rows again and again: every state the disk was in is kept.
        wait(owned.write(&[large(number % 3)])).unwrap();
        let bytes = sheet.lock().unwrap().len();
        let mut most = most.lock().unwrap();
        *most = bytes.max(*most);
    };
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3)
            .map(|of| scope.spawn(move || (0..60).for_each(|number| write(100 * of + number))))
            .collect();
        until(|| *most.lock().unwrap() > 16 << 20);
        drop(closed);
        writers.into_iter().for_each(|writer| writer.join().unwrap());
    });
    let most = *most.lock().unwrap();
    assert!(most < (16 << 20) + 4 * LARGE_ROW_BYTES, "{most} bytes");
    wait(owned.settled()).unwrap();
    assert_eq!(sheet.lock().unwrap().len(), 0);
}

/// Nothing goes on without its store or without its thread; and what was answered is there when they are back.
fn check_back(breaks: fn(&Disk), why: &str) {
    let (disk, sheet) = (Arc::new(Disk::default()), Sheet::default());
    let owned = open(disk.clone(), &sheet, true);
    breaks(&disk);
    wait(owned.write(&[put(0, Expect::Absent, 1)])).unwrap();
    check_broken(&owned, why);
    assert_eq!(disk.store.all_rows(), []);
    drop(owned);
    let next = open(Arc::new(MemoryStore::default()), &sheet, false);
    assert_eq!(wait(next.read(&[key(0)])).unwrap()[0].as_ref().map(|found| &found.row), Some(&row(1)));
}

#[test]
fn nothing_goes_on_without_a_disk() {
    check_back(|disk| disk.full.store(true, Ordering::SeqCst), "the disk is gone");
}

#[test]
fn nothing_goes_on_without_its_thread() {
    check_back(|disk| disk.panics.store(true, Ordering::SeqCst), "thread has ended");
}

/// Paper on which there is room for so many bytes; then appending fails so often.
struct Scrap(Sheet, usize, usize);

impl store::Paper for Scrap {
    fn bytes(&mut self) -> std::io::Result<Vec<u8>> {
        self.0.bytes()
    }

    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        let room = self.1.saturating_sub(self.0.lock().unwrap().len());
        if room >= bytes.len() || self.2 == 0 {
            return self.0.append(bytes);
        }
        self.2 -= 1;
        self.0.append(&bytes[..room])?;
        Err(std::io::ErrorKind::StorageFull.into())
    }

    fn cut(&mut self, bytes: u64) -> std::io::Result<()> {
        self.0.cut(bytes)
    }

    fn sync(&mut self) -> std::io::Result<()> {
        self.0.sync()
    }
}

/// Writes until it is refused, at most a hundred times; what was not refused was told, and is there after the process.
fn check_full(refusals: usize) -> Option<Error> {
    let (disk, sheet) = (Arc::new(Disk::default()), Sheet::default());
    let closed = disk.writes.lock().unwrap();
    let journal = Journal::on(Box::new(Scrap(sheet.clone(), 1_000, refusals))).unwrap();
    let owned = wait(Owned::open(journal, disk.clone(), true, VirtualTime::new(NOW_MS))).unwrap();
    let mut events = owned.watch();
    let write = |seq: u64| {
        let run = RunKey { tenant: TenantId::new("a"), run: RunId::new("r") };
        let event = Row::Event(Event { seq, at_ms: 0, kind: engine::model::EventKind::Accepted });
        let told =
            Change { key: Key::Event(run, seq), to: Becomes::Row(event), ..put(0, Expect::Anything, 0) };
        wait(owned.write(&[put(0, Expect::Anything, seq), told]))
    };
    let refused = (1..=100).find_map(|seq| write(seq).err().map(|error| (seq, error)));
    let last = refused.as_ref().map_or(100, |(seq, _)| seq - 1);
    assert!(last > 0);
    assert_eq!(std::iter::from_fn(|| events.try_recv().ok()).count() as u64, last);
    if refused.is_some() {
        check_broken(&owned, "no storage space");
    }
    // As a kill leaves it: nothing is in the store.
    let (sheet, store) = copy(&sheet, &disk.store);
    drop(closed);
    assert_eq!(rows_in(&store), []);
    let next = open(store, &sheet, false);
    assert_eq!(wait(next.read(&[key(0)])).unwrap()[0].as_ref().map(|found| &found.row), Some(&row(last)));
    refused.map(|(_, error)| error)
}

#[test]
fn a_disk_that_is_full_for_a_moment_is_waited_for_and_then_nothing_goes_on() {
    assert!(check_full(0).is_none());
    assert!(check_full(3).is_none());
    let refused = check_full(usize::MAX).unwrap();
    assert!(refused.message().contains("no storage space"), "{refused}");
}
