//! Every port of the memory world with faults around it.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use engine::agent::{ModelSpec, Tier};
use engine::error::{Error, ErrorKind, Result};
use engine::model::{
    CallId, ChargeState, ContentRef, Counters, MemoryRecord, NanoUsd, RunId, RunKey, Source, StepKey,
    TenantId, Token,
};
use engine::ports::{
    Acquired, Admission, Backend, Becomes, Cache, Change, ContentStore, Delivery, Entry, Flight, Generation,
    Key, Limits, Llm, LlmError, Looked, Lookup, Memory, Message, ModelReply, ModelRequest, Neighbour, Page,
    Platform, Post, Queue, Queues, Random as _, Range, Row, Store, Take, Tool, ToolAnswer, ToolScope,
    ToolSpec, Used, Versioned, Workflow,
};
use serde_json::Value;

use super::faults::Faults;

/// What happened, in the order it happened: calls to the model, and results as they became final.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Trace {
    Called {
        agent: String,
        item: String,
        process: u32,
    },
    Stored(StepKey),
    /// A worker took the step.
    Claimed {
        step: StepKey,
        epoch: u32,
    },
    /// Money was set aside for a call of the step.
    Reserved {
        step: StepKey,
        epoch: u32,
    },
    Refused(String),
    Budget {
        purse_over_cap: bool,
        budget_over_limit: bool,
    },
    Counted {
        shard: u32,
        counters: Box<Counters>,
    },
}

/// A log every port of a world writes to.
#[derive(Default)]
pub(super) struct Log(Mutex<Vec<Trace>>);

impl Log {
    pub(super) fn push(&self, trace: Trace) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(trace);
    }

    pub(super) fn all(&self) -> Vec<Trace> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A port with faults around it.
pub(super) struct Faulty<T: ?Sized> {
    pub(super) faults: Arc<Faults>,
    pub(super) log: Arc<Log>,
    /// Whose port it is: the processes of a world are numbered as they begin.
    pub(super) process: u32,
    pub(super) inner: Arc<T>,
}

/// Queues as a workflow sends to them that is no part of the process.
pub(super) struct FromOutside(pub(super) Faulty<dyn Queues>);

#[async_trait]
impl Store for Faulty<dyn Store> {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>> {
        self.faults.around(self.inner.read(keys)).await
    }

    async fn write(&self, changes: &[Change]) -> Result<()> {
        let faults = &self.faults;
        if faults.chance(faults.rates.conflict) {
            return Err(Error::new(ErrorKind::Conflict, "simulated: somebody was faster"));
        }
        faults
            .around(async {
                self.inner.write(changes).await?;
                self.log.note(changes);
                Ok(())
            })
            .await
    }

    async fn list(&self, range: &Range, from: Option<&str>, limit: usize) -> Result<Page> {
        self.faults.around(self.inner.list(range, from, limit)).await
    }
}

impl Log {
    /// Logs what of these changes the oracles ask about, now that they are stored for ever.
    pub(super) fn note(&self, changes: &[Change]) {
        for change in changes {
            match &change.to {
                Becomes::Row(Row::Step(step)) if step.result.is_some() => {
                    self.push(Trace::Stored(step.key.clone()))
                }
                Becomes::Row(Row::Step(step)) => {
                    self.push(Trace::Claimed { step: step.key.clone(), epoch: step.epoch });
                }
                Becomes::Row(Row::Charge(charge)) if charge.state == ChargeState::Reserved => {
                    let CallId { step, epoch, .. } = &charge.call;
                    self.push(Trace::Reserved { step: step.clone(), epoch: *epoch });
                }
                Becomes::Row(Row::Counters(counters)) => {
                    if let Key::Counters(_, shard) = change.key {
                        self.push(Trace::Counted { shard, counters: Box::new(counters.clone()) });
                    }
                }
                Becomes::Row(Row::Purse(purse))
                    if purse.drawn > purse.cap || purse.reserved + purse.spent > purse.drawn =>
                {
                    self.push(Trace::Budget { purse_over_cap: true, budget_over_limit: false });
                }
                Becomes::Row(Row::Budget(budget)) if budget.left() < NanoUsd::ZERO => {
                    self.push(Trace::Budget { purse_over_cap: false, budget_over_limit: true });
                }
                _ => {}
            }
        }
    }
}

#[async_trait]
impl ContentStore for Faulty<dyn ContentStore> {
    async fn put(&self, tenant: &TenantId, bytes: &[u8]) -> Result<ContentRef> {
        self.faults.around(self.inner.put(tenant, bytes)).await
    }

    async fn get(&self, tenant: &TenantId, content: &ContentRef) -> Result<Vec<u8>> {
        self.faults.around(self.inner.get(tenant, content)).await
    }
}

impl Faulty<dyn Queues> {
    /// How much later than asked for a message comes.
    fn late_ms(&self, delay_ms: u64) -> u64 {
        let faults = &self.faults;
        if !faults.chance(faults.rates.delay) {
            return 0;
        }
        let late_ms = faults.random.next_u64() % 20_000;
        faults.excuse_after(delay_ms, late_ms);
        late_ms
    }

    /// Sends, maybe late and maybe twice.
    async fn send_late(&self, queue: Queue, message: &Message, delay_ms: u64, late_ms: u64) -> Result<()> {
        const LONGEST_DELAY_MS: u64 = 900_000;
        let faults = &self.faults;
        self.inner.send(queue, message, (delay_ms + late_ms).min(LONGEST_DELAY_MS)).await?;
        if faults.chance(faults.rates.duplicate) {
            let again = faults.random.next_u64() % 60_000;
            self.inner.send(queue, message, (delay_ms + again).min(LONGEST_DELAY_MS)).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Queues for Faulty<dyn Queues> {
    async fn send(&self, queue: Queue, message: &Message, delay_ms: u64) -> Result<()> {
        let late_ms = self.late_ms(delay_ms);
        self.faults.around(self.send_late(queue, message, delay_ms, late_ms)).await
    }
}

#[async_trait]
impl Queues for FromOutside {
    async fn send(&self, queue: Queue, message: &Message, delay_ms: u64) -> Result<()> {
        let late_ms = self.0.late_ms(delay_ms);
        self.0.faults.around_outside(self.0.send_late(queue, message, delay_ms, late_ms)).await
    }
}

#[async_trait]
impl Workflow for Faulty<dyn Workflow> {
    async fn start(&self, run: &RunKey, input: Value) -> Result<()> {
        self.faults.around_workflow(self.inner.start(run, input)).await
    }

    async fn succeed(&self, token: &Token, output: Value) -> Result<()> {
        self.faults.around_workflow(self.inner.succeed(token, output)).await
    }

    async fn fail(&self, token: &Token, error: &str, cause: &str) -> Result<()> {
        self.faults.around_workflow(self.inner.fail(token, error, cause)).await
    }

    async fn stop(&self, run: &RunKey, cause: &str) -> Result<()> {
        self.faults.around_workflow(self.inner.stop(run, cause)).await
    }
}

#[async_trait]
impl Cache for Faulty<dyn Cache> {
    async fn look_up(&self, tenant: &TenantId, lookup: &Lookup) -> Result<Looked> {
        self.faults.around(self.inner.look_up(tenant, lookup)).await
    }

    async fn put(&self, tenant: &TenantId, key: &str, entry: &Entry) -> Result<()> {
        self.faults.around(self.inner.put(tenant, key, entry)).await
    }

    async fn lead(&self, tenant: &TenantId, key: &str, flight: &Flight) -> Result<bool> {
        self.faults.around(self.inner.lead(tenant, key, flight)).await
    }

    async fn release(&self, tenant: &TenantId, key: &str, holder: &str) -> Result<()> {
        self.faults.around(self.inner.release(tenant, key, holder)).await
    }

    async fn purge(&self, tenant: &TenantId, tag: &str) -> Result<Generation> {
        self.faults.around(self.inner.purge(tenant, tag)).await
    }

    async fn add(
        &self,
        tenant: &TenantId,
        namespace: &str,
        neighbour: &Neighbour,
        keep_ms: u64,
    ) -> Result<()> {
        self.faults.around(self.inner.add(tenant, namespace, neighbour, keep_ms)).await
    }
}

#[async_trait]
impl Limits for Faulty<dyn Limits> {
    async fn take(&self, take: &Take) -> Result<Admission> {
        if self.faults.chance(self.faults.rates.refuse_rate) {
            let refused = Admission::refused(1 + self.faults.random.next_u64() % 8_000, Backend::Memory);
            self.faults.excuse(refused.retry_after_ms);
            return Ok(refused);
        }
        let admission = self.faults.around(self.inner.take(take)).await?;
        self.faults.excuse(admission.retry_after_ms);
        Ok(admission)
    }

    async fn settle(&self, take: &Take, used: &Used) -> Result<()> {
        self.faults.around(self.inner.settle(take, used)).await
    }

    async fn refund(&self, take: &Take) -> Result<()> {
        self.faults.around(self.inner.refund(take)).await
    }

    async fn allow(&self, key: &str, tokens: u64) -> Result<Admission> {
        self.faults.around(self.inner.allow(key, tokens)).await
    }
}

#[async_trait]
impl Memory for Faulty<dyn Memory> {
    async fn remember(&self, tenant: &TenantId, record: &MemoryRecord) -> Result<()> {
        self.faults.around(self.inner.remember(tenant, record)).await
    }

    async fn recent(
        &self,
        tenant: &TenantId,
        before: Option<&RunId>,
        limit: usize,
    ) -> Result<Vec<MemoryRecord>> {
        self.faults.around(self.inner.recent(tenant, before, limit)).await
    }
}

#[async_trait]
impl Delivery for Faulty<dyn Delivery> {
    fn channel(&self) -> &str {
        self.inner.channel()
    }

    async fn post(&self, post: &Post) -> Result<String> {
        self.faults.around(self.inner.post(post)).await
    }
}

#[async_trait]
impl Tool for Faulty<dyn Tool> {
    fn spec(&self) -> ToolSpec {
        self.inner.spec()
    }

    async fn call(&self, scope: ToolScope<'_>, arguments: &Value) -> Result<ToolAnswer> {
        self.faults.around(self.inner.call(scope, arguments)).await
    }
}

#[async_trait]
impl Platform for Faulty<dyn Platform> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn recognises(&self, source: &Source) -> bool {
        self.inner.recognises(source)
    }

    async fn acquire(&self, source: &Source, content: &[u8]) -> Result<Acquired> {
        self.faults.around(self.inner.acquire(source, content)).await
    }
}

/// A call that hangs is given up after this long at the latest.
const LONGEST_CALL_MS: u64 = 120_000;
/// So long a step that failed waits at the longest before its next call.
const LONGEST_BACKOFF_MS: u64 = 32_000;

/// The model has faults of its own; here only the process dies around its calls, and they are logged.
#[async_trait]
impl Llm for Faulty<dyn Llm> {
    fn candidates(&self, tier: Tier) -> Vec<Arc<ModelSpec>> {
        self.inner.candidates(tier)
    }

    fn learns(&self, tier: Tier) -> bool {
        self.inner.learns(tier)
    }

    async fn complete(&self, request: &ModelRequest) -> Result<ModelReply, LlmError> {
        let number = self.faults.enter().await;
        let (agent, item) = (request.schema_name.clone(), item_of(request));
        self.log.push(Trace::Called { agent, item, process: self.process });
        let call = self.faults.excusing(LONGEST_CALL_MS);
        let answer = self.inner.complete(request).await;
        drop(call);
        if answer.is_err() {
            self.faults.excuse(LONGEST_BACKOFF_MS);
        }
        self.faults.leave(number).await;
        answer
    }
}

/// The id of the item a request is about, read from its data block; `-` for none.
fn item_of(request: &ModelRequest) -> String {
    let texts = request.messages.iter().filter_map(|message| match message {
        engine::ports::ModelMessage::User { text } => Some(text),
        _ => None,
    });
    let item = texts.flat_map(|text| text.split("<data name=\"item\">\n").skip(1)).find_map(|rest| {
        let json = rest.split("\n</data>").next()?;
        serde_json::from_str::<Value>(json).ok()?["id"].as_str().map(str::to_owned)
    });
    item.unwrap_or_else(|| "-".to_owned())
}
