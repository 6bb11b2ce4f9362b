//! How often a host is asked.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// When each host may be asked next.
#[derive(Default)]
pub(super) struct Pace {
    next_ms: Mutex<BTreeMap<String, u64>>,
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
}

#[cfg(test)]
mod tests {
    use super::Pace;

    #[test]
    fn turns_are_spaced_per_host() {
        let pace = Pace::default();
        let turns = [("a", 0), ("a", 0), ("b", 0), ("a", 100), ("a", 900)];
        let waits = turns.map(|(host, now_ms)| pace.turn(host, now_ms, 200));
        assert_eq!(waits, [0, 200, 0, 300, 0]);
    }
}
