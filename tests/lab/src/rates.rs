//! What the limiter on Redis is measured and tried with: a real Valkey, several processes, and schedules that try to get more.

pub(crate) mod fleet;
mod outage;
mod schedules;
mod speed;
#[cfg(test)]
pub(crate) mod tests;

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::stack::Result;

pub(crate) use fleet::work;

/// How much is measured.
#[derive(Clone, Debug)]
pub(crate) struct Extent {
    /// Random schedules.
    pub(crate) schedules: u64,
    /// Milliseconds that each rate of calls is measured for.
    pub(crate) speed_ms: u64,
    /// Milliseconds of an outage.
    pub(crate) outage_ms: u64,
    /// A Python that may have the limiters of other projects.
    pub(crate) python: PathBuf,
}

/// Measures the limiter: exactness, speed, outages.
pub(crate) fn measure(extent: &Extent) -> Result<Value> {
    let exact = schedules::measure(extent.schedules, &extent.python)?;
    let speed = speed::measure(extent.speed_ms)?;
    let killed = outage::measure(outage::How::Killed, extent.outage_ms)?;
    let frozen = outage::measure(outage::How::Frozen, extent.outage_ms)?;
    Ok(json!({
        "overshoot": exact["overshoot"],
        "outage_overshoot": {"killed": killed["overshoot"], "frozen": frozen["overshoot"]},
        "get_ratio": speed["get_ratio"],
        "decisions_per_s": speed["decisions_per_s"],
        "p50_ratio": speed["p50_ratio"],
        "exact": exact,
        "speed": speed,
        "outage": {"killed": killed, "frozen": frozen},
    }))
}

/// The value below which so many in a hundred are; the list is sorted by this.
pub(crate) fn percentile(values: &mut [f64], percent: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = (values.len() as f64 * percent / 100.0).ceil() as usize;
    values.get(at.clamp(1, values.len().max(1)) - 1).copied().unwrap_or(f64::NAN)
}

pub(crate) fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}
