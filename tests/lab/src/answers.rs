//! What stored answers on Redis are measured and tried with: a real Valkey, whole steps, and several processes.

mod meaning;
mod outage;
mod speed;
mod stampede;
mod steps;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::stack::Result;

pub(crate) use stampede::work;

/// How much is measured.
#[derive(Clone, Debug)]
pub(crate) struct Extent {
    /// Look-ups of each kind.
    pub(crate) look_ups: usize,
    /// Steps that ask the same at once, over all processes.
    pub(crate) askers: usize,
    /// Milliseconds of an outage.
    pub(crate) outage_ms: u64,
    /// A Python that may have caches of other projects.
    pub(crate) python: PathBuf,
}

/// Measures stored answers: speed, also by meaning, many that ask the same, outages.
pub(crate) fn measure(extent: &Extent) -> Result<Value> {
    let speed = speed::measure(extent.look_ups, &extent.python)?;
    let by_meaning = meaning::measure()?;
    let together = stampede::measure(extent.askers, false)?;
    let leader_killed = stampede::measure(extent.askers, true)?;
    let spans = outage::Spans { well: 3_000, gone: extent.outage_ms, back: 6_000 };
    let frozen = outage::measure(outage::How::Frozen, spans)?;
    let killed = outage::measure(outage::How::Killed, spans)?;
    Ok(json!({
        "speed": speed,
        "by_meaning": by_meaning,
        "stampede": together,
        "leader_killed": leader_killed,
        "outage": {"frozen": frozen, "killed": killed},
    }))
}
