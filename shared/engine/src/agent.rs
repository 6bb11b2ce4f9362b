//! The typed view of the catalogue: what an agent is, and what models there are. The data lives in crate `catalogue`,
//! which parses and validates it; the engine only reads it.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::model::{AgentId, Depth, NanoUsd, Price};
use crate::recall::compress::DroppableShare;
use crate::recall::vectors::Threshold;
use crate::schema::{AnswerSchema, Compiled, Fault};

/// The agents and models a process works with, immutable once loaded.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// A digest of everything in it; runs are pinned to it.
    pub version: String,
    /// The agents, by number.
    pub agents: Vec<Arc<AgentSpec>>,
    /// The models, in order of preference.
    pub models: Vec<Arc<ModelSpec>>,
    /// For so many days a price that was read may be reckoned with.
    pub prices_hold_days: u32,
}

impl Catalogue {
    /// The agent of that id.
    pub fn agent(&self, id: &AgentId) -> Option<&Arc<AgentSpec>> {
        self.agents.iter().find(|agent| agent.id == *id)
    }

    /// The agent that plans: the one that is given the plan's facts.
    pub fn planner(&self) -> Option<&Arc<AgentSpec>> {
        self.agents.iter().find(|agent| agent.facts.contains(&Fact::Plan))
    }

    /// The agent that writes the briefing: the last one a run cannot do without.
    pub fn curator(&self) -> Option<&Arc<AgentSpec>> {
        self.agents.iter().rfind(|agent| !agent.dispensable)
    }

    /// The rule by which another agent runs once per item of `agent`'s results.
    pub fn fanned_out_by(&self, agent: &AgentId) -> Option<&FanOut> {
        self.agents.iter().filter_map(|other| other.fan_out.as_ref()).find(|fan_out| fan_out.over == *agent)
    }

    /// The model of that provider-side id.
    pub fn model(&self, id: &str) -> Option<&Arc<ModelSpec>> {
        self.models.iter().find(|model| model.id == id)
    }
}

/// One row of the catalogue with its prompt and schema.
#[derive(Clone, Debug)]
pub struct AgentSpec {
    /// Its id.
    pub id: AgentId,
    /// Its number, from 1.
    pub number: u32,
    /// Its title.
    pub role: String,
    /// What it is for.
    pub goal: String,
    /// The queue and function that run it.
    pub profile: Profile,
    /// The least depth that includes it.
    pub depth: Depth,
    /// Agents that must have succeeded.
    pub needs: Vec<AgentId>,
    /// Agents that are waited for and dispensable.
    pub uses: Vec<AgentId>,
    /// Facts beyond other agents' results.
    pub facts: BTreeSet<Fact>,
    /// The fields a model answers; all others come from the analyser.
    pub answer: Vec<String>,
    /// Tools a model may call.
    pub tools: Vec<String>,
    /// The deterministic analyser, if it has one.
    pub analyser: Option<String>,
    /// What kind of model it asks for.
    pub tier: Tier,
    /// What it can do without a model, for people.
    pub without_model: String,
    /// False if a run without its result has no briefing.
    pub dispensable: bool,
    /// Set if it runs once per item of another agent's result.
    pub fan_out: Option<FanOut>,
    /// What the engine does with its data after it is stored.
    pub effects: Vec<Effect>,
    /// Fields which, if equal, make two answers the same.
    pub same_answer: Vec<String>,
    /// Bounds of one step.
    pub limits: StepLimits,
    /// What may be recalled.
    pub cache: CachePolicy,
    /// Its prompt says the words of sources shorter, without a change of meaning, and how much that may take of a text. Such an
    /// agent's answer has no words verbatim.
    pub shortens: Option<DroppableShare>,
    /// The sampling temperature.
    pub temperature: f64,
    /// The prompt.
    pub prompt: Prompt,
    /// The JSON schema of its data.
    pub schema: Value,
    /// The digest of prompt and schema.
    pub prompt_version: String,
    /// What a model is asked for, made when first used; leave it at its default.
    pub answer_schema: OnceLock<AnswerSchema>,
    /// The compiled schemas, made when first used; leave it at its default.
    pub compiled: OnceLock<Result<Compiled, String>>,
}

fn does_not_compile(why: &str) -> Vec<String> {
    vec![format!("the schema itself does not compile: {why}")]
}

fn told(faults: &[Fault]) -> Vec<String> {
    faults.iter().map(Fault::to_string).collect()
}

impl AgentSpec {
    /// Whether an answer of its may be recalled by the meaning of what was asked.
    pub fn compares_by_meaning(&self) -> bool {
        self.cache.exact && self.cache.semantic_text.is_some() && !self.same_answer.is_empty()
    }

    /// True if `depth` includes it.
    pub fn is_in(&self, depth: Depth) -> bool {
        depth >= self.depth
    }

    /// What a model is asked for: the data schema with the `answer` fields only.
    pub fn answer_schema(&self) -> &AnswerSchema {
        self.answer_schema.get_or_init(|| AnswerSchema::new(&self.schema, &self.answer))
    }

    /// The compiled data and answer schemas.
    ///
    /// # Errors
    ///
    /// What is wrong with them, in words.
    pub fn compiled(&self) -> Result<&Compiled, &str> {
        let compiled = self.compiled.get_or_init(|| Compiled::new(&self.schema, self.answer_schema()));
        compiled.as_ref().map_err(String::as_str)
    }

    /// What is wrong with its data, at most five findings; empty if nothing is. Schemas that do not compile accept nothing.
    pub fn data_faults(&self, data: &Value) -> Vec<String> {
        self.compiled().map_or_else(does_not_compile, |compiled| told(&compiled.data.faults(data)))
    }

    /// What is wrong with a model's answer, as with [its data](Self::data_faults).
    pub fn answer_faults(&self, answer: &Value) -> Vec<String> {
        self.compiled().map_or_else(does_not_compile, |compiled| told(&compiled.answer.faults(answer)))
    }

    /// The agents whose results it is given: needs, then uses.
    pub fn inputs(&self) -> impl Iterator<Item = &AgentId> {
        self.needs.iter().chain(&self.uses)
    }
}

/// A prompt: what the system message says, and the user message with its `{{variables}}`.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// The system message.
    pub system: String,
    /// The user message, variables unfilled.
    pub user: String,
}

/// The queue and function that run an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Profile {
    /// A language model only.
    Light,
    /// Tools that reach outside.
    Tools,
    /// Meaning-based recall and memory.
    Semantic,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Profile; 3] = [Profile::Light, Profile::Tools, Profile::Semantic];

    /// The name in the catalogue.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Light => "light",
            Profile::Tools => "tools",
            Profile::Semantic => "semantic",
        }
    }

    /// The profile of that name.
    pub fn from_name(name: &str) -> Option<Profile> {
        Profile::ALL.into_iter().find(|profile| profile.name() == name)
    }
}

/// What kind of model an agent asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Cheap and quick.
    Fast,
    /// The usual.
    Standard,
    /// The best there is.
    Strong,
    /// Reads images.
    Vision,
    /// Hears.
    Speech,
}

impl Tier {
    /// Every tier.
    pub const ALL: [Tier; 5] = [Tier::Fast, Tier::Standard, Tier::Strong, Tier::Vision, Tier::Speech];

    /// The name in the catalogue.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Fast => "fast",
            Tier::Standard => "standard",
            Tier::Strong => "strong",
            Tier::Vision => "vision",
            Tier::Speech => "speech",
        }
    }

    /// The tier of that name.
    pub fn from_name(name: &str) -> Option<Tier> {
        Tier::ALL.into_iter().find(|tier| tier.name() == name)
    }
}

/// Something an agent is given that is no other agent's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// The depth, the caps and the agents there are.
    Plan,
    /// What the platform says of the source.
    Source,
    /// The raw content.
    Content,
    /// Earlier runs of the tenant, newest first.
    History,
    /// How this run went so far.
    RunReport,
}

impl Fact {
    /// Every fact.
    pub const ALL: [Fact; 5] = [Fact::Plan, Fact::Source, Fact::Content, Fact::History, Fact::RunReport];

    /// The name in the catalogue and in prompts.
    pub fn name(self) -> &'static str {
        match self {
            Fact::Plan => "plan",
            Fact::Source => "source",
            Fact::Content => "content",
            Fact::History => "history",
            Fact::RunReport => "run_report",
        }
    }

    /// The fact of that name.
    pub fn from_name(name: &str) -> Option<Fact> {
        Fact::ALL.into_iter().find(|fact| fact.name() == name)
    }
}

/// What the engine does with an agent's data once it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Keeps the data's `record` in the tenant's memory.
    Remember,
    /// Compares the data's `sketch` with those of earlier runs, and notes which were on another version of the content.
    Compare,
}

impl Effect {
    /// Every effect.
    pub const ALL: [Effect; 2] = [Effect::Remember, Effect::Compare];

    /// The name in the catalogue.
    pub fn name(self) -> &'static str {
        match self {
            Effect::Remember => "remember",
            Effect::Compare => "compare",
        }
    }

    /// The effect of that name.
    pub fn from_name(name: &str) -> Option<Effect> {
        Effect::ALL.into_iter().find(|effect| effect.name() == name)
    }
}

/// Runs an agent once per item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FanOut {
    /// The agent whose data holds the items.
    pub over: AgentId,
    /// The field that holds them.
    pub field: String,
    /// The field of an item that is its id.
    pub id: String,
}

/// Bounds of one step.
#[derive(Clone, Copy, Debug)]
pub struct StepLimits {
    /// Model turns, tool turns included.
    pub turns: u32,
    /// Output tokens of one call.
    pub output_tokens: u64,
    /// Money of one step.
    pub cost: NanoUsd,
}

/// What may be recalled instead of asked again.
#[derive(Clone, Debug)]
pub struct CachePolicy {
    /// Whether the exact level is used.
    pub exact: bool,
    /// Whether the compressed level is used, and what compression may take of a text at most.
    pub compressed: Option<DroppableShare>,
    /// For how long an answer holds.
    pub ttl_seconds: u64,
    /// The field of the baseline whose meaning decides, for the semantic level.
    pub semantic_text: Option<String>,
    /// The field of the baseline that lists passages found for that text; those that do not bear on it may differ.
    pub passages: Option<String>,
    /// How alike two such texts must be.
    pub threshold: Threshold,
}

/// A model: where it is, what it can take, what it costs.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSpec {
    /// The id its provider knows it by.
    pub id: String,
    /// The provider's name.
    pub provider: String,
    /// The tiers it serves.
    pub tiers: Vec<Tier>,
    /// How many tokens it takes in all.
    pub context_tokens: u64,
    /// How many it gives at most.
    pub max_output_tokens: u64,
    /// What it costs; `None` is unknown, and refused under a hard cap.
    pub price: Option<Price>,
    /// The date of the price, and where it is from.
    pub price_source: String,
    /// The day the price was read, as `2026-11-22`; `None` for one its operator declared, which does not age.
    pub price_as_of: Option<String>,
}
