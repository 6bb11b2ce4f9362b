//! The decision after a paid call: what it cost, and where that is booked.

use super::{Keys, charges};
use crate::error::Result;
use crate::model::{Budget, CallId, ChargeState, NanoUsd, Run, StepKey, Usage};
use crate::ports::{Change, Ports, Row};
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

/// Books a call. Idempotent; a call that was already booked at its worst case is corrected once its usage is known.
pub async fn settle(ports: &Ports, run: &Run, call: &CallId, settlement: Settlement) -> Result<()> {
    let keys = Keys::of(run, call);
    let [day, month] = keys.budgets.clone();
    let read = [keys.run.clone(), keys.purse.clone(), keys.charge.clone(), day, month];
    transact(ports, &read, |rows| {
        let (Some(charge), Some(purse)) = (rows.charge(&keys.charge), rows.purse(&keys.purse)) else {
            return Ok(Decision::Leave(()));
        };
        let (mut charge, mut purse) = (charge.clone(), purse.clone());
        let (state, cost, usage) = match settlement {
            Settlement::Used(usage, cost) => (ChargeState::Settled, cost, usage),
            Settlement::NeverMade => (ChargeState::Void, NanoUsd::ZERO, Usage::default()),
            Settlement::Unknown => (ChargeState::Unsettled, charge.worst_case, Usage::default()),
        };
        let late = match (charge.state, state) {
            (ChargeState::Reserved, _) => false,
            (ChargeState::Unsettled, ChargeState::Settled | ChargeState::Void) => true,
            _ => return Ok(Decision::Leave(())),
        };
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
        let mut changes = Vec::new();
        if purse.closed {
            // The rest has gone back to the tenant already; what this corrects, it corrects there.
            changes.extend(correct_closed(rows, &keys, cost - booked_before));
        } else {
            purse.available += charge.worst_case - cost;
        }
        changes.push(rows.put(keys.charge.clone(), Row::Charge(charge), None));
        changes.push(rows.put(keys.purse.clone(), Row::Purse(purse), None));
        Ok(Decision::Write(changes, ()))
    })
    .await
}

fn correct_closed(rows: &Rows, keys: &Keys, difference: NanoUsd) -> Vec<Change> {
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
