//! A new owner takes over a run whose process died: it breaks the old leases, books what was under way, and starts the
//! run's workflow again. Finished steps report what they have; they are not run again.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::error::Result;
use crate::ledger_view::steps;
use crate::model::{Run, RunKey, RunStatus, Step};
use crate::money::book_lost_calls;
use crate::outbox;
use crate::ports::{Key, Ports, Range, Row};
use crate::start_run::{DEADLINE_GRACE_MS, RunRequest, load_run};
use crate::transact::{Decision, list_all, read, transact};

/// After one request's run has ended, the command that asked for it begins the next one's within this time.
const NEXT_BEGINS_MS: u64 = 60_000;

/// The newest run of the same request (same tenant, content, link, depth, cache choice and catalogue) that has not ended or
/// whose briefing has not been delivered.
pub async fn unfinished_run(ports: &Ports, request: &RunRequest) -> Result<Option<RunKey>> {
    // A run's id says when it began.
    for key in unfinished(ports).await?.into_iter().rev().filter(|key| key.tenant == request.tenant) {
        let Some(run) = load_run(ports, &key).await? else { continue };
        if is_same(ports, &run, request) && !is_over(ports, &run).await? {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

/// Every run, of any tenant, that has not ended or has something to send.
async fn unfinished(ports: &Ports) -> Result<BTreeSet<RunKey>> {
    let due = list_all(ports, &Range::Due(u64::MAX)).await?;
    let unfinished = due.into_iter().filter_map(|(_, versioned)| match versioned.row {
        Row::Run(run) if !run.status.is_final() => Some(run.key),
        Row::Outbox(row) => Some(row.run),
        _ => None,
    });
    Ok(unfinished.collect())
}

/// What a command that asks for several things, one after the other, has done if it was interrupted: for each request the run
/// that ended just before the next one's began. `None` for what it has not done or what failed, and for all if nothing is
/// unfinished.
pub async fn ended_before(ports: &Ports, requests: &[RunRequest]) -> Result<Vec<Option<RunKey>>> {
    let mut ended = vec![None; requests.len()];
    for (place, request) in requests.iter().enumerate().skip(1).rev() {
        let Some(unfinished) = unfinished_run(ports, request).await? else { continue };
        let runs = list_all(ports, &Range::Runs(request.tenant.clone())).await?;
        let runs = runs.into_iter().filter_map(|(_, versioned)| match versioned.row {
            Row::Run(run) => Some(run),
            _ => None,
        });
        let runs: Vec<Run> = runs.collect();
        let mut next = runs.iter().find(|run| run.key == unfinished);
        for earlier in (0..place).rev() {
            let is_its = |run: &&Run, next: &Run| {
                is_same(ports, run, &requests[earlier]) && ended_just_before(run, next)
            };
            next = next.and_then(|next| runs.iter().find(|run| is_its(run, next)));
            let Some(mut run) = next else { break };
            if run.status == RunStatus::Failed {
                // It is tried again, and may have been: what the last of the tries came to counts.
                let tries = runs.iter().filter(|other| is_same(ports, other, &requests[earlier]));
                run = tries.max_by_key(|run| run.created_ms).unwrap_or(run);
            }
            // One whose briefing is not delivered is still to be gone on with.
            if run.status != RunStatus::Failed && is_over(ports, run).await? {
                ended[earlier] = Some(run.key.clone());
            }
        }
        break;
    }
    Ok(ended)
}

fn ended_just_before(run: &Run, next: &Run) -> bool {
    let between_ms = run.finished_ms.and_then(|ended_ms| next.created_ms.checked_sub(ended_ms));
    between_ms.is_some_and(|between_ms| between_ms <= NEXT_BEGINS_MS)
}

/// True once nothing more will happen in a run: it has ended and its briefing has been delivered.
pub async fn is_over(ports: &Ports, run: &Run) -> Result<bool> {
    let delivery = Key::Outbox(run.key.clone(), outbox::DELIVER.to_owned());
    Ok(run.status.is_final() && read(ports, &[delivery]).await?.pop().flatten().is_none())
}

/// Takes over a run and starts its workflow again. Only for an owner who knows that no other process is at work on it.
pub async fn resume_run(ports: &Ports, key: &RunKey) -> Result<()> {
    for step in steps(ports, key).await? {
        if step.result.is_none() {
            break_lease(ports, &step).await?;
        }
    }
    let now = ports.clock.now_ms();
    let run_key = Key::Run(key.clone());
    transact(ports, std::slice::from_ref(&run_key), |rows| {
        let Some(run) = rows.run(&run_key).filter(|run| !run.status.is_final()) else {
            return Ok(Decision::Leave(()));
        };
        let deadline_ms = now + run.depth.deadline_ms();
        let run = Run { deadline_ms, ..run.clone() };
        let change = rows.put(run_key.clone(), Row::Run(run), Some(deadline_ms + DEADLINE_GRACE_MS));
        Ok(Decision::Write(vec![change], ()))
    })
    .await?;
    if let Some(run) = load_run(ports, key).await? {
        book_lost_calls(ports, &run, None).await?;
        if run.status.is_final() {
            return outbox::send(ports, key).await;
        }
    }
    outbox::send(ports, key).await?;
    crate::start_run::begin_run(ports, key).await
}

/// Takes over every run, of any tenant, that has not ended or whose briefing has not been delivered; returns them. Only for
/// an owner who knows that no other process is at work. A run that cannot be resumed is logged and stays due.
pub async fn resume_unfinished(ports: &Ports) -> Result<BTreeSet<RunKey>> {
    let unfinished = unfinished(ports).await?;
    for run in &unfinished {
        if let Err(error) = resume_run(ports, run).await {
            tracing::error!(%error, %run, "not resumed");
        }
    }
    Ok(unfinished)
}

fn is_same(ports: &Ports, run: &Run, request: &RunRequest) -> bool {
    !run.cancel_requested
        && run.warms.is_none()
        && run.source.content == request.source.content
        && run.source.name == request.source.name
        && run.source.link == request.source.link
        && run.depth == request.depth
        && run.use_cache == request.use_cache
        && run.catalogue_version == ports.catalogue.version
}

async fn break_lease(ports: &Ports, step: &Step) -> Result<()> {
    let key = Key::Step(step.key.clone());
    transact(ports, std::slice::from_ref(&key), |rows| {
        let Some(step) = rows.step(&key).filter(|step| step.result.is_none()) else {
            return Ok(Decision::Leave(()));
        };
        // An owner that died is not an attempt that failed; and the new workflow's messages begin at hop 0.
        let attempt = step.attempt - u32::from(step.lease.is_some()).min(step.attempt);
        let step = Step { lease: None, hop: 0, attempt, ..step.clone() };
        Ok(Decision::Write(vec![rows.put(key.clone(), Row::Step(Arc::new(step)), None)], ()))
    })
    .await
}
