//! The scripted model in this process, as the engine's port.

use std::sync::Arc;

use async_trait::async_trait;
use engine::agent::{ModelSpec, Tier};
use engine::error::{Error, ErrorKind};
use engine::ports::{Bill as Known, Clock, Llm, LlmError, ModelReply, ModelRequest};

use serde_json::Value;

use super::bill::Bill;
use super::fault::{Fault, Script};
use super::turn::{self, Asked, Ending};

/// A provider in this process.
pub struct ScriptedModel {
    script: Script,
    clock: Arc<dyn Clock>,
    bill: Arc<Bill>,
}

impl ScriptedModel {
    /// A provider that waits on `clock` and charges on a new bill.
    pub fn new(script: Script, clock: Arc<dyn Clock>) -> Self {
        Self::on_bill(script, clock, Arc::default())
    }

    /// The same on a bill that somebody else holds too.
    pub fn on_bill(script: Script, clock: Arc<dyn Clock>, bill: Arc<Bill>) -> Self {
        Self { script, clock, bill }
    }

    /// What the provider charges.
    pub fn bill(&self) -> &Arc<Bill> {
        &self.bill
    }
}

#[async_trait]
impl Llm for ScriptedModel {
    fn candidates(&self, tier: Tier) -> Vec<Arc<ModelSpec>> {
        let models = self.script.models();
        let serving: Vec<_> = models.iter().filter(|model| model.tiers.contains(&tier)).cloned().collect();
        if serving.is_empty() { models.to_vec() } else { serving }
    }

    async fn reachable(&self) -> engine::error::Result<Option<Vec<String>>> {
        Ok(Some(self.script.models().iter().map(|model| model.id.clone()).collect()))
    }

    async fn complete(&self, request: &ModelRequest) -> Result<ModelReply, LlmError> {
        let asked = Asked {
            model: request.model.id.clone(),
            agent: request.schema_name.clone(),
            messages: request.messages.clone(),
            schema: sent_schema(&request.schema),
            tools: request.tools.clone(),
            max_output_tokens: request.max_output_tokens,
        };
        let turn = turn::take(&asked, &self.script, &self.bill);
        let too_slow = turn.latency_ms > request.timeout_ms;
        let hangs = matches!(turn.ending, Ending::Fault(Fault::Timeout, _));
        let wait_ms = if too_slow || hangs { request.timeout_ms } else { turn.latency_ms };
        if wait_ms > 0 {
            self.clock.sleep(wait_ms).await;
        }
        if too_slow {
            return Err(failed(ErrorKind::Timeout, "the scripted model was too slow", Known::Unknown));
        }
        match turn.ending {
            Ending::Said(said) => Ok(ModelReply {
                text: said.text,
                tool_calls: said.tool_calls,
                kept: Vec::new(),
                refusal: said.refusal,
                cut_off: said.cut_off,
                usage: said.usage,
                reported_cost: None,
                model: asked.model,
            }),
            Ending::Missing(missing) => {
                Err(failed(ErrorKind::ModelRejected, format!("scripted model: {missing}"), Known::Nothing))
            }
            Ending::Fault(fault, _) => Err(of_fault(fault)),
            Ending::Broken(why) => Err(failed(ErrorKind::Internal, why, Known::Unknown)),
        }
    }
}

/// The schema as it goes over the wire, so that both faces count the same tokens.
fn sent_schema(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(fields) = schema.as_object_mut() {
        fields.remove("$schema");
        fields.remove("$id");
    }
    schema
}

/// What a client can know of a fault: not whether a call without an answer was billed.
fn of_fault(fault: Fault) -> LlmError {
    match fault {
        Fault::RateLimited { retry_after_ms } => {
            let refused = failed(ErrorKind::RateLimited, "scripted rate limit", Known::Nothing);
            match retry_after_ms {
                Some(milliseconds) => LlmError { error: refused.error.retry_after(milliseconds), ..refused },
                None => refused,
            }
        }
        Fault::Quota => failed(ErrorKind::Quota, "scripted quota is used up", Known::Nothing),
        Fault::Unavailable => failed(ErrorKind::ModelUnavailable, "scripted overload", Known::Nothing),
        Fault::Timeout => failed(ErrorKind::Timeout, "the scripted model did not answer", Known::Unknown),
        Fault::ServerError { .. } => failed(ErrorKind::ModelUnavailable, "scripted failure", Known::Unknown),
        Fault::CutJson | Fault::WrongSchema | Fault::Refusal | Fault::CutOff => {
            failed(ErrorKind::ModelUnavailable, "the scripted answer broke off", Known::Unknown)
        }
    }
}

fn failed(kind: ErrorKind, message: impl Into<String>, bill: Known) -> LlmError {
    LlmError { error: Error::new(kind, message), bill }
}
