//! What all ended runs of a tenant come to.

use std::collections::BTreeMap;
use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::{NanoUsd, Usage, Warmed};

/// Sums over ended runs of a tenant; each run is added exactly once. Nothing in here ever goes down. Maps hold what was
/// counted and no zeros.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counters {
    /// Ended runs by status name.
    pub runs: BTreeMap<String, u64>,
    /// Steps by `agent/status`.
    pub steps: BTreeMap<String, u64>,
    /// Failed steps by kind of error.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub step_errors: BTreeMap<String, u64>,
    /// Steps whose result was looked for among the stored answers.
    #[serde(skip_serializing_if = "is_zero")]
    pub recall_lookups: u64,
    /// Steps answered by each cache level.
    pub cache_hits: BTreeMap<String, u64>,
    /// Calls to models by provider; a call that our own rates refused is none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub calls: BTreeMap<String, u64>,
    /// Those of them that failed, or whose end nobody saw, by provider.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub call_errors: BTreeMap<String, u64>,
    /// Tokens of all settled calls.
    pub usage: Usage,
    /// Money spent, as booked when each run ended: calls whose end nobody saw at their worst case.
    pub cost: NanoUsd,
    /// What such calls turned out to have cost less, once it was known.
    #[serde(skip_serializing_if = "is_nothing")]
    pub cost_returned: NanoUsd,
    /// Money saved by the cache.
    pub saved: NanoUsd,
    /// Tokens of models saved by it.
    #[serde(skip_serializing_if = "is_zero")]
    pub saved_tokens: u64,
    /// Input tokens that were not sent, since prompts say the words of their sources shorter.
    #[serde(skip_serializing_if = "is_zero")]
    pub spared_tokens: u64,
    /// How long steps took that were not skipped, by agent.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub step_ms: BTreeMap<String, Histogram>,
    /// How long runs took from their request to their end, by depth.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub level_ms: BTreeMap<String, Histogram>,
    /// How long calls to models took whose end was seen, by provider.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub call_ms: BTreeMap<String, Histogram>,
    /// The sum of how long runs took, in milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub makespan_ms: u64,
    /// The sum of how long they would have taken if no step had waited for anything but its inputs, in milliseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub critical_path_ms: u64,
    /// What became of forecasts of stored answers' uses; runs that make answers ahead are counted here, and their calls and money
    /// above too.
    #[serde(skip_serializing_if = "Warmed::is_nothing")]
    pub warming: Warmed,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_nothing(money: &NanoUsd) -> bool {
    *money == NanoUsd::ZERO
}

impl Counters {
    /// What the calls of ended runs cost, as it is known now.
    pub fn net_cost(&self) -> NanoUsd {
        self.cost - self.cost_returned
    }
}

impl AddAssign<&Counters> for Counters {
    fn add_assign(&mut self, other: &Counters) {
        let Counters {
            runs,
            steps,
            step_errors,
            recall_lookups,
            cache_hits,
            calls,
            call_errors,
            usage,
            cost,
            cost_returned,
            saved,
            saved_tokens,
            spared_tokens,
            step_ms,
            level_ms,
            call_ms,
            makespan_ms,
            critical_path_ms,
            warming,
        } = other;
        add_counts(&mut self.runs, runs);
        add_counts(&mut self.steps, steps);
        add_counts(&mut self.step_errors, step_errors);
        add_counts(&mut self.cache_hits, cache_hits);
        add_counts(&mut self.calls, calls);
        add_counts(&mut self.call_errors, call_errors);
        add_histograms(&mut self.step_ms, step_ms);
        add_histograms(&mut self.level_ms, level_ms);
        add_histograms(&mut self.call_ms, call_ms);
        self.recall_lookups += recall_lookups;
        self.usage = self.usage + *usage;
        self.cost += *cost;
        self.cost_returned += *cost_returned;
        self.saved += *saved;
        self.saved_tokens += saved_tokens;
        self.spared_tokens += spared_tokens;
        self.makespan_ms += makespan_ms;
        self.critical_path_ms += critical_path_ms;
        self.warming += warming;
    }
}

fn add_counts(sum: &mut BTreeMap<String, u64>, other: &BTreeMap<String, u64>) {
    for (name, count) in other {
        *sum.entry(name.clone()).or_default() += count;
    }
}

fn add_histograms(sum: &mut BTreeMap<String, Histogram>, other: &BTreeMap<String, Histogram>) {
    for (name, histogram) in other {
        *sum.entry(name.clone()).or_default() += histogram;
    }
}

/// How many durations fell between fixed bounds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Histogram {
    /// By the number of the bound in [`BOUNDS_MS`](Self::BOUNDS_MS) that is the least one not below the duration; those above
    /// all bounds have the number after the last. Not cumulative, no zeros.
    pub buckets: BTreeMap<u8, u64>,
    /// The sum of the durations, in milliseconds.
    pub sum_ms: u64,
    /// How many there are.
    pub count: u64,
}

/// The sum, then the buckets; the count is theirs.
#[derive(Serialize, Deserialize)]
struct Stored(u64, BTreeMap<u8, u64>);

impl From<Stored> for Histogram {
    fn from(Stored(sum_ms, buckets): Stored) -> Self {
        Self { count: buckets.values().sum(), buckets, sum_ms }
    }
}

impl From<Histogram> for Stored {
    fn from(histogram: Histogram) -> Self {
        Self(histogram.sum_ms, histogram.buckets)
    }
}

impl Histogram {
    /// The bounds, in milliseconds.
    pub const BOUNDS_MS: [u64; 20] = [
        1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 60_000, 120_000, 300_000,
        600_000, 1_800_000, 3_600_000,
    ];

    /// Adds a duration.
    pub fn observe(&mut self, milliseconds: u64) {
        let bucket = Self::BOUNDS_MS.partition_point(|bound| *bound < milliseconds);
        *self.buckets.entry(bucket as u8).or_default() += 1;
        self.sum_ms = self.sum_ms.saturating_add(milliseconds);
        self.count += 1;
    }

    /// How many durations are at most each bound, in the order of the bounds.
    pub fn cumulative(&self) -> [u64; Self::BOUNDS_MS.len()] {
        let mut so_far = 0;
        std::array::from_fn(|bucket| {
            so_far += self.buckets.get(&(bucket as u8)).copied().unwrap_or_default();
            so_far
        })
    }

    /// The duration in milliseconds that a share `q` (0 to 1) of all durations does not pass, taken to be spread evenly
    /// between two bounds; the highest bound for those above it. `None` if there are none.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        let rank = q.clamp(0.0, 1.0) * self.count as f64;
        let (mut below_ms, mut below) = (0, 0);
        for (bound_ms, up_to) in Self::BOUNDS_MS.into_iter().zip(self.cumulative()) {
            if up_to > below && up_to as f64 >= rank {
                let share = ((rank - below as f64) / (up_to - below) as f64).max(0.0);
                return Some(below_ms as f64 + share * (bound_ms - below_ms) as f64);
            }
            (below_ms, below) = (bound_ms, up_to);
        }
        Some(below_ms as f64)
    }
}

impl AddAssign<&Histogram> for Histogram {
    fn add_assign(&mut self, other: &Histogram) {
        for (bucket, count) in &other.buckets {
            *self.buckets.entry(*bucket).or_default() += count;
        }
        self.sum_ms = self.sum_ms.saturating_add(other.sum_ms);
        self.count += other.count;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(durations: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        durations.iter().for_each(|milliseconds| histogram.observe(*milliseconds));
        histogram
    }

    #[test]
    fn what_was_stored_before_there_were_histograms_is_readable_and_a_row_is_sparse() {
        let old =
            r#"{"runs":{"complete":1},"steps":{"a/ok":2},"cache_hits":{},"usage":{},"cost":3,"saved":0}"#;
        let counters: Counters = serde_json::from_str(old).unwrap();
        assert_eq!((counters.runs["complete"], counters.cost, counters.makespan_ms), (1, NanoUsd(3), 0));
        let histogram = of(&[1, 2, 2, 4_000_000]);
        let stored = serde_json::to_string(&histogram).unwrap();
        assert_eq!(stored, r#"[4000005,{"0":1,"1":2,"20":1}]"#);
        assert_eq!(serde_json::from_str::<Histogram>(&stored).unwrap(), histogram);
    }

    #[test]
    fn quantiles_lie_between_the_bounds_of_their_bucket() {
        assert_eq!(Histogram::default().quantile(0.5), None);
        assert_eq!(of(&[150; 100]).quantile(0.5), Some(150.0));
        assert_eq!(of(&[4_000_000]).quantile(0.95), Some(3_600_000.0));
        assert_eq!(of(&[5, 5, 5, 400]).quantile(0.0), Some(2.0));
        assert_eq!(of(&[5, 5, 5, 400]).quantile(1.0), Some(500.0));
    }

    proptest! {
        #[test]
        fn a_histogram_is_its_durations(durations in proptest::collection::vec(0..5_000_000u64, 0..60)) {
            let histogram = of(&durations);
            prop_assert_eq!(histogram.count, durations.len() as u64);
            prop_assert_eq!(histogram.sum_ms, durations.iter().sum::<u64>());
            for (bound, counted) in Histogram::BOUNDS_MS.iter().zip(histogram.cumulative()) {
                prop_assert_eq!(counted, durations.iter().filter(|duration| *duration <= bound).count() as u64);
            }
            let (first, second) = durations.split_at(durations.len() / 2);
            let mut sum = of(first);
            sum += &of(second);
            prop_assert_eq!(sum, histogram);
        }

        #[test]
        fn a_quantile_is_as_near_as_its_bucket_is_wide(
            mut durations in proptest::collection::vec(1..3_600_000u64, 1..60),
            q in 0.01..1.0f64,
        ) {
            durations.sort_unstable();
            let exact = durations[((q * durations.len() as f64).ceil() as usize).clamp(1, durations.len()) - 1];
            let bucket = Histogram::BOUNDS_MS.partition_point(|bound| *bound < exact);
            let least = if bucket == 0 { 0 } else { Histogram::BOUNDS_MS[bucket - 1] };
            let told = of(&durations).quantile(q).unwrap();
            prop_assert!(told >= least as f64 && told <= Histogram::BOUNDS_MS[bucket] as f64, "{told} for {exact}");
        }
    }
}
