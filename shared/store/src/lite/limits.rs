//! Rates as rows: exact in every window, for all processes that share the store and whose clocks agree.
//!
//! An owner of rates is a row that holds its windows; a call is a row of its own until nothing of it counts any more.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use engine::error::{Error, ErrorKind, Result};
use engine::limits::{
    Dimension, Fate, Rates, Reservation, Verdict, Weight, Window, decide, decide_settlement,
};
use engine::model::TakeId;
use engine::ports::{
    Admission, Backend, Becomes, Change, Clock, Expect, Key, Limits, Remaining, Row, Store, Take, Used,
    Versioned,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

const ATTEMPTS: u64 = 40;

/// What it is told when too many ask at the same moment.
const CROWDED_RETRY_AFTER_MS: u64 = 500;

/// Rates over a store of rows.
#[derive(Clone)]
pub struct LiteLimits {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    rates: Rates,
    prefix: &'static str,
    backend: Backend,
}

/// The windows of an owner, as its row holds them.
type Windows = BTreeMap<Dimension, Window>;

impl LiteLimits {
    /// A limiter of these rates.
    pub fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, rates: Rates) -> Self {
        Self { store, clock, rates, prefix: "", backend: Backend::Table }
    }

    /// The same kind of limiter for processes that Redis has never answered: in rows of its own, and its answers say so.
    pub fn spare(store: Arc<dyn Store>, clock: Arc<dyn Clock>, rates: Rates) -> Self {
        Self { store, clock, rates, prefix: "spare/", backend: Backend::Spare }
    }

    async fn take_all(&self, id: Option<&TakeId>, weights: &[Weight]) -> Result<Admission> {
        if weights.is_empty() {
            return Ok(Admission::free(self.backend));
        }
        for attempt in 1..=ATTEMPTS {
            if let Some(admission) = self.attempt(id, weights).await? {
                return Ok(admission);
            }
            self.clock.sleep(attempt.min(10)).await;
        }
        Ok(Admission::refused(CROWDED_RETRY_AFTER_MS, self.backend))
    }

    /// One reading, one decision, one writing. `None` if somebody else was faster.
    async fn attempt(&self, id: Option<&TakeId>, weights: &[Weight]) -> Result<Option<Admission>> {
        let mut rows = self.open(id, weights.iter().map(|weight| &*weight.limit.owner)).await?;
        let now_ms = self.clock.now_ms();
        let known = rows.reservation(now_ms).is_some_and(|known| known.fate != Fate::Refunded);
        let mut owners = match rows.owners(now_ms) {
            Ok(owners) => owners,
            // Nobody knows what is taken: too few are admitted rather than too many.
            Err(until_ms) => return Ok(Some(Admission::refused(until_ms - now_ms, self.backend))),
        };
        let mut windows: Vec<Window> =
            weights.iter().map(|weight| owners.window(&weight.limit.owner, weight.limit.dimension)).collect();
        let mut retry_after_ms = 0;
        let mut taken = None;
        if !known {
            match decide(&mut windows, weights, now_ms) {
                Verdict::Wait(wait_ms) => retry_after_ms = wait_ms,
                Verdict::Taken(reservation) => taken = Some(reservation),
            }
        }
        let mut remaining = Remaining::default();
        for (Weight { limit, .. }, window) in weights.iter().zip(&mut windows) {
            let left = limit.capacity.saturating_sub(window.total(limit.span_ms, now_ms));
            remaining.at_most(limit.dimension, left);
        }
        let admission =
            Admission { allowed: retry_after_ms == 0, remaining, retry_after_ms, backend: self.backend };
        let Some(reservation) = taken else { return Ok(Some(admission)) };
        for (Weight { limit, .. }, window) in weights.iter().zip(windows) {
            owners.keep(&limit.owner, limit.dimension, window, limit.span_ms);
        }
        let mut changes = rows.changes(&owners)?;
        changes.extend(rows.reserved(&reservation)?);
        Ok(self.write(&changes).await?.then_some(admission))
    }

    async fn settle_all(&self, take: &Take, used: Option<&Used>) -> Result<()> {
        // What is heavier than a whole rate was never taken.
        let Ok(weights) = self.rates.weights(take) else { return Ok(()) };
        // Where only requests are limited, a call that was made leaves everything as it is.
        let changes_something = |weight: &Weight| weight.limit.dimension != Dimension::Requests;
        if weights.is_empty() || (used.is_some() && !weights.iter().any(changes_something)) {
            return Ok(());
        }
        for attempt in 1..=ATTEMPTS {
            if self.attempt_settlement(&take.id, &weights, used).await? {
                return Ok(());
            }
            self.clock.sleep(attempt.min(10)).await;
        }
        Err(Error::new(ErrorKind::Conflict, "too many change the same rates at this moment"))
    }

    /// False if somebody else was faster.
    async fn attempt_settlement(&self, id: &TakeId, weights: &[Weight], used: Option<&Used>) -> Result<bool> {
        let mut rows = self.open(Some(id), weights.iter().map(|weight| &*weight.limit.owner)).await?;
        let now_ms = self.clock.now_ms();
        let Some(mut reservation) =
            rows.reservation(now_ms).filter(|reservation| reservation.fate == Fate::Live)
        else {
            return Ok(true);
        };
        // A window that cannot be read counts as full until it ends; there is nothing to give back to.
        let Ok(mut owners) = rows.owners(now_ms) else { return Ok(true) };
        let mut windows: Vec<Window> =
            reservation.held.iter().map(|held| owners.window(&held.owner, held.dimension)).collect();
        decide_settlement(&mut windows, &mut reservation, used, now_ms);
        for (held, window) in reservation.held.iter().zip(windows) {
            owners.keep(&held.owner, held.dimension, window, held.span_ms);
        }
        let mut changes = rows.changes(&owners)?;
        changes.extend(rows.reserved(&reservation)?);
        self.write(&changes).await
    }

    async fn open<'a>(&self, id: Option<&TakeId>, owners: impl Iterator<Item = &'a str>) -> Result<Rows> {
        let mut names: Vec<String> = owners.map(str::to_owned).collect();
        names.sort();
        names.dedup();
        let keys: Vec<Key> = names.iter().map(|name| Key::Rate(format!("{}{name}", self.prefix))).collect();
        let reservation = id.map(|id| Key::Reservation(format!("{}{id}", self.prefix)));
        let wanted: Vec<Key> = keys.iter().cloned().chain(reservation.clone()).collect();
        let mut found = self.store.read(&wanted).await?;
        let own = if reservation.is_some() { found.pop().flatten() } else { None };
        let owners =
            names.into_iter().zip(keys).zip(found).map(|((name, key), found)| (name, key, found)).collect();
        Ok(Rows { owners, reservation: reservation.map(|key| (key, own)) })
    }

    async fn write(&self, changes: &[Change]) -> Result<bool> {
        match self.store.write(changes).await {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl Limits for LiteLimits {
    async fn take(&self, take: &Take) -> Result<Admission> {
        self.take_all(Some(&take.id), &self.rates.weights(take)?).await
    }

    async fn settle(&self, take: &Take, used: &Used) -> Result<()> {
        self.settle_all(take, Some(used)).await
    }

    async fn refund(&self, take: &Take) -> Result<()> {
        self.settle_all(take, None).await
    }

    async fn allow(&self, key: &str, tokens: u64) -> Result<Admission> {
        self.take_all(None, &self.rates.key_weights(key, tokens)?).await
    }
}

/// The rows a decision is about.
struct Rows {
    owners: Vec<(String, Key, Option<Versioned>)>,
    reservation: Option<(Key, Option<Versioned>)>,
}

/// The windows of several owners, and which of them change.
#[derive(Default)]
struct Owners {
    windows: BTreeMap<String, Windows>,
    ends_ms: BTreeMap<String, u64>,
}

impl Rows {
    /// The reservation, if it still counts.
    fn reservation(&mut self, now_ms: u64) -> Option<Reservation> {
        let (_, found) = self.reservation.as_ref()?;
        read(found.as_ref(), now_ms).ok().flatten()
    }

    /// The windows of all owners, or until when one of them cannot be read.
    fn owners(&self, now_ms: u64) -> std::result::Result<Owners, u64> {
        let mut owners = Owners::default();
        for (name, _, found) in &self.owners {
            owners.windows.insert(name.clone(), read(found.as_ref(), now_ms)?.unwrap_or_default());
        }
        Ok(owners)
    }

    fn changes(&self, owners: &Owners) -> Result<Vec<Change>> {
        let changed = self.owners.iter().filter_map(|(name, key, found)| {
            let ends_ms = *owners.ends_ms.get(name)?;
            Some(kept(key, found.as_ref(), owners.windows.get(name)?, ends_ms))
        });
        changed.collect()
    }

    fn reserved(&self, reservation: &Reservation) -> Result<Option<Change>> {
        let row = self.reservation.as_ref();
        row.map(|(key, found)| kept(key, found.as_ref(), reservation, reservation.ends_ms)).transpose()
    }
}

impl Owners {
    fn window(&self, owner: &str, dimension: Dimension) -> Window {
        self.windows.get(owner).and_then(|windows| windows.get(&dimension)).cloned().unwrap_or_default()
    }

    fn keep(&mut self, owner: &str, dimension: Dimension, window: Window, span_ms: u64) {
        let ends_ms = self.ends_ms.entry(owner.to_owned()).or_default();
        *ends_ms = (*ends_ms).max(window.ends_at_ms(span_ms));
        self.windows.entry(owner.to_owned()).or_default().insert(dimension, window);
    }
}

/// What a row holds, if it has not expired. Errors: it cannot be read; with its end in milliseconds since 1970.
fn read<T: DeserializeOwned>(found: Option<&Versioned>, now_ms: u64) -> std::result::Result<Option<T>, u64> {
    match found.map(|versioned| &versioned.row) {
        Some(Row::Expiring { value, expires_ms }) if *expires_ms > now_ms => {
            serde_json::from_value(value.clone()).map(Some).map_err(|_| *expires_ms)
        }
        _ => Ok(None),
    }
}

fn kept(key: &Key, found: Option<&Versioned>, value: &impl Serialize, ends_ms: u64) -> Result<Change> {
    let value = serde_json::to_value(value)
        .map_err(|error| Error::new(ErrorKind::Internal, "a rate cannot be written").because(error))?;
    let expires_ms = match found.map(|versioned| &versioned.row) {
        Some(Row::Expiring { expires_ms, .. }) => ends_ms.max(*expires_ms),
        _ => ends_ms,
    };
    Ok(Change {
        key: key.clone(),
        expect: found.map_or(Expect::Absent, |versioned| Expect::Version(versioned.version)),
        to: Becomes::Row(Row::Expiring { value, expires_ms }),
        due_ms: None,
    })
}
