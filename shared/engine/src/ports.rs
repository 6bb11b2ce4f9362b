//! Every door of the engine to the outside, as narrow traits in one struct.
//!
//! Decisions over stored rows are made in the engine and written through [`Store`] as conditional transactions, so an
//! adapter holds no rule of the platform. All ports may fail before or after the effect; a story that meets an
//! [`ErrorKind::Storage`](crate::error::ErrorKind::Storage) reads again before it decides.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::agent::{Catalogue, ModelSpec, Profile};
use crate::claim_check::ReadBack;
use crate::error::Result;
use crate::model::{
    About, AgentId, ContentRef, ItemId, MemoryRecord, NanoUsd, RunId, RunKey, Source, StepKey, TenantId,
    TenantSettings, Token, Usage,
};
use crate::recall::Namespaces;
use crate::step_input::{Analysis, StepInput};
use crate::trace::Span;

mod cache;
mod limits;
mod store;

pub use cache::{
    Cache, Cursor, Delta, Entry, Flight, Found, Generation, Held, Lead, Looked, Lookup, NEIGHBOURS_AT_ONCE,
    Neighbour,
};
pub use limits::{Admission, Backend, Limits, Remaining, Take, Used};
pub use store::{Becomes, Change, Expect, Key, Page, Range, Row, Store, Versioned};

/// All ports of a process.
#[derive(Clone)]
pub struct Ports {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// The agents and models.
    pub catalogue: Arc<Catalogue>,
    /// What the operator decided.
    pub settings: Settings,
    /// Runs, steps, events, outbox, ledger and budgets: rows in conditional transactions.
    pub store: Arc<dyn Store>,
    /// Large content.
    pub content: Arc<dyn ContentStore>,
    /// Message queues.
    pub queues: Arc<dyn Queues>,
    /// The workflow service.
    pub workflow: Arc<dyn Workflow>,
    /// Stored answers.
    pub cache: Arc<dyn Cache>,
    /// Rates.
    pub limits: Arc<dyn Limits>,
    /// Language models; `None` is the mode without a model.
    pub model: Option<Arc<dyn Llm>>,
    /// Embeddings; `None` where none is linked.
    pub embedder: Option<Arc<dyn Embedder>>,
    /// What this process has read of the texts that are compared by meaning.
    pub namespaces: Arc<Namespaces>,
    /// Large data this process has read back lately.
    pub read_back: Arc<ReadBack>,
    /// Deterministic analysers by name.
    pub analysers: Arc<BTreeMap<&'static str, Arc<dyn Analyser>>>,
    /// Tools by name.
    pub tools: Arc<BTreeMap<&'static str, Arc<dyn Tool>>>,
    /// Platforms, in the order they are asked.
    pub platforms: Arc<Vec<Arc<dyn Platform>>>,
    /// What earlier runs left.
    pub memory: Arc<dyn Memory>,
    /// Where briefings are posted.
    pub delivery: Arc<dyn Delivery>,
    /// Measurements of this process.
    pub metrics: Arc<dyn Metrics>,
}

/// What the operator decided.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What a tenant may spend in a day (UTC) if its own budget says nothing else.
    pub daily_budget: NanoUsd,
    /// What a tenant may spend in a month (UTC) if its own budget says nothing else; `None` is no limit.
    pub monthly_budget: Option<NanoUsd>,
    /// What one run may spend at most, if less than its depth's cap.
    pub run_cap: Option<NanoUsd>,
    /// What an hour is worth that a step waits for a model: so stored answers are made ahead. Zero, and none are.
    pub waiting_hour: NanoUsd,
}

impl Settings {
    /// What one run of a tenant may spend at most, if less than its depth's cap: the least that operator or tenant say.
    pub fn run_cap_of(&self, own: &TenantSettings) -> Option<NanoUsd> {
        [self.run_cap, own.run_cap].into_iter().flatten().min()
    }
}

/// Time.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970.
    fn now_ms(&self) -> u64;
    /// Waits that many milliseconds.
    async fn sleep(&self, milliseconds: u64);
}

/// Randomness, for ids and jitter.
pub trait Random: Send + Sync {
    /// Sixty-four random bits.
    fn next_u64(&self) -> u64;
}

/// Content by digest. Storing the same bytes twice is one entry.
#[async_trait]
pub trait ContentStore: Send + Sync {
    /// Stores the bytes.
    async fn put(&self, tenant: &TenantId, bytes: &[u8]) -> Result<ContentRef>;
    /// Reads them; kind `NotFound` if there are none.
    async fn get(&self, tenant: &TenantId, content: &ContentRef) -> Result<Vec<u8>>;

    /// Where a client may put an upload's bytes by itself, for so many milliseconds; `None` where the platform takes them.
    async fn upload_address(
        &self,
        _tenant: &TenantId,
        _upload: &str,
        _holds_ms: u64,
    ) -> Result<Option<UploadAddress>> {
        Ok(None)
    }

    /// What a client has put at an upload's address, if it is no more than `most_bytes`; kind `TooLarge` if it is.
    async fn uploaded(&self, _tenant: &TenantId, _upload: &str, _most_bytes: u64) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }
}

/// An address that takes one upload's bytes with a PUT, and needs no other credential.
#[derive(Clone, PartialEq, Eq)]
pub struct UploadAddress {
    /// The address. Who has it may write there until it expires, so it is in no log.
    pub url: String,
}

/// A queue of the platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Queue {
    /// Accepted runs.
    Runs,
    /// Steps of a profile.
    Agents(Profile),
    /// Ended runs.
    Deliveries,
}

impl Queue {
    /// Every queue.
    pub const ALL: [Queue; 5] = [
        Queue::Runs,
        Queue::Agents(Profile::Light),
        Queue::Agents(Profile::Tools),
        Queue::Agents(Profile::Semantic),
        Queue::Deliveries,
    ];
}

/// Queues: at least once, in no order.
#[async_trait]
pub trait Queues: Send + Sync {
    /// Sends a message that becomes visible after `delay_ms` (at most 900,000).
    async fn send(&self, queue: Queue, message: &Message, delay_ms: u64) -> Result<()>;

    /// How many messages of a queue wait to be received, about; `None` where this process was not told of the queue.
    async fn depth(&self, _queue: Queue) -> Result<Option<u64>> {
        Ok(None)
    }
}

/// What travels on a queue: ids only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Message {
    /// Start this run's workflow.
    Start(RunKey),
    /// Run this step.
    Step(StepMessage),
    /// Close this run: its workflow ended.
    Finish {
        /// The run.
        #[serde(flatten)]
        run: RunKey,
        /// The status the workflow ended with, if it did not succeed.
        #[serde(default)]
        cause: Option<String>,
    },
    /// Post this run's briefing.
    Deliver(RunKey),
}

impl Message {
    /// The run it is about.
    pub fn run(&self) -> &RunKey {
        match self {
            Message::Start(run) | Message::Deliver(run) | Message::Finish { run, .. } => run,
            Message::Step(step) => &step.run,
        }
    }

    /// The step it is about, if it is about one, as `agent/item`.
    pub fn step_name(&self) -> Option<String> {
        match self {
            Message::Step(step) => Some(format!("{}/{}", step.agent, step.item)),
            Message::Start(_) | Message::Deliver(_) | Message::Finish { .. } => None,
        }
    }
}

/// A step on its queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepMessage {
    /// The run.
    #[serde(flatten)]
    pub run: RunKey,
    /// The agent.
    pub agent: AgentId,
    /// The item.
    pub item: ItemId,
    /// How often it went back to the queue.
    pub hop: u32,
    /// Whom to report to.
    pub task_token: Token,
}

impl StepMessage {
    /// The step it is about.
    pub fn step(&self) -> StepKey {
        self.run.step(&self.agent, &self.item)
    }
}

/// The workflow service.
#[async_trait]
pub trait Workflow: Send + Sync {
    /// Starts a run's workflow under the run's id; a second start of the same id does nothing.
    async fn start(&self, run: &RunKey, input: Value) -> Result<()>;
    /// Reports a step's small answer. Late, unknown and repeated tokens are normal and succeed.
    async fn succeed(&self, token: &Token, output: Value) -> Result<()>;
    /// Reports a step's failure by error name. Late, unknown and repeated tokens are normal and succeed.
    async fn fail(&self, token: &Token, error: &str, cause: &str) -> Result<()>;
    /// Stops a run's workflow; one that has ended stays as it is.
    async fn stop(&self, run: &RunKey, cause: &str) -> Result<()>;

    /// Whether it takes new executions; `None` where this process was not told of it.
    async fn ready(&self) -> Result<Option<bool>> {
        Ok(None)
    }
}

/// One turn of a conversation with a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "role")]
pub enum ModelMessage {
    /// Instructions.
    System {
        /// The text.
        text: String,
    },
    /// Material and questions.
    User {
        /// The text.
        text: String,
    },
    /// What the model said.
    Assistant {
        /// Its text.
        text: String,
        /// The tools it called.
        tool_calls: Vec<ToolCall>,
        /// The reply's [`kept`](ModelReply::kept).
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        kept: Vec<Value>,
    },
    /// What a tool answered.
    Tool {
        /// Which call.
        call_id: String,
        /// The answer.
        text: String,
    },
}

/// A model's wish to have a tool run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The model's name for this call.
    pub id: String,
    /// The tool.
    pub name: String,
    /// Its arguments; what the model wrote, unchecked.
    pub arguments: Value,
}

/// A request to a model.
#[derive(Clone, Debug)]
pub struct ModelRequest {
    /// The model.
    pub model: Arc<ModelSpec>,
    /// The conversation so far.
    pub messages: Vec<ModelMessage>,
    /// The name of the schema.
    pub schema_name: String,
    /// The schema the answer must fit.
    pub schema: Value,
    /// Tools it may call: name, description, parameter schema.
    pub tools: Vec<ToolSpec>,
    /// Output tokens at most.
    pub max_output_tokens: u64,
    /// The sampling temperature.
    pub temperature: f64,
    /// The whole call ends after this long, in milliseconds.
    pub timeout_ms: u64,
}

/// A tool as a model sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: String,
    /// The JSON schema of its arguments.
    pub parameters: Value,
}

/// A model's answer. Usage is known even where the text is of no use.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelReply {
    /// The text; empty when it only calls tools.
    pub text: String,
    /// The tools it wants.
    pub tool_calls: Vec<ToolCall>,
    /// The answer as the provider wants it back unchanged where its tools are answered, in the provider's own shape; empty
    /// where text and tool calls say it all.
    pub kept: Vec<Value>,
    /// Whether it declined, and how it said so.
    pub refusal: Option<String>,
    /// Whether it was cut off at `max_output_tokens`.
    pub cut_off: bool,
    /// What it used, by kind.
    pub usage: Usage,
    /// What the provider says the call cost; it is taken before the price's own reckoning.
    pub reported_cost: Option<NanoUsd>,
    /// The model as the provider names it.
    pub model: String,
}

/// An error of a call to a model, with what is known of its bill.
#[derive(Debug)]
pub struct LlmError {
    /// What happened.
    pub error: crate::error::Error,
    /// What the bill of the call is.
    pub bill: Bill,
}

/// Where the error of a call names it, the provider sent no byte in so many milliseconds, which is all the time that an answer has
/// to begin.
pub const SILENT_MS: &str = "silent_ms";

/// What is known about the bill of a failed call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bill {
    /// The provider said it did not do it: nothing is owed.
    Nothing,
    /// The provider did it and said what it used.
    Used(Usage),
    /// Nobody knows; the worst case is booked.
    Unknown,
}

/// A language model behind a wire protocol.
#[async_trait]
pub trait Llm: Send + Sync {
    /// The model to use for a tier, best first.
    fn candidates(&self, tier: crate::agent::Tier) -> Vec<Arc<ModelSpec>>;
    /// Whether it is learned which of a tier's models is asked first; otherwise they are asked in their order.
    fn learns(&self, _tier: crate::agent::Tier) -> bool {
        false
    }
    /// One call. Never retries by itself.
    async fn complete(&self, request: &ModelRequest) -> std::result::Result<ModelReply, LlmError>;

    /// The ids of the models that the provider lists to this process's credentials. Costs nothing; `None` where the provider
    /// has no such question.
    async fn reachable(&self) -> Result<Option<Vec<String>>> {
        Ok(None)
    }
}

/// Embeddings.
#[async_trait]
pub trait Embedder: Send + Sync {
    /// One unit vector per text.
    async fn embed(&self, texts: &[String]) -> Result<Vec<Vec<f32>>>;
}

/// A deterministic analyser: same input, same output, no I/O.
pub trait Analyser: Send + Sync {
    /// Makes the baseline of a step.
    fn analyse(&self, input: &StepInput) -> Analysis;
}

/// What a tool is told about the step that calls it.
#[derive(Clone, Copy)]
pub struct ToolScope<'a> {
    /// The step.
    pub step: &'a StepKey,
    /// The content the run is about.
    pub about: About<'a>,
    /// What the step was given.
    pub input: &'a StepInput,
    /// Memory of the tenant.
    pub memory: &'a dyn Memory,
}

/// What a tool says.
#[derive(Clone, Debug, PartialEq)]
pub enum ToolAnswer {
    /// Its answer, data for the model.
    Answer(Value),
    /// Not ready: the step comes back after so many milliseconds.
    Later(u64),
}

/// A tool a model may call.
#[async_trait]
pub trait Tool: Send + Sync {
    /// How a model sees it.
    fn spec(&self) -> ToolSpec;
    /// Runs it. An error of kind `InvalidInput` is told to the model.
    async fn call(&self, scope: ToolScope<'_>, arguments: &Value) -> Result<ToolAnswer>;

    /// A call that harms nobody, and its answer; `None` where there is none.
    fn example(&self) -> Option<ToolExample> {
        None
    }
}

/// A call of a tool whose answer is known.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolExample {
    /// What the step was given.
    pub input: StepInput,
    /// What earlier runs left.
    pub records: Vec<MemoryRecord>,
    /// The arguments.
    pub arguments: Value,
    /// The answer.
    pub answer: Value,
}

/// What a platform gave for a source. Rungs: `full_text`, `captions`, `audio_to_transcribe`, `metadata_only`, `blocked`.
#[derive(Clone, Debug, PartialEq)]
pub struct Acquired {
    /// What agents are told, as the fact `source`.
    pub facts: Value,
    /// The content, in UTF-8, where it is not what was handed in. The engine stores it and puts its digest and size
    /// into the facts.
    pub content: Option<Vec<u8>>,
}

/// A place content comes from.
#[async_trait]
pub trait Platform: Send + Sync {
    /// Its name.
    fn name(&self) -> &'static str;
    /// True if the source is its own.
    fn recognises(&self, source: &Source) -> bool;
    /// Fetches what there is.
    async fn acquire(&self, source: &Source, content: &[u8]) -> Result<Acquired>;
}

/// What earlier runs left, per tenant.
#[async_trait]
pub trait Memory: Send + Sync {
    /// Keeps a run's record; the same run's record again replaces it.
    async fn remember(&self, tenant: &TenantId, record: &MemoryRecord) -> Result<()>;
    /// The newest records, newest first; if `before` names a run, only those of runs that were accepted before it.
    async fn recent(
        &self,
        tenant: &TenantId,
        before: Option<&RunId>,
        limit: usize,
    ) -> Result<Vec<MemoryRecord>>;
}

/// Something to post.
#[derive(Clone, Debug, PartialEq)]
pub struct Post {
    /// Posting twice under one key is one post.
    pub key: String,
    /// The run.
    pub run: RunKey,
    /// The text.
    pub text: String,
}

/// Where briefings are posted.
#[async_trait]
pub trait Delivery: Send + Sync {
    /// The channel's name, for the event.
    fn channel(&self) -> &str;
    /// Posts it; returns the message's id. Idempotent by key.
    async fn post(&self, post: &Post) -> Result<String>;
}

/// Measurements of this process; they decide nothing.
pub trait Metrics: Send + Sync {
    /// Adds to a counter.
    fn count(&self, name: &'static str, by: u64);
    /// Records a duration.
    fn duration_ms(&self, name: &'static str, milliseconds: u64);

    /// What was counted under a name and is still held in this process; `None` if nothing is, or where that cannot be told.
    /// Names that begin with `probe_` are held for this question only and reach nobody else.
    fn held(&self, _name: &'static str) -> Option<u64> {
        None
    }

    /// Adds to a counter by a label of few different values.
    fn count_by(&self, _name: &'static str, _label: &str, _by: u64) {}
    /// Records what was done.
    fn span(&self, _span: Span) {}
}
