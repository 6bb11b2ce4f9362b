//! Stored answers in Redis: one script on one hash tag per tenant decides. A fresh answer of a tenant that has purged nothing since
//! is found by plain commands, in one trip; whoever must make one asks the script who leads.

mod wire;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use engine::error::{Error, ErrorKind, Result};
use engine::model::TenantId;
use engine::ports::{Cache, Entry, Flight, Found, Generation, Looked, Lookup, Neighbour};
use redis::{FromRedisValue, Value, pipe};
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::link::{CLOCK, in_background};
use crate::servers::{Servers, slot_of};

/// Larger answers are not worth their place: they are not stored.
const LARGEST_BYTES: usize = 256 * 1_024;
/// Bytes of a tenant's answers.
const MOST_BYTES: usize = 64 << 20;
/// Neighbours that a namespace keeps.
const MOST_NEIGHBOURS: usize = 10_000;
/// Nothing is kept longer than this.
const LONGEST_MS: u64 = 30 * 86_400_000;
/// What a step may wait for a Redis that has just gone silent.
const PATIENCE_MS: u64 = 16;
/// The server's time is asked for again after so long.
const TIMED: Duration = Duration::from_secs(1);
/// Opening is waited for this long; then it goes on beside the work.
const OPENING: Duration = Duration::from_millis(25);

/// Stored answers in Redis or Valkey.
pub struct RedisCache {
    servers: Arc<Servers>,
    most: usize,
    clock: Option<TrialClock>,
    uses: AtomicU64,
    prober: AbortHandle,
}

/// How Redis is used for stored answers.
#[derive(Clone, Debug)]
pub struct CacheSettings {
    /// How many answers of a tenant are kept.
    pub most: usize,
    /// How long Redis may be silent, in milliseconds, before it counts as away. While it answers others, a call may wait longer.
    pub patience_ms: u64,
    /// Another clock in the place of the server's.
    pub clock: Option<TrialClock>,
}

/// A clock for trials.
#[derive(Clone, Debug)]
pub struct TrialClock {
    /// A Lua function `now_ms`.
    pub script: String,
    /// A key that holds the milliseconds that it tells. `None`: only the script can tell, and is always asked.
    pub key: Option<String>,
}

impl CacheSettings {
    /// What does where nothing else is known, for so many answers of each tenant.
    pub fn of(most: usize) -> Self {
        Self { most, patience_ms: PATIENCE_MS, clock: None }
    }
}

impl RedisCache {
    /// Stored answers in the Redis at `url`. It need not be there: until it is, every call fails at once. Kind `Configuration` for
    /// an address that is none.
    pub async fn open(url: &str, settings: CacheSettings) -> Result<Self> {
        let CacheSettings { most, patience_ms, clock } = settings;
        let now_ms = clock.as_ref().map_or(CLOCK, |clock| clock.script.as_str());
        let script = format!("{now_ms}\n{}", include_str!("cache/cache.lua"));
        let servers = Servers::new(url, script, patience_ms)?;
        match timeout(OPENING, servers.open()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, causes = error.causes(), "nothing is recalled until Redis answers");
            }
            Err(_) => tracing::info!("Redis is slow to answer; nothing is recalled until it does"),
        }
        let opened = servers.clone();
        let prober = in_background(async move { opened.tend(async |_| true, |_| false).await });
        Ok(Self { servers, most, clock, uses: AtomicU64::new(0), prober })
    }

    async fn call<T: FromRedisValue>(
        &self,
        tenant: &TenantId,
        namespace: &str,
        arguments: &[Vec<u8>],
    ) -> Result<T> {
        let keys = wire::keys(tenant, namespace);
        self.servers.ask(slot_of(&keys[0]), &keys, arguments).await.map_err(|_| away())
    }

    /// What plain commands tell, if they tell all: there is a fresh answer, and nothing was purged since any answer there was
    /// made; or there is nothing at all, and nobody wants to lead.
    async fn glance(&self, tenant: &TenantId, lookup: &Lookup) -> Result<Option<Looked>> {
        if lookup.since.is_some() || lookup.keys.is_empty() {
            return Ok(None);
        }
        let clock = match &self.clock {
            Some(TrialClock { key: None, .. }) => return Ok(None),
            Some(TrialClock { key, .. }) => key.as_deref(),
            None => None,
        };
        let [known, answers] = wire::first_keys(tenant);
        let slot = slot_of(&known);
        let mut commands = pipe();
        commands.cmd("HMGET").arg(answers).arg(&lookup.keys);
        commands.cmd("HMGET").arg(known).arg("floor").arg("last");
        let noted_ms = self.servers.link(slot).noted_ms(TIMED).filter(|_| clock.is_none());
        match (clock, noted_ms) {
            (_, Some(_)) => {}
            (None, None) => drop(commands.cmd("TIME")),
            (Some(key), None) => drop(commands.cmd("GET").arg(key)),
        }
        let (told, link): (Vec<Value>, _) = self.servers.send(slot, &commands).await.map_err(|_| away())?;
        let now_ms = noted_ms.or_else(|| wire::time(told.get(2)?));
        if let (None, Some(now_ms)) = (noted_ms, now_ms) {
            link.note_time(now_ms);
        }
        let looked = match (&told[..], now_ms) {
            ([stored, known, ..], Some(now_ms)) => wire::glanced(stored, known, now_ms),
            _ => None,
        };
        let Some(looked) = looked else { return Ok(None) };
        let fresh =
            looked.found.iter().position(|found| matches!(found, Found::Held(held) if held.is_fresh()));
        if let (Some(at), Some(Found::Held(held))) = (fresh, fresh.and_then(|at| looked.found.get(at))) {
            self.count_use(tenant, &lookup.keys[at], held.entry.step());
            return Ok(Some(looked));
        }
        let has_nothing = looked.found.iter().all(|found| *found == Found::Nothing);
        Ok(Some(looked).filter(|_| has_nothing && lookup.flight.is_none()))
    }

    /// One use in a few is told, for all of them.
    fn count_use(&self, tenant: &TenantId, key: &str, step: u64) {
        const TOLD_OF: u64 = 8;
        let number = self.uses.fetch_add(1, Ordering::Relaxed);
        // Spread, so that no rhythm of look-ups meets one of its own.
        if number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 61 == 0 {
            let step = step.saturating_mul(TOLD_OF).to_string();
            let keys = wire::keys(tenant, "");
            let link = self.servers.link(slot_of(&keys[0]));
            link.mention(keys.to_vec(), wire::words(["use", key, &step]));
        }
    }
}

#[async_trait]
impl Cache for RedisCache {
    async fn look_up(&self, tenant: &TenantId, lookup: &Lookup) -> Result<Looked> {
        if let Some(looked) = self.glance(tenant, lookup).await? {
            return Ok(looked);
        }
        let namespace = lookup.since.as_ref().map_or("", |(namespace, _)| namespace);
        wire::looked(lookup, self.call(tenant, namespace, &wire::look(lookup)).await?)
    }

    async fn put(&self, tenant: &TenantId, key: &str, entry: &Entry) -> Result<()> {
        let nothing =
            Entry { value: Arc::default(), fresh_ms: 0, grace_ms: 0, tags: Vec::new(), ..entry.clone() };
        let arguments = wire::put(key, entry, self.most).or_else(|| wire::put(key, &nothing, self.most));
        match arguments {
            Some(arguments) => self.call(tenant, "", &arguments).await,
            None => Ok(()),
        }
    }

    async fn lead(&self, tenant: &TenantId, key: &str, flight: &Flight) -> Result<bool> {
        let arguments = wire::words(["lead", key, &flight.holder, &flight.holds_ms.to_string()]);
        self.call(tenant, "", &arguments).await
    }

    async fn release(&self, tenant: &TenantId, key: &str, holder: &str) -> Result<()> {
        self.call(tenant, "", &wire::words(["release", key, holder])).await
    }

    async fn purge(&self, tenant: &TenantId, tag: &str) -> Result<Generation> {
        self.call(tenant, "", &wire::words(["purge", tag])).await.map(Generation)
    }

    async fn add(
        &self,
        tenant: &TenantId,
        namespace: &str,
        neighbour: &Neighbour,
        keep_ms: u64,
    ) -> Result<()> {
        self.call(tenant, namespace, &wire::add(neighbour, keep_ms)).await
    }
}

impl Drop for RedisCache {
    fn drop(&mut self) {
        self.prober.abort();
    }
}

fn away() -> Error {
    Error::new(ErrorKind::Storage, "Redis is away")
}
