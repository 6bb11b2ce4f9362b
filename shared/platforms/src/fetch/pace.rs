//! How often a host is asked, and which hosts have asked to be left alone for a while.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// How often a host may send us away before it is not asked again for a while.
const MOST_WAITS: u32 = 3;
/// How long a host that sent us away that often is left alone.
const LEFT_ALONE_MS: u64 = 3_600_000;

/// When each host may be asked next.
#[derive(Default)]
pub(super) struct Pace {
    next_ms: Mutex<BTreeMap<String, u64>>,
    sent_away: Mutex<BTreeMap<String, SentAway>>,
}

/// A host that asked to come back later.
#[derive(Clone, Copy)]
struct SentAway {
    times: u32,
    until_ms: u64,
}

/// Whether a host that asked to come back later may be asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It may be asked.
    Open,
    /// It may be asked after so many milliseconds.
    Wait(u64),
    /// It has sent us away this often, and is not asked again.
    GivenUp(u32),
}

impl Pace {
    /// Takes the next turn at a host: how long to wait for it.
    pub(super) fn turn(&self, host: &str, now_ms: u64, spacing_ms: u64) -> u64 {
        const MOST: usize = 10_000;
        let mut next_ms = self.next_ms.lock().unwrap_or_else(PoisonError::into_inner);
        if next_ms.len() >= MOST {
            next_ms.retain(|_, at_ms| *at_ms > now_ms);
        }
        let turn_ms = next_ms.get(host).copied().unwrap_or(0).max(now_ms);
        next_ms.insert(host.to_owned(), turn_ms + spacing_ms);
        turn_ms - now_ms
    }

    /// Whether the host may be asked now.
    pub(super) fn standing(&self, host: &str, now_ms: u64) -> Standing {
        let sent_away = self.sent_away.lock().unwrap_or_else(PoisonError::into_inner);
        match sent_away.get(host) {
            Some(SentAway { times, until_ms }) if *until_ms > now_ms => standing(*times, until_ms - now_ms),
            _ => Standing::Open,
        }
    }

    /// Remembers that the host asked to come back after `wait_ms`; each time in a row the wait is twice as long.
    pub(super) fn send_away(&self, host: &str, now_ms: u64, wait_ms: u64) -> Standing {
        let mut sent_away = self.sent_away.lock().unwrap_or_else(PoisonError::into_inner);
        sent_away.retain(|_, host| host.until_ms.saturating_add(LEFT_ALONE_MS) > now_ms);
        let times = sent_away.get(host).map_or(0, |host| host.times) + 1;
        let wait_ms = match standing(times, wait_ms) {
            Standing::Wait(wait_ms) => wait_ms.saturating_mul(1 << (times - 1).min(MOST_WAITS)),
            _ => LEFT_ALONE_MS,
        };
        sent_away.insert(host.to_owned(), SentAway { times, until_ms: now_ms.saturating_add(wait_ms) });
        standing(times, wait_ms)
    }

    /// The host has answered as it should.
    pub(super) fn welcome(&self, host: &str) {
        self.sent_away.lock().unwrap_or_else(PoisonError::into_inner).remove(host);
    }
}

fn standing(times: u32, wait_ms: u64) -> Standing {
    if times > MOST_WAITS { Standing::GivenUp(times) } else { Standing::Wait(wait_ms) }
}

#[cfg(test)]
mod tests {
    use super::{LEFT_ALONE_MS, Pace, Standing};

    #[test]
    fn turns_are_spaced_per_host() {
        let pace = Pace::default();
        let turns = [("a", 0), ("a", 0), ("b", 0), ("a", 100), ("a", 900)];
        let waits = turns.map(|(host, now_ms)| pace.turn(host, now_ms, 200));
        assert_eq!(waits, [0, 200, 0, 300, 0]);
    }

    #[test]
    fn a_host_that_sends_us_away_is_left_alone_longer_each_time() {
        let pace = Pace::default();
        let mut now_ms = 0;
        for wait_ms in [1_000, 2_000, 4_000] {
            assert_eq!(pace.send_away("a", now_ms, 1_000), Standing::Wait(wait_ms));
            assert_eq!(pace.standing("a", now_ms + 400), Standing::Wait(wait_ms - 400));
            assert_eq!(pace.standing("b", now_ms), Standing::Open);
            now_ms += wait_ms;
            assert_eq!(pace.standing("a", now_ms), Standing::Open);
        }
        assert_eq!(pace.send_away("a", now_ms, 1_000), Standing::GivenUp(4));
        assert_eq!(pace.standing("a", now_ms + LEFT_ALONE_MS - 1), Standing::GivenUp(4));
        assert_eq!(pace.standing("a", now_ms + LEFT_ALONE_MS), Standing::Open);
        pace.welcome("a");
        assert_eq!(pace.send_away("a", now_ms, 1_000), Standing::Wait(1_000));
    }
}
