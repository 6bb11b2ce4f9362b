//! Which model is asked for a step.
//!
//! A tier is served by one model or more, best first; a tenant's policy narrows or replaces them. Where a tier was given more
//! than one, which is asked first is learned per agent: a Thompson draw over what steps cost and took and how often their first
//! answer could be used. The first model sets the floor. Another one is used only while it is shown, at 95 % confidence and
//! however often one looks, to give at least 0.95 of the first one's share of usable answers; a fifth of the steps at most finds
//! out about models of which that is not yet known, and none goes to a model that is shown to be worse.
//!
//! What is learned stands beside what is learned of calls' sizes, in one row per tenant, and is added when a run ends, in the
//! transaction that ends it: no row is written that was not written before. The draw follows from run, agent, item and attempt,
//! and the step's result keeps what was known then, so a choice can be made again.

mod bound;
mod choose;
mod draws;
mod policy;

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::agent::{AgentSpec, ModelSpec};
use crate::converse::usual_cost;
use crate::error::{Error, ErrorKind, Result};
use crate::lease::Claimed;
use crate::model::{Answered, KnownArm, Learned, NanoUsd, Routing, TenantId};
use crate::ports::{Key, Llm, Ports, Row};
use crate::transact::read;

pub use bound::Bounds;
pub use choose::{Choice, EXPLORED_SHARE, FLOOR, Standing, choose, standings};
pub use draws::Draws;
pub use policy::{Candidates, candidates, check_policy, is_named};

/// The models to ask for a step, in this order.
pub(crate) struct Route {
    pub(crate) models: Vec<Arc<ModelSpec>>,
    /// How the first of them was chosen, where that was not given.
    pub(crate) routing: Option<Routing>,
}

/// The models to ask for a step. Nothing is read where there is one only, or where their order was given.
///
/// Errors: `Configuration` if no model may be used.
pub(crate) async fn route(
    ports: &Ports,
    llm: &dyn Llm,
    claimed: &Claimed,
    spec: &AgentSpec,
) -> Result<Route> {
    let Candidates { mut models, learns } = candidates(llm, spec.tier, &claimed.run.models)?;
    if !learns || models.len() < 2 {
        return Ok(Route { models, routing: None });
    }
    let learned = match learned(ports, &claimed.run.key.tenant).await {
        Ok(learned) => learned,
        Err(error) => {
            tracing::warn!(%error, agent = %spec.id, "what is learned of models is not readable; the best is asked");
            return Ok(Route { models, routing: None });
        }
    };
    let arms = known(&learned, spec, &models);
    let key = &claimed.key;
    let mut draws = Draws::of(&key.run.run, &key.agent, &key.item, claimed.attempt);
    let Choice { picked, why } = choose(&mut draws, &arms);
    let first = models.remove(picked);
    models.insert(0, first);
    Ok(Route { models, routing: Some(Routing { arms, picked, why, answered: None, rejected: Vec::new() }) })
}

/// What a tenant's steps have taught of models.
pub async fn learned(ports: &Ports, tenant: &TenantId) -> Result<Learned> {
    Ok(match read(ports, &[Key::Learned(tenant.clone())]).await?.pop().flatten() {
        Some(Row::Learned(learned)) => learned,
        _ => Learned::default(),
    })
}

/// These models as an agent knows them.
pub fn known(learned: &Learned, spec: &AgentSpec, models: &[Arc<ModelSpec>]) -> Vec<KnownArm> {
    let arm = |model: &Arc<ModelSpec>| {
        let name = name_of(model);
        KnownArm {
            usual_cost: usual_cost(model).unwrap_or(NanoUsd::ZERO),
            known: learned.arm(&spec.id, &name).copied().unwrap_or_default(),
            model: name,
        }
    };
    models.iter().map(arm).collect()
}

/// The models of a choice that are shown to be under the floor.
pub(crate) fn under_floor(routing: &Routing) -> BTreeSet<String> {
    let (standings, _) = standings(&routing.arms);
    let under =
        routing.arms.iter().zip(standings).filter(|(_, standing)| matches!(standing, Standing::Under(_)));
    under.map(|(arm, _)| arm.model.clone()).collect()
}

/// A model's name with its provider's.
pub fn name_of(model: &ModelSpec) -> String {
    format!("{}/{}", model.provider, model.id)
}

/// Which of the models gave a step its end; `None` for one that was not among those chosen from.
pub(crate) fn answered(routing: &Routing, model: &ModelSpec, at_once: bool) -> Option<Answered> {
    place_of(routing, model).map(|by| Answered { by, at_once })
}

/// Which of the models chosen from this is; `None` if it was not among them.
pub(crate) fn place_of(routing: &Routing, model: &ModelSpec) -> Option<usize> {
    let name = name_of(model);
    routing.arms.iter().position(|arm| arm.model == name)
}

fn none_left(what: String) -> Error {
    Error::new(ErrorKind::Configuration, what)
}
