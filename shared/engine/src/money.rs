//! Money, decided by the store alone: a run draws slices of its tenant's budgets, each call reserves its worst case
//! from the run's purse before it is made, and books its real cost after. A call whose caller was lost is booked at its
//! worst case and listed.
//!
//! `reserve` is the one decision before a call: which price holds, how much output is covered, and whether run, day and month
//! can pay for it. `settle` is the one after it.

mod budget;
mod reserve;
mod settle;

use crate::error::Result;
use crate::figures;
use crate::model::{CallId, Charge, Run, RunKey};
use crate::ports::{Key, Ports, Range, Row};
use crate::transact::list_all;

pub(crate) use budget::{alerts, budgets, own_limits};
pub use reserve::{Ask, Decided, Grant, reserve};
pub(crate) use reserve::{circuit_of, is_covered};
pub(crate) use settle::book_lost_calls;
pub(crate) use settle::{Seen, settle_seen};
pub use settle::{Settlement, settle};

/// The ledger of a run.
pub async fn charges(ports: &Ports, run: &RunKey) -> Result<Vec<Charge>> {
    charges_in(ports, &Range::Charges(run.clone())).await
}

/// The paid calls of a listing.
pub(crate) async fn charges_in(ports: &Ports, range: &Range) -> Result<Vec<Charge>> {
    let rows = list_all(ports, range).await?;
    Ok(rows
        .into_iter()
        .filter_map(|(_, versioned)| match versioned.row {
            Row::Charge(charge) => Some(charge),
            _ => None,
        })
        .collect())
}

/// The rows a call's money lives in.
struct Keys {
    run: Key,
    purse: Key,
    charge: Key,
    step: Key,
    budgets: [Key; 2],
    counters: Key,
}

impl Keys {
    fn of(run: &Run, call: &CallId) -> Self {
        Self {
            run: Key::Run(run.key.clone()),
            purse: Key::Purse(run.key.clone()),
            charge: Key::Charge(call.clone()),
            step: Key::Step(call.step.clone()),
            budgets: budgets(&run.key.tenant, run.created_ms),
            counters: figures::key(&run.key),
        }
    }

    /// What a booking reads of a run that has not ended.
    fn of_money(&self) -> [Key; 5] {
        let [day, month] = self.budgets.clone();
        [self.run.clone(), self.purse.clone(), self.charge.clone(), day, month]
    }

    fn with_counters(&self) -> [Key; 6] {
        let [run, purse, charge, day, month] = self.of_money();
        [run, purse, charge, day, month, self.counters.clone()]
    }
}
