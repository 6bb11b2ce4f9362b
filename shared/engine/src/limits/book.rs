//! All or nothing over several windows, and what becomes of what was taken.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::TakeId;
use crate::ports::{Admission, Backend, Remaining, Used};

use super::rates::{Dimension, Weight};
use super::window::{Window, sub_span_ms};

/// What was taken of one rate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The window's owner, as in [`Limit::owner`](super::Limit::owner).
    pub owner: Arc<str>,
    /// Of what.
    pub dimension: Dimension,
    /// The rate's span, in milliseconds.
    pub span_ms: u64,
    /// The sub-span it is counted in.
    pub sub_span: u64,
    /// How much.
    pub units: u64,
}

/// What has become of a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// The call may be under way.
    Live,
    /// It is over, and its real use is counted.
    Settled,
    /// It was never made, and nothing of it is counted.
    Refunded,
}

/// A reservation: what a call took, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// What it took.
    pub held: Vec<Held>,
    /// What became of it.
    pub fate: Fate,
    /// When nothing of it counts any more, in milliseconds since 1970.
    pub ends_ms: u64,
}

/// What several windows say to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It was taken from all of them.
    Taken(Reservation),
    /// It was taken from none; it fits after so many milliseconds.
    Wait(u64),
}

/// Takes all weights, or none. `windows` stand in the order of the weights.
pub fn decide(windows: &mut [Window], weights: &[Weight], now_ms: u64) -> Verdict {
    let mut wait_ms = 0;
    for (window, Weight { limit, units }) in windows.iter_mut().zip(weights) {
        // A weight above the capacity was refused before; what is full for ever is asked again after a span.
        let wait = window.wait_ms(limit.span_ms, now_ms, limit.capacity, *units).unwrap_or(limit.span_ms);
        wait_ms = wait_ms.max(wait);
    }
    if wait_ms > 0 {
        return Verdict::Wait(wait_ms);
    }
    let (mut held, mut ends_ms) = (Vec::new(), now_ms);
    for (window, Weight { limit, units }) in windows.iter_mut().zip(weights) {
        let sub_span = window.add(limit.span_ms, now_ms, *units);
        ends_ms = ends_ms.max(window.ends_at_ms(limit.span_ms));
        let (owner, dimension, span_ms) = (limit.owner.clone(), limit.dimension, limit.span_ms);
        held.push(Held { owner, dimension, span_ms, sub_span, units: *units });
    }
    Verdict::Taken(Reservation { held, fate: Fate::Live, ends_ms })
}

/// Puts a call's real use in the place of what it took; `None` is a call that was never made. What was used beyond what was
/// taken is counted now, over the capacity if need be. `windows` stand in the order of what is held.
pub fn decide_settlement(
    windows: &mut [Window],
    reservation: &mut Reservation,
    used: Option<&Used>,
    now_ms: u64,
) {
    if reservation.fate != Fate::Live {
        return;
    }
    for (window, held) in windows.iter_mut().zip(&reservation.held) {
        let real = used.map_or(0, |used| used.of(held.dimension));
        if real < held.units {
            window.give_back(held.sub_span, held.units - real);
        } else if real > held.units {
            window.add(held.span_ms, now_ms, real - held.units);
        }
    }
    reservation.fate = if used.is_some() { Fate::Settled } else { Fate::Refunded };
}

/// Windows and reservations of a whole limiter, in memory.
#[derive(Clone, Debug, Default)]
pub struct Book {
    windows: BTreeMap<String, (u64, Window)>,
    reservations: BTreeMap<TakeId, Reservation>,
    looked_at_ms: u64,
}

impl Book {
    /// Takes all weights under an id, or none. The same id again answers the same and takes nothing more.
    pub fn take(
        &mut self,
        id: Option<&TakeId>,
        weights: &[Weight],
        now_ms: u64,
        backend: Backend,
    ) -> Admission {
        self.forget(now_ms);
        let known = id.and_then(|id| self.reservations.get(id));
        if known.is_some_and(|reservation| reservation.fate != Fate::Refunded) {
            return self.answer(weights, now_ms, 0, backend);
        }
        let mut windows: Vec<Window> =
            weights.iter().map(|weight| self.window(&weight.limit.name())).collect();
        match decide(&mut windows, weights, now_ms) {
            Verdict::Wait(wait_ms) => self.answer(weights, now_ms, wait_ms, backend),
            Verdict::Taken(reservation) => {
                for (weight, window) in weights.iter().zip(windows) {
                    self.windows.insert(weight.limit.name(), (weight.limit.span_ms, window));
                }
                if let Some(id) = id {
                    self.reservations.insert(id.clone(), reservation);
                }
                self.answer(weights, now_ms, 0, backend)
            }
        }
    }

    /// Settles a reservation, or refunds it where nothing was used. One that is unknown or over stays as it is.
    pub fn settle(&mut self, id: &TakeId, used: Option<&Used>, now_ms: u64) {
        let Some(mut reservation) = self.reservations.remove(id) else { return };
        let names: Vec<String> = reservation.held.iter().map(Held::window).collect();
        let mut windows: Vec<Window> = names.iter().map(|name| self.window(name)).collect();
        decide_settlement(&mut windows, &mut reservation, used, now_ms);
        for ((name, window), held) in names.into_iter().zip(windows).zip(&reservation.held) {
            self.windows.insert(name, (held.span_ms, window));
        }
        self.reservations.insert(id.clone(), reservation);
    }

    /// What counts in a window, by its name.
    pub fn total(&self, name: &str, now_ms: u64) -> u64 {
        // Only what is taken or given back changes a window, whatever the clock does between.
        self.windows.get(name).map_or(0, |(span_ms, window)| window.clone().total(*span_ms, now_ms))
    }

    /// Every reservation that still counts.
    pub fn reservations(&self) -> impl Iterator<Item = (&TakeId, &Reservation)> {
        self.reservations.iter()
    }

    /// Every window by its name, with its span in milliseconds.
    pub fn windows(&self) -> impl Iterator<Item = (&str, u64, &Window)> {
        self.windows.iter().map(|(name, (span_ms, window))| (name.as_str(), *span_ms, window))
    }

    fn window(&self, name: &str) -> Window {
        self.windows.get(name).map(|(_, window)| window.clone()).unwrap_or_default()
    }

    fn answer(&self, weights: &[Weight], now_ms: u64, retry_after_ms: u64, backend: Backend) -> Admission {
        let mut remaining = Remaining::default();
        for Weight { limit, .. } in weights {
            let taken = self.total(&limit.name(), now_ms);
            remaining.at_most(limit.dimension, limit.capacity.saturating_sub(taken));
        }
        Admission { allowed: retry_after_ms == 0, remaining, retry_after_ms, backend }
    }

    /// Drops what no longer counts, once a second, so that idle owners leave nothing behind.
    fn forget(&mut self, now_ms: u64) {
        const EVERY_MS: u64 = 1_000;
        /// A clock may be set back that much, and what stands in its future still counts.
        const LONGER_MS: u64 = 600_000;
        if now_ms.abs_diff(self.looked_at_ms) < EVERY_MS {
            return;
        }
        self.looked_at_ms = now_ms;
        self.windows.retain(|_, (span_ms, window)| window.ends_at_ms(*span_ms) + LONGER_MS > now_ms);
        self.reservations.retain(|_, reservation| reservation.ends_ms + LONGER_MS > now_ms);
    }
}

impl Held {
    /// The name of its window.
    pub fn window(&self) -> String {
        format!("{}/{}", self.owner, self.dimension.name())
    }

    /// The moment its sub-span begins, in milliseconds since 1970.
    pub fn from_ms(&self) -> u64 {
        self.sub_span.saturating_mul(sub_span_ms(self.span_ms))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::ErrorKind;
    use crate::limits::{AT_ONCE_SPAN_MS, MINUTE_MS, Rates, Rule, Scope};
    use crate::model::{AgentId, TenantId};
    use crate::ports::Take;

    const TOKENS: u64 = 100;

    fn rates() -> Rates {
        let rule = |dimension, capacity, span_ms| Rule {
            scope: Scope::Tenant,
            of: None,
            dimension,
            capacity,
            span_ms,
        };
        Rates::new(vec![
            rule(Dimension::Requests, 20, MINUTE_MS),
            rule(Dimension::InputTokens, TOKENS, MINUTE_MS),
            rule(Dimension::OutputTokens, TOKENS, MINUTE_MS),
            rule(Dimension::AtOnce, 5, AT_ONCE_SPAN_MS),
        ])
        .unwrap()
    }

    fn take(id: usize, input_tokens: u64, output_tokens: u64) -> Take {
        Take {
            id: TakeId::new(id.to_string()),
            tenant: TenantId::new("tenant"),
            agent: AgentId::new("agent"),
            model: "model".to_owned(),
            provider: "provider".to_owned(),
            input_tokens,
            output_tokens,
        }
    }

    fn tokens() -> impl Strategy<Value = u64> {
        prop_oneof![0..TOKENS + 2, Just(0), Just(1), Just(TOKENS), Just(u64::MAX), Just(u64::MAX - 1)]
    }

    proptest! {
        /// Whatever is asked and told, what is refused changes nothing, sums stay sums, and all of it passes.
        #[test]
        fn no_weight_and_no_report_corrupts_a_book(
            calls in proptest::collection::vec((0..4u8, 0..12usize, tokens(), tokens(), 0..20_000u64), 1..120),
        ) {
            let (rates, mut book, mut now_ms) = (rates(), Book::default(), 1_000_000);
            for (what, id, input, output, gap_ms) in calls {
                now_ms += gap_ms;
                let take = take(id, input, output);
                let used = Used { input_tokens: input, output_tokens: output };
                match what {
                    0 => book.settle(&take.id, Some(&used), now_ms),
                    1 => book.settle(&take.id, None, now_ms),
                    _ => match rates.weights(&take) {
                        Err(error) => {
                            prop_assert_eq!(error.kind(), ErrorKind::AboveCapacity);
                            prop_assert!(input > TOKENS || output > TOKENS);
                        }
                        Ok(weights) => {
                            let before = book.windows.clone();
                            let admission = book.take(Some(&take.id), &weights, now_ms, Backend::Memory);
                            if !admission.allowed {
                                prop_assert!(admission.retry_after_ms > 0);
                                let kept = |name: &String| book.windows.get(name);
                                prop_assert!(before.iter().all(|(name, window)| {
                                    kept(name).is_none_or(|now| now == window)
                                }), "a refusal changed a window");
                            }
                        }
                    },
                }
                for (_, window) in book.windows.values() {
                    let total: u64 = window.taken().iter().map(|(_, units)| units).sum();
                    prop_assert!(total <= 2 * crate::limits::MOST_UNITS, "{}", total);
                }
            }
            // Debts pass too.
            now_ms += 2 * AT_ONCE_SPAN_MS;
            let whole = take(999, TOKENS, TOKENS);
            prop_assert!(book.take(Some(&whole.id), &rates.weights(&whole).unwrap(), now_ms, Backend::Memory).allowed);
        }
    }

    /// A caller that always asks for one token and uses many gets one call too many at most, not a call a token.
    #[test]
    fn asking_for_one_token_and_using_many_does_not_pay() {
        let (rates, mut book, mut used_tokens) = (rates(), Book::default(), 0);
        for id in 0..15 {
            let take = take(id, 0, 1);
            let admission = book.take(Some(&take.id), &rates.weights(&take).unwrap(), 5_000, Backend::Memory);
            if admission.allowed {
                used_tokens += 60;
                book.settle(&take.id, Some(&Used { input_tokens: 0, output_tokens: 60 }), 5_000);
            }
        }
        assert_eq!(used_tokens, 120);
    }
}
