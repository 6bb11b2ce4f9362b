//! Whole runs whose model answers with garbage: what the platform makes of a hundred thousand answers that are none.
//!
//! The scripted model's own answer is written as a provider writes it, whole or in events, in one of the protocols, and then
//! spoilt; the adapter's own reading of bytes makes a reply or an error of it, and the run goes on with that. Only what no step
//! could use is counted as garbage: an answer that is still one after it was spoilt is not. What is slow, huge
//! or breaks off while it comes needs a socket and is tried in `shared/llm/tests/garbage.rs`.
//!
//! The provider bills what its answer says it used, as far as that is believed; nothing for a call it refused; and what the call
//! used where the answer does not tell. So the ledger is held to a bill here as it is elsewhere.

#![allow(clippy::result_large_err, reason = "the port's error is what it is")]

mod spoil;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use engine::agent::{Catalogue, ModelSpec, Tier};
use engine::error::{Error, ErrorKind};
use engine::memory::SeededRandom;
use engine::model::{AgentId, Usage};
use engine::ports::{Bill, Llm, LlmError, ModelReply, ModelRequest, Random as _};
use llm::Wire;
use serde::Serialize;

use crate::scripted::{Bill as Books, Face, body, item_of};
use crate::sim::{Plan, simulate};
use spoil::{Answer, SPOILINGS, keeps_usage};

/// What was answered, and what was made of it.
#[derive(Debug, Default)]
pub struct Garbage {
    /// Answers of all kinds, and those that no step could use.
    answers: AtomicU64,
    garbage: AtomicU64,
    seen: Mutex<Seen>,
}

/// What was seen.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Seen {
    /// Answers by how they were spoilt.
    pub by_spoiling: BTreeMap<&'static str, u64>,
    /// Answers by agent.
    pub by_agent: BTreeMap<String, u64>,
    /// Answers by protocol.
    pub by_wire: BTreeMap<&'static str, u64>,
    /// What the adapter made of them: `reply`, or the kind of error.
    pub by_result: BTreeMap<String, u64>,
    /// Garbage by how it was spoilt.
    pub garbage_by_spoiling: BTreeMap<&'static str, u64>,
    /// Readings of an answer that panicked.
    pub panics_of_reading: u64,
    /// Answers whose usage was left as it was and read as another one.
    pub misread_usages: u64,
}

/// What a number of runs came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// Answers that no step could use.
    pub garbage: u64,
    /// Answers in all.
    pub answers: u64,
    /// Runs they were asked for in.
    pub runs: u64,
    /// Agents that got some.
    pub agents: usize,
    /// Readings and runs that panicked.
    pub panics: u64,
    /// Steps with a result, and of them those whose data does not fit its agent's schema.
    pub results: u64,
    /// See `results`.
    pub results_against_schema: u64,
    /// Whatever else an oracle saw.
    pub violations: Vec<String>,
    /// In detail.
    pub seen: Seen,
}

/// Plays comprehensive runs until so many garbage answers were given.
pub fn play(wanted: u64, seed: u64) -> Figures {
    let garbage = Arc::new(Garbage::default());
    let figures = Mutex::new(Figures::default());
    let next = AtomicU64::new(seed << 20);
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while garbage.garbage.load(Ordering::Relaxed) < wanted {
                    let plan = Plan {
                        garbage: Some(garbage.clone()),
                        daily_budget: engine::model::NanoUsd::from_usd(100),
                        ..Plan::calm(next.fetch_add(1, Ordering::Relaxed))
                    };
                    let ended = catch_unwind(AssertUnwindSafe(|| simulate(&plan)));
                    let mut figures = figures.lock().unwrap_or_else(PoisonError::into_inner);
                    figures.runs += 1;
                    let Ok(ended) = ended else {
                        figures.panics += 1;
                        continue;
                    };
                    figures.results += ended.results().len() as u64;
                    for violation in ended.violations {
                        figures.results_against_schema += u64::from(violation.oracle == "schema");
                        figures.violations.push(format!("{}: {}", violation.oracle, violation.what));
                    }
                }
            });
        }
    });
    let mut figures = figures.into_inner().unwrap_or_else(PoisonError::into_inner);
    figures.seen = garbage.seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    figures.answers = garbage.answers.load(Ordering::Relaxed);
    figures.garbage = garbage.garbage.load(Ordering::Relaxed);
    figures.agents = figures.seen.by_agent.len();
    figures.panics += figures.seen.panics_of_reading;
    figures
}

/// A model whose answers are spoilt on their way.
pub(crate) struct Spoilt {
    model: Arc<dyn Llm>,
    garbage: Arc<Garbage>,
    catalogue: Arc<Catalogue>,
    bill: Arc<Books>,
    random: SeededRandom,
}

impl Spoilt {
    pub(crate) fn new(
        model: Arc<dyn Llm>,
        garbage: Arc<Garbage>,
        catalogue: Arc<Catalogue>,
        bill: Arc<Books>,
        seed: u64,
    ) -> Self {
        Self { model, garbage, catalogue, bill, random: SeededRandom::new(seed ^ 0x6A7B) }
    }

    /// True if a step can do something with this.
    fn is_of_use(&self, request: &ModelRequest, reply: &ModelReply) -> bool {
        if !reply.tool_calls.is_empty() {
            let is_granted = |name: &str| request.tools.iter().any(|tool| tool.name == name);
            return reply.tool_calls.iter().all(|call| is_granted(&call.name));
        }
        let spec = self.catalogue.agent(&AgentId::new(&request.schema_name));
        let answers = |answer| spec.is_some_and(|spec| spec.answer_faults(&answer).is_empty());
        !reply.cut_off && reply.refusal.is_none() && serde_json::from_str(&reply.text).is_ok_and(answers)
    }

    /// Puts what the spoilt answer says it cost in the place of what was billed for the answer before. False if the usage is
    /// believed and another one although it was left as it was.
    fn bill(
        &self,
        request: &ModelRequest,
        used: &Usage,
        result: &Result<ModelReply, LlmError>,
        is_kept: bool,
    ) -> Result<bool, LlmError> {
        let price = request.model.price.unwrap_or_default();
        let billed = price.cost(used);
        let (told, is_believed) = match result {
            Ok(reply) => (price.cost(&reply.usage), true),
            Err(LlmError { bill: Bill::Used(usage), .. }) => (price.cost(usage), true),
            Err(LlmError { bill: Bill::Nothing, .. }) => (engine::model::NanoUsd::ZERO, false),
            Err(LlmError { bill: Bill::Unknown, .. }) => (billed, false),
        };
        if told != billed {
            let step = (request.schema_name.as_str(), item_of(&request.messages));
            let corrected = self.bill.correct((step.0, &step.1), &request.model.id, told.0 - billed.0);
            corrected.map_err(|error| LlmError {
                error: Error::new(ErrorKind::Internal, "the books could not be kept").because(error),
                bill: Bill::Unknown,
            })?;
        }
        Ok(!(is_kept && is_believed) || told == billed)
    }
}

#[async_trait]
impl Llm for Spoilt {
    fn candidates(&self, tier: Tier) -> Vec<Arc<ModelSpec>> {
        self.model.candidates(tier)
    }

    async fn complete(&self, request: &ModelRequest) -> Result<ModelReply, LlmError> {
        let reply = self.model.complete(request).await?;
        let random = &self.random;
        let number = self.garbage.answers.fetch_add(1, Ordering::Relaxed);
        let (face, wire, wire_name) = match random.next_u64() % 2 {
            0 => (Face::ChatCompletions, Wire::ChatCompletions, "chat completions"),
            _ => (Face::Messages, Wire::Messages, "Messages"),
        };
        let is_streamed = random.next_u64().is_multiple_of(2);
        let (name, spoil) = SPOILINGS[usize::try_from(random.next_u64()).unwrap_or(0) % SPOILINGS.len()];
        let used = reply.usage;
        let mut answer = Answer { status: 200, is_streamed, face, reply, body: Vec::new() };
        answer.body = body(face, number, &answer.reply, is_streamed);
        spoil(&mut answer, random);
        let read = || llm::read_answer(wire, request, answer.status, answer.is_streamed, &answer.body);
        let result = catch_unwind(AssertUnwindSafe(read));
        let is_garbage = !matches!(&result, Ok(Ok(reply)) if self.is_of_use(request, reply));
        self.garbage.garbage.fetch_add(u64::from(is_garbage), Ordering::Relaxed);
        let is_right = match &result {
            Ok(result) => self.bill(request, &used, result, keeps_usage(name))?,
            Err(_) => true,
        };
        let mut seen = self.garbage.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen.by_spoiling.entry(name).or_default() += 1;
        *seen.garbage_by_spoiling.entry(name).or_default() += u64::from(is_garbage);
        seen.misread_usages += u64::from(!is_right);
        *seen.by_agent.entry(request.schema_name.clone()).or_default() += 1;
        *seen.by_wire.entry(wire_name).or_default() += 1;
        let Ok(result) = result else {
            seen.panics_of_reading += 1;
            let error = Error::new(ErrorKind::Internal, "reading the answer panicked");
            return Err(LlmError { error, bill: Bill::Unknown });
        };
        let made = result.as_ref().map_or_else(|LlmError { error, .. }| error.kind().name(), |_| "reply");
        *seen.by_result.entry(made.to_owned()).or_default() += 1;
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_thousand_garbage_answers_come_to_typed_results_and_none_passes_its_schema() {
        let figures = play(3_000, 1);
        assert!(figures.garbage >= 3_000 && figures.agents == 26, "{figures:#?}");
        assert!(figures.answers > figures.garbage * 11 / 10, "good answers are not counted: {figures:#?}");
        assert_eq!((figures.panics, figures.violations.len()), (0, 0), "{figures:#?}");
        assert_eq!(figures.seen.misread_usages, 0, "{figures:#?}");
        assert_eq!(figures.seen.by_spoiling.len(), SPOILINGS.len());
        let replies = figures.seen.by_result.get("reply").copied().unwrap_or_default();
        assert!(replies > 100 && replies < figures.answers, "{figures:#?}");
        assert!(figures.seen.by_result.len() > 5, "{figures:#?}");
    }
}
