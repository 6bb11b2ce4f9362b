//! One step of any agent, from its message to its report.

use std::pin::pin;

use futures::future::{Either, select};
use serde_json::Value;

use crate::agent::AgentSpec;
use crate::converse::{Conversation, Ending, Subject, converse};
use crate::error::{Error, ErrorKind, Result};
use crate::gather::{Gathered, gather};
use crate::lease::{self, Claim, Claimed, Interrupt, Later};
use crate::ledger_view::cost_by_step;
use crate::measure;
use crate::model::{
    AgentId, Basis, Meta, NanoUsd, Outcome, Reason, ReasonCode, RecallNote, Routing, StepError, StepResult,
    Usage,
};
use crate::money;
use crate::places;
use crate::ports::{Message, Ports, Queue, StepMessage};
use crate::recall::warming;
use crate::report::report;
use crate::step_input::{Analysis, Data, Input, StepInput};
use crate::trace;

/// Runs the step a message is about, stores its result and reports it. When this returns, the message is done with.
///
/// Errors: whatever keeps the step from being decided now; the message must then come again.
pub async fn run_step(ports: &Ports, message: &StepMessage) -> Result<()> {
    let Some(spec) = ports.catalogue.agent(&message.agent).cloned() else {
        let why = format!("the catalogue has no agent {}", message.agent);
        return ports.workflow.fail(&message.task_token, ErrorKind::Configuration.name(), &why).await;
    };
    let claimed = match lease::claim(ports, message).await? {
        Claim::Won(claimed) => claimed,
        Claim::Done(run, step) => return report(ports, &spec, &run, &step, &message.task_token).await,
        Claim::Held { until_ms } => return come_back(ports, &spec, message, until_ms).await,
        Claim::Stale => return Ok(()),
    };
    let ended = attempt(ports, &spec, &claimed, message).await;
    trace::attempted(ports, &spec, &claimed, &ended);
    ended.map(drop)
}

/// One attempt at a claimed step. The result it stored; `None` if the step goes back to its queue, or is another's by now.
async fn attempt(
    ports: &Ports,
    spec: &AgentSpec,
    claimed: &Claimed,
    message: &StepMessage,
) -> Result<Option<StepResult>> {
    let outcome = {
        let work = pin!(work(ports, spec, claimed));
        let guard = pin!(lease::keep(ports, claimed));
        match select(work, guard).await {
            Either::Left((outcome, _)) => outcome,
            // Dropping the work aborts the call in flight; its charge stays and is booked at worst case.
            Either::Right((Interrupt::Lost, _)) => return Ok(None),
            Either::Right((Interrupt::Cancelled, _)) => {
                Err(Error::new(ErrorKind::Cancelled, "the run was cancelled"))
            }
        }
    };
    let decided = match outcome {
        Ok(Worked::Decided(decided)) => *decided,
        Ok(Worked::Later(later)) if fits(ports, claimed, &later) => {
            let deferred = lease::defer(ports, claimed, message, queue_of(spec), &later).await;
            if deferred.as_ref().is_err_and(Error::is_retryable) {
                lease::release(ports, claimed).await;
            }
            return deferred.map(|()| None);
        }
        Ok(Worked::Later(later)) => {
            Decided::bare(Outcome::Failed(StepError::from(&past_the_deadline(&later))))
        }
        Err(error) if error.kind() == ErrorKind::LeaseLost => return Ok(None),
        Err(error) if error.kind() == ErrorKind::Cancelled => {
            Decided::bare(Outcome::Skipped(ReasonCode::Cancelled.into()))
        }
        Err(error) if error.is_retryable() => {
            lease::release(ports, claimed).await;
            return Err(error);
        }
        Err(error) => Decided::bare(Outcome::Failed(StepError::from(&error))),
    };
    conclude(ports, spec, claimed, decided, message).await
}

/// What work on a step came to.
enum Worked {
    Decided(Box<Decided>),
    Later(Later),
}

/// A result but for what only the end knows.
struct Decided {
    outcome: Outcome,
    warnings: Vec<String>,
    basis: Basis,
    model: Option<String>,
    usage: Usage,
    cost: NanoUsd,
    saved: NanoUsd,
    spared_tokens: u64,
    recall: Option<RecallNote>,
    routing: Option<Box<Routing>>,
    gaps: Vec<AgentId>,
    input_digest: String,
    /// Calls may have been paid that `cost` does not know of.
    asks_ledger: bool,
}

impl Decided {
    fn bare(outcome: Outcome) -> Self {
        let asks_ledger = match &outcome {
            Outcome::Skipped(reason) => reason.code == ReasonCode::Cancelled,
            _ => true,
        };
        Self {
            outcome,
            warnings: Vec::new(),
            basis: Basis::Deterministic,
            model: None,
            usage: Usage::default(),
            cost: NanoUsd::ZERO,
            saved: NanoUsd::ZERO,
            spared_tokens: 0,
            recall: None,
            routing: None,
            gaps: Vec::new(),
            input_digest: String::new(),
            asks_ledger,
        }
    }
}

/// Gather, analyse, converse.
async fn work(ports: &Ports, spec: &AgentSpec, claimed: &Claimed) -> Result<Worked> {
    if claimed.took_over {
        money::book_lost_calls(ports, &claimed.run, Some((&claimed.key, claimed.epoch))).await?;
    }
    if claimed.run.cancel_requested {
        return Err(Error::new(ErrorKind::Cancelled, "the run was cancelled"));
    }
    if claimed.attempt > lease::MAX_ATTEMPTS {
        return Err(Error::new(
            ErrorKind::Internal,
            format!("given up after {} attempts", lease::MAX_ATTEMPTS),
        ));
    }
    let Some(run) = warming::origin(ports, &claimed.run).await? else {
        let reason = Reason::new(ReasonCode::NotApplicable, "the run that used the answer is gone");
        return Ok(Worked::Decided(Box::new(Decided::bare(Outcome::Skipped(reason)))));
    };
    let gathered = match gather(ports, &run, spec, &claimed.key.item).await {
        Err(error) if is_out_of_reach(&error) => return Ok(after_no_answer(claimed, &error)),
        gathered => gathered?,
    };
    let (input, gaps) = match gathered {
        Gathered::Ready { input, gaps } => (input, gaps),
        Gathered::Missing(agents) => {
            let names: Vec<&str> = agents.iter().map(AgentId::as_str).collect();
            let reason = Reason::new(ReasonCode::MissingInput, names.join(", "));
            return Ok(Worked::Decided(Box::new(Decided::bare(Outcome::Skipped(reason)))));
        }
    };
    let mut worked = decide(ports, spec, claimed, &input).await?;
    if let Worked::Decided(decided) = &mut worked {
        decided.gaps = gaps;
        decided.input_digest = digest_of(&input)?;
        hold_to_schema(spec, decided);
    }
    Ok(worked)
}

/// True for errors of the place a source comes from; the store's own are of another kind.
fn is_out_of_reach(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Network | ErrorKind::Timeout | ErrorKind::RateLimited)
}

/// A source that did not answer is asked again a few times, each after a longer wait; one that says when to come back is
/// asked then; a slow one is asked once more. Meanwhile the step is held by nobody.
fn after_no_answer(claimed: &Claimed, error: &Error) -> Worked {
    const WAIT_MS: u64 = 500;
    const MOST_TIMEOUTS: u32 = 2;
    let most = if error.kind() == ErrorKind::Timeout { MOST_TIMEOUTS } else { lease::MAX_ATTEMPTS };
    if claimed.attempt >= most {
        return Worked::Decided(Box::new(Decided::bare(Outcome::Failed(StepError::from(error)))));
    }
    let after_ms = error.retry_after_ms().unwrap_or(WAIT_MS << claimed.attempt.min(6));
    Worked::Later(Later { counts: 1, ..Later::after(after_ms, error.to_string()) })
}

/// The digest of all a step is given. Data that is stored apart stands in it by its own digest.
fn digest_of(input: &StepInput) -> Result<String> {
    let StepInput { request, item, inputs, facts } = input;
    let given: Vec<_> = inputs
        .iter()
        .map(|(agent, Input { status, data, reason })| {
            let apart = data.as_ref().and_then(Data::stored_under);
            (agent, status, reason, apart, data.as_ref().filter(|_| apart.is_none()))
        })
        .collect();
    // As one text, which takes half the time that writing it into the hash piece by piece does.
    let json = serde_json::to_vec(&(request, item, facts, given))
        .map_err(|error| Error::new(ErrorKind::Internal, "an input is no JSON").because(error))?;
    Ok(blake3::hash(&json).to_hex().to_string())
}

async fn decide(ports: &Ports, spec: &AgentSpec, claimed: &Claimed, input: &StepInput) -> Result<Worked> {
    let analysis = match &spec.analyser {
        None => None,
        Some(name) => {
            let analyser = ports.analysers.get(name.as_str()).ok_or_else(|| {
                Error::new(ErrorKind::Configuration, format!("there is no analyser {name}"))
            })?;
            Some(analyser.analyse(input))
        }
    };
    let baseline = match analysis {
        Some(Analysis::Skip(reason)) => return Ok(decided(Outcome::Skipped(reason), Vec::new(), None)),
        Some(Analysis::Fail(error)) => return Err(error),
        Some(Analysis::Settled(data)) => return Ok(decided(Outcome::Ok(data), Vec::new(), None)),
        Some(Analysis::Complete(data)) => Baseline::Complete(data),
        Some(Analysis::Partial { data, lacking }) => Baseline::Partial(data, lacking),
        Some(Analysis::Evidence(data)) => Baseline::Evidence(data),
        None => Baseline::Nothing,
    };
    let Some(llm) = &ports.model else {
        let (outcome, warnings) = baseline.without_model();
        return Ok(decided(outcome, warnings, None));
    };
    let subject = Subject { claimed, spec, input, baseline: baseline.data() };
    let mut conversation = converse(ports, llm.as_ref(), &subject).await?;
    if let Ending::Later(later) = &conversation.ending
        && !fits(ports, claimed, later)
    {
        conversation.ending = Ending::Failed(past_the_deadline(later));
    }
    if let Ending::Answer { answer, .. } = &mut conversation.ending {
        // Nothing is wrong with the result by now, so it bears no warning.
        let misplaced = places::mend(answer, input, baseline.data());
        if misplaced > 0 {
            tracing::debug!(step = %claimed.key, misplaced, "places in an answer are the source's now");
        }
    }
    Ok(conclude_conversation(conversation, baseline))
}

/// Puts the model's fields over the baseline, or falls back on it.
fn conclude_conversation(mut conversation: Conversation, baseline: Baseline) -> Worked {
    let ending =
        std::mem::replace(&mut conversation.ending, Ending::Budget(Error::new(ErrorKind::Internal, "")));
    let (outcome, warnings) = match ending {
        Ending::Later(later) => return Worked::Later(later),
        Ending::Answer { answer, from } => {
            let outcome = Outcome::Ok(merge(baseline.into_data(), answer));
            let mut worked = decided(outcome, Vec::new(), Some(conversation));
            if let (Worked::Decided(decided), Some(basis)) = (&mut worked, from) {
                decided.basis = basis;
            }
            return worked;
        }
        Ending::Refused(words) => baseline.unanswered(Reason::new(ReasonCode::Refused, words)),
        Ending::Invalid(faults) => {
            baseline.unanswered(Reason::new(ReasonCode::InvalidOutput, faults.join("; ")))
        }
        Ending::Nothing(why) => (Outcome::Skipped(Reason::new(ReasonCode::NotApplicable, why)), Vec::new()),
        Ending::Budget(error) => baseline.fall_back(ReasonCode::Budget, &error),
        Ending::Failed(error) => baseline.fall_back(ReasonCode::ModelUnavailable, &error),
    };
    let mut worked = decided(outcome, warnings, Some(conversation));
    if let Worked::Decided(decided) = &mut worked {
        decided.basis = Basis::Deterministic;
    }
    worked
}

fn decided(outcome: Outcome, warnings: Vec<String>, conversation: Option<Conversation>) -> Worked {
    let mut decided = Decided { warnings, asks_ledger: false, ..Decided::bare(outcome) };
    if let Some(conversation) = conversation {
        decided.basis = Basis::Model;
        decided.model = conversation.model;
        decided.usage = conversation.usage;
        decided.cost = conversation.cost;
        decided.saved = conversation.saved;
        decided.spared_tokens = conversation.spared_tokens;
        decided.recall = conversation.recall;
        decided.routing = conversation.routing;
        decided.warnings.extend(conversation.warnings);
    }
    Worked::Decided(Box::new(decided))
}

/// What rules alone could say.
enum Baseline {
    Nothing,
    Complete(Value),
    Partial(Value, String),
    Evidence(Value),
}

impl Baseline {
    fn data(&self) -> Option<&Value> {
        match self {
            Baseline::Nothing => None,
            Baseline::Complete(data) | Baseline::Partial(data, _) | Baseline::Evidence(data) => Some(data),
        }
    }

    fn into_data(self) -> Option<Value> {
        match self {
            Baseline::Nothing => None,
            Baseline::Complete(data) | Baseline::Partial(data, _) | Baseline::Evidence(data) => Some(data),
        }
    }

    fn without_model(self) -> (Outcome, Vec<String>) {
        match self {
            Baseline::Nothing => (Outcome::Skipped(ReasonCode::NoModel.into()), Vec::new()),
            Baseline::Complete(data) => (Outcome::Ok(data), Vec::new()),
            Baseline::Partial(data, lacking) => {
                (Outcome::Ok(data), vec![format!("without a model: {lacking}")])
            }
            Baseline::Evidence(data) => {
                (Outcome::Uncertain { reason: ReasonCode::NoModel.into(), data: Some(data) }, Vec::new())
            }
        }
    }

    /// The model answered, and its answer is of no use: what is complete by rules stands as it does without a model, and all
    /// else is uncertain.
    fn unanswered(self, reason: Reason) -> (Outcome, Vec<String>) {
        match self {
            Baseline::Complete(data) => (
                Outcome::Ok(data),
                vec![format!("by rules only, because the model's answer is of no use: {reason}")],
            ),
            other => (Outcome::Uncertain { reason, data: other.into_data() }, Vec::new()),
        }
    }

    /// The model was wanted and not to be had: rules stand where they can, with a word about it.
    fn fall_back(self, code: ReasonCode, error: &Error) -> (Outcome, Vec<String>) {
        let warning = format!("by rules only, because the model was not used: {error}");
        match self {
            Baseline::Complete(data) => (Outcome::Ok(data), vec![warning]),
            Baseline::Partial(data, lacking) => {
                (Outcome::Ok(data), vec![warning, format!("without a model: {lacking}")])
            }
            Baseline::Evidence(data) => (
                Outcome::Uncertain { reason: Reason::new(code, error.message()), data: Some(data) },
                Vec::new(),
            ),
            Baseline::Nothing if code == ReasonCode::Budget => {
                (Outcome::Skipped(Reason::new(code, error.message())), Vec::new())
            }
            Baseline::Nothing => (Outcome::Failed(StepError::from(error)), Vec::new()),
        }
    }
}

fn merge(baseline: Option<Value>, answer: Value) -> Value {
    match (baseline, answer) {
        (Some(Value::Object(mut data)), Value::Object(fields)) => {
            data.extend(fields);
            Value::Object(data)
        }
        (_, answer) => answer,
    }
}

/// Data that does not fit the agent's schema crosses no step's border.
fn hold_to_schema(spec: &AgentSpec, decided: &mut Decided) {
    let faults = match &decided.outcome {
        Outcome::Ok(data) | Outcome::Uncertain { data: Some(data), .. } => spec.data_faults(data),
        _ => return,
    };
    if !faults.is_empty() {
        let error = Error::new(
            ErrorKind::Internal,
            format!("{} made data that does not fit its schema: {}", spec.id, faults.join("; ")),
        );
        tracing::error!(%error, agent = %spec.id, "analyser and schema disagree");
        decided.outcome = Outcome::Failed(StepError::from(&error));
    }
}

async fn conclude(
    ports: &Ports,
    spec: &AgentSpec,
    claimed: &Claimed,
    decided: Decided,
    message: &StepMessage,
) -> Result<Option<StepResult>> {
    let now = ports.clock.now_ms();
    let result = StepResult {
        outcome: decided.outcome,
        warnings: decided.warnings,
        meta: Meta {
            run: claimed.run.key.run.clone(),
            agent: claimed.key.agent.clone(),
            item: claimed.key.item.clone(),
            attempt: claimed.attempt,
            basis: decided.basis,
            model: decided.model,
            prompt_version: spec.prompt_version.clone(),
            usage: decided.usage,
            cost: billed(ports, claimed, decided.cost, decided.asks_ledger).await?,
            saved: decided.saved,
            spared_tokens: decided.spared_tokens,
            duration_ms: now.saturating_sub(claimed.claimed_ms),
            finished_ms: now,
            gaps: decided.gaps,
            input_digest: decided.input_digest,
            trace_id: claimed.run.trace_id().to_string(),
            looked_up: decided.recall.is_some(),
            recall: decided.recall,
            routing: decided.routing,
        },
    };
    if !lease::settle(ports, claimed, &result).await? {
        return Ok(None);
    }
    ports.metrics.duration_ms("step_duration_ms", result.meta.duration_ms);
    if claimed.run.warms.is_none() {
        measure::step_ended(ports, &result);
    }
    let step = crate::model::Step {
        result: Some(result),
        ..lease::new_step(&claimed.key, claimed.first_claimed_ms)
    };
    report(ports, spec, &claimed.run, &step, &message.task_token).await?;
    Ok(step.result)
}

/// What the ledger says this step has cost, calls of lost workers included.
async fn billed(ports: &Ports, claimed: &Claimed, this_lease: NanoUsd, asks_ledger: bool) -> Result<NanoUsd> {
    if claimed.epoch == 1 && !asks_ledger {
        return Ok(this_lease);
    }
    let charges = money::charges(ports, &claimed.run.key).await?;
    Ok(cost_by_step(&charges).get(&claimed.key).copied().unwrap_or_default())
}

/// True if the wait ends before the run does.
fn fits(ports: &Ports, claimed: &Claimed, later: &Later) -> bool {
    ports.clock.now_ms().saturating_add(later.after_ms) < claimed.run.deadline_ms
}

fn past_the_deadline(later: &Later) -> Error {
    Error::new(ErrorKind::Quota, format!("{}; waiting would pass the run's deadline", later.why))
}

/// Another worker has the step: look again then.
async fn come_back(ports: &Ports, spec: &AgentSpec, message: &StepMessage, until_ms: u64) -> Result<()> {
    let delay_ms = until_ms.saturating_sub(ports.clock.now_ms()) + 1;
    ports.queues.send(queue_of(spec), &Message::Step(message.clone()), delay_ms).await
}

fn queue_of(spec: &AgentSpec) -> Queue {
    Queue::Agents(spec.profile)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::model::{ContentRef, Depth, Status};
    use crate::step_input::RequestView;

    fn digest(status: Status, data: Option<Data>, reason: Option<&str>) -> String {
        let request = RequestView {
            source_name: "talk.vtt".to_owned(),
            media_type: "text/vtt".to_owned(),
            bytes: 10,
            depth: Depth::Quick,
            requested_ms: 0,
        };
        let given = Input { status, data, reason: reason.map(str::to_owned) };
        let inputs = [(AgentId::new("worker"), given)].into();
        digest_of(&StepInput { request, item: None, inputs, facts: Default::default() }).unwrap()
    }

    #[test]
    fn a_digest_takes_in_all_that_is_given() {
        let apart = |value: Value, under: &str| Some(Data::stored(Arc::new(value), ContentRef::new(under)));
        let here = |value: Value| Some(Data::from(value));
        let all = [
            digest(Status::Ok, here(json!({"said": 1})), None),
            digest(Status::Ok, here(json!({"said": 2})), None),
            digest(Status::Uncertain, here(json!({"said": 1})), None),
            digest(Status::Uncertain, here(json!({"said": 1})), Some("why")),
            digest(Status::Ok, None, None),
            digest(Status::Ok, apart(json!({"said": 1}), "a"), None),
            digest(Status::Ok, apart(json!({"said": 1}), "b"), None),
        ];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[..at].contains(one), "{at}");
        }
        assert_eq!(all[0], digest(Status::Ok, here(json!({"said": 1})), None));
        assert_eq!(all[5], digest(Status::Ok, apart(json!({"said": 1}), "a"), None));
    }
}
