//! The steps of a run while it works, for a person who waits: a pure state machine over the run's events. The caller
//! reads the clock and prints.
//!
//! On a terminal, [`Screen`] turns what [`LiveView`] draws into an in-place update; elsewhere [`LiveView::line`] gives
//! one plain line per event.

use std::collections::BTreeMap;

use engine::agent::Catalogue;
use engine::model::{AgentId, Basis, Depth, Event, EventKind, ItemId, NanoUsd, RunStatus, Status};
use render::{Style, Tone, safe, truncate, width_of};

mod draw;
mod plan;
mod screen;

pub use plan::{Group, Planned, plan};
pub use screen::Screen;

/// What is known of a run so far.
#[derive(Clone, Debug)]
pub struct LiveView {
    depth: Depth,
    style: Style,
    rows: Vec<Row>,
    started_ms: Option<u64>,
    cancelling: bool,
    finished: Option<(u64, RunStatus)>,
    delivered: Vec<String>,
    budget_alerts: Vec<String>,
}

/// An agent with the states of its items; an agent that runs once has one item.
#[derive(Clone, Debug)]
struct Row {
    planned: Planned,
    items: BTreeMap<ItemId, State>,
}

/// How a step stands.
#[derive(Clone, Debug, PartialEq)]
enum State {
    Running { since_ms: u64, attempt: u32 },
    Waiting { until_ms: u64, why: String },
    Ended { status: Status, reason: String, basis: Basis, cost: NanoUsd, duration_ms: u64 },
}

impl LiveView {
    /// The view of a run that has not begun, with its planned agents in order.
    pub fn new(depth: Depth, planned: Vec<Planned>, style: Style) -> LiveView {
        let row = |planned| Row { planned, items: BTreeMap::new() };
        LiveView {
            depth,
            style,
            rows: planned.into_iter().map(row).collect(),
            started_ms: None,
            cancelling: false,
            finished: None,
            delivered: Vec::new(),
            budget_alerts: Vec::new(),
        }
    }

    /// Takes in the next event of the run.
    pub fn apply(&mut self, event: &Event) {
        self.started_ms.get_or_insert(event.at_ms);
        match &event.kind {
            EventKind::Accepted => {}
            EventKind::StepStarted { agent, item, attempt } => {
                self.set(agent, item, State::Running { since_ms: event.at_ms, attempt: *attempt });
            }
            EventKind::StepDeferred { agent, item, after_ms, why, .. } => {
                let until_ms = event.at_ms.saturating_add(*after_ms);
                self.set(agent, item, State::Waiting { until_ms, why: render::reason(why) });
            }
            EventKind::StepFinished { agent, item, status, reason, basis, cost, duration_ms } => {
                let reason = reason.as_deref().map(render::reason).unwrap_or_default();
                let (status, basis, cost, duration_ms) = (*status, *basis, *cost, *duration_ms);
                self.set(agent, item, State::Ended { status, reason, basis, cost, duration_ms });
            }
            EventKind::BudgetAlert { window, percent, .. } => {
                self.budget_alerts.push(format!("{percent} % of the budget of {} spent", safe(window)));
            }
            EventKind::CancelRequested => self.cancelling = true,
            EventKind::Finished { status } => self.finished = Some((event.at_ms, *status)),
            EventKind::Delivered { channel } => self.delivered.push(safe(channel)),
        }
    }

    /// What the steps cost so far.
    pub fn cost(&self) -> NanoUsd {
        let states = self.rows.iter().flat_map(|row| row.items.values());
        states.map(|state| if let State::Ended { cost, .. } = state { *cost } else { NanoUsd::ZERO }).sum()
    }

    /// True once the run has ended.
    pub fn is_finished(&self) -> bool {
        self.finished.is_some()
    }

    fn set(&mut self, agent: &AgentId, item: &ItemId, state: State) {
        if !self.rows.iter().any(|row| row.planned.agent == *agent) {
            let planned = Planned::unknown(agent);
            self.rows.push(Row { planned, items: BTreeMap::new() });
        }
        if let Some(row) = self.rows.iter_mut().find(|row| row.planned.agent == *agent) {
            row.items.insert(item.clone(), state);
        }
    }

    fn elapsed_ms(&self, now_ms: u64) -> u64 {
        let now_ms = self.finished.map_or(now_ms, |(finished_ms, _)| finished_ms);
        now_ms.saturating_sub(self.started_ms.unwrap_or(now_ms))
    }
}

#[cfg(test)]
mod tests;
