//! Two texts of one meaning lie near each other and far from a third; and what is remembered is found again.
//!
//! Embeddings and memory make up this component. Where no embedder is linked, memory is tried all the same and must work, but
//! the whole is `unknown`: nothing can be said of recall by meaning.

use futures::FutureExt as _;
use futures::future::try_join;
use serde_json::json;

use super::probe::{Probe, ensure, wrong};
use super::{Check, Finding};
use crate::error::Result;
use crate::model::{ContentRef, MemoryRecord, RunId};

const NAME: &str = "vector_database";

/// Two that say the same, and one that has nothing to do with them.
const TEXTS: [&str; 3] = [
    "The town council approved the budget for flood defence.",
    "The budget for flood defence was approved by the town council.",
    "Whisk three eggs with sugar and add a little lemon zest.",
];
/// The first two lie at least so near each other, and the third at most so near either, as a cosine.
const NEAR: f32 = 0.8;
const FAR: f32 = 0.5;

pub(super) const CHECK: Check = Check {
    name: NAME,
    critical: false,
    about: "texts of one meaning lie near each other and far from a third; a record is remembered and found again",
    run: |probe| check(probe).boxed(),
};

async fn check(probe: &Probe<'_>) -> Result<Finding> {
    let (near, ()) = try_join(embeddings(probe), memory(probe)).await?;
    Ok(match near {
        Some(near) => {
            Finding::pass(format!("one meaning lies at {near:.3}; a record was remembered and found"))
                .observed(f64::from(near), "cosine")
        }
        None => Finding::unknown("no embedder is linked here; a record was remembered and found"),
    })
}

/// How near the two texts of one meaning lie; `None` without an embedder.
async fn embeddings(probe: &Probe<'_>) -> Result<Option<f32>> {
    let Some(embedder) = &probe.ports.embedder else { return Ok(None) };
    let vectors = embedder.embed(&TEXTS.map(str::to_owned)).await?;
    let [one, same, other] = vectors.as_slice() else {
        return Err(wrong(format!("{} texts were embedded, {} vectors came", TEXTS.len(), vectors.len())));
    };
    let whole = vectors.iter().all(|vector| (cosine(vector, vector) - 1.0).abs() < 1e-2);
    ensure(whole && one.len() == same.len() && one.len() == other.len(), || {
        "the vectors are not of one length and of unit size".to_owned()
    })?;
    let (near, far) = (cosine(one, same), cosine(one, other).max(cosine(same, other)));
    ensure(near >= NEAR && far <= FAR, || {
        format!(
            "one meaning lies at {near:.3} (at least {NEAR} expected), another at {far:.3} (at most {FAR})"
        )
    })?;
    Ok(Some(near))
}

fn cosine(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

/// Writes over one of the places of the probes' tenant. Another process may do the same at the same moment; one of two tries
/// then still meets nobody.
async fn memory(probe: &Probe<'_>) -> Result<()> {
    let (first, second) = (probe.place(), probe.place());
    if remembered(probe, first).await? || (first != second && remembered(probe, second).await?) {
        return Ok(());
    }
    Err(wrong("a record that was just remembered was not found as it was"))
}

async fn remembered(probe: &Probe<'_>, place: u64) -> Result<bool> {
    let (memory, tenant) = (&probe.ports.memory, Probe::shared_tenant());
    let record = MemoryRecord {
        run_id: RunId::new(format!("probe-{place:02}")),
        created_ms: probe.now_ms,
        content: ContentRef::new(""),
        sketch: None,
        record: json!({ "probe": probe.id }),
    };
    memory.remember(&tenant, &record).await?;
    Ok(memory.recent(&tenant, None, Probe::places()).await?.contains(&record))
}
