//! Results of all four ends read as what they were written; one of them is stored and read back, and one that is too large
//! for its row; and none is written twice.

use std::sync::Arc;

use futures::FutureExt as _;
use serde_json::{Value, json};

use super::probe::{Probe, ensure, wrong};
use super::{Check, Finding};
use crate::claim_check::{INLINE_BYTES, fetch, stow};
use crate::error::{Error, ErrorKind, Result};
use crate::lease::new_step;
use crate::model::{STEP_RESULT_VERSION, Step, StepError, StepResult};
use crate::ports::{Key, Row};

const NAME: &str = "step_result";

pub(super) const CHECK: Check = Check {
    name: NAME,
    critical: true,
    about: "results are stored, large data apart, and read back; a second result of a step is refused",
    run: |probe| check(probe).boxed(),
};

async fn check(probe: &Probe<'_>) -> Result<Finding> {
    let results = results(probe)?;
    for (item, result) in &results {
        let written = serde_json::to_value(result).and_then(serde_json::from_value);
        ensure(written.is_ok_and(|read: StepResult| read == *result), || {
            format!("a {item} result reads as another")
        })?;
    }
    // All that makes a difference to a store: a result in its row, of a drawn end, and one whose data is stored apart.
    let (large, small) = (&results[0], &results[1 + probe.place() as usize % (results.len() - 1)]);
    let expected = [&large.1, &small.1];
    let mut rows = Vec::new();
    for (item, result) in [large, small] {
        let key = probe.step(NAME, item);
        // Large data cannot be deleted, so it stands under the tenant of all probes.
        let (stored, data_ref) = stow(probe.ports, &Probe::shared_tenant(), result).await?;
        let step = Step { result: Some(stored.into_owned()), data_ref, ..new_step(&key, probe.now_ms) };
        rows.push((Key::Step(key), Row::Step(Arc::new(step))));
    }
    probe.create(rows.clone()).await?;
    let keys: Vec<Key> = rows.iter().map(|(key, _)| key.clone()).collect();
    let tried = read_back(probe, &keys, expected).await;
    let refused = probe.create(rows.into_iter().take(1)).await;
    let deleted = probe.delete(keys).await;
    tried?;
    match refused {
        Err(error) if error.kind() == ErrorKind::Conflict => {}
        Err(error) => return Err(error),
        Ok(()) => return Err(wrong("a step took a second result")),
    }
    deleted?;
    Ok(Finding::pass("a result and one with large data were stored and read back; a second one was refused"))
}

async fn read_back(probe: &Probe<'_>, keys: &[Key], expected: [&StepResult; 2]) -> Result<()> {
    let rows = probe.ports.store.read(keys).await?;
    ensure(rows.len() == expected.len(), || {
        format!("{} rows were asked for, {} came", expected.len(), rows.len())
    })?;
    for (row, expected) in rows.into_iter().zip(expected) {
        let item = &expected.meta.item;
        let Some(Row::Step(step)) = row.map(|versioned| versioned.row) else {
            return Err(wrong(format!("the step with the {item} result is not there")));
        };
        let mut step = (*step).clone();
        step.key.run.tenant = Probe::shared_tenant();
        let found = fetch(probe.ports, &step).await?;
        ensure(found.as_deref() == Some(expected), || format!("the {item} result is not as it was written"))?;
    }
    Ok(())
}

/// A result with data that does not fit into its row, then one of each end.
fn results(probe: &Probe<'_>) -> Result<Vec<(&'static str, StepResult)>> {
    let large = json!({ "place": probe.place(), "text": "probe ".repeat(INLINE_BYTES / 6 + 1) });
    let failure = StepError::from(&Error::new(ErrorKind::Timeout, "a probe").with("probe", &probe.id));
    let ends: [(&'static str, Value); 5] = [
        ("large", json!({ "status": "ok", "data": large })),
        ("ok", json!({ "status": "ok", "data": { "probe": probe.id } })),
        ("skipped", json!({ "status": "skipped", "reason": { "code": "no_model" } })),
        (
            "uncertain",
            json!({ "status": "uncertain", "reason": { "code": "no_evidence" }, "data": [probe.id] }),
        ),
        ("failed", json!({ "status": "failed", "error": failure })),
    ];
    let read = |(item, mut end): (&'static str, Value)| {
        end["version"] = json!(STEP_RESULT_VERSION);
        end["meta"] = json!({
            "run": probe.id, "agent": NAME, "item": item, "attempt": 1, "basis": { "kind": "deterministic" },
            "cost": 1, "finished_ms": probe.now_ms,
        });
        let result = serde_json::from_value(end)
            .map_err(|error| wrong(format!("a {item} result cannot be read")).because(error))?;
        Ok((item, result))
    };
    ends.into_iter().map(read).collect()
}
