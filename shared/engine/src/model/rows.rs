//! What is stored about a run beside the run itself. Decisions over these rows are made in the engine; a store only
//! keeps them and refuses a write whose expectations no longer hold.

use serde::{Deserialize, Serialize};

use super::{
    AgentId, Basis, CallId, ContentRef, ItemId, NanoUsd, RunId, RunKey, RunStatus, Sketch, SoftLimit, Status,
    StepKey, StepResult, Token, Usage,
};
use crate::error::ErrorKind;

/// Numbers handed out in order for one run, so that a reader of events sees no gap.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sequence {
    /// The number the last event got; 0 before the first.
    pub last_event: u64,
}

/// A step as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Which step.
    pub key: StepKey,
    /// How often it was claimed, refused claims not counted.
    pub attempt: u32,
    /// Calls that a provider refused for its rate.
    #[serde(default)]
    pub refusals: u32,
    /// The current hop; messages of older hops are dropped.
    pub hop: u32,
    /// The number of the last lease given out.
    pub epoch: u32,
    /// The lease, while somebody works on it.
    pub lease: Option<Lease>,
    /// The token to report to, as last seen.
    pub token: Option<Token>,
    /// Set once, for ever. Data over the size of a claim check is `null` here and stored under `data_ref`.
    pub result: Option<StepResult>,
    /// Where large data is stored.
    #[serde(default)]
    pub data_ref: Option<ContentRef>,
    /// When the step was first claimed, in milliseconds since 1970.
    pub first_claimed_ms: u64,
}

/// Who works on a step, and until when that is believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Equal to the step's epoch while the lease holds.
    pub epoch: u32,
    /// A random number of the claim, by which a caller whose write was reported as failed knows its own lease.
    #[serde(default)]
    pub owner: u64,
    /// When it ends if it is not renewed.
    pub until_ms: u64,
}

/// What a run may spend and has spent. All changes to it go with the charge they are for, in one transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purse {
    /// The most the run may draw.
    pub cap: NanoUsd,
    /// Drawn from the tenant so far.
    pub drawn: NanoUsd,
    /// Drawn and neither reserved nor spent.
    pub available: NanoUsd,
    /// Set aside for calls under way.
    pub reserved: NanoUsd,
    /// Settled calls at their cost, crashed ones at their worst case.
    pub spent: NanoUsd,
    /// The part of `spent` that is booked at worst case because nobody knows.
    pub unsettled: NanoUsd,
    /// No more calls: the run has ended and returned the rest.
    pub closed: bool,
    /// What the tenant wants done before its budgets are spent.
    #[serde(default)]
    pub soft: Option<SoftLimit>,
}

/// One paid call in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// Whose call.
    pub call: CallId,
    /// The model, as its provider names it.
    pub model: String,
    /// A label from the run.
    pub workspace: String,
    /// How it stands.
    pub state: ChargeState,
    /// What was set aside.
    pub worst_case: NanoUsd,
    /// How many output tokens that covers; the call asked for no more.
    #[serde(default)]
    pub output_tokens: u64,
    /// The day the price was read, as `2026-11-22`; `None` for one its operator declared.
    #[serde(default)]
    pub price_as_of: Option<String>,
    /// What it cost; the worst case while unsettled.
    pub cost: NanoUsd,
    /// Its tokens, once known.
    pub usage: Usage,
    /// When it was reserved.
    pub reserved_ms: u64,
    /// Whose model it is; empty on rows from before this was kept.
    #[serde(default)]
    pub provider: String,
    /// Why it is not known to have succeeded. What is known later of a call whose caller was lost does not change this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<ErrorKind>,
    /// From asking to answer, in milliseconds, if the answer was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
}

impl Charge {
    /// True if the model was asked, or may have been.
    pub fn was_made(&self) -> bool {
        self.failed.is_some() || matches!(self.state, ChargeState::Settled | ChargeState::Unsettled)
    }
}

/// How a charge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeState {
    /// The call may be under way.
    Reserved,
    /// Booked with its real usage.
    Settled,
    /// The caller was lost; booked at its worst case and listed.
    Unsettled,
    /// The call was never made; books nothing.
    Void,
}

/// A message that must leave although the process may die.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outbox {
    /// The run it belongs to.
    pub run: RunKey,
    /// A name unique in the run.
    pub name: String,
    /// What to send.
    pub message: OutboxMessage,
    /// When it was written.
    pub created_ms: u64,
}

/// What an outbox row sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum OutboxMessage {
    /// Start the run's workflow.
    Start,
    /// Post the briefing.
    Deliver,
}

/// Something that happened in a run, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its number in the run, from 1, without gaps.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What can happen in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum EventKind {
    /// The run was accepted.
    Accepted,
    /// A step was claimed.
    StepStarted {
        /// The agent.
        agent: AgentId,
        /// The item.
        item: ItemId,
        /// Which attempt.
        attempt: u32,
    },
    /// A step goes back to its queue.
    StepDeferred {
        /// The agent.
        agent: AgentId,
        /// The item.
        item: ItemId,
        /// The hop it comes back with.
        hop: u32,
        /// After how long.
        after_ms: u64,
        /// Why.
        why: String,
    },
    /// A step's result is stored.
    StepFinished {
        /// The agent.
        agent: AgentId,
        /// The item.
        item: ItemId,
        /// How it ended.
        status: Status,
        /// Why it is not ok.
        reason: Option<String>,
        /// Where it comes from.
        basis: Basis,
        /// What it cost.
        cost: NanoUsd,
        /// How long it took.
        duration_ms: u64,
    },
    /// The owner asked to stop.
    CancelRequested,
    /// A budget of the tenant is spent to so many percent. Told once per window and step, 80 and 100.
    BudgetAlert {
        /// The window, such as `2026-11-22` or `2026-11`.
        window: String,
        /// How much of it.
        percent: u8,
        /// What is spent.
        spent: NanoUsd,
        /// Of how much.
        limit: NanoUsd,
    },
    /// The run ended.
    Finished {
        /// How.
        status: RunStatus,
    },
    /// The briefing was posted.
    Delivered {
        /// Where.
        channel: String,
    },
}

/// What the platform remembers of a run that ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryRecord {
    /// The run.
    pub run_id: RunId,
    /// When it was accepted.
    pub created_ms: u64,
    /// The content it was about.
    pub content: ContentRef,
    /// What the content is told by; only of uploads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sketch: Option<Sketch>,
    /// What the integrating agent chose to keep, as its schema says.
    pub record: serde_json::Value,
}

/// The content a run is about. What other runs said of the same content, or of a version of it, confirms nothing.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The content itself.
    pub content: &'a ContentRef,
    /// What it is told by, where that is known.
    pub sketch: Option<&'a Sketch>,
    /// Earlier runs that are known to be about it.
    pub versions: &'a [RunId],
}

impl About<'_> {
    /// Whether a record is of a run on the same content.
    pub fn is_of(&self, record: &MemoryRecord) -> bool {
        // Also of one that ended since the earlier runs were looked at.
        let is_version =
            || self.sketch.zip(record.sketch.as_ref()).is_some_and(|(one, other)| one.is_version_of(other));
        record.content == *self.content || self.versions.contains(&record.run_id) || is_version()
    }
}
