//! Rates of models and providers, which all tenants share: a process leases a part of such a rate in one call to the
//! rate's own tag, and spends it without asking again.
//!
//! A lease may be spent for a second. The rate's window is a second longer for that, so that what is spent in any span was
//! leased in a span and a second, and never passes the capacity. What is not spent goes back when the lease is over; a
//! lease of a dead process counts until it leaves the window.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use engine::limits::{AT_ONCE_SPAN_MS, Dimension, Limit, Weight};
use engine::ports::{Admission, Backend, Remaining, Used};

use super::tag::{NoShare, Tag};

/// How long a lease may be spent.
pub(crate) const LEASE_HOLDS_MS: u64 = 1_000;
/// A lease is this part of a rate, or what the call needs if that is more.
const LEASE_PART: u64 = 128;

/// What a process has leased of one owner's rates.
#[derive(Default)]
pub(crate) struct Pool {
    leases: Mutex<Leases>,
}

#[derive(Default)]
struct Leases {
    open: BTreeMap<String, Lease>,
    remaining: Remaining,
}

struct Lease {
    weights: Vec<Weight>,
    left: Vec<u64>,
    /// What was used beyond what was spent.
    beyond: Vec<u64>,
    /// Calls under way that spend of it.
    out: usize,
    until: Instant,
    /// What decided on it.
    by: Backend,
}

/// What a call spent of which leases, weight by weight.
#[derive(Clone, Debug)]
pub(crate) struct Spend {
    parts: Vec<(String, Vec<u64>)>,
    by: Backend,
}

impl Spend {
    /// What decided on its leases: of several, the one that knew least.
    pub(crate) fn backend(&self) -> Backend {
        self.by
    }
}

/// A lease that is over, and what of it was really used.
struct Closed {
    id: String,
    weights: Vec<Weight>,
    reals: Vec<u64>,
}

impl Pool {
    /// Spends what a call weighs, leasing what is missing under `lease_id`: a whole lease, or only what is missing if the rate
    /// does not have a whole one left. The inner error is a refusal.
    pub(crate) async fn take(
        &self,
        tag: &Tag,
        weights: &[Weight],
        lease_id: &str,
    ) -> Result<Result<Spend, Admission>, NoShare> {
        let mut missing = match self.lock().spend(weights) {
            Ok(spend) => return Ok(Ok(spend)),
            Err(missing) => missing,
        };
        for (attempt, is_whole) in [(0, true), (1, false)] {
            let id = format!("{lease_id}/{attempt}");
            let wanted: Vec<Weight> = weights
                .iter()
                .zip(&missing)
                .map(|(weight, units)| leased(weight, *units, is_whole))
                .collect();
            // The rate's window counts a lease from when the server decides, which may be long before its answer is here.
            let sent = crate::link::now();
            let admission = tag.take(&id, &wanted).await?;
            if !admission.allowed {
                if is_whole && wanted.iter().zip(&missing).any(|(wanted, missing)| wanted.units > *missing) {
                    continue;
                }
                return Ok(Err(admission));
            }
            let mut leases = self.lock();
            leases.remaining = admission.remaining;
            leases.add(id, wanted, sent, admission.backend);
            match leases.spend(weights) {
                Ok(spend) => return Ok(Ok(spend)),
                // Another call of this process spent what this one leased.
                Err(still) => missing = still,
            }
        }
        Ok(Err(Admission::refused(1, Backend::Redis)))
    }

    /// What is left by the last answer.
    pub(crate) fn remaining(&self) -> Remaining {
        self.lock().remaining
    }

    /// Puts real use in the place of what was spent, and gives back what is left of leases that are over.
    pub(crate) async fn settle(&self, tag: &Tag, spend: Option<(&Spend, Option<&Used>)>) {
        let closed = {
            let mut leases = self.lock();
            if let Some((spend, used)) = spend {
                leases.settle(spend, used);
            }
            leases.close()
        };
        for Closed { id, weights, reals } in closed {
            tag.settle(&id, &weights, Some(&reals)).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Leases> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A lease of a rate: a part of it, or what is missing. Slots for calls under way are leased one by one.
fn leased(weight: &Weight, missing: u64, is_whole: bool) -> Weight {
    let Weight { limit, .. } = weight;
    let whole = match limit.dimension {
        Dimension::AtOnce => missing,
        Dimension::Requests | Dimension::InputTokens | Dimension::OutputTokens => {
            missing.max(limit.capacity / LEASE_PART)
        }
    };
    let limit = Limit { span_ms: limit.span_ms + LEASE_HOLDS_MS, ..limit.clone() };
    Weight { limit, units: if is_whole { whole } else { missing } }
}

impl Leases {
    /// Spends of leases that hold, or says what is missing of each weight.
    fn spend(&mut self, weights: &[Weight]) -> Result<Spend, Vec<u64>> {
        let now = crate::link::now();
        let mut missing: Vec<u64> = weights.iter().map(|weight| weight.units).collect();
        let (mut parts, mut by) = (Vec::new(), Backend::Redis);
        for (id, lease) in self.open.iter().filter(|(_, lease)| lease.until > now) {
            let part: Vec<u64> =
                missing.iter().zip(&lease.left).map(|(units, left)| *units.min(left)).collect();
            if part.iter().any(|units| *units > 0) {
                missing.iter_mut().zip(&part).for_each(|(missing, units)| *missing -= units);
                parts.push((id.clone(), part));
                by = by.max(lease.by);
            }
        }
        if missing.iter().any(|units| *units > 0) {
            return Err(missing);
        }
        for (id, part) in &parts {
            if let Some(lease) = self.open.get_mut(id) {
                lease.out += 1;
                lease.left.iter_mut().zip(part).for_each(|(left, units)| *left -= units);
            }
        }
        Ok(Spend { parts, by })
    }

    fn add(&mut self, id: String, weights: Vec<Weight>, sent: Instant, by: Backend) {
        let left = weights.iter().map(|weight| weight.units).collect();
        let beyond = vec![0; weights.len()];
        let until = sent + Duration::from_millis(LEASE_HOLDS_MS);
        self.open.insert(id, Lease { weights, left, beyond, out: 0, until, by });
    }

    fn settle(&mut self, spend: &Spend, used: Option<&Used>) {
        let mut open: Option<Vec<u64>> = None;
        let last = spend.parts.len().saturating_sub(1);
        for (place, (id, part)) in spend.parts.iter().enumerate() {
            let Some(lease) = self.open.get_mut(id) else { continue };
            lease.out = lease.out.saturating_sub(1);
            let real_of = |weight: &Weight| used.map_or(0, |used| used.of(weight.limit.dimension));
            let real = open.get_or_insert_with(|| lease.weights.iter().map(real_of).collect());
            for (at, units) in part.iter().enumerate() {
                let Some(real) = real.get_mut(at) else { continue };
                let kept = (*real).min(*units);
                *real -= kept;
                lease.left[at] += units - kept;
                if place == last {
                    lease.beyond[at] = lease.beyond[at].saturating_add(*real);
                }
            }
        }
    }

    fn close(&mut self) -> Vec<Closed> {
        let now = crate::link::now();
        // A call whose end nobody tells no longer counts after that long, and neither does its lease.
        let lost = Duration::from_millis(AT_ONCE_SPAN_MS);
        self.open.retain(|_, lease| lease.until + lost > now);
        let over = self.open.extract_if(.., |_, lease| lease.until <= now && lease.out == 0);
        let closed = over.map(|(id, lease)| {
            let used = lease.weights.iter().zip(&lease.left).map(|(weight, left)| weight.units - left);
            let reals = used.zip(&lease.beyond).map(|(used, beyond)| used.saturating_add(*beyond)).collect();
            Closed { id, weights: lease.weights, reals }
        });
        closed.collect()
    }
}

#[cfg(test)]
mod tests {
    use engine::limits::Scope;

    use super::*;

    #[test]
    fn a_lease_holds_from_when_it_was_asked_for() {
        let (scope, dimension) = (Scope::Provider, Dimension::Requests);
        let limit = Limit { scope, owner: "provider/one".into(), dimension, capacity: 9, span_ms: 1_280 };
        let weights = vec![Weight { limit, units: 1 }];
        let mut leases = Leases::default();
        let sent = crate::link::now();
        leases.add(
            "old".to_owned(),
            weights.clone(),
            sent - Duration::from_millis(LEASE_HOLDS_MS),
            Backend::Redis,
        );
        assert!(leases.spend(&weights).is_err());
        leases.add("new".to_owned(), weights.clone(), sent, Backend::Redis);
        assert!(leases.spend(&weights).is_ok());
    }
}
