//! Model and tool turns within a step, bounded by count, time and money. Each paid call has its own row in the ledger:
//! reserved before, settled after.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;

use crate::agent::{AgentSpec, ModelSpec};
use crate::citations;
use crate::error::{Error, ErrorKind, Result};
use crate::lease::{Claimed, Later, MAX_ATTEMPTS, MAX_FAILING_CALLS};
use crate::ledger_view::cost_by_step;
use crate::model::{Basis, NanoUsd, RecallNote, Routing, Usage};
use crate::money;
use crate::ports::{Llm, ModelMessage, ModelReply, ModelRequest, Ports, ToolAnswer, ToolScope, ToolSpec};
use crate::prompt;
use crate::recall::prose;
use crate::routing::{self, Route};
use crate::step_input::StepInput;
use crate::trace;

mod pay;
mod recalled;
mod reckon;
mod renewed;

pub(crate) use reckon::usual_cost;

const CALL_TIMEOUT_MS: u64 = 120_000;
/// A provider's name for its model is a label; a longer one is none.
const LONGEST_MODEL_NAME_BYTES: usize = 200;
/// A tool's answer is cut to this, in bytes of JSON.
const TOOL_ANSWER_BYTES: usize = 16 * 1024;

/// How a conversation ended.
pub(crate) enum Ending {
    /// A valid answer to the fields asked for, and where it is from, if it was stored.
    Answer { answer: Value, from: Option<Basis> },
    /// The model declined.
    Refused(String),
    /// The answer stayed invalid after one repair.
    Invalid(Vec<String>),
    /// Come back later.
    Later(Later),
    /// The money does not cover another call.
    Budget(Error),
    /// It cannot be done.
    Failed(Error),
    /// There is nothing to ask, for this reason.
    Nothing(&'static str),
}

/// How a conversation ended, and what it took.
pub(crate) struct Conversation {
    pub(crate) ending: Ending,
    pub(crate) model: Option<String>,
    pub(crate) usage: Usage,
    pub(crate) cost: NanoUsd,
    pub(crate) saved: NanoUsd,
    /// About so many input tokens were not sent, since its prompt is made shorter.
    pub(crate) spared_tokens: u64,
    pub(crate) warnings: Vec<String>,
    pub(crate) recall: Option<RecallNote>,
    /// How the model was chosen, where there were several to choose from.
    pub(crate) routing: Option<Box<Routing>>,
}

/// What a conversation is about.
pub(crate) struct Subject<'a> {
    pub(crate) claimed: &'a Claimed,
    pub(crate) spec: &'a AgentSpec,
    pub(crate) input: &'a StepInput,
    pub(crate) baseline: Option<&'a Value>,
}

/// Asks a model for the agent's `answer` fields.
///
/// Errors: `Cancelled` or `LeaseLost` if the step is no longer the caller's; storage errors. All else is an ending.
pub(crate) async fn converse(ports: &Ports, llm: &dyn Llm, subject: &Subject<'_>) -> Result<Conversation> {
    let mut talk = Talk::new(subject, prose::sent(subject.spec, subject.input, subject.baseline)?, ports);
    let (mut candidates, mut routing, mut ending) =
        match routing::route(ports, llm, subject.claimed, subject.spec).await {
            Ok(Route { models, routing }) => (models, routing, Ending::Invalid(Vec::new())),
            Err(error) => (Vec::new(), None, Ending::Failed(error)),
        };
    talk.under_floor = routing.as_ref().map(routing::under_floor).unwrap_or_default();
    talk.cheapest = talk.cheapest_of(&candidates);
    talk.has_alternative = candidates.iter().any(|model| model.provider != candidates[0].provider);
    candidates.reverse();
    if subject.claimed.epoch > 1 {
        // What earlier leases paid counts against the step's limit too.
        let charges = money::charges(ports, &subject.claimed.run.key).await?;
        talk.paid_before = cost_by_step(&charges).get(&subject.claimed.key).copied().unwrap_or_default();
    }
    let mut wait: Option<Later> = None;
    let mut too_dear = Vec::new();
    while let Some(model) = candidates.pop() {
        let was_repaired = talk.repaired;
        talk.may_give_way = candidates.iter().any(|other| talk.may_stand_in(other, &model));
        ending = talk.run(ports, llm, &model).await?;
        if let Some(routing) = routing.as_mut().filter(|_| !was_repaired) {
            routing.answered =
                at_once(&ending, &talk).and_then(|at_once| routing::answered(routing, &model, at_once));
            if is_rejected(&ending) {
                routing.rejected.extend(routing::place_of(routing, &model));
            }
        }
        // A model that costs too much, takes too little, has no price that holds or is rejected gives way to the next one,
        // whosever that is.
        let next = talk.gives_way
            || matches!(&ending, Ending::Budget(_))
            || (is_rejected(&ending) && !talk.is_used_up())
            || matches!(&ending, Ending::Failed(error) if matches!(error.kind(), ErrorKind::TooLarge | ErrorKind::UnknownPrice | ErrorKind::AboveCapacity));
        if !next {
            break;
        }
        if let Ending::Later(later) = &ending {
            wait.get_or_insert_with(|| later.clone());
        }
        let gave_way = std::mem::take(&mut talk.gives_way);
        if gave_way || is_rejected(&ending) {
            // Where the cheapest does not answer, or is rejected, it is the cheapest of those that are left.
            candidates.append(&mut too_dear);
            candidates.retain(|other| !gave_way || other.provider != model.provider);
            talk.cheapest = talk.cheapest_of(&candidates);
        }
        if talk.cheapest_only {
            let (cheapest, dearer) = candidates.into_iter().partition(|other| talk.is_cheapest(other));
            candidates = cheapest;
            too_dear.extend::<Vec<_>>(dearer);
            if matches!(&ending, Ending::Budget(_)) && !talk.is_cheapest(&model) {
                too_dear.push(model);
            }
        }
    }
    if matches!(ending, Ending::Invalid(_)) {
        ports.metrics.count("model_failures", 1);
    }
    if let Ending::Budget(error) = &ending
        && let Some(after_ms) = error.retry_after_ms()
    {
        ending = Ending::Later(Later::after(after_ms, error.to_string()));
    }
    let ending = talk.settled(ending, wait);
    let Talk { model, usage, cost, saved, spared_tokens, warnings, recall, .. } = talk;
    let routing = routing.map(Box::new);
    Ok(Conversation { ending, model, usage, cost, saved, spared_tokens, warnings, recall, routing })
}

/// Whether the model's first answer could be used as it came; `None` if it gave none, for whatever reason but its own.
fn at_once(ending: &Ending, talk: &Talk<'_>) -> Option<bool> {
    match ending {
        Ending::Answer { from: None, .. } => Some(!talk.repaired),
        Ending::Refused(_) | Ending::Invalid(_) => Some(false),
        _ => None,
    }
}

/// The server would not take the request for this model: it does not know it, or not what is asked of it.
fn is_rejected(ending: &Ending) -> bool {
    matches!(ending, Ending::Failed(error) if error.kind() == ErrorKind::ModelRejected)
}

struct Talk<'a> {
    subject: &'a Subject<'a>,
    messages: Vec<ModelMessage>,
    /// By so many tokens its row makes them shorter, counted as the engine bounds them.
    shorter_by: u64,
    tools: Vec<ToolSpec>,
    tool_answers: Vec<Value>,
    calls: u32,
    tool_uses: usize,
    repaired: bool,
    /// A call was cut off where it was sized to end: the next ones are covered whole.
    whole: bool,
    /// How much output the last call could give.
    granted_tokens: u64,
    /// Models that are shown to be under the floor of quality.
    under_floor: BTreeSet<String>,
    /// What the cheapest of the other candidates costs for a usual call.
    cheapest: NanoUsd,
    cheapest_only: bool,
    /// A model of another provider could be asked instead.
    has_alternative: bool,
    /// A model of another provider is still to be asked.
    may_give_way: bool,
    /// The provider failed or is not asked for now: the next one's turn.
    gives_way: bool,
    /// Calls that failed under this lease, but for those that were refused.
    failed_calls: u32,
    /// Calls that their provider refused for its rate under this lease.
    refused_calls: u32,
    /// What earlier leases of the step paid.
    paid_before: NanoUsd,
    model: Option<String>,
    usage: Usage,
    cost: NanoUsd,
    /// What was set aside for the calls.
    most: NanoUsd,
    saved: NanoUsd,
    /// About so many tokens were not sent for that.
    spared_tokens: u64,
    warnings: Vec<String>,
    recall: Option<RecallNote>,
}

impl<'a> Talk<'a> {
    fn new(
        subject: &'a Subject<'a>,
        (messages, shorter_by): (Vec<ModelMessage>, u64),
        ports: &Ports,
    ) -> Self {
        let granted = subject.spec.tools.iter().filter_map(|name| ports.tools.get(name.as_str()));
        Self {
            subject,
            messages,
            shorter_by,
            tools: granted.map(|tool| tool.spec()).collect(),
            tool_answers: Vec::new(),
            calls: 0,
            tool_uses: 0,
            repaired: false,
            whole: false,
            granted_tokens: 0,
            under_floor: BTreeSet::new(),
            cheapest: NanoUsd::ZERO,
            cheapest_only: false,
            has_alternative: false,
            may_give_way: false,
            gives_way: false,
            failed_calls: 0,
            refused_calls: 0,
            paid_before: NanoUsd::ZERO,
            model: None,
            usage: Usage::default(),
            cost: NanoUsd::ZERO,
            most: NanoUsd::ZERO,
            saved: NanoUsd::ZERO,
            spared_tokens: 0,
            warnings: Vec::new(),
            recall: None,
        }
    }

    /// Asks until there is an answer, or none is to be had.
    async fn ask(&mut self, ports: &Ports, llm: &dyn Llm, model: &Arc<ModelSpec>) -> Result<Ending> {
        let depth = self.subject.claimed.run.depth;
        for _ in 0..depth.turns(self.subject.spec.limits.turns) {
            let request = self.request(ports, model);
            let mut reply = match self.pay_and_call(ports, llm, &request).await? {
                Ok(reply) => reply,
                Err(ending) => return Ok(ending),
            };
            if reply.cut_off && !self.whole && self.granted_tokens < request.max_output_tokens {
                self.whole = true;
                reply = match self.pay_and_call(ports, llm, &request).await? {
                    Ok(reply) => reply,
                    Err(ending) => return Ok(ending),
                };
            }
            if reply.model.len() > LONGEST_MODEL_NAME_BYTES {
                reply.model.clone_from(&model.id);
            }
            self.model = Some(reply.model.clone());
            if let Some(refusal) = reply.refusal {
                return Ok(Ending::Refused(refusal));
            }
            if !reply.tool_calls.is_empty() {
                if self.subject.claimed.run.warms.is_some() {
                    return Ok(Ending::Nothing("the model wants a tool, and no such answer is stored"));
                }
                if let Some(later) = self.use_tools(ports, reply).await? {
                    return Ok(Ending::Later(later));
                }
                continue;
            }
            let faults = match parse_answer(&reply) {
                Ok(answer) => {
                    let faults = self.faults(&answer);
                    if faults.is_empty() {
                        return Ok(Ending::Answer { answer, from: None });
                    }
                    faults
                }
                Err(fault) => vec![fault],
            };
            if self.repaired {
                return Ok(Ending::Invalid(faults));
            }
            self.ask_for_repair(reply.text, &faults);
        }
        Ok(Ending::Invalid(vec!["the turns were used up without an answer".to_owned()]))
    }

    fn request(&self, ports: &Ports, model: &Arc<ModelSpec>) -> ModelRequest {
        let (run, spec) = (&self.subject.claimed.run, self.subject.spec);
        ModelRequest {
            model: model.clone(),
            messages: self.messages.clone(),
            schema_name: spec.id.as_str().to_owned(),
            schema: spec.answer_schema().schema.clone(),
            tools: self.tools.clone(),
            max_output_tokens: spec.limits.output_tokens.min(model.max_output_tokens),
            temperature: spec.temperature,
            timeout_ms: CALL_TIMEOUT_MS.min(run.deadline_ms.saturating_sub(ports.clock.now_ms())).max(1),
        }
    }

    /// What a usual call costs at the cheapest of these that meet the need.
    fn cheapest_of(&self, candidates: &[Arc<ModelSpec>]) -> NanoUsd {
        let meets_the_need = |model: &&Arc<ModelSpec>| !self.under_floor.contains(&routing::name_of(model));
        candidates.iter().filter(meets_the_need).filter_map(usual_cost).min().unwrap_or_default()
    }

    /// True if a call to `model` may be left to `other`: somebody else's, that meets the need, and that may still be asked.
    fn may_stand_in(&self, other: &Arc<ModelSpec>, model: &Arc<ModelSpec>) -> bool {
        other.provider != model.provider
            && !self.under_floor.contains(&routing::name_of(other))
            && (!self.cheapest_only || self.is_cheapest(other))
    }

    /// True if no candidate that meets the need costs less than this one, which meets it.
    fn is_cheapest(&self, model: &Arc<ModelSpec>) -> bool {
        let costs_least = usual_cost(model).is_some_and(|cost| cost <= self.cheapest);
        costs_least && !self.under_floor.contains(&routing::name_of(model))
    }

    /// True if the step has made as many failing calls as it may. The attempt under way is one of those counted.
    fn is_used_up(&self) -> bool {
        let failed = self.subject.claimed.attempt.saturating_sub(1) + self.failed_calls;
        let refused = self.subject.claimed.refusals + self.refused_calls;
        failed >= MAX_ATTEMPTS || failed + refused >= MAX_FAILING_CALLS
    }

    /// The ending of all candidates together: a wait for one of them is better than another's failure, as long as the step may
    /// still fail; and a wait counts the calls that failed before it.
    fn settled(&self, ending: Ending, wait: Option<Later>) -> Ending {
        let later = match (ending, wait) {
            (Ending::Later(later), _) => later,
            (Ending::Failed(_) | Ending::Budget(_), Some(later)) if !self.is_used_up() => later,
            (ending, _) => return ending,
        };
        if self.failed_calls + self.refused_calls > 0 && self.is_used_up() {
            return Ending::Failed(Error::new(ErrorKind::ModelUnavailable, later.why));
        }
        Ending::Later(Later { counts: self.failed_calls, refusals: self.refused_calls, ..later })
    }

    /// Runs the tools the model asked for, in order; a tool that is not granted is an answer, not an action.
    async fn use_tools(&mut self, ports: &Ports, reply: ModelReply) -> Result<Option<Later>> {
        let ModelReply { text, tool_calls: calls, kept, .. } = reply;
        let scope = ToolScope {
            step: &self.subject.claimed.key,
            about: self.subject.claimed.run.about(),
            input: self.subject.input,
            memory: ports.memory.as_ref(),
        };
        self.messages.push(ModelMessage::Assistant { text, tool_calls: calls.clone(), kept });
        for call in calls {
            let granted = self.subject.spec.tools.contains(&call.name);
            let answer = match ports.tools.get(call.name.as_str()).filter(|_| granted) {
                None => Err(Error::new(ErrorKind::InvalidInput, format!("there is no tool `{}`", call.name))),
                Some(tool) => {
                    let begun_ms = ports.clock.now_ms();
                    let answer = tool.call(scope, &call.arguments).await;
                    let error = answer.as_ref().err().map(Error::kind);
                    self.tool_uses += 1;
                    trace::used(ports, self.subject.claimed, &call.name, self.tool_uses, begun_ms, error);
                    answer
                }
            };
            let text = match answer {
                Ok(ToolAnswer::Later(after_ms)) => {
                    return Ok(Some(Later::after(after_ms, format!("{} is not ready", call.name))));
                }
                Ok(ToolAnswer::Answer(value)) => {
                    let mut block = prompt::data_block(&call.name, &value);
                    if block.len() > TOOL_ANSWER_BYTES {
                        block = prompt::data_block(
                            &call.name,
                            &Value::from("the answer is too long; ask for less"),
                        );
                    } else {
                        self.tool_answers.push(value);
                    }
                    block
                }
                Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::NotFound) => {
                    format!("error: {}", error.message())
                }
                Err(error) => return Err(error),
            };
            self.messages.push(ModelMessage::Tool { call_id: call.id, text });
        }
        Ok(None)
    }

    fn faults(&self, answer: &Value) -> Vec<String> {
        let faults = self.subject.spec.answer_faults(answer);
        if faults.is_empty() {
            return citations::faults(answer, self.subject.input, self.subject.baseline, &self.tool_answers);
        }
        faults
    }

    fn ask_for_repair(&mut self, text: String, faults: &[String]) {
        self.repaired = true;
        self.messages.push(ModelMessage::Assistant { text, tool_calls: Vec::new(), kept: Vec::new() });
        let list: String = faults.iter().map(|fault| format!("\n- {fault}")).collect();
        let text = format!(
            "That answer cannot be used:{list}\nAnswer again, the whole JSON object, with these points mended."
        );
        self.messages.push(ModelMessage::User { text });
    }
}

fn parse_answer(reply: &ModelReply) -> std::result::Result<Value, String> {
    if reply.cut_off {
        return Err("it was cut off before its end; say less".to_owned());
    }
    serde_json::from_str(&reply.text).map_err(|error| format!("it is not JSON: {error}"))
}
