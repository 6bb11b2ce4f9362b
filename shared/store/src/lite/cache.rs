//! Stored answers as rows that expire.
//!
//! A look-up is one reading. Where nobody has the answer, leading its making is a conditional write and one more reading:
//! rows are read one by one, so the answer may have come between.
//!
//! A tenant has so many places, and an answer's place follows from its key: nothing is counted and nothing listed to hold their
//! number, and of two answers with one place the one that is worth more stays, where what is left of its time counts. Flights and neighbours have no such places: a flight ends
//! with its answer and holds a name; a neighbour is kept as long as its answer's time, 2,000 in a namespace at most. So of both
//! there are at most as many as answers were made in that time, and then the table lets go of them.
//!
//! Whoever looks waits a second at most, whatever the table does; what takes longer counts as a table that does not answer.

mod index;
mod rows;

use std::pin::pin;
use std::sync::Arc;

use async_trait::async_trait;
use engine::error::{Error, ErrorKind, Result};
use engine::model::TenantId;
use engine::ports::{
    Becomes, Cache, Change, Clock, Entry, Expect, Flight, Found, Generation, Key, Lead, Looked, Lookup,
    Neighbour, Row, Store, Versioned,
};
use futures::future::{Either, select};

use rows::{Leading, Purges, Stored, read, row};

const ATTEMPTS: u64 = 20;
/// No look-up, no flight and no answer on its way to its place is waited for longer.
const PATIENCE_MS: u64 = 1_000;
/// Places of a tenant where nothing else is said.
const PLACES: u64 = 10_000;
/// Nothing is kept longer than this, and purges are kept longer than all that they may be about.
const LONGEST_MS: u64 = 30 * 86_400_000;
const PURGES_KEEP_MS: u64 = LONGEST_MS + 86_400_000;

/// Stored answers over a store of rows.
#[derive(Clone)]
pub struct LiteCache {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    places: u64,
}

impl LiteCache {
    /// Stored answers in `store`, which end by `clock`.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock, places: PLACES }
    }

    /// The same with so many answers of a tenant at most.
    pub fn holding(self, most: usize) -> Self {
        Self { places: u64::try_from(most).unwrap_or(u64::MAX).max(1), ..self }
    }

    /// Where an answer is, if it is anywhere. Another number of places is another place, and what lies at the old one ends in time.
    pub(crate) fn entry_key(&self, tenant: &TenantId, key: &str) -> Key {
        let digest = blake3::hash(key.as_bytes());
        let number = digest.as_bytes().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte));
        Key::Cache(tenant.clone(), format!("place/{}/{}", self.places, number % self.places))
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        match select(pin!(work), pin!(self.clock.sleep(PATIENCE_MS))).await {
            Either::Left((outcome, _)) => outcome,
            Either::Right(_) => Err(Error::new(ErrorKind::Timeout, "the table does not answer in time")),
        }
    }

    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>> {
        self.store.read(keys).await
    }

    async fn read_one(&self, key: &Key) -> Result<Option<Versioned>> {
        Ok(self.read(std::slice::from_ref(key)).await?.into_iter().next().flatten())
    }

    /// True if it was written, false if somebody was faster.
    async fn try_write(&self, changes: &[Change]) -> Result<bool> {
        match self.store.write(changes).await {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes whatever is there.
    async fn write(&self, change: Change) -> Result<()> {
        for attempt in 1..=ATTEMPTS {
            if self.try_write(std::slice::from_ref(&change)).await? {
                return Ok(());
            }
            self.clock.sleep(attempt).await;
        }
        Err(crowded())
    }

    /// Leads, or says who does, with the row as it was read.
    async fn lead_with(
        &self,
        tenant: &TenantId,
        key: &str,
        flight: &Flight,
        mut found: Option<Versioned>,
    ) -> Result<Lead> {
        let flight_key = flight_key(tenant, key);
        for attempt in 1..=ATTEMPTS {
            let now_ms = self.clock.now_ms();
            if let Some((leading, until_ms)) = read::<Leading>(found.as_ref(), now_ms)
                && leading.holder != flight.holder
            {
                return Ok(Lead::Other { left_ms: until_ms - now_ms });
            }
            let leading = Leading { holder: flight.holder.clone() };
            let change = Change {
                key: flight_key.clone(),
                expect: expect(found.as_ref()),
                to: Becomes::Row(row(&leading, now_ms + flight.holds_ms)?),
                due_ms: None,
            };
            if self.try_write(&[change]).await? {
                return Ok(Lead::Own);
            }
            self.clock.sleep(attempt).await;
            found = self.read_one(&flight_key).await?;
        }
        Err(crowded())
    }

    fn judge(&self, key: &str, stored: Option<&Versioned>, purges: &Purges) -> Found {
        let now_ms = self.clock.now_ms();
        match stored.map(|versioned| &versioned.row) {
            Some(Row::Expiring { expires_ms, .. }) if *expires_ms <= now_ms => Found::Nothing,
            None => Found::Nothing,
            Some(_) => match read::<Stored>(stored, now_ms) {
                // Another answer has its place.
                Some((stored, _)) if stored.key != key => Found::Nothing,
                stored => match stored.and_then(|(stored, _)| stored.held(now_ms)) {
                    Some(held) => match purges.void_since(&held.entry) {
                        Some(tag) => Found::Void(tag),
                        None => Found::Held(held),
                    },
                    None => Found::Unreadable,
                },
            },
        }
    }

    async fn look(&self, tenant: &TenantId, lookup: &Lookup) -> Result<Looked> {
        let mut keys = vec![purges_key(tenant)];
        keys.extend(lookup.keys.iter().map(|key| self.entry_key(tenant, key)));
        let wanted = lookup.flight.as_ref().zip(lookup.keys.first());
        keys.extend(wanted.map(|(_, key)| flight_key(tenant, key)));
        let heads = lookup.since.as_ref().map(|(namespace, _)| index::head_key(tenant, namespace));
        keys.extend(heads);
        let mut rows = self.read(&keys).await?;
        let head = if lookup.since.is_some() { rows.pop().flatten() } else { None };
        let led = if wanted.is_some() { rows.pop().flatten() } else { None };
        let mut rows = rows.into_iter();
        let purges = Purges::of(rows.next().flatten().as_ref(), self.clock.now_ms());
        let judge = |(row, key): (&Option<Versioned>, &String)| self.judge(key, row.as_ref(), &purges);
        let mut found: Vec<Found> = rows.as_slice().iter().zip(&lookup.keys).map(judge).collect();
        let mut lead = None;
        if let Some((flight, key)) = wanted.filter(|_| !is_fresh(&found)) {
            lead = Some(self.lead_with(tenant, key, flight, led).await?);
            if lead == Some(Lead::Own) {
                let again = self.read(&keys[1..=lookup.keys.len()]).await?;
                found = again.iter().zip(&lookup.keys).map(judge).collect();
                if is_fresh(&found) {
                    self.let_go(tenant, key, &flight.holder).await?;
                    lead = None;
                }
            }
        }
        let delta = match &lookup.since {
            Some((namespace, cursor)) => Some(self.delta(tenant, namespace, *cursor, head).await?),
            None => None,
        };
        Ok(Looked { found, generation: purges.last, lead, delta })
    }

    async fn place(&self, tenant: &TenantId, key: &str, entry: &Entry) -> Result<()> {
        let stored = Stored::of(key, entry, self.clock.now_ms());
        if let Some((stored, expires_ms)) = stored {
            let now_ms = self.clock.now_ms();
            let entry_key = self.entry_key(tenant, key);
            let rows = self.read(&[purges_key(tenant), entry_key.clone()]).await?;
            let [purges, there] = rows.as_slice() else { return Err(crowded()) };
            let purges = Purges::of(purges.as_ref(), now_ms);
            let stays = read::<Stored>(there.as_ref(), now_ms).is_some_and(|(there, until_ms)| {
                let is_void = purges.void_since_of(&there).is_some();
                there.key != key && !is_void && there.worth_until(until_ms, now_ms) > entry.worth
            });
            if purges.void_since(entry).is_none() && !stays {
                let to = Becomes::Row(row(&stored, expires_ms)?);
                self.write(Change { key: entry_key, expect: Expect::Anything, to, due_ms: None }).await?;
            }
        }
        self.write(ended(flight_key(tenant, key), Expect::Anything, self.clock.now_ms())).await
    }

    async fn let_go(&self, tenant: &TenantId, key: &str, holder: &str) -> Result<()> {
        let flight_key = flight_key(tenant, key);
        let found = self.read_one(&flight_key).await?;
        let is_own = read::<Leading>(found.as_ref(), self.clock.now_ms())
            .is_some_and(|(leading, _)| leading.holder == holder);
        if is_own {
            // Who was faster leads by now.
            let now_ms = self.clock.now_ms();
            self.try_write(&[ended(flight_key, expect(found.as_ref()), now_ms)]).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Cache for LiteCache {
    async fn look_up(&self, tenant: &TenantId, lookup: &Lookup) -> Result<Looked> {
        self.in_time(self.look(tenant, lookup)).await
    }

    async fn put(&self, tenant: &TenantId, key: &str, entry: &Entry) -> Result<()> {
        self.in_time(self.place(tenant, key, entry)).await
    }

    async fn lead(&self, tenant: &TenantId, key: &str, flight: &Flight) -> Result<bool> {
        let lead = async {
            let found = self.read_one(&flight_key(tenant, key)).await?;
            Ok(self.lead_with(tenant, key, flight, found).await? == Lead::Own)
        };
        self.in_time(lead).await
    }

    async fn release(&self, tenant: &TenantId, key: &str, holder: &str) -> Result<()> {
        self.in_time(self.let_go(tenant, key, holder)).await
    }

    async fn purge(&self, tenant: &TenantId, tag: &str) -> Result<Generation> {
        let key = purges_key(tenant);
        for attempt in 1..=ATTEMPTS {
            let now_ms = self.clock.now_ms();
            let found = self.read_one(&key).await?;
            let mut purges = Purges::of(found.as_ref(), now_ms);
            let generation = purges.add(tag);
            let change = Change {
                key: key.clone(),
                expect: expect(found.as_ref()),
                to: Becomes::Row(row(&purges, now_ms + PURGES_KEEP_MS)?),
                due_ms: None,
            };
            if self.try_write(&[change]).await? {
                return Ok(generation);
            }
            self.clock.sleep(attempt).await;
        }
        Err(crowded())
    }

    async fn add(
        &self,
        tenant: &TenantId,
        namespace: &str,
        neighbour: &Neighbour,
        keep_ms: u64,
    ) -> Result<()> {
        self.in_time(self.add_to(tenant, namespace, neighbour, keep_ms)).await
    }
}

fn is_fresh(found: &[Found]) -> bool {
    found.iter().any(|found| matches!(found, Found::Held(held) if held.is_fresh()))
}

fn expect(found: Option<&Versioned>) -> Expect {
    found.map_or(Expect::Absent, |versioned| Expect::Version(versioned.version))
}

/// A row whose time is over: agents may not delete, and the table lets go of it.
fn ended(key: Key, expect: Expect, now_ms: u64) -> Change {
    let row = Row::Expiring { value: serde_json::Value::Null, expires_ms: now_ms };
    Change { key, expect, to: Becomes::Row(row), due_ms: None }
}

fn crowded() -> Error {
    Error::new(ErrorKind::Conflict, "too many change the same answer at this moment")
}

fn flight_key(tenant: &TenantId, key: &str) -> Key {
    Key::Flight(tenant.clone(), key.to_owned())
}

fn purges_key(tenant: &TenantId) -> Key {
    Key::Cache(tenant.clone(), "purges".to_owned())
}
