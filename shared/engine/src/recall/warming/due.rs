//! A row that is due: the next use is forecast and, where that pays, a run is started that makes the answer ahead; or what was
//! forecast has not happened.

use super::uses::{count, due_ms, stored, unused};
use super::{WORKSPACE, forecast};
use crate::error::Result;
use crate::events;
use crate::figures;
use crate::model::{
    Budget, EventKind, Forecast, NanoUsd, OutboxMessage, Purse, Refresh, Run, RunId, RunKey, RunStatus,
    TenantSettings, Warmed, Warming, Warms,
};
use crate::money;
use crate::outbox;
use crate::ports::{Change, Key, Ports, Row};
use crate::start_run::{DEADLINE_GRACE_MS, new_ulid};
use crate::transact::{Decision, Rows, create, transact};

/// A run that makes an answer ahead ends after this long, or after its depth's time if that is less.
const DEADLINE_MS: u64 = 600_000;
/// Nothing is made ahead where so many percent of the tenant's day or month are spent or drawn, if it has no soft limit.
const SOFT_PERCENT: u8 = 80;
/// A run may spend so many times what the answer cost, or what was set aside for it if that is more.
const TIMES: i64 = 2;

/// What a decision about a row needs beside it.
struct Place<'a> {
    key: &'a Key,
    /// The run to be started.
    run: RunKey,
    origin: Key,
    counters: Key,
    settings: Key,
    budgets: [Key; 2],
    now_ms: u64,
}

/// Looks at a row that was listed as due.
pub(crate) async fn look_at(ports: &Ports, key: &Key, listed: &Warming) -> Result<()> {
    let tenant = &listed.step.run.tenant;
    let now_ms = ports.clock.now_ms();
    let run = RunKey { tenant: tenant.clone(), run: RunId::new(new_ulid(ports, now_ms)) };
    let place = Place {
        key,
        origin: Key::Run(listed.step.run.clone()),
        counters: figures::key(&run),
        settings: Key::Settings(tenant.clone()),
        budgets: money::budgets(tenant, now_ms),
        run,
        now_ms,
    };
    let mut keys = vec![key.clone(), place.origin.clone(), place.counters.clone(), place.settings.clone()];
    keys.extend(place.budgets.clone());
    let begins = transact(ports, &keys, |rows| {
        let due = stored(rows, key).filter(|row| due_ms(row).is_some_and(|due_ms| due_ms <= now_ms));
        Ok(match due {
            // Whoever was faster has seen to it, or the answer was used since.
            Some(row) if row.step == listed.step => place.decide(ports, rows, row),
            _ => Decision::Leave(false),
        })
    })
    .await?;
    if begins {
        outbox::send_named(ports, &place.run, outbox::START).await?;
    }
    Ok(())
}

impl Place<'_> {
    /// What becomes of a due row, and whether a run begins.
    fn decide(&self, ports: &Ports, rows: &Rows, row: &Warming) -> Decision<bool> {
        let mut warmed = Warmed::default();
        if let Some(forecast) = row.forecast {
            unused(forecast, &mut warmed);
            let changes = [rows.delete(self.key.clone())].into_iter();
            return Decision::Write(changes.chain(count(rows, &self.counters, warmed)).collect(), false);
        }
        if row.fresh_until_ms <= self.now_ms {
            // Nobody looked in time: there is nothing to forecast before the next use.
            return Decision::Write(vec![rows.put(self.key.clone(), Row::Warming(row.clone()), None)], false);
        }
        let mut forecast = self.forecast(row);
        warmed.forecasts = 1;
        warmed.expected_permille = forecast.permille.into();
        let mut changes = Vec::new();
        if self.pays(ports, row, forecast) {
            match self.begin(ports, rows, row) {
                Some(Begins::Run(run)) => {
                    forecast.refresh = Refresh::Begun;
                    changes.extend(run);
                }
                Some(Begins::Nothing) => warmed.spared = 1,
                None => {}
            }
        }
        let begins = !changes.is_empty();
        let expires_ms = row.expires_ms.max(forecast.closes_ms + DEADLINE_MS);
        let row = Warming { forecast: Some(forecast), expires_ms, ..row.clone() };
        let due_ms = due_ms(&row);
        changes.push(rows.put(self.key.clone(), Row::Warming(row), due_ms));
        changes.extend(count(rows, &self.counters, warmed));
        Decision::Write(changes, begins)
    }

    fn forecast(&self, row: &Warming) -> Forecast {
        let since = |at_ms: u64| at_ms.saturating_sub(row.last_use_ms);
        let closes_ms = self.now_ms + row.fresh_ms;
        let (waited_ms, opens_ms) = (since(self.now_ms), since(row.fresh_until_ms));
        let chance = forecast::chance(&row.gaps_ms, waited_ms, opens_ms, since(closes_ms));
        let gap_ms = forecast::expected_gap_ms(&row.gaps_ms, waited_ms);
        Forecast {
            next_ms: row.last_use_ms.saturating_add(gap_ms),
            opens_ms: row.fresh_until_ms,
            closes_ms,
            permille: (chance * 1_000.0) as u16,
            refresh: Refresh::None,
        }
    }

    fn pays(&self, ports: &Ports, row: &Warming, forecast: Forecast) -> bool {
        let chance = f64::from(forecast.permille) / 1_000.0;
        forecast::pays(chance, row.took_ms, ports.settings.waiting_hour.0, row.cost.0)
    }

    /// What starts a run that makes the answer ahead; `None` if the tenant's money is not for that.
    fn begin(&self, ports: &Ports, rows: &Rows, row: &Warming) -> Option<Begins> {
        let own = match rows.get(&self.settings) {
            Some(Row::Settings(own)) => own.clone(),
            _ => TenantSettings::default(),
        };
        let most = row.most.max(NanoUsd(row.cost.0.saturating_mul(TIMES)));
        let cap = ports.settings.run_cap_of(&own).map_or(most, |cap| cap.min(most));
        if !self.may_spend(ports, rows, &own, cap) {
            return None;
        }
        let Some(origin) = rows.run(&self.origin) else {
            return Some(Begins::Nothing);
        };
        let run = Run {
            key: self.run.clone(),
            workspace: WORKSPACE.to_owned(),
            cap: Some(cap),
            catalogue_version: ports.catalogue.version.clone(),
            created_ms: self.now_ms,
            deadline_ms: self.now_ms + DEADLINE_MS.min(origin.depth.deadline_ms()),
            status: RunStatus::Running,
            cancel_requested: false,
            failure: None,
            finished_ms: None,
            cost: NanoUsd::ZERO,
            saved: NanoUsd::ZERO,
            trace: None,
            models: own.models.clone(),
            warms: Some(Warms { step: row.step.clone(), entry: row.entry.clone() }),
            ..origin.clone()
        };
        let due_ms = Some(run.deadline_ms + DEADLINE_GRACE_MS);
        let purse = Purse { cap, soft: own.soft_limit, ..Purse::default() };
        let mut changes = vec![
            create(Key::Run(self.run.clone()), Row::Run(run), due_ms),
            create(Key::Purse(self.run.clone()), Row::Purse(purse), None),
            outbox::put(&self.run, outbox::START, OutboxMessage::Start, self.now_ms),
        ];
        changes.extend(events::append(rows, &self.run, self.now_ms, vec![EventKind::Accepted]));
        Some(Begins::Run(changes))
    }

    /// Whether the tenant's day and month are under their soft limit, and cover it.
    fn may_spend(&self, ports: &Ports, rows: &Rows, own: &TenantSettings, cap: NanoUsd) -> bool {
        let percent = own.soft_limit.map_or(SOFT_PERCENT, |soft| soft.percent);
        let limits = money::own_limits(&ports.settings, own);
        self.budgets.iter().zip(limits).all(|(key, limit)| {
            let budget = Budget { limit, ..rows.budget(key).cloned().unwrap_or_default() };
            budget.committed_percent() < percent && budget.left() >= cap
        })
    }
}

/// What comes of an answer that should be made ahead.
enum Begins {
    Run(Vec<Change>),
    /// The run that used it last is gone, and what it was given with it.
    Nothing,
}
