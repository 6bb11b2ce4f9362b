//! Read, decide, write: the one way the engine changes stored rows.
//!
//! A decision sees the rows as they are and says what they become. It must be idempotent: after a conflict, or a write
//! whose outcome is unknown, it is asked again about the rows as they are then.

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Budget, Charge, Counters, Purse, Run, Sequence, Step};
use crate::ports::{Becomes, Change, Expect, Key, Ports, Row, Versioned};

const CONFLICTS: u32 = 60;
const STORAGE_FAILURES: u32 = 6;
const LONGEST_AGAIN_MS: u64 = 10_000;

/// What a decision comes to.
pub(crate) enum Decision<T> {
    /// Make these changes, then this is the answer.
    Write(Vec<Change>, T),
    /// Leave everything as it is; this is the answer.
    Leave(T),
}

/// The rows a decision is made over.
pub(crate) struct Rows {
    rows: Vec<(Key, Option<Versioned>)>,
}

macro_rules! typed {
    ($($name:ident => $variant:ident($kind:ty)),+ $(,)?) => {$(
        pub(crate) fn $name(&self, key: &Key) -> Option<&$kind> {
            match self.get(key) {
                Some(Row::$variant(row)) => Some(row),
                _ => None,
            }
        }
    )+};
}

impl Rows {
    /// Rows as they were read.
    pub(crate) fn of(keys: &[Key], read: Vec<Option<Versioned>>) -> Self {
        Self { rows: keys.iter().cloned().zip(read).collect() }
    }

    fn find(&self, key: &Key) -> Option<&Versioned> {
        self.rows.iter().find(|(other, _)| other == key)?.1.as_ref()
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Row> {
        self.find(key).map(|versioned| &versioned.row)
    }

    typed! {
        run => Run(Run),
        sequence => Sequence(Sequence),
        purse => Purse(Purse),
        charge => Charge(Charge),
        budget => Budget(Budget),
        counters => Counters(Counters),
    }

    pub(crate) fn step(&self, key: &Key) -> Option<&Step> {
        match self.get(key) {
            Some(Row::Step(step)) => Some(step),
            _ => None,
        }
    }

    fn expectation(&self, key: &Key) -> Expect {
        self.find(key).map_or(Expect::Absent, |versioned| Expect::Version(versioned.version))
    }

    /// Which of its versions the row was read in; `None` if there was none.
    pub(crate) fn version(&self, key: &Key) -> Option<u64> {
        self.find(key).map(|versioned| versioned.version)
    }

    /// The row becomes this, provided it is still as it was read.
    pub(crate) fn put(&self, key: Key, row: Row, due_ms: Option<u64>) -> Change {
        Change { expect: self.expectation(&key), key, to: Becomes::Row(row), due_ms }
    }

    /// The row goes, provided it is still as it was read.
    pub(crate) fn delete(&self, key: Key) -> Change {
        Change { expect: self.expectation(&key), key, to: Becomes::Gone, due_ms: None }
    }

    /// The row stays, and must still be as it was read for the rest to happen.
    pub(crate) fn unchanged(&self, key: Key) -> Change {
        Change { expect: self.expectation(&key), key, to: Becomes::Same, due_ms: None }
    }
}

/// A row nobody has written before.
pub(crate) fn create(key: Key, row: Row, due_ms: Option<u64>) -> Change {
    Change { key, expect: Expect::Absent, to: Becomes::Row(row), due_ms }
}

/// Reads `keys`, asks `decide`, writes what it says, and asks again as long as somebody else was faster.
pub(crate) async fn transact<T>(
    ports: &Ports,
    keys: &[Key],
    mut decide: impl FnMut(&Rows) -> Result<Decision<T>> + Send,
) -> Result<T> {
    let (mut conflicts, mut failures) = (0, 0);
    loop {
        let attempt = async {
            let read = ports.store.read(keys).await?;
            let rows = Rows::of(keys, read);
            match decide(&rows)? {
                Decision::Leave(answer) => Ok(answer),
                Decision::Write(changes, answer) => ports.store.write(&changes).await.map(|()| answer),
            }
        };
        let error = match attempt.await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        match error.kind() {
            ErrorKind::Conflict if conflicts < CONFLICTS => conflicts += 1,
            ErrorKind::Storage if failures < STORAGE_FAILURES => failures += 1,
            ErrorKind::Conflict => {
                return Err(
                    Error::new(ErrorKind::Storage, "too many writers at the same rows").because(error)
                );
            }
            _ => return Err(error),
        }
        let longest =
            if error.kind() == ErrorKind::Conflict { 4u64 << conflicts.min(5) } else { longest_ms(failures) };
        ports.clock.sleep(1 + ports.random.next_u64() % longest).await;
    }
}

/// How long is waited at most after so many storage failures, in milliseconds.
fn longest_ms(failures: u32) -> u64 {
    20 << failures.min(5)
}

/// A call to a store that comes to the same however often it is made, made again while the store fails, for so long at most:
/// an adapter may have tried several times by itself.
pub(crate) async fn again<T, F>(ports: &Ports, mut call: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let (mut failures, until_ms) = (0, ports.clock.now_ms() + LONGEST_AGAIN_MS);
    loop {
        match call().await {
            Err(error)
                if error.kind() == ErrorKind::Storage
                    && failures < STORAGE_FAILURES
                    && ports.clock.now_ms() < until_ms =>
            {
                failures += 1;
            }
            ended => return ended,
        }
        ports.clock.sleep(1 + ports.random.next_u64() % longest_ms(failures)).await;
    }
}

/// One row, read once, with storage failures tried again.
pub(crate) async fn read(ports: &Ports, keys: &[Key]) -> Result<Vec<Option<Row>>> {
    transact(ports, keys, |rows| Ok(Decision::Leave(keys.iter().map(|key| rows.get(key).cloned()).collect())))
        .await
}

/// A whole listing.
pub(crate) async fn list_all(ports: &Ports, range: &crate::ports::Range) -> Result<Vec<(Key, Versioned)>> {
    const PAGE: usize = 200;
    let (mut rows, mut from) = (Vec::new(), None::<String>);
    loop {
        let page = again(ports, || ports.store.list(range, from.as_deref(), PAGE)).await?;
        rows.extend(page.rows);
        match page.next {
            Some(next) => from = Some(next),
            None => return Ok(rows),
        }
    }
}
