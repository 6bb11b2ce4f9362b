//! How the run went: gaps, what each part rests on, steps, money.

use std::collections::{BTreeMap, BTreeSet};

use engine::model::{Basis, ChargeState, NanoUsd, ReasonCode, Status, StepKey, StepResult};

use crate::data::{self, Briefing, Risk};
use crate::report::{Report, agents, shown};
use crate::safe::safe;
use crate::words;

/// Agents without a sure result, for one reason.
pub(crate) struct GapView {
    /// Names for people, items counted.
    pub(crate) agents: Vec<String>,
    pub(crate) reason: String,
}

/// What some parts of the briefing rest on.
pub(crate) struct Part {
    pub(crate) names: Vec<&'static str>,
    pub(crate) basis: String,
}

/// One line of the steps.
pub(crate) struct StepView {
    pub(crate) role: String,
    pub(crate) item: Option<String>,
    pub(crate) status: Status,
    pub(crate) reason: Option<String>,
    pub(crate) basis: String,
    /// Prompt and answer tokens, of whatever kind.
    pub(crate) tokens: (u64, u64),
    pub(crate) cost: NanoUsd,
    pub(crate) duration_ms: u64,
    pub(crate) attempt: u32,
    pub(crate) warnings: Vec<String>,
}

/// The sums.
pub(crate) struct Totals {
    pub(crate) run_id: String,
    pub(crate) depth: &'static str,
    pub(crate) status: &'static str,
    pub(crate) created: String,
    pub(crate) duration: Option<String>,
    pub(crate) cost: String,
    pub(crate) cap: String,
    pub(crate) saved: Option<String>,
    pub(crate) unsettled: Option<String>,
    pub(crate) calls: usize,
    /// `12 ok`, `3 skipped`: only what occurs.
    pub(crate) statuses: Vec<String>,
    /// `5 by model x`, `12 by rules`, `2 from cache`: only what occurs.
    pub(crate) bases: Vec<String>,
    pub(crate) steps: usize,
}

/// What is said of a step that the run's end came before.
const NOT_REACHED: &str = "the run ended before this step did";

/// What is missing, grouped by reason: by step, and what the briefing reports of agents that ended well or never ran,
/// such as what an analyser cannot find in a language.
pub(super) fn gaps(report: &Report, briefing: &Briefing) -> Vec<GapView> {
    let mut by_agent: BTreeMap<(&str, String), usize> = BTreeMap::new();
    let mut order: Vec<(String, Vec<String>)> = Vec::new();
    for (key, result, _) in report.steps_by_name() {
        // That a run which failed has steps it did not come to goes without saying.
        let cut_off =
            report.run.failure.is_some() && result.reason().is_some_and(|why| why.contains(NOT_REACHED));
        if let Some(reason) = result.reason().filter(|_| !cut_off) {
            let status = if result.status() == Status::Failed { "failed: " } else { "" };
            let reason = format!("{status}{}", words::reason(&reason));
            *by_agent.entry((key.agent.as_str(), reason)).or_default() += 1;
        }
    }
    let unsure = report.steps.iter().filter(|(_, result, _)| result.reason().is_some());
    let explained: BTreeSet<&str> = unsure.map(|(key, ..)| key.agent.as_str()).collect();
    for gap in briefing.gaps.iter().filter(|gap| !explained.contains(gap.agent.as_str())) {
        by_agent.insert((gap.agent.as_str(), words::reason(&gap.reason)), 1);
    }
    for ((agent, reason), items) in by_agent {
        let name = words::role(agent);
        let name = if items > 1 { format!("{name} ({items} items)") } else { name };
        match order.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, agents)) => agents.push(name),
            None => order.push((reason, vec![name])),
        }
    }
    order.into_iter().map(|(reason, agents)| GapView { agents, reason }).collect()
}

/// What the parts rest on.
pub(super) fn parts(report: &Report) -> Vec<Part> {
    let no_model = |result: &StepResult| super::reason_code(result) == Some(ReasonCode::NoModel);
    let checks = if report.items(agents::CHECKS).all(|(_, result)| no_model(result)) {
        "evidence"
    } else {
        "verdicts"
    };
    // Where nothing was found and the language has no word list, nothing was looked for either.
    let risk: Risk = data::read(report.data(agents::RISK));
    let looked = !risk.cues.is_empty()
        || !risk.findings.is_empty()
        || risk.sourcing.is_none_or(|sourcing| sourcing.sourced_share.is_some());
    let named = [
        ("transcript", agents::TRANSCRIPT),
        ("topics and claims", agents::MAP),
        (checks, agents::CHECKS),
        ("risk cues", agents::RISK),
        ("briefing", agents::BRIEFING),
    ];
    let mut parts: Vec<Part> = Vec::new();
    for (name, agent) in named.into_iter().filter(|(_, agent)| looked || *agent != agents::RISK) {
        let with_data = report.items(agent).filter(|(_, result)| shown(result).is_some());
        let bases: BTreeSet<String> = with_data.map(|(_, result)| words::basis(result)).collect();
        let basis = bases.into_iter().collect::<Vec<String>>().join(" and ");
        match parts.iter_mut().find(|part| part.basis == basis) {
            Some(part) => part.names.push(name),
            None => parts.push(Part { names: vec![name], basis }),
        }
    }
    parts.retain(|part| !part.basis.is_empty());
    parts
}

/// The steps in the order in which they ended.
pub(super) fn steps(report: &Report) -> Vec<StepView> {
    let view = |(key, result, billed): &(StepKey, StepResult, NanoUsd)| {
        let usage = &result.meta.usage;
        StepView {
            role: words::role(key.agent.as_str()),
            item: (!key.item.is_none()).then(|| safe(key.item.as_str())),
            status: result.status(),
            reason: result.reason().map(|reason| words::reason(&reason)),
            basis: match result.status() {
                Status::Skipped => String::new(),
                _ => words::basis(result),
            },
            tokens: (usage.prompt_tokens(), usage.output_tokens.saturating_add(usage.reasoning_tokens)),
            cost: *billed,
            duration_ms: result.meta.duration_ms,
            attempt: result.meta.attempt,
            warnings: result.warnings.iter().map(|warning| safe(warning)).collect(),
        }
    };
    report.steps_by_end().into_iter().map(view).collect()
}

impl Totals {
    /// The sums of `report`.
    pub(super) fn of(report: &Report) -> Totals {
        let some = |amount: NanoUsd| (amount != NanoUsd::ZERO).then(|| words::dollars(amount));
        let statuses = [Status::Ok, Status::Uncertain, Status::Skipped, Status::Failed]
            .into_iter()
            .filter_map(|status| {
                let count = report.steps.iter().filter(|(_, result, _)| result.status() == status).count();
                (count > 0).then(|| format!("{count} {}", status.name()))
            });
        Totals {
            run_id: safe(report.run.key.run.as_str()),
            depth: report.run.depth.name(),
            status: words::run_status(report.run.status),
            created: words::date(report.run.created_ms),
            duration: report.duration_ms().map(words::seconds),
            cost: words::dollars(report.total()),
            cap: words::dollars(report.run.cap()),
            saved: some(report.saved()),
            unsettled: some(report.unsettled()),
            calls: report.charges.iter().filter(|charge| charge.state != ChargeState::Void).count(),
            statuses: statuses.collect(),
            bases: bases(report),
            steps: report.steps.len(),
        }
    }
}

fn bases(report: &Report) -> Vec<String> {
    let mut models: BTreeMap<String, usize> = BTreeMap::new();
    let (mut rules, mut cached) = (0, 0);
    for (_, result, _) in report.steps.iter().filter(|(_, result, _)| result.status() != Status::Skipped) {
        match result.meta.basis {
            Basis::Model => *models.entry(words::basis(result)).or_default() += 1,
            Basis::Deterministic => rules += 1,
            Basis::Cache { .. } => cached += 1,
        }
    }
    let mut bases: Vec<String> =
        models.into_iter().map(|(model, count)| format!("{count} by {model}")).collect();
    bases.extend((rules > 0).then(|| format!("{rules} by rules")));
    bases.extend((cached > 0).then(|| format!("{cached} from cache")));
    bases
}
