//! What the checks of one probing share: the ports, and names that nobody else has.

use futures::future::try_join_all;

use crate::error::{Error, ErrorKind, Result};
use crate::model::{AgentId, ItemId, RunId, RunKey, StepKey, TenantId};
use crate::ports::{Becomes, Change, Expect, Key, Ports, Row};
use crate::start_run::new_ulid;

/// How the names of the tenants begin that checks write under. No key is made for such a tenant: names of tenants have
/// letters, digits, `-`, `_` and `.` only.
pub const PROBES: &str = "~health";

/// What a check that was cut off has left ends after this long.
const LEFT_OVER_MS: u64 = 3_600_000;

/// In so many places that cannot be deleted from, probes write over each other.
const PLACES: u64 = 16;

/// One probing.
pub(crate) struct Probe<'a> {
    pub(super) ports: &'a Ports,
    /// Of this probing alone; a ULID, so it tells its time.
    pub(super) id: String,
    pub(super) now_ms: u64,
}

impl<'a> Probe<'a> {
    pub(super) fn new(ports: &'a Ports) -> Self {
        let now_ms = ports.clock.now_ms();
        Self { ports, id: new_ulid(ports, now_ms), now_ms }
    }

    /// A tenant of this probing and one check, for rows that are deleted or expire.
    pub(super) fn tenant(&self, check: &str) -> TenantId {
        TenantId::new(format!("{PROBES}/{check}/{}", self.id))
    }

    /// The tenant of all probings, for what can only be written over.
    pub(super) fn shared_tenant() -> TenantId {
        TenantId::new(PROBES)
    }

    /// One of the places of the shared tenant, drawn.
    pub(super) fn place(&self) -> u64 {
        self.ports.random.next_u64() % PLACES
    }

    pub(super) fn places() -> usize {
        PLACES as usize
    }

    pub(super) fn run(&self, check: &str) -> RunKey {
        RunKey { tenant: self.tenant(check), run: RunId::new(&self.id) }
    }

    pub(super) fn step(&self, check: &str, item: &str) -> StepKey {
        self.run(check).step(&AgentId::new(check), &ItemId::new(item))
    }

    /// Writes rows that are not there yet. Each alone: several at once cost twice as much on AWS.
    pub(super) async fn create(&self, rows: impl IntoIterator<Item = (Key, Row)>) -> Result<()> {
        self.each(rows.into_iter().map(|(key, row)| (key, Expect::Absent, Becomes::Row(row)))).await
    }

    /// Deletes rows that [`expires_ms`] knows, unless the store does by itself.
    pub(super) async fn delete(&self, keys: impl IntoIterator<Item = Key>) -> Result<()> {
        if self.ports.store.forgets() {
            return Ok(());
        }
        self.each(keys.into_iter().map(|key| (key, Expect::Anything, Becomes::Gone))).await
    }

    async fn each(&self, changes: impl Iterator<Item = (Key, Expect, Becomes)>) -> Result<()> {
        let store = &self.ports.store;
        let write =
            |(key, expect, to)| async move { store.write(&[Change { key, expect, to, due_ms: None }]).await };
        try_join_all(changes.map(write)).await.map(|_| ())
    }
}

/// When a row that a check has written ends if the check could not delete it, in milliseconds since 1970; `None` for every
/// other row.
pub fn expires_ms(key: &Key) -> Option<u64> {
    let tenant = match key {
        Key::Run(run) | Key::Purse(run) => &run.tenant,
        Key::Step(step) => &step.run.tenant,
        Key::Charge(call) => &call.step.run.tenant,
        Key::Budget(tenant, _) | Key::Counters(tenant, _) => tenant,
        _ => return None,
    };
    let (_check, id) = tenant.as_str().strip_prefix(PROBES)?.strip_prefix('/')?.split_once('/')?;
    let began_ms = ulid::Ulid::from_string(id).ok()?.timestamp_ms();
    Some(began_ms + LEFT_OVER_MS)
}

/// The component gave an answer, and not the right one.
pub(super) fn wrong(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Internal, what)
}

pub(super) fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(wrong(what())) }
}
