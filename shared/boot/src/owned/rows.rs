//! What is so: the rows in memory, and what of it the store does not have yet.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use engine::error::{Error, ErrorKind, Result};
use engine::model::{Event, RunId, RunKey, TenantId};
use engine::ports::{Becomes, Change, Expect, Key, Page, Range, Row, Versioned};
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::channel::oneshot;
use store::{Entry, Journal, Written};

use super::Reply;

/// More rows than this, and those in the store and those that have ended are forgotten.
const MOST_ROWS: usize = 20_000;
/// What one transaction of the store takes beside how far the journal has come with it. Whoever writes one row more at once has two.
const MOST_CHANGES: usize = 99;
/// Writes are put together up to this size, well under what a transaction may have.
const BATCH_BYTES: usize = 1 << 20;
/// A journal of this size is brought to the store, however much there is to do.
const LARGE_BYTES: u64 = 4 << 20;
/// A journal of this size is waited for.
const MOST_BYTES: u64 = 4 * LARGE_BYTES;

/// Rows in memory, and what of them waits to be stored.
pub struct Rows {
    /// What was written and may not be in the store yet.
    journal: Journal,
    known: BTreeMap<Key, Known>,
    /// Whether every row there is is known, as in a state folder that this process has made.
    is_whole: bool,
    /// Runs begun here: a row of theirs that is not known does not exist, for a run's own row is the first of its rows.
    begun: BTreeSet<RunKey>,
    /// How many rows were left when some were forgotten.
    kept: usize,
    /// The greatest version given out.
    greatest: u64,
    /// What it was when rows were last forgotten. Versions given out since are greater, so a row that was forgotten and
    /// read again is a new one to whoever still holds the old one.
    floor: u64,
    generation: u64,
    /// Listings of memory that were read from the disk, to which nothing was written since: steps of a run ask for the same.
    listed: BTreeMap<Listing, (Vec<Key>, Option<String>)>,
    /// How often memory was written. A listing that was begun before is not kept.
    remembered: u64,
    waiting: VecDeque<Batch>,
    /// The number of the last write.
    accepted: u64,
    /// The number of the last write that is in the store.
    stored: u64,
    settling: Vec<(u64, Reply<()>)>,
    watchers: Vec<UnboundedSender<(RunKey, Event)>>,
    broken: Option<Error>,
    breaking: Vec<oneshot::Sender<Error>>,
}

/// Whose memory, before which run, and how many rows at most.
type Listing = (TenantId, Option<RunId>, usize);

struct Known {
    found: Option<Versioned>,
    /// The number of the last write about it; 0 for none.
    written: u64,
}

/// Writes that go to the store together, and are there or not there together.
#[derive(Default)]
pub struct Batch {
    changes: BTreeMap<Key, (Change, usize)>,
    bytes: usize,
    /// The number of its last write.
    last: u64,
}

impl Batch {
    /// What to write, one after the other; the last says that all of it is there. Nobody else writes, so nothing has to be expected,
    /// and writing it twice is writing it once.
    pub fn transactions(&self) -> Vec<Vec<Change>> {
        let to = Becomes::Row(Row::Journal(self.last));
        let mark = Change { key: Key::Journal, expect: Expect::Anything, to, due_ms: None };
        let mut changes: Vec<Change> = self.changes.values().map(|(change, _)| change.clone()).collect();
        if changes.len() > MOST_CHANGES {
            return vec![changes, vec![mark]];
        }
        changes.push(mark);
        vec![changes]
    }
}

impl Rows {
    /// The rows of a store that has its writes up to number `stored`, and of a journal that holds `written`; `is_new` if there is
    /// nothing in the store. Kind `Storage` if the journal cannot be written.
    pub fn open(
        (mut journal, mut written): (Journal, Vec<Written>),
        stored: u64,
        is_new: bool,
    ) -> Result<Self> {
        written.retain(|written| written.number > stored);
        // Some that came before are lost: without them it would be a state that never was. Their numbers come again, so nothing of
        // them may come back.
        let is_lost = written.first().is_some_and(|first| first.number - 1 > stored);
        if is_lost {
            tracing::warn!(
                writes = written.len(),
                "the newest writes are lost: the journal does not go on where the store ends"
            );
            written.clear();
        }
        if written.is_empty() {
            journal.clear()?;
        }
        if is_lost {
            journal.sync()?;
        }
        if journal.cut_off() > 0 {
            tracing::warn!(
                bytes = journal.cut_off(),
                "the end of the journal was not whole; nobody was told of it, or the power was lost"
            );
        }
        let mut rows = Self {
            journal,
            known: BTreeMap::new(),
            is_whole: is_new && written.is_empty(),
            begun: BTreeSet::new(),
            kept: 0,
            greatest: 0,
            floor: 0,
            generation: 0,
            listed: BTreeMap::new(),
            remembered: 0,
            waiting: VecDeque::new(),
            accepted: stored,
            stored,
            settling: Vec::new(),
            watchers: Vec::new(),
            broken: None,
            breaking: Vec::new(),
        };
        for Written { number, changes, sizes } in written {
            rows.accepted = number;
            rows.enqueue(&changes.iter().collect::<Vec<_>>(), &sizes);
            changes.iter().for_each(|change| rows.hold(change));
        }
        Ok(rows)
    }

    /// Whether what is written can still be kept.
    pub(super) fn check(&self) -> Result<()> {
        self.broken.clone().map_or(Ok(()), Err)
    }

    /// Counts how often rows were forgotten.
    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// The keys of which only the store knows.
    pub(super) fn unknown<'a>(&self, keys: impl Iterator<Item = &'a Key>) -> Vec<Key> {
        keys.filter(|key| !self.knows(key)).cloned().collect()
    }

    fn knows(&self, key: &Key) -> bool {
        self.is_whole
            || self.known.contains_key(key)
            || key.is_momentary()
            || run_of(key).is_some_and(|run| self.begun.contains(run))
    }

    /// Keeps what was read when `generation` was the count; what is known already is newer.
    pub(super) fn learn(&mut self, keys: Vec<Key>, found: Vec<Option<Versioned>>, generation: u64) {
        if generation != self.generation {
            return;
        }
        for (key, found) in keys.into_iter().zip(found) {
            if !self.knows(&key) {
                let found = found.map(|found| self.give(found.row, self.floor + found.version));
                self.known.insert(key, Known { found, written: 0 });
            }
        }
    }

    /// The rows of known keys; `None` if one was forgotten meanwhile.
    pub(super) fn read(&self, keys: &[Key]) -> Option<Vec<Option<Versioned>>> {
        let found = |key: &Key| self.known.get(key).and_then(|known| known.found.clone());
        keys.iter().all(|key| self.knows(key)).then(|| keys.iter().map(found).collect())
    }

    /// The rows of a run that was begun here, in the order of their keys, or a listing of memory that is known; `None` where only
    /// the store can tell, or there are more than `limit`.
    pub(super) fn list(&self, range: &Range, limit: usize) -> Result<Option<Page>> {
        self.check()?;
        if let Some((keys, next)) = self.listed(range, limit) {
            let rows = keys.iter().filter_map(|key| Some((key.clone(), self.known.get(key)?.found.clone()?)));
            return Ok(Some(Page { rows: rows.collect(), next: next.clone() }));
        }
        Ok(self.list_of_run(range, limit))
    }

    /// What was read of such a listing; one that reaches to the end stands for every other that it does not exceed.
    fn listed(&self, range: &Range, limit: usize) -> Option<&(Vec<Key>, Option<String>)> {
        let (tenant, before, _) = listing(range, limit)?;
        let of_range = (tenant.clone(), before.clone(), 0)..=(tenant, before, usize::MAX);
        let serves = |most: usize, keys: &[Key], next: &Option<String>| {
            most == limit || next.is_none() && keys.len() <= limit
        };
        let mut found = self.listed.range(of_range);
        found.find_map(|((.., most), listed)| serves(*most, &listed.0, &listed.1).then_some(listed))
    }

    /// How often memory was written so far.
    pub(super) fn remembered(&self) -> u64 {
        self.remembered
    }

    /// Keeps a listing whose rows were learned, and that was begun when memory had been written so often and rows forgotten so often.
    pub(super) fn keep_listing(
        &mut self,
        range: &Range,
        limit: usize,
        (keys, next): (Vec<Key>, Option<String>),
        (remembered, generation): (u64, u64),
    ) {
        if let Some(listing) = listing(range, limit)
            && remembered == self.remembered
            && generation == self.generation
        {
            self.listed.insert(listing, (keys, next));
        }
    }

    fn list_of_run(&self, range: &Range, limit: usize) -> Option<Page> {
        let least = range.least()?;
        run_of(&least).filter(|run| self.begun.contains(*run))?;
        let found = self.known.range(least..).take_while(|(key, _)| range.spans(key));
        let rows = found.filter_map(|(key, known)| Some((key.clone(), known.found.clone()?)));
        let rows: Vec<_> = rows.take(limit + 1).collect();
        (rows.len() <= limit).then_some(Page { rows, next: None })
    }

    /// Makes all changes or none, and writes down `entry`, which is what stays of them; `None` if one of the rows was forgotten
    /// meanwhile.
    pub(super) fn write(&mut self, changes: &[Change], entry: &Entry, now_ms: u64) -> Option<Result<()>> {
        if let Err(error) = self.check() {
            return Some(Err(error));
        }
        if !changes.iter().all(|change| self.knows(&change.key)) {
            return None;
        }
        if !changes.iter().all(|change| self.is_expected(change)) {
            return Some(Err(Error::new(ErrorKind::Conflict, "a row is not as it was read")));
        }
        self.forget_some(now_ms);
        let stay: Vec<&Change> = changes.iter().filter(|change| stays(change)).collect();
        if !stay.is_empty() {
            if let Err(error) = self.journal.append(self.accepted + 1, entry) {
                self.end(error.clone());
                return Some(Err(error));
            }
            self.accepted += 1;
            self.enqueue(&stay, entry.sizes());
        }
        for change in changes.iter().filter(|change| change.to != Becomes::Same) {
            match (&change.key, change.expect, &change.to) {
                (Key::Run(run), Expect::Absent, Becomes::Row(_)) => drop(self.begun.insert(run.clone())),
                (Key::Run(run), _, Becomes::Gone) => drop(self.begun.remove(run)),
                (Key::Memory(tenant, _), ..) => {
                    self.remembered += 1;
                    self.listed.retain(|(of, ..), _| of != tenant);
                }
                (Key::Event(run, _), _, Becomes::Row(Row::Event(event))) => self
                    .watchers
                    .retain(|watcher| watcher.unbounded_send((run.clone(), event.clone())).is_ok()),
                _ => {}
            }
            self.hold(change);
        }
        Some(Ok(()))
    }

    /// Keeps what a write made of a row.
    fn hold(&mut self, change: &Change) {
        let found = match &change.to {
            Becomes::Row(row) => {
                let version = self.version(&change.key).unwrap_or(self.floor) + 1;
                Some(self.give(row.clone(), version))
            }
            Becomes::Gone | Becomes::Same => None,
        };
        self.known.insert(change.key.clone(), Known { found, written: self.accepted });
    }

    fn is_expected(&self, change: &Change) -> bool {
        let version = self.version(&change.key);
        match change.expect {
            Expect::Absent => version.is_none(),
            Expect::Version(expected) => version == Some(expected),
            Expect::Anything => true,
        }
    }

    /// Puts a write behind those that wait, together with the last of them where there is room.
    fn enqueue(&mut self, changes: &[&Change], sizes: &[usize]) {
        let fits = self.waiting.back().is_some_and(|batch| {
            let new = changes.iter().filter(|change| !batch.changes.contains_key(&change.key)).count();
            batch.changes.len() + new <= MOST_CHANGES
                && batch.bytes + sizes.iter().sum::<usize>() <= BATCH_BYTES
        });
        if !fits {
            self.waiting.push_back(Batch::default());
        }
        if let Some(batch) = self.waiting.back_mut() {
            batch.last = self.accepted;
            for (change, size) in changes.iter().zip(sizes) {
                let change = Change { expect: Expect::Anything, ..(*change).clone() };
                let replaced = batch.changes.insert(change.key.clone(), (change, *size));
                batch.bytes = batch.bytes + size - replaced.map_or(0, |(_, size)| size);
            }
        }
    }

    /// Forgets rows that are in the store or have ended, once there are too many.
    fn forget_some(&mut self, now_ms: u64) {
        if self.known.len() > MOST_ROWS.max(2 * self.kept) {
            let stored = self.stored;
            self.known.retain(|key, known| match &known.found {
                Some(Versioned { row: Row::Expiring { expires_ms, .. }, .. }) if key.is_momentary() => {
                    *expires_ms > now_ms
                }
                _ => known.written > stored,
            });
            self.kept = self.known.len();
            self.is_whole = false;
            self.begun.clear();
            self.listed.clear();
            self.floor = self.greatest;
            self.generation += 1;
        }
    }

    fn version(&self, key: &Key) -> Option<u64> {
        self.known.get(key).and_then(|known| Some(known.found.as_ref()?.version))
    }

    fn give(&mut self, row: Row, version: u64) -> Versioned {
        self.greatest = self.greatest.max(version);
        Versioned { row, version }
    }

    /// Whether something is not in the store yet.
    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether what waits is to be stored at once: somebody waits for it, or there is much.
    pub(super) fn is_urgent(&self) -> bool {
        !self.settling.is_empty() || self.journal.bytes() > LARGE_BYTES
    }

    /// Whether nothing more should be written before something is stored.
    pub(super) fn is_full(&self) -> bool {
        self.journal.bytes() > MOST_BYTES
    }

    /// The number of the last write.
    pub(super) fn accepted(&self) -> u64 {
        self.accepted
    }

    /// The number of the last write that is in the store.
    pub(super) fn stored(&self) -> u64 {
        self.stored
    }

    /// What goes to the store next; whoever takes it must say what came of it before taking another.
    pub fn take_batch(&mut self) -> Option<Batch> {
        self.waiting.pop_front()
    }

    /// What came of a batch. After one that failed nothing is taken any more.
    pub fn batch_ended(&mut self, batch: &Batch, outcome: Result<()>) {
        let outcome = outcome.and_then(|()| {
            self.stored = batch.last;
            if self.stored == self.accepted { self.journal.clear() } else { Ok(()) }
        });
        if let Err(error) = outcome {
            return self.end(error);
        }
        let (done, waiting) =
            std::mem::take(&mut self.settling).into_iter().partition(|(number, _)| *number <= self.stored);
        self.settling = waiting;
        for (_, reply) in done {
            // Whoever asked may be gone.
            let _ = reply.send(Ok(()));
        }
    }

    /// Nothing can be stored any more. Everybody is told, and nothing is taken.
    pub(super) fn end(&mut self, error: Error) {
        if self.broken.is_some() {
            return;
        }
        self.waiting.clear();
        for (_, reply) in self.settling.drain(..) {
            let _ = reply.send(Err(error.clone()));
        }
        for reply in self.breaking.drain(..) {
            let _ = reply.send(error.clone());
        }
        self.broken = Some(error);
    }

    pub(super) fn when_broken(&mut self) -> oneshot::Receiver<Error> {
        let (reply, replied) = oneshot::channel();
        match &self.broken {
            Some(error) => drop(reply.send(error.clone())),
            None => self.breaking.push(reply),
        }
        replied
    }

    pub(super) fn watch(&mut self) -> UnboundedReceiver<(RunKey, Event)> {
        let (watcher, events) = unbounded();
        self.watchers.push(watcher);
        events
    }

    /// Tells when all that was written so far is in the store; `None` if it is.
    pub(super) fn when_stored(&mut self) -> Result<Option<oneshot::Receiver<Result<()>>>> {
        self.check()?;
        if self.stored == self.accepted {
            return Ok(None);
        }
        let (reply, replied) = oneshot::channel();
        self.settling.push((self.accepted, reply));
        Ok(Some(replied))
    }
}

fn listing(range: &Range, limit: usize) -> Option<Listing> {
    match range {
        Range::Memory(tenant, before) => Some((tenant.clone(), before.clone(), limit)),
        _ => None,
    }
}

fn run_of(key: &Key) -> Option<&RunKey> {
    match key {
        Key::Run(run) | Key::Sequence(run) | Key::Purse(run) | Key::Event(run, _) | Key::Outbox(run, _) => {
            Some(run)
        }
        Key::Step(step) => Some(&step.run),
        Key::Charge(call) => Some(&call.step.run),
        Key::Budget(..)
        | Key::Learned(_)
        | Key::Prices
        | Key::Circuit(_)
        | Key::Trust(_)
        | Key::Idempotency(..)
        | Key::Seen(..)
        | Key::Counters(..)
        | Key::Memory(..)
        | Key::Cache(..)
        | Key::Flight(..)
        | Key::Rate(_)
        | Key::Reservation(_)
        | Key::ApiKey(_)
        | Key::Settings(_)
        | Key::Upload(..)
        | Key::Warming(..)
        | Key::Journal => None,
    }
}

/// Whether what a change makes of its row outlives the process.
pub(super) fn stays(change: &Change) -> bool {
    change.to != Becomes::Same && !change.key.is_momentary()
}

/// For reading only.
#[cfg(test)]
impl Rows {
    pub(super) fn rows(&self) -> Vec<(Key, Row)> {
        let row = |(key, known): (&Key, &Known)| Some((key.clone(), known.found.as_ref()?.row.clone()));
        self.known.iter().filter_map(row).collect()
    }
}
