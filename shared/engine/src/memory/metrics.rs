//! Measurements kept in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::lock;
use crate::ports::Metrics;

/// Counters and durations of this process.
#[derive(Debug, Default)]
pub struct MemoryMetrics {
    counts: Mutex<BTreeMap<&'static str, u64>>,
    durations: Mutex<BTreeMap<&'static str, (u64, u64)>>,
}

impl MemoryMetrics {
    /// A counter's value.
    pub fn counted(&self, name: &str) -> u64 {
        lock(&self.counts).get(name).copied().unwrap_or_default()
    }

    /// How many durations were recorded under a name, and their sum in milliseconds.
    pub fn timed(&self, name: &str) -> (u64, u64) {
        lock(&self.durations).get(name).copied().unwrap_or_default()
    }
}

impl Metrics for MemoryMetrics {
    fn count(&self, name: &'static str, by: u64) {
        *lock(&self.counts).entry(name).or_default() += by;
    }

    fn duration_ms(&self, name: &'static str, milliseconds: u64) {
        let mut durations = lock(&self.durations);
        let (count, sum) = durations.entry(name).or_default();
        *count += 1;
        *sum += milliseconds;
    }

    fn held(&self, name: &'static str) -> Option<u64> {
        lock(&self.counts).get(name).copied()
    }
}
