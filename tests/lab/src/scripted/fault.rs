//! What a script changes: latency and faults, by call.

use std::fmt;
use std::sync::Arc;

use engine::agent::ModelSpec;

/// A call, as latency and faults are chosen by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its number among all calls, from 1.
    pub number: u64,
    /// The agent it is for.
    pub agent: String,
    /// The item's id, or `-`.
    pub item: String,
    /// Its number among the calls of this agent and item, from 1; later turns count.
    pub nth: u64,
    /// The model asked for.
    pub model: String,
}

/// Something that goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Refused with 429. Not billed.
    RateLimited {
        /// When to come back, if the provider says so.
        retry_after_ms: Option<u64>,
    },
    /// Refused with 429 and `insufficient_quota`. Not billed.
    Quota,
    /// Refused with 503. Not billed.
    Unavailable,
    /// Fails with 500.
    ServerError {
        /// Whether the provider bills it all the same.
        billed: bool,
    },
    /// Does the work and never answers. Billed.
    Timeout,
    /// Answers, but the answer breaks off on the wire. Billed.
    CutJson,
    /// Answers with JSON that does not fit the schema. Billed.
    WrongSchema,
    /// Declines. Billed.
    Refusal,
    /// Answers, but stops at the limit of output tokens half way. Billed.
    CutOff,
}

impl Fault {
    /// Whether the provider charges for the call.
    pub fn is_billed(self) -> bool {
        match self {
            Fault::RateLimited { .. } | Fault::Quota | Fault::Unavailable => false,
            Fault::ServerError { billed } => billed,
            Fault::Timeout | Fault::CutJson | Fault::WrongSchema | Fault::Refusal | Fault::CutOff => true,
        }
    }
}

type Chosen<T> = Arc<dyn Fn(&Call) -> T + Send + Sync>;

/// How a scripted provider behaves: its models with their prices, its latency, its faults.
#[derive(Clone)]
pub struct Script {
    models: Vec<Arc<ModelSpec>>,
    uses_tools: bool,
    latency_ms: Chosen<u64>,
    pause_ms: Chosen<u64>,
    fault: Chosen<Option<Fault>>,
}

impl Script {
    /// No latency and no faults. Over HTTP, an empty list serves every model, whose price is then unknown.
    pub fn new(models: Vec<Arc<ModelSpec>>) -> Self {
        let none = Arc::new(|_: &Call| 0);
        Self { models, uses_tools: true, latency_ms: none.clone(), pause_ms: none, fault: Arc::new(|_| None) }
    }

    /// Answers at once, whatever tools are offered: one call a step.
    #[must_use]
    pub fn without_tools(mut self) -> Self {
        self.uses_tools = false;
        self
    }

    /// The same latency for every call, in milliseconds.
    #[must_use]
    pub fn with_latency_ms(self, milliseconds: u64) -> Self {
        self.with_latency(move |_| milliseconds)
    }

    /// A latency per call, in milliseconds.
    #[must_use]
    pub fn with_latency(mut self, latency_ms: impl Fn(&Call) -> u64 + Send + Sync + 'static) -> Self {
        self.latency_ms = Arc::new(latency_ms);
        self
    }

    /// Over HTTP, a streamed answer stops after its first event, by call, for so many milliseconds.
    #[must_use]
    pub fn with_pause(mut self, pause_ms: impl Fn(&Call) -> u64 + Send + Sync + 'static) -> Self {
        self.pause_ms = Arc::new(pause_ms);
        self
    }

    /// One more fault, at the call of that number.
    #[must_use]
    pub fn with_fault_at(self, number: u64, fault: Fault) -> Self {
        self.with_faults(move |call| (call.number == number).then_some(fault))
    }

    /// More faults; those given earlier come first.
    #[must_use]
    pub fn with_faults(mut self, fault: impl Fn(&Call) -> Option<Fault> + Send + Sync + 'static) -> Self {
        let earlier = self.fault;
        self.fault = Arc::new(move |call| earlier(call).or_else(|| fault(call)));
        self
    }

    /// The models offered, in order.
    pub fn models(&self) -> &[Arc<ModelSpec>] {
        &self.models
    }

    pub(super) fn uses_tools(&self) -> bool {
        self.uses_tools
    }

    pub(super) fn serves(&self, model: &str) -> bool {
        self.models.is_empty() || self.models.iter().any(|known| known.id == model)
    }

    pub(super) fn latency_of(&self, call: &Call) -> u64 {
        (self.latency_ms)(call)
    }

    pub(super) fn pause_of(&self, call: &Call) -> u64 {
        (self.pause_ms)(call)
    }

    pub(super) fn fault_of(&self, call: &Call) -> Option<Fault> {
        (self.fault)(call)
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Script").field("models", &self.models).finish_non_exhaustive()
    }
}
