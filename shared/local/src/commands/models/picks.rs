//! What each tier would ask now, and why.

use std::fmt::Write as _;
use std::sync::Arc;

use engine::agent::{ModelSpec, Tier};
use engine::error::Result;
use engine::model::{KnownArm, Learned, NanoUsd, TenantId};
use engine::ports::{Llm, Ports};
use engine::routing::{self, EXPLORED_SHARE, Standing};
use serde_json::{Value, json};

use super::Health;

/// For each tier what a tenant's steps would ask first, and why; where that is learned, for each agent of the tier of which
/// something is known. `health` says which providers are not asked for now.
pub(super) async fn of(
    ports: &Ports,
    llm: &dyn Llm,
    tenant: &TenantId,
    health: &Health,
) -> Result<Vec<Value>> {
    let policy = engine::tenant_settings(ports, tenant).await?.models;
    let learned = routing::learned(ports, tenant).await?;
    let mut picks = Vec::new();
    for tier in Tier::ALL {
        let candidates = match routing::candidates(llm, tier, &policy) {
            Ok(candidates) => candidates,
            Err(error) => {
                picks.push(json!({ "tier": tier.name(), "agent": "*", "model": Value::Null, "why": error.message() }));
                continue;
            }
        };
        let models = &candidates.models;
        let asked = models.iter().find(|model| !is_away(health, models, model));
        let why = match asked {
            None => "no provider of the tier is asked for now; steps wait".to_owned(),
            Some(model) if routing::name_of(model) != routing::name_of(&models[0]) => {
                format!("{} is not asked for now", routing::name_of(&models[0]))
            }
            Some(_) if models.len() == 1 => "the only one".to_owned(),
            Some(_) if candidates.learns => {
                format!(
                    "the best one, as long as none is shown to hold the floor; up to {:.0} % of an agent's steps try cheaper ones",
                    EXPLORED_SHARE * 100.0
                )
            }
            Some(_) => "the first in the order given".to_owned(),
        };
        picks.push(json!({ "tier": tier.name(), "agent": "*", "model": asked.map(|model| routing::name_of(model)), "why": why }));
        if candidates.learns && models.len() > 1 {
            let agents = ports.catalogue.agents.iter().filter(|agent| agent.tier == tier);
            picks.extend(agents.filter_map(|agent| {
                let arms = routing::known(&learned, agent, models);
                let (model, why) = of_agent(&arms, &learned)?;
                Some(json!({ "tier": tier.name(), "agent": agent.id, "model": model, "why": why }))
            }));
        }
    }
    Ok(picks)
}

/// What an agent's steps ask first, most of the time, and what is known of the models; `None` if nothing is.
fn of_agent(arms: &[KnownArm], learned: &Learned) -> Option<(String, String)> {
    if learned.arms.is_empty() || arms.iter().all(|arm| arm.known.steps() == 0) {
        return None;
    }
    let (standings, floor) = routing::standings(arms);
    let usable = |(place, standing): (usize, &Standing)| {
        matches!(standing, Standing::SetsTheFloor(_) | Standing::Holds(_)).then_some(place)
    };
    let each = |arm: &KnownArm| match arm.known.steps() {
        0 => arm.usual_cost.0,
        steps => arm.known.cost.0 / i64::from(steps),
    };
    let picked = standings.iter().enumerate().filter_map(usable).min_by_key(|place| each(&arms[*place]))?;
    let of_arm = |(arm, standing): (&KnownArm, &Standing)| {
        let said = match standing {
            Standing::SetsTheFloor(bounds) => {
                format!("sets the floor, {:.1} % at most", bounds.upper * 100.0)
            }
            Standing::Holds(bounds) => format!("holds it, {:.1} % at least", bounds.lower * 100.0),
            Standing::Under(bounds) => format!("is under it, {:.1} % at most", bounds.upper * 100.0),
            Standing::Unknown(bounds) => {
                format!("not known yet, {:.1} to {:.1} %", bounds.lower * 100.0, bounds.upper * 100.0)
            }
        };
        let steps = arm.known.steps();
        let known = match steps {
            0 => "no step".to_owned(),
            _ => format!(
                "{} of {steps} at once, {} and {} ms a step",
                arm.known.good,
                NanoUsd(each(arm)),
                arm.known.took_ms / u64::from(steps)
            ),
        };
        format!("{}: {known} ({said})", arm.model)
    };
    let models: Vec<String> = arms.iter().zip(&standings).map(of_arm).collect();
    Some((arms[picked].model.clone(), format!("floor {:.1} %; {}", floor * 100.0, models.join("; "))))
}

/// True if the provider of one of these models is not asked for now.
fn is_away(health: &Health, models: &[Arc<ModelSpec>], model: &ModelSpec) -> bool {
    let has_alternative = models.iter().any(|other| other.provider != model.provider);
    health.not_asked_for_ms(&model.provider, has_alternative) > 0
}

/// The same for people.
pub(super) fn table(picks: &[Value]) -> String {
    let mut text = String::new();
    if picks.is_empty() {
        return text;
    }
    let word = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    text.push_str("\nwhat steps ask first now, and why\n\n");
    for pick in picks {
        let of = match pick["agent"].as_str() {
            Some("*") | None => word(&pick["tier"]),
            Some(agent) => format!("  {agent}"),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{of:<34} {}: {}", render::safe(&word(&pick["model"])), word(&pick["why"]));
    }
    text
}

#[cfg(test)]
mod tests {
    use engine::model::Arm;

    use super::*;

    #[test]
    fn the_cheapest_that_holds_the_floor_is_picked_and_the_figures_say_why() {
        let arm = |model: &str, good, bad, each: i64| {
            let steps = good + bad;
            let known =
                Arm { good, bad, cost: NanoUsd(each * i64::from(steps)), took_ms: 900 * u64::from(steps) };
            KnownArm { model: model.to_owned(), usual_cost: NanoUsd(each), known }
        };
        let mut learned = Learned::default();
        learned.observe(&engine::model::AgentId::new("agent"), "a/dear", true, NanoUsd(1), 1);
        let check = |cheap: KnownArm, expected: &str, why: &str| {
            let (model, said) = of_agent(&[arm("a/dear", 600, 6, 9_000_000), cheap], &learned).unwrap();
            assert_eq!(model, expected);
            assert!(said.contains(why), "{said}");
        };
        check(
            arm("b/cheap", 600, 6, 900_000),
            "b/cheap",
            "600 of 606 at once, $0.0009 and 900 ms a step (holds it",
        );
        check(arm("b/cheap", 300, 100, 900_000), "a/dear", "is under it");
        check(arm("b/cheap", 10, 0, 900_000), "a/dear", "not known yet");
        assert_eq!(of_agent(&[arm("a/dear", 0, 0, 1)], &learned), None);
    }
}
