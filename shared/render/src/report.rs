//! What a rendering is made from.

use engine::error::{Error, ErrorKind, Result};
use engine::ledger_view;
use engine::model::{AgentId, Charge, ItemId, NanoUsd, Run, RunKey, StepKey, StepResult, Usage};
use engine::ports::Ports;
use serde_json::Value;

/// The agents whose data the renderings show, by id.
pub mod agents {
    /// Takes stock of the source.
    pub const SOURCE: &str = "acquisition_specialist";
    /// Makes the transcript.
    pub const TRANSCRIPT: &str = "transcription_engineer";
    /// Finds topics and claims.
    pub const MAP: &str = "analysis_cartographer";
    /// Checks claims, one item per claim.
    pub const CHECKS: &str = "verification_director";
    /// Counts named risk cues.
    pub const RISK: &str = "risk_intelligence_analyst";
    /// Writes the briefing.
    pub const BRIEFING: &str = "intelligence_briefing_curator";
    /// Writes posts.
    pub const POSTS: &str = "community_liaison";
    /// Writes adaptations per platform.
    pub const ADAPTATIONS: &str = "content_generation_specialist";
    /// Says how the run went.
    pub const RELIABILITY: &str = "system_reliability_officer";
}

/// A run with everything a rendering needs, as plain data.
#[derive(Clone, Debug)]
pub struct Report {
    /// The run.
    pub run: Run,
    /// Every step that has a result: which, the result with its data, and what the ledger billed it.
    pub steps: Vec<(StepKey, StepResult, NanoUsd)>,
    /// The run's ledger rows.
    pub charges: Vec<Charge>,
}

impl Report {
    /// A run with all its results and its ledger. Errors: `NotFound`, storage errors.
    pub async fn load(ports: &Ports, key: &RunKey) -> Result<Report> {
        let run = engine::load_run(ports, key)
            .await?
            .ok_or_else(|| Error::new(ErrorKind::NotFound, format!("there is no run {}", key.run)))?;
        let charges = engine::charges(ports, key).await?;
        let costs = ledger_view::cost_by_step(&charges);
        let mut steps = Vec::new();
        for step in ledger_view::steps(ports, key).await? {
            if let Some(result) = ledger_view::result_of(ports, &step).await? {
                let cost = costs.get(&step.key).copied().unwrap_or(NanoUsd::ZERO);
                steps.push((step.key, result, cost));
            }
        }
        let number = |agent: &AgentId| ports.catalogue.agent(agent).map_or(u32::MAX, |spec| spec.number);
        steps.sort_by_key(|(key, ..)| (number(&key.agent), key.item.clone()));
        Ok(Report { run, steps, charges })
    }

    /// The result of an agent that runs once.
    pub fn result(&self, agent: &str) -> Option<&StepResult> {
        let mut results =
            self.steps.iter().filter(|(key, ..)| key.agent.as_str() == agent && key.item.is_none());
        results.next().map(|(_, result, _)| result)
    }

    /// The data of an agent that runs once, sure or not; see [`Report::result`] for which.
    pub fn data(&self, agent: &str) -> Option<&Value> {
        self.result(agent).and_then(shown)
    }

    /// The results of an agent, item by item, in the order of the report.
    pub fn items(&self, agent: &str) -> impl Iterator<Item = (&ItemId, &StepResult)> {
        let of_agent = move |(key, ..): &&(StepKey, StepResult, NanoUsd)| key.agent.as_str() == agent;
        self.steps.iter().filter(of_agent).map(|(key, result, _)| (&key.item, result))
    }

    /// The briefing as the curating agent left it, sure or not.
    pub fn briefing(&self) -> Option<&Value> {
        self.data(agents::BRIEFING)
    }

    /// The bill: every row of the ledger, unsettled ones at their worst case.
    pub fn total(&self) -> NanoUsd {
        self.charges.iter().map(|charge| charge.cost).sum()
    }

    /// The part of the bill that is booked at worst case.
    pub fn unsettled(&self) -> NanoUsd {
        ledger_view::unsettled(&self.charges)
    }

    /// What stored answers saved.
    pub fn saved(&self) -> NanoUsd {
        self.steps.iter().map(|(_, result, _)| result.meta.saved).sum()
    }

    /// The tokens of all steps.
    pub fn usage(&self) -> Usage {
        self.steps.iter().fold(Usage::default(), |sum, (_, result, _)| sum + result.meta.usage)
    }

    /// From acceptance to the end, in milliseconds; `None` while it runs.
    pub fn duration_ms(&self) -> Option<u64> {
        self.run.finished_ms.map(|finished_ms| finished_ms.saturating_sub(self.run.created_ms))
    }

    /// The steps by agent, and items of one agent in the order of their numbers (`c2` before `c10`).
    pub fn steps_by_name(&self) -> Vec<&(StepKey, StepResult, NanoUsd)> {
        let mut steps: Vec<_> = self.steps.iter().collect();
        steps.sort_by_key(|(key, ..)| (key.agent.clone(), natural(key.item.as_str())));
        steps
    }

    /// The steps in the order in which they ended.
    pub fn steps_by_end(&self) -> Vec<&(StepKey, StepResult, NanoUsd)> {
        let mut steps = self.steps_by_name();
        steps.sort_by_key(|(_, result, _)| result.meta.finished_ms);
        steps
    }
}

/// What a result has to show, sure or not.
pub(super) fn shown(result: &StepResult) -> Option<&Value> {
    result.ok().or_else(|| result.uncertain())
}

/// A sort key that puts numbers in names into their own order.
fn natural(name: &str) -> (String, u64, String) {
    let start = name.find(|letter: char| letter.is_ascii_digit()).unwrap_or(name.len());
    let number = name[start..].parse().unwrap_or(u64::MAX);
    (name[..start].to_owned(), number, name.to_owned())
}
