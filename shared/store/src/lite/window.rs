//! Requests of the last minute, counted by the second they came in.
//!
//! A second counts until its last millisecond has left the window, so no window of a minute ever holds more than the
//! limit, wherever it starts; the price is that a request is remembered up to one second longer than it must be.

use serde::{Deserialize, Serialize};

const WINDOW_MS: u64 = 60_000;
const SECOND_MS: u64 = 1_000;

/// The requests that still count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Window {
    /// Seconds since 1970 and the requests in each, in order; at most 121 seconds, in practice 61.
    seconds: Vec<(u64, u64)>,
}

impl Window {
    /// Takes one request at `now_ms`, or says after how many milliseconds it could be taken.
    pub(super) fn take(&mut self, now_ms: u64, per_minute: u64) -> Result<(), u64> {
        // A second that far ahead was written by a clock that has since been set back.
        let latest = now_ms / SECOND_MS + WINDOW_MS / SECOND_MS;
        self.seconds.retain(|(second, _)| leaves_at_ms(*second) > now_ms && *second <= latest);
        let taken: u64 = self.seconds.iter().map(|(_, requests)| requests).sum();
        if taken >= per_minute {
            let mut surplus = taken - per_minute;
            let frees = self.seconds.iter().find(|(_, requests)| {
                let is_last = *requests > surplus;
                surplus = surplus.saturating_sub(*requests);
                is_last
            });
            return Err(frees.map_or(WINDOW_MS, |(second, _)| leaves_at_ms(*second) - now_ms));
        }
        let this = now_ms / SECOND_MS;
        match self.seconds.binary_search_by_key(&this, |(second, _)| *second) {
            Ok(at) => self.seconds[at].1 += 1,
            Err(at) => self.seconds.insert(at, (this, 1)),
        }
        Ok(())
    }

    /// When nothing of it counts any more.
    pub(super) fn ends_at_ms(&self) -> u64 {
        self.seconds.last().map_or(0, |(second, _)| leaves_at_ms(*second))
    }
}

/// The first moment at which no request of that second is inside a window.
fn leaves_at_ms(second: u64) -> u64 {
    (second.saturating_add(1)).saturating_mul(SECOND_MS).saturating_add(WINDOW_MS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_window_holds_more_than_the_limit(
            limit in 1..8u64,
            gaps in proptest::collection::vec(prop_oneof![0..50u64, 0..5_000u64, 0..70_000u64], 1..300),
        ) {
            let (mut window, mut now, mut admitted) = (Window::default(), 1_000_123, Vec::<u64>::new());
            for gap in gaps {
                now += gap;
                match window.take(now, limit) {
                    Ok(()) => admitted.push(now),
                    Err(wait) => {
                        prop_assert!((1..=WINDOW_MS + SECOND_MS).contains(&wait));
                        prop_assert!(window.clone().take(now + wait, limit).is_ok(), "a wait as told is enough");
                        prop_assert!(window.clone().take(now + wait - 1, limit).is_err(), "and no longer than needed");
                    }
                }
                let inside = admitted.iter().filter(|at| **at + WINDOW_MS > now).count() as u64;
                prop_assert!(inside <= limit, "{inside} in one minute");
                prop_assert!(window.seconds.len() <= 62);
            }
        }

        #[test]
        fn an_admission_is_given_up_at_most_a_second_late(limit in 1..5u64, offset in 0..1_000u64) {
            let mut window = Window::default();
            for _ in 0..limit {
                prop_assert!(window.take(5_000 + offset, limit).is_ok());
            }
            let wait = window.take(5_000 + offset, limit).unwrap_err();
            prop_assert!((WINDOW_MS..WINDOW_MS + SECOND_MS).contains(&wait));
            prop_assert_eq!(window.ends_at_ms(), 5_000 + offset + wait);
        }
    }

    #[test]
    fn a_clock_set_back_does_not_block_for_ever() {
        let mut window = Window::default();
        assert_eq!(window.take(10_000_000, 1), Ok(()));
        assert_eq!(window.take(5_000_000, 1), Ok(()));
        assert!(window.take(5_000_001, 1).is_err());
    }
}
