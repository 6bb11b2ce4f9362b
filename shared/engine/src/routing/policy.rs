//! The models a tier may use for a tenant.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{name_of, none_left};
use crate::agent::{ModelSpec, Tier};
use crate::error::{Error, ErrorKind, Result};
use crate::model::ModelPolicy;
use crate::ports::{Llm, Ports};

/// A policy names so many models at most, and so long names.
const MOST_NAMES: usize = 64;
const LONGEST_NAME_BYTES: usize = 200;

/// The models that may serve a tier.
#[derive(Clone, Debug)]
pub struct Candidates {
    /// Best first.
    pub models: Vec<Arc<ModelSpec>>,
    /// Which of them is asked first is learned; otherwise they are asked in this order.
    pub learns: bool,
}

/// The models that may serve a tier under a tenant's policy. Errors: `Configuration` if there are none, saying what is
/// configured.
pub fn candidates(llm: &dyn Llm, tier: Tier, policy: &ModelPolicy) -> Result<Candidates> {
    let (models, learns) = match policy.tiers.get(tier.name()) {
        None => (llm.candidates(tier), llm.learns(tier)),
        Some(names) => {
            let all = configured(llm);
            let of = |name: &String| all.iter().find(|model| is_named(model, name)).cloned();
            (names.iter().filter_map(of).collect(), names.len() > 1)
        }
    };
    if models.is_empty() && policy.is_empty() {
        return Err(none_left("no model serves this agent's tier".to_owned()));
    }
    let among = |names: &[String], model: &ModelSpec| names.iter().any(|name| is_named(model, name));
    let may = |model: &Arc<ModelSpec>| {
        (policy.allow.is_empty() || among(&policy.allow, model)) && !among(&policy.deny, model)
    };
    let models: Vec<Arc<ModelSpec>> = models.into_iter().filter(may).collect();
    if models.is_empty() {
        let what = format!(
            "the tenant's policy leaves no model of the {} tier; configured are {}",
            tier.name(),
            listed(&configured(llm))
        );
        return Err(none_left(what));
    }
    Ok(Candidates { models, learns })
}

/// Refuses a policy that names a tier or a model there is none of, or that leaves a tier some agent asks for without a model.
/// Where no model is linked, as in the functions that serve the API, nobody knows which are configured: any well-formed name of a
/// model passes there, and steps of a tier that the policy leaves nothing go by rules and say so.
///
/// Errors: `InvalidInput`, saying what is wrong, and what is configured where that is known.
pub fn check_policy(ports: &Ports, policy: &ModelPolicy) -> Result<()> {
    if policy.is_empty() {
        return Ok(());
    }
    let wrong = |what: String| Error::new(ErrorKind::InvalidInput, what);
    if let Some(tier) = policy.tiers.keys().find(|tier| Tier::from_name(tier).is_none()) {
        let known: Vec<&str> = Tier::ALL.into_iter().map(Tier::name).collect();
        return Err(wrong(format!("there is no tier `{tier}`; tiers are {}", known.join(", "))));
    }
    let names: Vec<&String> =
        policy.allow.iter().chain(&policy.deny).chain(policy.tiers.values().flatten()).collect();
    if names.len() > MOST_NAMES || names.iter().any(|name| name.len() > LONGEST_NAME_BYTES) {
        return Err(wrong(format!(
            "a policy names at most {MOST_NAMES} models, each in at most {LONGEST_NAME_BYTES} bytes"
        )));
    }
    if let Some(name) = names.iter().find(|name| !is_well_formed(name)) {
        return Err(wrong(format!("`{}` is no name of a model", name.escape_debug())));
    }
    let Some(llm) = &ports.model else {
        return Ok(());
    };
    let all = configured(llm.as_ref());
    if let Some(name) = names.into_iter().find(|name| all.iter().all(|model| !is_named(model, name))) {
        return Err(wrong(format!("there is no model `{name}`; configured are {}", listed(&all))));
    }
    let used: BTreeSet<Tier> = ports.catalogue.agents.iter().map(|agent| agent.tier).collect();
    for tier in used {
        candidates(llm.as_ref(), tier, policy).map_err(|error| wrong(error.message().to_owned()))?;
    }
    Ok(())
}

/// True if `name` is the model's id, or its provider's name and its id.
pub fn is_named(model: &ModelSpec, name: &str) -> bool {
    name == model.id || name == name_of(model)
}

/// What can be the name of a model, with or without its provider's.
fn is_well_formed(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|char| !char.is_whitespace() && !char.is_control())
}

/// Every model that serves some tier, each once.
fn configured(llm: &dyn Llm) -> Vec<Arc<ModelSpec>> {
    let mut all: Vec<Arc<ModelSpec>> = Vec::new();
    for model in Tier::ALL.into_iter().flat_map(|tier| llm.candidates(tier)) {
        if all.iter().all(|known| name_of(known) != name_of(&model)) {
            all.push(model);
        }
    }
    all
}

fn listed(models: &[Arc<ModelSpec>]) -> String {
    let names: Vec<String> = models.iter().map(|model| name_of(model)).collect();
    names.join(", ")
}
