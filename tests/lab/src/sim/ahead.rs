//! One of the run's stored answers is made ahead of its next use, as if it had been used every ten minutes before.

use std::sync::{Arc, LazyLock};

use engine::agent::Catalogue;
use engine::model::{Basis, Kept, RunKey, Step, Warming};
use engine::ports::{Becomes, Change, Expect, Key, Ports, Row};
use engine::recall::warming_key;

use super::world::Plan;

/// How long answers are kept in a world in which one is made ahead.
pub(super) const TTL_SECONDS: u64 = 1_200;
const LOOK_EACH_MS: u64 = 5_000;
const MINUTE_MS: u64 = 60_000;

/// The real one; where an answer is to be made ahead, answers are kept for minutes. All worlds share the two: to read them and to
/// compile their schemas takes as long as a tenth of a run.
pub(super) fn catalogue(plan: &Plan) -> Arc<Catalogue> {
    static USUAL: LazyLock<Arc<Catalogue>> = LazyLock::new(|| Arc::new(read()));
    static AHEAD: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
        let mut catalogue = read();
        for agent in &mut catalogue.agents {
            Arc::make_mut(agent).cache.ttl_seconds = TTL_SECONDS;
        }
        Arc::new(catalogue)
    });
    if plan.ahead { AHEAD.clone() } else { USUAL.clone() }
}

#[expect(clippy::expect_used, reason = "nothing can be simulated without the catalogue")]
fn read() -> Catalogue {
    boot::load_catalogue().expect("the catalogue is valid")
}

/// Waits until the run has ended and half of its answers' time is over, then leaves the row of one that is due, and waits until
/// it was looked at. A run that stored no answer leaves none.
pub(super) async fn leave(ports: &Ports, run: &RunKey) {
    loop {
        ports.clock.sleep(LOOK_EACH_MS).await;
        match engine::load_run(ports, run).await {
            Ok(Some(run)) if run.status.is_final() => break,
            _ => {}
        }
    }
    let steps = loop {
        match engine::ledger_view::steps(ports, run).await {
            Ok(steps) => break steps,
            Err(_) => ports.clock.sleep(LOOK_EACH_MS).await,
        }
    };
    let Some((step, kept, made_ms)) = steps.iter().find_map(made) else { return };
    let key = warming_key(&run.tenant, &kept.entry);
    let from_ms = made_ms + 11 * MINUTE_MS;
    ports.clock.sleep(from_ms.saturating_sub(ports.clock.now_ms())).await;
    loop {
        match ports.store.read(std::slice::from_ref(&key)).await.map(|mut rows| rows.pop().flatten()) {
            Ok(Some(found)) if matches!(&found.row, Row::Warming(row) if row.forecast.is_some()) => return,
            Ok(None) => {
                let now_ms = ports.clock.now_ms();
                let change = due(&key, step, kept, now_ms);
                // One that was written and reported as failed is found.
                drop(ports.store.write(&[change]).await);
            }
            _ => {}
        }
        ports.clock.sleep(LOOK_EACH_MS).await;
    }
}

/// A step that made an answer, the answer, and when.
fn made(step: &Step) -> Option<(&Step, &Kept, u64)> {
    let meta = &step.result.as_ref()?.meta;
    let kept = meta.recall.as_ref()?.kept.as_ref()?;
    matches!(meta.basis, Basis::Model).then_some((step, kept, meta.finished_ms))
}

fn due(key: &Key, step: &Step, kept: &Kept, now_ms: u64) -> Change {
    let fresh_ms = TTL_SECONDS * 900;
    let row = Warming {
        entry: kept.entry.clone(),
        step: step.key.clone(),
        last_use_ms: now_ms - MINUTE_MS,
        fresh_until_ms: now_ms + 4 * MINUTE_MS,
        fresh_ms,
        gaps_ms: vec![10 * MINUTE_MS; Warming::MOST_GAPS],
        cost: kept.cost,
        most: kept.most,
        took_ms: kept.took_ms.max(1),
        forecast: None,
        expires_ms: now_ms + 2 * fresh_ms,
    };
    let to = Becomes::Row(Row::Warming(row));
    Change { key: key.clone(), expect: Expect::Absent, to, due_ms: Some(now_ms) }
}
