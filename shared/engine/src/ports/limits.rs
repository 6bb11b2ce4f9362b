//! The door to whatever keeps rates: what a call takes, and what it is told.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::limits::Dimension;
use crate::model::{AgentId, TakeId, TenantId};

/// What a call takes from the rates: one request, one call under way, and tokens at most.
#[derive(Clone, Debug)]
pub struct Take {
    /// Which call. The same id taken again answers the same and takes nothing more.
    pub id: TakeId,
    /// Whose rate.
    pub tenant: TenantId,
    /// The agent that calls.
    pub agent: AgentId,
    /// The model it calls.
    pub model: String,
    /// Its provider.
    pub provider: String,
    /// Input tokens at most.
    pub input_tokens: u64,
    /// Output tokens at most.
    pub output_tokens: u64,
}

/// What a call that was made really used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// Tokens sent.
    pub input_tokens: u64,
    /// Tokens that came back.
    pub output_tokens: u64,
}

impl Used {
    /// What of a dimension stays used once the call is over.
    pub fn of(&self, dimension: Dimension) -> u64 {
        match dimension {
            Dimension::Requests => 1,
            Dimension::InputTokens => self.input_tokens,
            Dimension::OutputTokens => self.output_tokens,
            Dimension::AtOnce => 0,
        }
    }
}

/// What a limiter decided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Backend {
    /// This process's memory.
    Memory,
    /// Rows of the table.
    Table,
    /// Redis.
    Redis,
    /// A share of the rates held in advance: Redis did not answer in time.
    Share,
    /// Rows of the table, for a process that has no share: Redis has never answered it.
    Spare,
}

impl Backend {
    /// Its name in metadata and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Memory => "memory",
            Backend::Table => "table",
            Backend::Redis => "redis",
            Backend::Share => "share",
            Backend::Spare => "spare",
        }
    }
}

/// What is left now of the tightest rate that holds for a call, by dimension; `None` where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remaining {
    /// Calls.
    pub requests: Option<u64>,
    /// Tokens sent.
    pub input_tokens: Option<u64>,
    /// Tokens that come back.
    pub output_tokens: Option<u64>,
    /// Calls under way.
    pub at_once: Option<u64>,
}

impl Remaining {
    /// Lowers what is left of a dimension.
    pub fn at_most(&mut self, dimension: Dimension, units: u64) {
        let left = match dimension {
            Dimension::Requests => &mut self.requests,
            Dimension::InputTokens => &mut self.input_tokens,
            Dimension::OutputTokens => &mut self.output_tokens,
            Dimension::AtOnce => &mut self.at_once,
        };
        *left = Some(left.map_or(units, |other| other.min(units)));
    }

    /// What is left by both.
    pub fn and(mut self, other: &Remaining) -> Self {
        let dimensions = [
            (Dimension::Requests, other.requests),
            (Dimension::InputTokens, other.input_tokens),
            (Dimension::OutputTokens, other.output_tokens),
            (Dimension::AtOnce, other.at_once),
        ];
        for (dimension, units) in dimensions {
            if let Some(units) = units {
                self.at_most(dimension, units);
            }
        }
        self
    }
}

/// The answer of a limiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Admission {
    /// Whether all of it was taken; else nothing was.
    pub allowed: bool,
    /// What is left.
    pub remaining: Remaining,
    /// Milliseconds after which it would be taken if nobody else took anything; 0 if it was.
    pub retry_after_ms: u64,
    /// What decided.
    pub backend: Backend,
}

impl Admission {
    /// Everything is allowed by a limiter without rates.
    pub fn free(backend: Backend) -> Self {
        Self { allowed: true, remaining: Remaining::default(), retry_after_ms: 0, backend }
    }

    /// Refused for so long.
    pub fn refused(retry_after_ms: u64, backend: Backend) -> Self {
        Self {
            allowed: false,
            remaining: Remaining::default(),
            retry_after_ms: retry_after_ms.max(1),
            backend,
        }
    }
}

/// Rates.
#[async_trait]
pub trait Limits: Send + Sync {
    /// Checks and takes all rates of a call, or none. Kind `AboveCapacity` if it is heavier than a whole rate: it would wait
    /// for ever.
    async fn take(&self, take: &Take) -> Result<Admission>;

    /// Puts a call's real use in the place of what it took. Again, or for a call that took nothing, it does nothing.
    async fn settle(&self, take: &Take, used: &Used) -> Result<()>;

    /// Gives everything back that a call took, because it was not made. Again, or for a call that took nothing, it does nothing.
    async fn refund(&self, take: &Take) -> Result<()>;

    /// The simple face: so many tokens of a key's rate, at once and for good. Errors: as [`Limits::take`].
    async fn allow(&self, key: &str, tokens: u64) -> Result<Admission>;
}
