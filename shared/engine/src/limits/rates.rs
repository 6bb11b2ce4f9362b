//! Which rates there are, and what a call weighs on each.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::ports::Take;

use super::window::MOST_UNITS;

/// The span of a rate per minute, in milliseconds.
pub const MINUTE_MS: u64 = 60_000;

/// A call under way counts this long at most: longer than any call may take. What a dead process had under way comes back then.
pub const AT_ONCE_SPAN_MS: u64 = 150_000;

/// The longest span of a rate, in milliseconds: a day.
const LONGEST_SPAN_MS: u64 = 86_400_000;

/// Whose rate it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// One tenant's, whatever it calls.
    Tenant,
    /// One agent's within its tenant.
    Agent,
    /// One model's, whoever calls.
    Model,
    /// One provider's, whoever calls.
    Provider,
    /// A key of the simple face.
    Key,
}

impl Scope {
    /// The name, as in a file of rates.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Tenant => "tenant",
            Scope::Agent => "agent",
            Scope::Model => "model",
            Scope::Provider => "provider",
            Scope::Key => "key",
        }
    }

    /// True if it is shared by all tenants.
    pub fn is_wide(self) -> bool {
        matches!(self, Scope::Model | Scope::Provider)
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// Calls.
    Requests,
    /// Tokens sent.
    InputTokens,
    /// Tokens that come back.
    OutputTokens,
    /// Calls under way.
    AtOnce,
}

impl Dimension {
    /// The name, as it stands in keys.
    pub fn name(self) -> &'static str {
        match self {
            Dimension::Requests => "requests",
            Dimension::InputTokens => "input_tokens",
            Dimension::OutputTokens => "output_tokens",
            Dimension::AtOnce => "at_once",
        }
    }
}

/// One rate: so many units in any span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Whose.
    pub scope: Scope,
    /// Of which tenant, agent, model or provider; `None` is each that has no rule of its own.
    pub of: Option<String>,
    /// Of what.
    pub dimension: Dimension,
    /// How much at most in a span.
    pub capacity: u64,
    /// The span, in milliseconds.
    pub span_ms: u64,
}

/// All rates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    rules: Vec<Rule>,
}

/// A rate as a limiter keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Whose.
    pub scope: Scope,
    /// Whose window: `tenant/acme`, `agent/acme/planner`, `model/gpt`, `provider/openai`, `key/...`.
    pub owner: Arc<str>,
    /// Of what.
    pub dimension: Dimension,
    /// How much at most in a span.
    pub capacity: u64,
    /// The span, in milliseconds.
    pub span_ms: u64,
}

/// What a call takes of a rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weight {
    /// The rate.
    pub limit: Limit,
    /// How much of it.
    pub units: u64,
}

impl Rates {
    /// Rates of these rules. Kind `Configuration` for one that could never admit anything, that is not exact, or that is
    /// there twice.
    pub fn new(rules: Vec<Rule>) -> Result<Self> {
        for (number, rule) in rules.iter().enumerate() {
            let of = rule.of.as_deref().unwrap_or("*");
            let wrong = |what: &str| {
                let (scope, dimension) = (rule.scope.name(), rule.dimension.name());
                Err(Error::new(
                    ErrorKind::Configuration,
                    format!("the rate of {scope} {of}, {dimension}: {what}"),
                ))
            };
            if rule.capacity == 0 {
                return wrong("a capacity of 0 admits nothing");
            }
            if rule.capacity > MOST_UNITS / 1_000 {
                return wrong("a capacity above 10^12 is no limit");
            }
            if !(1..=LONGEST_SPAN_MS).contains(&rule.span_ms) {
                return wrong("a span must be from 1 millisecond to a day");
            }
            let same = |other: &Rule| {
                (other.scope, &other.of, other.dimension) == (rule.scope, &rule.of, rule.dimension)
            };
            if rules[..number].iter().any(same) {
                return wrong("it is there twice");
            }
        }
        Ok(Self { rules })
    }

    /// So many calls a minute for each tenant and for each provider.
    pub fn requests_per_minute(tenant: u64, provider: u64) -> Result<Self> {
        let rule = |scope, capacity| Rule {
            scope,
            of: None,
            dimension: Dimension::Requests,
            capacity,
            span_ms: MINUTE_MS,
        };
        Self::new(vec![rule(Scope::Tenant, tenant), rule(Scope::Provider, provider)])
    }

    /// The rules.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// These rates with each capacity times `parts` in 10,000, rounded down; what is left of nothing admits nothing.
    pub fn part(&self, parts: u64) -> Self {
        let scaled =
            |rule: &Rule| Rule { capacity: rule.capacity.saturating_mul(parts) / 10_000, ..rule.clone() };
        Self { rules: self.rules.iter().map(scaled).collect() }
    }

    /// What a call weighs on each rate that holds for it. Kind `AboveCapacity` if it is heavier than a whole rate: no wait
    /// would help.
    pub fn weights(&self, take: &Take) -> Result<Vec<Weight>> {
        let name = |scope| match scope {
            Scope::Tenant => Some(take.tenant.as_str()),
            Scope::Agent => Some(take.agent.as_str()),
            Scope::Model => Some(take.model.as_str()),
            Scope::Provider => Some(take.provider.as_str()),
            Scope::Key => None,
        };
        let owner = |scope: Scope, name: &str| match scope {
            Scope::Agent => format!("agent/{}/{name}", take.tenant).into(),
            scope => format!("{}/{name}", scope.name()).into(),
        };
        let units = |dimension| match dimension {
            Dimension::Requests | Dimension::AtOnce => 1,
            Dimension::InputTokens => take.input_tokens,
            Dimension::OutputTokens => take.output_tokens,
        };
        let mut weights: Vec<Weight> = Vec::with_capacity(self.rules.len());
        for rule in &self.rules {
            let Some(name) = name(rule.scope) else { continue };
            if self.holds_for(rule, name) {
                let known = weights.iter().rfind(|weight| weight.limit.scope == rule.scope);
                let owner =
                    known.map_or_else(|| owner(rule.scope, name), |weight| weight.limit.owner.clone());
                weights.push(weight(rule, owner, units(rule.dimension))?);
            }
        }
        Ok(weights)
    }

    /// What so many tokens weigh on the rates of a key of the simple face. Errors: as [`Rates::weights`].
    pub fn key_weights(&self, key: &str, tokens: u64) -> Result<Vec<Weight>> {
        let rules = self.rules.iter().filter(|rule| rule.scope == Scope::Key && self.holds_for(rule, key));
        rules.map(|rule| weight(rule, format!("key/{key}").into(), tokens)).collect()
    }

    fn holds_for(&self, rule: &Rule, name: &str) -> bool {
        match &rule.of {
            Some(of) => of == name,
            None => !self.rules.iter().any(|other| {
                (other.scope, other.dimension, other.of.as_deref())
                    == (rule.scope, rule.dimension, Some(name))
            }),
        }
    }
}

fn weight(rule: &Rule, owner: Arc<str>, units: u64) -> Result<Weight> {
    let Rule { scope, dimension, capacity, span_ms, .. } = *rule;
    if units > capacity {
        let message =
            format!("{units} {} at once are more than {owner} ever has: {capacity}", dimension.name());
        return Err(Error::new(ErrorKind::AboveCapacity, message));
    }
    Ok(Weight { limit: Limit { scope, owner, dimension, capacity, span_ms }, units })
}

impl Limit {
    /// The name of its window: its owner's and what is counted.
    pub fn name(&self) -> String {
        format!("{}/{}", self.owner, self.dimension.name())
    }
}
