//! The stored layout of a result, and of the version before.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{Basis, CacheLevel, Meta, Outcome, Reason, STEP_RESULT_VERSION, Status, StepError, StepResult};
use crate::model::{NanoUsd, Usage};

#[derive(Serialize, Deserialize)]
struct Wire {
    version: u32,
    status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    data: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<Reason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<StepError>,
    #[serde(default)]
    warnings: Vec<String>,
    meta: Meta,
}

/// Keeps `null` data apart from no data.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Version 1 had no `version`, a flat `cached` flag for the exact level, tokens directly in `meta` and money in
/// micro-dollars.
#[derive(Deserialize)]
struct WireV1 {
    status: Status,
    #[serde(default, deserialize_with = "present")]
    data: Option<Value>,
    #[serde(default)]
    reason: Option<Reason>,
    #[serde(default)]
    error: Option<StepError>,
    #[serde(default)]
    warnings: Vec<String>,
    meta: MetaV1,
}

#[derive(Deserialize)]
struct MetaV1 {
    run: super::RunId,
    agent: super::AgentId,
    item: super::ItemId,
    attempt: u32,
    #[serde(default)]
    cached: bool,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    prompt_version: String,
    #[serde(default)]
    input_tokens: u64,
    #[serde(default)]
    output_tokens: u64,
    #[serde(default)]
    cost_micro_usd: i64,
    #[serde(default)]
    duration_ms: u64,
}

impl From<MetaV1> for Meta {
    fn from(old: MetaV1) -> Self {
        let basis = match (old.cached, &old.model) {
            (true, _) => Basis::Cache { level: CacheLevel::L1, similarity: 1.0 },
            (false, Some(_)) => Basis::Model,
            (false, None) => Basis::Deterministic,
        };
        Meta {
            run: old.run,
            agent: old.agent,
            item: old.item,
            attempt: old.attempt,
            basis,
            model: old.model,
            prompt_version: old.prompt_version,
            usage: Usage {
                input_tokens: old.input_tokens,
                output_tokens: old.output_tokens,
                ..Usage::default()
            },
            cost: NanoUsd(old.cost_micro_usd.saturating_mul(1_000)),
            saved: NanoUsd::ZERO,
            spared_tokens: 0,
            duration_ms: old.duration_ms,
            finished_ms: 0,
            gaps: Vec::new(),
            input_digest: String::new(),
            trace_id: String::new(),
            looked_up: false,
            recall: None,
            routing: None,
        }
    }
}

impl Serialize for StepResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (data, reason, error) = match &self.outcome {
            Outcome::Ok(data) => (Some(data.clone()), None, None),
            Outcome::Skipped(reason) => (None, Some(reason.clone()), None),
            Outcome::Uncertain { reason, data } => (data.clone(), Some(reason.clone()), None),
            Outcome::Failed(error) => (None, None, Some(error.clone())),
        };
        Wire {
            version: STEP_RESULT_VERSION,
            status: self.status(),
            data,
            reason,
            error,
            warnings: self.warnings.clone(),
            meta: self.meta.clone(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for StepResult {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let version = value.get("version").map_or(Some(1), Value::as_u64);
        let wire = match version {
            Some(1) => {
                let old: WireV1 = serde_json::from_value(value).map_err(D::Error::custom)?;
                Wire {
                    version: 1,
                    status: old.status,
                    data: old.data,
                    reason: old.reason,
                    error: old.error,
                    warnings: old.warnings,
                    meta: old.meta.into(),
                }
            }
            Some(2) => serde_json::from_value(value).map_err(D::Error::custom)?,
            _ => {
                return Err(D::Error::custom(format!(
                    "unreadable result version {version:?}; this build reads 1 and 2"
                )));
            }
        };
        let missing = |part: &str| {
            D::Error::custom(format!("a result with status {} has no {part}", wire.status.name()))
        };
        let outcome = match wire.status {
            Status::Ok => Outcome::Ok(wire.data.ok_or_else(|| missing("data"))?),
            Status::Skipped => Outcome::Skipped(wire.reason.ok_or_else(|| missing("reason"))?),
            Status::Uncertain => {
                Outcome::Uncertain { reason: wire.reason.ok_or_else(|| missing("reason"))?, data: wire.data }
            }
            Status::Failed => Outcome::Failed(wire.error.ok_or_else(|| missing("error"))?),
        };
        Ok(StepResult { outcome, warnings: wire.warnings, meta: wire.meta })
    }
}
