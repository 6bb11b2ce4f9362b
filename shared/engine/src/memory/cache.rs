//! Stored answers in memory.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::lock;
use crate::error::Result;
use crate::model::TenantId;
use crate::ports::{
    Cache, Clock, Cursor, Delta, Entry, Flight, Found, Generation, Held, Lead, Looked, Lookup,
    NEIGHBOURS_AT_ONCE, Neighbour,
};
use crate::recall::Shelf;

/// Neighbours that a namespace keeps.
const MOST_NEIGHBOURS: usize = 10_000;

/// A cache in memory.
pub struct MemoryCache {
    clock: Arc<dyn Clock>,
    most: usize,
    tenants: Mutex<BTreeMap<TenantId, Own>>,
}

/// What a tenant has.
struct Own {
    shelf: Shelf<Stored>,
    generation: Generation,
    purged: BTreeMap<String, Generation>,
    flights: BTreeMap<String, (String, u64)>,
    namespaces: BTreeMap<String, Namespace>,
}

struct Stored {
    entry: Entry,
    at_ms: u64,
}

#[derive(Default)]
struct Namespace {
    last: u64,
    /// Number, end, neighbour.
    neighbours: VecDeque<(u64, u64, Neighbour)>,
}

impl MemoryCache {
    /// An empty cache for at most `most` entries of each tenant.
    pub fn new(clock: Arc<dyn Clock>, most: usize) -> Self {
        Self { clock, most, tenants: Mutex::default() }
    }

    fn with<T>(&self, tenant: &TenantId, act: impl FnOnce(&mut Own, u64) -> T) -> T {
        let now_ms = self.clock.now_ms();
        let mut tenants = lock(&self.tenants);
        let own = tenants.entry(tenant.clone()).or_insert_with(|| Own::new(self.most));
        act(own, now_ms)
    }
}

impl Own {
    fn new(most: usize) -> Self {
        Self {
            shelf: Shelf::new(most),
            generation: Generation::default(),
            purged: BTreeMap::new(),
            flights: BTreeMap::new(),
            namespaces: BTreeMap::new(),
        }
    }

    fn void_since<'e>(&self, entry: &'e Entry) -> Option<&'e String> {
        let is_void = |tag: &&String| self.purged.get(*tag).is_some_and(|purged| *purged > entry.generation);
        entry.tags.iter().find(is_void)
    }

    fn find(&mut self, key: &str, now_ms: u64) -> Found {
        let Some(stored) = self.shelf.peek(key).filter(|stored| !stored.has_ended(now_ms)) else {
            return Found::Nothing;
        };
        if let Some(tag) = self.void_since(&stored.entry) {
            return Found::Void(tag.clone());
        }
        self.shelf.get(key).map_or(Found::Nothing, |stored| {
            Found::Held(Held { entry: stored.entry.clone(), age_ms: now_ms - stored.at_ms })
        })
    }

    fn lead(&mut self, key: &str, flight: &Flight, now_ms: u64) -> Lead {
        match self.flights.get(key) {
            Some((holder, until_ms)) if *holder != flight.holder && *until_ms > now_ms => {
                Lead::Other { left_ms: until_ms - now_ms }
            }
            _ => {
                self.flights.retain(|_, (_, until_ms)| *until_ms > now_ms);
                self.flights.insert(key.to_owned(), (flight.holder.clone(), now_ms + flight.holds_ms));
                Lead::Own
            }
        }
    }
}

impl Stored {
    fn has_ended(&self, now_ms: u64) -> bool {
        now_ms >= self.at_ms.saturating_add(self.entry.fresh_ms).saturating_add(self.entry.grace_ms)
    }
}

impl Namespace {
    fn since(&self, cursor: Cursor, now_ms: u64) -> Delta {
        let first = self.neighbours.front().map_or(self.last + 1, |(number, ..)| *number);
        let is_known = cursor.number > 0 && cursor.number <= self.last && cursor.number + 1 >= first;
        let read = if is_known { cursor.number } else { 0 };
        let newer: Vec<_> = self.neighbours.iter().filter(|(number, ..)| *number > read).collect();
        let shown = &newer[..newer.len().min(NEIGHBOURS_AT_ONCE)];
        Delta {
            neighbours: shown
                .iter()
                .filter(|(_, ends_ms, _)| *ends_ms > now_ms)
                .map(|(_, _, neighbour)| neighbour.clone())
                .collect(),
            cursor: Cursor { life: 0, number: shown.last().map_or(self.last, |(number, ..)| *number) },
            is_whole: !is_known,
            has_more: newer.len() > shown.len(),
        }
    }
}

#[async_trait]
impl Cache for MemoryCache {
    async fn look_up(&self, tenant: &TenantId, lookup: &Lookup) -> Result<Looked> {
        Ok(self.with(tenant, |own, now_ms| {
            let found: Vec<Found> = lookup.keys.iter().map(|key| own.find(key, now_ms)).collect();
            let is_fresh = found.iter().any(|found| matches!(found, Found::Held(held) if held.is_fresh()));
            let wanted = lookup.flight.as_ref().filter(|_| !is_fresh).zip(lookup.keys.first());
            let lead = wanted.map(|(flight, key)| own.lead(key, flight, now_ms));
            let delta = lookup.since.as_ref().map(|(namespace, cursor)| {
                own.namespaces.entry(namespace.clone()).or_default().since(*cursor, now_ms)
            });
            Looked { found, generation: own.generation, lead, delta }
        }))
    }

    async fn put(&self, tenant: &TenantId, key: &str, entry: &Entry) -> Result<()> {
        self.with(tenant, |own, now_ms| {
            own.flights.remove(key);
            let stored = Stored { entry: entry.clone(), at_ms: now_ms };
            if stored.has_ended(now_ms) || own.void_since(entry).is_some() {
                return;
            }
            if own.shelf.is_full() {
                own.shelf.retain(|stored| !stored.has_ended(now_ms));
            }
            own.shelf.put(key, stored, entry.step());
        });
        Ok(())
    }

    async fn lead(&self, tenant: &TenantId, key: &str, flight: &Flight) -> Result<bool> {
        Ok(self.with(tenant, |own, now_ms| own.lead(key, flight, now_ms) == Lead::Own))
    }

    async fn release(&self, tenant: &TenantId, key: &str, holder: &str) -> Result<()> {
        self.with(tenant, |own, _| {
            if own.flights.get(key).is_some_and(|(leading, _)| leading == holder) {
                own.flights.remove(key);
            }
        });
        Ok(())
    }

    async fn purge(&self, tenant: &TenantId, tag: &str) -> Result<Generation> {
        Ok(self.with(tenant, |own, _| {
            own.generation = Generation(own.generation.0 + 1);
            own.purged.insert(tag.to_owned(), own.generation);
            own.generation
        }))
    }

    async fn add(
        &self,
        tenant: &TenantId,
        namespace: &str,
        neighbour: &Neighbour,
        keep_ms: u64,
    ) -> Result<()> {
        self.with(tenant, |own, now_ms| {
            let namespace = own.namespaces.entry(namespace.to_owned()).or_default();
            namespace.last += 1;
            let ends_ms = now_ms.saturating_add(keep_ms);
            namespace.neighbours.push_back((namespace.last, ends_ms, neighbour.clone()));
            if namespace.neighbours.len() > MOST_NEIGHBOURS {
                namespace.neighbours.pop_front();
            }
        });
        Ok(())
    }
}
