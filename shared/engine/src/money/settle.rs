//! The decision after a paid call: what it cost, and where that is booked.

use super::{Keys, charges};
use crate::error::{ErrorKind, Result};
use crate::figures;
use crate::model::{Budget, CallId, Charge, ChargeState, NanoUsd, Run, StepKey, Usage};
use crate::ports::{Change, Key, Ports, Row};
use crate::transact::{Decision, Rows, transact};

/// What became of a call.
#[derive(Clone, Copy, Debug)]
pub enum Settlement {
    /// It was made and used this.
    Used(Usage, NanoUsd),
    /// It was never made.
    NeverMade,
    /// Nobody knows.
    Unknown,
}

/// What the caller saw of a call.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// From asking to answer, in milliseconds.
    pub(crate) took_ms: Option<u64>,
    /// Why it did not succeed.
    pub(crate) failed: Option<ErrorKind>,
}

/// Books a call that nobody saw the end of, or that was never made.
pub async fn settle(ports: &Ports, run: &Run, call: &CallId, settlement: Settlement) -> Result<()> {
    let failed = matches!(settlement, Settlement::Unknown).then_some(ErrorKind::LeaseLost);
    settle_seen(ports, run, call, settlement, Seen { took_ms: None, failed }).await
}

/// Books a call. Idempotent; a call that was already booked at its worst case is corrected once its usage is known.
pub(crate) async fn settle_seen(
    ports: &Ports,
    run: &Run,
    call: &CallId,
    settlement: Settlement,
    seen: Seen,
) -> Result<()> {
    let keys = Keys::of(run, call);
    let booked = Booked { keys: &keys, settlement, seen };
    if !booked.book(ports, &keys.of_money()).await? {
        // Its run has ended: what this corrects stands in the tenant's figures too.
        booked.book(ports, &keys.with_counters()).await?;
    }
    Ok(())
}

/// How a call is to be booked.
struct Booked<'a> {
    keys: &'a Keys,
    settlement: Settlement,
    seen: Seen,
}

impl Booked<'_> {
    /// Books it. False if the run has ended and its tenant's figures are not among `read`.
    async fn book(&self, ports: &Ports, read: &[Key]) -> Result<bool> {
        let Self { keys, settlement, seen } = self;
        transact(ports, read, |rows| {
            let (Some(charge), Some(purse)) = (rows.charge(&keys.charge), rows.purse(&keys.purse)) else {
                return Ok(Decision::Leave(true));
            };
            let (mut charge, mut purse) = (charge.clone(), purse.clone());
            let (state, cost, usage) = match *settlement {
                Settlement::Used(usage, cost) => (ChargeState::Settled, cost, usage),
                Settlement::NeverMade => (ChargeState::Void, NanoUsd::ZERO, Usage::default()),
                Settlement::Unknown => (ChargeState::Unsettled, charge.worst_case, Usage::default()),
            };
            let late = match (charge.state, state) {
                (ChargeState::Reserved, _) => false,
                (ChargeState::Unsettled, ChargeState::Settled | ChargeState::Void) => true,
                _ => return Ok(Decision::Leave(true)),
            };
            if purse.closed && !read.contains(&keys.counters) {
                return Ok(Decision::Leave(false));
            }
            let booked_before = if late { charge.worst_case } else { NanoUsd::ZERO };
            if late {
                purse.unsettled -= charge.worst_case;
            } else {
                purse.reserved -= charge.worst_case;
            }
            if state == ChargeState::Unsettled {
                purse.unsettled += charge.worst_case;
            }
            purse.spent += cost - booked_before;
            charge.state = state;
            charge.cost = cost;
            charge.usage = usage;
            charge.failed = charge.failed.or(seen.failed);
            charge.took_ms = charge.took_ms.or(seen.took_ms);
            let mut changes = Vec::new();
            if purse.closed {
                // The rest has gone back to the tenant already; what this corrects, it corrects there.
                changes.extend(correct_closed(rows, keys, &charge, cost - booked_before));
            } else {
                purse.available += charge.worst_case - cost;
            }
            changes.push(rows.put(keys.charge.clone(), Row::Charge(charge), None));
            changes.push(rows.put(keys.purse.clone(), Row::Purse(purse), None));
            Ok(Decision::Write(changes, true))
        })
        .await
    }
}

fn correct_closed(rows: &Rows, keys: &Keys, charge: &Charge, difference: NanoUsd) -> Vec<Change> {
    let mut changes = Vec::new();
    for key in &keys.budgets {
        if let Some(budget) = rows.budget(key) {
            let budget = Budget { spent: budget.spent + difference, ..budget.clone() };
            changes.push(rows.put(key.clone(), Row::Budget(budget), None));
        }
    }
    if let Some(run) = rows.run(&keys.run) {
        let run = Run { cost: run.cost + difference, ..run.clone() };
        changes.push(rows.put(keys.run.clone(), Row::Run(run), None));
    }
    let mut counters = rows.counters(&keys.counters).cloned().unwrap_or_default();
    figures::correct(&mut counters, charge, difference);
    changes.push(rows.put(keys.counters.clone(), Row::Counters(counters), None));
    changes
}

/// Books every call under way of a lost lease, or of any lease if `below_epoch` is `None`, at its worst case.
pub(crate) async fn book_lost_calls(ports: &Ports, run: &Run, step: Option<(&StepKey, u32)>) -> Result<()> {
    for charge in charges(ports, &run.key).await? {
        let lost = charge.state == ChargeState::Reserved
            && step.is_none_or(|(key, below)| charge.call.step == *key && charge.call.epoch < below);
        if lost {
            settle(ports, run, &charge.call, Settlement::Unknown).await?;
        }
    }
    Ok(())
}
