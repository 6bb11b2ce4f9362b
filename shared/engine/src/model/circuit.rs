//! How a provider has answered lately, for all functions of the platform: a circuit breaker.

use serde::{Deserialize, Serialize};

/// After the first failure nobody asks for so long, after each further one for twice as long.
const FIRST_WAIT_MS: u64 = 30_000;
const LONGEST_WAIT_MS: u64 = 300_000;
/// A probe that has not said how it ended by then is taken to be lost; longer than a call may take.
const PROBE_MS: u64 = 150_000;
/// Where nobody else could be asked, so many failures in a row open the circuit.
const FAILURES_WITHOUT_ALTERNATIVE: u32 = 5;

/// The circuit to a provider. Without failures it is closed, and then its row is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circuit {
    /// Failures since the last success.
    pub failures: u32,
    /// Until when nobody asks.
    pub open_until_ms: u64,
    /// Until when one call at most is a probe.
    pub probe_until_ms: u64,
}

/// What a circuit says about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CircuitState {
    /// Calls pass.
    Closed,
    /// One call passes, to see.
    HalfOpen,
    /// No call passes before this time.
    OpenUntil(u64),
}

impl Circuit {
    /// Whether a call passes now. Where nobody else could be asked, a few failures are taken as bad luck.
    pub fn state(&self, now_ms: u64, has_alternative: bool) -> CircuitState {
        let until_ms = self.open_until_ms.max(self.probe_until_ms);
        match self.failures {
            failures if failures < enough(has_alternative) => CircuitState::Closed,
            _ if now_ms < until_ms => CircuitState::OpenUntil(until_ms),
            _ => CircuitState::HalfOpen,
        }
    }

    /// One call is on its way to see.
    pub fn probing(self, now_ms: u64) -> Self {
        Self { probe_until_ms: now_ms + PROBE_MS, ..self }
    }

    /// A call failed. Calls that were under way when the circuit opened do not open it any further.
    pub fn failed(self, now_ms: u64, has_alternative: bool) -> Self {
        if now_ms < self.open_until_ms && self.failures >= enough(has_alternative) {
            return self;
        }
        let wait_ms = (FIRST_WAIT_MS << self.failures.min(8)).min(LONGEST_WAIT_MS);
        Self { failures: self.failures.saturating_add(1), open_until_ms: now_ms + wait_ms, probe_until_ms: 0 }
    }
}

/// So many failures in a row open the circuit.
fn enough(has_alternative: bool) -> u32 {
    if has_alternative { 1 } else { FAILURES_WITHOUT_ALTERNATIVE }
}

#[cfg(test)]
mod tests {
    use super::*;
    use CircuitState::{Closed, HalfOpen, OpenUntil};

    #[test]
    fn one_failure_opens_it_one_probe_passes_and_waits_grow() {
        let closed = Circuit::default();
        assert_eq!(closed.state(7, true), Closed);
        let once = closed.failed(1_000, true);
        assert_eq!(once.state(30_999, true), OpenUntil(31_000));
        assert_eq!(once.state(31_000, true), HalfOpen);
        assert_eq!(once.failed(2_000, true), once, "what was under way counts once");
        let probing = once.probing(31_000);
        assert_eq!(probing.state(31_001, true), OpenUntil(181_000), "one probe at a time");
        assert_eq!(probing.state(181_000, true), HalfOpen, "a lost probe is no end");
        let twice = probing.failed(31_500, true);
        assert_eq!(twice.state(31_501, true), OpenUntil(91_500));
        let often = (0..40u64).fold(closed, |circuit, at| circuit.failed(at * 1_000_000, true));
        assert_eq!(often.open_until_ms, 39_000_000 + LONGEST_WAIT_MS);
    }

    #[test]
    fn without_an_alternative_bad_luck_stops_nobody() {
        let mut circuit = Circuit::default();
        for at in 0..5u64 {
            assert_eq!(circuit.state(at * 1_000, false), Closed);
            circuit = circuit.failed(at * 1_000, false);
        }
        assert!(matches!(circuit.state(4_001, false), OpenUntil(_)), "five in a row, however soon");
    }
}
