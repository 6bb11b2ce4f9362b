//! Stored answers in Redis: one script on one hash tag per tenant decides; a look-up is one call.

mod wire;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use engine::error::{Error, ErrorKind, Result};
use engine::model::TenantId;
use engine::ports::{Cache, Entry, Flight, Generation, Looked, Lookup, Neighbour};
use redis::FromRedisValue;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::link::{CLOCK, Link, in_background};

/// Larger answers are not worth their place: they are not stored.
const LARGEST_BYTES: usize = 256 * 1_024;
/// Bytes of a tenant's answers.
const MOST_BYTES: usize = 64 << 20;
/// Neighbours that a namespace keeps.
const MOST_NEIGHBOURS: usize = 10_000;
/// Nothing is kept longer than this.
const LONGEST_MS: u64 = 30 * 86_400_000;
/// What a step may wait for a Redis that has just gone silent.
const PATIENCE_MS: u64 = 18;
/// Opening is waited for this long; then it goes on beside the work.
const OPENING: Duration = Duration::from_millis(25);

/// Stored answers in Redis or Valkey.
pub struct RedisCache {
    link: Arc<Link>,
    most: usize,
    prober: AbortHandle,
}

/// How Redis is used for stored answers.
#[derive(Clone, Debug)]
pub struct CacheSettings {
    /// How many answers of a tenant are kept.
    pub most: usize,
    /// How long Redis may be silent, in milliseconds, before it counts as away. While it answers others, a call may wait longer.
    pub patience_ms: u64,
    /// A Lua function `now_ms` in the place of the server's clock, for trials on a clock of one's own.
    pub clock: Option<String>,
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
        let script = format!("{}\n{}", clock.as_deref().unwrap_or(CLOCK), include_str!("cache/cache.lua"));
        let link = Link::new(url, script, patience_ms)?;
        match timeout(OPENING, link.open()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, causes = error.causes(), "nothing is recalled until Redis answers");
            }
            Err(_) => tracing::info!("Redis is slow to answer; nothing is recalled until it does"),
        }
        let prober = in_background(probe(link.clone()));
        Ok(Self { link, most, prober })
    }

    async fn call<T: FromRedisValue>(
        &self,
        tenant: &TenantId,
        namespace: &str,
        arguments: &[Vec<u8>],
    ) -> Result<T> {
        let answer = self.link.ask(&wire::keys(tenant, namespace), arguments).await;
        answer.map_err(|_| Error::new(ErrorKind::Storage, "Redis is away"))
    }
}

#[async_trait]
impl Cache for RedisCache {
    async fn look_up(&self, tenant: &TenantId, lookup: &Lookup) -> Result<Looked> {
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

/// Finds Redis again whenever it is lost.
async fn probe(link: Arc<Link>) {
    loop {
        link.come_back().await;
        link.wait_until_lost_or(|| false).await;
    }
}
