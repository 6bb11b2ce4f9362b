//! Measurements as CloudWatch reads them out of the log: the embedded metric format, one line an event.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use boot::{Destination, Traces};
use engine::error::Result;
use engine::ports::Metrics;
use engine::trace::Span;
use serde_json::{Map, Value, json};

const NAMESPACE: &str = "Assay";
/// The format takes so many values of one metric in a line.
const MOST_VALUES: usize = 100;
/// How the names begin that are counted to see whether counting works; each other name is a metric that is paid for.
const PROBE: &str = "probe_";

/// An answer waits so long at most for its spans to be taken.
const SPANS_WITHIN_MS: u64 = 200;

/// What was measured since the last line.
pub struct Emf {
    stack: String,
    pending: Mutex<Pending>,
    traces: OnceLock<Traces>,
}

#[derive(Default)]
struct Pending {
    measured: BTreeMap<&'static str, Vec<u64>>,
    /// Counts by a label. They stand in the line as plain fields, for each metric of its own is paid by the month.
    labelled: BTreeMap<&'static str, BTreeMap<String, u64>>,
}

impl Emf {
    /// Measurements of the deployment `stack`.
    pub fn new(stack: String) -> Self {
        Self { stack, pending: Mutex::default(), traces: OnceLock::new() }
    }

    /// Says where spans go; what is said first holds. Errors: `Configuration`.
    pub(crate) fn trace_to(&self, destination: &Destination) -> Result<()> {
        if self.traces.get().is_none() {
            let _ = self.traces.set(Traces::new(&self.stack, destination)?);
        }
        Ok(())
    }

    /// Writes what was measured to standard output and forgets it, then sends spans: they may be cut off, the line may not.
    pub(crate) async fn flush(&self, now_ms: u64) {
        if let Some(line) = self.take(now_ms) {
            // A log that takes no line takes no complaint about it either.
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        }
        if let Some(traces) = self.traces.get() {
            traces.send(SPANS_WITHIN_MS).await;
        }
    }

    /// The line of what was measured, which is forgotten; `None` if nothing was.
    pub fn take(&self, now_ms: u64) -> Option<Value> {
        let mut pending = std::mem::take(&mut *self.lock());
        pending.measured.retain(|name, _| !name.starts_with(PROBE));
        line(&self.stack, &pending, now_ms)
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Metrics for Emf {
    fn count(&self, name: &'static str, by: u64) {
        let mut pending = self.lock();
        let values = pending.measured.entry(name).or_insert_with(|| vec![0]);
        values[0] += by;
    }

    fn duration_ms(&self, name: &'static str, milliseconds: u64) {
        let mut pending = self.lock();
        let values = pending.measured.entry(name).or_default();
        if values.len() < MOST_VALUES {
            values.push(milliseconds);
        }
    }

    fn held(&self, name: &'static str) -> Option<u64> {
        self.lock().measured.get(name)?.first().copied()
    }

    fn count_by(&self, name: &'static str, label: &str, by: u64) {
        *self.lock().labelled.entry(name).or_default().entry(label.to_owned()).or_default() += by;
    }

    fn span(&self, span: Span) {
        if let Some(traces) = self.traces.get() {
            traces.record(span);
        }
    }
}

fn line(stack: &str, pending: &Pending, now_ms: u64) -> Option<Value> {
    let Pending { measured, labelled } = pending;
    if measured.is_empty() && labelled.is_empty() {
        return None;
    }
    let mut fields = Map::new();
    for (name, counts) in labelled {
        fields.insert(shown(name).0, json!(counts));
    }
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
    if metrics.is_empty() {
        return Some(Value::Object(fields));
    }
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
        emf.count_by("model_calls", "openai", 1);
        let fields = json!({ "Stack": "assay", "ModelCalls": { "openai": 1 } });
        assert_eq!(
            line("assay", &std::mem::take(&mut *emf.lock()), 7),
            Some(fields),
            "no metric, no mark of one"
        );
        emf.count("steps", 1);
        emf.count("steps", 2);
        emf.duration_ms("step_duration_ms", 12);
        emf.duration_ms("step_duration_ms", 30);
        emf.count("run_cost_nano_usd", 1_500_000_000);
        emf.count_by("model_call_errors", "openai/Timeout", 1);
        emf.count_by("model_call_errors", "openai/Timeout", 1);
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
                "ModelCallErrors": { "openai/Timeout": 2 },
                "RunCostUsd": 1.5,
                "StepDurationMs": [12, 30],
                "Steps": 3,
            })
        );
    }
}
