//! Its owner stops a run: steps not yet begun are skipped, a call in flight is aborted at the next lease renewal.

use crate::error::{Error, ErrorKind, Result};
use crate::events;
use crate::model::{EventKind, Run, RunKey, RunStatus};
use crate::ports::{Key, Ports, Row};
use crate::start_run::DEADLINE_GRACE_MS;
use crate::transact::{Decision, transact};

/// Asks a run to stop. Returns its status before. Errors: `NotFound`, storage errors.
pub async fn cancel_run(ports: &Ports, run: &RunKey) -> Result<RunStatus> {
    let keys = [Key::Run(run.clone()), Key::Sequence(run.clone())];
    let now = ports.clock.now_ms();
    transact(ports, &keys, |rows| {
        let Some(stored) = rows.run(&keys[0]) else {
            return Err(Error::new(ErrorKind::NotFound, format!("there is no run {}", run.run)));
        };
        if stored.cancel_requested || stored.status.is_final() {
            return Ok(Decision::Leave(stored.status));
        }
        let due_ms = Some(stored.deadline_ms + DEADLINE_GRACE_MS);
        let cancelled = Run { cancel_requested: true, ..stored.clone() };
        let mut changes = vec![rows.put(keys[0].clone(), Row::Run(cancelled), due_ms)];
        changes.extend(events::append(rows, run, now, vec![EventKind::CancelRequested]));
        Ok(Decision::Write(changes, stored.status))
    })
    .await
}
