//! What a tenant may spend in a day and in a month: limits, draws, and who is told when.

use crate::calendar;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Budget, EventKind, NanoUsd, Purse, TenantId, TenantSettings};
use crate::ports::{Change, Key, Row, Settings};
use crate::transact::Rows;

/// A run draws at least this share of its cap at a time.
const SLICES: i64 = 8;
/// While calls of the same run are under way, what they do not use may still come back.
const MONEY_MAY_COME_BACK_MS: u64 = 3_000;
/// At so many percent a tenant is told.
const ALERT_PERCENT: [u8; 2] = [80, 100];

/// The budgets of a moment: its day's, its month's.
pub(crate) fn budgets(tenant: &TenantId, at_ms: u64) -> [Key; 2] {
    [calendar::day(at_ms), calendar::month(at_ms)].map(|window| Key::Budget(tenant.clone(), window))
}

/// The limits of a day and a month for a tenant with these settings.
pub(crate) fn own_limits(settings: &Settings, own: &TenantSettings) -> [Option<NanoUsd>; 2] {
    let day = own.daily_budget.unwrap_or(settings.daily_budget);
    [Some(day), own.monthly_budget.or(settings.monthly_budget)]
}

/// A tenant's day and month as they stand; what nobody has written yet is unspent.
pub(super) fn standing(settings: &Settings, rows: &Rows, keys: &[Key; 2]) -> [Budget; 2] {
    let limits = own_limits(settings, &TenantSettings::default());
    std::array::from_fn(|at| rows.budget(&keys[at]).cloned().unwrap_or_else(|| Budget::of(limits[at])))
}

/// Draws from the tenant what the purse lacks, a slice at a time.
pub(super) fn draw(
    rows: &Rows,
    keys: &[Key; 2],
    standing: [Budget; 2],
    purse: &mut Purse,
    amount: NanoUsd,
) -> Result<Vec<Change>> {
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
        let refused = refused("what is left of the run's cap");
        let may_come_back = lacking <= left_of_cap + purse.reserved;
        return Err(if may_come_back { refused.retry_after(MONEY_MAY_COME_BACK_MS) } else { refused });
    }
    let mut slice = lacking.max(NanoUsd(purse.cap.0 / SLICES)).min(left_of_cap);
    for (budget, name) in standing.iter().zip(["today's budget", "this month's budget"]) {
        if lacking > budget.left() {
            return Err(refused(&format!("what is left of {name}")));
        }
        slice = slice.min(budget.left());
    }
    purse.drawn += slice;
    purse.available += slice;
    let drawn = standing.into_iter().zip(keys).map(|(budget, key)| {
        let budget = Budget { allotted: budget.allotted + slice, ..budget };
        rows.put(key.clone(), Row::Budget(budget), None)
    });
    Ok(drawn.collect())
}

/// What a tenant must be told of a budget that has become this, each percentage once.
pub(crate) fn alerts(key: &Key, budget: &mut Budget) -> Vec<EventKind> {
    let (Key::Budget(_, window), Some(limit)) = (key, budget.limit) else {
        return Vec::new();
    };
    let (spent, told) = (budget.spent_percent(), budget.alerted_percent);
    let reached: Vec<u8> =
        ALERT_PERCENT.into_iter().filter(|percent| told < *percent && *percent <= spent).collect();
    budget.alerted_percent = reached.last().copied().unwrap_or(told);
    reached
        .into_iter()
        .map(|percent| EventKind::BudgetAlert { window: window.clone(), percent, spent: budget.spent, limit })
        .collect()
}
