//! The limiter of a world, and a second book of what it admitted: kept by time, so that it shares nothing with the
//! limiter's own reckoning.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use engine::error::Result;
use engine::limits::{AT_ONCE_SPAN_MS, Dimension, MINUTE_MS, Rates, Rule, Scope, Weight, sub_span_ms};
use engine::memory::{MemoryLimits, SeededRandom};
use engine::model::TakeId;
use engine::ports::{Admission, Clock, Limits, Random as _, Take, Used};

use super::world::Plan;

/// The rates of a plan's world: wide in a calm one; where things go wrong, so tight that calls have to wait.
pub(super) fn rates_of(plan: &Plan, random: &SeededRandom) -> Rates {
    let rule = |scope, dimension, capacity, span_ms| Rule { scope, of: None, dimension, capacity, span_ms };
    let mut rules = vec![
        rule(Scope::Tenant, Dimension::Requests, 600, MINUTE_MS),
        rule(Scope::Provider, Dimension::Requests, 600, MINUTE_MS),
    ];
    if plan.faults {
        let draw = |least: u64, most: u64| least + random.next_u64() % (most - least);
        rules = vec![
            rule(Scope::Tenant, Dimension::Requests, draw(30, 90), MINUTE_MS),
            rule(Scope::Tenant, Dimension::OutputTokens, draw(200_000, 2_000_000), MINUTE_MS),
            rule(Scope::Agent, Dimension::AtOnce, draw(3, 12), AT_ONCE_SPAN_MS),
            rule(Scope::Provider, Dimension::Requests, draw(40, 120), MINUTE_MS),
        ];
    }
    Rates::new(rules).unwrap_or_default()
}

/// A limiter whose answers are written down.
pub(super) struct Watched {
    clock: Arc<dyn Clock>,
    rates: Rates,
    inner: MemoryLimits,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    taken: BTreeMap<TakeId, Taken>,
    faults: Vec<String>,
}

struct Taken {
    at_ms: u64,
    weights: Vec<Weight>,
    /// What is still counted of each weight.
    counted: Vec<u64>,
    is_over: bool,
}

impl Watched {
    pub(super) fn new(clock: Arc<dyn Clock>, rates: Rates) -> Self {
        let inner = MemoryLimits::with(clock.clone(), rates.clone());
        Self { clock, rates, inner, seen: Mutex::default() }
    }

    /// What went wrong. In a calm world every call that was admitted is over, too.
    pub(super) fn faults(&self, calm: bool) -> Vec<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut faults = seen.faults.clone();
        let live = seen.taken.values().filter(|taken| !taken.is_over).count();
        if calm && live > 0 {
            faults.push(format!("{live} calls were taken and neither settled nor refunded"));
        }
        let now_ms = self.clock.now_ms();
        let book = self.inner.book();
        let mut expected: BTreeMap<String, u64> = BTreeMap::new();
        for taken in seen.taken.values() {
            for (Weight { limit, .. }, counted) in taken.weights.iter().zip(&taken.counted) {
                let sub_span_ms = sub_span_ms(limit.span_ms);
                let counts = now_ms / sub_span_ms - taken.at_ms / sub_span_ms <= 64;
                *expected.entry(limit.name()).or_default() += if counts { *counted } else { 0 };
            }
        }
        for (name, expected) in expected {
            let counted = book.total(&name, now_ms);
            if counted != expected {
                faults.push(format!("{name} counts {counted}; taken, less what came back, is {expected}"));
            }
        }
        faults
    }

    fn note(&self, take: &Take, admission: &Admission, weights: Vec<Weight>) {
        let now_ms = self.clock.now_ms();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if !admission.allowed || seen.taken.contains_key(&take.id) {
            return;
        }
        let counted = weights.iter().map(|weight| weight.units).collect();
        seen.taken.insert(
            take.id.clone(),
            Taken { at_ms: now_ms, weights: weights.clone(), counted, is_over: false },
        );
        for Weight { limit, .. } in &weights {
            let in_span = seen.taken.values().filter(|taken| taken.at_ms + limit.span_ms > now_ms);
            let of_limit = in_span.flat_map(|taken| taken.weights.iter().zip(&taken.counted));
            let inside: u64 =
                of_limit.filter(|(weight, _)| weight.limit == *limit).map(|(_, counted)| counted).sum();
            if inside > limit.capacity {
                let fault = format!("{} holds {inside} in one span, over {}", limit.name(), limit.capacity);
                seen.faults.push(fault);
            }
        }
    }

    fn note_end(&self, take: &Take, used: Option<&Used>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(taken) = seen.taken.get_mut(&take.id).filter(|taken| !taken.is_over) else { return };
        taken.is_over = true;
        for (weight, counted) in taken.weights.iter().zip(&mut taken.counted) {
            let real = used.map_or(0, |used| used.of(weight.limit.dimension));
            if real > *counted {
                let fault =
                    format!("{} used {real} of {}, and {counted} was taken", take.id, weight.limit.name());
                seen.faults.push(fault);
                return;
            }
            *counted = real;
        }
    }
}

#[async_trait]
impl Limits for Watched {
    async fn take(&self, take: &Take) -> Result<Admission> {
        let weights = self.rates.weights(take)?;
        let admission = self.inner.take(take).await?;
        self.note(take, &admission, weights);
        Ok(admission)
    }

    async fn settle(&self, take: &Take, used: &Used) -> Result<()> {
        self.inner.settle(take, used).await?;
        self.note_end(take, Some(used));
        Ok(())
    }

    async fn refund(&self, take: &Take) -> Result<()> {
        self.inner.refund(take).await?;
        self.note_end(take, None);
        Ok(())
    }

    async fn allow(&self, key: &str, tokens: u64) -> Result<Admission> {
        self.inner.allow(key, tokens).await
    }
}

#[cfg(test)]
mod tests {
    use engine::memory::VirtualTime;
    use engine::model::{AgentId, TenantId};
    use futures::FutureExt as _;

    use super::*;

    fn take(number: u64) -> Take {
        Take {
            id: TakeId::new(number.to_string()),
            tenant: TenantId::new("tenant"),
            agent: AgentId::new("agent"),
            model: "model".to_owned(),
            provider: "provider".to_owned(),
            input_tokens: 1,
            output_tokens: 10,
        }
    }

    #[test]
    fn a_limiter_that_forgets_or_overshoots_is_seen() {
        let clock = VirtualTime::new(1_000_000);
        let rule = |dimension, capacity| Rule {
            scope: Scope::Tenant,
            of: None,
            dimension,
            capacity,
            span_ms: MINUTE_MS,
        };
        let rates =
            Rates::new(vec![rule(Dimension::Requests, 2), rule(Dimension::OutputTokens, 20)]).unwrap();
        let watched = Watched::new(clock, rates.clone());
        let used = Used { input_tokens: 1, output_tokens: 4 };
        watched.take(&take(1)).now_or_never().unwrap().unwrap();
        watched.settle(&take(1), &used).now_or_never().unwrap().unwrap();
        assert_eq!(watched.faults(true), Vec::<String>::new());
        // A settlement the limiter never heard of.
        watched.take(&take(2)).now_or_never().unwrap().unwrap();
        assert_eq!(watched.faults(true).len(), 1);
        watched.note_end(&take(2), Some(&used));
        assert!(watched.faults(true)[0].contains("output_tokens counts 14"), "{:?}", watched.faults(true));
        // An answer the limiter never gave.
        let yes = Admission::free(engine::ports::Backend::Memory);
        watched.note(&take(3), &yes, rates.weights(&take(3)).unwrap());
        assert!(
            watched.faults(true)[0].contains("requests holds 3 in one span, over 2"),
            "{:?}",
            watched.faults(true)
        );
    }
}
