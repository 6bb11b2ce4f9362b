//! The model's provider lists its models to this process's key, which costs nothing, and every tier that an agent asks for
//! has a model with a price.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::FutureExt as _;

use super::probe::Probe;
use super::{Check, Finding};
use crate::agent::{ModelSpec, Tier};
use crate::error::Result;

const NAME: &str = "llm_router";

pub(super) const CHECK: Check = Check {
    name: NAME,
    critical: false,
    about: "the provider lists its models to our key; every tier in use has a model with a known price; nothing is paid",
    run: |probe| check(probe).boxed(),
};

async fn check(probe: &Probe<'_>) -> Result<Finding> {
    let Some(model) = &probe.ports.model else {
        return Ok(Finding::unknown(
            "no model is configured: agents work by rules alone; set LLM_API_KEY or LLM_BASE_URL",
        ));
    };
    let tiers: BTreeSet<Tier> = probe.ports.catalogue.agents.iter().map(|agent| agent.tier).collect();
    let mut chosen: Vec<Arc<ModelSpec>> = Vec::new();
    for tier in &tiers {
        let candidates = model.candidates(*tier);
        let Some(first) = candidates.first() else {
            return Ok(Finding::fail(format!("no model serves the tier {}", tier.name())));
        };
        if candidates.iter().all(|candidate| candidate.price.is_none()) {
            let what =
                format!("no model of the tier {} has a known price, so its calls are refused", tier.name());
            return Ok(Finding::fail(what));
        }
        if !chosen.iter().any(|other| other.id == first.id) {
            chosen.push(first.clone());
        }
    }
    let Some(listed) = model.reachable().await? else {
        return Ok(Finding::unknown("this provider lists no models, so it cannot be asked without paying"));
    };
    if listed.is_empty() {
        return Ok(Finding::fail("the provider lists no model to our key"));
    }
    let finding = match chosen.iter().find(|model| !is_listed(&model.id, &listed)) {
        Some(missing) => {
            Finding::warn(format!("the provider does not list {}, which agents ask for", missing.id))
        }
        None => Finding::pass(format!(
            "{} models listed, {} tiers served at known prices",
            listed.len(),
            tiers.len()
        )),
    };
    Ok(finding.observed(listed.len() as f64, "models"))
}

/// Some servers list a model with its tag, `name:tag`, or under its publisher, and take it without.
fn is_listed(id: &str, listed: &[String]) -> bool {
    listed.iter().any(|other| {
        other == id || other.split(':').next() == Some(id) || other.rsplit('/').next() == Some(id)
    })
}
