//! What was spent: the ledger, summed by what one asks for, and where the month is going.

mod forecast;

use std::collections::BTreeMap;
use std::ops::Add;

use serde::Serialize;

use crate::calendar;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Budget, Charge, ChargeState, NanoUsd, TenantId, Usage};
use crate::ports::{Key, Ports, Range, Row};
use crate::transact::read;

pub use forecast::{Forecast, forecast, is_unusual};

/// How many days before today a forecast looks at.
const DAYS_LOOKED_AT: u32 = 28;
const PAGE: usize = 500;

/// Days in UTC, both included, as `2026-11-22`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first.
    pub from: String,
    /// The last.
    pub to: String,
}

impl Period {
    /// So many days may be asked for at once.
    pub const MOST_DAYS: u64 = 400;

    /// From the first of the month of a moment to the day of that moment.
    pub fn month_to_date(at_ms: u64) -> Self {
        Self { from: format!("{}-01", calendar::month(at_ms)), to: calendar::day(at_ms) }
    }

    /// The months whose runs may have paid calls in it: a run of the evening before may still call after midnight.
    fn months(&self) -> Result<Vec<String>> {
        let wrong = || {
            let what =
                format!("{} to {} is no period of at most {} days", self.from, self.to, Self::MOST_DAYS);
            Error::new(ErrorKind::InvalidInput, what)
        };
        let first_ms = calendar::begin_of(&self.from).ok_or_else(wrong)?;
        let last_ms = calendar::begin_of(&self.to).ok_or_else(wrong)?;
        if last_ms < first_ms || (last_ms - first_ms) / calendar::DAY_MS >= Self::MOST_DAYS {
            return Err(wrong());
        }
        let days = (first_ms.saturating_sub(calendar::DAY_MS)..=last_ms).step_by(calendar::DAY_MS as usize);
        let mut months: Vec<String> = days.map(calendar::month).collect();
        months.dedup();
        Ok(months)
    }
}

/// What spending is summed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The day a call was made.
    Day,
    /// The run.
    Run,
    /// The agent.
    Agent,
    /// The model.
    Model,
    /// The run's label.
    Workspace,
}

impl By {
    /// All of them.
    pub const ALL: [By; 5] = [By::Day, By::Run, By::Agent, By::Model, By::Workspace];

    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            By::Day => "day",
            By::Run => "run",
            By::Agent => "agent",
            By::Model => "model",
            By::Workspace => "workspace",
        }
    }

    /// The one of that name.
    pub fn from_name(name: &str) -> Option<By> {
        By::ALL.into_iter().find(|by| by.name() == name)
    }

    fn of(self, charge: &Charge) -> String {
        match self {
            By::Day => calendar::day(charge.reserved_ms),
            By::Run => charge.call.step.run.run.to_string(),
            By::Agent => charge.call.step.agent.to_string(),
            By::Model => charge.model.clone(),
            By::Workspace => charge.workspace.clone(),
        }
    }
}

/// Paid calls, summed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Spending {
    /// How many calls were booked.
    pub calls: u64,
    /// What they cost; what nobody knows at its worst case.
    #[serde(rename = "cost_nano_usd")]
    pub cost: NanoUsd,
    /// How many of them are booked at their worst case, because their caller was lost.
    pub unsettled_calls: u64,
    /// The part of the cost that is.
    #[serde(rename = "unsettled_nano_usd")]
    pub unsettled: NanoUsd,
    /// Calls under way, and what is set aside for them; neither is in the cost.
    #[serde(rename = "reserved_nano_usd")]
    pub reserved: NanoUsd,
    /// Tokens of the calls whose usage is known.
    pub usage: Usage,
}

impl Spending {
    /// One more call.
    pub fn book(&mut self, charge: &Charge) {
        match charge.state {
            ChargeState::Void => return,
            ChargeState::Reserved => {
                self.reserved += charge.worst_case;
                return;
            }
            ChargeState::Unsettled => {
                self.unsettled_calls += 1;
                self.unsettled += charge.cost;
            }
            ChargeState::Settled => {}
        }
        self.calls += 1;
        self.cost += charge.cost;
        self.usage = self.usage + charge.usage;
    }
}

impl Add<&Spending> for Spending {
    type Output = Self;
    fn add(self, other: &Self) -> Self {
        Self {
            calls: self.calls + other.calls,
            cost: self.cost + other.cost,
            unsettled_calls: self.unsettled_calls + other.unsettled_calls,
            unsettled: self.unsettled + other.unsettled,
            reserved: self.reserved + other.reserved,
            usage: self.usage + other.usage,
        }
    }
}

/// Hands every paid call of a period to `each`, a page of the ledger at a time.
///
/// Errors: `InvalidInput` for what is no period; storage errors.
pub async fn for_each_call(
    ports: &Ports,
    tenant: &TenantId,
    period: &Period,
    mut each: impl FnMut(&Charge) + Send,
) -> Result<()> {
    for month in period.months()? {
        let range = Range::Ledger(tenant.clone(), month);
        let mut from = None;
        loop {
            let page = ports.store.list(&range, from.as_deref(), PAGE).await?;
            for (_, found) in &page.rows {
                let Row::Charge(charge) = &found.row else { continue };
                let day = calendar::day(charge.reserved_ms);
                if period.from <= day && day <= period.to {
                    each(charge);
                }
            }
            match page.next {
                Some(next) => from = Some(next),
                None => break,
            }
        }
    }
    Ok(())
}

/// The spending of a period, summed by `by`. Errors: as [`for_each_call`].
pub async fn spending(
    ports: &Ports,
    tenant: &TenantId,
    period: &Period,
    by: By,
) -> Result<BTreeMap<String, Spending>> {
    let mut sums: BTreeMap<String, Spending> = BTreeMap::new();
    for_each_call(ports, tenant, period, |charge| sums.entry(by.of(charge)).or_default().book(charge))
        .await?;
    Ok(sums)
}

/// How a tenant's budgets stand, and where its month is going.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Today, by name.
    pub today: (String, Budget),
    /// This month.
    pub month: (String, Budget),
    /// To the end of the month; `None` if too few days are known.
    pub forecast: Option<Forecast>,
    /// Today is beyond what the days before would let one expect; `None` if too few are known.
    pub is_unusual: Option<bool>,
}

/// The budgets of now. Runs that have not ended count by what they drew.
pub async fn standing(ports: &Ports, tenant: &TenantId) -> Result<Standing> {
    let now = ports.clock.now_ms();
    let settings = crate::access::tenant_settings(ports, tenant).await?;
    let limits = crate::money::own_limits(&ports.settings, &settings);
    let windows: Vec<String> = std::iter::once(calendar::month(now))
        .chain((0..=DAYS_LOOKED_AT).map(|days| calendar::day_before(now, days)))
        .collect();
    let keys: Vec<Key> = windows.iter().map(|window| Key::Budget(tenant.clone(), window.clone())).collect();
    let rows = read(ports, &keys).await?;
    let budget = |row: Option<&Row>, limit| match row {
        // What is stored is of the last run; what holds is said now.
        Some(Row::Budget(budget)) => Budget { limit, ..budget.clone() },
        _ => Budget::of(limit),
    };
    let day_limit = limits[0];
    let today = budget(rows[1].as_ref(), day_limit);
    let month = budget(rows[0].as_ref(), limits[1]);
    // Days before the first one that spent anything are not of this tenant's time.
    let mut before: Vec<NanoUsd> =
        rows[2..].iter().map(|row| budget(row.as_ref(), day_limit).spent).collect();
    while before.last() == Some(&NanoUsd::ZERO) {
        before.pop();
    }
    Ok(Standing {
        forecast: forecast(month.spent, today.spent, &before, calendar::day_of_month(now)),
        is_unusual: is_unusual(today.spent, &before),
        today: (windows[1].clone(), today),
        month: (windows[0].clone(), month),
    })
}
