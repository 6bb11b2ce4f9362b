//! A run as a trace: spans named by the OpenTelemetry conventions for generative AI, version [`CONVENTIONS`]. The run is
//! `invoke_workflow`, recorded when its briefing is posted; under it is an `invoke_agent` for each attempt at a step, and under
//! that a `chat` for each call to a model and an `execute_tool` for each tool that ran.
//!
//! A span's id follows from what it is of, so that a worker knows its parent without being told, and a span that is told
//! twice is one. No span holds content, what a model said, or a credential.

use crate::agent::AgentSpec;
use crate::error::{ErrorKind, Result};
use crate::lease::Claimed;
use crate::model::{CallId, NanoUsd, Run, SpanId, StepKey, StepResult, TraceId};
use crate::ports::{LlmError, ModelReply, ModelRequest, Ports};

/// The version of the semantic conventions that names follow.
pub const CONVENTIONS: &str = "1.42.0";

/// The workflow's name in its span.
const WORKFLOW: &str = "content-intelligence";

/// Something that was done, once it has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// The trace it belongs to.
    pub trace: TraceId,
    /// Its own id.
    pub id: SpanId,
    /// The span it was done in.
    pub parent: Option<SpanId>,
    /// Its name, of few different ones.
    pub name: String,
    /// What it is to its parent.
    pub kind: SpanKind,
    /// When it began, in milliseconds since 1970.
    pub start_ms: u64,
    /// When it ended.
    pub end_ms: u64,
    /// Facts.
    pub attributes: Vec<(&'static str, Fact)>,
    /// Why it failed, if it did.
    pub error: Option<ErrorKind>,
}

/// What a span is to its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpanKind {
    /// Done within the platform.
    Internal,
    /// Another service was asked.
    Client,
}

/// A fact about a span.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    /// A text.
    Text(String),
    /// A whole number.
    Number(i64),
    /// A number.
    Fraction(f64),
    /// Yes or no.
    Flag(bool),
    /// Texts of a short list.
    Texts(Vec<&'static str>),
}

impl Run {
    /// The trace the run belongs to: its request's, or else the 128 bits of its own id.
    pub fn trace_id(&self) -> TraceId {
        let own = || match ulid::Ulid::from_string(self.key.run.as_str()) {
            Ok(id) if id.0 != 0 => id.0,
            _ => u128::from(digest(&[self.key.run.as_str()]).0),
        };
        self.trace.map_or_else(|| TraceId(own()), |traceparent| traceparent.trace)
    }
}

/// Records a run that has been posted; `first` says that nobody else has recorded it, as far as is known.
pub(crate) fn posted(ports: &Ports, run: &Run, now_ms: u64, first: bool) {
    let mut attributes = vec![
        ("gen_ai.operation.name", text("invoke_workflow")),
        ("gen_ai.workflow.name", text(WORKFLOW)),
        ("gen_ai.conversation.id", text(run.key.run.as_str())),
        ("assay.depth", text(run.depth.name())),
        ("assay.status", text(run.status.name())),
        ("assay.cost.nano_usd", Fact::Number(run.cost.0)),
    ];
    if !first {
        attributes.push(("assay.repeated", Fact::Flag(true)));
    }
    let error = run.failure.as_ref().map(|failure| failure.kind);
    let name = format!("invoke_workflow {WORKFLOW}");
    record(ports, run, SpanKind::Internal, name, id_of_run(run), attributes, (run.created_ms, now_ms), error);
}

/// Records an attempt at a step: its result if it stored one, `None` if the step goes back to its queue or to another worker.
pub(crate) fn attempted(
    ports: &Ports,
    spec: &AgentSpec,
    claimed: &Claimed,
    ended: &Result<Option<StepResult>>,
) {
    let (agent, run) = (claimed.key.agent.as_str(), &claimed.run);
    let mut attributes = vec![
        ("gen_ai.operation.name", text("invoke_agent")),
        ("gen_ai.agent.name", text(agent)),
        ("gen_ai.conversation.id", text(run.key.run.as_str())),
        ("assay.item", text(claimed.key.item.as_str())),
        ("assay.attempt", Fact::Number(claimed.attempt.into())),
        ("assay.hop", Fact::Number(claimed.hop.into())),
    ];
    if !spec.prompt_version.is_empty() {
        attributes.push(("gen_ai.agent.version", text(&spec.prompt_version)));
    }
    if claimed.took_over {
        attributes.push(("assay.took_over", Fact::Flag(true)));
    }
    let mut error = ended.as_ref().err().map(crate::error::Error::kind);
    let status = match ended {
        Ok(Some(result)) => {
            if let crate::model::Outcome::Failed(failed) = &result.outcome {
                error = Some(failed.kind);
            }
            let meta = &result.meta;
            attributes.extend([
                ("gen_ai.usage.input_tokens", count(meta.usage.prompt_tokens())),
                ("gen_ai.usage.output_tokens", count(meta.usage.output_tokens + meta.usage.reasoning_tokens)),
                ("assay.basis", text(meta.basis.name())),
                ("assay.cost.nano_usd", Fact::Number(meta.cost.0)),
            ]);
            result.status().name()
        }
        Ok(None) => "not_ended",
        Err(_) => "given_up",
    };
    attributes.push(("assay.status", text(status)));
    let times = (claimed.claimed_ms, ports.clock.now_ms());
    let id = id_of_attempt(&claimed.key, claimed.epoch);
    let name = format!("invoke_agent {agent}");
    record(ports, run, SpanKind::Internal, name, (id, Some(id_of_run(run).0)), attributes, times, error);
}

/// Records a call to a model and what it cost.
pub(crate) fn called(
    ports: &Ports,
    claimed: &Claimed,
    call: &CallId,
    (request, answer): (&ModelRequest, &Result<ModelReply, LlmError>),
    asked_ms: u64,
    cost: Option<NanoUsd>,
) {
    let model = &request.model;
    let mut attributes = vec![
        ("gen_ai.operation.name", text("chat")),
        ("gen_ai.provider.name", text(&model.provider)),
        ("gen_ai.request.model", text(&model.id)),
        ("gen_ai.request.max_tokens", count(request.max_output_tokens)),
        ("gen_ai.request.temperature", Fact::Fraction(request.temperature)),
        ("gen_ai.output.type", text("json")),
        ("gen_ai.agent.name", text(claimed.key.agent.as_str())),
    ];
    if let Ok(reply) = answer {
        let usage = &reply.usage;
        let reason = match (reply.cut_off, reply.refusal.is_some(), reply.tool_calls.is_empty()) {
            (true, ..) => "length",
            (_, true, _) => "content_filter",
            (.., false) => "tool_call",
            _ => "stop",
        };
        attributes.extend([
            ("gen_ai.response.finish_reasons", Fact::Texts(vec![reason])),
            ("gen_ai.usage.input_tokens", count(usage.prompt_tokens())),
            ("gen_ai.usage.output_tokens", count(usage.output_tokens + usage.reasoning_tokens)),
            ("gen_ai.usage.cache_read.input_tokens", count(usage.cached_tokens)),
            (
                "gen_ai.usage.cache_creation.input_tokens",
                count(usage.cache_write_tokens + usage.cache_write_1h_tokens),
            ),
            ("gen_ai.usage.reasoning.output_tokens", count(usage.reasoning_tokens)),
        ]);
    }
    if let Some(cost) = cost {
        attributes.push(("assay.cost.nano_usd", Fact::Number(cost.0)));
    }
    let error = answer.as_ref().err().map(|failed| failed.error.kind());
    let id = digest(&[&attempt_name(&claimed.key, claimed.epoch), "call", &call.call.to_string()]);
    let parent = Some(id_of_attempt(&claimed.key, claimed.epoch));
    let (name, times) = (format!("chat {}", model.id), (asked_ms, ports.clock.now_ms()));
    record(ports, &claimed.run, SpanKind::Client, name, (id, parent), attributes, times, error);
}

/// Records a tool that ran; `number` tells it from the attempt's other ones.
pub(crate) fn used(
    ports: &Ports,
    claimed: &Claimed,
    tool: &str,
    number: usize,
    begun_ms: u64,
    error: Option<ErrorKind>,
) {
    let attributes = vec![
        ("gen_ai.operation.name", text("execute_tool")),
        ("gen_ai.tool.name", text(tool)),
        ("gen_ai.tool.type", text("function")),
        ("gen_ai.agent.name", text(claimed.key.agent.as_str())),
    ];
    let id = digest(&[&attempt_name(&claimed.key, claimed.epoch), "tool", &number.to_string()]);
    let parent = Some(id_of_attempt(&claimed.key, claimed.epoch));
    let (name, times) = (format!("execute_tool {tool}"), (begun_ms, ports.clock.now_ms()));
    record(ports, &claimed.run, SpanKind::Internal, name, (id, parent), attributes, times, error);
}

#[allow(clippy::too_many_arguments, reason = "each is a field of the span")]
fn record(
    ports: &Ports,
    run: &Run,
    kind: SpanKind,
    name: String,
    (id, parent): (SpanId, Option<SpanId>),
    mut attributes: Vec<(&'static str, Fact)>,
    (start_ms, end_ms): (u64, u64),
    error: Option<ErrorKind>,
) {
    if run.trace.is_some_and(|traceparent| !traceparent.sampled) {
        return;
    }
    attributes.extend(error.map(|kind| ("error.type", text(kind.name()))));
    let trace = run.trace_id();
    ports.metrics.span(Span { trace, id, parent, name, kind, start_ms, end_ms, attributes, error });
}

/// The span of a run, and the span its request was made in.
fn id_of_run(run: &Run) -> (SpanId, Option<SpanId>) {
    (digest(&[run.key.run.as_str()]), run.trace.map(|traceparent| traceparent.parent))
}

fn attempt_name(step: &StepKey, epoch: u32) -> String {
    format!("{}/{}/{}/{epoch}", step.run.run, step.agent, step.item)
}

fn id_of_attempt(step: &StepKey, epoch: u32) -> SpanId {
    digest(&[&attempt_name(step, epoch), "attempt"])
}

fn digest(parts: &[&str]) -> SpanId {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part.as_bytes()).update(&[0]);
    }
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    SpanId(u64::from_be_bytes(bytes).max(1))
}

fn text(text: impl Into<String>) -> Fact {
    Fact::Text(text.into())
}

fn count(count: u64) -> Fact {
    Fact::Number(i64::try_from(count).unwrap_or(i64::MAX))
}
