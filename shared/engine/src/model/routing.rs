//! Which models a tenant's steps may use, what is learned of them, and how one of them came to be asked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::NanoUsd;

/// Which models a tenant's steps may use. A model is named as `model` or `provider/model`. What is empty limits nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelPolicy {
    /// Only these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allow: Vec<String>,
    /// None of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deny: Vec<String>,
    /// By the tier's name: the models that serve it for this tenant, best first, in place of those configured.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tiers: BTreeMap<String, Vec<String>>,
}

impl ModelPolicy {
    /// True if it limits nothing.
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}

/// How a model did at the steps of an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arm {
    /// Steps whose first answer could be used as it came.
    pub good: u32,
    /// Steps whose first answer had to be repaired, or that got none.
    pub bad: u32,
    /// What those steps' calls cost together.
    pub cost: NanoUsd,
    /// How long their calls took together, in milliseconds.
    pub took_ms: u64,
}

impl Arm {
    /// Beyond so many steps old ones fade, so that a model that changed behind its name is noticed.
    const FADES_FROM: u32 = 4_000;

    /// How many steps are known.
    pub fn steps(&self) -> u32 {
        self.good + self.bad
    }

    /// One more step.
    pub fn add(&mut self, at_once: bool, cost: NanoUsd, took_ms: u64) {
        self.good += u32::from(at_once);
        self.bad += u32::from(!at_once);
        self.cost = NanoUsd(self.cost.0.saturating_add(cost.0.max(0)));
        self.took_ms = self.took_ms.saturating_add(took_ms);
        if self.steps() > Self::FADES_FROM {
            // Rounded so that a model never looks better for it.
            self.good /= 2;
            self.bad = self.bad.div_ceil(2);
            self.cost.0 /= 2;
            self.took_ms /= 2;
        }
    }
}

/// A model as it was known when one of several was chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownArm {
    /// The model, as `provider/model`.
    pub model: String,
    /// What a usual call costs by its price; 0 where that is not known.
    pub usual_cost: NanoUsd,
    /// How it did.
    #[serde(flatten)]
    pub known: Arm,
}

/// Why a model was asked first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It is the tier's best, or the draw says it is the better buy.
    Best,
    /// It is shown to hold the floor of quality, and the draw says it is the better buy.
    HoldsTheFloor,
    /// Too little is known of it; a bounded share of steps finds out.
    Explored,
}

/// How the model of a step was chosen. With the step's own run, agent, item and attempt this gives the same choice again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Routing {
    /// The models there were, best first, as they were known.
    pub arms: Vec<KnownArm>,
    /// Which of them was asked first.
    pub picked: usize,
    /// Why.
    pub why: Why,
    /// Which of them gave the step its end, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<Answered>,
    /// Which of them their server would not take the request for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<usize>,
}

/// The model that gave a step its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// Which of the models there were.
    pub by: usize,
    /// Its first answer could be used as it came.
    pub at_once: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_steps_fade_and_a_model_that_changed_is_noticed() {
        let mut arm = Arm::default();
        (0..20_000).for_each(|step| arm.add(step % 100 > 0, NanoUsd(10), 5));
        assert!(arm.steps() <= Arm::FADES_FROM && arm.bad >= arm.steps() / 100, "{arm:?}");
        let mean = |arm: &Arm| arm.cost.0 as f64 / f64::from(arm.steps());
        assert!((mean(&arm) - 10.0).abs() < 0.1, "{arm:?}");
        (0..6_000).for_each(|step| arm.add(step % 2 > 0, NanoUsd(30), 5));
        assert!(f64::from(arm.good) / f64::from(arm.steps()) < 0.65 && mean(&arm) > 24.0, "{arm:?}");
    }
}
