//! What a step leaves behind.
//!
//! `Skipped` and `Uncertain` let the flow go on, but they are variants of their own: the data of an uncertain result
//! can only be reached by asking for it by that name, and a skipped one has none.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{AgentId, ItemId, NanoUsd, RecallNote, Routing, RunId, Usage};
use crate::error::{Error, ErrorKind, Severity};

mod wire;

/// The version of the stored layout. This version and the one before stay readable.
pub const STEP_RESULT_VERSION: u32 = 2;

/// The result of one step.
#[derive(Clone, Debug, PartialEq)]
pub struct StepResult {
    /// How it ended, with what belongs to that end.
    pub outcome: Outcome,
    /// What a reader should know about a result that stands.
    pub warnings: Vec<String>,
    /// How it came about.
    pub meta: Meta,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The agent's data, valid by its schema.
    Ok(Value),
    /// Nothing was done, for a reason.
    Skipped(Reason),
    /// Something was done, but it cannot be relied on; the data is what there is.
    Uncertain {
        /// Why.
        reason: Reason,
        /// What there is, valid by the agent's schema; not to be used as if it were sure.
        data: Option<Value>,
    },
    /// It failed.
    Failed(StepError),
}

/// The four ends of a step, without their content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// See [`Outcome::Ok`].
    Ok,
    /// See [`Outcome::Skipped`].
    Skipped,
    /// See [`Outcome::Uncertain`].
    Uncertain,
    /// See [`Outcome::Failed`].
    Failed,
}

impl Status {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Skipped => "skipped",
            Status::Uncertain => "uncertain",
            Status::Failed => "failed",
        }
    }
}

/// Why a step was skipped or is uncertain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// For the machine.
    pub code: ReasonCode,
    /// For people; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// The reasons, for the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonCode {
    /// It needs a model and none is configured.
    NoModel,
    /// The plan leaves it out.
    NotPlanned,
    /// An agent it needs has no usable result.
    MissingInput,
    /// The run was cancelled.
    Cancelled,
    /// The content has nothing for it.
    NotApplicable,
    /// The content is too poor to say anything.
    UnusableContent,
    /// The money set aside did not cover it.
    Budget,
    /// The model's answer stayed invalid after one repair.
    InvalidOutput,
    /// The model declined.
    Refused,
    /// The model could not be reached in time.
    ModelUnavailable,
    /// The evidence does not decide it.
    NoEvidence,
}

impl ReasonCode {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            ReasonCode::NoModel => "no_model",
            ReasonCode::NotPlanned => "not_planned",
            ReasonCode::MissingInput => "missing_input",
            ReasonCode::Cancelled => "cancelled",
            ReasonCode::NotApplicable => "not_applicable",
            ReasonCode::UnusableContent => "unusable_content",
            ReasonCode::Budget => "budget",
            ReasonCode::InvalidOutput => "invalid_output",
            ReasonCode::Refused => "refused",
            ReasonCode::ModelUnavailable => "model_unavailable",
            ReasonCode::NoEvidence => "no_evidence",
        }
    }
}

impl Reason {
    /// A reason with a word for people.
    pub fn new(code: ReasonCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

impl From<ReasonCode> for Reason {
    fn from(code: ReasonCode) -> Self {
        Self { code, detail: String::new() }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.code.name())?;
        if !self.detail.is_empty() {
            write!(formatter, ": {}", self.detail)?;
        }
        Ok(())
    }
}

/// An error as it is stored with a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepError {
    /// The kind; the name the workflow matches.
    pub kind: ErrorKind,
    /// For people.
    pub message: String,
    /// Whether a later attempt may succeed.
    pub retryable: bool,
    /// How bad.
    pub severity: Severity,
    /// Facts.
    #[serde(default)]
    pub context: BTreeMap<String, String>,
}

impl From<&Error> for StepError {
    fn from(error: &Error) -> Self {
        Self {
            kind: error.kind(),
            message: error.message().to_owned(),
            retryable: error.is_retryable(),
            severity: error.kind().severity(),
            context: error.context().clone(),
        }
    }
}

/// Where a result comes from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Basis {
    /// A model answered.
    Model,
    /// Rules and arithmetic only.
    Deterministic,
    /// A stored answer.
    Cache {
        /// Which level had it.
        level: CacheLevel,
        /// How alike the requests were, 0 to 1; 1 for an exact match.
        similarity: f64,
    },
}

impl Basis {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Basis::Model => "model",
            Basis::Deterministic => "deterministic",
            Basis::Cache { .. } => "cache",
        }
    }
}

/// The levels of recall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheLevel {
    /// The same request.
    L1,
    /// The same request after meaning-safe compression.
    L2,
    /// A request of the same meaning.
    L3,
}

impl CacheLevel {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            CacheLevel::L1 => "l1",
            CacheLevel::L2 => "l2",
            CacheLevel::L3 => "l3",
        }
    }
}

/// How a result came about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// The run.
    pub run: RunId,
    /// The agent.
    pub agent: AgentId,
    /// The item, `-` for none.
    pub item: ItemId,
    /// Which attempt this was, from 1.
    pub attempt: u32,
    /// Where it comes from.
    pub basis: Basis,
    /// The model that answered, as its provider names it.
    #[serde(default)]
    pub model: Option<String>,
    /// The digest of prompt and schema.
    #[serde(default)]
    pub prompt_version: String,
    /// Tokens of all calls of this step.
    #[serde(default)]
    pub usage: Usage,
    /// What its calls cost.
    #[serde(default)]
    pub cost: NanoUsd,
    /// What a stored answer saved.
    #[serde(default)]
    pub saved: NanoUsd,
    /// About so many input tokens were not sent, since its prompt says the words of its sources shorter: what the engine counts,
    /// on the scale of what the provider counted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spared_tokens: u64,
    /// From claim to result, in milliseconds.
    #[serde(default)]
    pub duration_ms: u64,
    /// When it was stored, in milliseconds since 1970.
    #[serde(default)]
    pub finished_ms: u64,
    /// Dispensable inputs that were missing.
    #[serde(default)]
    pub gaps: Vec<AgentId>,
    /// The digest of everything the step was given.
    #[serde(default)]
    pub input_digest: String,
    /// The trace this step belongs to.
    #[serde(default)]
    pub trace_id: String,
    /// Whether its answer was looked for among the stored ones.
    #[serde(default, skip_serializing_if = "is_false")]
    pub looked_up: bool,
    /// What became of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recall: Option<RecallNote>,
    /// How the model was chosen, where there were several to choose from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing: Option<Box<Routing>>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl StepResult {
    /// The end, without its content.
    pub fn status(&self) -> Status {
        match self.outcome {
            Outcome::Ok(_) => Status::Ok,
            Outcome::Skipped(_) => Status::Skipped,
            Outcome::Uncertain { .. } => Status::Uncertain,
            Outcome::Failed(_) => Status::Failed,
        }
    }

    /// The data of a result that stands. `None` for every other end.
    pub fn ok(&self) -> Option<&Value> {
        match &self.outcome {
            Outcome::Ok(data) => Some(data),
            _ => None,
        }
    }

    /// What an uncertain result has to show. `None` for every other end.
    pub fn uncertain(&self) -> Option<&Value> {
        match &self.outcome {
            Outcome::Uncertain { data, .. } => data.as_ref(),
            _ => None,
        }
    }

    /// What it has to show, sure or not. `None` for every other end.
    pub fn data(&self) -> Option<&Value> {
        self.ok().or(self.uncertain())
    }

    /// Why there is no sure result, for people; `None` when there is one.
    pub fn reason(&self) -> Option<String> {
        match &self.outcome {
            Outcome::Ok(_) => None,
            Outcome::Skipped(reason) | Outcome::Uncertain { reason, .. } => Some(reason.to_string()),
            Outcome::Failed(error) => Some(format!("{}: {}", error.kind, error.message)),
        }
    }
}

#[cfg(test)]
mod tests;
