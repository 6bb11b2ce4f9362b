//! What this process has looked up a moment ago, in front of a cache that all processes share. While that does not answer, steps of
//! this process that ask the same wait for each other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::Shelf;
use super::flights::Flights;
use crate::error::Result;
use crate::model::TenantId;
use crate::ports::{Cache, Clock, Entry, Flight, Found, Generation, Held, Lead, Looked, Lookup, Neighbour};

/// So long after an answer was read from the shared cache it is given without asking there; so it is given for so long at most
/// after it was purged by another process, and not at all after it was purged by this one.
pub const NEAR_MS: u64 = 2_000;
/// Larger answers are asked for each time.
const LARGEST_BYTES: usize = 32 * 1_024;

/// A cache with answers of the last [`NEAR_MS`] in front of it.
pub struct Near {
    cache: Arc<dyn Cache>,
    clock: Arc<dyn Clock>,
    shelf: Mutex<Shelf<Kept>>,
    flights: Mutex<Flights>,
    purges: AtomicU64,
}

struct Kept {
    tenant: TenantId,
    held: Held,
    generation: Generation,
    asked_ms: u64,
}

impl Near {
    /// Answers of `cache`, at most so many at a time.
    pub fn new(cache: Arc<dyn Cache>, clock: Arc<dyn Clock>, most: usize) -> Self {
        Self {
            cache,
            clock,
            shelf: Mutex::new(Shelf::new(most)),
            flights: Mutex::default(),
            purges: AtomicU64::new(0),
        }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf<Kept>> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flights(&self) -> MutexGuard<'_, Flights> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known here while nobody else can be asked; `None` if it is not asked who makes an answer.
    fn alone(&self, tenant: &TenantId, lookup: &Lookup) -> Option<Looked> {
        let (flight, key) = lookup.flight.as_ref().zip(lookup.keys.first())?;
        let (name, now_ms) = (name(tenant, key), self.clock.now_ms());
        let mut flights = self.flights();
        let mut found = vec![Found::Unknown; lookup.keys.len()];
        // Whatever was purged meanwhile makes void what is made now: it is of the earliest generation.
        let generation = Generation::default();
        if let Some(held) = flights.answer(&name, now_ms) {
            found[0] = Found::Held(held);
            return Some(Looked { found, generation, lead: None, delta: None });
        }
        let lead = Some(flights.lead(&name, flight, now_ms));
        Some(Looked { found, generation, lead, delta: None })
    }

    /// The first fresh answer that was read a moment ago.
    fn find(&self, tenant: &TenantId, lookup: &Lookup) -> Option<Looked> {
        let now_ms = self.clock.now_ms();
        let mut shelf = self.shelf();
        let fresh = |kept: &Kept| {
            let since_ms = now_ms.checked_sub(kept.asked_ms).filter(|since_ms| *since_ms < NEAR_MS)?;
            let held = Held { age_ms: kept.held.age_ms + since_ms, ..kept.held.clone() };
            (kept.tenant == *tenant && held.is_fresh()).then_some((held, kept.generation))
        };
        let mut names = lookup.keys.iter().map(|key| name(tenant, key)).enumerate();
        let (at, (held, generation)) =
            names.find_map(|(at, name)| Some((at, shelf.get(&name).and_then(fresh)?)))?;
        let mut found = vec![Found::Nothing; lookup.keys.len()];
        found[at] = Found::Held(held);
        Some(Looked { found, generation, lead: None, delta: None })
    }

    fn keep(&self, tenant: &TenantId, lookup: &Lookup, looked: &Looked, asked_ms: u64, purges: u64) {
        let mut shelf = self.shelf();
        if self.purges.load(Ordering::SeqCst) != purges {
            return;
        }
        for (key, found) in lookup.keys.iter().zip(&looked.found) {
            match found {
                Found::Held(held) if held.is_fresh() && held.entry.value.len() <= LARGEST_BYTES => {
                    let generation = looked.generation;
                    let kept = Kept { tenant: tenant.clone(), held: held.clone(), generation, asked_ms };
                    shelf.put(&name(tenant, key), kept, held.entry.step());
                }
                _ => drop(shelf.remove(&name(tenant, key))),
            }
        }
    }
}

/// A tenant's key; no two of them have one name.
fn name(tenant: &TenantId, key: &str) -> String {
    format!("{}/{tenant}/{key}", tenant.as_str().len())
}

#[async_trait]
impl Cache for Near {
    /// With an answer of this process come no neighbours.
    async fn look_up(&self, tenant: &TenantId, lookup: &Lookup) -> Result<Looked> {
        if let Some(looked) = self.find(tenant, lookup) {
            return Ok(looked);
        }
        let (asked_ms, purges) = (self.clock.now_ms(), self.purges.load(Ordering::SeqCst));
        let looked = match self.cache.look_up(tenant, lookup).await {
            Ok(looked) => looked,
            Err(error) => return self.alone(tenant, lookup).ok_or(error),
        };
        if let Some((flight, key)) = lookup.flight.as_ref().zip(lookup.keys.first()) {
            self.flights().note(&name(tenant, key), flight, looked.lead, self.clock.now_ms());
        }
        self.keep(tenant, lookup, &looked, asked_ms, purges);
        Ok(looked)
    }

    async fn put(&self, tenant: &TenantId, key: &str, entry: &Entry) -> Result<()> {
        let purges = self.purges.load(Ordering::SeqCst);
        // The next look-up tells whether it was purged while it was made.
        let stored = self.cache.put(tenant, key, entry).await;
        let name = name(tenant, key);
        self.shelf().remove(&name);
        let mut flights = self.flights();
        flights.end(&name);
        if stored.is_err() && self.purges.load(Ordering::SeqCst) == purges {
            flights.keep(&name, Held { entry: entry.clone(), age_ms: 0 }, self.clock.now_ms());
        }
        stored
    }

    async fn lead(&self, tenant: &TenantId, key: &str, flight: &Flight) -> Result<bool> {
        let (led, now_ms) = (self.cache.lead(tenant, key, flight).await, self.clock.now_ms());
        let mut flights = self.flights();
        match led {
            Ok(true) => flights.note(&name(tenant, key), flight, Some(Lead::Own), now_ms),
            Ok(false) => flights.release(&name(tenant, key), &flight.holder),
            Err(_) => drop(flights.lead(&name(tenant, key), flight, now_ms)),
        }
        led
    }

    async fn release(&self, tenant: &TenantId, key: &str, holder: &str) -> Result<()> {
        self.flights().release(&name(tenant, key), holder);
        self.cache.release(tenant, key, holder).await
    }

    async fn purge(&self, tenant: &TenantId, tag: &str) -> Result<Generation> {
        let generation = self.cache.purge(tenant, tag).await;
        let has_tag = |held: &Held| held.entry.tags.iter().any(|other| other == tag);
        let of_tenant = name(tenant, "");
        let mut shelf = self.shelf();
        self.purges.fetch_add(1, Ordering::SeqCst);
        shelf.retain(|kept| kept.tenant != *tenant || !has_tag(&kept.held));
        self.flights().retain(|name, held| !name.starts_with(&of_tenant) || !has_tag(held));
        generation
    }

    async fn add(
        &self,
        tenant: &TenantId,
        namespace: &str,
        neighbour: &Neighbour,
        keep_ms: u64,
    ) -> Result<()> {
        self.cache.add(tenant, namespace, neighbour, keep_ms).await
    }
}

#[cfg(test)]
mod tests;
