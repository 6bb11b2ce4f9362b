//! What was taken in the last span, by sub-span.

use serde::{Deserialize, Serialize};

/// Sub-spans in a span. A unit is held at most 1/64 of the span too long, so a greedy caller gets 98.4 % of the capacity.
pub const SUB_SPANS: u64 = 64;

/// No window holds more, so that sums are exact in a script's doubles too.
pub const MOST_UNITS: u64 = 1_000_000_000_000_000;

/// The length of a sub-span of a span, in milliseconds.
pub fn sub_span_ms(span_ms: u64) -> u64 {
    span_ms.div_ceil(SUB_SPANS).max(1)
}

/// The units that still count. At most 65 pairs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Window {
    /// The number of a sub-span since 1970 and the units taken in it, in order.
    taken: Vec<(u64, u64)>,
}

impl Window {
    /// The units that count at `now_ms`.
    pub fn total(&mut self, span_ms: u64, now_ms: u64) -> u64 {
        self.advance(span_ms, now_ms);
        self.sum()
    }

    /// After how many milliseconds `units` fit, if nothing else is taken meanwhile: 0 if they fit now, `None` if they never do.
    pub fn wait_ms(&mut self, span_ms: u64, now_ms: u64, capacity: u64, units: u64) -> Option<u64> {
        if units > capacity {
            return None;
        }
        self.advance(span_ms, now_ms);
        let mut surplus = (self.sum() + units).saturating_sub(capacity);
        if surplus == 0 || units == 0 {
            return Some(0);
        }
        for (sub_span, taken) in &self.taken {
            surplus = surplus.saturating_sub(*taken);
            if surplus == 0 {
                return Some(leaves_at_ms(*sub_span, span_ms) - now_ms);
            }
        }
        None
    }

    /// Adds units at `now_ms`, whether they fit or not; says in which sub-span they are counted.
    pub fn add(&mut self, span_ms: u64, now_ms: u64, units: u64) -> u64 {
        let now = self.advance(span_ms, now_ms);
        let units = units.min(MOST_UNITS.saturating_sub(self.sum()));
        match self.taken.last_mut() {
            Some((sub_span, taken)) if *sub_span == now => *taken += units,
            _ => self.taken.push((now, units)),
        }
        now
    }

    /// Takes units back out of the sub-span they were counted in. What has left the window stays gone.
    pub fn give_back(&mut self, sub_span: u64, units: u64) {
        if let Ok(at) = self.taken.binary_search_by_key(&sub_span, |(counted, _)| *counted) {
            let left = self.taken[at].1.saturating_sub(units);
            self.taken[at].1 = left;
            if left == 0 && at + 1 < self.taken.len() {
                self.taken.remove(at);
            }
        }
    }

    /// When nothing of it counts any more, in milliseconds since 1970.
    pub fn ends_at_ms(&self, span_ms: u64) -> u64 {
        self.taken.last().map_or(0, |(sub_span, _)| leaves_at_ms(*sub_span, span_ms))
    }

    /// The sub-spans that count and the units in each, oldest first.
    pub fn taken(&self) -> &[(u64, u64)] {
        &self.taken
    }

    fn sum(&self) -> u64 {
        self.taken.iter().map(|(_, units)| units).sum()
    }

    /// Forgets what has left; returns the sub-span that units are counted in now. It never goes back: where the clock did,
    /// what stands in its future is counted where it stands if that is less than a span away, and now if it is more.
    fn advance(&mut self, span_ms: u64, now_ms: u64) -> u64 {
        let mut now = now_ms / sub_span_ms(span_ms);
        if let Some((last, _)) = self.taken.last().copied().filter(|(last, _)| *last > now) {
            if last - now <= SUB_SPANS {
                now = last;
            } else {
                self.taken = vec![(now, self.sum())];
            }
        }
        self.taken.retain(|(sub_span, _)| sub_span + SUB_SPANS >= now);
        now
    }
}

/// The first moment at which no unit of that sub-span is inside a span.
fn leaves_at_ms(sub_span: u64, span_ms: u64) -> u64 {
    (sub_span + SUB_SPANS + 1).saturating_mul(sub_span_ms(span_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn take(window: &mut Window, span_ms: u64, now_ms: u64, capacity: u64, units: u64) -> bool {
        let fits = window.wait_ms(span_ms, now_ms, capacity, units) == Some(0);
        if fits {
            window.add(span_ms, now_ms, units);
        }
        fits
    }

    proptest! {
        #[test]
        fn no_span_holds_more_and_waits_are_exact(
            capacity in 1..40u64,
            span_ms in prop_oneof![Just(60_000u64), Just(1_000), Just(150_000), 1..200u64],
            calls in proptest::collection::vec((0..5u8, 0..2_000u64, 0..12u64, 0..12u64), 1..250),
        ) {
            let (mut window, mut now_ms) = (Window::default(), 1_000_123);
            let mut admitted = Vec::<(u64, u64)>::new();
            for (kind, gap, units, back) in calls {
                now_ms += if kind == 0 { gap * span_ms / 1_000 } else { gap * span_ms / 40_000 };
                match window.wait_ms(span_ms, now_ms, capacity, units) {
                    Some(0) => {
                        let sub_span = window.add(span_ms, now_ms, units);
                        let back = back.min(units);
                        window.give_back(sub_span, back);
                        admitted.push((now_ms, units - back));
                    }
                    Some(wait_ms) => {
                        prop_assert!(wait_ms <= span_ms + 2 * sub_span_ms(span_ms) + SUB_SPANS);
                        prop_assert_eq!(
                            window.clone().wait_ms(span_ms, now_ms + wait_ms, capacity, units), Some(0)
                        );
                        prop_assert_ne!(
                            window.clone().wait_ms(span_ms, now_ms + wait_ms - 1, capacity, units), Some(0)
                        );
                    }
                    None => prop_assert!(units > capacity),
                }
                let inside: u64 =
                    admitted.iter().filter(|(at_ms, _)| at_ms + span_ms > now_ms).map(|(_, units)| units).sum();
                prop_assert!(inside <= capacity, "{} in one span", inside);
                prop_assert!(window.taken().len() <= 65);
            }
        }

        #[test]
        fn a_greedy_caller_gets_at_least_98_percent(capacity in 1..500u64, offset in 0..60_000u64) {
            let (mut window, mut admitted) = (Window::default(), 0);
            let spans = 20;
            for step in 0..spans * 600 {
                let now_ms = 1_000_000 + offset + step * 100;
                while take(&mut window, 60_000, now_ms, capacity, 1) {
                    admitted += 1;
                }
            }
            prop_assert!(admitted * 100 >= spans * capacity * 98, "{} of {}", admitted, spans * capacity);
        }

        #[test]
        fn a_clock_that_jumps_never_frees_early_nor_blocks_for_ever(jumps in proptest::collection::vec(0..400_000u64, 1..40)) {
            let mut window = Window::default();
            for now_ms in jumps {
                let full = !take(&mut window, 60_000, now_ms, 1, 1);
                if full {
                    let wait_ms = window.wait_ms(60_000, now_ms, 1, 1);
                    prop_assert!(wait_ms.is_some_and(|wait_ms| wait_ms <= 3 * 60_000), "{:?}", wait_ms);
                }
                prop_assert!(window.total(60_000, now_ms) <= 1);
            }
        }
    }

    #[test]
    fn no_weight_corrupts_a_window() {
        let mut window = Window::default();
        assert_eq!(window.wait_ms(60_000, 5_000, 10, 11), None);
        assert_eq!(window.wait_ms(60_000, 5_000, 10, u64::MAX), None);
        assert_eq!(window, Window::default());
        window.add(60_000, 5_000, u64::MAX);
        window.add(60_000, 5_000, u64::MAX);
        assert_eq!(window.total(60_000, 5_000), MOST_UNITS);
        assert_eq!(window.wait_ms(60_000, 5_000, 10, 0), Some(0));
        window.give_back(5_000 / 938, u64::MAX);
        assert_eq!(window.total(60_000, 5_000), 0);
        assert_eq!(window.wait_ms(60_000, 5_000, 10, 10), Some(0));
    }
}
