//! What would cost less, and how much that is: measured, with its number of samples and what it was read from.
//!
//! | kind | about | what is measured | unknown under |
//! |---|---|---|---|
//! | `cache` | all agents | what a stored answer saved on the mean, times those that lack to the target of the hit rate | 30 stored answers, 100 look-ups |
//! | `model` | an agent of which several models were tried | what its dearer model costs more a step than one that holds the floor of quality, times the share of steps it still got | 20 steps of each, and bounds that tell |
//! | `prompt` | an agent without tools | what its calls beyond one a step cost: answers that did not fit | 30 steps |
//! | `agent` | an agent | what its steps cost whose result is not sure | 30 steps |
//! | `budget` | a depth | how much less a run that runs away could spend under a cap of three times the dearest run | 20 runs |

use serde::Serialize;
use serde_json::json;

use super::{Evidence, TARGET_HIT_RATE_PERCENT, percent, usd};
use crate::agent::{AgentSpec, Catalogue};
use crate::model::{Arm, Counters, Depth, Learned, NanoUsd, Usual};
use crate::routing::Bounds;

const LEAST_HITS: u64 = 30;
const LEAST_LOOKUPS: u64 = 100;
const LEAST_STEPS: u64 = 30;
const LEAST_TRIED: u64 = 20;
const LEAST_RUNS: u64 = 20;
const CENT: NanoUsd = NanoUsd(10_000_000);
/// What would save less than this part of its cost is not advised.
const LEAST_PART: f64 = 0.05;

/// What a saving is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Stored answers.
    Cache,
    /// Which model an agent asks.
    Model,
    /// What an agent asks.
    Prompt,
    /// Whether an agent is worth its money.
    Agent,
    /// What runs may spend.
    Budget,
}

/// What comes of looking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Advised {
    /// There is something to save.
    Yes,
    /// There is nothing worth it.
    No,
    /// Too little is known.
    Unknown,
}

/// Something that may cost less.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Saving {
    /// What it is about.
    pub kind: Kind,
    /// The agent, its depth, or `all`.
    pub subject: String,
    /// Whether it is advised.
    pub advised: Advised,
    /// What to do, or what is lacking to say, for people.
    pub advice: String,
    /// What is expected to be saved in a thousand runs, steps or runaways, in dollars; `None` where it is not known.
    pub usd_per_1000: Option<f64>,
    /// Of what a thousand: `runs`, `steps` or `runaways`.
    pub per: &'static str,
    /// How many samples say so.
    pub samples: u64,
    /// Under so many nothing is said.
    pub needed: u64,
    /// What it was read from.
    pub evidence: Evidence,
}

/// What a tenant's ended runs say about what would cost less: those that save most first, then what is not known.
///
/// `run_cap` is what one run of the tenant may spend, where it set less than depths allow.
pub fn savings(
    counters: &Counters,
    learned: &Learned,
    catalogue: &Catalogue,
    run_cap: Option<NanoUsd>,
) -> Vec<Saving> {
    let mut savings = vec![cache(counters)];
    for agent in &catalogue.agents {
        let usual = learned.steps.get(agent.id.as_str());
        savings.extend(usual.filter(|_| agent.tools.is_empty()).map(|usual| prompt(agent, usual)));
        savings.extend(usual.map(|usual| worth(agent, usual, counters)));
        savings.extend(model(agent, learned));
    }
    for depth in Depth::ALL {
        savings.extend(learned.runs.get(depth.name()).map(|usual| budget(depth, usual, run_cap)));
    }
    let worth = |saving: &Saving| match saving.advised {
        Advised::Yes => saving.usd_per_1000.unwrap_or_default(),
        _ => -1.0,
    };
    savings.retain(|saving| saving.advised != Advised::No);
    savings.sort_by(|one, other| worth(other).total_cmp(&worth(one)));
    savings
}

/// A saving before what comes of it.
struct Draft {
    kind: Kind,
    subject: String,
    per: &'static str,
    samples: u64,
    needed: u64,
    query: String,
    values: serde_json::Value,
}

impl Draft {
    /// Under the least number of samples nothing is said; what saves less than a twentieth of `of` is not advised.
    fn with(self, save_usd: f64, of_usd: f64, advice: String) -> Saving {
        let Self { kind, subject, per, samples, needed, query, values } = self;
        let is_known = samples >= needed;
        let advised = match is_known {
            false => Advised::Unknown,
            true if save_usd > of_usd * LEAST_PART => Advised::Yes,
            true => Advised::No,
        };
        let advice =
            if is_known { advice } else { format!("unknown: {samples} samples of {needed} that it takes") };
        let usd_per_1000 = is_known.then_some(save_usd * 1_000.0);
        let evidence = Evidence { query, values };
        Saving { kind, subject, advised, advice, usd_per_1000, per, samples, needed, evidence }
    }
}

fn cache(counters: &Counters) -> Saving {
    let (hits, lookups): (u64, u64) = (counters.cache_hits.values().sum(), counters.recall_lookups);
    let runs = counters.runs.values().sum::<u64>().max(1);
    let each = usd(counters.saved) / hits.max(1) as f64;
    let lacking = (lookups as f64 * TARGET_HIT_RATE_PERCENT / 100.0 - hits as f64).max(0.0);
    let is_enough = hits >= LEAST_HITS && lookups >= LEAST_LOOKUPS;
    let draft = Draft {
        kind: Kind::Cache,
        subject: "all".to_owned(),
        per: "runs",
        samples: if is_enough { lookups } else { lookups.min(LEAST_LOOKUPS - 1) },
        needed: LEAST_LOOKUPS,
        query: "(.counters.saved / ([.counters.cache_hits[]] | add)) / 1e9".to_owned(),
        values: json!({ "saved_nano_usd": counters.saved, "cache_hits": hits, "recall_lookups": lookups, "runs": runs }),
    };
    let advice = format!(
        "a stored answer saved ${each:.5} on the mean over {hits}; {lacking:.0} of {lookups} look-ups more would have to find one for \
         {TARGET_HIT_RATE_PERCENT:.0} %. Leave stored answers on and run equal content under the same depth and models"
    );
    draft.with(lacking * each / runs as f64, usd(counters.net_cost()) / runs as f64, advice)
}

/// Calls beyond one a step, where no tool asks for them, are answers that did not fit.
fn prompt(agent: &AgentSpec, usual: &Usual) -> Saving {
    let (steps, calls) = (u64::from(usual.count), usual.calls.max(1));
    let more = calls.saturating_sub(steps);
    let mean = usd(usual.mean());
    let advice = format!(
        "{} makes {:.2} calls a step and has no tools: {:.0} % of its calls ask again for an answer that did not fit. Say in its \
         prompt what its schema asks for, or give it a model that keeps to schemas",
        agent.id,
        calls as f64 / steps.max(1) as f64,
        percent(more, calls).unwrap_or_default()
    );
    of_agent(Kind::Prompt, agent, usual).with(mean * more as f64 / calls as f64, mean, advice)
}

/// Steps whose result is not sure cost what the others cost.
fn worth(agent: &AgentSpec, usual: &Usual, counters: &Counters) -> Saving {
    let of =
        |status: &str| counters.steps.get(&format!("{}/{status}", agent.id)).copied().unwrap_or_default();
    let (ok, others) = (of("ok"), of("uncertain") + of("failed"));
    let share = others as f64 / (ok + others).max(1) as f64;
    let mean = usd(usual.mean());
    let advice = format!(
        "{} costs {} a step and {:.0} % of its results are uncertain or failed: a lower depth leaves it out, or a stronger tier may serve \
         it better",
        agent.id,
        usual.mean(),
        share * 100.0
    );
    let mut draft = of_agent(Kind::Agent, agent, usual);
    draft.values["ok"] = json!(ok);
    draft.values["uncertain_or_failed"] = json!(others);
    // A fifth of unsure results is no reason to leave an agent out.
    let save = if share > 0.2 { mean * share } else { 0.0 };
    draft.with(save, mean, advice)
}

fn of_agent(kind: Kind, agent: &AgentSpec, usual: &Usual) -> Draft {
    Draft {
        kind,
        subject: agent.id.to_string(),
        per: "steps",
        samples: u64::from(usual.count),
        needed: LEAST_STEPS,
        query: format!(".learned.steps[\"{}\"]", agent.id),
        values: json!({ "steps": usual.count, "calls": usual.calls, "cost_nano_usd": usual.cost }),
    }
}

/// The dearest and the cheapest model that an agent's steps were given to; `None` if there were not two.
fn model(agent: &AgentSpec, learned: &Learned) -> Option<Saving> {
    let start = format!("{}/", agent.id);
    let mut arms: Vec<(&str, &Arm)> =
        learned.arms.iter().filter_map(|(name, arm)| Some((name.strip_prefix(&start)?, arm))).collect();
    arms.retain(|(_, arm)| arm.steps() > 0);
    let each = |arm: &Arm| arm.cost.0 as f64 / 1e9 / f64::from(arm.steps().max(1));
    arms.sort_by(|one, other| each(one.1).total_cmp(&each(other.1)));
    let ((cheap, of_cheap), (dear, of_dear)) = (*arms.first()?, *arms.last().filter(|_| arms.len() > 1)?);
    let bounds = |arm: &Arm| Bounds::of(arm.good, arm.bad, 0.025);
    let floor = crate::routing::FLOOR * bounds(of_dear).upper;
    let (lower, upper) = (bounds(of_cheap).lower, bounds(of_cheap).upper);
    let samples = u64::from(of_cheap.steps().min(of_dear.steps()));
    let holds = lower >= floor;
    let draft = Draft {
        kind: Kind::Model,
        subject: agent.id.to_string(),
        per: "steps",
        // As long as the bounds do not tell, no number of steps is enough.
        samples: if holds || upper < floor { samples } else { samples.min(LEAST_TRIED - 1) },
        needed: LEAST_TRIED,
        query: format!(".learned.arms | with_entries(select(.key | startswith(\"{start}\")))"),
        values: json!({ cheap: of_cheap, dear: of_dear }),
    };
    // What learning which model to ask gives the cheap one already is no saving any more.
    let all: u32 = arms.iter().map(|(_, arm)| arm.steps()).sum();
    let share = f64::from(of_dear.steps()) / f64::from(all.max(1));
    let advice = format!(
        "{cheap} gives {} usable answers at once in at least {:.1} % of its steps, over the floor of {:.1} %, at ${:.5} a step against \
         ${:.5} of {dear}, which got {:.0} % of them: name it first for the tier",
        agent.id,
        lower * 100.0,
        floor * 100.0,
        each(of_cheap),
        each(of_dear),
        share * 100.0
    );
    let save = if holds { share * (each(of_dear) - each(of_cheap)) } else { 0.0 };
    let mean = arms.iter().map(|(_, arm)| usd(arm.cost)).sum::<f64>() / f64::from(all.max(1));
    Some(draft.with(save, mean, advice))
}

/// A cap that no run needs saves nothing until one runs away. One under a cent is not advised: it would stop every run that pays.
fn budget(depth: Depth, usual: &Usual, run_cap: Option<NanoUsd>) -> Saving {
    let may = run_cap.map_or(depth.cap(), |cap| cap.min(depth.cap()));
    let thrice = usual.most.0.saturating_mul(3);
    // In whole cents, as it is told.
    let enough = thrice.saturating_add(CENT.0 - 1) / CENT.0;
    let enough = usd(NanoUsd(enough * CENT.0));
    let cap = usd(may);
    let save = if thrice < CENT.0 { 0.0 } else { (cap - enough).max(0.0) };
    let advice = format!(
        "no {} run of {} cost more than {}, and one may spend {}: a run cap of ${enough:.2} would stop what runs away sooner",
        depth.name(),
        usual.count,
        NanoUsd(usual.most.0),
        may
    );
    let draft = Draft {
        kind: Kind::Budget,
        subject: depth.name().to_owned(),
        per: "runaways",
        samples: u64::from(usual.count),
        needed: LEAST_RUNS,
        query: format!(".learned.runs[\"{}\"]", depth.name()),
        values: json!({ "runs": usual.count, "most_nano_usd": usual.most, "cap_nano_usd": may }),
    };
    draft.with(save, cap, advice)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn usual(count: u32, calls: u64, cents: i64) -> Usual {
        let cost = NanoUsd(cents * 10_000_000 * i64::from(count));
        Usual { count, calls, cost, most: NanoUsd(cents * 20_000_000) }
    }

    fn arm(good: u32, bad: u32, cents: i64) -> Arm {
        Arm { good, bad, cost: NanoUsd(cents * 10_000_000 * i64::from(good + bad)), took_ms: 1 }
    }

    /// A catalogue of one agent without tools.
    fn catalogue() -> Catalogue {
        let house = crate::scenarios::house::House::new(None, None);
        let mut catalogue = Catalogue::clone(&house.ports.catalogue);
        catalogue.agents.truncate(1);
        std::sync::Arc::make_mut(&mut catalogue.agents[0]).tools.clear();
        catalogue
    }

    fn check(counters: &Counters, learned: &Learned, expected: &[(Kind, Advised, Option<f64>)]) {
        let found = savings(counters, learned, &catalogue(), Some(NanoUsd::from_usd(1)));
        let short: Vec<_> = found
            .iter()
            .map(|saving| {
                (saving.kind, saving.advised, saving.usd_per_1000.map(|usd| (usd * 100.0).round() / 100.0))
            })
            .collect();
        assert_eq!(short, expected, "{found:#?}");
        for saving in &found {
            assert_eq!(saving.advised == Advised::Unknown, saving.samples < saving.needed, "{saving:?}");
            assert_eq!(
                saving.advised == Advised::Unknown,
                saving.advice.starts_with("unknown"),
                "{saving:?}"
            );
            assert!(!saving.evidence.query.is_empty());
        }
    }

    #[test]
    fn each_kind_is_advised_by_its_own_cause_and_unknown_of_too_few() {
        let agent = "planner".to_owned();
        let steps = |usual: Usual| Learned { steps: [(agent.clone(), usual)].into(), ..Learned::default() };
        let none = (Kind::Cache, Advised::Unknown, None);
        check(&Counters::default(), &Learned::default(), &[none]);

        let recalled = Counters {
            runs: [("complete".to_owned(), 100)].into(),
            cache_hits: [("l1".to_owned(), 400)].into(),
            recall_lookups: 1_000,
            saved: NanoUsd::from_usd(4),
            cost: NanoUsd::from_usd(10),
            ..Counters::default()
        };
        // 450 answers more, a cent each, over a hundred runs.
        check(&recalled, &Learned::default(), &[(Kind::Cache, Advised::Yes, Some(45.0))]);

        // 40 of 140 calls were for answers that did not fit; a step costs two cents.
        check(
            &Counters::default(),
            &steps(usual(100, 140, 2)),
            &[(Kind::Prompt, Advised::Yes, Some(5.71)), none],
        );
        check(&Counters::default(), &steps(usual(100, 101, 2)), &[none]);
        let few = [none, (Kind::Prompt, Advised::Unknown, None), (Kind::Agent, Advised::Unknown, None)];
        check(&Counters::default(), &steps(usual(29, 60, 2)), &few);

        let unsure = Counters {
            steps: BTreeMap::from([(format!("{agent}/ok"), 60), (format!("{agent}/uncertain"), 40)]),
            ..Counters::default()
        };
        check(&unsure, &steps(usual(100, 100, 2)), &[(Kind::Agent, Advised::Yes, Some(8.0)), none]);

        let tried = |cheap: Arm| Learned {
            arms: [(format!("{agent}/p/cheap"), cheap), (format!("{agent}/p/dear"), arm(600, 6, 10))].into(),
            ..Learned::default()
        };
        check(&Counters::default(), &tried(arm(600, 6, 1)), &[(Kind::Model, Advised::Yes, Some(45.0)), none]);
        // Two thirds of the steps go to the cheap one already.
        check(
            &Counters::default(),
            &tried(arm(1200, 12, 1)),
            &[(Kind::Model, Advised::Yes, Some(30.0)), none],
        );
        check(&Counters::default(), &tried(arm(30, 0, 1)), &[none, (Kind::Model, Advised::Unknown, None)]);
        check(&Counters::default(), &tried(arm(300, 100, 1)), &[none]);

        let runs = |count, cents| Learned {
            runs: [("quick".to_owned(), usual(count, 9, cents))].into(),
            ..Learned::default()
        };
        // The dearest cost four cents of the fifty it might have.
        check(&Counters::default(), &runs(40, 2), &[(Kind::Budget, Advised::Yes, Some(380.0)), none]);
        check(&Counters::default(), &runs(40, 10), &[none]);
        check(&Counters::default(), &runs(19, 2), &[none, (Kind::Budget, Advised::Unknown, None)]);
        // A free model, and one that costs less than a cent in the dearest of runs.
        check(&Counters::default(), &runs(40, 0), &[none]);
        let most = NanoUsd(3_000_000);
        let tiny = Usual { count: 40, calls: 40, cost: NanoUsd(40_000_000), most };
        let learned = Learned { runs: [("quick".to_owned(), tiny)].into(), ..Learned::default() };
        check(&Counters::default(), &learned, &[none]);
        // A cap under the depth's own is what runs may spend.
        let found = |run_cap| savings(&Counters::default(), &runs(40, 2), &catalogue(), run_cap);
        let saved = |run_cap: Option<i64>| {
            let found = found(run_cap.map(|cents| NanoUsd(cents * 10_000_000)));
            let of_budget = found.iter().find(|saving| saving.kind == Kind::Budget)?;
            of_budget.usd_per_1000.map(f64::round)
        };
        assert_eq!(
            [None, Some(20), Some(12), Some(900)].map(saved),
            [Some(380.0), Some(80.0), None, Some(380.0)]
        );
    }
}
