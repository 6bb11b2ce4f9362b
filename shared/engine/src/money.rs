//! Money, decided by the store alone: a run draws slices of its tenant's budget, each call reserves its worst case
//! from the run's purse before it is made, and books its real cost after. A call whose caller was lost is booked at its
//! worst case and listed.

use crate::agent::ModelSpec;
use crate::error::{Error, ErrorKind, Result};
use crate::figures;
use crate::model::{Budget, CallId, Charge, ChargeState, NanoUsd, Purse, Run, RunKey, StepKey, Usage};
use crate::ports::{Change, Key, Ports, Range, Row};
use crate::transact::{Decision, Rows, list_all, transact};

/// A run draws at least this share of its cap at a time.
const SLICES: i64 = 8;

/// The budget window of a moment: its day, UTC, as `2026-11-22`.
pub fn window(at_ms: u64) -> String {
    const DAY_MS: u64 = 86_400_000;
    // Days to civil date, after Howard Hinnant's "chrono-compatible low-level date algorithms".
    let days = (at_ms / DAY_MS) as i64 + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// A call about to be made.
pub(crate) struct Reservation<'a> {
    pub(crate) call: &'a CallId,
    pub(crate) model: &'a ModelSpec,
    pub(crate) worst_case: NanoUsd,
}

/// Sets the worst case of a call aside. Idempotent by call.
///
/// Errors: `Budget` if run or tenant cannot cover it, `LeaseLost` if somebody else has the step, `Cancelled` if the run
/// takes no more calls.
pub(crate) async fn reserve(ports: &Ports, run: &Run, reservation: &Reservation<'_>) -> Result<()> {
    let Reservation { call, model, worst_case } = *reservation;
    let keys = Keys::of(run, call);
    let now = ports.clock.now_ms();
    transact(ports, &keys.with_step(), |rows| {
        if let Some(charge) = rows.charge(&keys.charge) {
            return match charge.state {
                ChargeState::Reserved => Ok(Decision::Leave(())),
                _ => Err(Error::new(ErrorKind::LeaseLost, "this call has already been closed")),
            };
        }
        let step = rows.step(&keys.step);
        if !step.is_some_and(|step| {
            step.result.is_none() && step.lease.as_ref().is_some_and(|lease| lease.epoch == call.epoch)
        }) {
            return Err(Error::new(ErrorKind::LeaseLost, "another worker has the step"));
        }
        let open = rows.run(&keys.run).is_some_and(|run| !run.cancel_requested && !run.status.is_final());
        let mut purse = match rows.purse(&keys.purse) {
            Some(purse) if open && !purse.closed => purse.clone(),
            _ => return Err(Error::new(ErrorKind::Cancelled, "the run takes no more calls")),
        };
        let mut changes = draw(ports, rows, &keys, &mut purse, worst_case)?;
        purse.available -= worst_case;
        purse.reserved += worst_case;
        let charge = Charge {
            call: call.clone(),
            model: model.id.clone(),
            workspace: run.workspace.clone(),
            state: ChargeState::Reserved,
            worst_case,
            cost: NanoUsd::ZERO,
            usage: Usage::default(),
            reserved_ms: now,
            provider: model.provider.clone(),
            failed: None,
            took_ms: None,
        };
        changes.push(rows.put(keys.purse.clone(), Row::Purse(purse), None));
        changes.push(rows.put(keys.charge.clone(), Row::Charge(charge), None));
        changes.push(rows.unchanged(keys.step.clone()));
        changes.push(rows.unchanged(keys.run.clone()));
        Ok(Decision::Write(changes, ()))
    })
    .await
}

/// Draws from the tenant what the purse lacks, a slice at a time.
fn draw(ports: &Ports, rows: &Rows, keys: &Keys, purse: &mut Purse, amount: NanoUsd) -> Result<Vec<Change>> {
    let lacking = amount - purse.available;
    if lacking <= NanoUsd::ZERO {
        return Ok(Vec::new());
    }
    let refused = |whose: &str| {
        Error::new(ErrorKind::Budget, format!("{whose} does not cover a call of up to {amount}"))
            .with("asked", amount)
    };
    let left_of_cap = purse.cap - purse.drawn;
    if lacking > left_of_cap {
        return Err(refused("what is left of the run's cap"));
    }
    let mut budget = rows.budget(&keys.budget).cloned().unwrap_or(Budget {
        limit: ports.settings.daily_budget,
        allotted: NanoUsd::ZERO,
        spent: NanoUsd::ZERO,
    });
    let left_of_budget = budget.limit - budget.allotted - budget.spent;
    if lacking > left_of_budget {
        return Err(refused("what is left of today's budget"));
    }
    let slice = lacking.max(NanoUsd(purse.cap.0 / SLICES)).min(left_of_cap).min(left_of_budget);
    purse.drawn += slice;
    purse.available += slice;
    budget.allotted += slice;
    Ok(vec![rows.put(keys.budget.clone(), Row::Budget(budget), None)])
}

/// What became of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Settlement {
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
pub(crate) async fn settle(ports: &Ports, run: &Run, call: &CallId, settlement: Settlement) -> Result<()> {
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
    if !booked.book(ports, &keys.without_step()).await? {
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
    if let Some(budget) = rows.budget(&keys.budget) {
        let budget = Budget { spent: budget.spent + difference, ..budget.clone() };
        changes.push(rows.put(keys.budget.clone(), Row::Budget(budget), None));
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

/// The ledger of a run.
pub async fn charges(ports: &Ports, run: &RunKey) -> Result<Vec<Charge>> {
    let rows = list_all(ports, &Range::Charges(run.clone())).await?;
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
    budget: Key,
    counters: Key,
}

impl Keys {
    fn of(run: &Run, call: &CallId) -> Self {
        Self {
            run: Key::Run(run.key.clone()),
            purse: Key::Purse(run.key.clone()),
            charge: Key::Charge(call.clone()),
            step: Key::Step(call.step.clone()),
            budget: Key::Budget(run.key.tenant.clone(), window(run.created_ms)),
            counters: figures::key(&run.key),
        }
    }

    fn with_step(&self) -> [Key; 5] {
        [self.run.clone(), self.purse.clone(), self.charge.clone(), self.step.clone(), self.budget.clone()]
    }

    fn without_step(&self) -> [Key; 4] {
        [self.run.clone(), self.purse.clone(), self.charge.clone(), self.budget.clone()]
    }

    fn with_counters(&self) -> [Key; 5] {
        let [run, purse, charge, budget] = self.without_step();
        [run, purse, charge, budget, self.counters.clone()]
    }
}

#[cfg(test)]
mod tests {
    use super::window;

    #[test]
    fn days_have_their_names() {
        for (at_ms, expected) in [
            (0, "1970-01-01"),
            (951_782_400_000, "2000-02-29"),
            (1_795_305_600_000 - 1, "2026-11-21"),
            (1_795_305_600_000, "2026-11-22"),
            (1_798_761_599_999, "2026-12-31"),
        ] {
            assert_eq!(window(at_ms), expected, "{at_ms}");
        }
    }
}
