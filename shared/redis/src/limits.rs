//! Rates in Redis: one script on one hash tag decides over a tenant's rates; models' and providers' are leased.

mod pool;
mod tag;
mod wire;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use engine::error::Result;
use engine::limits::{Limit, Rates, Scope, Weight};
use engine::model::TakeId;
use engine::ports::{Admission, Backend, Limits, Take, Used};
use futures::future::join_all;
use tokio::task::AbortHandle;

use crate::link::{Link, in_background, now};
use crate::servers::Servers;
use pool::{LEASE_HOLDS_MS, Pool, Spend};
use tag::{Common, NoShare, Tag};

/// What is told to a call of a process without a share while Redis is away.
const NO_SHARE_RETRY_MS: u64 = 1_000;
/// Tags of tenants that this process has long not seen are forgotten when there are more.
const MOST_TAGS: usize = 10_000;

/// Parts of 10,000 that stay for processes without a share.
const SPARE_PARTS: u64 = 1_000;
/// What processes without a share may admit in the span right after Redis was lost, in parts of 10,000; afterwards
/// `SPARE_PARTS`. What Redis admitted before still counts then.
const FIRST_SPARE_PARTS: u64 = 50;

/// How Redis is used.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A name of this process that no other has.
    pub process: String,
    /// How long an answer is waited for, in milliseconds, before Redis counts as away.
    pub patience_ms: u64,
    /// A Lua function `now_ms` in the place of the server's clock, for trials on a clock of one's own.
    pub clock: Option<String>,
}

impl Settings {
    /// What does where nothing else is known, for a process of that name.
    pub fn of(process: &str) -> Self {
        Self { process: process.to_owned(), patience_ms: 100, clock: None }
    }
}

/// What decides for a process without a share while Redis is away: two limiters over the same rows, each of which all such
/// processes share.
pub struct Spare {
    first: Arc<dyn Limits>,
    later: Arc<dyn Limits>,
}

impl Spare {
    /// Limiters of what is left for such processes of these rates: first in the first span without Redis, later afterwards.
    pub fn of(rates: &Rates, limiter: impl Fn(Rates) -> Arc<dyn Limits>) -> Self {
        Self { first: limiter(rates.part(FIRST_SPARE_PARTS)), later: limiter(rates.part(SPARE_PARTS)) }
    }
}

/// Rates in Redis or Valkey.
pub struct RedisLimits {
    common: Arc<Common>,
    tags: Arc<Tags>,
    rates: Rates,
    pools: Mutex<BTreeMap<String, Arc<Pool>>>,
    spends: Mutex<BTreeMap<TakeId, Open>>,
    spare: Option<Spare>,
    asked: AtomicU64,
    prober: AbortHandle,
}

#[derive(Default)]
struct Tags(Mutex<BTreeMap<String, Arc<Tag>>>);

/// A call that this process admitted: what it spent of leases, and the spare that decided on it, if one did.
#[derive(Clone)]
struct Open {
    spends: Vec<(String, Spend)>,
    spare: Option<Arc<dyn Limits>>,
    since: Instant,
}

impl Default for Open {
    fn default() -> Self {
        Self { spends: Vec::new(), spare: None, since: now() }
    }
}

impl RedisLimits {
    /// Rates in the Redis at `url`. It need not be there: until it is, the spare decides, or calls are refused. Kind
    /// `Configuration` for an address that is none.
    pub async fn open(url: &str, rates: Rates, settings: Settings, spare: Option<Spare>) -> Result<Self> {
        let script = wire::script(settings.clock.as_deref());
        let servers = Servers::new(url, script, settings.patience_ms)?;
        if let Err(error) = servers.open().await {
            tracing::warn!(%error, causes = error.causes(), "rates are kept without Redis until it answers");
        }
        Ok(Self::over(servers, rates, settings, spare))
    }

    fn over(servers: Arc<Servers>, rates: Rates, settings: Settings, spare: Option<Spare>) -> Self {
        let longest_ms = rates.rules().iter().map(|rule| rule.span_ms).max().unwrap_or(0) + LEASE_HOLDS_MS;
        let common = Arc::new(Common {
            servers: servers.clone(),
            process: format!("={}", settings.process),
            patience_ms: settings.patience_ms,
            pool: if spare.is_some() { 10_000 - SPARE_PARTS } else { 10_000 },
            keep_ms: longest_ms + longest_ms / 16 + 1_000,
            has_lateness: settings.clock.is_none(),
        });
        let tags = Arc::new(Tags::default());
        let prober = in_background(probe(servers, tags.clone()));
        Self {
            common,
            tags,
            rates,
            pools: Mutex::default(),
            spends: Mutex::default(),
            spare,
            asked: AtomicU64::new(0),
            prober,
        }
    }

    async fn take_all(&self, id: &TakeId, weights: &[Weight]) -> std::result::Result<Admission, NoShare> {
        if lock(&self.spends).get(id).is_some_and(|open| open.spare.is_some()) {
            return Err(NoShare { lost_for: Duration::ZERO });
        }
        let (wide, own): (Vec<&Weight>, Vec<&Weight>) =
            weights.iter().partition(|weight| weight.limit.scope.is_wide());
        let known = lock(&self.spends).contains_key(id);
        let mut open = Open::default();
        let mut admission = Admission::free(Backend::Redis);
        if !known {
            for (owner, weights) in by_tag(&wide) {
                let number = self.asked.fetch_add(1, Ordering::Relaxed);
                let lease = format!("lease/{}/{number}", self.common.process);
                let (tag, pool) = (self.tags.get(&owner, &self.common), self.pool(&owner));
                match pool.take(&tag, &weights, &lease).await {
                    Ok(Ok(spend)) => {
                        admission.backend = admission.backend.max(spend.backend());
                        open.spends.push((owner, spend));
                    }
                    Ok(Err(refused)) => {
                        self.unspend(&open, None).await;
                        return Ok(refused);
                    }
                    Err(no_share) => {
                        self.unspend(&open, None).await;
                        return Err(no_share);
                    }
                }
                admission.remaining = admission.remaining.and(&pool.remaining());
            }
        }
        for (name, weights) in by_tag(&own) {
            let answer = self.tags.get(&name, &self.common).take(id.as_str(), &weights).await;
            match answer {
                Ok(answer) if answer.allowed => {
                    admission.backend = admission.backend.max(answer.backend);
                    admission.remaining = admission.remaining.and(&answer.remaining);
                }
                Ok(refused) => {
                    self.unspend(&open, None).await;
                    return Ok(refused);
                }
                Err(no_share) => {
                    self.unspend(&open, None).await;
                    return Err(no_share);
                }
            }
        }
        if !open.spends.is_empty() {
            self.note(id, open);
        }
        Ok(admission)
    }

    /// Remembers an admitted call until it is settled. One that never is, is forgotten when it no longer counts.
    fn note(&self, id: &TakeId, open: Open) {
        const LOOK_EACH: usize = 1_024;
        let mut spends = lock(&self.spends);
        if spends.len() % LOOK_EACH == LOOK_EACH - 1 {
            let keep_ms = u128::from(self.common.keep_ms);
            spends.retain(|_, open| open.since.elapsed().as_millis() <= keep_ms);
        }
        spends.insert(id.clone(), open);
    }

    async fn settle_all(&self, take: &Take, used: Option<&Used>) -> Result<()> {
        let open = lock(&self.spends).remove(&take.id).unwrap_or_default();
        if let Some(limits) = &open.spare {
            return match used {
                Some(used) => limits.settle(take, used).await,
                None => limits.refund(take).await,
            };
        }
        self.unspend(&open, used).await;
        // What is heavier than a whole rate was never taken.
        let Ok(weights) = self.rates.weights(take) else { return Ok(()) };
        let own: Vec<&Weight> = weights.iter().filter(|weight| !weight.limit.scope.is_wide()).collect();
        let each = by_tag(&own).into_iter().map(|(name, weights)| async move {
            let real = |used: &Used| {
                weights.iter().map(|weight| used.of(weight.limit.dimension)).collect::<Vec<_>>()
            };
            let tag = self.tags.get(&name, &self.common);
            tag.settle(take.id.as_str(), &weights, used.map(real).as_deref()).await;
        });
        join_all(each).await;
        Ok(())
    }

    async fn unspend(&self, open: &Open, used: Option<&Used>) {
        for (owner, spend) in &open.spends {
            let tag = self.tags.get(owner, &self.common);
            self.pool(owner).settle(&tag, Some((spend, used))).await;
        }
    }

    async fn without_share(&self, take: &Take, lost_for: Duration) -> Result<Admission> {
        let Some(spare) = &self.spare else {
            return Ok(Admission::refused(NO_SHARE_RETRY_MS, Backend::Spare));
        };
        // The same call again is asked of the one that admitted it.
        let before = lock(&self.spends).get(&take.id).and_then(|open| open.spare.clone());
        let limits = before.unwrap_or_else(|| self.spare_now(spare, lost_for).clone());
        let admission = limits.take(take).await;
        if matches!(&admission, Ok(admission) if admission.allowed) {
            self.note(&take.id, Open { spare: Some(limits), ..Open::default() });
        }
        match admission {
            // It is heavier than what is left for processes without a share, and may fit once Redis is back.
            Err(error) if error.kind() == engine::error::ErrorKind::AboveCapacity => {
                Ok(Admission::refused(NO_SHARE_RETRY_MS, Backend::Spare))
            }
            admission => admission,
        }
    }

    fn spare_now<'a>(&self, spare: &'a Spare, lost_for: Duration) -> &'a Arc<dyn Limits> {
        let is_first = lost_for.as_millis() < u128::from(self.common.keep_ms);
        if is_first { &spare.first } else { &spare.later }
    }

    fn pool(&self, owner: &str) -> Arc<Pool> {
        lock(&self.pools).entry(owner.to_owned()).or_default().clone()
    }
}

#[async_trait]
impl Limits for RedisLimits {
    async fn take(&self, take: &Take) -> Result<Admission> {
        let weights = self.rates.weights(take)?;
        match self.take_all(&take.id, &weights).await {
            Ok(admission) => Ok(admission),
            Err(NoShare { lost_for }) => self.without_share(take, lost_for).await,
        }
    }

    async fn settle(&self, take: &Take, used: &Used) -> Result<()> {
        self.settle_all(take, Some(used)).await
    }

    async fn refund(&self, take: &Take) -> Result<()> {
        self.settle_all(take, None).await
    }

    async fn allow(&self, key: &str, tokens: u64) -> Result<Admission> {
        let weights = self.rates.key_weights(key, tokens)?;
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let id = TakeId::new(format!("allow/{}/{number}", self.common.process));
        match (self.take_all(&id, &weights).await, &self.spare) {
            (Ok(admission), _) => Ok(admission),
            (Err(NoShare { lost_for }), Some(spare)) => {
                self.spare_now(spare, lost_for).allow(key, tokens).await
            }
            (Err(NoShare { .. }), None) => Ok(Admission::refused(NO_SHARE_RETRY_MS, Backend::Spare)),
        }
    }
}

impl Drop for RedisLimits {
    fn drop(&mut self) {
        self.prober.abort();
    }
}

impl Tags {
    fn get(&self, name: &str, common: &Arc<Common>) -> Arc<Tag> {
        let mut tags = lock(&self.0);
        if tags.len() > MOST_TAGS {
            tags.retain(|_, tag| !tag.is_idle());
        }
        tags.entry(name.to_owned()).or_insert_with(|| Arc::new(Tag::new(name, common.clone()))).clone()
    }

    fn all(&self) -> Vec<Arc<Tag>> {
        lock(&self.0).values().cloned().collect()
    }
}

/// Finds each server again whenever it is lost, and tells it what was admitted meanwhile, tag by tag. A call on an earlier
/// connection may fail after that: its tag is told then.
async fn probe(servers: Arc<Servers>, tags: Arc<Tags>) {
    let of_link = |link: &Arc<Link>| -> Vec<Arc<Tag>> {
        tags.all().into_iter().filter(|tag| tag.is_at(link)).collect()
    };
    let tell = async |link: Arc<Link>| {
        let told = join_all(of_link(&link).iter().map(|tag| tag.rejoin(&link))).await;
        let is_told = told.into_iter().all(|told| told);
        if is_told {
            tracing::info!("Redis is there and knows what was admitted");
        }
        is_told
    };
    servers.tend(tell, |link| of_link(link).iter().any(|tag| tag.is_behind())).await;
}

/// Weights by the tag whose rates they are: an agent's stand with its tenant's.
fn by_tag(weights: &[&Weight]) -> BTreeMap<String, Vec<Weight>> {
    let mut tags: BTreeMap<String, Vec<Weight>> = BTreeMap::new();
    for of_one in weights.chunk_by(|one, other| one.limit.owner == other.limit.owner) {
        let Limit { scope, owner, .. } = &of_one[0].limit;
        let tag = match scope {
            Scope::Agent => {
                let tenant = owner.strip_prefix("agent/").and_then(|rest| rest.rsplit_once('/'));
                tenant.map_or_else(|| (**owner).to_owned(), |(tenant, _)| format!("tenant/{tenant}"))
            }
            Scope::Tenant | Scope::Model | Scope::Provider | Scope::Key => (**owner).to_owned(),
        };
        tags.entry(tag).or_default().extend(of_one.iter().map(|weight| (*weight).clone()));
    }
    tags.values_mut().for_each(|weights| wire::sort(weights));
    tags
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
