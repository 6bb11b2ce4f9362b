//! Model and tool turns within a step, bounded by count, time and money. Each paid call has its own row in the ledger:
//! reserved before, settled after.

use std::sync::Arc;

use serde_json::Value;

use crate::agent::{AgentSpec, ModelSpec};
use crate::citations;
use crate::error::{Error, ErrorKind, Result};
use crate::lease::{Claimed, Later, MAX_ATTEMPTS};
use crate::model::{CallId, NanoUsd, Usage};
use crate::money::{self, Reservation, Settlement};
use crate::ports::{
    Admission, Bill, Llm, LlmError, ModelMessage, ModelReply, ModelRequest, Ports, Take, ToolAnswer,
    ToolScope, ToolSpec,
};
use crate::prompt;
use crate::recall::{self, Remembered};
use crate::step_input::StepInput;

const CALL_TIMEOUT_MS: u64 = 120_000;
const BACKOFF_MS: u64 = 2_000;
const LEAST_WAIT_MS: u64 = 1_000;
/// A provider's name for its model is a label; a longer one is none.
const LONGEST_MODEL_NAME_BYTES: usize = 200;
/// A tool's answer is cut to this, in bytes of JSON.
const TOOL_ANSWER_BYTES: usize = 16 * 1024;

/// How a conversation ended.
pub(crate) enum Ending {
    /// A valid answer to the fields asked for.
    Answer { answer: Value, remembered: bool },
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
}

/// How a conversation ended, and what it took.
pub(crate) struct Conversation {
    pub(crate) ending: Ending,
    pub(crate) model: Option<String>,
    pub(crate) usage: Usage,
    pub(crate) cost: NanoUsd,
    pub(crate) saved: NanoUsd,
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
    let mut talk =
        Talk::new(subject, prompt::messages(subject.spec, subject.input, subject.baseline)?, ports);
    let mut ending =
        Ending::Failed(Error::new(ErrorKind::Configuration, "no model serves this agent's tier"));
    for model in llm.candidates(subject.spec.tier) {
        ending = talk.run(ports, llm, &model).await?;
        // A model that costs too much or takes too little gives way to the next one.
        let next = matches!(&ending, Ending::Budget(_))
            || matches!(&ending, Ending::Failed(error) if error.kind() == ErrorKind::TooLarge);
        if !next {
            break;
        }
    }
    if matches!(ending, Ending::Invalid(_)) {
        ports.metrics.count("model_failures", 1);
    }
    Ok(Conversation { ending, model: talk.model, usage: talk.usage, cost: talk.cost, saved: talk.saved })
}

struct Talk<'a> {
    subject: &'a Subject<'a>,
    messages: Vec<ModelMessage>,
    tools: Vec<ToolSpec>,
    tool_answers: Vec<Value>,
    calls: u32,
    repaired: bool,
    model: Option<String>,
    usage: Usage,
    cost: NanoUsd,
    saved: NanoUsd,
}

impl<'a> Talk<'a> {
    fn new(subject: &'a Subject<'a>, messages: Vec<ModelMessage>, ports: &Ports) -> Self {
        let granted = subject.spec.tools.iter().filter_map(|name| ports.tools.get(name.as_str()));
        Self {
            subject,
            messages,
            tools: granted.map(|tool| tool.spec()).collect(),
            tool_answers: Vec::new(),
            calls: 0,
            repaired: false,
            model: None,
            usage: Usage::default(),
            cost: NanoUsd::ZERO,
            saved: NanoUsd::ZERO,
        }
    }

    async fn run(&mut self, ports: &Ports, llm: &dyn Llm, model: &Arc<ModelSpec>) -> Result<Ending> {
        let (run, spec) = (&self.subject.claimed.run, self.subject.spec);
        let first = self.request(ports, model);
        let key = recall::key(&run.key.tenant, spec, &first);
        if self.calls == 0
            && let Some(hit) = recall::look_up(ports, run, spec, &key).await
            && self.faults(&hit.answer).is_empty()
        {
            self.model = Some(hit.model);
            self.saved = hit.cost;
            return Ok(Ending::Answer { answer: hit.answer, remembered: true });
        }
        for _ in 0..spec.limits.turns.max(1) {
            let request = self.request(ports, model);
            let mut reply = match self.pay_and_call(ports, llm, &request).await? {
                Ok(reply) => reply,
                Err(ending) => return Ok(ending),
            };
            if reply.model.len() > LONGEST_MODEL_NAME_BYTES {
                reply.model.clone_from(&model.id);
            }
            self.model = Some(reply.model.clone());
            if let Some(refusal) = reply.refusal {
                return Ok(Ending::Refused(refusal));
            }
            if !reply.tool_calls.is_empty() {
                if let Some(later) = self.use_tools(ports, reply).await? {
                    return Ok(Ending::Later(later));
                }
                continue;
            }
            let faults = match parse_answer(&reply) {
                Ok(answer) => {
                    let faults = self.faults(&answer);
                    if faults.is_empty() {
                        if self.tool_answers.is_empty() {
                            let entry = Remembered {
                                answer: answer.clone(),
                                model: reply.model,
                                usage: self.usage,
                                cost: self.cost,
                            };
                            recall::fill(ports, run, spec, &key, &entry).await;
                        }
                        return Ok(Ending::Answer { answer, remembered: false });
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
            schema: spec.compiled().answer_schema().clone(),
            tools: self.tools.clone(),
            max_output_tokens: spec.limits.output_tokens.min(model.max_output_tokens),
            temperature: spec.temperature,
            timeout_ms: CALL_TIMEOUT_MS.min(run.deadline_ms.saturating_sub(ports.clock.now_ms())).max(1),
        }
    }

    /// One paid call: reserve, take rates, call, settle.
    async fn pay_and_call(
        &mut self,
        ports: &Ports,
        llm: &dyn Llm,
        request: &ModelRequest,
    ) -> Result<std::result::Result<ModelReply, Ending>> {
        let Subject { claimed, spec, .. } = *self.subject;
        let Some(price) = request.model.price else {
            let message =
                format!("the price of {} is unknown; declare it, or no cap could hold", request.model.id);
            return Ok(Err(Ending::Failed(Error::new(ErrorKind::UnknownPrice, message))));
        };
        let input_tokens = spec.compiled().answer_schema_tokens() + tokens_at_most(request);
        if input_tokens.saturating_add(request.max_output_tokens)
            > request.model.context_tokens.saturating_mul(2)
        {
            // The bound is at most about twice the true count, so beyond this the request cannot fit.
            let message = format!("the content is too long for {}", request.model.id);
            return Ok(Err(Ending::Failed(Error::new(ErrorKind::TooLarge, message))));
        }
        let worst_case = price.worst_case(input_tokens, request.max_output_tokens);
        if self.cost + worst_case > spec.limits.cost {
            let message =
                format!("a call of up to {worst_case} would pass the step's limit of {}", spec.limits.cost);
            return Ok(Err(Ending::Budget(Error::new(ErrorKind::Budget, message))));
        }
        self.calls += 1;
        let call = CallId { step: claimed.key.clone(), epoch: claimed.epoch, call: self.calls };
        let reservation = Reservation { call: &call, model: &request.model.id, worst_case };
        match money::reserve(ports, &claimed.run, &reservation).await {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Budget => return Ok(Err(Ending::Budget(error))),
            Err(error) => return Err(error),
        }
        let take = Take {
            tenant: claimed.run.key.tenant.clone(),
            agent: spec.id.clone(),
            model: request.model.id.clone(),
            provider: request.model.provider.clone(),
            input_tokens,
            output_tokens: request.max_output_tokens,
        };
        match ports.limits.take(&take).await {
            Ok(Admission::Admitted) => {}
            Ok(Admission::RetryAfter(after_ms)) => {
                money::settle(ports, &claimed.run, &call, Settlement::NeverMade).await?;
                return Ok(Err(Ending::Later(Later {
                    after_ms,
                    why: "rate limit".to_owned(),
                    counts: false,
                })));
            }
            Err(error) => {
                money::settle(ports, &claimed.run, &call, Settlement::NeverMade).await?;
                return Err(error);
            }
        }
        let answer = llm.complete(request).await;
        // Also when none failed: the mean says how many do.
        ports.metrics.count("model_failures", u64::from(answer.is_err()));
        let settlement = match &answer {
            Ok(reply) => {
                let cost = reply.reported_cost.unwrap_or_else(|| price.cost(&reply.usage));
                Settlement::Used(reply.usage, cost)
            }
            Err(LlmError { bill: Bill::Nothing, .. }) => Settlement::NeverMade,
            Err(LlmError { bill: Bill::Used(usage), .. }) => Settlement::Used(*usage, price.cost(usage)),
            Err(LlmError { bill: Bill::Unknown, .. }) => Settlement::Unknown,
        };
        money::settle(ports, &claimed.run, &call, settlement).await?;
        match settlement {
            Settlement::Used(usage, cost) => {
                self.usage = self.usage + usage;
                self.cost += cost;
            }
            Settlement::Unknown => self.cost += worst_case,
            Settlement::NeverMade => {}
        }
        Ok(answer.map_err(|LlmError { error, bill }| self.after_failure(&error, bill)))
    }

    /// What a failed call means for the step. Only the table of error kinds says whether to try again.
    fn after_failure(&self, error: &Error, bill: Bill) -> Ending {
        let claimed = self.subject.claimed;
        if !error.is_retryable() {
            return Ending::Failed(error.clone());
        }
        let refused_only = error.kind() == ErrorKind::RateLimited && bill == Bill::Nothing;
        if !refused_only && claimed.attempt >= MAX_ATTEMPTS {
            return Ending::Failed(error.clone());
        }
        // Whatever the provider asks for, each refusal waits longer than the one before, up to half a minute.
        let at_least = LEAST_WAIT_MS << claimed.hop.min(5);
        let backoff = BACKOFF_MS << claimed.attempt.min(6);
        Ending::Later(Later {
            after_ms: error.retry_after_ms().unwrap_or(backoff).max(at_least),
            why: error.to_string(),
            counts: !refused_only,
        })
    }

    /// Runs the tools the model asked for, in order; a tool that is not granted is an answer, not an action.
    async fn use_tools(&mut self, ports: &Ports, reply: ModelReply) -> Result<Option<Later>> {
        let ModelReply { text, tool_calls: calls, kept, .. } = reply;
        let scope = ToolScope {
            step: &self.subject.claimed.key,
            content: &self.subject.claimed.run.source.content,
            input: self.subject.input,
            memory: ports.memory.as_ref(),
        };
        self.messages.push(ModelMessage::Assistant { text, tool_calls: calls.clone(), kept });
        for call in calls {
            let granted = self.subject.spec.tools.contains(&call.name);
            let answer = match ports.tools.get(call.name.as_str()).filter(|_| granted) {
                None => Err(Error::new(ErrorKind::InvalidInput, format!("there is no tool `{}`", call.name))),
                Some(tool) => tool.call(scope, &call.arguments).await,
            };
            let text = match answer {
                Ok(ToolAnswer::Later(after_ms)) => {
                    return Ok(Some(Later {
                        after_ms,
                        why: format!("{} is not ready", call.name),
                        counts: false,
                    }));
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
        let faults = self.subject.spec.compiled().answer_faults(answer);
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

/// At most so many tokens are sent by this request, its schema aside.
fn tokens_at_most(request: &ModelRequest) -> u64 {
    const PER_MESSAGE: u64 = 16;
    let text = |message: &ModelMessage| match message {
        ModelMessage::System { text } | ModelMessage::User { text } | ModelMessage::Tool { text, .. } => {
            prompt::tokens_at_most(text)
        }
        ModelMessage::Assistant { text, tool_calls, kept } => {
            prompt::tokens_at_most(text)
                + kept.iter().map(|part| prompt::tokens_at_most(&part.to_string())).sum::<u64>()
                + tool_calls
                    .iter()
                    .map(|call| prompt::tokens_at_most(&call.arguments.to_string()) + PER_MESSAGE)
                    .sum::<u64>()
        }
    };
    let tools: u64 =
        request.tools.iter().map(|tool| prompt::tokens_at_most(&serde_json::json!(tool).to_string())).sum();
    tools + request.messages.iter().map(|message| text(message) + PER_MESSAGE).sum::<u64>()
}
