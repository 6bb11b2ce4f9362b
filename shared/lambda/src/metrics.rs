//! Measurements as CloudWatch reads them out of the log: the embedded metric format, one line an event.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use engine::ports::Metrics;
use serde_json::{Map, Value, json};

const NAMESPACE: &str = "Assay";
/// The format takes so many values of one metric in a line.
const MOST_VALUES: usize = 100;

/// What was measured since the last line.
#[derive(Debug)]
pub struct Emf {
    stack: String,
    pending: Mutex<BTreeMap<&'static str, Vec<u64>>>,
}

impl Emf {
    /// Measurements of the deployment `stack`.
    pub fn new(stack: String) -> Self {
        Self { stack, pending: Mutex::default() }
    }

    /// Writes what was measured to standard output, and forgets it.
    pub(crate) fn flush(&self, now_ms: u64) {
        if let Some(line) = self.take(now_ms) {
            // A log that takes no line takes no complaint about it either.
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        }
    }

    /// The line of what was measured, which is forgotten; `None` if nothing was.
    pub fn take(&self, now_ms: u64) -> Option<Value> {
        let pending = std::mem::take(&mut *self.lock());
        line(&self.stack, &pending, now_ms)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Vec<u64>>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Metrics for Emf {
    fn count(&self, name: &'static str, by: u64) {
        let mut pending = self.lock();
        let values = pending.entry(name).or_insert_with(|| vec![0]);
        values[0] += by;
    }

    fn duration_ms(&self, name: &'static str, milliseconds: u64) {
        let mut pending = self.lock();
        let values = pending.entry(name).or_default();
        if values.len() < MOST_VALUES {
            values.push(milliseconds);
        }
    }
}

fn line(stack: &str, measured: &BTreeMap<&'static str, Vec<u64>>, now_ms: u64) -> Option<Value> {
    if measured.is_empty() {
        return None;
    }
    let mut fields = Map::new();
    let mut metrics = Vec::new();
    for (name, values) in measured {
        let (metric, unit, scale) = shown(name);
        metrics.push(json!({ "Name": metric, "Unit": unit }));
        let scaled = |value: &u64| match scale {
            1 => Value::from(*value),
            _ => Value::from(*value as f64 / scale as f64),
        };
        let value = match values.as_slice() {
            [value] => scaled(value),
            values => values.iter().map(scaled).collect(),
        };
        fields.insert(metric, value);
    }
    fields.insert("Stack".to_owned(), Value::from(stack));
    fields.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": now_ms,
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [["Stack"]], "Metrics": metrics }],
        }),
    );
    Some(Value::Object(fields))
}

/// The engine's name as a metric's: `run_cost_nano_usd` is `RunCostUsd`, in dollars.
fn shown(name: &str) -> (String, &'static str, u64) {
    let (name, unit, scale) = match (name.strip_suffix("_nano_usd"), name.ends_with("_ms")) {
        (Some(amount), _) => (format!("{amount}_usd"), "None", 1_000_000_000),
        (None, true) => (name.to_owned(), "Milliseconds", 1),
        (None, false) => (name.to_owned(), "Count", 1),
    };
    let capital = |word: &str| {
        let mut characters = word.chars();
        characters.next().map(|first| first.to_uppercase().chain(characters).collect::<String>())
    };
    (name.split('_').filter_map(capital).collect(), unit, scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_in_the_embedded_metric_format() {
        let emf = Emf::new("assay".to_owned());
        assert_eq!(line("assay", &emf.lock(), 7), None);
        emf.count("steps", 1);
        emf.count("steps", 2);
        emf.duration_ms("step_duration_ms", 12);
        emf.duration_ms("step_duration_ms", 30);
        emf.count("run_cost_nano_usd", 1_500_000_000);
        let line = line("assay", &emf.lock(), 7).unwrap();
        assert_eq!(
            line,
            json!({
                "_aws": {
                    "Timestamp": 7,
                    "CloudWatchMetrics": [{
                        "Namespace": "Assay",
                        "Dimensions": [["Stack"]],
                        "Metrics": [
                            { "Name": "RunCostUsd", "Unit": "None" },
                            { "Name": "StepDurationMs", "Unit": "Milliseconds" },
                            { "Name": "Steps", "Unit": "Count" },
                        ],
                    }],
                },
                "Stack": "assay",
                "RunCostUsd": 1.5,
                "StepDurationMs": [12, 30],
                "Steps": 3,
            })
        );
    }
}
