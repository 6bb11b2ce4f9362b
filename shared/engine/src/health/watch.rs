//! The last reading of this process, kept for ten seconds: however many ask, the components are tried once.

use std::sync::Arc;

use futures::lock::Mutex;

use super::history::{self, History, Trend};
use super::{CHECKS, Check, MOST_MS, Reading, Status, probe, within};
use crate::error::Result;
use crate::ports::Ports;

/// A report is given out again for this long.
const KEPT_MS: u64 = 10_000;

/// What was found is kept in the store if the store takes it in this time; the answer waits no longer.
const TO_RECORD_MS: u64 = 20;

/// A reading of somebody else is told for this long: three times, and a little, of what `functions/health` waits.
const RECENT_MS: u64 = 7 * 60_000;

/// All components at one time.
#[derive(Clone, Debug)]
pub struct Report {
    /// In the order of [`CHECKS`].
    pub entries: Vec<Entry>,
}

/// A component, as it was found and as it did lately.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Whether no run can be relied on without it.
    pub critical: bool,
    /// What was found.
    pub reading: Reading,
    /// How it did lately, where the history could be read.
    pub trend: Option<Trend>,
}

impl Report {
    /// Readings in the order of [`CHECKS`], and what is known from before.
    pub fn new(readings: Vec<Reading>, history: Option<&History>, now_ms: u64) -> Self {
        let entry = |(check, reading): (&Check, Reading)| Entry {
            critical: check.critical,
            trend: history.and_then(|history| history.trend(check.name, now_ms)),
            reading,
        };
        Self { entries: CHECKS.iter().zip(readings).map(entry).collect() }
    }

    /// How the whole stands: it fails with a critical component. Others that fail, and critical ones nobody knows of, are a
    /// warning.
    pub fn status(&self) -> Status {
        let any = |is: fn(&Entry) -> bool| self.entries.iter().any(is);
        if any(|entry| entry.critical && entry.reading.status == Status::Fail) {
            return Status::Fail;
        }
        let warns = |entry: &Entry| match entry.reading.status {
            Status::Fail | Status::Warn => true,
            Status::Unknown => entry.critical,
            Status::Pass => false,
        };
        if any(warns) { Status::Warn } else { Status::Pass }
    }

    /// How many components fail.
    pub fn failing(&self) -> usize {
        self.entries.iter().filter(|entry| entry.reading.status == Status::Fail).count()
    }
}

/// Gives out reports.
pub struct Watch {
    source: Source,
    kept: Mutex<Option<(u64, Arc<Report>)>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Probes,
    Records,
}

impl Watch {
    /// Tries the components itself.
    pub fn probing() -> Self {
        Self { source: Source::Probes, kept: Mutex::new(None) }
    }

    /// Tells what another process found and recorded: for one that may not do what the checks do.
    pub fn recorded() -> Self {
        Self { source: Source::Records, kept: Mutex::new(None) }
    }

    /// A report that is at most ten seconds old. Those who ask while one is made wait for it.
    pub async fn report(&self, ports: &Ports) -> Arc<Report> {
        let mut kept = self.kept.lock().await;
        if let Some((made_ms, report)) = kept.as_ref()
            && ports.clock.now_ms() < made_ms + KEPT_MS
        {
            return report.clone();
        }
        let report = Arc::new(match self.source {
            Source::Probes => probed(ports).await,
            Source::Records => recorded(ports).await,
        });
        *kept = Some((ports.clock.now_ms(), report.clone()));
        report
    }
}

async fn probed(ports: &Ports) -> Report {
    let readings = probe(ports, MOST_MS).await;
    // Where no row could be written, none will be now.
    let on_rows = ["step_result", "monitoring", "performance_validator", "cost_optimizer"];
    let takes_rows = readings
        .iter()
        .any(|reading| on_rows.contains(&reading.component.as_str()) && reading.status != Status::Fail);
    let recorded = match takes_rows {
        true => within(ports, TO_RECORD_MS, history::record(ports, &readings)).await.map(Some),
        false => Ok(None),
    };
    if let Err(error) = &recorded {
        tracing::warn!(%error, "what the checks found could not be recorded");
    }
    let history = recorded.ok().flatten();
    Report::new(readings, history.as_ref(), ports.clock.now_ms())
}

async fn recorded(ports: &Ports) -> Report {
    let loaded: Result<History> = within(ports, MOST_MS, history::load(ports)).await;
    let now_ms = ports.clock.now_ms();
    let reading = |check: &Check| {
        let blank = |status, output: String| Reading {
            component: check.name.to_owned(),
            status,
            output,
            took_ms: 0,
            observed: None,
            at_ms: now_ms,
        };
        let history = match &loaded {
            Ok(history) => history,
            // Where no row can be read, no result can.
            Err(error) if check.name == super::step_result::CHECK.name => {
                return blank(Status::Fail, error.to_string());
            }
            Err(error) => {
                return blank(Status::Unknown, format!("what was recorded cannot be read: {error}"));
            }
        };
        match history.components.get(check.name).map(|record| &record.last) {
            Some(last) if now_ms < last.at_ms + RECENT_MS => {
                let output = if last.status == Status::Pass { check.about } else { &last.output };
                Reading { output: output.to_owned(), ..last.clone() }
            }
            Some(last) => {
                let minutes = now_ms.saturating_sub(last.at_ms) / 60_000;
                blank(
                    Status::Unknown,
                    format!("nobody has looked for {minutes} minutes: is `health` called?"),
                )
            }
            None => blank(Status::Unknown, "nobody has looked yet: is `health` called?".to_owned()),
        }
    };
    Report::new(CHECKS.iter().map(reading).collect(), loaded.as_ref().ok(), now_ms)
}
