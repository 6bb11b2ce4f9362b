//! The one door to stored rows.
//!
//! A store keeps rows by key, each with a version, and writes several of them at once or not at all. It knows the
//! shape of keys, nothing of their meaning.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::model::{
    AgentId, ApiKey, Budget, CallId, Charge, Circuit, Counters, Event, ItemId, KeyId, Learned, MemoryRecord,
    Outbox, PriceList, Purse, Run, RunId, RunKey, Sequence, Step, StepKey, TenantId, TenantSettings, Upload,
    Warming,
};
use crate::recall::trust::Earned;

/// The address of a row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Key {
    /// A run.
    Run(RunKey),
    /// The numbers of a run.
    Sequence(RunKey),
    /// The money of a run.
    Purse(RunKey),
    /// A step.
    Step(StepKey),
    /// An event by its number.
    Event(RunKey, u64),
    /// An outbox row by its name.
    Outbox(RunKey, String),
    /// A paid call.
    Charge(CallId),
    /// A tenant's budget for a window such as `2026-11-22` or `2026-11`.
    Budget(TenantId, String),
    /// What is learned of a tenant's calls.
    Learned(TenantId),
    /// Prices that were read after the catalogue was made.
    Prices,
    /// How a provider has answered lately.
    Circuit(String),
    /// What an agent's stored answers have earned, over all tenants.
    Trust(AgentId),
    /// A tenant's idempotency key.
    Idempotency(TenantId, String),
    /// That a tenant had this content analysed lately.
    Seen(TenantId, String),
    /// One shard of a tenant's counters.
    Counters(TenantId, u32),
    /// What is remembered of a run.
    Memory(TenantId, RunId),
    /// A stored answer.
    Cache(TenantId, String),
    /// Who makes a tenant's answer at this moment.
    Flight(TenantId, String),
    /// What a rate limiter keeps under a name.
    Rate(String),
    /// What a call that is being made has taken of rates, by the call's name.
    Reservation(String),
    /// An API key. Found without its tenant, which it names.
    ApiKey(KeyId),
    /// What a tenant may do.
    Settings(TenantId),
    /// A place for a tenant's content.
    Upload(TenantId, String),
    /// The uses of one of a tenant's stored answers, by the number of its place.
    Warming(TenantId, u32),
    /// How much of its journal the one process that writes here has brought here.
    Journal,
}

impl Key {
    /// Whether the row tells of work that is being done at this moment: it means nothing once no process lives that shares the store.
    pub fn is_momentary(&self) -> bool {
        matches!(self, Key::Flight(..) | Key::Reservation(_))
    }
}

/// A row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "row", content = "of")]
pub enum Row {
    /// A run.
    Run(Run),
    /// The numbers of a run.
    Sequence(Sequence),
    /// The money of a run.
    Purse(Purse),
    /// A step.
    Step(Arc<Step>),
    /// An event.
    Event(Event),
    /// An outbox row.
    Outbox(Outbox),
    /// A paid call.
    Charge(Charge),
    /// A tenant's budget.
    Budget(Budget),
    /// What is learned of calls.
    Learned(Learned),
    /// Prices.
    Prices(PriceList),
    /// How a provider has answered lately.
    Circuit(Circuit),
    /// What an agent's stored answers have earned.
    Trust(Earned),
    /// The run an idempotency key stands for, and the digest of the request it came with.
    Idempotency {
        /// The run.
        run: RunId,
        /// The digest of the request.
        request_digest: String,
    },
    /// Counters.
    Counters(Counters),
    /// What is remembered.
    Memory(MemoryRecord),
    /// An API key.
    ApiKey(ApiKey),
    /// What a tenant may do.
    Settings(TenantSettings),
    /// A place for content.
    Upload(Upload),
    /// The uses of a stored answer.
    Warming(Warming),
    /// The number of the last write of a journal that is here, with all before it.
    Journal(u64),
    /// Anything with an end: stored answers, limiter state.
    Expiring {
        /// The content.
        value: serde_json::Value,
        /// When it may be forgotten, in milliseconds since 1970.
        expires_ms: u64,
    },
}

/// A row and the version it was read at.
#[derive(Clone, Debug, PartialEq)]
pub struct Versioned {
    /// The row.
    pub row: Row,
    /// Its version, from 1; a new version with each write.
    pub version: u64,
}

/// What must hold for a write to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// There is no such row.
    Absent,
    /// The row has this version.
    Version(u64),
    /// Nothing.
    Anything,
}

/// One row's part in a transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Which row.
    pub key: Key,
    /// What must hold.
    pub expect: Expect,
    /// What becomes of it.
    pub to: Becomes,
    /// When `sweep` must look at it; the row leaves the list of due rows when this is `None`.
    pub due_ms: Option<u64>,
}

/// What a change makes of a row.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly every change carries a row")]
pub enum Becomes {
    /// This row.
    Row(Row),
    /// Nothing: the row is deleted.
    Gone,
    /// What it was: the change only checks.
    Same,
}

/// Which rows a listing is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Range {
    /// A tenant's runs, newest first.
    Runs(TenantId),
    /// A run's steps.
    Steps(RunKey),
    /// A run's events after a number, in order.
    Events(RunKey, u64),
    /// A run's outbox rows.
    Outbox(RunKey),
    /// A run's paid calls.
    Charges(RunKey),
    /// The paid calls of a tenant's runs that were accepted in a month such as `2026-11`.
    Ledger(TenantId, String),
    /// A tenant's memory, newest first; up to a run, if one is named.
    Memory(TenantId, Option<RunId>),
    /// A tenant's API keys, newest first.
    ApiKeys(TenantId),
    /// Rows due at or before this time, any tenant, most overdue first.
    Due(u64),
}

impl Range {
    /// The least key that its rows may have, where they stand beside one another in the order of keys; `None` where they do not.
    pub fn least(&self) -> Option<Key> {
        let of = |tenant: &TenantId| RunKey { tenant: tenant.clone(), run: RunId::new("") };
        let step = |run: &RunKey| run.step(&AgentId::new(""), &ItemId::new(""));
        let charge = |run: &RunKey| Key::Charge(CallId { step: step(run), epoch: 0, call: 0 });
        match self {
            Range::Runs(tenant) => Some(Key::Run(of(tenant))),
            Range::Steps(run) => Some(Key::Step(step(run))),
            Range::Events(run, after) => Some(Key::Event(run.clone(), after.checked_add(1)?)),
            Range::Outbox(run) => Some(Key::Outbox(run.clone(), String::new())),
            Range::Charges(run) => Some(charge(run)),
            Range::Ledger(tenant, _) => Some(charge(&of(tenant))),
            Range::Memory(tenant, _) => Some(Key::Memory(tenant.clone(), RunId::new(""))),
            Range::ApiKeys(_) => Some(Key::ApiKey(KeyId::new(""))),
            Range::Due(_) => None,
        }
    }

    /// Whether a key from [`least`](Self::least) on stands among those of its rows.
    pub fn spans(&self, key: &Key) -> bool {
        match (self, key) {
            (Range::Runs(tenant), Key::Run(run)) => run.tenant == *tenant,
            (Range::Steps(run), Key::Step(step)) => step.run == *run,
            (Range::Events(run, _), Key::Event(of, _)) | (Range::Outbox(run), Key::Outbox(of, _)) => {
                of == run
            }
            (Range::Charges(run), Key::Charge(call)) => call.step.run == *run,
            (Range::Ledger(tenant, _), Key::Charge(call)) => call.step.run.tenant == *tenant,
            (Range::Memory(tenant, _), Key::Memory(of, _)) => of == tenant,
            (Range::ApiKeys(_), Key::ApiKey(_)) => true,
            _ => false,
        }
    }
}

/// Part of a listing.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Page {
    /// The rows.
    pub rows: Vec<(Key, Versioned)>,
    /// Where the next page starts; `None` at the end.
    pub next: Option<String>,
}

/// Rows in conditional transactions.
#[async_trait]
pub trait Store: Send + Sync {
    /// Reads rows as of now, strongly consistent, in the order of the keys.
    async fn read(&self, keys: &[Key]) -> Result<Vec<Option<Versioned>>>;

    /// Makes all changes or none.
    ///
    /// Errors: kind `Conflict` if an expectation does not hold or another transaction on the same rows was under way;
    /// kind `Storage` if it is not known whether it happened. At most 100 changes, no key twice.
    async fn write(&self, changes: &[Change]) -> Result<()>;

    /// Lists rows, at most `limit` at a time, from `from` as an earlier page named it.
    async fn list(&self, range: &Range, from: Option<&str>, limit: usize) -> Result<Page>;

    /// Whether rows that have an end vanish after it by themselves, at no cost.
    fn forgets(&self) -> bool {
        false
    }
}
