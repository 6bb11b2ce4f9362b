//! What was found before, kept in one row: the last reading of each component, since when it is as it is, and how often it
//! passed in the last hour and the last day. The row is bounded and expires when nobody looks any more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::probe::Probe;
use super::{Reading, Status};
use crate::error::Result;
use crate::ports::{Key, Ports, Row};
use crate::transact::{Decision, transact};

/// Forgotten after a week without a reading.
const KEPT_MS: u64 = 7 * 86_400_000;

/// Readings that say the same as the last are kept apart by at least this long, so that a caller who asks often writes
/// seldom.
const AT_LEAST_APART_MS: u64 = 60_000;

/// Counts of the last hour are kept by quarters of it, those of the last day by two hours: the row stays small.
const FINE: Span = Span { slot_ms: 15 * 60_000, slots: 4 };
const COARSE: Span = Span { slot_ms: 2 * 3_600_000, slots: 12 };

struct Span {
    slot_ms: u64,
    slots: u64,
}

/// What is kept of all components.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// By name.
    pub components: BTreeMap<String, Record>,
}

/// What is kept of a component.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The newest.
    pub last: Reading,
    /// Since when it is in the state of the last reading, in milliseconds since 1970.
    pub since_ms: u64,
    fine: Vec<Slot>,
    coarse: Vec<Slot>,
}

/// Which slot of its span, how many readings passed, and how many there were that were not `unknown`.
type Slot = (u64, u64, u64);

/// How a component did lately.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// Since when it is in its present state, in milliseconds since 1970.
    pub since_ms: u64,
    /// The last hour.
    pub last_hour: Share,
    /// The last day.
    pub last_day: Share,
}

/// How many readings passed of those that said anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Passed.
    pub passed: u64,
    /// All but the unknown ones.
    pub readings: u64,
}

impl History {
    /// How a component did, as of now; `None` if nothing is known of it.
    pub fn trend(&self, component: &str, now_ms: u64) -> Option<Trend> {
        let record = self.components.get(component)?;
        Some(Trend {
            since_ms: record.since_ms,
            last_hour: FINE.share(&record.fine, now_ms),
            last_day: COARSE.share(&record.coarse, now_ms),
        })
    }

    /// The history with these readings. False if they are too near the last ones to be worth a write.
    pub fn add(&mut self, readings: &[Reading]) -> bool {
        let tells = |reading: &Reading| match self.components.get(&reading.component) {
            Some(record) => {
                record.last.status != reading.status || reading.at_ms >= record.last.at_ms + AT_LEAST_APART_MS
            }
            None => true,
        };
        if !readings.iter().any(tells) {
            return false;
        }
        for reading in readings {
            self.add_one(reading);
        }
        true
    }

    fn add_one(&mut self, reading: &Reading) {
        let before = self.components.remove(&reading.component);
        let since_ms = match &before {
            Some(record) if record.last.status == reading.status => record.since_ms,
            _ => reading.at_ms,
        };
        let (mut fine, mut coarse) = before.map(|record| (record.fine, record.coarse)).unwrap_or_default();
        FINE.count(&mut fine, reading);
        COARSE.count(&mut coarse, reading);
        let mut last = reading.clone();
        if last.status == Status::Pass {
            // It is the same each time, and the row is paid by its size.
            last.output.clear();
        }
        let record = Record { last, since_ms, fine, coarse };
        self.components.insert(reading.component.clone(), record);
    }
}

impl Span {
    fn count(&self, slots: &mut Vec<Slot>, reading: &Reading) {
        let this = reading.at_ms / self.slot_ms;
        slots.retain(|(slot, ..)| slot + self.slots > this && *slot <= this);
        if slots.last().is_none_or(|(slot, ..)| *slot != this) {
            slots.push((this, 0, 0));
        }
        if let Some((_, passed, readings)) = slots.last_mut() {
            *passed += u64::from(reading.status == Status::Pass);
            *readings += u64::from(reading.status != Status::Unknown);
        }
    }

    fn share(&self, slots: &[Slot], now_ms: u64) -> Share {
        let this = now_ms / self.slot_ms;
        let counted = slots.iter().filter(|(slot, ..)| slot + self.slots > this);
        counted.fold(Share::default(), |share, (_, passed, readings)| Share {
            passed: share.passed + passed,
            readings: share.readings + readings,
        })
    }
}

/// What is kept. Errors: `Storage`.
pub async fn load(ports: &Ports) -> Result<History> {
    let row = ports.store.read(&[key()]).await?.pop().flatten();
    Ok(row.map(|versioned| of_row(&versioned.row)).unwrap_or_default())
}

/// Adds readings to what is kept, and returns it. Errors: `Storage`.
pub async fn record(ports: &Ports, readings: &[Reading]) -> Result<History> {
    let key = key();
    let expires_ms = ports.clock.now_ms() + KEPT_MS;
    transact(ports, std::slice::from_ref(&key), |rows| {
        let mut history = rows.get(&key).map(of_row).unwrap_or_default();
        if !history.add(readings) {
            return Ok(Decision::Leave(history));
        }
        let row = Row::Expiring { value: serde_json::json!(history), expires_ms };
        Ok(Decision::Write(vec![rows.put(key.clone(), row, None)], history))
    })
    .await
}

fn key() -> Key {
    Key::Cache(Probe::shared_tenant(), "history".to_owned())
}

/// What cannot be read any more is begun anew.
fn of_row(row: &Row) -> History {
    match row {
        Row::Expiring { value, .. } => serde_json::from_value(value.clone()).unwrap_or_default(),
        _ => History::default(),
    }
}
