//! All or nothing over several windows, and what becomes of what was taken.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::TakeId;
use crate::ports::{Admission, Backend, Remaining, Used};

use super::rates::{Dimension, Weight};
use super::window::{Window, sub_span_ms};

/// What was taken of one rate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The window's owner, as in [`Limit::owner`](super::Limit::owner).
    pub owner: String,
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
