//! How a provider has answered lately, for all functions of the platform: a circuit breaker.

use serde::{Deserialize, Serialize};

/// After the first failure nobody asks for so long, after each further one for twice as long.
const FIRST_WAIT_MS: u64 = 30_000;
const LONGEST_WAIT_MS: u64 = 300_000;
/// A provider that is busy and says when to come back is left alone for this long at least.
const LEAST_WAIT_MS: u64 = 1_000;
/// A probe that has not said how it ended by then is taken to be lost; longer than a call may take.
const PROBE_MS: u64 = 150_000;
/// Where nobody else could be asked, so many failures in a row open the circuit.
const FAILURES_WITHOUT_ALTERNATIVE: u32 = 5;
/// An answer shows for so long that its provider is there; as long as a call may take.
const PROVEN_MS: u64 = 120_000;
/// An answer that comes so much later than the last one that was noted is noted too.
const NOTED_EACH_MS: u64 = 10_000;
/// So many calls at once may find out whether a provider is there.
const MOST_TRYING: u32 = 2;
/// A provider is silent if it takes longer than this, and longer than twice what any answer took lately.
const LEAST_SILENCE_MS: u64 = 5_000;

/// The circuit to a provider. Of one that nobody has asked yet there is no row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circuit {
    /// Failures since the last success.
    pub failures: u32,
    /// Those of them that only said that the provider is busy.
    #[serde(default)]
    pub busy: u32,
    /// Until when nobody asks.
    pub open_until_ms: u64,
    /// Until when one call at most is a probe.
    pub probe_until_ms: u64,
    /// Until when an answer shows that the provider is there.
    #[serde(default)]
    pub proven_until_ms: u64,
    /// Calls under way to a provider of which that is not shown, and until when they count.
    #[serde(default)]
    pub trying: u32,
    /// See `trying`.
    #[serde(default)]
    pub trying_until_ms: u64,
    /// The longest that an answer took lately.
    #[serde(default)]
    pub longest_ms: u64,
}

/// What a call finds out about its provider, and thereby keeps others from asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindsOut {
    /// Whether a provider that failed is back.
    Back,
    /// Whether a provider of which no answer is known is there.
    There,
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
        match self.counted(has_alternative) {
            failures if failures < enough(has_alternative) => CircuitState::Closed,
            _ if now_ms < until_ms => CircuitState::OpenUntil(until_ms),
            _ => CircuitState::HalfOpen,
        }
    }

    /// True if no answer shows that the provider is there: a call to it is one of those that find out.
    pub fn is_unproven(&self, now_ms: u64) -> bool {
        now_ms >= self.proven_until_ms
    }

    /// True if as many calls as may are finding out. Another one had better ask somebody else.
    pub fn is_tried_enough(&self, now_ms: u64) -> bool {
        self.is_unproven(now_ms) && self.trying(now_ms) >= MOST_TRYING
    }

    /// One call more finds out.
    pub fn tried(self, now_ms: u64) -> Self {
        Self { trying: self.trying(now_ms) + 1, trying_until_ms: now_ms + PROBE_MS, ..self }
    }

    /// One call is on its way to see.
    pub fn probing(self, now_ms: u64) -> Self {
        Self { probe_until_ms: now_ms + PROBE_MS, ..self }
    }

    /// A call that was to find something out was not made, or not given the time.
    pub fn not_found_out(self, what: FindsOut) -> Self {
        match what {
            FindsOut::Back => Self { probe_until_ms: 0, ..self },
            FindsOut::There => Self { trying: self.trying.saturating_sub(1), ..self },
        }
    }

    /// A call was answered after so long. The same circuit, if that is no news.
    pub fn answered(self, now_ms: u64, took_ms: u64) -> Self {
        let is_fresh = self.proven_until_ms + NOTED_EACH_MS > now_ms + PROVEN_MS;
        let is_slower = took_ms > self.longest_ms.max(LEAST_SILENCE_MS / 2);
        if self.failures == 0 && self.trying == 0 && is_fresh && !is_slower {
            return self;
        }
        Self {
            proven_until_ms: now_ms + PROVEN_MS,
            // Slow answers are forgotten, a little with each one that is noted.
            longest_ms: took_ms.max(self.longest_ms - self.longest_ms / 8),
            ..Self::default()
        }
    }

    /// After so long without an answer a call is longer under way than any that was answered lately.
    pub fn silent_after_ms(&self) -> u64 {
        LEAST_SILENCE_MS.max(self.longest_ms.saturating_mul(2))
    }

    /// A call that began then is that long under way. Unless an answer since is known, nothing shows any more that the provider is
    /// there, and those under way are enough to find out.
    pub fn silent(self, began_ms: u64, now_ms: u64) -> Self {
        let answered_ms = self.proven_until_ms.saturating_sub(PROVEN_MS);
        if self.is_unproven(now_ms) || answered_ms > began_ms {
            return self;
        }
        Self { proven_until_ms: 0, trying: MOST_TRYING, trying_until_ms: now_ms + PROBE_MS, ..self }
    }

    /// A call failed. Calls that were under way when the circuit opened do not open it any further. A provider that is only busy
    /// and says when to come back is believed the first time, and later where it asks for more than it would get.
    pub fn failed(self, now_ms: u64, has_alternative: bool, busy_for_ms: Option<u64>) -> Self {
        if now_ms < self.open_until_ms && self.counted(has_alternative) >= enough(has_alternative) {
            return self;
        }
        let usual_ms = (FIRST_WAIT_MS << self.failures.min(8)).min(LONGEST_WAIT_MS);
        let wait_ms = match busy_for_ms {
            Some(asked_ms) if self.failures == 0 => asked_ms.clamp(LEAST_WAIT_MS, LONGEST_WAIT_MS),
            Some(asked_ms) => asked_ms.clamp(usual_ms, LONGEST_WAIT_MS),
            None => usual_ms,
        };
        Self {
            failures: self.failures.saturating_add(1),
            busy: self.busy.saturating_add(u32::from(busy_for_ms.is_some())),
            open_until_ms: now_ms + wait_ms,
            longest_ms: self.longest_ms,
            ..Self::default()
        }
    }

    /// The failures that count: being busy is none where nobody else could be asked.
    fn counted(&self, has_alternative: bool) -> u32 {
        if has_alternative { self.failures } else { self.failures.saturating_sub(self.busy) }
    }

    fn trying(&self, now_ms: u64) -> u32 {
        if now_ms < self.trying_until_ms { self.trying } else { 0 }
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
        let once = closed.failed(1_000, true, None);
        assert_eq!(once.state(30_999, true), OpenUntil(31_000));
        assert_eq!(once.state(31_000, true), HalfOpen);
        assert_eq!(once.failed(2_000, true, None), once, "what was under way counts once");
        let probing = once.probing(31_000);
        assert_eq!(probing.state(31_001, true), OpenUntil(181_000), "one probe at a time");
        assert_eq!(probing.state(181_000, true), HalfOpen, "a lost probe is no end");
        let twice = probing.failed(31_500, true, None);
        assert_eq!(twice.state(31_501, true), OpenUntil(91_500));
        let often = (0..40u64).fold(closed, |circuit, at| circuit.failed(at * 1_000_000, true, None));
        assert_eq!(often.open_until_ms, 39_000_000 + LONGEST_WAIT_MS);
    }

    #[test]
    fn without_an_alternative_bad_luck_stops_nobody() {
        let mut circuit = Circuit::default();
        for at in 0..5u64 {
            assert_eq!(circuit.state(at * 1_000, false), Closed);
            circuit = circuit.failed(at * 1_000, false, None);
        }
        assert!(matches!(circuit.state(4_001, false), OpenUntil(_)), "five in a row, however soon");
    }

    #[test]
    fn that_a_provider_is_busy_stops_nobody_who_has_no_alternative() {
        let busy = (0..9u64)
            .fold(Circuit::default(), |circuit, at| circuit.failed(at * 1_000_000, true, Some(2_000)));
        assert!(matches!(busy.state(8_000_001, true), OpenUntil(_)));
        assert_eq!(busy.state(8_000_001, false), Closed);
    }

    #[test]
    fn a_busy_provider_is_believed_at_first_and_waited_for_as_for_others_later() {
        let check = |failures: u32, asked_ms: u64, wait_ms: u64| {
            let before = Circuit { failures, ..Circuit::default() };
            assert_eq!(
                before.failed(7, true, Some(asked_ms)).open_until_ms,
                7 + wait_ms,
                "{failures}, {asked_ms}"
            );
        };
        check(0, 2_000, 2_000);
        check(0, 0, LEAST_WAIT_MS);
        check(0, 3_600_000, LONGEST_WAIT_MS);
        check(1, 2_000, 2 * FIRST_WAIT_MS);
        check(1, 200_000, 200_000);
    }

    #[test]
    fn few_find_out_whether_a_provider_is_there_and_an_answer_shows_it_for_a_while() {
        let unknown = Circuit::default();
        let tried = unknown.tried(0).tried(1_000);
        assert_eq!(
            [unknown, unknown.tried(0), tried].map(|circuit| circuit.is_tried_enough(1_000)),
            [false, false, true]
        );
        let left = tried.not_found_out(FindsOut::There);
        assert!(!left.is_tried_enough(1_000), "a call that was not made leaves its place");
        assert!(tried.not_found_out(FindsOut::Back).is_tried_enough(1_000), "and no other one");
        let probing = unknown.failed(0, true, None).probing(40_000);
        assert_eq!(probing.not_found_out(FindsOut::There), probing, "a call from before is not the probe");
        assert_eq!(probing.not_found_out(FindsOut::Back).state(40_001, true), HalfOpen);
        assert!(!tried.is_tried_enough(1_000 + PROBE_MS), "lost calls are no end");
        let proven = tried.answered(9_000, 700);
        assert!(!proven.is_unproven(9_000 + PROVEN_MS - 1) && proven.is_unproven(9_000 + PROVEN_MS));
        assert_eq!(
            proven.answered(9_000 + NOTED_EACH_MS - 1, 600),
            proven,
            "nothing is written for each answer"
        );
        assert_ne!(proven.answered(9_000 + NOTED_EACH_MS, 600), proven);
        let failed = tried.failed(9_000, true, None);
        assert_eq!((failed.trying, failed.state(9_001, true)), (0, OpenUntil(39_000)));
        assert_eq!(failed.answered(40_000, 700).state(40_000, true), Closed);
    }

    #[test]
    fn a_provider_that_falls_silent_is_proven_no_more_and_one_that_is_only_slow_is() {
        let proven = Circuit::default().answered(0, 700);
        assert_eq!(proven.silent_after_ms(), LEAST_SILENCE_MS);
        let silent = proven.silent(4_000, 9_000);
        assert!(silent.is_tried_enough(9_000));
        assert!(!silent.answered(9_500, 5_500).is_tried_enough(9_500), "it was slow");
        assert_eq!(proven.answered(20_000, 700).silent(19_000, 24_000).trying, 0, "others are answered");
        let slow = proven.answered(1_000, 40_000);
        assert_eq!(slow.silent_after_ms(), 80_000);
        let mut faster = slow;
        for at in 1..40 {
            faster = faster.answered(1_000 + at * NOTED_EACH_MS, 700);
        }
        assert_eq!(faster.silent_after_ms(), LEAST_SILENCE_MS, "it is forgotten");
    }
}
