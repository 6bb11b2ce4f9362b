//! The nouns: ids, runs, steps, results, money.

mod access;
mod budget;
mod circuit;
mod counters;
mod id;
mod money;
mod price;
mod recalled;
mod result;
mod routing;
mod rows;
mod run;
mod sketch;
mod trace;
mod warming;

pub use access::{ApiKey, Scope, SecretDigest, TenantSettings, Upload};
pub use budget::{Budget, DatedPrice, Learned, PriceList, SoftAction, SoftLimit, TokenCounts, Usual};
pub use circuit::{Circuit, CircuitState, FindsOut};
pub use counters::{Counters, Histogram};
pub use id::{AgentId, CallId, ContentRef, ItemId, KeyId, RunId, RunKey, StepKey, TakeId, TenantId, Token};
pub use money::{NanoUsd, decimal};
pub use price::{Price, PriceBand, Usage};
pub use recalled::{Compared, Kept, RecallNote, Told, Used};
pub use result::{
    Basis, CacheLevel, Meta, Outcome, Reason, ReasonCode, STEP_RESULT_VERSION, Status, StepError, StepResult,
};
pub use routing::{Answered, Arm, KnownArm, ModelPolicy, Routing, Why};
pub use rows::{
    About, Charge, ChargeState, Event, EventKind, Lease, MemoryRecord, Outbox, OutboxMessage, Purse,
    Sequence, Step,
};
pub use run::{Depth, Run, RunFailure, RunStatus, Source};
pub use sketch::Sketch;
pub use trace::{SpanId, TraceId, Traceparent};
pub use warming::{Forecast, Refresh, Warmed, Warming, Warms};
