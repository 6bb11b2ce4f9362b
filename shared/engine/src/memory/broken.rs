//! Ports that are broken in one of four ways, for tests of what is to notice it.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::agent::{ModelSpec, Tier};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{ContentRef, MemoryRecord, NanoUsd, RunId, RunKey, Step, TenantId, Token};
use crate::ports::{
    Admission, Cache, Change, Clock, ContentStore, Embedder, Entry, Flight, Found, Generation, Held, Key,
    Limits, Llm, LlmError, Looked, Lookup, Memory, Message, Metrics, ModelReply, ModelRequest, Neighbour,
    Page, Queue, Queues, Range, Row, Store, Take, Tool, ToolAnswer, ToolExample, ToolScope, ToolSpec,
    Versioned, Workflow,
};

/// How a port is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Every call fails.
    Down,
    /// Every call takes so many milliseconds longer.
    Slow(u64),
    /// Every question has another answer than it should.
    Wrong,
    /// Whatever changes something is refused.
    ReadOnly,
}

/// A port with a fault.
pub struct Broken<P: ?Sized> {
    port: Arc<P>,
    clock: Arc<dyn Clock>,
    fault: Fault,
    concerns: fn(&Key) -> bool,
}

impl<P: ?Sized> Broken<P> {
    /// Breaks `port`.
    pub fn new(port: Arc<P>, clock: Arc<dyn Clock>, fault: Fault) -> Self {
        Self { port, clock, fault, concerns: |_| true }
    }

    /// The same for these rows of a store only.
    #[must_use]
    pub fn only(mut self, concerns: fn(&Key) -> bool) -> Self {
        self.concerns = concerns;
        self
    }

    /// Before a question.
    async fn ask(&self) -> Result<()> {
        match self.fault {
            Fault::Down => Err(Error::new(ErrorKind::Storage, "broken: it is down")),
            Fault::Slow(milliseconds) => {
                self.clock.sleep(milliseconds).await;
                Ok(())
            }
            Fault::Wrong | Fault::ReadOnly => Ok(()),
        }
    }

    /// Before a change.
    async fn change(&self) -> Result<()> {
        match self.fault {
            Fault::ReadOnly => Err(Error::new(ErrorKind::Storage, "broken: it is read-only")),
            _ => self.ask().await,
        }
    }

    fn is_wrong(&self) -> bool {
        self.fault == Fault::Wrong
    }
}

#[async_trait]
impl Store for Broken<dyn Store> {
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>> {
        if keys.iter().any(self.concerns) {
            self.ask().await?;
        }
        let mut rows = self.port.read(keys).await?;
        if self.is_wrong() {
            let found = rows.iter_mut().zip(keys).filter(|(_, key)| (self.concerns)(key));
            found.filter_map(|(row, _)| row.as_mut()).for_each(|versioned| alter(&mut versioned.row));
        }
        Ok(rows)
    }

    async fn write(&self, changes: &[Change]) -> Result<()> {
        if changes.iter().any(|change| (self.concerns)(&change.key)) {
            self.change().await?;
        }
        self.port.write(changes).await
    }

    async fn list(&self, range: &Range, from: Option<&str>, limit: usize) -> Result<Page> {
        let mut page = self.port.list(range, from, limit).await?;
        if page.rows.iter().any(|(key, _)| (self.concerns)(key)) {
            self.ask().await?;
        }
        if self.is_wrong() {
            let found = page.rows.iter_mut().filter(|(key, _)| (self.concerns)(key));
            found.for_each(|(_, versioned)| alter(&mut versioned.row));
        }
        Ok(page)
    }
}

/// Makes it another row of its kind.
fn alter(row: &mut Row) {
    match row {
        Row::Run(run) => run.cost += NanoUsd(1),
        Row::Sequence(sequence) => sequence.last_event += 1,
        Row::Purse(purse) => purse.spent += NanoUsd(1),
        Row::Charge(charge) => charge.cost += NanoUsd(1),
        Row::Budget(budget) => budget.allotted += NanoUsd(1),
        Row::Learned(learned) => learned.add(&crate::model::AgentId::new("broken"), "broken", 1),
        Row::Prices(list) => list.prices.clear(),
        Row::Circuit(circuit) => circuit.failures += 1,
        Row::Trust(earned) => earned.of("broken").shadow += 1,
        Row::Counters(counters) => counters.recall_lookups += 1,
        Row::Memory(record) => record.record = Value::Null,
        Row::Expiring { value, .. } => *value = json!("broken"),
        Row::Step(step) => *step = Arc::new(altered_step(step)),
        Row::Event(event) => event.at_ms += 1,
        Row::Outbox(outbox) => outbox.created_ms += 1,
        Row::Idempotency { request_digest, .. } => request_digest.push('0'),
        Row::ApiKey(key) => key.secrets.clear(),
        Row::Settings(settings) => settings.run_cap = Some(NanoUsd(1)),
        Row::Upload(upload) => upload.bytes += 1,
        Row::Warming(warming) => warming.took_ms += 1,
        Row::Journal(number) => *number += 1,
    }
}

fn altered_step(step: &Step) -> Step {
    let mut step = step.clone();
    if let Some(result) = &mut step.result {
        result.meta.duration_ms += 1;
    }
    if let Some(lease) = &mut step.lease {
        lease.epoch += 1;
    }
    step
}

#[async_trait]
impl ContentStore for Broken<dyn ContentStore> {
    async fn put(&self, tenant: &TenantId, bytes: &[u8]) -> Result<ContentRef> {
        self.change().await?;
        self.port.put(tenant, bytes).await
    }

    async fn get(&self, tenant: &TenantId, content: &ContentRef) -> Result<Vec<u8>> {
        self.ask().await?;
        let bytes = self.port.get(tenant, content).await?;
        Ok(if self.is_wrong() { br#""broken""#.to_vec() } else { bytes })
    }
}

#[async_trait]
impl Queues for Broken<dyn Queues> {
    async fn send(&self, queue: Queue, message: &Message, delay_ms: u64) -> Result<()> {
        self.change().await?;
        self.port.send(queue, message, delay_ms).await
    }

    async fn depth(&self, queue: Queue) -> Result<Option<u64>> {
        self.ask().await?;
        let depth = self.port.depth(queue).await?;
        Ok(if self.is_wrong() { Some(1_000_000) } else { depth })
    }
}

#[async_trait]
impl Workflow for Broken<dyn Workflow> {
    async fn start(&self, run: &RunKey, input: Value) -> Result<()> {
        self.change().await?;
        self.port.start(run, input).await
    }

    async fn succeed(&self, token: &Token, output: Value) -> Result<()> {
        self.change().await?;
        self.port.succeed(token, output).await
    }

    async fn fail(&self, token: &Token, error: &str, cause: &str) -> Result<()> {
        self.change().await?;
        self.port.fail(token, error, cause).await
    }

    async fn stop(&self, run: &RunKey, cause: &str) -> Result<()> {
        self.change().await?;
        self.port.stop(run, cause).await
    }

    async fn ready(&self) -> Result<Option<bool>> {
        self.ask().await?;
        let ready = self.port.ready().await?;
        Ok(if self.is_wrong() { Some(false) } else { ready })
    }
}

#[async_trait]
impl Cache for Broken<dyn Cache> {
    async fn look_up(&self, tenant: &TenantId, lookup: &Lookup) -> Result<Looked> {
        // Whoever leads from now on is a change.
        if lookup.flight.is_some() {
            self.change().await?
        } else {
            self.ask().await?
        };
        let mut looked = self.port.look_up(tenant, lookup).await?;
        if self.is_wrong() {
            let entry = Entry {
                value: Arc::from(*b"broken"),
                fresh_ms: 60_000,
                grace_ms: 0,
                tags: Vec::new(),
                generation: looked.generation,
                worth: 0,
            };
            looked.found.fill(Found::Held(Held { entry, age_ms: 0 }));
        }
        Ok(looked)
    }

    async fn put(&self, tenant: &TenantId, key: &str, entry: &Entry) -> Result<()> {
        self.change().await?;
        self.port.put(tenant, key, entry).await
    }

    async fn lead(&self, tenant: &TenantId, key: &str, flight: &Flight) -> Result<bool> {
        self.change().await?;
        self.port.lead(tenant, key, flight).await
    }

    async fn release(&self, tenant: &TenantId, key: &str, holder: &str) -> Result<()> {
        self.change().await?;
        self.port.release(tenant, key, holder).await
    }

    async fn purge(&self, tenant: &TenantId, tag: &str) -> Result<Generation> {
        self.change().await?;
        self.port.purge(tenant, tag).await
    }

    async fn add(
        &self,
        tenant: &TenantId,
        namespace: &str,
        neighbour: &Neighbour,
        keep_ms: u64,
    ) -> Result<()> {
        self.change().await?;
        self.port.add(tenant, namespace, neighbour, keep_ms).await
    }
}

#[async_trait]
impl Limits for Broken<dyn Limits> {
    async fn take(&self, take: &Take) -> Result<Admission> {
        self.change().await?;
        let admission = self.port.take(take).await?;
        Ok(if self.is_wrong() { Admission::refused(1_000, admission.backend) } else { admission })
    }

    async fn settle(&self, take: &Take, used: &crate::ports::Used) -> Result<()> {
        self.change().await?;
        self.port.settle(take, used).await
    }

    async fn refund(&self, take: &Take) -> Result<()> {
        self.change().await?;
        self.port.refund(take).await
    }

    async fn allow(&self, key: &str, tokens: u64) -> Result<Admission> {
        self.change().await?;
        let admission = self.port.allow(key, tokens).await?;
        Ok(if self.is_wrong() { Admission::refused(1_000, admission.backend) } else { admission })
    }
}

#[async_trait]
impl Memory for Broken<dyn Memory> {
    async fn remember(&self, tenant: &TenantId, record: &MemoryRecord) -> Result<()> {
        self.change().await?;
        self.port.remember(tenant, record).await
    }

    async fn recent(
        &self,
        tenant: &TenantId,
        before: Option<&RunId>,
        limit: usize,
    ) -> Result<Vec<MemoryRecord>> {
        self.ask().await?;
        let mut records = self.port.recent(tenant, before, limit).await?;
        if self.is_wrong() {
            records.iter_mut().for_each(|record| record.record = Value::Null);
        }
        Ok(records)
    }
}

#[async_trait]
impl Embedder for Broken<dyn Embedder> {
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>> {
        self.ask().await?;
        let mut vectors = self.port.embed(texts).await?;
        if self.is_wrong() {
            // Each text gets the meaning of the next one.
            vectors.rotate_left(1);
        }
        Ok(vectors)
    }
}

#[async_trait]
impl Llm for Broken<dyn Llm> {
    fn candidates(&self, tier: Tier) -> Vec<Arc<ModelSpec>> {
        self.port.candidates(tier)
    }

    fn learns(&self, tier: Tier) -> bool {
        self.port.learns(tier)
    }

    async fn complete(&self, request: &ModelRequest) -> std::result::Result<ModelReply, LlmError> {
        self.port.complete(request).await
    }

    async fn reachable(&self) -> Result<Option<Vec<String>>> {
        self.ask().await?;
        let listed = self.port.reachable().await?;
        Ok(if self.is_wrong() { Some(Vec::new()) } else { listed })
    }
}

#[async_trait]
impl Tool for Broken<dyn Tool> {
    fn spec(&self) -> ToolSpec {
        self.port.spec()
    }

    async fn call(&self, scope: ToolScope<'_>, arguments: &Value) -> Result<ToolAnswer> {
        self.ask().await?;
        let answer = self.port.call(scope, arguments).await?;
        Ok(if self.is_wrong() { ToolAnswer::Answer(json!("broken")) } else { answer })
    }

    fn example(&self) -> Option<ToolExample> {
        self.port.example()
    }
}

/// Measurements know no failure and no waiting: what is down or read-only loses them.
impl Metrics for Broken<dyn Metrics> {
    fn count(&self, name: &'static str, by: u64) {
        if matches!(self.fault, Fault::Slow(_) | Fault::Wrong) {
            self.port.count(name, by);
        }
    }

    fn duration_ms(&self, name: &'static str, milliseconds: u64) {
        if matches!(self.fault, Fault::Slow(_) | Fault::Wrong) {
            self.port.duration_ms(name, milliseconds);
        }
    }

    fn held(&self, name: &'static str) -> Option<u64> {
        let held = self.port.held(name);
        if self.is_wrong() { held.map(|_| 0) } else { held }
    }
}
